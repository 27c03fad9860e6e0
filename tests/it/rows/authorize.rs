//! AZ-01 to AZ-05, AZ-12, AZ-13, AZ-26 to AZ-29: who asks, and where the answer may go. Until both are proven, errors are
//! pages.

use axum::http::Method;
use portcullis::protocol::error::Reason;
use portcullis::protocol::redirect_uri::{RedirectUri, RedirectUriError};

use super::answers::{assert_headers_of_a_page, assert_page, get, post, refused};
use crate::support::{AuthRequest, Browser, ClientSpec, TestClient, TestResponse, TestServer, both_stores};

async fn setup(db: crate::support::TestDb) -> (TestServer, TestClient) {
    let server = TestServer::new(db).await;
    let client = server.add_client(ClientSpec::web("shop")).await;
    (server, client)
}

/// A page, by GET as by POST.
async fn assert_page_for(server: &TestServer, request: &AuthRequest) {
    assert_page(&get(server, request).await);
    assert_page(&post(server, request).await);
}

both_stores! {
    async fn az_01_without_client_id_a_page(db: TestDb) {
        let (server, client) = setup(db).await;
        let request = AuthRequest::new(&client, "openid");
        assert_page_for(&server, &request.clone().without("client_id")).await;
        assert_page_for(&server, &request.set("client_id", "")).await;
        assert_page(&server.get("/authorize").await);
    }

    /// To the byte, once the reference is the same.
    async fn az_02_unknown_and_disabled_clients_look_the_same(db: TestDb) {
        let (server, client) = setup(db).await;
        let request = AuthRequest::new(&client, "openid");
        let id = client.client_id();
        let now = server.app.clock().now();
        get(&server, &request).await.expect(303);
        server.store().set_client_enabled(&id, false, now).await.unwrap();
        let ask = async |client_id: &str| {
            let request = request.clone().set("client_id", client_id);
            let response = get(&server, &request).header("x-request-id", "the-reference").await;
            assert_page(&response);
            response
        };
        let disabled = ask("shop").await;
        for other in ["nobody", "not a client id", &"x".repeat(129), "shop\u{200b}", "../shop"] {
            let unknown = ask(other).await;
            assert_eq!(unknown.body, disabled.body, "{other}");
            assert_eq!(unknown.headers, disabled.headers, "{other}");
        }
    }

    /// The table of `redirect_uris.rs` has the many ways to be unregistered.
    async fn az_03_an_unregistered_redirect_uri_gets_a_page_that_does_not_show_it(db: TestDb) {
        let (server, client) = setup(db).await;
        let request = AuthRequest::new(&client, "openid").set("redirect_uri", "https://evil.example/callback");
        assert_page_for(&server, &request).await;
        assert!(!get(&server, &request).await.text().contains("evil"));
        // Nor does prompt=none, or a session, make a redirect of it.
        assert_page_for(&server, &request.clone().set("prompt", "none")).await;
        server.alice().await;
        let mut browser = Browser::new(&server);
        browser.grant(&AuthRequest::new(&client, "openid"), "alice").await;
        assert_page(&browser.authorize(&request).await.page().response);
    }

    async fn az_04_az_05_without_redirect_uri_a_page_whether_one_or_several_are_registered(db: TestDb) {
        let (server, one) = setup(db).await;
        let several = ClientSpec::web("several").metadata(|metadata| {
            metadata.redirect_uris.push(RedirectUri::register("https://several.example/other").unwrap());
        });
        let several = server.add_client(several).await;
        for client in [&one, &several] {
            let request = AuthRequest::new(client, "openid");
            assert_page_for(&server, &request.clone().without("redirect_uri")).await;
            assert_page_for(&server, &request.set("redirect_uri", "")).await;
        }
        let plain_oauth = AuthRequest::new(&one, "api:read").without("redirect_uri");
        assert_page_for(&server, &plain_oauth).await;
    }

    async fn az_12_client_id_and_redirect_uri_twice_get_a_page(db: TestDb) {
        let (server, client) = setup(db).await;
        let other = server.add_client(ClientSpec::web("other")).await;
        let request = AuthRequest::new(&client, "openid");
        for (name, value) in [
            ("client_id", client.id.as_str()),
            ("client_id", &other.id),
            ("client_id", ""),
            ("redirect_uri", &client.redirect_uri),
            ("redirect_uri", "https://evil.example/"),
            ("redirect_uri", ""),
        ] {
            assert_page_for(&server, &request.clone().and(name, value)).await;
        }
    }

    /// Equal or not, empty or not: no first and no last wins.
    async fn az_12_any_other_parameter_twice_goes_back(db: TestDb) {
        let (server, client) = setup(db).await;
        let request = AuthRequest::new(&client, "openid");
        for (name, value) in [
            ("state", "the-state"),
            ("state", "another"),
            ("state", ""),
            ("scope", "openid"),
            ("scope", "email"),
            ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
            ("code_challenge_method", "S256"),
            ("response_type", "code"),
            ("response_type", "token"),
            ("nonce", "another"),
            ("foo", "bar"),
        ] {
            let request = request.clone().and("foo", "bar").and(name, value);
            refused(&server, &client, &request, Reason::ParameterRepeated).await;
        }
    }

    async fn az_13_the_same_parameter_in_query_and_body_counts_as_twice(db: TestDb) {
        let (server, client) = setup(db).await;
        let request = AuthRequest::new(&client, "openid");
        let pairs: Vec<_> = request.params.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        for (name, value) in &request.params {
            let query = url::form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish();
            let response = server.post_form(&format!("/authorize?{query}"), &pairs).await;
            if ["client_id", "redirect_uri"].contains(&name.as_str()) {
                assert_page(&response);
            } else {
                let twice = request.clone().and(name, value);
                super::answers::assert_back(&response, &server, &twice, Reason::ParameterRepeated);
            }
        }
    }

    async fn az_26_a_registered_query_is_kept_and_must_match(db: TestDb) {
        let server = TestServer::new(db).await;
        let spec = ClientSpec::web("tenants").trusted().metadata(|metadata| {
            metadata.redirect_uris = vec![RedirectUri::register("https://tenants.example/cb?tenant=1&x=%2F").unwrap()];
        });
        let client = server.add_client(spec).await;
        server.alice().await;
        let request = AuthRequest::new(&client, "openid");
        let mut browser = Browser::new(&server);
        browser.grant(&request, "alice").await;
        let path = format!("/authorize?{}", request.query());
        let response = browser.request(Method::GET, &path).await;
        let answer = super::answers::redirected_to(&response, &client.redirect_uri);
        assert_eq!(answer.keys().collect::<Vec<_>>(), ["code", "iss", "session_state", "state"]);
        refused(&server, &client, &request.clone().without("response_type"), Reason::ResponseTypeMissing).await;
        for other in ["", "?tenant=2&x=%2F", "?tenant=1", "?tenant=1&x=/", "?tenant=1&x=%2F&y", "?x=%2F&tenant=1"] {
            let attempt = format!("https://tenants.example/cb{other}");
            assert_page_for(&server, &request.clone().set("redirect_uri", &attempt)).await;
        }
    }

    async fn az_28_other_methods_are_405(db: TestDb) {
        let (server, client) = setup(db).await;
        let path = format!("/authorize?{}", AuthRequest::new(&client, "openid").query());
        for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS, Method::TRACE] {
            let response = server.request(method.clone(), &path).await.expect(405);
            assert_eq!(response.header("allow"), "GET,HEAD,POST", "{method}");
            assert_eq!(response.header("location"), "");
        }
    }

    async fn az_29_no_other_origin_may_read_an_answer(db: TestDb) {
        let (server, client) = setup(db).await;
        let request = AuthRequest::new(&client, "openid");
        let path = format!("/authorize?{}", request.query());
        // This origin may call the token endpoint; that changes nothing here.
        let origin = "https://shop.example";
        let preflight = server
            .request(Method::OPTIONS, &path)
            .origin(origin)
            .header("access-control-request-method", "GET");
        let refusal = request.clone().without("response_type");
        let mut answers: Vec<TestResponse> = vec![
            preflight.await.expect(405),
            get(&server, &request).origin(origin).await.expect(303),
            post(&server, &request).origin(origin).await.expect(303),
            get(&server, &refusal).origin(origin).await.expect(303),
            get(&server, &request.clone().without("client_id")).origin(origin).await.expect(400),
        ];
        let mut browser = Browser::new(&server);
        let login = browser.authorize(&request).await.page();
        answers.push(browser.request(Method::GET, &login.path).origin(origin).await.expect(200));
        for answer in answers {
            for (name, _) in &answer.headers {
                assert!(!name.as_str().starts_with("access-control-"), "{name}");
            }
        }
    }

    /// The page that the request ends on carries what every page carries.
    async fn az_29_a_page_is_not_framed_and_not_shared(db: TestDb) {
        let (server, client) = setup(db).await;
        server.alice().await;
        let mut browser = Browser::new(&server);
        let login = browser.authorize(&AuthRequest::new(&client, "openid")).await.page();
        assert_headers_of_a_page(&login.response);
        let consent = browser.sign_in("alice", crate::support::PASSWORD).await.page();
        assert!(consent.is_consent());
        assert_headers_of_a_page(&consent.response);
    }

    /// Another site's form comes without our cookie (`SameSite=Lax`). It must not cost the person their sign-in, and it must
    /// not be answered as if nobody were signed in.
    async fn a_request_by_another_sites_form_finds_the_sign_in(db: TestDb) {
        let (server, client) = setup(db).await;
        server.alice().await;
        let request = AuthRequest::new(&client, "openid");
        let mut browser = Browser::new(&server);
        browser.grant(&request, "alice").await;
        for request in [request.clone(), request.set("prompt", "none")] {
            let response = post(&server, &request).origin("https://shop.example").await.expect(303);
            assert_eq!(response.header("set-cookie"), "", "the cookie that was not sent is not replaced");
            let location = response.location().to_owned();
            assert!(location.starts_with("/authorize?"), "{location}");
            let answer = browser.open(&location).await.callback();
            assert!(!answer.code().is_empty());
        }
        assert_eq!(super::answers::count(&server, "interaction").await, 1, "nothing was left waiting");
    }
}

/// Keycloak CVE-2026-9689: what the answer adds cannot be there already, in any spelling.
#[test]
fn az_27_response_parameters_in_a_registered_query_are_refused() {
    for query in [
        "code=1",
        "state=1",
        "iss=x",
        "error=x",
        "error_description=x",
        "error_uri=x",
        "response=x",
        "session_state=x",
        "a=b&code=1",
        "code",
        "%63ode=1",
        "c%6Fde=1",
    ] {
        let uri = format!("https://app.example/cb?{query}");
        assert_eq!(
            RedirectUri::register(&uri),
            Err(RedirectUriError::ReservedParameter),
            "{uri}"
        );
    }
    assert!(RedirectUri::register("https://app.example/cb?tenant=1&statement=2").is_ok());
}
