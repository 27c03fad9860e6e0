//! The pages and buttons. A button does its work and redirects to a page, so that reloading repeats nothing.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, REFRESH, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use url::form_urlencoded;

use super::exchange::field;
use super::flow::{Answer, Attempt, Callback, Metadata, Secrets};
use super::refusal::Refusal;
use super::runs::Run;
use super::steps::{MachineOutcome, Outcome, RelyingParty};
use super::{ICON, MachineClient, Playground, STYLESHEET, guard, view};

type Shared = State<Arc<Playground>>;

/// All of it.
pub(super) fn router(playground: Arc<Playground>) -> Router {
    Router::new()
        .route("/", get(start_page))
        .route("/start", post(start))
        .route("/callback", get(callback))
        .route("/result", get(result))
        .route("/refresh", post(refresh))
        .route("/revoke", post(revoke))
        .route("/machine", post(machine))
        .route("/device", get(device).post(start_device))
        .route("/device/qr.svg", get(device_qr))
        .route(
            &playground.assets.stylesheet_href,
            get(|| asset("text/css; charset=utf-8", STYLESHEET)),
        )
        .route(&playground.assets.icon_href, get(|| asset("image/svg+xml", ICON)))
        .fallback(not_found)
        .layer(middleware::from_fn_with_state(Arc::clone(&playground), guard::guard))
        .with_state(playground)
}

/// Shows the request that the button will send: it is drawn here and kept until then.
async fn start_page(State(playground): Shared, headers: HeaderMap) -> Response {
    if guard::is_other_host(&headers, &playground.config.origin) {
        return Redirect::temporary(&format!("{}/", playground.config.origin)).into_response();
    }
    let known = playground.with_run(&headers, |run| (run.prepared.clone(), run.machine.clone()));
    let (prepared, machine) = known.unwrap_or_default();
    let attempt = match prepared {
        Some(attempt) => attempt,
        None => match playground.prepare().await {
            Ok(attempt) => attempt,
            Err(refusal) => return problem(&playground, &refusal),
        },
    };
    let page = playground.start_view(&attempt, machine);
    playground.keep(&headers, page, |run| run.prepared = Some(attempt))
}

/// Sends the browser to the server with the request that was shown, or a new one if that was sent already.
async fn start(State(playground): Shared, headers: HeaderMap) -> Response {
    let attempt = match playground.with_run(&headers, |run| run.prepared.take()).flatten() {
        Some(attempt) => attempt,
        None => match playground.prepare().await {
            Ok(attempt) => attempt,
            Err(refusal) => return problem(&playground, &refusal),
        },
    };
    let redirect = Redirect::to(&attempt.url()).into_response();
    playground.keep(&headers, redirect, |run| run.send(attempt))
}

/// Takes the answer: whose is it, from whom is it, and only then what is in it.
async fn callback(State(playground): Shared, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    match playground.receive(&headers, &query.unwrap_or_default()).await {
        Ok(()) => Redirect::to("/result").into_response(),
        Err(refusal) => problem(&playground, &refusal),
    }
}

async fn result(State(playground): Shared, headers: HeaderMap) -> Response {
    match playground.outcome(&headers) {
        Some(outcome) => page(
            StatusCode::OK,
            &view::ResultPage {
                frame: playground.frame(),
                outcome,
            },
        ),
        None => problem(&playground, &Refusal::NoResult),
    }
}

async fn refresh(State(playground): Shared, headers: HeaderMap) -> Response {
    let Some(outcome) = playground.outcome(&headers) else {
        return problem(&playground, &Refusal::NoResult);
    };
    let outcome = playground.relying_party().refresh(outcome).await;
    playground.replace(&headers, outcome);
    Redirect::to("/result#step-tokens").into_response()
}

async fn revoke(State(playground): Shared, headers: HeaderMap) -> Response {
    let Some(outcome) = playground.outcome(&headers) else {
        return problem(&playground, &Refusal::NoResult);
    };
    let outcome = playground.relying_party().revoke(outcome).await;
    playground.replace(&headers, outcome);
    Redirect::to("/result#step-revocation").into_response()
}

async fn machine(State(playground): Shared, headers: HeaderMap) -> Response {
    let Some(client) = &playground.machine else {
        return problem(&playground, &Refusal::NotFound);
    };
    match playground.relying_party().machine(client).await {
        Ok(outcome) => {
            let redirect = Redirect::to("/#machine-result").into_response();
            playground.keep(&headers, redirect, |run| run.machine = Some(outcome))
        }
        Err(refusal) => problem(&playground, &refusal),
    }
}

