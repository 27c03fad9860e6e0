//! Grants and codes: issuing, loading, redeeming.

use sqlx::types::Json;

use super::access_tokens::insert_access_token;
use super::refresh_tokens::insert_refresh_token;
use super::rows::{GrantRow, UserRow, grant_columns, user_columns};
use super::{Backend as _, Db, Result, Store, StoreError, in_transaction, on, postgres, statements};
use crate::model::access_token::AccessToken;
use crate::model::code::Code;
use crate::model::consent::Allowed;
use crate::model::digest::TokenDigest;
use crate::model::grant::Grant;
use crate::model::interaction::InteractionId;
use crate::model::user::User;
use crate::protocol::pkce::CodeChallenge;
use crate::protocol::redirect_uri::RedirectUri;
use crate::time::Timestamp;

/// A grant rests on the sign-in as it was read: if the account was disabled since, the sign-in ended, or credentials were checked
/// anew (a new password does that to the sign-in that it keeps), nothing is stored.
macro_rules! insert_grant_if_alive {
    () => {
        "INSERT INTO grants
            (id, user_id, client_id, session_id, scope, resources, authentication, offline, created_at, expires_at,
                userinfo_claims, id_token_claims)
        SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $12, $13
        FROM users u JOIN browser_session s ON s.user_id = u.id
        WHERE u.id = $2 AND u.disabled_at IS NULL AND s.id = $4 AND s.ended_at IS NULL AND s.auth_time = $11"
    };
}

statements! {
    COMPLETE = "UPDATE interaction SET completed_at = $2 WHERE id = $1 AND completed_at IS NULL";
    FIND_CONSENT = "SELECT scope, claims FROM consent WHERE user_id = $1 AND client_id = $2";
    REMEMBER_CONSENT = "INSERT INTO consent (user_id, client_id, scope, claims, granted_at)
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT (user_id, client_id)
        DO UPDATE SET scope = excluded.scope, claims = excluded.claims, granted_at = excluded.granted_at";
    // On Postgres the rows it rests on are locked, so that a change that is not committed yet is waited for and seen.
    INSERT_GRANT = concat!(insert_grant_if_alive!(), " FOR SHARE"), insert_grant_if_alive!();
    INSERT_CODE = "INSERT INTO code
        (digest, grant_id, redirect_uri, challenge, nonce, created_at, expires_at, failed_proofs)
        VALUES ($1, $2, $3, $4, $5, $6, $7, 0)";
    LOAD_CODE = concat!("SELECT ", grant_columns!(), ", ", user_columns!(), ",
        k.digest, k.redirect_uri, k.challenge, k.nonce, k.created_at AS code_created_at, k.expires_at AS code_expires_at,
        k.redeemed_at, k.failed_proofs,
        EXISTS (SELECT 1 FROM browser_session s
            WHERE s.id = g.session_id AND s.ended_at IS NULL AND s.expires_at > $2) AS session_live
        FROM code k JOIN grants g ON g.id = k.grant_id JOIN users u ON u.id = g.user_id
        WHERE k.digest = $1");
    FAIL_PROOF = "UPDATE code SET failed_proofs = failed_proofs + 1 WHERE digest = $1";
    CLAIM_CODE = "SELECT 0",
        "UPDATE code SET redeemed_at = $2 WHERE digest = $1 AND redeemed_at IS NULL AND failed_proofs < 3";
}

/// Stores a grant in a transaction; whether what it rests on still stood.
macro_rules! insert_grant {
    ($tx:expr, $grant:expr, $offline:expr) => {{
        let grant: &$crate::model::grant::Grant = $grant;
        sqlx::query($tx.text(&$crate::store::grants::INSERT_GRANT))
            .bind(grant.id.0)
            .bind(grant.user_id.0)
            .bind(grant.client_id.as_str())
            .bind(grant.session_id.0)
            .bind(grant.scope.to_string())
            .bind(Json(&grant.resources))
            .bind(Json(&grant.authentication))
            .bind($offline)
            .bind(grant.created_at.0)
            .bind(grant.expires_at.0)
            .bind(grant.authentication.auth_time.0)
            .bind(grant.claims.userinfo.to_string())
            .bind(grant.claims.id_token.to_string())
            .execute(&mut *$tx)
            .await?
            .rows_affected()
            == 1
    }};
}
pub(super) use insert_grant;

/// Stores the code of a grant in a transaction.
macro_rules! insert_code {
    ($tx:expr, $new:expr) => {
        let (grant, code) = ($new.grant, $new.code);
        sqlx::query($tx.text(&INSERT_CODE))
            .bind(code.digest.as_bytes().as_slice())
            .bind(grant.id.0)
            .bind(code.redirect_uri.as_str())
            .bind(code.challenge.as_ref().map(|challenge| challenge.digest().as_slice()))
            .bind(code.nonce.as_deref())
            .bind(grant.created_at.0)
            .bind(code.expires_at.0)
            .execute(&mut *$tx)
            .await?;
    };
}

/// A grant about to be given, with what goes with it in the same commit.
#[derive(Debug)]
pub struct NewGrant<'a> {
    /// The grant.
    pub grant: &'a Grant,
    /// Whether its refresh tokens outlive the sign-in (`offline_access`).
    pub offline: bool,
    /// The code that buys its tokens.
    pub code: &'a NewCode,
    /// What it has to do with the remembered consent; `None` where the client needs none.
    pub consent: Option<ConsentUse<'a>>,
    /// The interaction that this answers, if there was one.
    pub interaction: Option<InteractionId>,
}

