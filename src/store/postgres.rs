//! Postgres: the pool, and the hot paths that are one statement there.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnection, PgListener, PgPoolOptions};
use sqlx::types::Json;

use super::lending::{Lender, Source as _};
use super::patience::Patience;
use super::rotations::Refreshing;
use super::servers::Server;
use super::{
    Backend as _, ConsentUse, IssueOutcome, NewGrant, NewRefreshToken, NewTokens, Result, Statement, StoreOptions,
    attempts, statements,
};
use crate::model::access_token::AccessToken;
use crate::model::digest::TokenDigest;
use crate::model::refresh_token::RefreshToken;
use crate::time::Timestamp;

/// The connections, and how long their answers are waited for.
#[derive(Clone)]
pub(super) struct Pg {
    lender: Lender<Server>,
    pub(super) patience: Arc<Patience>,
    pub(super) refreshing: Arc<Refreshing>,
}

impl Deref for Pg {
    type Target = Lender<Server>;

    fn deref(&self) -> &Lender<Server> {
        &self.lender
    }
}

impl Pg {
    /// A connection of its own, for work that takes its time.
    pub(super) async fn open_connection(&self) -> Result<PgConnection> {
        self.lender.source().connect().await
    }

    /// How often the database has turned out to be on another host.
    pub(super) fn moves(&self) -> u64 {
        self.lender.source().moves()
    }

    /// A connection of its own that hears notifications, and [`Server::moves`] from before it was made. It hangs on a pool of sqlx's,
    /// whose one connection it is.
    pub(super) async fn listener(&self) -> Result<(PgListener, u64)> {
        let server = self.lender.source();
        let primary = server.primary().await?;
        let moves = server.moves();
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(primary)
            .await?;
        Ok((PgListener::connect_with(&pool).await?, moves))
    }
}

/// Connects to nothing yet: the server starts, and says that it is not ready, while the database is away.
pub(super) fn open(options: &StoreOptions) -> Result<Pg> {
    // A little more than Postgres has: what it ends by itself needs no new connection.
    let limit = Duration::from_secs(options.statement_timeout) + Duration::from_millis(500);
    let patience = Arc::new(Patience::new(limit));
    let server = Server::new(options, patience.clone())?;
    let lender = Lender::new(
        server,
        options.max_connections,
        Duration::from_secs(options.acquire_timeout),
    )?;
    Ok(Pg {
        lender,
        patience,
        refreshing: Arc::default(),
    })
}

macro_rules! rotation {
    () => {
        "WITH held AS (
            SELECT id FROM grants WHERE id = $2 FOR KEY SHARE
        ), spent AS (
            UPDATE refresh_token t SET spent_at = $3 FROM held
            WHERE t.digest = $1 AND t.grant_id = held.id AND t.spent_at IS NULL AND t.replaced_at IS NULL
            RETURNING t.grant_id, t.generation
        )"
    };
}