/// Starts a device login; the page that follows shows what became of it.
async fn start_device(State(playground): Shared, headers: HeaderMap) -> Response {
    let Some(client_id) = &playground.config.device_client_id else {
        return problem(&playground, &Refusal::NotFound);
    };
    match playground.relying_party().start_device(client_id).await {
        Ok(login) => {
            let redirect = Redirect::to("/device").into_response();
            playground.keep(&headers, redirect, |run| run.device = Some(login))
        }
        Err(refusal) => problem(&playground, &refusal),
    }
}

/// Shows the device login. While it waits, each look asks the server, no faster than it allows, and the browser is told
/// when to look again.
async fn device(State(playground): Shared, headers: HeaderMap) -> Response {
    let now = playground.config.clock.now();
    let claim = |run: &mut Run| {
        let login = run.device.as_mut()?;
        Some((login.claim_poll(now), login.clone()))
    };
    let Some((due, mut login)) = playground.with_run(&headers, claim).flatten() else {
        return problem(&playground, &Refusal::NoResult);
    };
    if let (true, Some(client_id)) = (due, &playground.config.device_client_id) {
        login = playground.relying_party().poll_device(client_id, login).await;
        playground.with_run(&headers, |run| {
            if run.device.as_ref().is_some_and(|known| known.is(&login)) {
                run.device = Some(login.clone());
            }
        });
    }
    let again = login.look_again(now);
    let frame = playground.frame();
    let mut response = page(StatusCode::OK, &view::DevicePage { frame, login });
    if let Some(seconds) = again {
        response.headers_mut().insert(REFRESH, seconds.into());
    }
    response
}

async fn device_qr(State(playground): Shared, headers: HeaderMap) -> Response {
    let image = playground
        .with_run(&headers, |run| run.device.as_ref()?.qr_code())
        .flatten();
    match image {
        Some(image) => ([(CONTENT_TYPE, "image/svg+xml")], image).into_response(),
        None => problem(&playground, &Refusal::NoResult),
    }
}

async fn not_found(State(playground): Shared) -> Response {
    problem(&playground, &Refusal::NotFound)
}

