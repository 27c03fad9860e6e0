//! Authorization requests, and the ways of their answers.

use std::collections::BTreeMap;

use axum::http::Method;
use portcullis::model::client::KeySource;
use portcullis::protocol::pkce::CodeChallengeMethod;
use portcullis::protocol::response_mode::ResponseMode;
use portcullis::protocol::response_type::ResponseType;
use portcullis::protocol::signing_alg::SigningAlg;
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use super::clients::key_for;
use super::people::all_told;
use super::world::{World, redemption};
use crate::support::assertion::ClientKey;
use crate::support::{AuthRequest, TestClient, Tokens, claims, verifier};

pub async fn response_types(world: &World, types: &[String]) {
    all_told(types, ResponseType::ALL.iter().map(|kind| kind.as_str()));
    let client = world.client(|_| {}).await;
    let request = AuthRequest::new(&client, "openid");
    for kind in types {
        let answer = world
            .grant(&mut world.browser(), &request.clone().set("response_type", kind))
            .await;
        match kind.as_str() {
            "code" => assert_eq!(answer.params.keys().collect::<Vec<_>>(), ["code", "iss", "state"]),
            other => panic!("the response type {other} is advertised, and nothing exercises it"),
        }
    }
    let known = [
        "none",
        "token",
        "id_token",
        "id_token token",
        "code token",
        "code id_token",
        "code id_token token",
    ];
    for unknown in known {
        world
            .refused(
                &request.clone().set("response_type", unknown),
                "unsupported_response_type",
            )
            .await;
    }
}

/// Where the parameters of an answer stand.
fn parameters(text: Option<&str>) -> BTreeMap<String, String> {
    form_urlencoded::parse(text.unwrap_or_default().as_bytes())
        .into_owned()
        .collect()
}

pub async fn response_modes(world: &World, modes: &[String]) {
    all_told(modes, ResponseMode::ALL.iter().map(|mode| mode.as_str()));
    let client = world.client(|_| {}).await;
    let request = AuthRequest::new(&client, "openid");
    let mut browser = world.browser();
    world.grant(&mut browser, &request).await.code();
    for mode in modes {
        let asked = request.clone().set("response_mode", mode);
        let answer = browser.request(Method::GET, &world.authorize(&asked)).await;
        let found = match mode.as_str() {
            "query" => {
                let url = Url::parse(answer.location()).unwrap();
                assert!(parameters(url.fragment()).is_empty());
                parameters(url.query())
            }
            "fragment" => {
                let url = Url::parse(answer.location()).unwrap();
                assert_eq!(url.query(), None);
                parameters(url.fragment())
            }
            "form_post" => {
                assert!(answer.headers.get("location").is_none());
                let landed = browser
                    .navigate("", browser.request(Method::GET, &world.authorize(&asked)))
                    .await;
                let callback = landed.callback();
                assert_eq!(callback.uri, client.redirect_uri);
                assert!(answer.text().contains("method=\"post\""));
                callback.params
            }
            other => panic!("the response mode {other} is advertised, and nothing exercises it"),
        };
        assert!(
            found.contains_key("code") && found["state"] == "the-state",
            "{mode}: {found:?}"
        );
    }
    for unknown in ["jwt", "query.jwt", "fragment.jwt", "form_post.jwt", "web_message"] {
        world
            .refused(&request.clone().set("response_mode", unknown), "invalid_request")
            .await;
    }
}

pub async fn challenge_methods(world: &World, methods: &[String]) {
    all_told(methods, CodeChallengeMethod::ALL.iter().map(|method| method.as_str()));
    let client = world.client(|_| {}).await;
    let request = AuthRequest::new(&client, "openid");
    for method in methods {
        assert_eq!(method, "S256", "{method} is advertised, and nothing exercises it");
        let asked = request.clone().set("code_challenge_method", method);
        let code = world.grant(&mut world.browser(), &asked).await.code();
        let other = AuthRequest {
            verifier: verifier(),
            ..asked.clone()
        };
        world
            .token(&client, &redemption(&client, &other, &code))
            .await
            .expect_error(400, "invalid_grant");
        world.granted(&client, &asked).await;
    }
    let plain = request
        .clone()
        .set("code_challenge", &request.verifier)
        .set("code_challenge_method", "plain");
    world.refused(&plain, "invalid_request").await;
}

