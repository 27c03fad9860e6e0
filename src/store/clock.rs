//! The database's clock, to compare ours with. Nothing is decided by it.

use super::{Backend as _, Result, Store, on, statements};
use crate::time::Timestamp;

statements! {
    DATABASE_CLOCK = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS BIGINT)", "SELECT unixepoch()";
}

impl Store {
    /// What time it is for the database. The embedded one has the machine's own clock.
    pub async fn clock(&self) -> Result<Timestamp> {
        let now: i64 = on!(self.reader(), |db| sqlx::query_scalar(db.text(&DATABASE_CLOCK))
            .fetch_one(db)
            .await?)?;
        Ok(Timestamp(now))
    }
}
