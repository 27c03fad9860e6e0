//! What decides whether an access token counts, as one light row: a resource server may ask before each of its own answers.

use std::sync::Arc;

use serde::Serialize;
use sqlx::FromRow;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::types::Json;
use uuid::Uuid;

use super::coalesce::Found;
use super::standing_feed::{Feed, Kind, Tags};
use super::standings::{Shared, Tagged};
use super::{Backend as _, Result, Statement, Store, StoreError, on, rows, statements};
use crate::model::access_token::{AccessToken, AccessTokenContent};
use crate::model::digest::TokenDigest;
use crate::model::grant::{Authentication, GrantId};
use crate::protocol::ids::ClientId;
use crate::protocol::standard_claims::{ClaimSet, StandardClaims};
use crate::time::Timestamp;

/// The columns of [`PersonRow`], of a grant that is called `g` and its user `u`.
macro_rules! person_columns {
    () => {
        "g.user_id, u.username, u.disabled_at AS user_disabled_at, g.ended_at, g.expires_at AS grant_expires_at, g.authentication"
    };
}

/// The columns that decide over a person's JWT.
macro_rules! jwt_columns {
    ($jti:literal) => {
        concat!(
            person_columns!(),
            ", EXISTS (SELECT 1 FROM revoked_jwt r WHERE r.jti = ",
            $jti,
            ") AS revoked, g.client_id, c.disabled_at AS client_disabled_at"
        )
    };
}

/// The columns that decide over an opaque token.
macro_rules! opaque_columns {
    () => {
        concat!(
            person_columns!(),
            ", a.grant_id, a.client_id, a.content, a.created_at, a.expires_at, c.disabled_at AS client_disabled_at"
        )
    };
}

/// What userinfo tells of, beside the standing.
macro_rules! info_columns {
    () => {
        ", u.claims, u.updated_at, g.userinfo_claims"
    };
}

/// Where the rows of grant `k.grant_id` are.
macro_rules! of_grant {
    () => {
        " JOIN users u ON u.id = g.user_id JOIN client c ON c.client_id = g.client_id"
    };
}

/// Where the rows of an opaque token are.
macro_rules! of_opaque {
    () => {
        " JOIN client c ON c.client_id = a.client_id
        LEFT JOIN grants g ON g.id = a.grant_id LEFT JOIN users u ON u.id = g.user_id"
    };
}

