//! Sign-ins.

use portcullis::model::browser_session::BrowserSessionId;
use portcullis::model::grant::EndReason;
use uuid::Uuid;

use super::{World, session_of};
use crate::support::both_stores;

both_stores! {
    async fn a_sign_in_comes_back_as_stored(db: TestDb) {
        let world = World::new(db).await;
        let found = world.store().signed_in(world.session.id, None).await.unwrap().unwrap();
        assert_eq!(found.session, world.session);
        assert_eq!((found.last_seen_at, found.user.id), (world.now(), world.alice.id));
        assert!(found.consented.is_none());
        let nobody = BrowserSessionId(Uuid::new_v4());
        assert!(world.store().signed_in(nobody, None).await.unwrap().is_none());
    }

    async fn touching_only_moves_forward(db: TestDb) {
        let world = World::new(db).await;
        let (id, start) = (world.session.id, world.now());
        for (at, expected) in [(start.plus(50), start.plus(50)), (start.plus(20), start.plus(50))] {
            world.store().touch_session(id, None, at).await.unwrap();
            assert_eq!(world.store().signed_in(id, None).await.unwrap().unwrap().last_seen_at, expected);
        }
        let address = async || world.store().signed_in(id, None).await.unwrap().unwrap().session.address;
        assert_eq!(address().await, world.session.address, "who has none to tell leaves it");
        let moved = "2001:db8::7".parse().ok();
        world.store().touch_session(id, moved, start.plus(60)).await.unwrap();
        assert_eq!(address().await, moved);
        let back = "203.0.113.9".parse().ok();
        assert!(world.store().reauthenticate(id, back, start.plus(70)).await.unwrap());
        assert_eq!(address().await, back);
    }

    async fn an_ended_sign_in_cannot_be_confirmed(db: TestDb) {
        let world = World::new(db).await;
        let id = world.session.id;
        let later = world.now().plus(30);
        assert!(world.store().reauthenticate(id, None, later).await.unwrap());
        let found = world.store().signed_in(id, None).await.unwrap().unwrap();
        assert_eq!((found.session.auth_time, found.last_seen_at), (later, later));
        assert!(!world.store().reauthenticate(id, None, world.session.expires_at).await.unwrap());
        world.store().end_session(id, later).await.unwrap();
        assert!(!world.store().reauthenticate(id, None, later).await.unwrap());
    }

    async fn signing_out_ends_grants_but_those_for_offline_use(db: TestDb) {
        let world = World::new(db).await;
        let (online, _) = world.issue(false).await;
        let (offline, _) = world.issue(true).await;
        world.store().end_session(world.session.id, world.now()).await.unwrap();
        world.store().end_session(world.session.id, world.now().plus(5)).await.unwrap();
        let ended = async |id| world.store().token_standing(id, None).await.unwrap().unwrap().grant.ended;
        assert_eq!(ended(online.id).await.unwrap().why, EndReason::SignedOut);
        assert!(ended(offline.id).await.is_none());
        let session = world.store().signed_in(world.session.id, None).await.unwrap().unwrap().session;
        assert_eq!(session.ended_at, Some(world.now()));
    }

    async fn ending_the_other_sign_ins_keeps_one_and_what_is_offline(db: TestDb) {
        let world = World::new(db).await;
        let (store, alice) = (world.store(), world.alice.id);
        let bob = world.server.add_user("bob").await;
        let [other, bobs] = [session_of(&world.server, &world.alice), session_of(&world.server, &bob)];
        let (online, _) = world.issue(false).await;
        let (offline, _) = world.issue(true).await;
        for session in [&other, &bobs] {
            assert!(store.insert_browser_session(session, None).await.unwrap());
        }
        let later = world.now().plus(60);
        store.touch_session(other.id, None, later).await.unwrap();
        let of = async |user| {
            let found = store.sessions_of_user(user, world.now()).await.unwrap();
            found.into_iter().map(|found| (found.session.id, found.last_seen_at)).collect::<Vec<_>>()
        };
        assert_eq!(of(alice).await, [(other.id, later), (world.session.id, world.now())]);
        assert!(store.sessions_of_user(alice, world.session.expires_at).await.unwrap().is_empty());

        assert_eq!(store.end_other_sessions(alice, Some(other.id), world.now()).await.unwrap(), 1);
        assert_eq!(of(alice).await, [(other.id, later)]);
        assert_eq!(of(bob.id).await, [(bobs.id, world.now())]);
        let ended = async |id| store.token_standing(id, None).await.unwrap().unwrap().grant.ended;
        assert_eq!(ended(online.id).await.unwrap().why, EndReason::SignedOut);
        assert!(ended(offline.id).await.is_none());
        assert_eq!(store.end_other_sessions(alice, None, world.now()).await.unwrap(), 1);
        assert!(of(alice).await.is_empty());
    }

    async fn nobody_ends_the_sign_in_of_another(db: TestDb) {
        let world = World::new(db).await;
        let bob = world.server.add_user("bob").await;
        let (online, _) = world.issue(false).await;
        let (store, id, now) = (world.store(), world.session.id, world.now());
        let live = async || store.token_standing(online.id, None).await.unwrap().unwrap().grant.ended.is_none();
        assert!(!store.end_session_of(bob.id, id, now).await.unwrap());
        assert!(live().await);
        assert!(store.signed_in(id, None).await.unwrap().unwrap().session.is_live(now));
        assert!(store.end_session_of(world.alice.id, id, now).await.unwrap());
        assert!(!live().await);
        assert!(!store.end_session_of(world.alice.id, id, now).await.unwrap());
    }
}
