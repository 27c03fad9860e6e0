//! Signing out at the client's request, and who is told of it.

use portcullis::jobs::backchannel_logout;
use serde_json::{Value, json};
use url::Url;

use crate::conformance::checks::{hash, verify};
use crate::conformance::suite::{Flow, Rp, Suite, assert_error_page, draw};
use crate::support::assertion::unsigned;
use crate::support::{Browser, Callback, Landed};

/// Somebody who is signed in at a client that wants them back after signing out.
struct SignedIn<'a> {
    suite: &'a Suite,
    rp: Rp<'a>,
    browser: Browser,
    flow: Flow,
    session_state: String,
    state: String,
}

impl<'a> SignedIn<'a> {
    async fn new(suite: &'a Suite, mut more: Value) -> Self {
        more["post_logout_redirect_uris"] = json!([suite.url("/post_logout_redirect")]);
        let rp = suite.register(more).await;
        let mut browser = suite.browser();
        let request = rp.request("openid").set("state", &draw(128));
        let answer = rp.authorize(&mut browser, &request).await;
        let flow = rp.complete(&request, &answer).await;
        Self {
            suite,
            rp,
            browser,
            flow,
            session_state: answer.get("session_state").to_owned(),
            state: draw(128),
        }
    }

    /// The three parameters of a good request.
    fn good(&self) -> Vec<(&'static str, String)> {
        vec![
            ("id_token_hint", self.flow.raw().to_owned()),
            ("post_logout_redirect_uri", self.suite.url("/post_logout_redirect")),
            ("state", self.state.clone()),
        ]
    }

    async fn log_out(&mut self, parameters: &[(&str, String)]) -> Landed {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(parameters);
        let path = format!("{}?{}", self.suite.path("end_session_endpoint"), query.finish());
        self.browser.open(&path).await
    }

    /// The client's page, with `state` as it was sent and nothing else.
    #[track_caller]
    fn assert_back(&self, landed: Landed, state: Option<&str>) {
        let callback = landed.callback();
        assert_eq!(callback.uri, self.suite.url("/post_logout_redirect"));
        assert!(!callback.by_form);
        let told: Vec<_> = callback
            .params
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let expected: Vec<_> = state.map(|state| ("state", state)).into_iter().collect();
        assert_eq!(told, expected);
    }

    /// Nobody is signed in any more.
    async fn assert_signed_out(mut self) {
        let request = self.rp.request("openid").set("state", &draw(128)).and("prompt", "none");
        let answer = self.rp.visit(&mut self.browser, &request).await.callback();
        self.rp.assert_interaction_needed(&request, &answer);
    }

    /// Without proof nobody is sent anywhere: the person is asked. When they say so they are signed out, and told.
    async fn asked_first(mut self, parameters: &[(&str, String)]) {
        let page = self.log_out(parameters).await.page();
        assert_eq!(
            (page.status(), page.buttons("confirm")),
            (200, vec!["logout".to_owned()]),
            "{}",
            page.heading()
        );
        let page = self.browser.submit(&[("confirm", "logout")]).await.page();
        assert_eq!(page.status(), 200);
        assert!(page.response.text().contains("signed out"), "{}", page.heading());
        self.assert_signed_out().await;
    }
}

pub async fn oidcc_rp_initiated_logout(suite: &Suite) {
    let mut person = SignedIn::new(suite, json!({})).await;
    let landed = person.log_out(&person.good()).await;
    person.assert_back(landed, Some(&person.state));
    person.assert_signed_out().await;
}

pub async fn oidcc_rp_initiated_logout_no_state(suite: &Suite) {
    let mut person = SignedIn::new(suite, json!({})).await;
    let landed = person.log_out(&person.good()[..2]).await;
    person.assert_back(landed, None);
    person.assert_signed_out().await;
}

/// Another address than the registered one is an error, and nobody is signed out by it.
async fn another_address(suite: &Suite, address: String) {
    let mut person = SignedIn::new(suite, json!({})).await;
    let mut parameters = person.good();
    parameters[1].1 = address;
    assert_error_page(person.log_out(&parameters).await);
    let request = person.rp.request("openid").and("prompt", "none");
    let answer = person.rp.visit(&mut person.browser, &request).await.callback();
    person.rp.complete(&request, &answer).await;
}

pub async fn oidcc_rp_initiated_logout_bad_post_logout_redirect_uri(suite: &Suite) {
    another_address(suite, suite.url(&format!("/post_logout_redirect/{}", draw(10)))).await;
}

pub async fn oidcc_rp_initiated_logout_query_added_to_post_logout_redirect_uri(suite: &Suite) {
    another_address(suite, suite.url("/post_logout_redirect?foo=bar")).await;
}

pub async fn oidcc_rp_initiated_logout_no_id_token_hint(suite: &Suite) {
    let person = SignedIn::new(suite, json!({})).await;
    let parameters = person.good();
    person.asked_first(&parameters[1..]).await;
}

pub async fn oidcc_rp_initiated_logout_modified_id_token_hint(suite: &Suite) {
    let person = SignedIn::new(suite, json!({})).await;
    let mut parameters = person.good();
    parameters[0].1 = unsigned(&json!({"alg": "none"}), &person.flow.id_token.claims) + ".";
    person.asked_first(&parameters).await;
}

pub async fn oidcc_rp_initiated_logout_bad_id_token_hint(suite: &Suite) {
    let person = SignedIn::new(suite, json!({})).await;
    let now = suite.server.app.clock().now().as_i64();
    let claims = json!({
        "iss": person.rp.id(), "sub": "SubjectID", "aud": suite.metadata["issuer"], "nonce": "flibble",
        "iat": now, "exp": now + 300,
    });
    let mut parameters = person.good();
    parameters[0].1 = person.rp.sign(&claims);
    person.asked_first(&parameters).await;
}

