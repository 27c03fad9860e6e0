//! The keys of clients, registered and fetched: what they cost the client's server, and how long they count.

use std::sync::{Arc, Mutex};

use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;
use portcullis::client_keys::{self, ClientKeysError};
use portcullis::config::Config;
use portcullis::crypto::jwt::{ClientJws, ClientJwsRules, JwtError};
use portcullis::model::client::{Client, KeySource};
use portcullis::protocol::assertion_alg::AssertionAlg;
use portcullis::protocol::signing_alg::SigningAlg;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::support::assertion::{ClientKey, jwks, mac};
use crate::support::{ClientSpec, Https, TestDb, TestServer};

const ANY: ClientJwsRules<'static> = ClientJwsRules {
    typ: &["JWT"],
    untyped: true,
    algs: AssertionAlg::ALL,
};

/// A client's server that publishes keys.
struct Publisher {
    https: Https,
    says: Arc<Mutex<(StatusCode, &'static str, String)>>,
    /// An answer takes one.
    answers: Arc<Semaphore>,
}

impl Publisher {
    fn of(set: &Value) -> Self {
        let says = Arc::new(Mutex::new((StatusCode::OK, "", set.to_string())));
        let answers = Arc::new(Semaphore::new(Semaphore::MAX_PERMITS));
        let (said, gate) = (says.clone(), answers.clone());
        let https = Https::answering(move || {
            let (said, gate) = (said.clone(), gate.clone());
            async move {
                gate.acquire().await.unwrap().forget();
                let (status, caching, body) = said.lock().unwrap().clone();
                (status, [(header::CACHE_CONTROL, caching)], body).into_response()
            }
        });
        Self { https, says, answers }
    }

    fn say(&self, status: StatusCode, caching: &'static str, body: &str) {
        *self.says.lock().unwrap() = (status, caching, body.to_owned());
    }

    async fn server(&self, change: impl FnOnce(&mut Config)) -> TestServer {
        TestServer::with_fetches(TestDb::sqlite().await, &self.https, change).await
    }

