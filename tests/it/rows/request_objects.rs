//! Signed authorization requests by value: PR-10, PR-13, PR-14, PR-16, JW-09, JW-15, JW-17 (RFC 9101, OpenID Connect Core §6).

use portcullis::model::client::KeySource;
use portcullis::protocol::error::Reason;
use portcullis::protocol::signing_alg::SigningAlg;
use serde_json::{Value, json};

use super::answers::{assert_back, assert_page, get, post};
use crate::support::assertion::{ClientKey, changed, jwks, mac, unsigned};
use crate::support::{AuthRequest, Browser, ClientSpec, TestClient, TestDb, TestServer, Tokens, both_stores, claims};

/// A client that signs with `key`.
pub async fn signing(server: &TestServer, id: &str, key: &ClientKey) -> TestClient {
    let keys = KeySource::Jwks(key.jwks());
    server
        .add_client(ClientSpec::web(id).metadata(|metadata| metadata.keys = Some(keys)))
        .await
}

async fn setup(db: TestDb) -> (TestServer, TestClient, ClientKey) {
    let server = TestServer::new(db).await;
    server.alice().await;
    let key = ClientKey::es256();
    let client = signing(&server, "shop", &key).await;
    (server, client, key)
}

/// The parameters of `request` as the claims of an object, with those that say whose it is.
pub fn object_of(server: &TestServer, request: &AuthRequest, client: &TestClient) -> Value {
    let now = server.app.clock().now().as_i64();
    let mut claims = json!({
        "iss": client.id, "aud": server.app.issuer(), "iat": now, "nbf": now, "exp": now + 300, "jti": "the-jti",
    });
    for (name, value) in &request.params {
        claims[name] = value.as_str().into();
    }
    claims
}

/// A request of which nothing stands outside but the object and who sends it.
fn bare(client: &TestClient, object: &str) -> AuthRequest {
    let mut request = AuthRequest::new(client, "openid");
    request.params = vec![
        ("client_id".to_owned(), client.id.clone()),
        ("request".to_owned(), object.to_owned()),
    ];
    request
}

/// PAGE without a place outside that could be told, BACK with one; the same for GET and POST.
async fn refused(server: &TestServer, client: &TestClient, object: &str, reason: Reason) {
    assert_page(&get(server, &bare(client, object)).await);
    assert_page(&post(server, &bare(client, object)).await);
    let outside = AuthRequest::new(client, "openid").and("request", object);
    assert_back(&get(server, &outside).await, server, &outside, reason);
    assert_back(&post(server, &outside).await, server, &outside, reason);
}

