//! Both schemas are the same, and both databases take every statement.

use portcullis::store::{MigrationState, all_statements, table_columns};
use sqlx::{Executor as _, PgPool, SqlStr, SqlitePool};

use crate::support::{TestDb, both_stores};

#[tokio::test]
async fn sqlite_takes_every_statement() {
    let db = TestDb::sqlite().await;
    let pool = SqlitePool::connect(db.url()).await.unwrap();
    for statement in all_statements() {
        let prepared = (&pool).prepare(SqlStr::from_static(statement.sqlite)).await;
        assert!(prepared.is_ok(), "{}: {:?}", statement.name, prepared.err());
    }
}

#[tokio::test]
async fn postgres_takes_every_statement() {
    let Some(db) = TestDb::postgres().await else { return };
    let pool = PgPool::connect(db.url()).await.unwrap();
    for statement in all_statements() {
        let prepared = (&pool).prepare(SqlStr::from_static(statement.postgres)).await;
        assert!(prepared.is_ok(), "{}: {:?}", statement.name, prepared.err());
    }
}

#[test]
fn statement_names_are_unique() {
    let mut names: Vec<_> = all_statements().iter().map(|statement| statement.name).collect();
    assert!(names.len() > 60, "{}", names.len());
    names.sort_unstable();
    let twice: Vec<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

#[tokio::test]
async fn both_schemas_have_the_same_columns() {
    let Some(postgres) = TestDb::postgres().await else {
        return;
    };
    let mut columns = [Vec::new(), Vec::new()];
    for (columns, db) in columns.iter_mut().zip([TestDb::sqlite().await, postgres]) {
        *columns = table_columns(&db.open().await).await.unwrap();
        columns.sort_unstable();
    }
    let [sqlite, postgres] = columns;
    assert!(sqlite.len() > 80, "{}", sqlite.len());
    assert_eq!(sqlite, postgres);
}

both_stores! {
    async fn a_migrated_database_is_current_and_migrating_again_does_nothing(db: TestDb) {
        let store = db.open().await;
        assert_eq!(store.migration_state().await.unwrap(), MigrationState::Current);
        store.migrate().await.unwrap();
        assert_eq!(store.migration_state().await.unwrap(), MigrationState::Current);
        store.ping().await.unwrap();
    }

    async fn an_empty_database_is_pending_until_it_is_migrated(db: TestDb) {
        let empty = db.empty_sibling().await;
        let store = empty.open().await;
        assert!(matches!(store.migration_state().await.unwrap(), MigrationState::Pending(1..)));
        store.migrate().await.unwrap();
        assert_eq!(store.migration_state().await.unwrap(), MigrationState::Current);
    }

    async fn a_newer_schema_is_taken_unless_it_needs_a_newer_program(db: TestDb) {
        let store = db.open().await;
        let mut raw = db.raw().await;
        raw.run(&db.applied_later(9998, "more columns")).await;
        assert_eq!(store.migration_state().await.unwrap(), MigrationState::Newer(9998));
        store.migrate().await.unwrap();
        store.ping().await.unwrap();

        raw.run(&db.applied_later(9999, "needs 9998 drop the old ones")).await;
        for error in [store.migration_state().await.err(), store.migrate().await.err()] {
            let error = error.unwrap().to_string();
            assert!(error.contains("run a newer portcullis"), "{error}");
        }
    }
}
