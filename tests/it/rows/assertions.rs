//! CA: clients that prove themselves by an assertion (RFC 7523, OpenID Connect Core §9).

use portcullis::client_auth::assertion::{Expected, Once, decide};
use portcullis::crypto::client_secret;
use portcullis::crypto::seal::MasterKey;
use portcullis::jobs::keys::{reseal, reseal_client_secrets};
use portcullis::model::client::{AssertionAudience, KeySource};
use portcullis::protocol::assertion_alg::AssertionAlg;
use portcullis::protocol::client_auth_method::ClientAuthMethod;
use portcullis::protocol::error::Reason;
use portcullis::protocol::ids::ClientId;
use portcullis::protocol::signing_alg::SigningAlg;
use portcullis::store::ClientWrite;
use portcullis::time::Timestamp;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::dump::Dump;
use super::refusals::{refused, unauthenticated};
use crate::support::assertion::{ClientKey, JWT_BEARER, changed, mac, unsigned};
use crate::support::{
    AuthRequest, ClientSpec, DEVICE_GRANT, Https, TestClient, TestDb, TestServer, Tokens, both_stores,
};

const GRANT: (&str, &str) = ("grant_type", "client_credentials");

/// Signs with `key` instead of keeping a secret.
fn signing(spec: ClientSpec, keys: Value) -> ClientSpec {
    spec.metadata(|metadata| {
        metadata.auth_methods = vec![ClientAuthMethod::PrivateKeyJwt];
        metadata.keys = Some(KeySource::Jwks(keys));
    })
}

async fn service(db: TestDb) -> (TestServer, TestClient, ClientKey) {
    let (server, key) = (TestServer::new(db).await, ClientKey::es256());
    let client = server
        .add_client(signing(ClientSpec::service("batch"), key.jwks()))
        .await;
    (server, client, key)
}

/// Proves with its secret, but does not show it.
async fn mac_service(db: TestDb) -> (TestServer, TestClient) {
    let server = TestServer::new(db).await;
    let spec = ClientSpec::service("batch")
        .metadata(|metadata| metadata.auth_methods = vec![ClientAuthMethod::ClientSecretJwt]);
    let client = server.add_client(spec).await;
    (server, client)
}

async fn granted(server: &TestServer, assertion: &str) {
    server.post_asserting("/token", assertion, &[GRANT]).await.expect(200);
}

fn header(alg: &str) -> Value {
    json!({"alg": alg, "typ": "JWT"})
}

/// Refused as wrong secrets are; the reason is in the trail alone.
async fn refused_for(server: &TestServer, assertion: &str, reason: Reason) {
    let before = server.audit_trail().await.len();
    unauthenticated(&server.post_asserting("/token", assertion, &[GRANT]).await);
    let trail = server.audit_trail().await;
    let reasons: Vec<_> = trail[before..].iter().map(|event| event.reason.as_deref()).collect();
    assert_eq!(reasons, [Some(reason.as_str())], "{assertion}");
}

const CLIENT: &str = "batch";
const ISSUER: &str = "https://id.example";
const NOW: i64 = 1_800_000_000;

fn good() -> Value {
    json!({"iss": CLIENT, "sub": CLIENT, "aud": ISSUER, "exp": NOW + 60, "iat": NOW, "jti": "one"})
}

fn decided(changes: &Value, audience: AssertionAudience) -> Result<Once, Reason> {
    let endpoints = [
        "https://id.example/token".to_owned(),
        "https://id.example/revoke".to_owned(),
    ];
    let expected = Expected {
        client_id: &ClientId::parse(CLIENT).unwrap(),
        issuer: ISSUER,
        endpoints: &endpoints,
        audience,
        longest: 3600,
        now: Timestamp(NOW),
    };
    decide(changed(&good(), changes).as_object().unwrap(), &expected)
}

fn verdict(changes: &Value) -> Result<(), Reason> {
    decided(changes, AssertionAudience::Any).map(drop)
}