// `IS NOT NULL` gives Postgres no type to infer, hence the casts: a statement says by itself what it takes.
statements! {
    // Claims the code and stores what it buys in one statement: all of it happens, or none.
    // The grant is held first: whoever deletes it takes grant and code in that order too, and in the other order the two
    // would wait for each other.
    // `+ 0` keeps Postgres from the index of what nobody has redeemed, for sweeping: it looks smaller than the key, with its few
    // live rows, and a plan by it reads all that was redeemed since the last vacuum. Without, this took 219 us in place of 52.
    REDEEM_CODE = "WITH held AS (
            SELECT g.id FROM grants g JOIN code k ON k.grant_id = g.id WHERE k.digest = $1 FOR KEY SHARE OF g
        ), claimed AS (
            UPDATE code SET redeemed_at = $2 FROM held
            WHERE code.digest = $1 AND code.grant_id = held.id AND code.redeemed_at + 0 IS NULL AND code.failed_proofs < 3
            RETURNING code.grant_id
        ), refresh AS (
            INSERT INTO refresh_token (digest, grant_id, generation, created_at, expires_at)
            SELECT $3, grant_id, 1, $2, $4 FROM claimed WHERE $3::bytea IS NOT NULL
        ), access AS (
            INSERT INTO access_token (digest, grant_id, client_id, content, created_at, expires_at)
            SELECT $5, grant_id, $6, $7, $2, $8 FROM claimed WHERE $5::bytea IS NOT NULL
        )
        SELECT count(*) FROM claimed",
        "SELECT 0";
    // The same for a device code that a person has approved.
    REDEEM_DEVICE_GRANT = "WITH held AS (
            SELECT g.id FROM grants g JOIN device_grant d ON d.grant_id = g.id WHERE d.digest = $1 FOR KEY SHARE OF g
        ), claimed AS (
            UPDATE device_grant d SET redeemed_at = $2 FROM held
            WHERE d.digest = $1 AND d.grant_id = held.id AND d.decision = 'allow' AND d.redeemed_at + 0 IS NULL AND d.expires_at > $2
            RETURNING d.grant_id
        ), refresh AS (
            INSERT INTO refresh_token (digest, grant_id, generation, created_at, expires_at)
            SELECT $3, grant_id, 1, $2, $4 FROM claimed WHERE $3::bytea IS NOT NULL
        ), access AS (
            INSERT INTO access_token (digest, grant_id, client_id, content, created_at, expires_at)
            SELECT $5, grant_id, $6, $7, $2, $8 FROM claimed WHERE $5::bytea IS NOT NULL
        )
        SELECT count(*) FROM claimed",
        "SELECT 0";
    // Spends the live leaf and issues its successor in one statement, holding the grant first as above. Of the statement's
    // 82 us of Postgres's CPU, 16 went for finding the grant by the token and for counting rows that nobody reads.
    ROTATE_REFRESH_TOKEN = concat!(rotation!(), " INSERT INTO refresh_token (digest, grant_id, generation, created_at, expires_at)
        SELECT $4, grant_id, generation + 1, $3, $5 FROM spent"),
        "SELECT 0";
    ROTATE_WITH_ACCESS_TOKEN = concat!(rotation!(), ", access AS (
            INSERT INTO access_token (digest, grant_id, client_id, content, created_at, expires_at)
            SELECT $6, grant_id, $7, $8, $3, $9 FROM spent
        )
        INSERT INTO refresh_token (digest, grant_id, generation, created_at, expires_at)
        SELECT $4, grant_id, generation + 1, $3, $5 FROM spent"),
        "SELECT 0";
    // A grant, its code, the consent behind it and the end of its interaction, in one statement. The consent is held, so that
    // whoever withdraws it meanwhile waits, and then finds the grant. `changed`: of two first answers the second finds, at its
    // own insert, what it could not see before. Nothing is written then.
    ISSUE_CODE = "WITH held AS (
            SELECT scope, claims FROM consent WHERE user_id = $4 AND client_id = $5 FOR UPDATE
        ), open AS (
            SELECT id FROM interaction WHERE id = $2 AND completed_at IS NULL FOR UPDATE
        ), alive AS (
            SELECT u.id FROM users u JOIN browser_session s ON s.user_id = u.id
            WHERE u.id = $4 AND u.disabled_at IS NULL AND s.id = $7 AND s.ended_at IS NULL AND s.auth_time = $20
            FOR SHARE
        ), allowed AS (
            SELECT 1 FROM alive WHERE ($2 IS NULL OR EXISTS (SELECT 1 FROM open))
            AND (NOT $18::boolean OR (SELECT scope FROM held) IS NOT DISTINCT FROM $19::text
                AND (SELECT claims FROM held) IS NOT DISTINCT FROM $22::text)
        ), remembered AS (
            INSERT INTO consent (user_id, client_id, scope, claims, granted_at)
            SELECT $4, $5, $3, $21, $1 FROM allowed WHERE $3::text IS NOT NULL
            ON CONFLICT (user_id, client_id)
                DO UPDATE SET scope = excluded.scope, claims = excluded.claims, granted_at = excluded.granted_at
                WHERE consent.scope = $19 AND consent.claims = $22
            RETURNING user_id
        ), given AS (
            INSERT INTO grants (id, user_id, client_id, session_id, scope, resources, authentication, offline, created_at, expires_at,
                userinfo_claims, id_token_claims)
            SELECT $6, $4, $5, $7, $8, $9, $10, $11, $1, $12, $23, $24 FROM allowed
            WHERE $3::text IS NULL OR EXISTS (SELECT 1 FROM remembered)
            RETURNING id
        ), coded AS (
            INSERT INTO code (digest, grant_id, redirect_uri, challenge, nonce, created_at, expires_at, failed_proofs)
            SELECT $13, id, $14, $15, $16, $1, $17, 0 FROM given
        ), completed AS (
            UPDATE interaction SET completed_at = $1 WHERE id = $2 AND EXISTS (SELECT 1 FROM given)
        )
        SELECT EXISTS (SELECT 1 FROM given), $2 IS NOT NULL AND NOT EXISTS (SELECT 1 FROM open)",
        "SELECT 0";
}

