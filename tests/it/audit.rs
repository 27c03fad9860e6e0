//! The audit trail through the server: what leaves an event, and what becomes of it.

use portcullis::model::audit_event::{Actor, AuditEvent, AuditKind};
use portcullis::time::Timestamp;

use crate::support::{TestServer, both_stores};

both_stores! {
    async fn events_are_stored_and_go_after_a_year(db: TestDb) {
        let server = TestServer::new(db).await;
        let now = server.app.clock().now();
        let event = |at: Timestamp| AuditEvent::new(AuditKind::SignOut, Actor::System, at);
        server.app.audit().record(event(now));
        server.app.audit().record(event(now.plus(86_400)));
        assert_eq!(server.audit_trail().await.len(), 2);
        server.advance(365 * 86_400);
        portcullis::jobs::sweep::once(&server.app).await.unwrap();
        assert_eq!(server.audit_trail().await.len(), 2, "to the second");
        server.advance(1);
        portcullis::jobs::sweep::once(&server.app).await.unwrap();
        let kept = server.audit_trail().await;
        assert_eq!((kept.len(), kept[0].at), (1, now.plus(86_400)));
    }
}