    async fn client(&self, server: &TestServer, id: &str) -> Client {
        registered(server, id, KeySource::JwksUri(self.https.url("/keys"))).await
    }
}

async fn registered(server: &TestServer, id: &str, keys: KeySource) -> Client {
    let spec = ClientSpec::service(id).metadata(|metadata| metadata.keys = Some(keys));
    let client = server.add_client(spec).await;
    server.store().client(&client.client_id()).await.unwrap().unwrap()
}

/// Whether `token` is the client's, at the server's time.
async fn check(server: &TestServer, client: &Client, token: &str) -> Result<(), ClientKeysError> {
    let jws = ClientJws::read(token, &ANY)?;
    client_keys::verify(&server.app, client, &jws, server.app.clock().now())
        .await
        .map(drop)
}

fn claims() -> Value {
    json!({"sub": "somebody"})
}

#[tokio::test(flavor = "multi_thread")]
async fn every_algorithm_verifies_with_its_key_and_no_other() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let keys = [
        ClientKey::rsa(SigningAlg::Rs256).named("rs"),
        ClientKey::rsa(SigningAlg::Ps256).named("ps"),
        ClientKey::es256(),
        ClientKey::new(SigningAlg::EdDsa),
    ];
    let set = jwks(&keys.each_ref());
    let client = registered(&server, "batch", KeySource::Jwks(set)).await;
    for key in &keys {
        assert_eq!(
            check(&server, &client, &key.sign(&claims())).await,
            Ok(()),
            "{}",
            key.alg
        );
        let unnamed = key.sign_with(&json!({"alg": key.alg}), &claims());
        assert_eq!(check(&server, &client, &unnamed).await, Ok(()), "{}", key.alg);
        for other in keys.iter().filter(|other| other.kid != key.kid) {
            let header = json!({"alg": key.alg, "kid": other.kid});
            let refused = check(&server, &client, &key.sign_with(&header, &claims())).await;
            assert_eq!(refused, Err(JwtError::UnknownKey.into()), "{} {}", key.alg, other.alg);
        }
        let altered = key.sign(&claims()).replacen('.', ".e30", 1);
        assert!(check(&server, &client, &altered).await.is_err());
    }
    let stranger = ClientKey::es256();
    let header = json!({"alg": "ES256", "kid": keys[2].kid});
    let forged = stranger.sign_with(&header, &claims());
    assert_eq!(check(&server, &client, &forged).await, Err(JwtError::Signature.into()));
    let unnamed = stranger.sign_with(&json!({"alg": "ES256"}), &claims());
    assert_eq!(check(&server, &client, &unnamed).await, Err(JwtError::Signature.into()));
    // A public key is no secret (RFC 8725 §2.1).
    let maced = mac(
        keys[2].jwk().to_string().as_bytes(),
        &json!({"alg": "HS256"}),
        &claims(),
    );
    assert_eq!(check(&server, &client, &maced).await, Err(JwtError::Algorithm.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn jw_05_an_ambiguous_kid_proves_nothing() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let (one, other) = (ClientKey::es256().named("k"), ClientKey::es256().named("k"));
    let third = ClientKey::new(SigningAlg::EdDsa).named("k");
    let client = registered(&server, "batch", KeySource::Jwks(jwks(&[&one, &other, &third]))).await;
    for key in [&one, &other] {
        assert_eq!(
            check(&server, &client, &key.sign(&claims())).await,
            Err(JwtError::Key.into())
        );
    }
    assert_eq!(check(&server, &client, &third.sign(&claims())).await, Ok(()));
}

/// RC-36: however many ask at once, the client's server is asked once.
#[tokio::test(flavor = "multi_thread")]
async fn rc_36_a_cold_cache_is_filled_once() {
    let key = ClientKey::es256();
    let publisher = Publisher::of(&key.jwks());
    let server = publisher.server(|_| {}).await;
    let client = publisher.client(&server, "batch").await;
    let mut all = JoinSet::new();
    for _ in 0..1000 {
        let (server, client, token) = (server.clone(), client.clone(), key.sign(&claims()));
        all.spawn(async move { check(&server, &client, &token).await });
    }
    assert!(all.join_all().await.iter().all(Result::is_ok));
    assert_eq!(publisher.https.hits(), 1);
    let request = &publisher.https.requests()[0];
    assert_eq!(request.path, "/keys");
    assert!(request.header("accept").contains("jwk-set+json") && request.header("authorization").is_empty());
}

/// CA-21: kids that nobody knows make one fetch in an interval, and the honest go on meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn ca_21_and_ss_10_unknown_kids_make_no_storm() {
    let key = ClientKey::es256();
    let publisher = Publisher::of(&key.jwks());
    let server = publisher.server(|_| {}).await;
    let client = publisher.client(&server, "batch").await;
    let storm = async || {
        let mut all = JoinSet::new();
        for number in 0..1000 {
            let header = json!({"alg": "ES256", "kid": format!("kid-{number}")});
            let (server, client, token) = (server.clone(), client.clone(), key.sign_with(&header, &claims()));
            all.spawn(async move { check(&server, &client, &token).await });
        }
        let refused = Err(JwtError::UnknownKey.into());
        assert!(all.join_all().await.iter().all(|outcome| *outcome == refused));
    };
    storm().await;
    assert_eq!(publisher.https.hits(), 1, "the keys were new a moment ago");
    server.advance(29);
    storm().await;
    assert_eq!(publisher.https.hits(), 1);
    server.advance(1);
    storm().await;
    assert_eq!(publisher.https.hits(), 2);
    // Wrong signatures under a known name, and none at all, cost no more.
    let header = json!({"alg": "ES256", "kid": key.kid});
    let forged = ClientKey::es256().sign_with(&header, &claims());
    assert_eq!(check(&server, &client, &forged).await, Err(JwtError::Signature.into()));
    assert_eq!(check(&server, &client, &key.sign(&claims())).await, Ok(()));
    assert_eq!(publisher.https.hits(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_may_change_its_keys() {
    let (old, new) = (ClientKey::es256(), ClientKey::es256());
    let publisher = Publisher::of(&old.jwks());
    let server = publisher.server(|_| {}).await;
    let client = publisher.client(&server, "batch").await;
    assert_eq!(check(&server, &client, &old.sign(&claims())).await, Ok(()));
    publisher.say(StatusCode::OK, "", &new.jwks().to_string());
    server.advance(60);
    assert_eq!(check(&server, &client, &new.sign(&claims())).await, Ok(()));
    assert_eq!(
        check(&server, &client, &old.sign(&claims())).await,
        Err(JwtError::UnknownKey.into())
    );
    assert_eq!(publisher.https.hits(), 2);
    // The same name for another key, as some programs have it.
    let renewed = ClientKey::es256().named(&new.kid);
    publisher.say(StatusCode::OK, "", &renewed.jwks().to_string());
    server.advance(60);
    assert_eq!(check(&server, &client, &renewed.sign(&claims())).await, Ok(()));
    // A key that was taken back counts no longer than the keys may be kept.
    publisher.say(StatusCode::OK, "", &old.jwks().to_string());
    server.advance(3599);
    assert_eq!(check(&server, &client, &renewed.sign(&claims())).await, Ok(()));
    server.advance(1);
    assert_eq!(
        check(&server, &client, &renewed.sign(&claims())).await,
        Err(JwtError::UnknownKey.into())
    );
}

/// `Cache-Control: max-age` counts inside our bounds.
#[tokio::test(flavor = "multi_thread")]
async fn keys_are_kept_as_their_server_asks() {
    let key = ClientKey::es256();
    let publisher = Publisher::of(&key.jwks());
    publisher.say(StatusCode::OK, "public, max-age=300", &key.jwks().to_string());
    let server = publisher.server(|_| {}).await;
    let client = publisher.client(&server, "batch").await;
    for (seconds, hits) in [(0, 1), (299, 1), (1, 2), (299, 2), (1, 3)] {
        server.advance(seconds);
        assert_eq!(check(&server, &client, &key.sign(&claims())).await, Ok(()));
        assert_eq!(publisher.https.hits(), hits);
    }
}

/// FT-46: kept keys do until they are too old, and the server that is away is not pressed.
#[tokio::test(flavor = "multi_thread")]
async fn ft_46_a_key_server_that_is_away() {
    let key = ClientKey::es256();
    let publisher = Publisher::of(&key.jwks());
    let server = publisher.server(|_| {}).await;
    let client = publisher.client(&server, "batch").await;
    let token = key.sign(&claims());
    assert_eq!(check(&server, &client, &token).await, Ok(()));
    let hour = 3600;
    for (status, body) in [
        (StatusCode::INTERNAL_SERVER_ERROR, "oops".to_owned()),
        (StatusCode::OK, "<html>".to_owned()),
        (StatusCode::FOUND, key.jwks().to_string()),
        (
            StatusCode::OK,
            json!({"keys": [{"kty": "oct", "k": "AAAA"}]}).to_string(),
        ),
    ] {
        publisher.say(status, "", &body);
        server.advance(hour);
        assert_eq!(check(&server, &client, &token).await, Ok(()), "{body}");
    }
    let hits = publisher.https.hits();
    assert_eq!(hits, 5);
    for _ in 0..100 {
        assert_eq!(check(&server, &client, &token).await, Ok(()));
    }
    assert_eq!(publisher.https.hits(), hits, "it rests between two failures");
    // One hour fresh and six stale.
    server.advance(3 * hour);
    for _ in 0..100 {
        assert_eq!(check(&server, &client, &token).await, Err(ClientKeysError::Unavailable));
    }
    assert_eq!(publisher.https.hits(), hits + 1);
    publisher.say(StatusCode::OK, "", &key.jwks().to_string());
    server.advance(600);
    assert_eq!(check(&server, &client, &token).await, Ok(()), "it heals by itself");
}

/// Whoever goes away while keys are fetched leaves the fetch to those who come after, who do not begin another.
#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_outlives_the_one_who_asked_for_it() {
    let key = ClientKey::es256();
    let publisher = Publisher::of(&key.jwks());
    publisher.answers.forget_permits(Semaphore::MAX_PERMITS);
    let server = publisher.server(|_| {}).await;
    let client = publisher.client(&server, "batch").await;
    let (token, asking) = (key.sign(&claims()), (server.clone(), client.clone()));
    let first = tokio::spawn({
        let token = token.clone();
        async move { check(&asking.0, &asking.1, &token).await }
    });
    while publisher.https.hits() == 0 {
        tokio::task::yield_now().await;
    }
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    publisher.answers.add_permits(1);
    assert_eq!(check(&server, &client, &token).await, Ok(()));
    assert_eq!(publisher.https.hits(), 1);
}

/// One client cannot use up another's fetches, nor serve it keys.
#[tokio::test(flavor = "multi_thread")]
async fn clients_with_one_address_are_kept_apart() {
    let key = ClientKey::es256();
    let publisher = Publisher::of(&key.jwks());
    let server = publisher.server(|_| {}).await;
    let (one, other) = (
        publisher.client(&server, "one").await,
        publisher.client(&server, "other").await,
    );
    assert_eq!(check(&server, &one, &key.sign(&claims())).await, Ok(()));
    let new = ClientKey::es256();
    publisher.say(StatusCode::OK, "", &new.jwks().to_string());
    assert_eq!(
        check(&server, &one, &new.sign(&claims())).await,
        Err(JwtError::UnknownKey.into())
    );
    assert_eq!(check(&server, &other, &new.sign(&claims())).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_keys_nothing_is_proven_and_nothing_forbidden_is_fetched() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let token = ClientKey::es256().sign(&claims());
    let none = server.add_client(ClientSpec::service("none")).await;
    let none = server.store().client(&none.client_id()).await.unwrap().unwrap();
    assert_eq!(check(&server, &none, &token).await, Err(ClientKeysError::NoKeys));
    let exposed = json!({"keys": [{"kty": "oct", "k": "AAAA"}]});
    let exposed = registered(&server, "exposed", KeySource::Jwks(exposed)).await;
    assert_eq!(check(&server, &exposed, &token).await, Err(ClientKeysError::NoKeys));
    let inside = registered(&server, "inside", KeySource::JwksUri("https://127.0.0.1:1/keys".into())).await;
    assert_eq!(check(&server, &inside, &token).await, Err(ClientKeysError::Unavailable));
}