pub async fn oidcc_rp_initiated_logout_no_params(suite: &Suite) {
    SignedIn::new(suite, json!({})).await.asked_first(&[]).await;
}

pub async fn oidcc_rp_initiated_logout_only_state(suite: &Suite) {
    let person = SignedIn::new(suite, json!({})).await;
    let parameters = person.good();
    person.asked_first(&parameters[2..]).await;
}

/// The hint is proof enough: signed out at once, and the page says so.
pub async fn oidcc_rp_initiated_logout_no_post_logout_redirect_uri(suite: &Suite) {
    let mut person = SignedIn::new(suite, json!({})).await;
    let mut parameters = person.good();
    parameters.remove(1);
    let page = person.log_out(&parameters).await.page();
    assert_eq!(page.status(), 200);
    assert!(page.response.text().contains("signed out"), "{}", page.heading());
    person.assert_signed_out().await;
}

pub async fn oidcc_backchannel_rp_initiated_logout(suite: &Suite) {
    let members = json!({
        "backchannel_logout_uri": suite.url("/backchannel_logout"),
        "backchannel_logout_session_required": true,
    });
    let mut person = SignedIn::new(suite, members).await;
    suite.https.forget();
    let landed = person.log_out(&person.good()).await;
    person.assert_back(landed, Some(&person.state));

    backchannel_logout::once(&suite.server.app).await.unwrap();
    let [told] = &suite.https.requests()[..] else {
        panic!("told once")
    };
    assert_eq!(suite.https.url(&told.path), suite.url("/backchannel_logout"));
    assert_eq!(
        (told.method.as_str(), told.header("content-type")),
        ("POST", "application/x-www-form-urlencoded")
    );
    let fields: Vec<_> = url::form_urlencoded::parse(&told.body).into_owned().collect();
    let [(name, token)] = &fields[..] else {
        panic!("one parameter: {fields:?}")
    };
    assert_eq!(name, "logout_token");
    let claims = verify(&suite.jwks().await, token).claims;
    assert_eq!(
        (&claims["iss"], &claims["aud"]),
        (&suite.metadata["issuer"], &person.rp.id().into())
    );
    assert_eq!(claims["iat"], suite.server.app.clock().now().as_i64());
    assert!(claims["jti"].is_string() && claims.get("nonce").is_none());
    assert_eq!(
        claims["events"],
        json!({"http://schemas.openid.net/event/backchannel-logout": {}})
    );
    assert!(claims["sid"].is_string());
    assert_eq!(
        (&claims["sub"], &claims["sid"]),
        (person.flow.claim("sub"), person.flow.claim("sid"))
    );
    person.assert_signed_out().await;
}

pub async fn oidcc_frontchannel_rp_initiated_logout(suite: &Suite) {
    let uri = suite.url("/frontchannel_logout");
    let members = json!({"frontchannel_logout_uri": uri, "frontchannel_logout_session_required": true});
    let mut person = SignedIn::new(suite, members).await;
    let page = person.log_out(&person.good()).await.page();
    let html = page.response.text().replace("&#38;", "&");
    let attribute = |tag: &str, name: &str| -> Option<String> {
        let tag = html.split(tag).nth(1)?.split('>').next()?;
        Some(tag.split(&format!("{name}=\"")).nth(1)?.split('"').next()?.to_owned())
    };
    let frame = Url::parse(&attribute("<iframe ", "src").expect("a frame")).unwrap();
    assert_eq!(format!("{}{}", frame.origin().ascii_serialization(), frame.path()), uri);
    let told: Vec<_> = frame
        .query_pairs()
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    let expected = [
        ("iss", suite.metadata["issuer"].as_str().unwrap()),
        ("sid", person.flow.claim("sid").as_str().expect("a sid in the ID token")),
    ];
    assert_eq!(told, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));

    let back = attribute("<a id=\"back\" ", "href").expect("a way back");
    let refresh = attribute("<meta http-equiv=\"refresh\" ", "content").expect("it goes on without script");
    assert!(refresh.ends_with(&format!(";url={back}")), "{refresh}");
    let state = person.state.clone();
    person.assert_back(Landed::Callback(Callback::at(&back)), Some(&state));
    person.assert_signed_out().await;
}

/// What the frame that `check_session_iframe` names answers to the client's page (OpenID Connect Session Management §3.2).
fn ask(person: &mut SignedIn<'_>) -> &'static str {
    let (digest, salt) = person.session_state.split_once('.').expect("a session_state");
    let origin = Url::parse(&person.rp.redirect_uri)
        .unwrap()
        .origin()
        .ascii_serialization();
    let cookies = person.browser.cookies();
    let state = cookies.get("__Host-portcullis-state").map_or("", String::as_str);
    let known = format!("{} {origin} {state} {salt}", person.rp.id());
    if hash(&known) == digest { "unchanged" } else { "changed" }
}

/// The frame itself runs in a browser, in `tests/browser/session_management.test.js`.
pub async fn oidcc_session_management_rp_initiated_logout(suite: &Suite) {
    let mut person = SignedIn::new(suite, json!({})).await;
    let frame = suite.server.get(&suite.path("check_session_iframe")).await.expect(200);
    assert!(frame.header("content-type").starts_with("text/html"));
    assert!(frame.text().contains("__Host-portcullis-state"));
    assert!(
        !frame
            .header("content-security-policy")
            .contains("frame-ancestors 'none'")
    );
    assert_eq!(frame.header("x-frame-options"), "");
    assert_eq!(ask(&mut person), "unchanged");
    let landed = person.log_out(&person.good()).await;
    person.assert_back(landed, Some(&person.state));
    assert_eq!(ask(&mut person), "changed");
}
