//! Cookie sessions.

use std::collections::HashMap;

use portcullis::store::{WebSessions, expiry_at};
use portcullis::time::Timestamp;
use tower_sessions::session::{Id, Record};
use tower_sessions::{Expiry, SessionStore as _};

use crate::support::{TestServer, both_stores};

fn record(value: &str, until: Timestamp) -> Record {
    let Some(Expiry::AtDateTime(expiry_date)) = expiry_at(until) else {
        panic!("{until:?}")
    };
    Record {
        id: Id::default(),
        data: HashMap::from([("key".to_owned(), value.into())]),
        expiry_date,
    }
}

both_stores! {
    async fn a_session_lives_until_its_end(db: TestDb) {
        let server = TestServer::new(db).await;
        let sessions = WebSessions::new(server.store().clone(), server.app.clock().clone());
        let mut first = record("one", server.app.clock().now().plus(60));
        sessions.create(&mut first).await.unwrap();
        assert_eq!(sessions.load(&first.id).await.unwrap(), Some(first.clone()));
        assert_eq!(sessions.load(&Id::default()).await.unwrap(), None);
        first.data.insert("key".to_owned(), "two".into());
        sessions.save(&first).await.unwrap();
        assert_eq!(sessions.load(&first.id).await.unwrap(), Some(first.clone()));
        server.advance(60);
        assert_eq!(sessions.load(&first.id).await.unwrap(), None);
    }

    /// RC-24: a request that was still running when its session ended.
    async fn rc_24_saving_does_not_bring_back_what_was_ended(db: TestDb) {
        let server = TestServer::new(db).await;
        let sessions = WebSessions::new(server.store().clone(), server.app.clock().clone());
        let mut ended = record("one", server.app.clock().now().plus(60));
        sessions.create(&mut ended).await.unwrap();
        sessions.delete(&ended.id).await.unwrap();
        sessions.save(&ended).await.unwrap();
        assert_eq!(sessions.load(&ended.id).await.unwrap(), None);
        sessions.delete(&ended.id).await.unwrap();
    }

    async fn a_taken_id_is_drawn_again(db: TestDb) {
        let server = TestServer::new(db).await;
        let sessions = WebSessions::new(server.store().clone(), server.app.clock().clone());
        let mut first = record("one", server.app.clock().now().plus(60));
        sessions.create(&mut first).await.unwrap();
        let mut second = Record { data: HashMap::new(), ..first.clone() };
        sessions.create(&mut second).await.unwrap();
        assert_ne!(first.id, second.id);
        assert_eq!(sessions.load(&first.id).await.unwrap(), Some(first));
    }
}
