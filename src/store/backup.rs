//! A copy of the SQLite file while others write to it.

use std::path::Path;

use super::{Backend as _, Db, Result, Store, StoreError, on, statements};

statements! {
    COPY_INTO = "SELECT 1", "VACUUM INTO $1";
    // Index pages are compared with their tables, and every row with its constraints.
    DAMAGE = "SELECT 'ok'", "SELECT integrity_check FROM pragma_integrity_check";
    BROKEN_REFERENCES = "SELECT CAST(0 AS BIGINT)", "SELECT count(*) FROM pragma_foreign_key_check";
}

impl Store {
    /// Writes the database as it is at this moment into the empty file at `path`: everything that was committed before this
    /// was called, and nothing of what is under way. Other processes write on; this one's writers wait. SQLite only.
    pub async fn copy_into(&self, path: &Path) -> Result<()> {
        let Db::Sqlite(pools) = &self.db else {
            return Err(StoreError::File("only an SQLite database is a file to copy".into()));
        };
        let path = path
            .to_str()
            .ok_or_else(|| StoreError::File("the path of the copy is not UTF-8".into()))?;
        let mut turn = pools.writer.alone().await?;
        let connection = turn.connection()?;
        sqlx::query(connection.text(&COPY_INTO))
            .bind(path)
            .execute(&mut *connection)
            .await?;
        turn.commit().await
    }

    /// Reads the whole file and says what is wrong in it; nothing if it is sound. SQLite only: PostgreSQL looks after its own.
    pub async fn damage(&self) -> Result<Vec<String>> {
        let mut damage: Vec<String> = on!(self.reader(), |db| {
            sqlx::query_scalar(db.text(&DAMAGE)).fetch_all(&mut *db).await?
        })?;
        damage.retain(|finding| finding != "ok");
        let broken: i64 = on!(self.reader(), |db| {
            sqlx::query_scalar(db.text(&BROKEN_REFERENCES))
                .fetch_one(&mut *db)
                .await?
        })?;
        if broken > 0 {
            damage.push(format!("{broken} rows refer to rows that are not there"));
        }
        Ok(damage)
    }
}
