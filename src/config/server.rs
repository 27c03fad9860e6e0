//! `[server]`

use std::{net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::{Issuer, Network, Span, error::Report};

/// The HTTP server.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// The server's certificate and those that lead to its authority, as PEM. Empty: TLS ends at a proxy.
    pub tls_certificate: PathBuf,
    /// The private key of the certificate, as PEM.
    pub tls_key: PathBuf,
    /// How long a node that was told to stop serves on while `/readyz` sends balancers elsewhere.
    pub shutdown_delay: Span,
    /// How long running requests may take to finish after a stop signal.
    pub shutdown_grace: Span,
    /// The largest request body, in bytes.
    pub max_body: usize,
    /// The name people see on the pages.
    pub display_name: String,
    /// Proxies that may say on whose behalf they ask.
    pub trusted_proxies: Vec<Network>,
    /// The header in which they say it.
    pub proxy_header: ProxyHeader,
    /// Where files are kept: the SQLite database and the master key, unless set elsewhere.
    pub data_dir: PathBuf,
}

/// The header in which a proxy names the client. Only one is read: a proxy that writes one hands the other through as the
/// client sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProxyHeader {
    /// `X-Forwarded-For`, what most proxies write.
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            tls_certificate: PathBuf::new(),
            tls_key: PathBuf::new(),
            shutdown_delay: Span::from_secs(5),
            shutdown_grace: Span::from_secs(10),
            max_body: 64 * 1024,
            display_name: "Portcullis".to_owned(),
            trusted_proxies: Vec::new(),
            proxy_header: ProxyHeader::XForwardedFor,
            data_dir: PathBuf::from("portcullis-data"),
        }
    }
}

impl ServerConfig {
    /// Whether this process ends TLS itself.
    pub fn speaks_tls(&self) -> bool {
        !self.tls_certificate.as_os_str().is_empty()
    }

    pub(super) fn check(&self, issuer: &Issuer, report: &mut Report) {
        report.require(
            "server.tls_key",
            self.speaks_tls() != self.tls_key.as_os_str().is_empty(),
            "and server.tls_certificate belong together: set both, or neither",
        );
        report.require(
            "server.tls_certificate",
            !self.speaks_tls() || issuer.is_https(),
            "makes this an https server, and the issuer starts with http://",
        );
        let in_range = (4 * 1024..=16 * 1024 * 1024).contains(&self.max_body);
        report.require(
            "server.max_body",
            in_range,
            "must lie between 4096 (4 KiB) and 16777216 (16 MiB) bytes",
        );
        report.require(
            "server.display_name",
            !self.display_name.trim().is_empty(),
            "must not be empty",
        );
        report.require(
            "server.data_dir",
            !self.data_dir.as_os_str().is_empty(),
            "must not be empty",
        );
    }
}
