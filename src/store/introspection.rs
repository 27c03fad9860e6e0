//! What decides whether an access token counts, as one light row: a resource server may ask before each of its own answers.

use sqlx::types::Json;
use uuid::Uuid;

use super::{Backend as _, Result, Store, StoreError, on, rows, statements};
use crate::model::access_token::{AccessToken, AccessTokenContent};
use crate::model::digest::TokenDigest;
use crate::model::grant::{Authentication, GrantId};
use crate::protocol::ids::ClientId;
use crate::time::Timestamp;

/// The columns of [`PersonRow`], of a grant that is called `g` and its user `u`.
macro_rules! person_columns {
    () => {
        "u.username, u.disabled_at AS user_disabled_at, g.ended_at, g.expires_at AS grant_expires_at, g.authentication"
    };
}

statements! {
    STANDING_OF_JWT = concat!("SELECT ", person_columns!(), ",
        EXISTS (SELECT 1 FROM revoked_jwt r WHERE r.jti = $2) AS revoked, c.disabled_at AS client_disabled_at
        FROM grants g JOIN users u ON u.id = g.user_id JOIN client c ON c.client_id = g.client_id WHERE g.id = $1");
    // A client of the same name that was made later is another.
    STANDING_OF_CLIENTS_JWT = "SELECT EXISTS (SELECT 1 FROM revoked_jwt r WHERE r.jti = $2) AS revoked,
        c.disabled_at AS client_disabled_at FROM client c WHERE c.client_id = $1 AND c.created_at <= $3";
    STANDING_OF_OPAQUE = concat!("SELECT ", person_columns!(), ",
        a.grant_id, a.client_id, a.content, a.created_at, a.expires_at, c.disabled_at AS client_disabled_at
        FROM access_token a JOIN client c ON c.client_id = a.client_id
        LEFT JOIN grants g ON g.id = a.grant_id LEFT JOIN users u ON u.id = g.user_id WHERE a.digest = $1");
}

/// What an access token rests on.
#[derive(Clone, Debug)]
pub struct Standing {
    /// This very token was revoked.
    pub revoked: bool,
    /// Its client may act.
    pub client_enabled: bool,
    /// The grant and its person; `None` for a client's own token.
    pub person: Option<PersonStanding>,
}

/// What a person's access token rests on.
#[derive(Clone, Debug)]
pub struct PersonStanding {
    /// The name that they sign in with.
    pub username: String,
    /// The account may be used.
    pub user_enabled: bool,
    /// The grant was ended.
    pub grant_ended: bool,
    /// When it ends by itself.
    pub grant_expires_at: Timestamp,
    /// The sign-in behind it.
    pub authentication: Authentication,
}

/// A stored opaque access token with what it rests on.
#[derive(Clone, Debug)]
pub struct OpaqueStanding {
    /// The token.
    pub token: AccessToken,
    /// What it rests on.
    pub standing: Standing,
}

#[derive(sqlx::FromRow)]
struct PersonRow {
    username: Option<String>,
    user_disabled_at: Option<i64>,
    ended_at: Option<i64>,
    grant_expires_at: Option<i64>,
    authentication: Option<Json<Authentication>>,
}

#[derive(sqlx::FromRow)]
struct JwtRow {
    #[sqlx(flatten)]
    person: PersonRow,
    revoked: bool,
    client_disabled_at: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct ClientsJwtRow {
    revoked: bool,
    client_disabled_at: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct OpaqueRow {
    #[sqlx(flatten)]
    person: PersonRow,
    grant_id: Option<Uuid>,
    client_id: String,
    content: Json<AccessTokenContent>,
    created_at: i64,
    expires_at: i64,
    client_disabled_at: Option<i64>,
}

impl Store {
    /// What the JWT `jti` of a person rests on. `None`: its grant is gone.
    pub async fn standing_of_jwt(&self, grant: GrantId, jti: &str) -> Result<Option<Standing>> {
        let row: Option<JwtRow> = on!(self.reader(), |db| {
            sqlx::query_as(db.text(&STANDING_OF_JWT))
                .bind(grant.0)
                .bind(jti)
                .fetch_optional(&mut *db)
                .await?
        })?;
        Ok(row.map(|row| Standing {
            revoked: row.revoked,
            client_enabled: row.client_disabled_at.is_none(),
            person: row.person.into(),
        }))
    }

    /// What a client's own JWT `jti` of that time rests on. `None`: the client is gone.
    pub async fn standing_of_clients_jwt(
        &self,
        client: &ClientId,
        jti: &str,
        issued_at: Timestamp,
    ) -> Result<Option<Standing>> {
        let row: Option<ClientsJwtRow> = on!(self.reader(), |db| {
            sqlx::query_as(db.text(&STANDING_OF_CLIENTS_JWT))
                .bind(client.as_str())
                .bind(jti)
                .bind(issued_at.0)
                .fetch_optional(&mut *db)
                .await?
        })?;
        Ok(row.map(|row| Standing {
            revoked: row.revoked,
            client_enabled: row.client_disabled_at.is_none(),
            person: None,
        }))
    }

    /// The opaque access token with this digest, with what it rests on.
    pub async fn standing_of_opaque(&self, digest: &TokenDigest) -> Result<Option<OpaqueStanding>> {
        let row: Option<OpaqueRow> = on!(self.reader(), |db| {
            sqlx::query_as(db.text(&STANDING_OF_OPAQUE))
                .bind(digest.as_bytes().as_slice())
                .fetch_optional(&mut *db)
                .await?
        })?;
        let Some(row) = row else { return Ok(None) };
        let person: Option<PersonStanding> = row.person.into();
        if person.is_some() != row.grant_id.is_some() {
            return Err(StoreError::Corrupt("access_token.grant_id"));
        }
        Ok(Some(OpaqueStanding {
            token: AccessToken {
                digest: *digest,
                grant_id: row.grant_id.map(GrantId),
                client_id: rows::client_id(row.client_id)?,
                content: row.content.0,
                created_at: Timestamp(row.created_at),
                expires_at: Timestamp(row.expires_at),
            },
            standing: Standing {
                // Revoking it deletes it.
                revoked: false,
                client_enabled: row.client_disabled_at.is_none(),
                person,
            },
        }))
    }
}

impl From<PersonRow> for Option<PersonStanding> {
    fn from(row: PersonRow) -> Self {
        Some(PersonStanding {
            username: row.username?,
            user_enabled: row.user_disabled_at.is_none(),
            grant_ended: row.ended_at.is_some(),
            grant_expires_at: Timestamp(row.grant_expires_at?),
            authentication: row.authentication?.0,
        })
    }
}
