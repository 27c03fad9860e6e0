//! Requests that wait for a person.

use portcullis::model::consent::Allowed;
use portcullis::model::interaction::{AuthorizationRequest, BrowserId, Interaction, InteractionId, Progress};
use portcullis::protocol::claims_request::RequestedClaims;
use portcullis::protocol::prompt::Prompt;
use portcullis::protocol::response_mode::ResponseMode;
use portcullis::protocol::standard_claims::ClaimSet;
use portcullis::store::{ConsentUse, InteractionWrite, IssueOutcome, NewGrant};
use uuid::Uuid;

use super::World;
use crate::support::{both_stores, scope};

impl World {
    async fn waiting(&self) -> Interaction {
        let interaction = Interaction {
            id: InteractionId(self.server.app.row_key(self.now())),
            browser: BrowserId(Uuid::new_v4()),
            request: AuthorizationRequest {
                client_id: self.client.client_id(),
                redirect_uri: self.stored_client().await.metadata.redirect_uris[0].clone(),
                response_mode: ResponseMode::parse(None).unwrap(),
                state: Some("\u{1F512} \"state\"".to_owned()),
                nonce: None,
                scope: scope("openid email"),
                resources: Vec::new(),
                challenge: None,
                prompt: Prompt::parse(Some("login")).unwrap(),
                max_age: Some(0),
                login_hint: None,
                hinted_subject: None,
                ui_locales: Vec::new(),
                claims: RequestedClaims {
                    userinfo: ["name"].into_iter().collect(),
                    id_token: ["email", "address"].into_iter().collect(),
                },
                subjects: vec!["somebody".to_owned()],
            },
            progress: Progress::default(),
            created_at: self.now(),
            expires_at: self.now().plus(900),
            completed_at: None,
        };
        self.store().insert_interaction(&interaction).await.unwrap();
        interaction
    }

    async fn found(&self, id: InteractionId) -> Interaction {
        self.store().interaction(id).await.unwrap().unwrap()
    }

    async fn issue_for(&self, interaction: &Interaction, remember: &str) -> IssueOutcome {
        let allowed = |text: &str| Allowed {
            scope: scope(text),
            claims: ClaimSet::default(),
        };
        let before = self.consented().await.map(|text| allowed(&text));
        let (grant, code, now) = (self.new_grant(), self.new_code().await, allowed(remember));
        let new = NewGrant {
            grant: &grant,
            offline: false,
            code: &code,
            consent: Some(ConsentUse::Remembered {
                before: before.as_ref(),
                now: &now,
            }),
            interaction: Some(interaction.id),
        };
        let outcome = self.store().issue_code(&new).await.unwrap();
        let stored = self.store().load_code(&code.digest, self.now()).await.unwrap();
        assert_eq!(stored.is_some(), outcome == IssueOutcome::Issued, "all or nothing");
        outcome
    }

    async fn consented(&self) -> Option<String> {
        let id = self.client.client_id();
        let found = self
            .store()
            .signed_in(self.session.id, Some(&id))
            .await
            .unwrap()
            .unwrap();
        found.consented.map(|allowed| allowed.scope.to_string())
    }
}

/// Rows that the version before wrote are read by this one.
#[test]
fn a_request_without_what_was_added_later_is_read() {
    let old = serde_json::json!({
        "client_id": "shop", "redirect_uri": "https://shop.example/callback", "response_mode": "query", "state": null,
        "nonce": null, "scope": "openid", "resources": [], "challenge": null, "max_age": null, "login_hint": null,
        "prompt": {"none": false, "login": false, "consent": false, "select_account": false}, "hinted_subject": null,
    });
    let request: AuthorizationRequest = serde_json::from_value(old).unwrap();
    assert_eq!(
        (request.claims, request.subjects),
        (RequestedClaims::default(), Vec::new())
    );
}

both_stores! {
    async fn a_request_comes_back_as_it_was_stored(db: TestDb) {
        let world = World::new(db).await;
        let stored = world.waiting().await;
        let found = world.found(stored.id).await;
        assert_eq!((&found.request, &found.progress, found.browser), (&stored.request, &stored.progress, stored.browser));
        assert_eq!((found.created_at, found.expires_at, found.completed_at), (stored.created_at, stored.expires_at, None));
        assert!(world.store().interaction(InteractionId(Uuid::new_v4())).await.unwrap().is_none());
    }

    async fn progress_is_saved_over_what_was_read_only(db: TestDb) {
        let world = World::new(db).await;
        let seen = world.waiting().await;
        let signed_in = Progress { signed_in: Some(world.session.id), ..Progress::default() };
        let consented = Progress { consented: Some(world.session.id), ..Progress::default() };
        let store = world.store();
        assert_eq!(store.save_progress(&seen, &signed_in).await.unwrap(), InteractionWrite::Done);
        assert_eq!(store.save_progress(&seen, &consented).await.unwrap(), InteractionWrite::Outrun);
        assert_eq!(world.found(seen.id).await.progress, signed_in);
        assert_eq!(store.complete_interaction(seen.id, world.now()).await.unwrap(), InteractionWrite::Done);
        let seen = world.found(seen.id).await;
        assert_eq!(store.save_progress(&seen, &consented).await.unwrap(), InteractionWrite::Outrun);
    }

    async fn a_request_is_answered_once(db: TestDb) {
        let world = World::new(db).await;
        let first = world.waiting().await;
        assert_eq!(world.issue_for(&first, "openid").await, IssueOutcome::Issued);
        assert_eq!(world.found(first.id).await.completed_at, Some(world.now()));
        assert_eq!(world.issue_for(&first, "openid email phone").await, IssueOutcome::AlreadyAnswered);
        assert_eq!(world.consented().await.as_deref(), Some("openid"), "the second answer remembers nothing");
        assert_eq!(world.store().complete_interaction(first.id, world.now()).await.unwrap(), InteractionWrite::Outrun);

        let refused = world.waiting().await;
        assert_eq!(world.store().complete_interaction(refused.id, world.now()).await.unwrap(), InteractionWrite::Done);
        assert_eq!(world.issue_for(&refused, "openid phone").await, IssueOutcome::AlreadyAnswered);
        let second = world.waiting().await;
        assert_eq!(world.issue_for(&second, "openid email").await, IssueOutcome::Issued);
        assert_eq!(world.consented().await.as_deref(), Some("openid email"));
    }
}
