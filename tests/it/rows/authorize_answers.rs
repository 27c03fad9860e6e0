//! AZ-18 to AZ-25, AZ-39, AZ-40, AZ-44: what travels back to the client, and how.

use std::collections::HashSet;

use axum::http::Method;
use portcullis::config::Config;
use portcullis::crypto::opaque::{Kind, OpaqueToken};
use portcullis::protocol::error::Reason;

use super::answers::{get, redirected_to, refused};
use crate::support::{
    AuthRequest, Browser, ClientSpec, PASSWORD, TestClient, TestDb, TestResponse, TestServer, Tokens, both_stores,
    claims, seconds,
};

/// A client that never asks for consent, and a browser that alice has signed in with: requests are answered at once.
async fn signed_in(db: TestDb) -> (TestServer, TestClient, Browser) {
    let server = TestServer::new(db).await;
    let client = server.add_client(ClientSpec::web("shop").trusted()).await;
    server.alice().await;
    let mut browser = Browser::new(&server);
    browser.grant(&AuthRequest::new(&client, "openid"), "alice").await;
    (server, client, browser)
}

/// The raw answer to a request of a browser.
async fn ask(browser: &Browser, request: &AuthRequest) -> TestResponse {
    let path = format!("/authorize?{}", request.query());
    browser.request(Method::GET, &path).await
}

