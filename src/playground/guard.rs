//! What stands around every page: headers, the cookie, and who may post.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, HOST, HeaderName, ORIGIN, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::flow::origin_of;
use super::refusal::Refusal;
use super::{Playground, routes};

const COOKIE_NAME: &str = "portcullis_playground";
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Nothing but our own stylesheet and mark. Chromium applies `form-action` to the redirect after a form as well, and
/// the start button leads to the issuer.
pub(super) fn content_security_policy(issuer: &str) -> String {
    let issuer = origin_of(issuer).unwrap_or_default();
    format!(
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self' {issuer}; base-uri 'none'; \
         frame-ancestors 'none'"
    )
}

/// Refuses forms of other sites, and dresses every answer.
pub(super) async fn guard(State(playground): State<Arc<Playground>>, request: Request, next: Next) -> Response {
    let allowed = request.method() != Method::POST || is_own_form(request.headers(), &playground.config.origin);
    let mut response = if allowed {
        next.run(request).await
    } else {
        routes::problem(&playground, &Refusal::ForeignForm).into_response()
    };
    let headers = response.headers_mut();
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Not `no-referrer`: under it browsers send `Origin: null` with our own forms.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    if let Ok(policy) = HeaderValue::from_str(&playground.policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Whether a form was sent by a page of ours. Browsers say so in `Sec-Fetch-Site`, or at least in `Origin`.
fn is_own_form(headers: &HeaderMap, origin: &str) -> bool {
    match headers.get(SEC_FETCH_SITE) {
        Some(site) => site == "same-origin",
        None => headers.get(ORIGIN).is_some_and(|found| found == origin),
    }
}

/// Whether the browser used another name for us (such as `127.0.0.1`), under which the callback would miss its cookie.
pub(super) fn is_other_host(headers: &HeaderMap, origin: &str) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    host.is_some_and(|host| origin_of(&format!("{}://{host}", scheme(origin))) != origin_of(origin))
}

fn scheme(origin: &str) -> &str {
    origin.split_once(':').map_or("http", |(scheme, _)| scheme)
}

/// The cookie that keeps a run. Lax, because the callback is a navigation that another site starts.
pub(super) fn set_cookie(value: &str, origin: &str) -> String {
    let secure = if scheme(origin) == "https" { "; Secure" } else { "" };
    format!("{COOKIE_NAME}={value}; Path=/; HttpOnly; SameSite=Lax{secure}")
}

/// The value of our cookie.
pub(super) fn cookie(headers: &HeaderMap) -> Option<&str> {
    let pairs = headers
        .get_all(COOKIE)
        .into_iter()
        .filter_map(|header| header.to_str().ok());
    pairs
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(name, value)| (name == COOKIE_NAME).then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn only_our_own_pages_may_post() {
        const OURS: &str = "http://localhost:8081";
        let cases: [(&[(&str, &str)], bool); 7] = [
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "cross-site"), ("origin", OURS)], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("origin", OURS)], true),
            (&[("origin", "http://localhost:8080")], false),
            (&[], false),
        ];
        for (pairs, allowed) in cases {
            assert_eq!(is_own_form(&headers(pairs), OURS), allowed, "{pairs:?}");
        }
    }

    #[test]
    fn our_cookie_is_found_among_those_of_other_ports() {
        let both = headers(&[("cookie", "sid=1; portcullis_playground=abc; portcullis_playground_x=2")]);
        assert_eq!(cookie(&both), Some("abc"));
        assert_eq!(cookie(&headers(&[("cookie", "sid=1")])), None);
        assert!(!set_cookie("v", "http://localhost:8081").contains("Secure"));
        assert!(set_cookie("v", "https://play.example").ends_with("SameSite=Lax; Secure"));
    }

    #[test]
    fn another_name_for_this_machine_is_noticed() {
        let other = |host| is_other_host(&headers(&[("host", host)]), "http://localhost:8081");
        assert!(!other("localhost:8081"));
        assert!(other("127.0.0.1:8081"));
        assert!(other("localhost:8082"));
        assert!(!is_other_host(
            &headers(&[("host", "play.example")]),
            "https://play.example:443"
        ));
    }

    #[test]
    fn forms_may_lead_to_the_issuer_and_nowhere_else() {
        let policy = content_security_policy("http://localhost:8080/tenant");
        assert!(policy.contains("form-action 'self' http://localhost:8080;"));
        assert!(!policy.contains("unsafe"));
    }
}
