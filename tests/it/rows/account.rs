//! What people see and change about themselves: profile and password (LG), and the forms of both (SE, XS, BI, AD).

use axum::http::Method;
use portcullis::model::audit_event::{Actor, AuditKind};
use portcullis::protocol::standard_claims::{Address, ClaimName};

use super::answers::count;
use crate::support::{AuthRequest, Browser, ClientSpec, PASSWORD, TestServer, Tokens, both_stores};

const NEW_PASSWORD: &str = "three rusty hinges";

/// The pages, each with the name that the sign-in page knows it by.
pub(super) const PAGES: &[(&str, &str)] = &[
    ("/account", "account"),
    ("/account/profile", "profile"),
    ("/account/contact", "contact"),
    ("/account/password", "password"),
    ("/account/sessions", "sessions"),
    ("/account/apps", "apps"),
];

/// A browser in which `user` has just signed in.
pub(super) async fn signed_in(server: &TestServer, user: &str) -> Browser {
    let mut browser = Browser::new(server);
    browser.open("/login?to=account").await.page();
    let page = browser.sign_in(user, PASSWORD).await.page();
    assert_eq!(
        (page.path.as_str(), page.heading().as_str()),
        ("/account", "Your account")
    );
    browser
}

/// What is stored about a user.
async fn claims_of(server: &TestServer, user: &str) -> portcullis::protocol::standard_claims::StandardClaims {
    let name = portcullis::model::user::Username::canonical(user).unwrap();
    server.store().user_by_name(&name).await.unwrap().unwrap().claims
}

fn events(server: &TestServer) -> Vec<portcullis::model::audit_event::AuditEvent> {
    server.app.audit().take(1000).events
}