both_stores! {
    async fn az_18_a_long_state_comes_back_whole_or_not_at_all(db: TestDb) {
        let (server, client, browser) = signed_in(db).await;
        let request = AuthRequest::new(&client, "openid");
        for length in [128, 1024, 4096] {
            let state = "s~".repeat(length / 2);
            let answer = redirected_to(&ask(&browser, &request.clone().set("state", &state)).await, &client.redirect_uri);
            assert_eq!(answer["state"], state);
            assert!(answer.contains_key("code"));
        }
        let too_long = request.set("state", &"s".repeat(4097));
        refused(&server, &client, &too_long, Reason::StateTooLong).await;
    }

    async fn az_19_a_hostile_state_comes_back_as_one_parameter(db: TestDb) {
        let (_, client, browser) = signed_in(db).await;
        let request = AuthRequest::new(&client, "openid");
        for state in [
            "\"><script>alert(1)</script>",
            "\r\nSet-Cookie: x=y",
            "a+b c%2Bd%20e",
            "&code=evil&iss=https://evil.example",
            "#code=evil",
            "ünïcödé \u{1f512}\u{202e}",
            "?a=b;c=d",
            "'\\`{}|^[]",
        ] {
            let response = ask(&browser, &request.clone().set("state", state)).await;
            let answer = redirected_to(&response, &client.redirect_uri);
            assert_eq!(answer["state"], state);
            assert_eq!(answer.keys().collect::<Vec<_>>(), ["code", "iss", "session_state", "state"]);
            assert_eq!(answer["iss"], "https://id.example");
            assert_eq!(response.location().matches("code=").count(), 1, "{}", response.location());
            assert!(response.location().is_ascii());
            let mut cookies = response.headers.get_all("set-cookie").iter();
            assert!(cookies.all(|cookie| cookie.to_str().unwrap().starts_with("__Host-portcullis-state=")));
        }
    }

    async fn az_20_a_long_nonce_comes_back_whole_or_is_refused(db: TestDb) {
        let (server, client, mut browser) = signed_in(db).await;
        for length in [384, 1024] {
            let nonce = "n\"".repeat(length / 2);
            let request = AuthRequest::new(&client, "openid").set("nonce", &nonce);
            let code = browser.authorize(&request).await.callback().code();
            let tokens = Tokens::of(server.redeem(&client, &code, &request).await);
            assert_eq!(claims(&tokens.id.unwrap())["nonce"], nonce);
        }
        let too_long = AuthRequest::new(&client, "openid").set("nonce", &"n".repeat(1025));
        refused(&server, &client, &too_long, Reason::NonceTooLong).await;
    }

    async fn az_21_az_25_success_is_code_state_and_iss_alone_with_an_empty_fragment(db: TestDb) {
        let (server, client, browser) = signed_in(db).await;
        let response = ask(&browser, &AuthRequest::new(&client, "openid")).await;
        let answer = redirected_to(&response, &client.redirect_uri); // asserts the fragment
        assert_eq!(answer.keys().collect::<Vec<_>>(), ["code", "iss", "session_state", "state"]);
        assert_eq!(answer["state"], "the-state");
        let metadata = server.get("/.well-known/openid-configuration").await.expect(200).json();
        assert_eq!(answer["iss"], metadata["issuer"]);
        let response = ask(&browser, &AuthRequest::new(&client, "openid").without("state")).await;
        let answer = redirected_to(&response, &client.redirect_uri);
        assert_eq!(answer.keys().collect::<Vec<_>>(), ["code", "iss", "session_state"], "no state was sent, none comes back");
    }

    /// Errors of validation are asserted in `refused`, for each; these arise later.
    async fn az_22_errors_that_arise_later_name_issuer_and_state_too(db: TestDb) {
        let server = TestServer::at(db, "https://id.example/tenant", |_| {}).await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        server.alice().await;
        let mut browser = Browser::new(&server);
        let request = AuthRequest::new(&client, "openid");
        let silent = request.clone().set("prompt", "none");
        let mut answers = vec![("login_required", browser.authorize(&silent).await.callback())];
        browser.authorize(&request).await.page();
        browser.sign_in("alice", PASSWORD).await.page();
        answers.push(("consent_required", browser.authorize(&silent).await.callback()));
        browser.authorize(&request).await.page();
        answers.push(("access_denied", browser.consent("deny").await.callback()));
        for (error, answer) in answers {
            assert_eq!(answer.uri, client.redirect_uri);
            assert_eq!(answer.get("error"), error);
            assert_eq!(answer.get("iss"), "https://id.example/tenant");
            assert_eq!(answer.get("state"), "the-state");
            assert_eq!(answer.get("code"), "");
        }
    }

    async fn az_23_metadata_promises_iss(db: TestDb) {
        let server = TestServer::new(db).await;
        for path in ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"] {
            let metadata = server.get(path).await.expect(200).json();
            assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
        }
    }

    /// 303: the form with the password is not sent on (RFC 9700 §4.12).
    async fn az_24_a_form_that_ends_at_the_client_is_answered_303(db: TestDb) {
        let (server, trusted, _) = signed_in(db).await;
        let mut browser = Browser::new(&server);
        browser.authorize(&AuthRequest::new(&trusted, "openid")).await.page();
        let (_, login) = browser.submission(&[("username", "alice"), ("password", PASSWORD)]);
        let response = login.await;
        let answer = redirected_to(&response, &trusted.redirect_uri);
        assert_eq!(answer.keys().collect::<Vec<_>>(), ["code", "iss", "session_state", "state"]);

        let asks = server.add_client(ClientSpec::web("asks")).await;
        for (decision, keys) in [("deny", ["error", "error_description"]), ("allow", ["code", "iss"])] {
            let mut browser = Browser::new(&server);
            browser.authorize(&AuthRequest::new(&asks, "openid")).await.page();
            browser.sign_in("alice", PASSWORD).await.page();
            let (_, consent) = browser.submission(&[("decision", decision)]);
            let answer = redirected_to(&consent.await, &asks.redirect_uri);
            assert!(keys.iter().all(|key| answer.contains_key(*key)), "{answer:?}");
        }
    }

    /// Where the mode itself is wrong, the answer goes by the default one.
    async fn az_39_other_response_modes_are_refused_by_query(db: TestDb) {
        let (server, client, _) = signed_in(db).await;
        for mode in ["web_message", "jwt", "query.jwt", "Query", "query form_post", "unknown"] {
            let request = AuthRequest::new(&client, "openid").set("response_mode", mode);
            refused(&server, &client, &request, Reason::ResponseModeUnsupported).await;
        }
        // An ID token in a query is refused as a response type, before anything about modes.
        let request = AuthRequest::new(&client, "openid").set("response_mode", "query").set("response_type", "id_token");
        refused(&server, &client, &request, Reason::ResponseTypeUnsupported).await;
        let metadata = server.get("/.well-known/openid-configuration").await.expect(200).json();
        assert_eq!(metadata["response_modes_supported"], serde_json::json!(["query", "fragment", "form_post"]));
    }

    /// `fragment` for a code is the client's choice (OAuth 2.0 Multiple Response Types §2.1): success and errors travel in it.
    async fn az_39_fragment_carries_every_answer_and_nothing_is_in_the_query(db: TestDb) {
        let (server, client, browser) = signed_in(db).await;
        let request = AuthRequest::new(&client, "openid").set("response_mode", "fragment").set("state", "a b&c#d?e=+");
        let success = ask(&browser, &request).await.expect(303);
        let refusal = get(&server, &request.clone().set("prompt", "none")).await.expect(303);
        let invalid = get(&server, &request.clone().set("max_age", "-1")).await.expect(303);
        for (response, keys) in [
            (&success, &["code", "iss", "session_state", "state"][..]),
            (&refusal, &["error", "error_description", "iss", "state"]),
            (&invalid, &["error", "error_description", "iss", "state"]),
        ] {
            let added = response.location().strip_prefix(&format!("{}#", client.redirect_uri)).unwrap();
            assert!(!added.contains(['#', '?']), "{added}");
            let pairs: Vec<(String, String)> = url::form_urlencoded::parse(added.as_bytes()).into_owned().collect();
            let mut names: Vec<_> = pairs.iter().map(|(name, _)| name.as_str()).collect();
            names.sort_unstable();
            assert_eq!(names, keys);
            assert!(pairs.contains(&("state".to_owned(), "a b&c#d?e=+".to_owned())), "{pairs:?}");
        }
    }

    async fn az_40_the_form_post_page_has_one_known_script_and_one_place_to_go(db: TestDb) {
        let (server, client, browser) = signed_in(db).await;
        let state = "\"><script>alert(1)</script>";
        let request = AuthRequest::new(&client, "openid").set("response_mode", "form_post").set("state", state);
        let success = ask(&browser, &request).await.expect(200);
        let refusal = get(&server, &request.clone().set("prompt", "none")).await.expect(200);
        let refused_by_validation = get(&server, &request.clone().set("max_age", "-1")).await.expect(200);
        for response in [&success, &refusal, &refused_by_validation] {
            assert_eq!(response.header("content-type"), "text/html; charset=utf-8");
            assert_eq!(response.header("cache-control"), "no-store");
            assert_eq!(response.header("location"), "");
            assert_eq!(response.header("x-frame-options"), "DENY");
            let policy = response.header("content-security-policy");
            assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
            // Any https origin: browsers count what the callback redirects to as part of the form.
            assert!(policy.contains("form-action https:; "), "{policy}");
            assert!(!policy.contains("unsafe"), "{policy}");
            let text = response.text();
            assert_eq!((text.matches("<script").count(), text.matches("<form").count()), (1, 1), "{text}");
            assert!(!text.contains("alert(1)</script>") && !text.contains("javascript:"), "{text}");
        }
        let mut browser = browser.clone();
        let answer = browser.authorize(&request).await.callback();
        assert_eq!(answer.uri, client.redirect_uri);
        assert_eq!(answer.params.keys().collect::<Vec<_>>(), ["code", "iss", "session_state", "state"]);
        assert_eq!(answer.get("state"), state);
        let code = answer.code();
        Tokens::of(server.redeem(&client, &code, &request).await);
    }

    async fn az_44_a_code_is_opaque_and_lives_a_minute(db: TestDb) {
        let (server, client, mut browser) = signed_in(db).await;
        let request = AuthRequest::new(&client, "openid");
        let code = browser.authorize(&request).await.callback().code();
        assert!(OpaqueToken::parse(Kind::Code, &code).is_some(), "{code}");
        assert_eq!(code.len(), 6 + 43 + 6);
        server.advance(60);
        server.redeem(&client, &code, &request).await.expect_error(400, "invalid_grant");
        let code = browser.authorize(&request).await.callback().code();
        server.advance(59);
        Tokens::of(server.redeem(&client, &code, &request).await);
    }
}