both_stores! {
    async fn pr_14_a_signed_request_is_answered_as_it_stands_in_the_object(db: TestDb) {
        let (server, client, key) = setup(db).await;
        let request = AuthRequest::new(&client, "openid email");
        let object = object_of(&server, &request, &client);
        let typed = json!({"max_age": 3600, "claims": {"id_token": {"name": null}}, "aud": ["x", server.app.issuer()]});
        let minimal = json!({"iss": null, "aud": null, "iat": null, "nbf": null, "exp": null, "jti": null, "client_id": null});
        for claims_of_object in [object.clone(), changed(&object, &typed), changed(&object, &minimal)] {
            let sent = bare(&client, &key.sign(&claims_of_object));
            let answer = Browser::new(&server).grant(&sent, "alice").await;
            assert_eq!(answer.uri, client.redirect_uri);
            assert_eq!(answer.get("state"), "the-state");
            let tokens = Tokens::of(server.redeem(&client, &answer.code(), &request).await);
            let id_token = claims(tokens.id.as_deref().unwrap());
            assert_eq!(id_token["nonce"], "the-nonce");
            assert_eq!(tokens.json["scope"], "openid email");
            assert_eq!(id_token.get("name").is_some(), claims_of_object.get("claims").is_some());
        }
        // By POST, from a browser that has been here.
        let mut browser = Browser::new(&server);
        browser.grant(&request, "alice").await.code();
        let sent = bare(&client, &key.sign(&object));
        let pairs: Vec<_> = sent.params.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let posted = browser.request(axum::http::Method::POST, "/authorize").form(&pairs);
        browser.navigate("/authorize", posted).await.callback().code();
    }

    async fn every_algorithm_signs_and_the_registered_one_alone_where_there_is_one(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let keys = [
            ClientKey::rsa(SigningAlg::Rs256).named("rs"),
            ClientKey::rsa(SigningAlg::Ps256).named("ps"),
            ClientKey::es256(),
            ClientKey::new(SigningAlg::EdDsa),
        ];
        let set = jwks(&keys.iter().collect::<Vec<_>>());
        let any = ClientSpec::web("any").metadata(|metadata| metadata.keys = Some(KeySource::Jwks(set.clone())));
        let any = server.add_client(any).await;
        let one = ClientSpec::web("one").metadata(|metadata| {
            metadata.keys = Some(KeySource::Jwks(set.clone()));
            metadata.request_objects.alg = Some(SigningAlg::Ps256);
        });
        let one = server.add_client(one).await;
        for key in &keys {
            let object = object_of(&server, &AuthRequest::new(&any, "openid"), &any);
            Browser::new(&server).grant(&bare(&any, &key.sign(&object)), "alice").await.code();
            let object = key.sign(&object_of(&server, &AuthRequest::new(&one, "openid"), &one));
            if key.alg == SigningAlg::Ps256 {
                Browser::new(&server).grant(&bare(&one, &object), "alice").await.code();
            } else {
                refused(&server, &one, &object, Reason::RequestObjectMalformed).await;
            }
        }
    }

    async fn pr_10_what_stands_beside_the_object_is_ignored(db: TestDb) {
        let (server, client, key) = setup(db).await;
        let inside = AuthRequest::new(&client, "openid").without("state").without("nonce");
        let object = key.sign(&object_of(&server, &inside, &client));
        let outside = AuthRequest::new(&client, "openid email offline_access")
            .set("redirect_uri", "https://evil.example/callback")
            .set("state", "evil")
            .set("nonce", "evil")
            .set("code_challenge", "evil")
            .set("prompt", "none")
            .set("response_mode", "form_post")
            .set("claims", "not json")
            .and("registration", "{}")
            .and("request", &object);
        let mut browser = Browser::new(&server);
        let answer = browser.grant(&outside, "alice").await;
        assert_eq!((answer.uri.as_str(), answer.get("state")), (client.redirect_uri.as_str(), ""));
        let tokens = Tokens::of(server.redeem(&client, &answer.code(), &inside).await);
        assert_eq!((tokens.json["scope"].as_str(), &tokens.refresh), (Some("openid"), &None));
        assert_eq!(claims(tokens.id.as_deref().unwrap()).get("nonce"), None);
        // What the object lacks is lacking, though it stands outside: PKCE cannot be added by anybody else.
        let without = object_of(&server, &inside.clone().without("code_challenge"), &client);
        let outside = inside.clone().and("request", &key.sign(&without));
        let answer = browser.authorize(&outside).await.callback();
        assert_eq!((answer.get("error"), answer.get("state")), ("invalid_request", ""));
        // Twice outside is twice, even if it is ignored.
        let twice = inside.clone().and("request", &object).and("state", "a").and("state", "b");
        assert!(get(&server, &twice).await.header("location").contains("error=invalid_request&"));
    }

    async fn pr_13_what_is_not_signed_by_the_client_for_us_and_now_is_refused(db: TestDb) {
        let (server, client, key) = setup(db).await;
        let stranger = ClientKey::es256();
        let other = signing(&server, "other", &stranger).await;
        let now = server.app.clock().now().as_i64();
        let object = object_of(&server, &AuthRequest::new(&client, "openid"), &client);
        let header = json!({"alg": "ES256", "kid": key.kid, "typ": "oauth-authz-req+jwt"});
        let good = key.sign_with(&header, &object);
        Browser::new(&server).grant(&bare(&client, &good), "alice").await.code();

        let altered = changed(&object, &json!({"scope": "openid email"}));
        let signature = good.rsplit('.').next().unwrap();
        let secret = client.secret.clone().unwrap();
        for (object, reason) in [
            (format!("{}.", unsigned(&json!({"alg": "none"}), &object)), Reason::RequestObjectMalformed),
            (format!("{}.{signature}", unsigned(&json!({"alg": "none"}), &object)), Reason::RequestObjectMalformed),
            (mac(secret.as_bytes(), &json!({"alg": "HS256"}), &object), Reason::RequestObjectMalformed),
            (mac(key.jwk().to_string().as_bytes(), &json!({"alg": "HS256", "kid": key.kid}), &object), Reason::RequestObjectMalformed),
            (format!("{}.{signature}", unsigned(&header, &altered)), Reason::RequestObjectUnproven),
            (stranger.sign(&object), Reason::RequestObjectUnproven),
            (stranger.sign_with(&header, &object), Reason::RequestObjectUnproven),
            (key.sign_with(&changed(&header, &json!({"crit": ["exp"]})), &object), Reason::RequestObjectMalformed),
            (key.sign_with(&changed(&header, &json!({"jwk": stranger.jwk()})), &object), Reason::RequestObjectMalformed),
            ("x".to_owned(), Reason::RequestObjectMalformed),
            ("..".to_owned(), Reason::RequestObjectMalformed),
            (key.sign(&json!([object])), Reason::RequestObjectMalformed),
        ] {
            refused(&server, &client, &object, reason).await;
        }
        for (changes, reason) in [
            (json!({"iss": other.id}), Reason::RequestObjectParty),
            (json!({"iss": 7}), Reason::RequestObjectParty),
            (json!({"aud": "https://other.example"}), Reason::RequestObjectParty),
            (json!({"aud": []}), Reason::RequestObjectParty),
            (json!({"aud": {"a": 1}}), Reason::RequestObjectParty),
            (json!({"exp": now - 30}), Reason::RequestObjectDates),
            (json!({"exp": "soon"}), Reason::RequestObjectDates),
            (json!({"exp": 1e300}), Reason::RequestObjectDates),
            (json!({"nbf": now + 31}), Reason::RequestObjectDates),
            (json!({"iat": now + 31}), Reason::RequestObjectDates),
            (json!({"response_type": "token"}), Reason::RequestObjectDisagrees),
            (json!({"response_type": ["code"]}), Reason::RequestObjectDisagrees),
            (json!({"scope": ["openid"]}), Reason::ScopeMalformed),
            (json!({"state": "a\0b"}), Reason::RequestObjectMalformed),
        ] {
            let object = key.sign(&changed(&object, &changes));
            let outside = AuthRequest::new(&client, "openid").and("request", &object);
            assert_back(&get(&server, &outside).await, &server, &outside, reason);
        }
        let keyless = server.add_client(ClientSpec::web("keyless")).await;
        let object = object_of(&server, &AuthRequest::new(&keyless, "openid"), &keyless);
        refused(&server, &keyless, &key.sign(&object), Reason::RequestObjectKeys).await;
        let mut enough = object.clone();
        for number in 0..101 {
            enough[format!("extra{number}")] = "x".into();
        }
        refused(&server, &keyless, &key.sign(&enough), Reason::RequestObjectKeys).await;
    }

    /// What is wrong inside a good object goes where the object says.
    async fn pr_13_errors_of_a_good_object_go_to_its_own_callback(db: TestDb) {
        let (server, client, key) = setup(db).await;
        let wrong = AuthRequest::new(&client, "openid admin").set("state", "inside");
        let object = key.sign(&object_of(&server, &wrong, &client));
        let sent = bare(&client, &object).and("state", "outside").and("redirect_uri", "https://evil.example/");
        let answer = Browser::new(&server).authorize(&sent).await.callback();
        assert_eq!(answer.uri, client.redirect_uri);
        assert_eq!((answer.get("error"), answer.get("state")), ("invalid_scope", "inside"));
        let elsewhere = AuthRequest::new(&client, "openid").set("redirect_uri", "https://evil.example/");
        let object = key.sign(&object_of(&server, &elsewhere, &client));
        assert_page(&get(&server, &AuthRequest::new(&client, "openid").and("request", &object)).await);
    }

    async fn pr_16_another_client_inside_gets_a_page(db: TestDb) {
        let (server, client, key) = setup(db).await;
        let other = signing(&server, "other", &key).await;
        let object = object_of(&server, &AuthRequest::new(&client, "openid"), &client);
        for inside in [json!(other.id), json!("unknown"), json!(["shop"]), json!(""), json!(7)] {
            let object = key.sign(&changed(&object, &json!({"client_id": inside})));
            let outside = AuthRequest::new(&client, "openid").and("request", &object);
            assert_page(&get(&server, &outside).await);
            assert_page(&post(&server, &outside).await);
        }
        // The object names its client; still it has to stand outside too.
        let nameless = bare(&client, &key.sign(&object)).without("client_id");
        assert_page(&get(&server, &nameless).await);
    }

    async fn jw_09_an_assertion_is_no_request_and_a_request_no_assertion(db: TestDb) {
        let (server, client, key) = setup(db).await;
        let object = object_of(&server, &AuthRequest::new(&client, "openid"), &client);
        let assertion = key.sign(&server.assertion_claims(&client.id));
        refused(&server, &client, &assertion, Reason::RequestObjectParty).await;
        let both = changed(&object, &json!({"sub": client.id}));
        refused(&server, &client, &key.sign(&both), Reason::RequestObjectParty).await;
        for typ in ["at+jwt", "logout+jwt", "token-introspection+jwt", "dpop+jwt", "client-authentication+jwt", ""] {
            let header = json!({"alg": "ES256", "kid": key.kid, "typ": typ});
            refused(&server, &client, &key.sign_with(&header, &object), Reason::RequestObjectMalformed).await;
        }
        let id_token = server.code_flow(&client, "openid").await.id.unwrap();
        refused(&server, &client, &id_token, Reason::RequestObjectParty).await;
        let request = key.sign_with(&json!({"alg": "ES256", "kid": key.kid, "typ": "oauth-authz-req+jwt"}), &object);
        for object in [request, key.sign(&object)] {
            let fields = [("grant_type", "client_credentials")];
            let response = server.post_asserting("/token", &object, &fields).await;
            assert!(response.status == 400 || response.status == 401, "{}", response.text());
        }
    }

    async fn jw_15_jw_17_encrypted_and_nested_objects_are_refused(db: TestDb) {
        let (server, client, key) = setup(db).await;
        let object = object_of(&server, &AuthRequest::new(&client, "openid"), &client);
        let good = key.sign(&object);
        let (head, rest) = good.split_once('.').unwrap();
        refused(&server, &client, &format!("{head}.AAAA.AAAA.{}.AAAA", rest.replace('.', "")), Reason::RequestObjectEncrypted).await;
        for (name, value) in [
            ("request", json!(good)),
            ("request", Value::Null),
            ("request_uri", json!("https://shop.example/r")),
        ] {
            let mut nested = object.clone();
            nested[name] = value;
            refused(&server, &client, &key.sign(&nested), Reason::RequestObjectNested).await;
        }
    }

    async fn a_client_that_has_to_sign_is_refused_without(db: TestDb) {
        let (server, _, key) = setup(db).await;
        let spec = ClientSpec::web("strict").metadata(|metadata| {
            metadata.keys = Some(KeySource::Jwks(key.jwks()));
            metadata.request_objects.required = true;
        });
        let client = server.add_client(spec).await;
        let request = AuthRequest::new(&client, "openid");
        assert_back(&get(&server, &request).await, &server, &request, Reason::RequestObjectMissing);
        let empty = request.clone().and("request", "");
        assert_back(&get(&server, &empty).await, &server, &empty, Reason::RequestObjectMissing);
        let object = key.sign(&object_of(&server, &request, &client));
        Browser::new(&server).grant(&bare(&client, &object), "alice").await.code();
        let both = request.clone().and("request", &object).and("request_uri", "https://strict.example/r");
        assert_back(&get(&server, &both).await, &server, &both, Reason::RequestObjectTwice);
        let twice = request.clone().and("request", &object).and("request", &object);
        assert_back(&get(&server, &twice).await, &server, &twice, Reason::ParameterRepeated);
    }
}