both_stores! {
    async fn the_account_leads_to_all_that_can_be_seen(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let mut browser = Browser::new(&server);
        for (path, name) in PAGES {
            let page = browser.open(path).await.page();
            assert_eq!((page.path.as_str(), page.form().action), ("/login", format!("/login?to={name}")), "{path}");
            let page = browser.sign_in("alice", PASSWORD).await.page();
            assert_eq!((page.path.as_str(), page.status()), (*path, 200));
            browser = Browser::new(&server);
        }
        let mut browser = signed_in(&server, "alice").await;
        for shown in ["alice Example", "alice@example.com", "Signed in on 7 devices", "No app can use your account"] {
            assert!(browser.page().response.text().contains(shown), "{shown}");
        }
        assert!(browser.open("/").await.page().response.text().contains("href=\"/account\""));
        browser.open("/account").await.page();
        assert_eq!(browser.submit(&[]).await.page().heading(), "You are signed out");
    }

    async fn the_account_of_an_issuer_with_a_path(db: TestDb) {
        let server = TestServer::at(db, "https://id.example/tenant", |_| {}).await;
        server.alice().await;
        let mut browser = Browser::new(&server);
        let page = browser.open("/tenant/account/profile").await.page();
        assert_eq!(page.form().action, "/tenant/login?to=profile");
        assert_eq!(browser.sign_in("alice", PASSWORD).await.page().path, "/tenant/account/profile");
        let page = browser.submit(&[("nickname", "al")]).await.page();
        assert_eq!((page.path.as_str(), page.status()), ("/tenant/account/profile", 200));
        assert!(page.response.text().contains("href=\"/tenant/account/sessions\""));
    }

    /// The sign-in page leads to pages of a list; nothing in a request can name another address.
    async fn a_sign_in_leads_nowhere_else(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        for query in ["to=https://evil.example/", "to=//evil.example", "to=/account", "to=%5C%5Cevil.example", "to=nothing"] {
            let mut browser = Browser::new(&server);
            let page = browser.open(&format!("/login?{query}")).await.page();
            assert_eq!(page.form().action, "/login", "{query}");
            assert!(!page.response.text().contains("evil"), "{query}");
            assert_eq!(browser.sign_in("alice", PASSWORD).await.page().path, "/", "{query}");
        }
    }

    async fn a_profile_is_changed_line_by_line(db: TestDb) {
        let server = TestServer::new(db).await;
        let alice = server.alice().await;
        let mut browser = signed_in(&server, "alice").await;
        browser.open("/account/profile").await.page();
        let fields = [
            ("name", "  Alice Liddell "),
            ("given_name", "Alice"),
            ("birthdate", "1852-05-04"),
            ("street_address", "1 Deanery\r\nChrist Church"),
            ("locality", "Oxford"),
            ("website", "https://alice.example"),
        ];
        let page = browser.submit(&fields).await.page();
        assert_eq!((page.path.as_str(), page.status()), ("/account/profile", 200));
        assert!(page.response.text().contains("Your changes are saved."));
        let stored = claims_of(&server, "alice").await;
        assert_eq!(stored.name.as_deref(), Some("Alice Liddell"));
        assert_eq!(stored.given_name.as_deref(), Some("Alice"));
        assert_eq!(stored.birthdate.as_deref(), Some("1852-05-04"));
        assert_eq!(stored.website.as_deref(), Some("https://alice.example"));
        let address = Address {
            street_address: Some("1 Deanery\nChrist Church".to_owned()),
            locality: Some("Oxford".to_owned()),
            ..Address::default()
        };
        assert_eq!(stored.address, Some(address));
        assert_eq!(stored.email, alice.claims.email, "what is not in the form stays");

        // The page shows what is stored: sent as it is, it changes nothing.
        let page = browser.submit(&[]).await.page();
        assert!(page.response.text().contains("Nothing was different"));
        assert!(claims_of(&server, "alice").await == stored);
        browser.submit(&[("street_address", ""), ("locality", ""), ("given_name", " ")]).await.page();
        let stored = claims_of(&server, "alice").await;
        assert_eq!((stored.address, stored.given_name), (None, None));

        let told: Vec<_> = events(&server).into_iter().filter(|event| event.kind == AuditKind::ProfileChanged).collect();
        assert_eq!(told.len(), 2, "one for each change");
        assert_eq!((&told[0].actor, told[0].subject), (&Actor::User(alice.id), Some(alice.id)));
        assert_eq!(told[0].detail["claims"], serde_json::json!(["name", "given_name", "website", "birthdate", "address"]));
        assert!(!format!("{told:?}").contains("Liddell"), "names of claims, not what they hold");
    }

    async fn apps_learn_of_a_change_at_once(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let tokens = server.code_flow(&client, "openid profile").await;
        let mut browser = signed_in(&server, "alice").await;
        browser.open("/account/profile").await.page();
        server.advance(60);
        browser.submit(&[("nickname", "Al")]).await.page();
        let info = server.userinfo(&tokens.access).await.expect(200).json();
        assert_eq!(info["nickname"], "Al");
        assert_eq!(info["updated_at"], server.app.clock().now().0);
    }

    async fn what_cannot_stay_is_told_beside_its_line_and_nothing_is_lost(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let before = claims_of(&server, "alice").await;
        let mut browser = signed_in(&server, "alice").await;
        browser.open("/account/profile").await.page();
        let page = browser.submit(&[("name", "Alice & <b>"), ("picture", "javascript:alert(1)"), ("birthdate", "4 May")]).await.page();
        assert_eq!((page.path.as_str(), page.status()), ("/account/profile", 422));
        let text = page.response.text();
        assert!(text.contains("Nothing was saved yet."));
        for (name, advice) in [("picture", "starts with https://"), ("birthdate", "YYYY-MM-DD")] {
            let (_, after) = text.split_once(&format!("id=\"error-{name}\"")).unwrap();
            assert!(after.split("</p>").next().unwrap().contains(advice), "{name}");
        }
        assert!(!text.contains("id=\"error-name\""));
        let kept = page.form().fields;
        for (name, typed) in [("name", "Alice & <b>"), ("picture", "javascript:alert(1)"), ("birthdate", "4 May")] {
            assert!(kept.contains(&(name.to_owned(), typed.to_owned())), "{name}");
        }
        assert!(claims_of(&server, "alice").await == before);
        // Mended, all of it is stored.
        let page = browser.submit(&[("picture", ""), ("birthdate", "1852")]).await.page();
        assert_eq!(page.status(), 200);
        assert_eq!(claims_of(&server, "alice").await.name.as_deref(), Some("Alice & <b>"));
    }

    /// What an operator writes while a person has the form open stands, unless it is the very line that the person changes.
    async fn a_change_from_elsewhere_is_not_undone(db: TestDb) {
        let server = TestServer::new(db).await;
        let mut alice = server.alice().await;
        let mut browser = signed_in(&server, "alice").await;
        browser.open("/account/profile").await.page();
        let (store, now) = (server.store(), server.app.clock().now());
        alice.claims.email_verified = Some(true);
        alice.claims.family_name = Some("Liddell".to_owned());
        store.set_claims(&alice, now).await.unwrap();
        browser.submit(&[("nickname", "Al"), ("family_name", "Liddell")]).await.page();
        let stored = claims_of(&server, "alice").await;
        assert_eq!((stored.email_verified, stored.nickname.as_deref()), (Some(true), Some("Al")));

        // At the same moment: each writes its own line.
        let edits = (0..8_usize).map(|n| {
            let (store, id) = (store.clone(), alice.id);
            tokio::spawn(async move {
                let field = |claims: &mut portcullis::protocol::standard_claims::StandardClaims| {
                    let slots = [
                        &mut claims.given_name, &mut claims.middle_name, &mut claims.gender, &mut claims.website,
                        &mut claims.profile, &mut claims.picture, &mut claims.locale, &mut claims.zoneinfo,
                    ];
                    *slots.into_iter().nth(n).unwrap() = Some(n.to_string());
                };
                store.edit_claims(id, field, now).await.unwrap()
            })
        });
        for edit in edits.collect::<Vec<_>>() {
            edit.await.unwrap();
        }
        let stored = claims_of(&server, "alice").await;
        let all = [
            stored.given_name, stored.middle_name, stored.gender, stored.website, stored.profile, stored.picture,
            stored.locale, stored.zoneinfo,
        ];
        assert!(all.iter().all(Option::is_some), "{all:?}");
    }

    async fn ad_04_only_the_lines_that_may_be_changed_are_read(db: TestDb) {
        let server = TestServer::with(db, |config| config.account.editable = vec![ClaimName::Nickname]).await;
        let alice = server.alice().await;
        let mut browser = signed_in(&server, "alice").await;
        let page = browser.open("/account/profile").await.page();
        let names: Vec<_> = page.form().fields.into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["csrf", "nickname"]);
        assert!(page.response.text().contains("<bdi>alice Example</bdi>"), "the rest can be seen");
        let extra = [
            ("nickname", "Al"),
            ("name", "Somebody Else"),
            ("email", "eve@example.com"),
            ("email_verified", "true"),
            ("phone_number_verified", "true"),
            ("is_admin", "true"),
            ("admin", "1"),
            ("id", "00000000-0000-0000-0000-000000000000"),
            ("sub", "00000000-0000-0000-0000-000000000000"),
            ("username", "root"),
            ("password_hash", "x"),
            ("updated_at", "0"),
            ("address", "x"),
            ("address[country]", "x"),
            ("country", "x"),
            ("claims", "{}"),
        ];
        assert_eq!(browser.submit(&extra).await.page().status(), 200);
        let name = portcullis::model::user::Username::canonical("alice").unwrap();
        let stored = server.store().user_by_name(&name).await.unwrap().unwrap();
        let mut expected = alice.claims.clone();
        expected.nickname = Some("Al".to_owned());
        assert!(stored.claims == expected);
        assert_eq!((stored.id, stored.is_admin, stored.password), (alice.id, false, alice.password));
        // A line that comes twice says nothing.
        let doubled = [("nickname", "One"), ("nickname", "Two")];
        assert!(browser.submit(&doubled).await.page().response.text().contains("Nothing was different"));
        assert_eq!(claims_of(&server, "alice").await.nickname.as_deref(), Some("Al"));
        // The page for what may not be changed changes nothing either.
        browser.open("/account/contact").await.page();
        let csrf = browser.request(Method::GET, "/account/contact").await;
        assert!(!csrf.text().contains("name=\"email\""));
    }

    async fn lg_37_nobody_verifies_their_own_address(db: TestDb) {
        let server = TestServer::new(db).await;
        let mut alice = server.alice().await;
        alice.claims.email_verified = Some(true);
        alice.claims.phone_number = Some("+1 555 0100".to_owned());
        alice.claims.phone_number_verified = Some(true);
        server.store().set_claims(&alice, server.app.clock().now()).await.unwrap();
        let client = server.add_client(ClientSpec::web("shop").metadata(|metadata| {
            metadata.scope = crate::support::scope("openid email phone");
        })).await;
        let tokens = server.code_flow(&client, "openid email phone").await;
        let mut browser = signed_in(&server, "alice").await;
        let page = browser.open("/account/profile").await.page();
        assert_eq!(page.response.text().matches(">verified<").count(), 2);
        browser.open("/account/contact").await.page();
        let vouch = [
            ("email", "eve@example.com"),
            ("email_verified", "true"),
            ("phone_number", "+1 555 0199"),
            ("phone_number_verified", "true"),
        ];
        let page = browser.submit(&vouch).await.page();
        assert_eq!((page.path.as_str(), page.response.text().matches("not verified").count()), ("/account/profile", 2));
        let info = server.userinfo(&tokens.access).await.expect(200).json();
        assert_eq!((&info["email"], &info["email_verified"]), (&"eve@example.com".into(), &false.into()));
        assert_eq!((&info["phone_number"], &info["phone_number_verified"]), (&"+1 555 0199".into(), &false.into()));
        // Back to the address that was verified once: verified again it is not.
        browser.open("/account/contact").await.page();
        browser.submit(&[("email", "alice@example.com")]).await.page();
        assert_eq!(claims_of(&server, "alice").await.email_verified, Some(false));
    }

    /// A username may look like an e-mail address: what is meant for that address must not be somebody else's.
    async fn lg_14_nobody_takes_a_username_for_their_address(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        server.add_user("bob@example.com").await;
        let mut browser = signed_in(&server, "alice").await;
        browser.open("/account/contact").await.page();
        for email in ["bob@example.com", "BOB@Example.com"] {
            let page = browser.submit(&[("email", email)]).await.page();
            assert_eq!(page.status(), 422, "{email}");
            assert!(page.response.text().contains("This address cannot be used here."));
        }
        assert_eq!(claims_of(&server, "alice").await.email.as_deref(), Some("alice@example.com"));
    }

    async fn lg_20_a_password_is_changed_with_the_present_one_only(db: TestDb) {
        let server = TestServer::new(db).await;
        let alice = server.alice().await;
        let mut browser = signed_in(&server, "alice").await;
        browser.open("/account/password").await.page();
        let with = |current: &'static str| [("current", current), ("new", NEW_PASSWORD), ("repeated", NEW_PASSWORD)];
        for (current, told) in [("", "Type your present password."), ("not the password", "This is not your present password.")] {
            let page = browser.submit(&with(current)).await.page();
            assert_eq!(page.status(), 422, "{current:?}");
            assert!(page.response.text().contains(told), "{current:?}");
            assert!(!page.response.text().contains(NEW_PASSWORD), "nothing typed comes back");
        }
        let refused = [
            (["current", "new", "repeated"], [PASSWORD, "short", "short"], "Use at least 8 characters"),
            (["current", "new", "repeated"], [PASSWORD, "alice@example.com", "alice@example.com"], "Choose something unrelated"),
            (["current", "new", "repeated"], [PASSWORD, NEW_PASSWORD, "three rusty hinge"], "This is not the same."),
            (["current", "new", "repeated"], [PASSWORD, PASSWORD, PASSWORD], "the password that you have now"),
        ];
        for (names, values, told) in refused {
            let fields: Vec<_> = names.into_iter().zip(values).collect();
            let page = browser.submit(&fields).await.page();
            assert_eq!(page.status(), 422, "{told}");
            assert!(page.response.text().contains(told), "{told}");
        }
        let (id, now) = (alice.id, server.app.clock().now());
        assert_eq!(server.store().user(id).await.unwrap().unwrap().password, alice.password);
        assert_eq!(server.store().sessions_of_user(id, now).await.unwrap().len(), 1);
        assert!(events(&server).iter().all(|event| event.kind != AuditKind::PasswordChanged));

        let page = browser.submit(&with(PASSWORD)).await.page();
        assert!(page.response.text().contains("Your password is changed."), "{}", page.response.text());
        let told: Vec<_> = events(&server).into_iter().filter(|event| event.kind == AuditKind::PasswordChanged).collect();
        assert_eq!((told.len(), told[0].subject), (1, Some(id)));
        assert!(!format!("{told:?}").contains("hinges"));
        let mut other = Browser::new(&server);
        other.open("/login").await.page();
        assert_eq!(other.sign_in("alice", PASSWORD).await.page().status(), 401);
        assert_eq!(other.sign_in("alice", NEW_PASSWORD).await.page().heading(), "You are signed in");
    }

    async fn lg_20_a_new_password_ends_everything_but_the_present_session(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let node = server.second_node().await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let tokens = server.code_flow(&client, "openid offline_access").await;
        let mut elsewhere = signed_in(&server, "alice").await;
        elsewhere.switch_to(&node);
        let mut browser = signed_in(&server, "alice").await;
        browser.open("/account/password").await.page();
        let stolen = browser.clone();
        let fields = [("current", PASSWORD), ("new", NEW_PASSWORD), ("repeated", NEW_PASSWORD)];
        assert_eq!(browser.submit(&fields).await.page().status(), 200);
        // This session goes on, under another cookie; the one it had opens nothing.
        assert_eq!(browser.open("/account").await.page().path, "/account");
        assert_eq!(stolen.clone().open("/account").await.page().path, "/login");
        assert_eq!(elsewhere.open("/account").await.page().path, "/login");
        node.refresh(&client, tokens.refresh()).await.expect_error(400, "invalid_grant");
        node.userinfo(&tokens.access).await.expect_error(401, "invalid_token");
        // Consent is remembered: who knows the new password need not allow it all again.
        let request = AuthRequest::new(&client, "openid offline_access");
        let code = browser.authorize(&request).await.callback().code();
        Tokens::of(server.redeem(&client, &code, &request).await);
    }

    /// Whoever guesses at this form guesses at the sign-in, and the account is not open for more of it.
    async fn lg_20_guesses_at_the_present_password_count_like_those_at_sign_in(db: TestDb) {
        let server = TestServer::with(db, |config| {
            config.limits.sign_in_per_account = "3 per 15m".parse().unwrap();
            config.limits.sign_in_per_known_browser = "2 per 15m".parse().unwrap();
        }).await;
        let alice = server.alice().await;
        let mut browser = signed_in(&server, "alice").await;
        browser.open("/account/password").await.page();
        // In a stolen session without what shows the owner's browser, the account's own count holds.
        browser.cookies().retain(|name, _| name == "__Host-portcullis");
        let fields = |current: &'static str| [("current", current), ("new", NEW_PASSWORD), ("repeated", NEW_PASSWORD)];
        // What needs no look at the present password is not counted.
        for _ in 0..5 {
            assert_eq!(browser.submit(&[("current", "guess"), ("new", "short"), ("repeated", "short")]).await.page().status(), 422);
        }
        for _ in 0..3 {
            assert_eq!(browser.submit(&fields("guess")).await.page().status(), 422);
        }
        for current in ["guess", PASSWORD] {
            let page = browser.submit(&fields(current)).await.page();
            assert_eq!(page.status(), 429, "{current}");
            assert!(page.response.header("retry-after").parse::<i64>().unwrap() > 0);
            assert!(page.response.text().contains("Try again in"));
        }
        let mut other = Browser::new(&server);
        other.open("/login").await.page();
        assert_eq!(other.sign_in("alice", PASSWORD).await.page().status(), 429, "the same count");
        assert_eq!(server.store().user(alice.id).await.unwrap().unwrap().password, alice.password);
        server.advance(900);
        assert_eq!(browser.submit(&fields(PASSWORD)).await.page().status(), 200);
        // The browser of the change is the owner's: it is known under the new password.
        assert!(browser.cookies().contains_key("__Host-portcullis-known"), "{:?}", browser.cookies());
    }

    /// Two changes at once by those who know the old password: one of them counts.
    async fn lg_20_of_two_changes_at_once_one_counts(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let node = server.second_node().await;
        let mut submissions = Vec::new();
        for (number, server) in [&server, &node].into_iter().enumerate() {
            let mut browser = signed_in(server, "alice").await;
            browser.open("/account/password").await.page();
            let new = format!("{NEW_PASSWORD} {number}");
            let fields = [("current", PASSWORD), ("new", new.as_str()), ("repeated", new.as_str())];
            submissions.push(browser.submission(&fields).1);
        }
        let (second, first) = (submissions.pop().unwrap(), submissions.pop().unwrap());
        let (first, second) = tokio::join!(async { first.await }, async { second.await });
        let changed = |response: &crate::support::TestResponse| response.header("location").contains("done=password");
        let outcomes = [changed(&first), changed(&second)];
        assert_eq!(outcomes.iter().filter(|changed| **changed).count(), 1, "{} {}", first.status, second.status);
        let winner = format!("{NEW_PASSWORD} {}", usize::from(outcomes[1]));
        let mut browser = Browser::new(&server);
        browser.open("/login").await.page();
        assert_eq!(browser.sign_in("alice", &winner).await.page().heading(), "You are signed in");
    }

    async fn lg_21_what_is_hard_to_undo_asks_for_a_recent_sign_in(db: TestDb) {
        let server = TestServer::new(db).await;
        let alice = server.alice().await;
        let other = signed_in(&server, "alice").await;
        let mut browser = signed_in(&server, "alice").await;
        browser.open("/account/contact").await.page();
        let change_email = browser.clone();
        browser.open("/account/sessions").await.page();
        let end_all = browser.clone();
        server.advance(601);
        // The pages that were open when the sign-in was recent do nothing now but ask.
        for (mut stale, fields, asked) in [
            (change_email, ("email", "eve@example.com"), "/login?to=contact"),
            (end_all, ("end", "others"), "/login?to=sessions"),
        ] {
            let (_, request) = stale.submission(&[fields]);
            assert_eq!(request.await.expect(303).location(), asked);
            let page = stale.submit(&[fields]).await.page();
            assert_eq!(page.heading(), "Confirm it is you");
            assert!(page.form().fields.contains(&("username".to_owned(), "alice".to_owned())));
        }
        assert_eq!(claims_of(&server, "alice").await.email, alice.claims.email);
        assert_eq!(other.clone().open("/account").await.page().path, "/account");

        // Whoever confirms comes back to the page, and it counts for a while.
        let page = browser.open("/account/contact").await.page();
        assert_eq!((page.path.as_str(), page.heading().as_str()), ("/login", "Confirm it is you"));
        assert_eq!(browser.sign_in("alice", "not the password").await.page().status(), 401);
        assert_eq!(browser.page().form().action, "/login?to=contact", "it still leads back");
        assert_eq!(browser.sign_in("alice", PASSWORD).await.page().path, "/account/contact");
        server.advance(600);
        let page = browser.submit(&[("email", "liddell@example.com")]).await.page();
        assert_eq!(page.path, "/account/profile");
        assert_eq!(claims_of(&server, "alice").await.email.as_deref(), Some("liddell@example.com"));
        server.advance(1);
        assert_eq!(browser.open("/account/contact").await.page().path, "/login");
        // The rest of the account does not ask.
        for path in ["/account", "/account/profile", "/account/password", "/account/sessions", "/account/apps"] {
            assert_eq!(browser.open(path).await.page().path, path);
        }
    }

    async fn bi_06_bi_23_claims_hold_what_is_typed_and_nothing_else(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let mut browser = signed_in(&server, "alice").await;
        browser.open("/account/profile").await.page();
        for typed in ["'; DROP TABLE users; --", "{{7*7}} %s $1 \\0", "*)(uid=*", "用户 😀 é"] {
            assert_eq!(browser.submit(&[("nickname", typed)]).await.page().status(), 200, "{typed}");
            assert_eq!(claims_of(&server, "alice").await.nickname.as_deref(), Some(typed));
        }
        let kept = claims_of(&server, "alice").await;
        for (typed, status) in [("a\0b", 400), ("a\nb", 422), ("a\u{202e}b", 422), (&"x".repeat(513), 422), (&"é".repeat(513), 422)] {
            let page = browser.clone().submit(&[("nickname", typed)]).await.page();
            assert_eq!(page.status(), status, "{typed:?}");
        }
        let huge = browser.clone().submit(&[("nickname", &"x".repeat(70_000))]).await.page();
        assert_eq!(huge.status(), 413);
        assert!(claims_of(&server, "alice").await == kept);
    }

    /// Nothing is read from somebody who is not signed in.
    async fn bi_25_a_stranger_is_sent_away_before_the_form_is_read(db: TestDb) {
        let server = TestServer::new(db).await;
        for (path, name) in PAGES.iter().filter(|(path, _)| *path != "/account") {
            let path = if *path == "/account/apps" { "/account/apps/shop" } else { path };
            let request = server.request(Method::POST, path).body("text/plain", vec![b'x'; 70_000]);
            assert_eq!(request.await.expect(303).location(), format!("/login?to={name}"), "{path}");
        }
        assert_eq!(count(&server, "web_session").await, 0);
    }
}
