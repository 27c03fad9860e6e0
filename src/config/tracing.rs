//! `[tracing]`

use serde::{Deserialize, Serialize};
use url::Url;

use super::{Optional, error::Report};

/// Traces, sent to a collector as OTLP over HTTP.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TracingConfig {
    /// The collector. Without one nothing is traced.
    pub otlp_endpoint: Optional<Url>,
    /// The name of this service in traces (`service.name`).
    pub service_name: String,
    /// The share of requests that are traced, from 0 to 1. A request of a trusted proxy follows that proxy's decision.
    pub sample_ratio: f64,
}

impl Default for TracingConfig {
    fn default() -> Self {
        Self {
            otlp_endpoint: Optional(None),
            service_name: "portcullis".to_owned(),
            sample_ratio: 1.0,
        }
    }
}

impl TracingConfig {
    /// Where spans are posted: the endpoint, with the path of the OTLP specification unless it names one.
    pub fn traces_url(&self) -> Option<String> {
        let mut url = self.otlp_endpoint.0.clone()?;
        if url.path() == "/" {
            url.set_path("/v1/traces");
        }
        Some(url.into())
    }

    pub(super) fn check(&self, report: &mut Report) {
        let plain = |url: &Url| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
                && url.fragment().is_none()
        };
        report.require(
            "tracing.otlp_endpoint",
            self.otlp_endpoint.0.as_ref().is_none_or(plain),
            "must be http://… or https://… without user, query and fragment, such as \"http://127.0.0.1:4318\"",
        );
        report.require(
            "tracing.service_name",
            !self.service_name.trim().is_empty(),
            "must not be empty",
        );
        report.require(
            "tracing.sample_ratio",
            (0.0..=1.0).contains(&self.sample_ratio),
            "must lie between 0 and 1",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_without_a_path_gets_the_standard_one() {
        let url = |endpoint: &str| {
            let config = TracingConfig {
                otlp_endpoint: endpoint.to_owned().try_into().unwrap(),
                ..TracingConfig::default()
            };
            config.traces_url().unwrap_or_default()
        };
        for (endpoint, expected) in [
            ("", ""),
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            ("https://otel.example/", "https://otel.example/v1/traces"),
            (
                "https://otel.example/otlp/v1/traces",
                "https://otel.example/otlp/v1/traces",
            ),
        ] {
            assert_eq!(url(endpoint), expected);
        }
    }
}
