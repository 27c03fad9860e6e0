//! What people allowed, and taking it back.

use portcullis::model::consent::Allowed;
use portcullis::model::grant::{EndReason, Grant, GrantId};
use portcullis::store::{AppOfUser, ConsentUse, IssueOutcome, NewGrant, Successor, Withdrawal};

use super::World;
use crate::support::{ClientSpec, both_stores, scope};

fn allowed(scopes: &str, claims: &str) -> Allowed {
    Allowed {
        scope: scope(scopes),
        claims: claims.split(' ').collect(),
    }
}

impl World {
    /// Remembers `scopes` as allowed, with a grant whose code is not redeemed.
    async fn consent(&self, scopes: &str) -> Grant {
        let (before, now) = (self.remembered().await, allowed(scopes, ""));
        let consent = ConsentUse::Remembered {
            before: before.as_ref(),
            now: &now,
        };
        let (grant, outcome) = self.issue_with(consent).await;
        assert_eq!(outcome, IssueOutcome::Issued);
        grant
    }

    /// Issues a code that has to do with a consent.
    async fn issue_with(&self, consent: ConsentUse<'_>) -> (Grant, IssueOutcome) {
        let (grant, code) = (self.new_grant(), self.new_code().await);
        let new = NewGrant {
            grant: &grant,
            offline: false,
            code: &code,
            consent: Some(consent),
            interaction: None,
        };
        let outcome = self.store().issue_code(&new).await.unwrap();
        let stored = self.store().load_code(&code.digest, self.now()).await.unwrap();
        assert_eq!(stored.is_some(), outcome == IssueOutcome::Issued, "all or nothing");
        (grant, outcome)
    }

    async fn remembered(&self) -> Option<Allowed> {
        let client = self.client.client_id();
        let found = self.store().signed_in(self.session.id, Some(&client)).await.unwrap();
        found.unwrap().consented
    }

    async fn apps(&self) -> Vec<AppOfUser> {
        self.store().apps_of_user(self.alice.id, self.now()).await.unwrap()
    }

    async fn withdraw(&self) -> Withdrawal {
        let client = self.client.client_id();
        self.store()
            .withdraw_consent(self.alice.id, &client, self.now())
            .await
            .unwrap()
    }

    async fn end_of(&self, grant: GrantId) -> Option<EndReason> {
        let standing = self.store().token_standing(grant, None).await.unwrap().unwrap();
        standing.grant.ended.map(|ended| ended.why)
    }
}

both_stores! {
    async fn withdrawing_forgets_the_consent_and_ends_every_grant_of_the_pair(db: TestDb) {
        let world = World::new(db).await;
        assert_eq!(world.withdraw().await, Withdrawal::Nothing);
        let online = world.consent("openid email").await;
        let (offline, _) = world.redeemed().await;
        let other = world.server.add_client(ClientSpec::web("other")).await;
        let elsewhere = Grant { client_id: other.client_id(), ..world.new_grant() };
        let new = NewGrant {
            grant: &elsewhere,
            offline: true,
            code: &world.new_code().await,
            consent: None,
            interaction: None,
        };
        assert_eq!(world.store().issue_code(&new).await.unwrap(), IssueOutcome::Issued);

        assert_eq!(world.withdraw().await, Withdrawal::Done { grants: 2 });
        assert_eq!(world.end_of(online.id).await, Some(EndReason::Withdrawn));
        assert_eq!(world.end_of(offline.id).await, Some(EndReason::Withdrawn));
        assert_eq!(world.end_of(elsewhere.id).await, None);
        assert_eq!(world.remembered().await, None);
        assert_eq!(world.withdraw().await, Withdrawal::Nothing);
    }

    async fn a_code_is_given_only_over_the_consent_that_was_read(db: TestDb) {
        let world = World::new(db).await;
        let [small, large, other] = [("openid", ""), ("openid email", ""), ("openid", "phone_number")]
            .map(|(scope, claims)| allowed(scope, claims));
        let remember = |before, now| ConsentUse::Remembered { before, now };
        let mut outcomes = Vec::new();
        for (consent, remembered) in [
            (ConsentUse::ReliedOn(&small), None),
            (remember(Some(&small), &large), None),
            (remember(None, &small), Some(&small)),
            (remember(None, &other), Some(&small)),
            (ConsentUse::ReliedOn(&small), Some(&small)),
            (ConsentUse::ReliedOn(&large), Some(&small)),
            (remember(Some(&small), &large), Some(&large)),
            (remember(Some(&small), &other), Some(&large)),
            (remember(Some(&large), &other), Some(&other)),
            (ConsentUse::ReliedOn(&small), Some(&other)),
            (remember(Some(&small), &large), Some(&other)),
            (ConsentUse::ReliedOn(&other), Some(&other)),
        ] {
            outcomes.push(world.issue_with(consent).await.1 == IssueOutcome::Issued);
            assert_eq!(world.remembered().await.as_ref(), remembered, "{consent:?}");
        }
        assert_eq!(outcomes, [false, false, true, false, true, false, true, false, true, false, false, true]);
    }

    async fn an_app_is_listed_with_what_it_may_and_when_it_last_did(db: TestDb) {
        let world = World::new(db).await;
        assert!(world.apps().await.is_empty());
        let start = world.now();
        world.consent("openid email").await;
        let [app] = world.apps().await.try_into().unwrap();
        assert_eq!((app.client_id, app.name), (world.client.client_id(), world.stored_client().await.metadata.name));
        assert_eq!((app.scope, app.since, app.offline), (scope("openid email"), start, false));
        assert_eq!(app.last_used_at, None, "nobody has redeemed a code");

        world.server.advance(10);
        let (_, refresh) = world.redeemed().await;
        let [app] = world.apps().await.try_into().unwrap();
        assert_eq!((app.since, app.last_used_at, app.offline), (start, Some(start.plus(10)), true));
        assert_eq!(app.scope, scope("openid email offline_access"));
        assert_eq!(app.claims.to_string(), "birthdate name", "e-mail is in the scope already");

        world.server.advance(10);
        let loaded = world.store().load_refresh_token(&refresh).await.unwrap().unwrap();
        let tokens = world.new_tokens();
        world.store().rotate_refresh_token(&loaded, &tokens, Successor::Next, world.now()).await.unwrap();
        assert_eq!(world.apps().await[0].last_used_at, Some(start.plus(20)));

        world.withdraw().await;
        assert!(world.apps().await.is_empty());
    }

    async fn an_app_whose_grant_is_over_is_listed_only_if_it_is_remembered(db: TestDb) {
        let world = World::new(db).await;
        let (grant, _) = world.redeemed().await;
        assert_eq!(world.apps().await.len(), 1);
        world.store().end_grant(grant.id, EndReason::Revoked, world.now()).await.unwrap();
        assert!(world.apps().await.is_empty());
        let (grant, _) = world.redeemed().await;
        let after = world.store().apps_of_user(world.alice.id, grant.expires_at).await.unwrap();
        assert!(after.is_empty());
        world.consent("openid").await;
        let after = world.store().apps_of_user(world.alice.id, grant.expires_at).await.unwrap();
        assert_eq!((after.len(), after[0].offline, after[0].last_used_at), (1, false, None));
    }
}
