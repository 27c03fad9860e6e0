//! Grants and codes.

use portcullis::crypto::opaque::Kind;
use portcullis::model::access_token::{AccessToken, AccessTokenContent};
use portcullis::model::grant::{EndReason, Grant};
use portcullis::model::user::PasswordHash;
use portcullis::protocol::pkce::CodeChallenge;
use portcullis::store::{ClientWrite, CodeOutcome, IssueOutcome, NewGrant, NewTokens, PasswordChange};

use super::{World, fresh};
use crate::support::{both_stores, scope};

both_stores! {
    async fn a_code_comes_back_as_it_was_stored(db: TestDb) {
        let world = World::new(db).await;
        let (grant, mut code) = (world.new_grant(), world.new_code().await);
        code.challenge = Some(CodeChallenge::from_digest([9; 32]));
        let new = NewGrant { grant: &grant, offline: true, code: &code, consent: None, interaction: None };
        assert_eq!(world.store().issue_code(&new).await.unwrap(), IssueOutcome::Issued);

        let found = world.store().load_code(&code.digest, world.now()).await.unwrap().unwrap();
        assert_eq!(found.code.digest, code.digest);
        assert_eq!(found.code.redirect_uri, code.redirect_uri);
        assert_eq!(found.code.challenge.unwrap().digest(), &[9; 32]);
        assert_eq!(found.code.nonce, code.nonce);
        assert_eq!((found.code.created_at, found.code.expires_at), (world.now(), code.expires_at));
        assert_eq!((found.code.redeemed_at, found.code.failed_proofs), (None, 0));
        assert_eq!((found.grant.id, found.code.grant_id), (grant.id, grant.id));
        assert_eq!((&found.grant.scope, &found.grant.resources), (&grant.scope, &grant.resources));
        assert_eq!(found.grant.authentication, grant.authentication);
        assert_eq!(found.grant.session_id, world.session.id);
        assert_eq!((found.grant.ended, found.grant.expires_at), (None, grant.expires_at));
        assert_eq!(found.user.username, world.alice.username);
        assert!(found.session_live);
        assert!(world.store().load_code(&fresh(Kind::Code), world.now()).await.unwrap().is_none());
    }

    async fn a_code_is_redeemed_once(db: TestDb) {
        let world = World::new(db).await;
        let (_, code) = world.issue(true).await;
        let loaded = world.store().load_code(&code, world.now()).await.unwrap().unwrap();
        let (first, second) = (world.new_tokens(), world.new_tokens());
        let redeem = async |tokens: &NewTokens| world.store().redeem_code(&loaded, tokens, world.now()).await.unwrap();
        assert_eq!(redeem(&first).await, CodeOutcome::Redeemed);
        assert_eq!(redeem(&second).await, CodeOutcome::AlreadyRedeemed);
        let known = async |tokens: &NewTokens| {
            let digest = tokens.refresh.as_ref().unwrap().digest;
            world.store().load_refresh_token(&digest).await.unwrap().is_some()
        };
        assert_eq!((known(&first).await, known(&second).await), (true, false), "the loser leaves nothing behind");
        let after = world.store().load_code(&code, world.now()).await.unwrap().unwrap();
        assert_eq!(after.code.redeemed_at, Some(world.now()));
    }

    async fn a_redemption_stores_opaque_access_tokens_and_may_store_nothing(db: TestDb) {
        let world = World::new(db).await;
        let (grant, code) = world.issue(false).await;
        let loaded = world.store().load_code(&code, world.now()).await.unwrap().unwrap();
        let access = AccessToken {
            digest: fresh(Kind::Access),
            grant_id: Some(grant.id),
            client_id: grant.client_id.clone(),
            content: AccessTokenContent {
                subject: world.alice.id.to_string(),
                audience: vec!["https://api.example".to_owned()],
                scope: scope("openid"),
                session_id: Some(world.session.id),
            },
            created_at: world.now(),
            expires_at: world.now().plus(900),
        };
        let tokens = NewTokens { refresh: None, access: Some(access.clone()) };
        assert_eq!(world.store().redeem_code(&loaded, &tokens, world.now()).await.unwrap(), CodeOutcome::Redeemed);
        let found = world.store().access_token(&access.digest).await.unwrap().unwrap();
        assert_eq!((found.grant_id, found.client_id, found.content), (access.grant_id, access.client_id, access.content));
        assert_eq!((found.created_at, found.expires_at), (access.created_at, access.expires_at));
        world.store().delete_access_token(&access.digest).await.unwrap();
        assert!(world.store().access_token(&access.digest).await.unwrap().is_none());

        let (_, code) = world.issue(false).await;
        let loaded = world.store().load_code(&code, world.now()).await.unwrap().unwrap();
        let nothing = NewTokens::default();
        assert_eq!(world.store().redeem_code(&loaded, &nothing, world.now()).await.unwrap(), CodeOutcome::Redeemed);
    }

    async fn failed_proofs_are_counted(db: TestDb) {
        let world = World::new(db).await;
        let (_, code) = world.issue(false).await;
        for expected in 1..=4 {
            world.store().fail_code_proof(&code).await.unwrap();
            let found = world.store().load_code(&code, world.now()).await.unwrap().unwrap();
            assert_eq!(found.code.failed_proofs, expected);
        }
    }

    async fn a_code_knows_whether_its_sign_in_goes_on(db: TestDb) {
        let world = World::new(db).await;
        let (_, code) = world.issue(true).await;
        let live = async |now| world.store().load_code(&code, now).await.unwrap().unwrap().session_live;
        assert!(live(world.session.expires_at.plus(-1)).await);
        assert!(!live(world.session.expires_at).await);
        world.store().end_session(world.session.id, world.now()).await.unwrap();
        assert!(!live(world.now()).await);
    }

    async fn ending_a_grant_keeps_the_first_reason(db: TestDb) {
        let world = World::new(db).await;
        let (grant, code) = world.issue(true).await;
        world.store().end_grant(grant.id, EndReason::CodeReplay, world.now()).await.unwrap();
        world.store().end_grant(grant.id, EndReason::Revoked, world.now().plus(5)).await.unwrap();
        let ended = world.store().load_code(&code, world.now()).await.unwrap().unwrap().grant.ended.unwrap();
        assert_eq!((ended.at, ended.why), (world.now(), EndReason::CodeReplay));
        let standing = world.store().token_standing(grant.id, None).await.unwrap().unwrap();
        assert!(standing.grant.ended.is_some() && standing.client_enabled && !standing.revoked);
    }

    async fn nothing_is_issued_for_a_client_that_is_gone(db: TestDb) {
        let world = World::new(db).await;
        let (grant, code) = (world.new_grant(), world.new_code().await);
        let (_, redeemable) = world.issue(true).await;
        let loaded = world.store().load_code(&redeemable, world.now()).await.unwrap().unwrap();
        let id = world.client.client_id();
        assert_eq!(world.store().delete_client(&id).await.unwrap(), ClientWrite::Done);
        let new = NewGrant { grant: &grant, offline: true, code: &code, consent: None, interaction: None };
        assert_eq!(world.store().issue_code(&new).await.unwrap(), IssueOutcome::Gone);
        let late = world.store().redeem_code(&loaded, &world.new_tokens(), world.now()).await.unwrap();
        assert_ne!(late, CodeOutcome::Redeemed);
        assert!(world.store().load_code(&redeemable, world.now()).await.unwrap().is_none());
    }

    /// RC-10: what was decided before a new password, or before the account was disabled, is not stored after it.
    async fn rc_10_a_grant_rests_on_the_sign_in_as_it_was_read(db: TestDb) {
        let world = World::new(db).await;
        let store = world.store();
        let (grant, code) = (world.new_grant(), world.new_code().await);
        let new = NewGrant { grant: &grant, offline: true, code: &code, consent: None, interaction: None };
        let before = world.alice.password.clone().unwrap();
        let after = PasswordHash("another".to_owned());
        world.server.advance(1);
        let keep = Some(world.session.id);
        let changed = store.change_password(world.alice.id, (&before, &after), keep, world.now()).await.unwrap();
        assert_eq!(changed, PasswordChange::Done);
        assert_eq!(store.issue_code(&new).await.unwrap(), IssueOutcome::Changed, "the session was kept, with a new auth_time");
        let mut again = world.new_grant();
        again.authentication.auth_time = world.now();
        let anew = NewGrant { grant: &again, ..new };
        assert_eq!(store.issue_code(&anew).await.unwrap(), IssueOutcome::Issued, "decided again, it is given");
        store.disable_user(world.alice.id, world.now()).await.unwrap();
        let (third, code) = (Grant { id: grant.id, ..again.clone() }, world.new_code().await);
        let late = NewGrant { grant: &third, code: &code, ..anew };
        assert_eq!(store.issue_code(&late).await.unwrap(), IssueOutcome::Changed);
        store.enable_user(world.alice.id).await.unwrap();
        assert_eq!(store.issue_code(&late).await.unwrap(), IssueOutcome::Changed, "its sign-in has ended");
    }

    async fn a_revoked_jwt_is_known(db: TestDb) {
        let world = World::new(db).await;
        let (grant, _) = world.issue(true).await;
        let revoked = async |jti| world.store().token_standing(grant.id, Some(jti)).await.unwrap().unwrap().revoked;
        for _ in 0..2 {
            world.store().revoke_jwt("one", world.now().plus(900)).await.unwrap();
        }
        assert_eq!((revoked("one").await, revoked("other").await), (true, false));
        assert!(world.store().is_revoked_jwt("one").await.unwrap());
        assert!(!world.store().is_revoked_jwt("other").await.unwrap());
    }
}