async fn asset(content_type: &'static str, content: &'static str) -> Response {
    let headers = [
        (CONTENT_TYPE, content_type),
        (CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, content).into_response()
}

/// The page that explains a refusal. The log gets its name only: the rest may hold what a stranger wrote.
pub(super) fn problem(playground: &Playground, refusal: &Refusal) -> Response {
    tracing::info!(refusal = refusal.name(), "the playground cannot go on");
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    page(
        status,
        &view::Problem {
            frame: playground.frame(),
            refusal,
        },
    )
}

fn page(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a playground page does not render");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

impl Playground {
    fn relying_party(&self) -> RelyingParty<'_> {
        RelyingParty {
            config: &self.config,
            outbound: &self.outbound,
        }
    }

    fn frame(&self) -> view::Frame<'_> {
        view::Frame::new(&self.assets, &self.config)
    }

    async fn prepare(&self) -> Result<Attempt, Refusal> {
        let metadata = self.relying_party().discover().await?;
        Ok(Attempt::new(&self.config, metadata, Secrets::draw()))
    }

    async fn receive(&self, headers: &HeaderMap, query: &str) -> Result<(), Refusal> {
        let callback = Callback::parse(query)?;
        let found = self.with_run(headers, |run| {
            run.take_answered(&callback).ok_or(run.was_used(&callback))
        });
        let attempt = match found {
            Some(Ok(attempt)) => attempt,
            Some(Err(true)) => return Err(Refusal::AlreadyUsed),
            Some(Err(false)) | None => return Err(Refusal::UnknownState),
        };
        callback.check_issuer(&attempt.metadata)?;
        match callback.answer {
            Answer::Error { error, description } => Err(Refusal::Declined { error, description }),
            Answer::Code(code) => {
                let outcome = self.relying_party().redeem(attempt, code, callback.iss).await;
                self.with_run(headers, |run| run.outcome = Some(outcome))
                    .ok_or(Refusal::NoResult)
            }
        }
    }

    fn start_view(&self, attempt: &Attempt, machine: Option<MachineOutcome>) -> Response {
        let view = view::Start {
            frame: self.frame(),
            user: self.user.as_ref(),
            endpoint: &attempt.metadata.authorization_endpoint,
            parameters: attempt
                .parameters
                .iter()
                .map(|(name, value)| field(name, value))
                .collect(),
            curl: self
                .machine
                .as_ref()
                .map(|client| curl(&attempt.metadata.token_endpoint, client)),
            machine,
            device_curl: self.device_curl(&attempt.metadata),
        };
        page(StatusCode::OK, &view)
    }

    fn device_curl(&self, metadata: &Metadata) -> Option<String> {
        let endpoint = metadata.device_authorization_endpoint.as_ref()?;
        let client_id = self.config.device_client_id.as_ref()?;
        Some(format!(
            "curl {endpoint} \\\n  -d client_id={client_id} \\\n  -d scope=openid"
        ))
    }

    fn outcome(&self, headers: &HeaderMap) -> Option<Outcome> {
        self.with_run(headers, |run| run.outcome.clone()).flatten()
    }

    /// Puts a changed outcome back, unless another sign-in has taken its place meanwhile.
    fn replace(&self, headers: &HeaderMap, outcome: Outcome) {
        self.with_run(headers, |run| {
            let same = |old: &Outcome| old.attempt.secrets.state == outcome.attempt.secrets.state;
            if run.outcome.as_ref().is_some_and(same) {
                run.outcome = Some(outcome);
            }
        });
    }

    fn with_run<T>(&self, headers: &HeaderMap, work: impl FnOnce(&mut Run) -> T) -> Option<T> {
        self.runs.with(guard::cookie(headers)?, self.config.clock.now(), work)
    }

    /// Changes the run of this browser, or starts one and gives `response` its cookie.
    fn keep(&self, headers: &HeaderMap, mut response: Response, change: impl FnOnce(&mut Run)) -> Response {
        let started = self
            .runs
            .with_or_start(guard::cookie(headers), self.config.clock.now(), change);
        let cookie = started.and_then(|cookie| guard::set_cookie(&cookie, &self.config.origin).parse().ok());
        if let Some(cookie) = cookie {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        response
    }
}

/// A command to paste. Identifier and secret are form-encoded before Basic joins them (RFC 6749 §2.3.1).
fn curl(token_endpoint: &str, client: &MachineClient) -> String {
    let quote = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
    let form_encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!(
        "curl {} \\\n  -u {} \\\n  -d grant_type=client_credentials \\\n  --data-urlencode {}",
        quote(token_endpoint),
        quote(&format!(
            "{}:{}",
            form_encode(&client.client_id),
            form_encode(&client.client_secret)
        )),
        quote(&format!("scope={}", client.scope)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playground::sample_config;
    use axum::body::Body;
    use axum::http::Request;
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    async fn answer(method: &str, path: &str, site: &str) -> (StatusCode, HeaderMap, String) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("sec-fetch-site", site);
        let request = request.body(Body::empty()).unwrap();
        let response = Playground::new(sample_config())
            .router()
            .oneshot(request)
            .await
            .unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, headers, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn what_cannot_be_shown_is_explained_and_dressed() {
        let cases = [
            ("GET", "/result", 404, "Nothing to show yet"),
            ("GET", "/nowhere", 404, "No such page"),
            ("GET", "/callback", 400, "no answer to a sign-in"),
            ("GET", "/callback?code=c&state=s", 400, "Nobody here asked"),
            ("GET", "/callback?error=access_denied&state=s", 400, "Nobody here asked"),
            ("POST", "/machine", 404, "No such page"),
            ("GET", "/device", 404, "Nothing to show yet"),
            ("GET", "/device/qr.svg", 404, "Nothing to show yet"),
            ("POST", "/refresh", 404, "Nothing to show yet"),
        ];
        for (method, path, expected, text) in cases {
            let (status, headers, body) = answer(method, path, "same-origin").await;
            assert_eq!(status, expected, "{path}");
            assert!(body.contains(text), "{path}: {body}");
            assert_eq!(headers[CACHE_CONTROL], "no-store");
            assert_eq!(headers["x-content-type-options"], "nosniff");
            assert!(headers.contains_key("content-security-policy"));
        }
    }

    #[tokio::test]
    async fn forms_of_other_sites_are_refused() {
        for path in ["/start", "/refresh", "/revoke", "/machine", "/device"] {
            let (status, _, body) = answer("POST", path, "same-site").await;
            assert_eq!(status, 403, "{path}");
            assert!(body.contains("another site"));
        }
    }

    #[tokio::test]
    async fn the_stylesheet_is_kept_for_good_and_holds_both_parts() {
        let path = Playground::new(sample_config()).assets.stylesheet_href;
        let (status, headers, body) = answer("GET", &path, "same-origin").await;
        assert_eq!(status, 200);
        assert!(headers[CACHE_CONTROL].to_str().unwrap().contains("immutable"));
        assert!(body.contains(".brand") && body.contains(".verdicts"));
    }

    #[tokio::test]
    async fn what_a_stranger_wrote_is_escaped() {
        let refusal = Refusal::Declined {
            error: "<script>".to_owned(),
            description: Some("\"><img src=x>".to_owned()),
        };
        let body = problem(&Playground::new(sample_config()), &refusal).into_body();
        let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        assert!(!body.contains("<script") && !body.contains("<img src=x"));
    }

    #[test]
    fn the_command_survives_quotes() {
        let client = MachineClient {
            client_id: "it's".to_owned(),
            client_secret: "a b".to_owned(),
            scope: "api:read".to_owned(),
        };
        let command = curl("https://id.example/token", &client);
        assert!(command.contains("-u 'it%27s:a+b'"), "{command}");
    }
}