/// `refused` looks at it in errors.
pub async fn iss(world: &World) -> bool {
    let client = world.client(|_| {}).await;
    let request = AuthRequest::new(&client, "openid");
    let answer = world.grant(&mut world.browser(), &request).await;
    answer.code();
    assert_eq!(answer.get("iss"), world.issuer());
    world.refused(&request.set("prompt", "none"), "login_required").await;
    true
}

/// A client that signs with `key`, and may leave its requests where they are fetched.
async fn signing(world: &World, key: &ClientKey) -> TestClient {
    let uri = world.https.url("/request");
    world
        .client(|metadata| {
            metadata.keys = Some(KeySource::Jwks(key.jwks()));
            metadata.request_objects.uris = vec![uri];
        })
        .await
}

/// A request as a signed object (RFC 9101 §4), whose state is `inside`.
fn object(world: &World, client: &TestClient, key: &ClientKey) -> (AuthRequest, String) {
    let request = AuthRequest::new(client, "openid email").set("state", "inside");
    let now = world.server.app.clock().now().as_i64();
    let mut object = json!({"iss": client.id, "aud": world.issuer(), "iat": now, "exp": now + 300});
    for (name, value) in &request.params {
        object[name] = Value::from(value.as_str());
    }
    (request, key.sign(&object))
}

/// What stands outside when the request is an object.
fn outside(client: &TestClient, name: &str, value: &str) -> AuthRequest {
    AuthRequest::new(client, "openid")
        .set("state", "outside")
        .set(name, value)
}

/// Only what is signed counts.
async fn counts(world: &World, client: &TestClient, sent: &AuthRequest, inside: &AuthRequest) {
    let answer = world.grant(&mut world.browser(), sent).await;
    assert_eq!(answer.get("state"), "inside");
    let tokens = Tokens::of(world.token(client, &redemption(client, inside, &answer.code())).await);
    assert_eq!(tokens.json["scope"], "openid email");
    assert_eq!(claims(tokens.id.as_deref().unwrap())["nonce"], "the-nonce");
}

pub async fn by_value(world: &World, alg: &str) -> bool {
    let key = key_for(alg);
    let client = signing(world, &key).await;
    let (inside, object) = object(world, &client, &key);
    counts(world, &client, &outside(&client, "request", &object), &inside).await;
    let altered = outside(&client, "request", &format!("{object}AAAA"));
    world.refused(&altered, "invalid_request_object").await;
    true
}

pub async fn signing_algs(world: &World, algs: &[String]) {
    all_told(algs, SigningAlg::ALL.iter().map(|alg| alg.as_str()));
    for alg in algs {
        by_value(world, alg).await;
    }
    let key = ClientKey::es256();
    let client = signing(world, &key).await;
    let (_, signed) = object(world, &client, &key);
    for unknown in ["none", "HS256", "RS384", "ES384"] {
        let header = json!({"alg": unknown, "kid": key.kid});
        let claims = claims(&signed);
        let sent = outside(&client, "request", &key.sign_with(&header, &claims));
        world.refused(&sent, "invalid_request_object").await;
    }
}

pub async fn by_reference(world: &World, supported: bool) {
    let key = ClientKey::es256();
    let client = signing(world, &key).await;
    let (inside, object) = object(world, &client, &key);
    world.leave(&object);
    world.https.forget();
    let sent = outside(&client, "request_uri", &world.https.url("/request"));
    if supported {
        counts(world, &client, &sent, &inside).await;
        assert_eq!(world.https.hits_of("/request"), 1);
    } else {
        world.refused(&sent, "request_uri_not_supported").await;
        assert_eq!(world.https.hits(), 0);
    }
    world.leave("");
}

pub async fn only_registered(world: &World, required: bool) {
    let supported = world.document["request_uri_parameter_supported"] == true;
    assert_eq!(required, supported, "what is fetched has to be registered");
    if required {
        let client = signing(world, &ClientKey::es256()).await;
        world.https.forget();
        let sent = outside(&client, "request_uri", &world.https.url("/elsewhere"));
        world.refused(&sent, "invalid_request_uri").await;
        assert_eq!(world.https.hits(), 0);
    }
}
