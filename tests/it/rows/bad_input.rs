//! BI: what HTTP itself can be abused for, through the router.

use std::time::{Duration, Instant};

use axum::Router;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use portcullis::http::layers;
use tower_http::catch_panic::CatchPanicLayer;

use crate::support::{
    AuthRequest, Browser, ClientSpec, PASSWORD, TestClient, TestRequest, TestServer, Tokens, both_stores,
};

const FORM: &str = "application/x-www-form-urlencoded";

/// A token request for the service's own token whose body is exactly `body`.
fn raw_form(server: &TestServer, client: &TestClient, body: &[u8]) -> TestRequest {
    let request = server.request(Method::POST, "/token").body(FORM, body);
    request.basic(&client.id, client.secret.as_deref().unwrap())
}

both_stores! {
    async fn bi_02_only_forms_are_read_at_the_token_endpoint(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::service("batch")).await;
        let secret = client.secret.clone().unwrap();
        let body = "grant_type=client_credentials";
        for (kind, accepted) in [
            (FORM, true),
            ("application/x-www-form-urlencoded; charset=UTF-8", true),
            ("Application/X-WWW-Form-Urlencoded;charset=\"utf-8\"", true),
            ("application/x-www-form-urlencoded; charset=utf-16", false),
            ("application/json", false),
            ("text/plain", false),
            ("multipart/form-data; boundary=x", false),
            ("application/x-www-form-urlencoded, text/plain", false),
            ("application/x-www-form-urlencodedx", false),
            ("", false),
        ] {
            let request = server.request(Method::POST, "/token").body(kind, body).basic("batch", &secret);
            let response = request.await;
            assert_eq!(response.status == 200, accepted, "{kind}");
            if !accepted {
                let response = response.expect_error(400, "invalid_request");
                assert_eq!(response.header("cache-control"), "no-store");
            }
        }
        let json = r#"{"grant_type":"client_credentials"}"#;
        let request = server.request(Method::POST, "/token").body("application/json", json).basic("batch", &secret);
        request.await.expect_error(400, "invalid_request");
        let none = server.request(Method::POST, "/token").basic("batch", &secret);
        none.await.expect_error(400, "invalid_request");
        let twice = server.request(Method::POST, "/token").body(FORM, body).header("content-type", FORM);
        twice.basic("batch", &secret).await.expect_error(400, "invalid_request");
    }

    async fn bi_04_forms_have_no_magic(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::service("batch")).await;
        let many = "a&".repeat(30_000);
        for (body, status) in [
            ("grant_type=client_credentials&a[b][c]=1&a[]=2", 200),
            ("grant%5Ftype=client%5fcredentials", 200),
            ("&&grant_type=client_credentials&&", 200),
            ("grant_type=client_credentials&scope=jobs:run+jobs:read", 200),
            ("grant_type=client_credentials&scope=jobs:run%20jobs:read", 200),
            ("grant_type[]=client_credentials", 400),
            ("grant_type[0]=client_credentials", 400),
            ("grant_type=client_credentials;scope=jobs:run", 400),
            ("grant_type=client_credentials&x=%", 400),
            ("grant_type=client_credentials&x=%zz", 400),
            ("grant_type=client_credentials&x=%C0%AF", 400),
            ("grant_type=client_credentials&x=%u0041", 400),
            ("&", 400),
            ("=", 400),
            (many.as_str(), 400),
        ] {
            let response = raw_form(&server, &client, body.as_bytes()).await;
            assert_eq!(response.status.as_u16(), status, "{}", &body[..body.len().min(60)]);
            if status == 400 {
                assert!(["invalid_request", "unsupported_grant_type"].contains(&response.error().as_str()), "{body}");
            }
        }
    }

    async fn bi_05_invalid_utf8_is_never_repaired(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::service("batch")).await;
        for bad in [&b"\xff"[..], b"%ff", b"%c3%28", b"%ed%a0%80", b"\xc0\xaf", b"%f0%90%80"] {
            for prefix in [&b"grant_type=client_credentials&x="[..], b"grant_type=client_credentials&scope=jobs:run", b"grant_type=client_credentials&"] {
                let response = raw_form(&server, &client, &[prefix, bad].concat()).await;
                response.expect_error(400, "invalid_request");
            }
        }
        let page = server.get("/authorize?client_id=%ff&state=%ff").await.expect(400);
        assert!(page.header("location").is_empty() && !page.text().contains('\u{fffd}'));
    }

    async fn bi_06_nul_never_reaches_the_database(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let good = AuthRequest::new(&client, "openid");
        for name in ["client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge", "login_hint", "foo\0"] {
            let value = good.params.iter().find(|(known, _)| known == name).map_or("x", |(_, value)| value);
            let request = good.clone().set(name, &format!("{value}\0"));
            let response = server.get(&format!("/authorize?{}", request.query())).await.expect(400);
            assert!(response.header("location").is_empty(), "{name}");
        }
        for name in ["grant_type", "code", "refresh_token", "redirect_uri", "code_verifier", "client_id", "scope"] {
            let response = server.token(&client, &[("grant_type", "authorization_code"), (name, "x\0")]).await;
            response.expect_error(400, "invalid_request");
        }
        server.post_as(&client, "/revoke", &[("token", "x\0")]).await.expect_error(400, "invalid_request");
        server.post_form("/token", &[("grant_type", "client_credentials")]).basic("shop\0", "x\0").await.expect(401);
        for path in ["/interaction/%00/login", "/client/%00/logo", "/static/%00", "/%00"] {
            let status = server.get(path).await.status.as_u16();
            assert!((400..500).contains(&status), "{path}: {status}");
        }
    }

    async fn bi_07_line_ends_stay_inside_values(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let client = server.add_client(ClientSpec::web("shop").trusted()).await;
        let injected = "x\r\nSet-Cookie: evil=1\r\n\r\n<script>";
        let mut browser = Browser::new(&server);
        let request = AuthRequest::new(&client, "openid").set("state", injected);
        let callback = browser.grant(&request, "alice").await;
        assert_eq!(callback.get("state"), injected, "exactly, encoded");
        let query = request.query();
        let response = browser.request(Method::GET, &format!("/authorize?{query}")).await.expect(303);
        assert!(response.location().contains("state=x%0D%0ASet-Cookie"), "{}", response.location());
        let query = request.set("response_mode", "form_post").query();
        let response = browser.request(Method::GET, &format!("/authorize?{query}")).await.expect(200);
        assert!(!response.text().contains("<script>x"));
        let mut cookies = response.headers.get_all("set-cookie").iter();
        assert!(cookies.all(|cookie| cookie.to_str().unwrap().starts_with("__Host-portcullis-state=")));
        for name in ["redirect_uri", "client_id"] {
            let request = AuthRequest::new(&client, "openid").set(name, injected);
            let response = server.get(&format!("/authorize?{}", request.query())).await.expect(400);
            assert!(response.header("location").is_empty() && !response.text().contains("Set-Cookie"), "{name}");
        }
    }

    async fn bi_08_errors_are_written_in_the_allowed_characters(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let fine = |text: &str| text.bytes().all(|byte| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e));
        let nasty = "\"\\\u{7f}é\r\n\t<>";
        let mut answers = Vec::new();
        for name in ["grant_type", "code", "scope", "redirect_uri", nasty] {
            answers.push(server.token(&client, &[("grant_type", "authorization_code"), (name, nasty)]).await);
        }
        answers.push(server.post_form("/token", &[("client_id", nasty), ("client_secret", nasty)]).await);
        answers.push(server.get("/userinfo").bearer("x\"y\\z").await);
        for response in answers {
            let json = response.json();
            let (error, description) = (json["error"].as_str().unwrap(), json["error_description"].as_str().unwrap());
            assert!(fine(error) && fine(description), "{json}");
            assert!(!response.header("www-authenticate").contains("x\"y"), "nothing is echoed");
        }
        for (name, value) in [("scope", nasty), ("response_type", nasty), ("prompt", nasty), ("max_age", nasty)] {
            let request = AuthRequest::new(&client, "openid").set(name, value);
            let callback = Browser::new(&server).authorize(&request).await.callback();
            assert!(!callback.get("error").is_empty() && fine(callback.get("error")), "{name}");
            assert!(fine(callback.get("error_description")), "{name}");
        }
    }

    async fn bi_14_forwarding_headers_are_not_believed(db: TestDb) {
        let server = TestServer::new(db).await;
        let plain = server.get("/.well-known/openid-configuration").await.expect(200);
        for (name, value) in [
            ("x-forwarded-host", "evil.example"),
            ("x-forwarded-proto", "http"),
            ("forwarded", "host=evil.example;proto=http"),
            ("x-original-url", "/healthz"),
            ("x-rewrite-url", "/healthz"),
            ("x-http-method-override", "DELETE"),
            ("x_forwarded_host", "evil.example"),
            ("host", "evil.example"),
        ] {
            let response = server.get("/.well-known/openid-configuration").header(name, value).await.expect(200);
            assert_eq!(response.body, plain.body, "{name}");
            let page = server.get("/login").header(name, value).await.expect(200);
            assert!(!page.text().contains("evil.example"), "{name}");
            assert!(page.header("set-cookie").contains("; Secure"), "{name}");
        }
    }

    async fn bi_16_a_path_has_one_spelling(db: TestDb) {
        let server = TestServer::at(db, "https://id.example/tenant", |_| {}).await;
        for path in [
            "/tenant//token", "//tenant/token", "/tenant/token/", "/tenant/TOKEN", "/Tenant/token", "/tenant/%74oken",
            "/tenant/token;x=y", "/tenant/./token", "/tenant/x/../token", "/tenant/..%2ftoken", "/tenant%2ftoken",
            "/tenant/token%00", "/tenant/token%20", "/token", "/login", "/tenant/token.json", "/tenant/login/",
            "/tenant/static/..%2f..%2fetc%2fpasswd", "/tenant/static/../login",
        ] {
            for method in [Method::GET, Method::POST] {
                let response = server.request(method.clone(), path).form(&[]).await;
                let status = if path.contains("/static/..%2f") && method == Method::POST { 405 } else { 404 };
                assert_eq!(response.status.as_u16(), status, "{method} {path}");
            }
        }
        server.get("/tenant/login").await.expect(200);
    }

    async fn bi_17_compressed_bodies_are_not_unpacked(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::service("batch")).await;
        for coding in ["gzip", "deflate", "br", "identity", "gzip, gzip"] {
            let request = raw_form(&server, &client, b"grant_type=client_credentials");
            request.header("content-encoding", coding).await.expect_error(400, "invalid_request");
        }
        let response = server.get("/login").header("accept-encoding", "gzip;q=1, *;q=0.5, br;q=0.9").await.expect(200);
        assert!(response.header("content-encoding").is_empty());
    }

    async fn bi_18_long_values_cost_little(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let long = format!("{}!", "a".repeat(50_000));
        let spaced = "a ".repeat(25_000);
        let dotted = format!("https://{}example", "a.".repeat(20_000));
        let escaped = "%41".repeat(16_000);
        let started = Instant::now();
        let mut count = 0;
        for value in [&long, &spaced, &dotted, &escaped] {
            for name in ["scope", "redirect_uri", "state", "login_hint", "claims", "prompt", "id_token_hint", "resource", "code_challenge"] {
                let request = AuthRequest::new(&client, "openid").set(name, value);
                let response = server.post_form("/authorize", &request.params.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>()).await;
                assert!(!response.status.is_server_error(), "{name}");
                count += 1;
            }
            let response = server.userinfo(&value.replace(' ', "x")).await;
            response.expect_error(401, "invalid_token");
        }
        let each = started.elapsed() / count;
        assert!(each < Duration::from_millis(50), "{each:?} each");
    }

    async fn bi_19_deep_nesting_is_an_error(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let deep = format!("{}1{}", "[".repeat(8_000), "]".repeat(8_000));
        let objects = format!("{}1{}", "{\"a\":".repeat(3_000), "}".repeat(3_000));
        for claims in [&deep, &objects, &format!("{{\"userinfo\":{objects}}}")] {
            let request = AuthRequest::new(&client, "openid").set("claims", claims);
            let fields: Vec<_> = request.params.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let response = server.post_form("/authorize", &fields).await.expect(303);
            assert!(response.location().contains("error=invalid_request"), "{}", response.location());
        }
        use base64::Engine as _;
        let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
        for header in [&deep, &objects, &format!("{{\"alg\":\"RS256\",\"kid\":{deep}}}")] {
            let token = format!("{}.{}.{}", encode(header), encode(&objects), encode("x"));
            server.userinfo(&token).await.expect_error(401, "invalid_token");
        }
    }

    async fn bi_20_many_names_take_linear_time(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let names: Vec<String> = (0..9_000).map(|number| format!("p{number}=")).collect();
        let body = names.join("&");
        let started = Instant::now();
        raw_form(&server, &client, body.as_bytes()).await.expect_error(400, "invalid_request");
        let page = server.request(Method::POST, "/login").body(FORM, body).await;
        assert_eq!(page.status, 400);
        assert!(started.elapsed() < Duration::from_millis(500), "{:?}", started.elapsed());
    }

    async fn bi_21_numbers_beyond_their_range_are_refused(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let client = server.add_client(ClientSpec::web("shop").trusted()).await;
        let mut browser = Browser::new(&server);
        browser.grant(&AuthRequest::new(&client, "openid"), "alice").await.code();
        for value in ["-1", "9223372036854775807", "9223372036854775808", "18446744073709551616", "1e308", "0x10", "1.5", "NaN", " 1", "+1"] {
            let callback = browser.authorize(&AuthRequest::new(&client, "openid").set("max_age", value)).await.callback();
            assert_eq!(callback.get("error"), "invalid_request", "{value}");
        }
        let century = AuthRequest::new(&client, "openid").set("max_age", "3153600000");
        assert!(!browser.authorize(&century).await.callback().code().is_empty());
    }

    async fn bi_23_metacharacters_are_stored_and_shown_as_they_are(db: TestDb) {
        let server = TestServer::new(db).await;
        let nasty = "'; DROP TABLE users; -- {{7*7}} ${jndi:x} <b>&amp; %s *)(uid=*";
        let mut alice = server.alice().await;
        alice.claims.name = Some(nasty.to_owned());
        server.store().set_claims(&alice, server.app.clock().now()).await.unwrap();
        let client = server.add_client(ClientSpec::web("shop").metadata(|metadata| metadata.name = nasty.to_owned())).await;
        let request = AuthRequest::new(&client, "openid profile").set("state", nasty).set("nonce", nasty).set("login_hint", nasty);
        let mut browser = Browser::new(&server);
        let page = browser.authorize(&request).await.page();
        assert!(!page.response.text().contains("<b>") && !page.response.text().contains("-- 49"));
        assert_eq!(page.form().fields.iter().find(|(name, _)| name == "username").unwrap().1, nasty);
        assert_eq!(browser.sign_in(nasty, nasty).await.page().status(), 401);
        let page = browser.sign_in("alice", PASSWORD).await.page();
        assert!(!page.response.text().contains("<b>"));
        let callback = browser.consent("allow").await.callback();
        assert_eq!(callback.get("state"), nasty);
        let tokens = Tokens::of(server.redeem(&client, &callback.code(), &request).await);
        assert_eq!(crate::support::claims(tokens.id.as_deref().unwrap())["nonce"], nasty);
        assert_eq!(server.userinfo(&tokens.access).await.json()["name"], nasty);
    }

    async fn bi_24_no_huge_value_reaches_the_database(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let huge = "x".repeat(60_000);
        server.refresh(&client, &huge).await.expect_error(400, "invalid_grant");
        server.revoke(&client, &huge).await.expect(200);
        server.post_form("/token", &[("client_id", &huge), ("grant_type", "client_credentials")]).await.expect(401);
        let response = server.userinfo(&"x".repeat(1024 * 1024)).await;
        response.expect_error(401, "invalid_token");
        server.refresh(&client, &"x".repeat(20 * 1024 * 1024)).await.expect_error(413, "invalid_request");
    }

    async fn bi_25_who_may_not_send_is_not_read_at_length(db: TestDb) {
        let server = TestServer::new(db).await;
        for path in ["/token", "/revoke", "/userinfo", "/login", "/logout", "/authorize"] {
            let request = server.request(Method::POST, path).body(FORM, vec![b'x'; 5 * 1024 * 1024]);
            request.await.expect(413);
        }
        // A body that is no form is not read at all, and presents no token.
        let request = server.request(Method::POST, "/userinfo").body("application/json", vec![b'['; 60_000]);
        request.await.expect(401);
    }

    async fn bi_27_a_panic_is_one_failed_request(db: TestDb) {
        let server = TestServer::new(db).await;
        let router = Router::new()
            .route("/panic", get(async || -> String { panic!("canary") }))
            .route("/well", get(async || "well"))
            .layer(CatchPanicLayer::custom(layers::panicked))
            .layer(from_fn_with_state(server.app.clone(), layers::observe));
        let node = server.through(router);
        for _ in 0..3 {
            let (failed, well) = tokio::join!(node.get("/panic"), node.get("/well"));
            let failed = failed.expect_error(500, "server_error");
            assert!(!failed.text().contains("canary"));
            assert_eq!(failed.header("content-type"), "application/json");
            assert_eq!((failed.header("cache-control"), failed.header("x-content-type-options")), ("no-store", "nosniff"));
            assert!(!failed.header("x-request-id").is_empty());
            well.expect(200);
        }
    }

    async fn bi_28_a_crowd_of_honest_users_is_served(db: TestDb) {
        // One account stands for the crowd; no person signs in forty times at once.
        let server = TestServer::with(db, |config| config.limits.sign_in_per_account = "40 per 1m".parse().unwrap()).await;
        server.alice().await;
        let client = server.add_client(ClientSpec::web("shop").trusted()).await;
        let mut crowd = tokio::task::JoinSet::new();
        for _ in 0..40 {
            let (server, client) = (server.clone(), client.clone());
            crowd.spawn(async move {
                let request = AuthRequest::new(&client, "openid offline_access");
                let code = Browser::new(&server).grant(&request, "alice").await.code();
                let tokens = Tokens::of(server.redeem(&client, &code, &request).await);
                let renewed = Tokens::of(server.refresh(&client, tokens.refresh()).await);
                server.userinfo(&renewed.access).await.expect(200);
            });
        }
        assert_eq!(crowd.join_all().await.len(), 40);
        let mut raw = server.db.raw().await;
        assert_eq!(raw.number("SELECT count(*) FROM grants WHERE ended_at IS NULL").await, 40);
    }

    async fn bi_29_nothing_internal_is_served(db: TestDb) {
        let server = TestServer::new(db).await;
        for path in [
            "/metrics", "/debug", "/debug/pprof/", "/actuator", "/actuator/env", "/openapi.json", "/swagger", "/docs",
            "/.env", "/.git/config", "/config", "/admin", "/status", "/server-status", "/info", "/version", "/heapdump",
            "/graphql", "/health", "/.well-known/security.txt",
        ] {
            assert_eq!(server.get(path).await.status, 404, "{path}");
        }
        assert_eq!(server.get("/healthz").await.expect(200).text(), "ok\n");
        assert_eq!(server.get("/readyz").await.expect(200).text(), "ready\n");
    }
}
