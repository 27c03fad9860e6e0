//! `GET|PUT|DELETE /register/{client_id}` (RFC 7592).

use portcullis::model::client::PkcePolicy;
use portcullis::protocol::signing_alg::SigningAlg;
use serde_json::{Value, json};

use super::{assert_refused, client, manage, open_server, post, register, web, web_with, with};
use crate::support::assertion::ClientKey;
use crate::support::{AuthRequest, Browser, ClientSpec, PASSWORD, Tokens, both_stores};

/// What a client sends to replace its registration: what it was told, without what the server sets.
fn replacement(registered: &Value, members: Value) -> Value {
    let mut document = registered.clone();
    let object = document.as_object_mut().unwrap();
    for managed in [
        "registration_access_token",
        "registration_client_uri",
        "client_secret_expires_at",
        "client_id_issued_at",
    ] {
        object.remove(managed);
    }
    with(document, members)
}

both_stores! {
    /// OpenID Connect Registration §4, RFC 7592 §2: read, replace, delete.
    async fn a_client_looks_after_its_registration(db: TestDb) {
        let server = open_server(db).await;
        let registered = register(&server, &web_with(json!({ "initiate_login_uri": "https://shop.example/login" }))).await;
        let read = manage(&server, "GET", &registered).await;
        assert_eq!(read.header("cache-control"), "no-store");
        let read = read.expect(200).json();
        assert_eq!(read["initiate_login_uri"], "https://shop.example/login");
        assert_eq!(read["registration_access_token"], registered["registration_access_token"]);
        assert_eq!(read["client_secret"], Value::Null, "it is not known any more");

        let document = replacement(&registered, json!({ "client_name": "The new shop", "initiate_login_uri": null }));
        let request = manage(&server, "PUT", &registered).body("application/json", document.to_string());
        let replaced = request.await.expect(200).json();
        assert_eq!(replaced["client_name"], "The new shop");
        assert_eq!(replaced.get("initiate_login_uri"), None);
        assert_eq!(replaced.get("client_secret"), None, "the one before stays");
        assert_eq!(manage(&server, "GET", &registered).await.expect(200).json(), replaced);

        assert_eq!(manage(&server, "DELETE", &registered).await.expect(204).text(), "");
        manage(&server, "GET", &registered).await.expect_error(401, "invalid_token");
        manage(&server, "DELETE", &registered).await.expect_error(401, "invalid_token");
        let kinds: Vec<_> = server.audit_trail().await.into_iter().map(|event| event.kind).collect();
        assert_eq!(kinds, ["client_registered", "client_changed", "client_deleted", "registration_refused"]);
    }

    /// Not even to the client itself, and not where the server has to keep it.
    async fn ca_23_a_secret_is_told_when_it_is_drawn_and_never_again(db: TestDb) {
        let server = open_server(db).await;
        for method in ["client_secret_basic", "client_secret_post", "client_secret_jwt"] {
            let registered = register(&server, &web_with(json!({ "token_endpoint_auth_method": method }))).await;
            let secret = registered["client_secret"].as_str().unwrap();
            let replaced = replacement(&registered, json!({ "client_name": "The new shop" })).to_string();
            let read = manage(&server, "GET", &registered).await.expect(200);
            let put = manage(&server, "PUT", &registered).body("application/json", replaced).await.expect(200);
            for answer in [read, put] {
                assert!(!answer.text().contains(secret), "{method}");
            }
        }
    }

    /// As sent, not only as read: good keys that hold one member too many, or too few bits.
    async fn dr_04_jw_14_a_private_or_weak_key_refuses_the_registration(db: TestDb) {
        let server = open_server(db).await;
        let with_keys = |key: &Value| {
            web_with(json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": { "keys": [key] } }))
        };
        let (ec, rsa) = (ClientKey::es256().jwk(), ClientKey::rsa(SigningAlg::Rs256).jwk());
        register(&server, &with_keys(&ec)).await;
        register(&server, &with_keys(&rsa)).await;
        let short = rsa["n"].as_str().unwrap()[..171].to_owned();
        for (key, members) in [
            (&ec, json!({ "d": ec["x"] })),
            (&rsa, json!({ "d": rsa["n"] })),
            (&rsa, json!({ "p": "AQAB", "q": "AQAB" })),
            (&rsa, json!({ "n": short })),
            (&rsa, json!({ "e": "AQ" })),
            (&ec, json!({ "kty": "oct", "k": ec["x"] })),
        ] {
            let refused = post(&server, &with_keys(&with(key.clone(), members))).await;
            assert_refused(refused, "invalid_client_metadata", "jwks");
        }
    }

    async fn dr_08_only_its_own_token_opens_a_registration(db: TestDb) {
        let server = open_server(db).await;
        let (one, other) = (register(&server, &web()).await, register(&server, &web()).await);
        let operators = server.add_client(ClientSpec::web("photos")).await;
        let path = |id: &str| format!("/register/{id}");
        let tokens = [
            other["registration_access_token"].as_str().unwrap(),
            one["client_secret"].as_str().unwrap(),
            "pc_ra_x",
        ];
        for token in tokens {
            for method in ["GET", "PUT", "DELETE"] {
                for id in [one["client_id"].as_str().unwrap(), &operators.id, "nobody", "%00"] {
                    let request = server.request(method.parse().unwrap(), &path(id)).bearer(token);
                    let response = request.body("application/json", replacement(&one, json!({})).to_string()).await;
                    assert!(response.header("www-authenticate").contains("invalid_token"));
                    response.expect_error(401, "invalid_token");
                }
            }
        }
        let missing = server.get(&path(one["client_id"].as_str().unwrap())).await;
        assert_eq!((missing.status.as_u16(), missing.header("www-authenticate")), (401, "Bearer realm=\"portcullis\""));
        manage(&server, "GET", &one).await.expect(200);
    }

    async fn dr_09_a_disabled_client_stays_so_and_an_id_stays_the_same(db: TestDb) {
        let server = open_server(db).await;
        let registered = register(&server, &web()).await;
        let put = |document: Value| manage(&server, "PUT", &registered).body("application/json", document.to_string());
        for id in [json!("app_other"), Value::Null, json!(1)] {
            let response = put(replacement(&registered, json!({ "client_id": id }))).await;
            assert_refused(response, "invalid_request", "client_id");
        }
        let wrong = json!({ "client_secret": register(&server, &web()).await["client_secret"] });
        assert_refused(put(replacement(&registered, wrong)).await, "invalid_request", "client_secret");
        let managed = put(registered.clone()).await;
        assert_refused(managed, "invalid_request", "registration_access_token");
        put(replacement(&registered, json!({ "disabled_at": null, "consent": "trusted" }))).await.expect(200);

        let shop = client(&registered);
        server.store().set_client_enabled(&shop.client_id(), false, server.app.clock().now()).await.unwrap();
        for method in ["GET", "PUT", "DELETE"] {
            let document = replacement(&registered, json!({})).to_string();
            let response = manage(&server, method, &registered).body("application/json", document).await;
            response.expect_error(401, "invalid_token");
        }
        let after = server.store().client(&shop.client_id()).await.unwrap().unwrap();
        assert!(!after.is_enabled() && after.metadata.consent == portcullis::model::client::ConsentPolicy::Ask);
    }

    async fn dr_10_with_a_client_everything_ends_that_it_was_given(db: TestDb) {
        let server = open_server(db).await;
        let other = server.second_node().await;
        let registered = register(&server, &web_with(json!({ "grant_types": ["authorization_code", "refresh_token"] }))).await;
        let shop = client(&registered);
        server.alice().await;
        let tokens = server.code_flow(&shop, "openid offline_access").await;
        let (code, request) = server.code(&shop, "openid").await;
        other.userinfo(&tokens.access).await.expect(200);
        manage(&server, "DELETE", &registered).await.expect(204);
        for node in [&server, &other] {
            node.userinfo(&tokens.access).await.expect_error(401, "invalid_token");
            node.refresh(&shop, tokens.refresh()).await.expect_error(401, "invalid_client");
            node.redeem(&shop, &code, &request).await.expect_error(401, "invalid_client");
        }
        let page = Browser::new(&other).authorize(&request).await.page();
        assert_eq!(page.status(), 400);
    }

    /// Of two replacements over the same revision one is told; neither is mixed into the other.
    async fn replacements_that_cross_do_not_mix(db: TestDb) {
        let server = open_server(db).await;
        let registered = register(&server, &web()).await;
        let node = server.second_node().await;
        let put = |node, name: &str| {
            let document = replacement(&registered, json!({ "client_name": name, "contacts": [name] })).to_string();
            manage(node, "PUT", &registered).body("application/json", document)
        };
        for round in 0..5 {
            let (one, two) = (format!("One {round}"), format!("Two {round}"));
            let (a, b) = tokio::join!(put(&server, &one).send(), put(&node, &two).send());
            for answer in [&a, &b] {
                assert!(matches!(answer.status.as_u16(), 200 | 503), "{}", answer.text());
            }
            assert!(a.status == 200 || b.status == 200);
            let now = manage(&server, "GET", &registered).await.json();
            assert_eq!(now["contacts"], json!([now["client_name"]]));
        }
    }

    async fn a_change_of_kind_changes_the_secrets(db: TestDb) {
        let server = open_server(db).await;
        let registered = register(&server, &web()).await;
        let put = |members: Value| {
            let document = replacement(&registered, members);
            manage(&server, "PUT", &registered).body("application/json", document.to_string())
        };
        let public = put(json!({ "token_endpoint_auth_method": "none", "client_secret": null })).await.expect(200).json();
        assert_eq!(public.get("client_secret"), None);
        let id = client(&registered).client_id();
        let stored = server.store().client(&id).await.unwrap().unwrap();
        assert!(stored.secrets.is_empty() && stored.metadata.pkce == PkcePolicy::Required);
        let back = put(json!({ "token_endpoint_auth_method": "client_secret_post", "client_secret": null })).await;
        let back = back.expect(200).json();
        assert_eq!(back["client_secret_expires_at"], 0);
        let mut shop = client(&back);
        server.alice().await;
        let (code, request) = server.code(&shop, "openid").await;
        let secret = shop.secret.take().unwrap();
        let fields = [
            ("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", &shop.redirect_uri),
            ("code_verifier", &request.verifier), ("client_id", &shop.id), ("client_secret", &secret),
        ];
        Tokens::of(server.post_form("/token", &fields).await);
    }

    /// What people allowed was an app of that name at that place.
    async fn another_name_or_another_place_asks_for_consent_again(db: TestDb) {
        let server = open_server(db).await;
        server.alice().await;
        let registered = register(&server, &web()).await;
        let request = AuthRequest::new(&client(&registered), "openid");
        let mut browser = Browser::new(&server);
        browser.authorize(&request).await.page();
        browser.sign_in("alice", PASSWORD).await;
        browser.consent("allow").await.callback();
        let put = |members: Value| {
            let document = replacement(&registered, members).to_string();
            manage(&server, "PUT", &registered).body("application/json", document)
        };
        put(json!({ "contacts": ["ops@shop.example"] })).await.expect(200);
        assert!(!browser.authorize(&request).await.callback().code().is_empty(), "nothing that people see");
        put(json!({ "redirect_uris": ["https://shop.example/callback", "https://elsewhere.example/callback"] })).await.expect(200);
        assert!(browser.authorize(&request).await.page().is_consent());
    }
}