/// What a grant has to do with the consent that is remembered. Either way it is given only if the consent still is what it was
/// read as: it may have been withdrawn since, or another answer may have added to it.
#[derive(Clone, Copy, Debug)]
pub enum ConsentUse<'a> {
    /// The person was not asked again.
    ReliedOn(&'a Allowed),
    /// The person was asked.
    Remembered {
        /// The consent as it was read, if there was one.
        before: Option<&'a Allowed>,
        /// Everything allowed so far.
        now: &'a Allowed,
    },
}

impl<'a> ConsentUse<'a> {
    /// What is remembered by now, unless somebody else was faster.
    pub(super) fn expected(self) -> Option<&'a Allowed> {
        match self {
            Self::ReliedOn(allowed) => Some(allowed),
            Self::Remembered { before, .. } => before,
        }
    }

    /// What is remembered from now on, if that changes.
    pub(super) fn remembered(self) -> Option<&'a Allowed> {
        match self {
            Self::ReliedOn(_) => None,
            Self::Remembered { now, .. } => Some(now),
        }
    }
}

/// A code about to be issued.
#[derive(Debug)]
pub struct NewCode {
    /// SHA-256 of the code.
    pub digest: TokenDigest,
    /// Where it goes.
    pub redirect_uri: RedirectUri,
    /// The challenge to meet.
    pub challenge: Option<CodeChallenge>,
    /// For the ID token.
    pub nonce: Option<String>,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Tokens about to be issued for a code or a refresh token, as far as they are stored.
#[derive(Debug, Default)]
pub struct NewTokens {
    /// The refresh token, unless offline access was not granted.
    pub refresh: Option<super::NewRefreshToken>,
    /// The access token, if it is opaque.
    pub access: Option<AccessToken>,
}

/// What became of issuing a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssueOutcome {
    /// The code is good.
    Issued,
    /// The interaction was answered before.
    AlreadyAnswered,
    /// The consent, the sign-in or the account is not what it was read as: look again and decide again.
    Changed,
    /// The client or the user is gone.
    Gone,
}

/// A code with everything that decides about it.
#[derive(Clone, Debug)]
pub struct LoadedCode {
    /// The code.
    pub code: Code,
    /// Its grant.
    pub grant: Grant,
    /// The user of the grant.
    pub user: User,
    /// Whether the sign-in behind it goes on.
    pub session_live: bool,
}

/// What became of redeeming a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeOutcome {
    /// This caller has it.
    Redeemed,
    /// Another caller was first.
    AlreadyRedeemed,
    /// The grant went away in the meantime.
    Gone,
}

#[derive(sqlx::FromRow)]
struct CodeRow {
    #[sqlx(flatten)]
    grant: GrantRow,
    #[sqlx(flatten)]
    user: UserRow,
    digest: Vec<u8>,
    redirect_uri: String,
    challenge: Option<Vec<u8>>,
    nonce: Option<String>,
    code_created_at: i64,
    code_expires_at: i64,
    redeemed_at: Option<i64>,
    failed_proofs: i64,
    session_live: bool,
}

impl Store {
    /// Stores grant, code and consent, and ends the interaction that they answer: all of it, or none.
    pub async fn issue_code(&self, new: &NewGrant<'_>) -> Result<IssueOutcome> {
        let issued = match &self.db {
            Db::Postgres(pool) => postgres::issue_code(pool, new).await,
            Db::Sqlite(_) => self.issue_code_in_steps(new).await,
        };
        match issued {
            Ok(outcome) => Ok(outcome),
            Err(StoreError::Gone) => Ok(IssueOutcome::Gone),
            Err(other) => Err(other),
        }
    }

