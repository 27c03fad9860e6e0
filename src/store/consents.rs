//! What people allowed: the apps that may act for a person, and taking it back.

use sqlx::types::Json;

use super::{Backend as _, Result, Store, in_transaction, on, rows, statements};
use crate::model::client::ClientMetadata;
use crate::model::grant::EndReason;
use crate::model::user::UserId;
use crate::protocol::ids::ClientId;
use crate::protocol::scope::Scope;
use crate::protocol::standard_claims::ClaimSet;
use crate::time::Timestamp;

statements! {
    DELETE_CONSENT = "DELETE FROM consent WHERE user_id = $1 AND client_id = $2";
    END_GRANTS_OF_PAIR = "UPDATE grants SET ended_at = $3, end_reason = $4
        WHERE user_id = $1 AND client_id = $2 AND ended_at IS NULL";
    // What is remembered, and what is alive. A grant whose code nobody redeemed gave nobody anything yet. The newest refresh
    // token tells when a grant was last used, so that no use has to be written down. `+ 0`: see `postgres::REDEEM_CODE`.
    APPS_OF_USER = "SELECT c.client_id, c.metadata, a.scope, a.claims, a.since, a.offline, a.used_at,
            EXISTS (SELECT 1 FROM client_logo l WHERE l.client_id = c.client_id) AS has_logo
        FROM (
            SELECT client_id, scope, claims, granted_at AS since, FALSE AS offline, CAST(NULL AS BIGINT) AS used_at
            FROM consent WHERE user_id = $1
            UNION ALL
            SELECT g.client_id, g.scope, g.userinfo_claims || ' ' || g.id_token_claims, g.created_at, g.offline,
                COALESCE((SELECT r.created_at FROM refresh_token r WHERE r.grant_id = g.id
                    ORDER BY r.generation DESC LIMIT 1), g.created_at)
            FROM grants g WHERE g.user_id = $1 AND g.ended_at IS NULL AND g.expires_at > $2
                AND NOT EXISTS (SELECT 1 FROM code k WHERE k.grant_id = g.id AND k.redeemed_at + 0 IS NULL)
        ) a JOIN client c ON c.client_id = a.client_id ORDER BY c.client_id, a.since, a.scope";
}

/// An app that may act for a person, or that they need not be asked about again.
#[derive(Clone, Debug)]
pub struct AppOfUser {
    /// The client.
    pub client_id: ClientId,
    /// Its name for people.
    pub name: String,
    /// Whether it has a picture.
    pub has_logo: bool,
    /// Where it can be told to begin a sign-in (OpenID Connect Core §4).
    pub initiate_login_uri: Option<String>,
    /// The first time that the person allowed what still counts.
    pub since: Timestamp,
    /// All that they allow it.
    pub scope: Scope,
    /// The single claims beyond it that they allow it to see.
    pub claims: ClaimSet,
    /// When it last fetched tokens, if it has any that count.
    pub last_used_at: Option<Timestamp>,
    /// Whether it can fetch tokens while the person is away.
    pub offline: bool,
}

/// What became of taking back a consent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withdrawal {
    /// The app is out: nothing is remembered, and what it held is dead.
    Done {
        /// How many grants ended.
        grants: u64,
    },
    /// There was nothing to take back.
    Nothing,
}

#[derive(sqlx::FromRow)]
struct AppRow {
    client_id: String,
    metadata: Json<ClientMetadata>,
    scope: String,
    claims: String,
    since: i64,
    offline: bool,
    used_at: Option<i64>,
    has_logo: bool,
}

impl Store {
    /// Forgets what a person allowed to a client, and ends every grant between the two, in one commit.
    pub async fn withdraw_consent(&self, user: UserId, client: &ClientId, now: Timestamp) -> Result<Withdrawal> {
        // The consent first: an answer that is being stored holds it, so that its grant is there to be ended.
        let (consents, grants) = in_transaction!(self, |tx| {
            let consents = sqlx::query(tx.text(&DELETE_CONSENT))
                .bind(user.0)
                .bind(client.as_str())
                .execute(&mut *tx)
                .await?
                .rows_affected();
            let grants = sqlx::query(tx.text(&END_GRANTS_OF_PAIR))
                .bind(user.0)
                .bind(client.as_str())
                .bind(now.0)
                .bind(EndReason::Withdrawn.as_str())
                .execute(&mut *tx)
                .await?
                .rows_affected();
            (consents, grants)
        })?;
        Ok(match (consents, grants) {
            (0, 0) => Withdrawal::Nothing,
            _ => Withdrawal::Done { grants },
        })
    }

    /// The apps of a person, by `client_id`: those with a live grant, and those whose consent is remembered.
    pub async fn apps_of_user(&self, user: UserId, now: Timestamp) -> Result<Vec<AppOfUser>> {
        let rows: Vec<AppRow> = on!(self.reader(), |db| {
            sqlx::query_as(db.text(&APPS_OF_USER))
                .bind(user.0)
                .bind(now.0)
                .fetch_all(&mut *db)
                .await?
        })?;
        let mut apps: Vec<AppOfUser> = Vec::new();
        for row in rows {
            let app = AppOfUser::of(row)?;
            match apps.last_mut().filter(|known| known.client_id == app.client_id) {
                Some(known) => known.merge(&app),
                None => apps.push(app),
            }
        }
        Ok(apps)
    }
}

impl AppOfUser {
    fn of(row: AppRow) -> Result<Self> {
        let scope = rows::scope(row.scope)?;
        Ok(Self {
            client_id: rows::client_id(row.client_id)?,
            initiate_login_uri: row.metadata.0.about.initiate_login_uri,
            name: row.metadata.0.name,
            has_logo: row.has_logo,
            since: Timestamp(row.since),
            claims: ClaimSet::stored(&row.claims).beyond(&scope),
            scope,
            last_used_at: row.used_at.map(Timestamp),
            offline: row.offline,
        })
    }

    fn merge(&mut self, more: &Self) {
        self.since = self.since.min(more.since);
        self.scope = self.scope.union(&more.scope);
        self.claims = self.claims.union(&more.claims).beyond(&self.scope);
        self.last_used_at = self.last_used_at.max(more.last_used_at);
        self.offline |= more.offline;
    }
}