/// RFC 6749 §4.1.2: at most ten minutes, whatever the operator writes.
#[test]
fn az_44_no_configuration_makes_codes_live_longer_than_ten_minutes() {
    let mut config = Config::with_defaults("https://id.example".parse().unwrap());
    assert!(config.tokens.code_lifetime <= seconds(60));
    config.tokens.code_lifetime = seconds(600);
    config.check().unwrap();
    for lifetime in [0, 601] {
        config.tokens.code_lifetime = seconds(lifetime);
        assert!(config.check().is_err(), "{lifetime}");
    }
}

/// 256 random bits each. Of a million samples in a release build, of a hundred thousand in a slow one, no two are equal, and
/// every character of the random part takes on every value that it can.
#[test]
fn az_44_codes_are_unique_and_use_their_whole_alphabet() {
    let samples: usize = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };
    let mut seen = HashSet::with_capacity(samples);
    let mut values = vec![HashSet::new(); 43];
    for _ in 0..samples {
        let code = OpaqueToken::generate(Kind::Code);
        let random = code.expose().strip_prefix("pc_ac_").unwrap().get(..43).unwrap();
        for (seen, byte) in values.iter_mut().zip(random.bytes()) {
            seen.insert(byte);
        }
        assert!(seen.insert(code.digest()), "drawn twice");
    }
    // 62^43 is a little over 2^256, so the first character does not reach the end of the alphabet.
    assert!(values[1..].iter().all(|seen| seen.len() == 62));
}
