//! Users.

use portcullis::model::grant::EndReason;
use portcullis::model::user::{PasswordHash, User, UserId, Username};
use portcullis::store::{PasswordChange, UserWrite};
use uuid::Uuid;

use super::{World, session_of};
use crate::support::{TestServer, both_stores};

impl World {
    async fn stored_alice(&self) -> User {
        self.store().user(self.alice.id).await.unwrap().unwrap()
    }

    /// Whether Alice's sign-in and a fresh grant of hers go on after `change`.
    async fn survives(&self, change: impl AsyncFnOnce(&Self)) -> (bool, Option<EndReason>) {
        let (_, code) = self.issue(true).await;
        change(self).await;
        let found = self.store().load_code(&code, self.now()).await.unwrap().unwrap();
        (found.session_live, found.grant.ended.map(|ended| ended.why))
    }
}

both_stores! {
    async fn a_user_comes_back_as_stored_and_names_are_unique(db: TestDb) {
        let server = TestServer::new(db).await;
        let mut bob = server.add_user("Bob").await;
        bob.claims.email_verified = Some(true);
        let now = server.app.clock().now().plus(9);
        assert_eq!(server.store().set_claims(&bob, now).await.unwrap(), UserWrite::Done);
        let name = Username::canonical("BOB").unwrap();
        let found = server.store().user_by_name(&name).await.unwrap().unwrap();
        assert_eq!((found.id, found.username.as_str()), (bob.id, "bob"));
        assert!(found.claims == bob.claims);
        assert_eq!((found.created_at, found.updated_at, found.disabled_at), (bob.created_at, now, None));
        assert_eq!(found.password, bob.password);

        let twin = User { id: UserId(server.app.row_key(now)), ..bob.clone() };
        assert_eq!(server.store().insert_user(&twin).await.unwrap(), UserWrite::Taken);
        server.add_user("anna").await;
        let all = server.store().users().await.unwrap();
        let names: Vec<_> = all.iter().map(|user| user.username.as_str()).collect();
        assert_eq!(names, ["anna", "bob"]);
    }

    async fn writes_on_nobody_say_so(db: TestDb) {
        let server = TestServer::new(db).await;
        let now = server.app.clock().now();
        let mut nobody = server.add_user("temp").await;
        nobody.id = UserId(Uuid::new_v4());
        let (store, hash) = (server.store(), PasswordHash("x".to_owned()));
        assert_eq!(store.set_password(nobody.id, &hash, now).await.unwrap(), UserWrite::NotFound);
        assert_eq!(store.disable_user(nobody.id, now).await.unwrap(), UserWrite::NotFound);
        assert_eq!(store.delete_user(nobody.id, now).await.unwrap(), UserWrite::NotFound);
        assert_eq!(store.enable_user(nobody.id).await.unwrap(), UserWrite::NotFound);
        assert_eq!(store.set_claims(&nobody, now).await.unwrap(), UserWrite::NotFound);
        assert!(store.user(nobody.id).await.unwrap().is_none());
    }

    async fn a_new_password_ends_sessions_and_grants(db: TestDb) {
        let world = World::new(db).await;
        let hash = PasswordHash("new".to_owned());
        let end = world.survives(async |world| {
            let set = world.store().set_password(world.alice.id, &hash, world.now()).await.unwrap();
            assert_eq!(set, UserWrite::Done);
        });
        assert_eq!(end.await, (false, Some(EndReason::Account)));
        assert_eq!(world.stored_alice().await.password, Some(hash));
    }

    async fn changing_a_password_keeps_the_sign_in_that_did_it_and_no_grant(db: TestDb) {
        let world = World::new(db).await;
        let other = session_of(&world.server, &world.alice);
        assert!(world.store().insert_browser_session(&other, None).await.unwrap());
        let old = world.alice.password.clone().unwrap();
        let [new, late] = ["new", "late"].map(|text| PasswordHash(text.to_owned()));
        let (id, keep) = (world.alice.id, Some(world.session.id));
        let end = world.survives(async |world| {
            let done = world.store().change_password(id, (&old, &new), keep, world.now()).await.unwrap();
            assert_eq!(done, PasswordChange::Done);
        });
        assert_eq!(end.await, (true, Some(EndReason::Account)));
        assert!(world.store().signed_in(other.id, None).await.unwrap().unwrap().session.ended_at.is_some());
        let end = world.survives(async |world| {
            let late = world.store().change_password(id, (&old, &late), keep, world.now()).await.unwrap();
            assert_eq!(late, PasswordChange::Outrun);
        });
        assert_eq!(end.await, (true, None), "who was outrun ends nothing");
        assert_eq!(world.stored_alice().await.password, Some(new));
    }

    async fn deleting_a_user_leaves_nothing_of_theirs(db: TestDb) {
        let world = World::new(db).await;
        let (grant, code) = world.issue(true).await;
        assert_eq!(world.store().delete_user(world.alice.id, world.now()).await.unwrap(), UserWrite::Done);
        assert!(world.store().user(world.alice.id).await.unwrap().is_none());
        assert!(world.store().token_standing(grant.id, None).await.unwrap().is_none());
        assert!(world.store().load_code(&code, world.now()).await.unwrap().is_none());
        assert!(world.store().signed_in(world.session.id, None).await.unwrap().is_none());
    }

    async fn a_rehash_ends_nothing_and_loses_against_a_new_password(db: TestDb) {
        let world = World::new(db).await;
        let old = world.alice.password.clone().unwrap();
        let [rehash, late] = ["rehash", "late"].map(|text| PasswordHash(text.to_owned()));
        let end = world.survives(async |world| {
            assert!(world.store().rehash_password(world.alice.id, &old, &rehash).await.unwrap());
        });
        assert_eq!(end.await, (true, None));
        world.store().rehash_password(world.alice.id, &old, &late).await.unwrap();
        assert_eq!(world.stored_alice().await.password, Some(rehash));
    }

    async fn disabling_ends_sessions_and_grants_for_good(db: TestDb) {
        let world = World::new(db).await;
        let end = world.survives(async |world| {
            let (store, id) = (world.store(), world.alice.id);
            assert_eq!(store.disable_user(id, world.now()).await.unwrap(), UserWrite::Done);
            assert!(!world.stored_alice().await.is_enabled());
            assert!(!store.insert_browser_session(&session_of(&world.server, &world.alice), None).await.unwrap());
            assert_eq!(store.enable_user(id).await.unwrap(), UserWrite::Done);
        });
        assert_eq!(end.await, (false, Some(EndReason::Account)));
        assert!(world.stored_alice().await.is_enabled());
    }
}
