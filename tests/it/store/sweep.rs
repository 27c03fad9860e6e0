//! Sweeping.

use portcullis::store::Swept;

use super::World;
use crate::support::both_stores;

both_stores! {
    async fn only_what_has_expired_goes(db: TestDb) {
        let world = World::new(db).await;
        let (grant, token) = world.redeemed().await;
        // A day of grace, for clocks that were set back.
        world.store().revoke_jwt("one", world.now().plus(100 - 86_400)).await.unwrap();
        assert_eq!(world.store().sweep(world.now(), 100).await.unwrap(), Swept::default());
        let swept = world.store().sweep(world.now().plus(100), 100).await.unwrap();
        assert_eq!(swept, Swept { rows: 1, more: false });
        assert!(!world.store().is_revoked_jwt("one").await.unwrap());
        assert!(world.store().load_refresh_token(&token).await.unwrap().is_some());

        world.store().sweep(grant.expires_at, 100).await.unwrap();
        assert!(world.store().load_refresh_token(&token).await.unwrap().is_none(), "gone with its grant");
        assert!(world.store().token_standing(grant.id, None).await.unwrap().is_none());
    }

    /// RT-04, RC-05: a used code and a spent token are remembered as long as their family lives.
    async fn spent_markers_outlive_their_own_end(db: TestDb) {
        let world = World::new(db).await;
        let (grant, code) = world.issue(true).await;
        let loaded = world.store().load_code(&code, world.now()).await.unwrap().unwrap();
        world.store().redeem_code(&loaded, &world.new_tokens(), world.now()).await.unwrap();
        let before_the_end = grant.expires_at.plus(-1);
        world.store().sweep(before_the_end, 100).await.unwrap();
        let kept = world.store().load_code(&code, before_the_end).await.unwrap().unwrap();
        assert!(kept.code.redeemed_at.is_some());
    }

    async fn batches_are_bounded_and_say_that_there_is_more(db: TestDb) {
        let world = World::new(db).await;
        for number in 0..5 {
            world.store().revoke_jwt(&format!("jti-{number}"), world.now().plus(-86_400)).await.unwrap();
        }
        let mut rounds = Vec::new();
        for _ in 0..3 {
            rounds.push(world.store().sweep(world.now(), 2).await.unwrap());
        }
        let expected = [(2, true), (2, true), (1, false)].map(|(rows, more)| Swept { rows, more });
        assert_eq!(rounds, expected);
    }

    async fn the_job_sweeps_everything(db: TestDb) {
        let world = World::new(db).await;
        world.redeemed().await;
        world.server.advance(2 * 86_400);
        assert!(portcullis::jobs::sweep::once(&world.server.app).await.unwrap() >= 2);
        assert!(world.store().signed_in(world.session.id, None).await.unwrap().is_none());
    }
}
