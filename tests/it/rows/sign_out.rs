//! OI: signing out without a client that asks for it.

use axum::http::Method;

use crate::support::{AuthRequest, Browser, ClientSpec, PASSWORD, TestServer, Tokens, both_stores};

async fn heading(browser: &Browser) -> String {
    browser.clone().open("/").await.page().heading()
}

both_stores! {
    async fn oi_02_signing_out_is_asked_first(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let mut browser = Browser::new(&server);
        browser.open("/login").await.page();
        browser.sign_in("alice", PASSWORD).await.page();
        for query in ["", "?id_token_hint=x", "?post_logout_redirect_uri=https%3A%2F%2Fevil.example%2F&state=x"] {
            let page = browser.open(&format!("/logout{query}")).await.page();
            assert_eq!(page.form().action, "/logout");
            assert!(!page.response.text().contains("evil.example"));
        }
        assert_eq!(heading(&browser).await, "You are signed in");
    }

    async fn oi_06_a_picture_on_another_site_signs_nobody_out(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let mut browser = Browser::new(&server);
        browser.open("/login").await.page();
        browser.sign_in("alice", PASSWORD).await.page();
        let cookie = browser.cookie_header();
        for method in [Method::GET, Method::HEAD] {
            let request = server.request(method, "/logout").cookie(&cookie);
            let response = request.header("sec-fetch-site", "cross-site").header("sec-fetch-dest", "image").await.expect(200);
            assert_eq!(response.header("set-cookie"), "");
        }
        for token in ["", "csrf"] {
            let form = server.post_form("/logout", &[(token, "x")]).cookie(&cookie).header("sec-fetch-site", "cross-site");
            form.await.expect(if token.is_empty() { 200 } else { 403 });
        }
        assert_eq!(heading(&browser).await, "You are signed in");
    }

    async fn oi_07_the_old_cookie_and_the_back_button_show_nothing(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let mut browser = Browser::new(&server);
        browser.open("/login").await.page();
        let page = browser.sign_in("alice", PASSWORD).await.page();
        assert_eq!(page.response.header("cache-control"), "no-store");
        let before = browser.clone();
        browser.open("/logout").await.page();
        browser.submit(&[]).await.page();
        assert_eq!(heading(&before).await, "Welcome");
        assert_eq!(heading(&browser).await, "Welcome");
    }

    async fn oi_08_grants_end_with_the_session_unless_given_for_later(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let client = server.add_client(ClientSpec::web("shop").trusted()).await;
        let mut browser = Browser::new(&server);
        let mut tokens = Vec::new();
        for scope in ["openid", "openid offline_access"] {
            let request = AuthRequest::new(&client, scope);
            let code = browser.grant(&request, "alice").await.code();
            tokens.push(Tokens::of(server.redeem(&client, &code, &request).await));
        }
        browser.open("/logout").await.page();
        browser.submit(&[]).await.page();
        server.userinfo(&tokens[0].access).await.expect_error(401, "invalid_token");
        if let Some(refresh) = &tokens[0].refresh {
            server.refresh(&client, refresh).await.expect_error(400, "invalid_grant");
        }
        Tokens::of(server.refresh(&client, tokens[1].refresh()).await);
    }

    async fn oi_09_signing_out_twice_is_no_error(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let mut browser = Browser::new(&server);
        browser.open("/login").await.page();
        browser.sign_in("alice", PASSWORD).await.page();
        browser.open("/logout").await.page();
        let submit = || browser.submission(&[]).1;
        let (first, second) = tokio::join!(submit(), submit());
        for response in [first, second, submit().await] {
            assert!(response.expect(200).text().contains("You are signed out"));
        }
    }

    async fn oi_12_the_next_person_gets_nothing_of_the_last(db: TestDb) {
        let server = TestServer::new(db).await;
        let bob = server.add_user("bob").await;
        server.alice().await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let mut browser = Browser::new(&server);
        browser.grant(&AuthRequest::new(&client, "openid"), "alice").await.code();
        browser.open("/login").await.page();
        browser.sign_in("bob", PASSWORD).await.page();
        let request = AuthRequest::new(&client, "openid");
        let page = browser.authorize(&request).await.page();
        assert!(page.is_consent(), "bob has allowed nothing yet");
        let code = browser.consent("allow").await.callback().code();
        let tokens = Tokens::of(server.redeem(&client, &code, &request).await);
        assert_eq!(crate::support::claims(&tokens.access)["sub"], bob.id.to_string());
    }
}