#[test]
fn ca_11_the_audience_is_us_and_nobody_else() {
    let token = "https://id.example/token";
    for aud in [
        json!(ISSUER),
        json!(token),
        json!([ISSUER]),
        json!([token, ISSUER]),
        json!("https://id.example/revoke"),
    ] {
        assert_eq!(verdict(&json!({ "aud": aud })), Ok(()), "{aud}");
    }
    for aud in [
        json!("https://other.example/token"),
        json!("https://id.example/"),
        json!("https://id.example/introspect"),
        json!("id.example"),
        json!(""),
        json!([]),
        json!([ISSUER, "https://other.example"]),
        json!([ISSUER, 7]),
        json!([[ISSUER]]),
        json!({ ISSUER: 1 }),
        json!(true),
        Value::Null,
    ] {
        assert_eq!(verdict(&json!({ "aud": aud })), Err(Reason::AssertionAudience), "{aud}");
    }
    let strict = |aud: Value| decided(&json!({ "aud": aud }), AssertionAudience::Issuer).map(drop);
    assert_eq!(strict(json!(ISSUER)), Ok(()));
    for aud in [json!([ISSUER]), json!(token), json!([token, ISSUER])] {
        assert_eq!(strict(aud.clone()), Err(Reason::AssertionAudience), "{aud}");
    }
}

#[test]
fn ca_12_issuer_and_subject_are_the_client() {
    for name in ["iss", "sub"] {
        for value in [
            json!("other"),
            json!(ISSUER),
            json!("Batch"),
            json!(["batch"]),
            json!(""),
            Value::Null,
        ] {
            assert_eq!(
                verdict(&json!({ name: value })),
                Err(Reason::AssertionParties),
                "{name} {value}"
            );
        }
    }
}

#[test]
fn ca_13_assertions_are_short_lived_and_not_from_the_future() {
    let cases = [
        (json!({"exp": null}), Err(Reason::AssertionDates)),
        (json!({"exp": NOW - 29}), Ok(())),
        (json!({"exp": NOW - 30}), Err(Reason::AssertionExpired)),
        (json!({"exp": 0}), Err(Reason::AssertionExpired)),
        (json!({"exp": NOW + 3630}), Ok(())),
        (json!({"exp": NOW + 3631}), Err(Reason::AssertionTooLongLived)),
        (
            json!({"exp": NOW + 10 * 365 * 86_400}),
            Err(Reason::AssertionTooLongLived),
        ),
        (json!({"iat": null}), Ok(())),
        (json!({"iat": NOW - 86_400}), Ok(())),
        (json!({"iat": NOW + 30, "nbf": NOW + 30}), Ok(())),
        (json!({"iat": NOW + 3600}), Err(Reason::AssertionNotYetValid)),
        (json!({"nbf": NOW + 31}), Err(Reason::AssertionNotYetValid)),
    ];
    for (changes, outcome) in cases {
        assert_eq!(verdict(&changes), outcome, "{changes}");
    }
}

#[test]
fn jw_11_dates_of_assertions_are_integers_in_range() {
    for name in ["exp", "iat", "nbf"] {
        for value in [
            json!((NOW + 60).to_string()),
            json!(NOW as f64 + 0.5),
            json!(-1),
            json!(1_000_000_000_000_000_000_i64),
            json!(u64::MAX),
            json!([NOW]),
            json!(true),
        ] {
            assert_eq!(
                verdict(&json!({ name: value })),
                Err(Reason::AssertionDates),
                "{name} {value}"
            );
        }
    }
    let mut claims = good();
    claims["iat"] = Value::Null;
    let client = ClientId::parse(CLIENT).unwrap();
    let expected = Expected {
        client_id: &client,
        issuer: ISSUER,
        endpoints: &[],
        audience: AssertionAudience::Any,
        longest: 3600,
        now: Timestamp(NOW),
    };
    let null = decide(claims.as_object().unwrap(), &expected);
    assert_eq!(null, Err(Reason::AssertionDates), "null is not absent");
}

