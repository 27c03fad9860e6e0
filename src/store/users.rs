//! Users.

use sqlx::types::{Json, Uuid};

use super::browser_sessions::END_OTHER_SESSIONS;
use super::rows::{UserRow, user_columns};
use super::{Backend as _, Result, Store, StoreError, in_transaction, on, statements};
use crate::model::browser_session::BrowserSessionId;
use crate::model::grant::EndReason;
use crate::model::user::{PasswordHash, User, UserId, Username};
use crate::protocol::standard_claims::StandardClaims;
use crate::time::Timestamp;

statements! {
    INSERT_USER = "INSERT INTO users (id, username, password_hash, claims, is_admin, pairwise_salt, created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $7)";
    FIND_USER = concat!("SELECT ", user_columns!(), " FROM users u WHERE u.id = $1");
    FIND_USER_BY_NAME = concat!("SELECT ", user_columns!(), " FROM users u WHERE u.username = $1");
    LIST_USERS = concat!("SELECT ", user_columns!(), " FROM users u ORDER BY u.username");
    SET_PASSWORD = "UPDATE users SET password_hash = $2 WHERE id = $1";
    // Only over the hash that was verified: a password changed in the meantime wins.
    REHASH_PASSWORD = "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2";
    // Only over the hash that was verified: of two changes by those who knew the old password the second is refused.
    CHANGE_PASSWORD = "UPDATE users SET password_hash = $3
        WHERE id = $1 AND password_hash = $2 AND disabled_at IS NULL";
    REAUTHENTICATE_KEPT = "UPDATE browser_session SET auth_time = $2, last_seen_at = $2 WHERE id = $1 AND ended_at IS NULL";
    DISABLE_USER = "UPDATE users SET disabled_at = $2 WHERE id = $1 AND disabled_at IS NULL";
    ENABLE_USER = "UPDATE users SET disabled_at = NULL WHERE id = $1";
    // On Postgres the row is locked, as SQLite locks everything for its one writer.
    READ_CLAIMS = "SELECT claims FROM users WHERE id = $1 FOR UPDATE", "SELECT claims FROM users WHERE id = $1";
    SET_CLAIMS = "UPDATE users SET claims = $2, updated_at = $3 WHERE id = $1";
    DELETE_USER = "DELETE FROM users WHERE id = $1";
    END_GRANTS_OF_USER = "UPDATE grants SET ended_at = $2, end_reason = $3 WHERE user_id = $1 AND ended_at IS NULL";
}

/// Ends every session of a user but `keep`, and every grant, inside the transaction that is the reason for it.
macro_rules! end_everything {
    ($tx:expr, $user:expr, $keep:expr, $now:expr) => {
        sqlx::query($tx.text(&END_OTHER_SESSIONS))
            .bind($user.0)
            .bind($now.0)
            .bind($keep.map(|id: BrowserSessionId| id.0))
            .execute(&mut *$tx)
            .await?;
        sqlx::query($tx.text(&END_GRANTS_OF_USER))
            .bind($user.0)
            .bind($now.0)
            .bind(EndReason::Account.as_str())
            .execute(&mut *$tx)
            .await?;
    };
}

/// What became of a write on a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserWrite {
    /// It is stored.
    Done,
    /// There is no such user.
    NotFound,
    /// The username belongs to someone.
    Taken,
}

/// What became of a change of password by its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordChange {
    /// The new one counts.
    Done,
    /// The old one was no longer the one that was verified.
    Outrun,
}

impl Store {
    /// Stores a new user.
    pub async fn insert_user(&self, user: &User) -> Result<UserWrite> {
        let inserted = on!(self.writer(), |db| {
            sqlx::query(db.text(&INSERT_USER))
                .bind(user.id.0)
                .bind(user.username.as_str())
                .bind(user.password.as_ref().map(|hash| hash.0.as_str()))
                .bind(Json(&user.claims))
                .bind(user.is_admin)
                .bind(user.pairwise_salt.0.as_slice())
                .bind(user.created_at.0)
                .execute(&mut *db)
                .await?;
        });
        match inserted {
            Ok(()) => Ok(UserWrite::Done),
            Err(StoreError::Taken) => Ok(UserWrite::Taken),
            Err(other) => Err(other),
        }
    }

    /// The user with this key.
    pub async fn user(&self, id: UserId) -> Result<Option<User>> {
        let row: Option<UserRow> = on!(self.reader(), |db| {
            sqlx::query_as(db.text(&FIND_USER))
                .bind(id.0)
                .fetch_optional(&mut *db)
                .await?
        })?;
        row.map(User::try_from).transpose()
    }

    /// The user with this name.
    pub async fn user_by_name(&self, username: &Username) -> Result<Option<User>> {
        let row: Option<UserRow> = on!(self.reader(), |db| {
            sqlx::query_as(db.text(&FIND_USER_BY_NAME))
                .bind(username.as_str())
                .fetch_optional(&mut *db)
                .await?
        })?;
        row.map(User::try_from).transpose()
    }

    /// All users, by name.
    pub async fn users(&self) -> Result<Vec<User>> {
        let rows: Vec<UserRow> = on!(self.reader(), |db| {
            sqlx::query_as(db.text(&LIST_USERS)).fetch_all(&mut *db).await?
        })?;
        rows.into_iter().map(User::try_from).collect()
    }