/// See [`super::Store::issue_code`].
pub(super) async fn issue_code(pg: &Pg, new: &NewGrant<'_>) -> Result<IssueOutcome> {
    let (grant, code) = (new.grant, new.code);
    let remembered = new.consent.and_then(ConsentUse::remembered);
    let expected = new.consent.and_then(ConsentUse::expected);
    let (given, answered): (bool, bool) = attempts!(pg.patience.within(async {
        let mut lease = pg.lend().await?;
        let db = lease.connection()?;
        let query = sqlx::query_as(db.text(&ISSUE_CODE))
            .bind(grant.created_at.0)
            .bind(new.interaction.map(|id| id.0))
            .bind(remembered.map(|allowed| allowed.scope.to_string()))
            .bind(grant.user_id.0)
            .bind(grant.client_id.as_str())
            .bind(grant.id.0)
            .bind(grant.session_id.0)
            .bind(grant.scope.to_string())
            .bind(Json(&grant.resources))
            .bind(Json(&grant.authentication))
            .bind(new.offline)
            .bind(grant.expires_at.0)
            .bind(code.digest.as_bytes().as_slice())
            .bind(code.redirect_uri.as_str())
            .bind(code.challenge.as_ref().map(|challenge| challenge.digest().as_slice()))
            .bind(code.nonce.as_deref())
            .bind(code.expires_at.0)
            .bind(new.consent.is_some())
            .bind(expected.map(|allowed| allowed.scope.to_string()))
            .bind(grant.authentication.auth_time.0)
            .bind(remembered.map(|allowed| allowed.claims.to_string()))
            .bind(expected.map(|allowed| allowed.claims.to_string()))
            .bind(grant.claims.userinfo.to_string())
            .bind(grant.claims.id_token.to_string());
        let answer = query.fetch_one(&mut *db).await?;
        lease.settled();
        Ok(answer)
    }))?;
    Ok(match (given, answered) {
        (true, _) => IssueOutcome::Issued,
        (false, true) => IssueOutcome::AlreadyAnswered,
        (false, false) => IssueOutcome::Changed,
    })
}

/// See [`super::Store::redeem_code`]. `false`: another caller was first.
pub(super) async fn redeem_code(pg: &Pg, code: &TokenDigest, tokens: &NewTokens, now: Timestamp) -> Result<bool> {
    exchange(pg, &REDEEM_CODE, code, tokens, now).await
}

/// See [`super::Store::redeem_device_grant`]. `false`: another caller was first.
pub(super) async fn redeem_device_grant(
    pg: &Pg,
    device_code: &TokenDigest,
    tokens: &NewTokens,
    now: Timestamp,
) -> Result<bool> {
    exchange(pg, &REDEEM_DEVICE_GRANT, device_code, tokens, now).await
}

/// See [`super::Store::rotate_refresh_token`]. `false`: another caller was first.
pub(super) async fn rotate_refresh_token(
    pg: &Pg,
    presented: &RefreshToken,
    (next, access): (&NewRefreshToken, Option<&AccessToken>),
    now: Timestamp,
) -> Result<bool> {
    let statement = match access {
        None => &ROTATE_REFRESH_TOKEN,
        Some(_) => &ROTATE_WITH_ACCESS_TOKEN,
    };
    let rows = attempts!(pg.patience.within(async {
        let mut lease = pg.lend().await?;
        let db = lease.connection()?;
        let mut query = sqlx::query(db.text(statement))
            .bind(presented.digest.as_bytes().as_slice())
            .bind(presented.grant_id.0)
            .bind(now.0)
            .bind(next.digest.as_bytes().as_slice())
            .bind(next.expires_at.0);
        if let Some(access) = access {
            query = query
                .bind(access.digest.as_bytes().as_slice())
                .bind(access.client_id.as_str())
                .bind(Json(&access.content))
                .bind(access.expires_at.0);
        }
        let rows = query.execute(&mut *db).await?.rows_affected();
        lease.settled();
        Ok(rows)
    }))?;
    Ok(rows == 1)
}

/// Claims what is presented and stores what it buys; both statements take the same binds.
async fn exchange(
    pg: &Pg,
    statement: &'static Statement,
    presented: &TokenDigest,
    tokens: &NewTokens,
    now: Timestamp,
) -> Result<bool> {
    let (refresh, access) = (tokens.refresh.as_ref(), tokens.access.as_ref());
    let claimed: i64 = attempts!(pg.patience.within(async {
        let mut lease = pg.lend().await?;
        let db = lease.connection()?;
        let query = sqlx::query_scalar(db.text(statement))
            .bind(presented.as_bytes().as_slice())
            .bind(now.0)
            .bind(refresh.map(|token| token.digest.as_bytes().as_slice()))
            .bind(refresh.map(|token| token.expires_at.0))
            .bind(access.map(|token| token.digest.as_bytes().as_slice()))
            .bind(access.map(|token| token.client_id.as_str()))
            .bind(access.map(|token| Json(&token.content)))
            .bind(access.map(|token| token.expires_at.0));
        let answer = query.fetch_one(&mut *db).await?;
        lease.settled();
        Ok(answer)
    }))?;
    Ok(claimed == 1)
}