    /// On SQLite, where a transaction has the database for itself: what was looked at stays true until the commit. To return
    /// early is to roll back.
    async fn issue_code_in_steps(&self, new: &NewGrant<'_>) -> Result<IssueOutcome> {
        let grant = new.grant;
        let (user, client, now) = (grant.user_id.0, grant.client_id.as_str(), grant.created_at.0);
        in_transaction!(self, |tx| {
            if let Some(id) = new.interaction {
                let completing = sqlx::query(tx.text(&COMPLETE)).bind(id.0).bind(now);
                if completing.execute(&mut *tx).await?.rows_affected() == 0 {
                    return Ok(IssueOutcome::AlreadyAnswered);
                }
            }
            let consent: Option<(String, String)> = sqlx::query_as(tx.text(&FIND_CONSENT))
                .bind(user)
                .bind(client)
                .fetch_optional(&mut *tx)
                .await?;
            let texts = |allowed: &Allowed| (allowed.scope.to_string(), allowed.claims.to_string());
            let expected = |used: ConsentUse<'_>| used.expected().map(texts) == consent;
            if !new.consent.is_none_or(expected) {
                return Ok(IssueOutcome::Changed);
            }
            if let Some(allowed) = new.consent.and_then(ConsentUse::remembered) {
                sqlx::query(tx.text(&REMEMBER_CONSENT))
                    .bind(user)
                    .bind(client)
                    .bind(allowed.scope.to_string())
                    .bind(allowed.claims.to_string())
                    .bind(now)
                    .execute(&mut *tx)
                    .await?;
            }
            if !insert_grant!(tx, grant, new.offline) {
                return Ok(IssueOutcome::Changed);
            }
            insert_code!(tx, new);
            IssueOutcome::Issued
        })
    }

    /// The code with this digest, its grant, user and sign-in.
    pub async fn load_code(&self, digest: &TokenDigest, now: Timestamp) -> Result<Option<LoadedCode>> {
        let row: Option<CodeRow> = on!(self.reader(), |db| {
            sqlx::query_as(db.text(&LOAD_CODE))
                .bind(digest.as_bytes().as_slice())
                .bind(now.0)
                .fetch_optional(&mut *db)
                .await?
        })?;
        row.map(LoadedCode::try_from).transpose()
    }

    /// Counts a failed proof against a code. Committed on its own: the refusal that follows cannot undo it.
    pub async fn fail_code_proof(&self, digest: &TokenDigest) -> Result<()> {
        on!(self.writer(), |db| {
            sqlx::query(db.text(&FAIL_PROOF))
                .bind(digest.as_bytes().as_slice())
                .execute(&mut *db)
                .await?;
        })
    }

    /// Claims a code and stores what it buys: all of it, or none. Of many callers exactly one is told `Redeemed`.
    pub async fn redeem_code(&self, code: &LoadedCode, tokens: &NewTokens, now: Timestamp) -> Result<CodeOutcome> {
        let redeemed = match &self.db {
            Db::Postgres(pool) => postgres::redeem_code(pool, &code.code.digest, tokens, now).await,
            Db::Sqlite(_) => self.redeem_code_in_steps(code, tokens, now).await,
        };
        match redeemed {
            Ok(true) => Ok(CodeOutcome::Redeemed),
            Ok(false) => Ok(CodeOutcome::AlreadyRedeemed),
            Err(StoreError::Gone) => Ok(CodeOutcome::Gone),
            Err(other) => Err(other),
        }
    }

    async fn redeem_code_in_steps(&self, code: &LoadedCode, tokens: &NewTokens, now: Timestamp) -> Result<bool> {
        in_transaction!(self, |tx| {
            let digest = code.code.digest.as_bytes().as_slice();
            let claimed = sqlx::query(tx.text(&CLAIM_CODE))
                .bind(digest)
                .bind(now.0)
                .execute(&mut *tx)
                .await?
                .rows_affected();
            if claimed == 1 {
                if let Some(refresh) = &tokens.refresh {
                    insert_refresh_token!(tx, refresh, code.grant.id, 1_i64, now);
                }
                if let Some(access) = &tokens.access {
                    insert_access_token!(tx, &mut *tx, access);
                }
            }
            claimed == 1
        })
    }
}

impl TryFrom<CodeRow> for LoadedCode {
    type Error = StoreError;

    fn try_from(row: CodeRow) -> Result<Self> {
        let grant: Grant = row.grant.try_into()?;
        let challenge = row
            .challenge
            .map(|digest| digest.try_into().map(CodeChallenge::from_digest))
            .transpose()
            .map_err(|_| StoreError::Corrupt("code.challenge"))?;
        Ok(Self {
            code: Code {
                digest: TokenDigest::from_bytes(&row.digest).ok_or(StoreError::Corrupt("code.digest"))?,
                grant_id: grant.id,
                client_id: grant.client_id.clone(),
                redirect_uri: RedirectUri::stored(row.redirect_uri),
                challenge,
                nonce: row.nonce,
                created_at: Timestamp(row.code_created_at),
                expires_at: Timestamp(row.code_expires_at),
                redeemed_at: row.redeemed_at.map(Timestamp),
                failed_proofs: row.failed_proofs,
            },
            grant,
            user: row.user.try_into()?,
            session_live: row.session_live,
        })
    }
}