    /// Sets a new password, and ends every session and grant of the user: whoever knew the old one is out.
    pub async fn set_password(&self, id: UserId, hash: &PasswordHash, now: Timestamp) -> Result<UserWrite> {
        let outcome = in_transaction!(self, |tx| {
            let set = sqlx::query(tx.text(&SET_PASSWORD))
                .bind(id.0)
                .bind(hash.0.as_str())
                .execute(&mut *tx)
                .await?;
            end_everything!(tx, id, None, now);
            if set.rows_affected() == 1 {
                UserWrite::Done
            } else {
                UserWrite::NotFound
            }
        });
        self.ended.notify_one();
        outcome
    }

    /// Replaces the password behind `verified`, and ends every grant of the user and every session but `keep`, the one that
    /// asked for it. `Outrun`: the password was replaced, or the account disabled, since it was verified.
    pub async fn change_password(
        &self,
        id: UserId,
        (verified, new): (&PasswordHash, &PasswordHash),
        keep: Option<BrowserSessionId>,
        now: Timestamp,
    ) -> Result<PasswordChange> {
        let outcome = in_transaction!(self, |tx| {
            let changed = sqlx::query(tx.text(&CHANGE_PASSWORD))
                .bind(id.0)
                .bind(verified.0.as_str())
                .bind(new.0.as_str())
                .execute(&mut *tx)
                .await?
                .rows_affected();
            if changed == 1 {
                end_everything!(tx, id, keep, now);
                if let Some(keep) = keep {
                    // Nothing that rests on the sign-in as it was before can be stored any more.
                    sqlx::query(tx.text(&REAUTHENTICATE_KEPT))
                        .bind(keep.0)
                        .bind(now.0)
                        .execute(&mut *tx)
                        .await?;
                }
                PasswordChange::Done
            } else {
                PasswordChange::Outrun
            }
        });
        self.ended.notify_one();
        outcome
    }

    /// Replaces a hash by one of the same password with today's parameters. `false`: it is another by now.
    pub async fn rehash_password(&self, id: UserId, old: &PasswordHash, new: &PasswordHash) -> Result<bool> {
        let rows = on!(self.writer(), |db| {
            sqlx::query(db.text(&REHASH_PASSWORD))
                .bind(id.0)
                .bind(old.0.as_str())
                .bind(new.0.as_str())
                .execute(&mut *db)
                .await?
                .rows_affected()
        })?;
        Ok(rows == 1)
    }

    /// Disables an account and ends its sessions and grants, in one commit.
    pub async fn disable_user(&self, id: UserId, now: Timestamp) -> Result<UserWrite> {
        if self.user(id).await?.is_none() {
            return Ok(UserWrite::NotFound);
        }
        let outcome = in_transaction!(self, |tx| {
            sqlx::query(tx.text(&DISABLE_USER))
                .bind(id.0)
                .bind(now.0)
                .execute(&mut *tx)
                .await?;
            end_everything!(tx, id, None, now);
            UserWrite::Done
        });
        self.ended.notify_one();
        outcome
    }

    /// Deletes an account with its sessions, consents and grants. Its tokens name a grant that is no more, and its id is never
    /// given again. The sessions end before they go, so that clients are told.
    pub async fn delete_user(&self, id: UserId, now: Timestamp) -> Result<UserWrite> {
        let rows = in_transaction!(self, |tx| {
            sqlx::query(tx.text(&END_OTHER_SESSIONS))
                .bind(id.0)
                .bind(now.0)
                .bind(None::<Uuid>)
                .execute(&mut *tx)
                .await?;
            sqlx::query(tx.text(&DELETE_USER))
                .bind(id.0)
                .execute(&mut *tx)
                .await?
                .rows_affected()
        })?;
        self.ended.notify_one();
        Ok(if rows == 1 {
            UserWrite::Done
        } else {
            UserWrite::NotFound
        })
    }

    /// Lets an account sign in again. What was ended stays ended.
    pub async fn enable_user(&self, id: UserId) -> Result<UserWrite> {
        let rows = on!(self.writer(), |db| {
            sqlx::query(db.text(&ENABLE_USER))
                .bind(id.0)
                .execute(&mut *db)
                .await?
                .rows_affected()
        })?;
        Ok(if rows == 1 {
            UserWrite::Done
        } else {
            UserWrite::NotFound
        })
    }

    /// Replaces what clients may be told about a user.
    pub async fn set_claims(&self, user: &User, now: Timestamp) -> Result<UserWrite> {
        let rows = on!(self.writer(), |db| {
            sqlx::query(db.text(&SET_CLAIMS))
                .bind(user.id.0)
                .bind(Json(&user.claims))
                .bind(now.0)
                .execute(&mut *db)
                .await?
                .rows_affected()
        })?;
        Ok(if rows == 1 {
            UserWrite::Done
        } else {
            UserWrite::NotFound
        })
    }

    /// Changes some of what clients may be told about a user; what others change at the same moment stays.
    pub async fn edit_claims(
        &self,
        id: UserId,
        edit: impl Fn(&mut StandardClaims),
        now: Timestamp,
    ) -> Result<UserWrite> {
        in_transaction!(self, |tx| {
            let found: Option<Json<StandardClaims>> = sqlx::query_scalar(tx.text(&READ_CLAIMS))
                .bind(id.0)
                .fetch_optional(&mut *tx)
                .await?;
            match found {
                None => UserWrite::NotFound,
                Some(Json(mut claims)) => {
                    edit(&mut claims);
                    sqlx::query(tx.text(&SET_CLAIMS))
                        .bind(id.0)
                        .bind(Json(&claims))
                        .bind(now.0)
                        .execute(&mut *tx)
                        .await?;
                    UserWrite::Done
                }
            }
        })
    }
}