#[test]
fn ca_17_an_assertion_has_a_name() {
    for jti in [Value::Null, json!(""), json!(7), json!(["one"]), json!("x".repeat(513))] {
        assert_eq!(verdict(&json!({ "jti": jti })), Err(Reason::AssertionJti), "{jti}");
    }
    let once = decided(&json!({"jti": "x".repeat(512)}), AssertionAudience::Any).unwrap();
    assert_eq!(
        once.until,
        Timestamp(NOW + 60 + 30),
        "remembered as long as anybody takes it"
    );
}

both_stores! {
    /// At each endpoint that clients authenticate at, with and without naming itself.
    async fn ca_11_assertions_are_taken_at_every_endpoint(db: TestDb) {
        let (server, key) = (TestServer::new(db).await, ClientKey::new(SigningAlg::EdDsa));
        let spec = signing(ClientSpec::web("shop"), key.jwks()).metadata(|metadata| {
            metadata.grant_types.push(portcullis::protocol::grant_type::GrantType::DeviceCode);
        });
        let client = server.add_client(spec).await;
        assert_eq!(client.secret, None);
        let to = |endpoint: &str| {
            let aud = format!("{ISSUER}{endpoint}");
            key.sign(&changed(&server.assertion_claims("shop"), &json!({ "aud": aud })))
        };
        let (code, request): (String, AuthRequest) = server.code(&client, "openid offline_access").await;
        let redeeming = [
            ("grant_type", "authorization_code"),
            ("code", &*code),
            ("redirect_uri", &client.redirect_uri),
            ("code_verifier", &request.verifier),
            ("client_id", "shop"),
        ];
        // Whoever only names such a client is not it.
        unauthenticated(&server.redeem(&client, &code, &request).await);
        let tokens = Tokens::of(server.post_asserting("/token", &to("/token"), &redeeming).await);
        let refresh = [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh())];
        let tokens = Tokens::of(server.post_asserting("/token", &to(""), &refresh).await);
        let token = [("token", &*tokens.access)];
        for endpoint in ["/introspect", "/revoke", "/device/code"] {
            for aud in [endpoint, "/token", ""] {
                let fields: &[_] = if endpoint == "/device/code" { &[("scope", "openid")] } else { &token };
                server.post_asserting(endpoint, &to(aud), fields).await.expect(200);
            }
            let elsewhere = if endpoint == "/revoke" { "/introspect" } else { "/revoke" };
            unauthenticated(&server.post_asserting(endpoint, &to(elsewhere), &token).await);
        }
        let device = server.post_asserting("/device/code", &to(""), &[("scope", "openid")]).await.json();
        let poll = [("grant_type", DEVICE_GRANT), ("device_code", device["device_code"].as_str().unwrap())];
        server.post_asserting("/token", &to(""), &poll).await.expect_error(400, "authorization_pending");
    }

    /// Where the issuer has a path, endpoints are below it.
    async fn ca_11_endpoints_are_below_the_issuer(db: TestDb) {
        let key = ClientKey::es256();
        let server = TestServer::at(db, "https://id.example/tenant", |_| {}).await;
        server.add_client(signing(ClientSpec::service("batch"), key.jwks())).await;
        let to = |aud: &str| key.sign(&changed(&server.assertion_claims("batch"), &json!({ "aud": aud })));
        let fields = [("token", "x")];
        for aud in ["https://id.example/tenant", "https://id.example/tenant/token", "https://id.example/tenant/revoke"] {
            server.post_asserting("/tenant/revoke", &to(aud), &fields).await.expect(200);
        }
        for aud in ["https://id.example", "https://id.example/revoke", "https://id.example/tenant/introspect"] {
            unauthenticated(&server.post_asserting("/tenant/revoke", &to(aud), &fields).await);
        }
    }

    async fn ca_14_and_16_an_assertion_is_used_once_by_its_own_client(db: TestDb) {
        let (server, _, key) = service(db).await;
        server.add_client(signing(ClientSpec::service("other"), key.jwks())).await;
        let claims = changed(&server.assertion_claims("batch"), &json!({"jti": "number one"}));
        granted(&server, &key.sign(&claims)).await;
        refused_for(&server, &key.sign(&claims), Reason::AssertionReplayed).await;
        // Not with other claims either: the name is what is used up.
        let again = changed(&claims, &json!({"exp": claims["exp"].as_i64().unwrap() + 1}));
        refused_for(&server, &key.sign(&again), Reason::AssertionReplayed).await;
        unauthenticated(&server.post_asserting("/revoke", &key.sign(&claims), &[("token", "x")]).await);
        let of_other = changed(&claims, &json!({"iss": "other", "sub": "other"}));
        granted(&server, &key.sign(&of_other)).await;
        // Until nobody takes it any more it is remembered, whatever is swept.
        server.advance(89);
        portcullis::jobs::sweep::once(&server.app).await.unwrap();
        refused_for(&server, &key.sign(&claims), Reason::AssertionReplayed).await;
        server.advance(1);
        refused_for(&server, &key.sign(&claims), Reason::AssertionExpired).await;
    }

    async fn ca_15_and_rc_18_of_fifty_at_once_on_two_nodes_one_passes(db: TestDb) {
        let (server, _, key) = service(db).await;
        let nodes = [server.clone(), server.second_node().await];
        let assertion = key.sign(&server.assertion_claims("batch"));
        let mut all = JoinSet::new();
        for number in 0..50 {
            let (node, assertion) = (nodes[number % 2].clone(), assertion.clone());
            all.spawn(async move { node.post_asserting("/token", &assertion, &[GRANT]).await.status.as_u16() });
        }
        let statuses = all.join_all().await;
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
        assert!(statuses.iter().all(|status| matches!(status, 200 | 401 | 429)), "{statuses:?}");
    }

    /// What did not pass has used nothing up: whoever watches a refused request cannot spoil the next.
    async fn a_refused_assertion_is_not_used_up(db: TestDb) {
        let (server, _, key) = service(db).await;
        let claims = server.assertion_claims("batch");
        let forged = ClientKey::es256().named(&key.kid).sign(&claims);
        refused_for(&server, &forged, Reason::AssertionSignature).await;
        granted(&server, &key.sign(&claims)).await;
    }

    async fn ca_18_only_the_algorithms_of_the_client(db: TestDb) {
        let (server, _, key) = service(db).await;
        let claims = || server.assertion_claims("batch");
        for alg in ["none", "None", "NONE", "nOnE"] {
            let bare = unsigned(&header(alg), &claims());
            refused_for(&server, &format!("{bare}.AAAA"), Reason::AssertionAlgorithm).await;
            unauthenticated(&server.post_asserting("/token", &format!("{bare}."), &[GRANT]).await);
        }
        let jwk = key.jwk();
        for public in [jwk.to_string(), jwk["x"].as_str().unwrap().to_owned(), key.jwks().to_string()] {
            unauthenticated(&server.post_asserting("/token", &mac(public.as_bytes(), &header("HS256"), &claims()), &[GRANT]).await);
        }
        for alg in ["ES384", "ES512", "RS256", "PS256", "EdDSA", "es256", ""] {
            let named = key.sign_with(&json!({"alg": alg, "kid": key.kid}), &claims());
            unauthenticated(&server.post_asserting("/token", &named, &[GRANT]).await);
        }
        // An algorithm of its method, and not the one that it chose.
        let rsa = ClientKey::rsa(SigningAlg::Rs256);
        let pss = ClientKey::rsa(SigningAlg::Ps256);
        let mut open = rsa.jwk();
        open.as_object_mut().unwrap().remove("alg");
        let spec = signing(ClientSpec::service("chooser"), json!({"keys": [open]}));
        server.add_client(spec.metadata(|metadata| metadata.assertion_alg = Some(AssertionAlg::Ps256))).await;
        let claims = || server.assertion_claims("chooser");
        refused_for(&server, &rsa.sign(&claims()), Reason::AssertionAlgorithm).await;
        granted(&server, &pss.sign(&claims())).await;
    }

    /// RFC 9864 §2.2: what used to be EdDSA has two names.
    async fn ca_18_ed25519_is_eddsa(db: TestDb) {
        let (server, key) = (TestServer::new(db).await, ClientKey::new(SigningAlg::EdDsa));
        let mut jwk = key.jwk();
        jwk["alg"] = "Ed25519".into();
        let spec = signing(ClientSpec::service("batch"), json!({"keys": [jwk]}));
        server.add_client(spec.metadata(|metadata| metadata.assertion_alg = Some(AssertionAlg::EdDsa))).await;
        for alg in ["Ed25519", "EdDSA"] {
            let assertion = key.sign_with(&json!({"alg": alg, "kid": key.kid}), &server.assertion_claims("batch"));
            granted(&server, &assertion).await;
        }
        for alg in ["Ed448", "ed25519"] {
            let assertion = key.sign_with(&json!({"alg": alg, "kid": key.kid}), &server.assertion_claims("batch"));
            refused_for(&server, &assertion, Reason::AssertionAlgorithm).await;
        }
    }

    async fn ca_19_forms_that_are_no_assertion(db: TestDb) {
        let (server, _, key) = service(db).await;
        let assertion = || key.sign(&server.assertion_claims("batch"));
        for not_one in ["", "x", "a.b.c", "....", "eyJhbGciOiJub25lIn0.e30.", &"x".repeat(60_000)] {
            unauthenticated(&server.post_asserting("/token", not_one, &[GRANT, ("client_id", "batch")]).await);
        }
        let post = |fields: Vec<(&'static str, String)>| {
            let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).chain([GRANT]).collect();
            server.post_form("/token", &fields)
        };
        let typed = |typ: &str| vec![("client_assertion_type", typ.to_owned()), ("client_assertion", assertion())];
        for typ in ["", "jwt-bearer", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer", &JWT_BEARER.to_uppercase()] {
            unauthenticated(&post(typed(typ)).await);
        }
        unauthenticated(&post(vec![("client_assertion", assertion())]).await);
        unauthenticated(&post(vec![("client_assertion_type", JWT_BEARER.to_owned()), ("client_id", "batch".to_owned())]).await);
        // One mechanism, and one client.
        let secret = server.add_client(ClientSpec::service("secret")).await.secret.unwrap();
        let both = server.post_asserting("/token", &assertion(), &[GRANT]).basic("secret", &secret).await;
        refused(&both, "invalid_request");
        let both = server.post_asserting("/token", &assertion(), &[GRANT, ("client_id", "secret"), ("client_secret", &secret)]).await;
        refused(&both, "invalid_request");
        let named = server.post_asserting("/token", &assertion(), &[GRANT, ("client_id", "secret")]).await;
        unauthenticated(&named);
        let huge = server.post_asserting("/token", &"x".repeat(1024 * 1024), &[GRANT]).await;
        assert_eq!((huge.status.as_u16(), huge.error().as_str()), (413, "invalid_request"));
        // None of this kept the right one from passing, the last two as libraries write them.
        granted(&server, &assertion()).await;
        server.post_asserting("/token", &assertion(), &[GRANT, ("client_id", "batch")]).await.expect(200);
        let typed = json!({"alg": "ES256", "typ": "client-authentication+jwt"});
        granted(&server, &key.sign_with(&typed, &server.assertion_claims("batch"))).await;
        granted(&server, &key.sign_with(&json!({"alg": "ES256"}), &server.assertion_claims("batch"))).await;
    }

    async fn ca_20_our_own_tokens_prove_nothing(db: TestDb) {
        let (server, _, key) = service(db).await;
        let shop = server.add_client(ClientSpec::web("shop")).await;
        let tokens = server.code_flow(&shop, "openid").await;
        for token in [&tokens.access, tokens.id.as_ref().unwrap()] {
            for client in ["shop", "batch"] {
                unauthenticated(&server.post_asserting("/token", token, &[GRANT, ("client_id", client)]).await);
            }
            unauthenticated(&server.post_asserting("/token", token, &[GRANT]).await);
        }
        // Nor what the client itself signed for another purpose, whatever its claims are.
        for typ in ["at+jwt", "application/at+jwt", "logout+jwt", "oauth-authz-req+jwt", "dpop+jwt", "secevent+jwt", ""] {
            let token = key.sign_with(&json!({"alg": "ES256", "kid": key.kid, "typ": typ}), &server.assertion_claims("batch"));
            refused_for(&server, &token, Reason::AssertionMalformed).await;
        }
    }

    /// Headers by which a token would choose its key, and JSON that reads two ways.
    async fn jw_03_to_08_in_assertions(db: TestDb) {
        let (server, _, key) = service(db).await;
        let attacker = ClientKey::es256();
        for (name, value) in [
            ("jwk", attacker.jwk()),
            ("jku", json!("https://attacker.example/jwks")),
            ("x5u", json!("https://attacker.example/cert")),
            ("x5c", json!(["MIIB"])),
            ("crit", json!(["exp"])),
        ] {
            for signer in [&attacker, &key] {
                let header = json!({"alg": "ES256", "kid": key.kid, name: value});
                let token = signer.sign_with(&header, &server.assertion_claims("batch"));
                refused_for(&server, &token, Reason::AssertionMalformed).await;
            }
        }
        for kid in [json!(7), json!([key.kid]), Value::Null] {
            let token = key.sign_with(&json!({"alg": "ES256", "kid": kid}), &server.assertion_claims("batch"));
            refused_for(&server, &token, Reason::AssertionMalformed).await;
        }
        for kid in ["", "../../dev/null", "' OR 1=1--", "%00"] {
            let token = key.sign_with(&json!({"alg": "ES256", "kid": kid}), &server.assertion_claims("batch"));
            refused_for(&server, &token, Reason::AssertionKeyUnknown).await;
        }
        let good = key.sign(&server.assertion_claims("batch"));
        for form in [format!("{good}="), format!("{good}."), format!("{good}.AA"), format!(" {good}")] {
            unauthenticated(&server.post_asserting("/token", &form, &[GRANT]).await);
        }
        granted(&server, &good).await;
    }

    async fn ft_46_an_assertion_whose_keys_cannot_be_fetched(db: TestDb) {
        let key = ClientKey::es256();
        let https = Https::document("application/json", key.jwks().to_string());
        let server = TestServer::with_fetches(db, &https, |_| {}).await;
        let spec = signing(ClientSpec::service("batch"), Value::Null);
        let uri = KeySource::JwksUri(https.url("/jwks.json"));
        server.add_client(spec.metadata(|metadata| metadata.keys = Some(uri))).await;
        granted(&server, &key.sign(&server.assertion_claims("batch"))).await;
        // What is wrong in itself costs the client's server nothing.
        https.forget();
        server.advance(7200);
        let other_audience = changed(&server.assertion_claims("batch"), &json!({"aud": "https://other.example"}));
        refused_for(&server, &key.sign(&other_audience), Reason::AssertionAudience).await;
        assert_eq!(https.hits(), 0);
        https.stop();
        granted(&server, &key.sign(&server.assertion_claims("batch"))).await;
        server.advance(6 * 3600);
        refused_for(&server, &key.sign(&server.assertion_claims("batch")), Reason::AssertionKeysUnavailable).await;
    }

    async fn the_strict_audience_is_the_issuer(db: TestDb) {
        let (server, key) = (TestServer::new(db).await, ClientKey::es256());
        let spec = signing(ClientSpec::service("batch"), key.jwks());
        server.add_client(spec.metadata(|metadata| metadata.assertion_audience = AssertionAudience::Issuer)).await;
        let to = |aud: Value| key.sign(&changed(&server.assertion_claims("batch"), &json!({ "aud": aud })));
        refused_for(&server, &to(json!([ISSUER])), Reason::AssertionAudience).await;
        refused_for(&server, &to(json!("https://id.example/token")), Reason::AssertionAudience).await;
        granted(&server, &to(json!(ISSUER))).await;
    }

    async fn unknown_and_disabled_clients_look_as_wrong_ones(db: TestDb) {
        let (server, client, key) = service(db).await;
        let unknown = server.post_asserting("/token", &key.sign(&server.assertion_claims("nobody")), &[GRANT]).await;
        let wrong = server.post_asserting("/token", &ClientKey::es256().sign(&server.assertion_claims("batch")), &[GRANT]).await;
        unauthenticated(&unknown);
        assert_eq!((unknown.status, &unknown.body), (wrong.status, &wrong.body));
        let now = server.app.clock().now();
        server.store().set_client_enabled(&client.client_id(), false, now).await.unwrap();
        refused_for(&server, &key.sign(&server.assertion_claims("batch")), Reason::ClientDisabled).await;
        // Other methods than the registered.
        server.add_client(ClientSpec::service("secret").metadata(|metadata| {
            metadata.keys = Some(KeySource::Jwks(key.jwks()));
        })).await;
        refused_for(&server, &key.sign(&server.assertion_claims("secret")), Reason::ClientAuthMethodWrong).await;
    }

    async fn wrong_assertions_are_counted_as_wrong_secrets_are(db: TestDb) {
        let (server, _, key) = service(db).await;
        let from = |assertion: String| {
            let server = server.clone();
            async move { server.post_asserting("/token", &assertion, &[GRANT]).from("203.0.113.5").await.status.as_u16() }
        };
        for _ in 0..20 {
            assert_eq!(from(ClientKey::es256().sign(&server.assertion_claims("batch"))).await, 401);
        }
        assert_eq!(from(ClientKey::es256().sign(&server.assertion_claims("batch"))).await, 429);
        assert_eq!(from(key.sign(&server.assertion_claims("batch"))).await, 200, "only failures are counted");
    }

    async fn ca_23_a_mac_secret_is_sealed(db: TestDb) {
        let (server, client) = mac_service(db).await;
        let secret = client.secret.clone().unwrap();
        let sign = |secret: &str| mac(secret.as_bytes(), &header("HS256"), &server.assertion_claims("batch"));
        granted(&server, &sign(&secret)).await;
        refused_for(&server, &sign("another secret of more than 32 bytes"), Reason::AssertionSignature).await;
        refused_for(&server, &sign(""), Reason::AssertionSignature).await;
        let replayed = sign(&secret);
        granted(&server, &replayed).await;
        refused_for(&server, &replayed, Reason::AssertionReplayed).await;
        // It is not shown, and not taken where it is.
        unauthenticated(&server.client_credentials(&client).await);
        let asymmetric = ClientKey::es256().sign(&server.assertion_claims("batch"));
        refused_for(&server, &asymmetric, Reason::ClientAuthMethodWrong).await;
        let dump = Dump::of(&server, "batch").await;
        dump.lacks("client secret", &secret);
        let stored = server.store().client(&client.client_id()).await.unwrap().unwrap();
        assert!(!format!("{stored:?}").contains(&secret));
    }

    /// Both live secrets count while one takes over from the other, as everywhere.
    async fn mac_secrets_overlap(db: TestDb) {
        let (server, mut client) = mac_service(db).await;
        let old = client.secret.clone().unwrap();
        server.rotate_sealed(&mut client, 3600).await;
        let new = client.secret.clone().unwrap();
        let sign = |secret: &str| mac(secret.as_bytes(), &header("HS256"), &server.assertion_claims("batch"));
        granted(&server, &sign(&old)).await;
        granted(&server, &sign(&new)).await;
        server.advance(3600);
        refused_for(&server, &sign(&old), Reason::AssertionSignature).await;
        granted(&server, &sign(&new)).await;
    }

    /// A client that needs its secret in another way leaves none behind that could be opened.
    async fn a_sealed_secret_goes_with_its_use(db: TestDb) {
        let (server, client) = mac_service(db).await;
        let id = client.client_id();
        let secrets = async || server.store().client(&id).await.unwrap().unwrap();
        let update = async |methods: Vec<ClientAuthMethod>| {
            let stored = secrets().await;
            let mut metadata = stored.metadata.clone();
            metadata.auth_methods = methods;
            let outcome = server.store().update_client(&stored, &metadata, server.app.clock().now()).await;
            assert_eq!(outcome.unwrap(), ClientWrite::Done);
        };
        assert!(secrets().await.secrets[0].sealed.is_some());
        update(vec![ClientAuthMethod::ClientSecretBasic, ClientAuthMethod::ClientSecretJwt]).await;
        assert!(secrets().await.secrets[0].sealed.is_some());
        update(vec![ClientAuthMethod::ClientSecretBasic]).await;
        assert!(secrets().await.secrets[0].sealed.is_none());
        server.client_credentials(&client).await.expect(200);
        update(vec![ClientAuthMethod::PrivateKeyJwt]).await;
        assert!(secrets().await.secrets.is_empty());
    }

    async fn ft_37_sealed_secrets_change_their_master_key(db: TestDb) {
        let (server, client) = mac_service(db).await;
        let secret = client.secret.clone().unwrap();
        let (old, new) = (server.app.master_key().clone(), MasterKey::new([9; 32]));
        let both = server.under(new.clone().with_other(old.clone()));
        let only_new = server.under(new.clone());
        reseal(server.store(), both.app.master_key(), &new).await.unwrap();
        let sign = || mac(secret.as_bytes(), &header("HS256"), &server.assertion_claims("batch"));
        let post = async |node: &TestServer| node.post_asserting("/revoke", &sign(), &[("token", "x")]).await.status.as_u16();
        assert_eq!((post(&both).await, post(&only_new).await), (200, 500));
        assert!(reseal_client_secrets(server.store(), &MasterKey::new([1; 32]), &new).await.is_err());
        assert_eq!(reseal_client_secrets(server.store(), both.app.master_key(), &new).await.unwrap(), 1);
        assert_eq!(reseal_client_secrets(server.store(), both.app.master_key(), &new).await.unwrap(), 0);
        assert_eq!((post(&both).await, post(&only_new).await), (200, 200));
        let stored = server.store().client(&client.client_id()).await.unwrap().unwrap();
        let opened = client_secret::open(&new, &stored.client_id, &stored.secrets[0]).unwrap().unwrap();
        assert_eq!(opened.as_slice(), secret.as_bytes());
        assert!(client_secret::open(&old, &stored.client_id, &stored.secrets[0]).is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn discovery_tells_what_assertions_are_taken() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let metadata = server.get("/.well-known/openid-configuration").await.json();
    for endpoint in ["token", "revocation", "introspection"] {
        let algs = &metadata[format!("{endpoint}_endpoint_auth_signing_alg_values_supported")];
        assert_eq!(*algs, json!(["RS256", "PS256", "ES256", "EdDSA", "HS256"]));
        let methods = metadata[format!("{endpoint}_endpoint_auth_methods_supported")]
            .as_array()
            .unwrap();
        assert!(methods.contains(&json!("private_key_jwt")) && methods.contains(&json!("client_secret_jwt")));
    }
}
