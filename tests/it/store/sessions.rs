//! Sign-ins.

use portcullis::model::browser_session::BrowserSessionId;
use portcullis::model::grant::EndReason;
use uuid::Uuid;

use super::World;
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
}
