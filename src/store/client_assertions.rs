//! Client assertions that were used.

use super::{Backend as _, Result, Store, on, statements};
use crate::time::Timestamp;

statements! {
    SPEND_ASSERTION = "INSERT INTO client_assertion (digest, expires_at) VALUES ($1, $2) ON CONFLICT (digest) DO NOTHING";
}

/// What became of using an assertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssertionUse {
    /// It was the first time.
    First,
    /// It was used before.
    Replayed,
}

impl Store {
    /// Uses the assertion that `digest` stands for. Of all that try, on any node, one is the first. It is remembered until
    /// `expires_at`, from when on nobody takes it any more.
    pub async fn spend_assertion(&self, digest: &[u8; 32], expires_at: Timestamp) -> Result<AssertionUse> {
        let rows = on!(self.writer(), |db| {
            sqlx::query(db.text(&SPEND_ASSERTION))
                .bind(digest.as_slice())
                .bind(expires_at.0)
                .execute(&mut *db)
                .await?
                .rows_affected()
        })?;
        Ok(if rows == 1 {
            AssertionUse::First
        } else {
            AssertionUse::Replayed
        })
    }
}