// A batch is a JSON array of its keys. On Postgres each key is looked up by itself (`LIMIT 1` keeps it so), in the order of the
// indexes; as a plain join, a plan made while the tables were small could read all of them.
statements! {
    STANDINGS_OF_JWTS = concat!("SELECT k.n, s.* FROM json_to_recordset($1::json) AS k (n BIGINT, grant_id UUID, jti TEXT)
        CROSS JOIN LATERAL (SELECT ", jwt_columns!("k.jti"), " FROM grants g", of_grant!(), " WHERE g.id = k.grant_id LIMIT 1) s"),
        concat!("SELECT k.key AS n, ", jwt_columns!("k.value ->> 'jti'"), " FROM json_each($1) k
        CROSS JOIN grants g ON g.id = unhex(k.value ->> 'grant_id')", of_grant!());
    INFOS_OF_JWTS = concat!("SELECT k.n, s.* FROM json_to_recordset($1::json) AS k (n BIGINT, grant_id UUID, jti TEXT)
        CROSS JOIN LATERAL (SELECT ", jwt_columns!("k.jti"), info_columns!(), " FROM grants g", of_grant!(), "
        WHERE g.id = k.grant_id LIMIT 1) s"),
        concat!("SELECT k.key AS n, ", jwt_columns!("k.value ->> 'jti'"), info_columns!(), " FROM json_each($1) k
        CROSS JOIN grants g ON g.id = unhex(k.value ->> 'grant_id')", of_grant!());
    // A client of the same name that was made later is another.
    STANDINGS_OF_CLIENTS_JWTS = "SELECT k.n, s.* FROM json_to_recordset($1::json) AS k (n BIGINT, client_id TEXT, jti TEXT, iat BIGINT)
        CROSS JOIN LATERAL (SELECT EXISTS (SELECT 1 FROM revoked_jwt r WHERE r.jti = k.jti) AS revoked,
            c.disabled_at AS client_disabled_at
            FROM client c WHERE c.client_id = k.client_id AND c.created_at <= k.iat LIMIT 1) s",
        "SELECT k.key AS n, EXISTS (SELECT 1 FROM revoked_jwt r WHERE r.jti = k.value ->> 'jti') AS revoked,
        c.disabled_at AS client_disabled_at
        FROM json_each($1) k CROSS JOIN client c ON c.client_id = k.value ->> 'client_id' AND c.created_at <= k.value ->> 'iat'";
    STANDINGS_OF_OPAQUES = concat!("SELECT k.n, s.* FROM json_to_recordset($1::json) AS k (n BIGINT, digest TEXT)
        CROSS JOIN LATERAL (SELECT ", opaque_columns!(), " FROM access_token a", of_opaque!(), "
        WHERE a.digest = decode(k.digest, 'hex') LIMIT 1) s"),
        concat!("SELECT k.key AS n, ", opaque_columns!(), " FROM json_each($1) k
        CROSS JOIN access_token a ON a.digest = unhex(k.value ->> 'digest')", of_opaque!());
    INFOS_OF_OPAQUES = concat!("SELECT k.n, s.* FROM json_to_recordset($1::json) AS k (n BIGINT, digest TEXT)
        CROSS JOIN LATERAL (SELECT ", opaque_columns!(), info_columns!(), " FROM access_token a", of_opaque!(), "
        WHERE a.digest = decode(k.digest, 'hex') LIMIT 1) s"),
        concat!("SELECT k.key AS n, ", opaque_columns!(), info_columns!(), " FROM json_each($1) k
        CROSS JOIN access_token a ON a.digest = unhex(k.value ->> 'digest')", of_opaque!());
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

/// What userinfo tells of, and whether it may. It holds what is known about a person, hence no `Debug`.
#[derive(Clone)]
pub struct Info {
    /// What the token rests on.
    pub standing: Standing,
    /// What is known of the person.
    pub claims: StandardClaims,
    /// When that was last changed.
    pub updated_at: Timestamp,
    /// The claims that the client asked for by name.
    pub asked: ClaimSet,
}

/// A stored opaque access token with what userinfo tells of.
pub struct OpaqueInfo {
    /// The token.
    pub token: AccessToken,
    /// `None`: it is a client's own.
    pub info: Option<Info>,
}

/// How each kind is read.
#[derive(Default)]
pub(super) struct Reads {
    jwts: Shared<(GrantId, String), Standing>,
    clients_jwts: Shared<(ClientId, String, Timestamp), Standing>,
    opaques: Shared<TokenDigest, OpaqueStanding>,
    infos_of_jwts: Shared<(GrantId, String), Info>,
    infos_of_opaques: Shared<TokenDigest, OpaqueInfo>,
}

/// One key of a batch. `n` is its place.
#[derive(Serialize)]
struct GrantKey<'a> {
    n: usize,
    grant_id: uuid::fmt::Simple,
    jti: &'a str,
}

#[derive(Serialize)]
struct ClientKey<'a> {
    n: usize,
    client_id: &'a str,
    jti: &'a str,
    iat: i64,
}

#[derive(Serialize)]
struct DigestKey {
    n: usize,
    digest: String,
}

#[derive(sqlx::FromRow)]
struct PersonRow {
    user_id: Option<Uuid>,
    username: Option<String>,
    user_disabled_at: Option<i64>,
    ended_at: Option<i64>,
    grant_expires_at: Option<i64>,
    authentication: Option<Json<Authentication>>,
}

#[derive(sqlx::FromRow)]
struct JwtRow {
    n: i64,
    #[sqlx(flatten)]
    person: PersonRow,
    revoked: bool,
    client_id: String,
    client_disabled_at: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct ClientsJwtRow {
    n: i64,
    revoked: bool,
    client_disabled_at: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct OpaqueRow {
    n: i64,
    #[sqlx(flatten)]
    person: PersonRow,
    grant_id: Option<Uuid>,
    client_id: String,
    content: Json<AccessTokenContent>,
    created_at: i64,
    expires_at: i64,
    client_disabled_at: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct InfoRow {
    claims: Option<Json<StandardClaims>>,
    updated_at: Option<i64>,
    userinfo_claims: Option<String>,
}

#[derive(sqlx::FromRow)]
struct JwtInfoRow {
    #[sqlx(flatten)]
    jwt: JwtRow,
    #[sqlx(flatten)]
    info: InfoRow,
}

#[derive(sqlx::FromRow)]
struct OpaqueInfoRow {
    #[sqlx(flatten)]
    opaque: OpaqueRow,
    #[sqlx(flatten)]
    info: InfoRow,
}

impl Store {
    /// What the JWT `jti` of a person rests on. `None`: its grant is gone.
    pub async fn standing_of_jwt(&self, grant: GrantId, jti: &str) -> Result<Option<Arc<Standing>>> {
        let read = |store: Self, keys: Arc<[(GrantId, String)]>| async move {
            let rows: Vec<JwtRow> = store.batch(&STANDINGS_OF_JWTS, grant_keys(&keys)).await?;
            in_place(rows.into_iter().map(|row| {
                let tags = row.tags(&store.feed, &keys);
                (row.n, tags, Ok(row.into_standing()))
            }))
        };
        self.standings.jwts.get(self, (grant, jti.to_owned()), read).await
    }

    /// What a client's own JWT `jti` of that time rests on. `None`: the client is gone.
    pub async fn standing_of_clients_jwt(
        &self,
        client: &ClientId,
        jti: &str,
        issued_at: Timestamp,
    ) -> Result<Option<Arc<Standing>>> {
        let key = (client.clone(), jti.to_owned(), issued_at);
        let read = |store: Self, keys: Arc<[(ClientId, String, Timestamp)]>| async move {
            let rows: Vec<ClientsJwtRow> = store.batch(&STANDINGS_OF_CLIENTS_JWTS, client_keys(&keys)).await?;
            in_place(rows.into_iter().map(|row| {
                let tags = row.tags(&store.feed, &keys);
                (row.n, tags, Ok(row.into()))
            }))
        };
        self.standings.clients_jwts.get(self, key, read).await
    }

    /// The opaque access token with this digest, with what it rests on.
    pub async fn standing_of_opaque(&self, digest: &TokenDigest) -> Result<Option<Arc<OpaqueStanding>>> {
        let read = |store: Self, keys: Arc<[TokenDigest]>| async move {
            let rows: Vec<OpaqueRow> = store.batch(&STANDINGS_OF_OPAQUES, digest_keys(&keys)).await?;
            in_place(rows.into_iter().map(|row| {
                let tags = row.tags(&store.feed, &keys);
                (row.n, tags, row.standing(&keys))
            }))
        };
        self.standings.opaques.get(self, *digest, read).await
    }

    /// What userinfo tells to the bearer of the JWT `jti`. `None`: its grant is gone.
    pub async fn info_of_jwt(&self, grant: GrantId, jti: &str) -> Result<Option<Arc<Info>>> {
        let read = |store: Self, keys: Arc<[(GrantId, String)]>| async move {
            let rows: Vec<JwtInfoRow> = store.batch(&INFOS_OF_JWTS, grant_keys(&keys)).await?;
            in_place(rows.into_iter().map(|row| {
                let (n, tags) = (row.jwt.n, row.jwt.tags(&store.feed, &keys));
                let info = row.info.of(row.jwt.into_standing());
                (n, tags, info.ok_or(StoreError::Corrupt("grants.user_id")))
            }))
        };
        self.standings
            .infos_of_jwts
            .get(self, (grant, jti.to_owned()), read)
            .await
    }

    /// What userinfo tells to the bearer of the opaque access token with this digest.
    pub async fn info_of_opaque(&self, digest: &TokenDigest) -> Result<Option<Arc<OpaqueInfo>>> {
        let read = |store: Self, keys: Arc<[TokenDigest]>| async move {
            let rows: Vec<OpaqueInfoRow> = store.batch(&INFOS_OF_OPAQUES, digest_keys(&keys)).await?;
            in_place(rows.into_iter().map(|row| {
                let (n, tags) = (row.opaque.n, row.opaque.tags(&store.feed, &keys));
                let found = row.opaque.standing(&keys);
                (
                    n,
                    tags,
                    found.map(|found| OpaqueInfo {
                        token: found.token,
                        info: row.info.of(found.standing),
                    }),
                )
            }))
        };
        self.standings.infos_of_opaques.get(self, *digest, read).await
    }

    /// The rows of a batch of keys.
    async fn batch<T>(&self, statement: &'static Statement, keys: String) -> Result<Vec<T>>
    where
        T: for<'r> FromRow<'r, PgRow> + for<'r> FromRow<'r, SqliteRow> + Send + Unpin,
    {
        on!(self.reader(), |db| sqlx::query_as(db.text(statement))
            .bind(keys.as_str())
            .fetch_all(&mut *db)
            .await?)
    }
}

/// The values with the places of their keys.
fn in_place<V>(rows: impl Iterator<Item = (i64, Tags, Result<V>)>) -> Result<Found<Tagged<V>>> {
    rows.map(|(n, tags, value)| {
        let place = usize::try_from(n).map_err(|_| StoreError::Corrupt("a place in a batch"))?;
        Ok((place, (Arc::new(value?), tags)))
    })
    .collect()
}

/// The key at a place.
fn at<K>(keys: &[K], n: i64) -> Option<&K> {
    usize::try_from(n).ok().and_then(|place| keys.get(place))
}

fn grant_keys(keys: &[(GrantId, String)]) -> String {
    json(keys.iter().enumerate().map(|(n, (grant, jti))| GrantKey {
        n,
        grant_id: grant.0.simple(),
        jti,
    }))
}

fn client_keys(keys: &[(ClientId, String, Timestamp)]) -> String {
    json(keys.iter().enumerate().map(|(n, (client, jti, iat))| ClientKey {
        n,
        client_id: client.as_str(),
        jti,
        iat: iat.0,
    }))
}

fn digest_keys(keys: &[TokenDigest]) -> String {
    json(keys.iter().enumerate().map(|(n, digest)| DigestKey {
        n,
        digest: digest.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect(),
    }))
}

fn json<T: Serialize>(keys: impl Iterator<Item = T>) -> String {
    let keys: Vec<T> = keys.collect();
    // Numbers and texts alone: nothing that JSON cannot say.
    serde_json::to_string(&keys).unwrap_or_default()
}

impl JwtRow {
    fn tags(&self, feed: &Feed, keys: &[(GrantId, String)]) -> Tags {
        let (grant, jti) = at(keys, self.n).map(|(grant, jti)| (grant.0, jti.as_str())).unzip();
        [
            feed.tag(Kind::Grant, grant.unwrap_or_default().as_bytes()),
            feed.tag(Kind::User, self.person.user_id.unwrap_or_default().as_bytes()),
            feed.tag(Kind::Client, self.client_id.as_bytes()),
            feed.tag(Kind::Jwt, jti.unwrap_or_default().as_bytes()),
        ]
    }

    fn into_standing(self) -> Standing {
        Standing {
            revoked: self.revoked,
            client_enabled: self.client_disabled_at.is_none(),
            person: self.person.into(),
        }
    }
}

impl ClientsJwtRow {
    fn tags(&self, feed: &Feed, keys: &[(ClientId, String, Timestamp)]) -> Tags {
        let key = at(keys, self.n);
        let (client, jti) = key.map(|(client, jti, _)| (client.as_str(), jti.as_str())).unzip();
        let client = feed.tag(Kind::Client, client.unwrap_or_default().as_bytes());
        [
            client,
            client,
            client,
            feed.tag(Kind::Jwt, jti.unwrap_or_default().as_bytes()),
        ]
    }
}

impl From<ClientsJwtRow> for Standing {
    fn from(row: ClientsJwtRow) -> Self {
        Self {
            revoked: row.revoked,
            client_enabled: row.client_disabled_at.is_none(),
            person: None,
        }
    }
}

impl OpaqueRow {
    /// Of a client's own token grant and user are those of nobody.
    fn tags(&self, feed: &Feed, keys: &[TokenDigest]) -> Tags {
        let digest = at(keys, self.n).map_or(&[][..], |digest| digest.as_bytes());
        [
            feed.tag(Kind::Token, digest),
            feed.tag(Kind::Client, self.client_id.as_bytes()),
            feed.tag(Kind::Grant, self.grant_id.unwrap_or_default().as_bytes()),
            feed.tag(Kind::User, self.person.user_id.unwrap_or_default().as_bytes()),
        ]
    }

    fn standing(self, keys: &[TokenDigest]) -> Result<OpaqueStanding> {
        let digest = *at(keys, self.n).ok_or(StoreError::Corrupt("a place in a batch"))?;
        let person: Option<PersonStanding> = self.person.into();
        if person.is_some() != self.grant_id.is_some() {
            return Err(StoreError::Corrupt("access_token.grant_id"));
        }
        Ok(OpaqueStanding {
            token: AccessToken {
                digest,
                grant_id: self.grant_id.map(GrantId),
                client_id: rows::client_id(self.client_id)?,
                content: self.content.0,
                created_at: Timestamp(self.created_at),
                expires_at: Timestamp(self.expires_at),
            },
            standing: Standing {
                // Revoking it deletes it.
                revoked: false,
                client_enabled: self.client_disabled_at.is_none(),
                person,
            },
        })
    }
}

impl InfoRow {
    /// `None`: there is no person.
    fn of(self, standing: Standing) -> Option<Info> {
        Some(Info {
            standing,
            claims: self.claims?.0,
            updated_at: Timestamp(self.updated_at?),
            asked: ClaimSet::stored(&self.userinfo_claims?),
        })
    }
}

impl Standing {
    /// Whether everything behind the token still stands.
    pub fn counts(&self, now: Timestamp) -> bool {
        let alive =
            |person: &PersonStanding| !person.grant_ended && now < person.grant_expires_at && person.user_enabled;
        !self.revoked && self.client_enabled && self.person.as_ref().is_none_or(alive)
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
