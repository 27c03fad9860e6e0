//! Many rows: what an installation on PostgreSQL looks like after years. The tables that a token request reads are filled
//! on the database's side with copies of one real grant, its person, their sign-in and its refresh token; so whatever columns
//! there are hold what the server itself writes. Only keys, names and times are drawn anew:
//!
//! * grants lie evenly over the time in which an unused refresh token lives, under identifiers that rise with time, as UUIDv7;
//! * every other grant is `offline` and has two refresh tokens, the first spent: as many tokens as grants, half of them spent;
//! * up to 100,000 people and a million sign-ins, over which the grants are spread at random.
//!
//! Some of the live refresh tokens, spread over all that was added, are in the form that the server draws, and handed out.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use portcullis::crypto::opaque::{Kind, OpaqueToken};
use portcullis::time::Clock;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, query, query_as, query_scalar};

use crate::database::connect;

/// From so many rows on, whether they hang together is not looked at.
const MANY: u64 = 500_000;
const MOST_PEOPLE: u64 = 100_000;
/// One for so many grants, and one person for so many grants while there are few.
const GRANTS_FOR_EACH_SIGN_IN: u64 = 10;

/// What was done.
#[derive(Debug)]
pub struct Grown {
    /// Live refresh tokens of old grants, in the order of their age: first those of grants with the sample's scope, then those
    /// with the other.
    pub tokens: [Vec<String>; 2],
    /// How long it took.
    pub took: Duration,
    /// The size of the database, in bytes.
    pub size: u64,
}

/// Adds `rows` grants and `rows` refresh tokens to the database at this address, and hands out twice `known` of these tokens.
/// There must be a grant with a refresh token that a real flow has made, as an example; every other known token's grant, and
/// those around it, have `other_scope` in place of its. The address is a superuser's: triggers and foreign keys are passed over.
pub async fn fill(url: &str, rows: u64, known: usize, other_scope: &str) -> anyhow::Result<Grown> {
    let known: Vec<OpaqueToken> = (0..2 * known).map(|_| OpaqueToken::generate(Kind::Refresh)).collect();
    let live = rows / 2;
    let stride = live / known.len().max(1) as u64;
    ensure!(
        rows.is_multiple_of(2) && stride > 0,
        "{rows} are too few rows, or not even"
    );
    let started = Instant::now();
    let mut connection = connect(url).await?;
    let sample = Sample::find(&mut connection).await?;
    let spread = Spread {
        people: (rows / GRANTS_FOR_EACH_SIGN_IN).clamp(1, MOST_PEOPLE),
        sign_ins: (rows / GRANTS_FOR_EACH_SIGN_IN).max(1),
        rows,
        stride: 2 * stride,
        other_scope: other_scope.to_owned(),
        lifetime: sample.lifetime,
        now: Clock::System.now().as_i64() * 1000,
        known: known.iter().map(|token| token.digest().as_bytes().to_vec()).collect(),
    };
    spread.load(url, &sample).await?;
    if rows < MANY {
        check(&mut connection, rows).await?;
    }
    for table in ["users", "browser_session", "grants", "refresh_token"] {
        execute(&mut connection, format!("VACUUM (ANALYZE) {table}")).await?;
    }
    execute(&mut connection, "CHECKPOINT".to_owned()).await?;
    let size: i64 = query_scalar("SELECT pg_database_size(current_database())")
        .fetch_one(&mut connection)
        .await?;
    let every_other = |from| {
        known
            .iter()
            .skip(from)
            .step_by(2)
            .map(|token| token.expose().to_owned())
            .collect()
    };
    Ok(Grown {
        tokens: [every_other(0), every_other(1)],
        took: started.elapsed(),
        size: size.unsigned_abs(),
    })
}

/// Whether everything that was loaded hangs together, which no foreign key has looked at. Where there are few rows: the others
/// are loaded by the same statements.
async fn check(connection: &mut PgConnection, rows: u64) -> anyhow::Result<()> {
    let (tokens, spent, offline): (i64, i64, i64) = query_as(
        "SELECT count(*), count(*) FILTER (WHERE t.spent_at IS NOT NULL), count(DISTINCT g.id) FILTER (WHERE g.offline)
         FROM refresh_token t JOIN grants g ON g.id = t.grant_id JOIN users u ON u.id = g.user_id
         JOIN browser_session s ON s.id = g.session_id AND s.user_id = u.id WHERE u.username LIKE 'grown-%'",
    )
    .fetch_one(connection)
    .await?;
    let half = i64::try_from(rows / 2)?;
    ensure!(
        (tokens, spent, offline) == (2 * half, half, half),
        "of {rows} refresh tokens {tokens} have a grant, a person and a sign-in, {spent} are spent, {offline} grants are offline"
    );
    Ok(())
}

async fn execute(connection: &mut PgConnection, statement: String) -> anyhow::Result<()> {
    // Every part of it is from here, or from the database's own catalog.
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await?;
    Ok(())
}

/// The real rows, each as a condition that finds it.
struct Sample {
    person: String,
    sign_in: String,
    grant: String,
    token: String,
    /// How long the token lives unused, in seconds.
    lifetime: i64,
}

impl Sample {
    async fn find(connection: &mut PgConnection) -> anyhow::Result<Self> {
        let found: Option<(String, String, String, String, i64)> = query_as(
            "SELECT g.id::text, g.user_id::text, g.session_id::text, encode(t.digest, 'hex'), t.expires_at - t.created_at
             FROM refresh_token t JOIN grants g ON g.id = t.grant_id
             JOIN users u ON u.id = g.user_id JOIN browser_session s ON s.id = g.session_id
             WHERE t.generation = 1 AND t.spent_at IS NULL AND g.ended_at IS NULL LIMIT 1",
        )
        .fetch_optional(connection)
        .await?;
        let (grant, person, sign_in, token, lifetime) =
            found.context("there is no grant with an unused refresh token to take as an example")?;
        Ok(Self {
            person: format!("id = '{person}'"),
            sign_in: format!("id = '{sign_in}'"),
            grant: format!("id = '{grant}'"),
            token: format!(r"digest = '\x{token}'"),
            lifetime,
        })
    }
}

/// Expressions for the columns that are not as in the sample. `i` is the number of the row from 1, `sample` the sampled one.
struct Spread {
    people: u64,
    sign_ins: u64,
    rows: u64,
    /// A token is known in so many rows.
    stride: u64,
    other_scope: String,
    /// How long a refresh token lives unused, in seconds.
    lifetime: i64,
    /// In unix milliseconds. Told, and not asked of the database: several transactions must draw the same identifiers.
    now: i64,
    /// The digests of tokens that we know.
    known: Vec<Vec<u8>>,
}

type Columns = Vec<(&'static str, String)>;

/// An identifier with this time in it, in milliseconds; the rest is the same for the same number and kind (RFC 9562 §5.7).
/// 300,000 took 0.6 s where taking the random part from `md5` took 1.5 s, and a grant has three.
fn identifier(kind: u8, number: &str, milliseconds: &str) -> String {
    let random = format!("hashint8extended({number}, {kind}) & x'0fffffffffffffff'::bigint");
    let (time, serial) = (padded(milliseconds, 12), padded(&format!("{number} % 4096"), 3));
    format!("({time} || '7' || {serial} || '8' || {})::uuid", padded(&random, 15))
}

fn padded(number: &str, digits: u8) -> String {
    format!("lpad(to_hex({number}), {digits}, '0')")
}

impl Spread {
    /// Two tables at a time, as there are two cores; without foreign keys their order does not matter.
    async fn load(&self, url: &str, sample: &Sample) -> anyhow::Result<()> {
        tokio::try_join!(
            self.insert(url, "users", &sample.person, self.people(), self.people),
            self.insert(url, "browser_session", &sample.sign_in, self.sign_ins(), self.sign_ins),
        )?;
        tokio::try_join!(
            self.insert(url, "grants", &sample.grant, self.grants(), self.rows),
            self.insert(url, "refresh_token", &sample.token, self.tokens(), self.rows),
        )?;
        Ok(())
    }

    /// When a grant was given. Evenly over three quarters of the time that tokens live unused: the oldest is good for days.
    fn milliseconds(&self, number: &str) -> String {
        let span = self.lifetime * 1000 / 4 * 3;
        let step = span as f64 / self.rows as f64;
        format!("({} + ({number} * float8 '{step}')::bigint)", self.now - span)
    }

    /// People and sign-ins were there before all of their grants.
    const LONG_AGO: &'static str = "1600000000000";

    fn person(number: &str) -> String {
        identifier(1, number, Self::LONG_AGO)
    }

    fn sign_in(number: &str) -> String {
        identifier(2, number, Self::LONG_AGO)
    }

    fn grant(&self, number: &str) -> String {
        identifier(3, number, &self.milliseconds(number))
    }

    /// The number of the sign-in in which a grant was given, which decides whose it is.
    fn sign_in_of_grant(&self) -> String {
        format!("((hashint8extended(i, 7) & 9007199254740991) % {})", self.sign_ins)
    }

    fn people(&self) -> Columns {
        vec![
            ("id", Self::person("(i - 1)")),
            ("username", "'grown-' || i".to_owned()),
            ("pairwise_salt", "sha256(int8send(-i))".to_owned()),
        ]
    }

    fn sign_ins(&self) -> Columns {
        vec![
            ("id", Self::sign_in("(i - 1)")),
            ("user_id", Self::person(&format!("((i - 1) % {})", self.people))),
            ("expires_at", "sample.expires_at + i % 86400".to_owned()),
        ]
    }

    fn grants(&self) -> Columns {
        let sign_in = self.sign_in_of_grant();
        let created_at = format!("{} / 1000", self.milliseconds("i"));
        vec![
            ("id", self.grant("i")),
            ("user_id", Self::person(&format!("({sign_in} % {})", self.people))),
            ("session_id", Self::sign_in(&sign_in)),
            (
                "scope",
                format!(
                    "CASE {} % 2 WHEN 0 THEN sample.scope ELSE '{}' END",
                    self.known_before(),
                    self.other_scope
                ),
            ),
            ("offline", "i % 2 = 0".to_owned()),
            (
                "expires_at",
                format!("{created_at} + sample.expires_at - sample.created_at"),
            ),
            ("created_at", created_at),
        ]
    }

    /// Grants with even numbers have two: the spent one has the odd number before it.
    fn tokens(&self) -> Columns {
        let (stride, before) = (self.stride, self.known_before());
        let known = format!("(i - 2) % {stride} = 0 AND {before} < cardinality($1)");
        let grant = "(i + i % 2)";
        let created_at = format!("{} / 1000", self.milliseconds(grant));
        vec![
            (
                "digest",
                format!("CASE WHEN {known} THEN $1[{before} + 1] ELSE sha256(int8send(i)) END"),
            ),
            ("grant_id", self.grant(grant)),
            ("generation", "2 - i % 2".to_owned()),
            (
                "expires_at",
                format!("{created_at} + sample.expires_at - sample.created_at"),
            ),
            ("spent_at", format!("CASE i % 2 WHEN 1 THEN {created_at} END")),
            ("created_at", created_at),
        ]
    }

    /// How many known tokens there are before a row of this number.
    fn known_before(&self) -> String {
        format!("((i - 2) / {})", self.stride)
    }

    /// Inserts `rows` rows, without the indexes that can be spared while rows are loaded.
    async fn insert(&self, url: &str, table: &str, sample: &str, columns: Columns, rows: u64) -> anyhow::Result<()> {
        let mut connection = connect(url).await?;
        // Triggers and foreign keys have nothing to say about copies of what they have let pass.
        execute(
            &mut connection,
            "SET session_replication_role = replica; SET maintenance_work_mem = '512MB'".to_owned(),
        )
        .await?;
        let mut transaction = connection.begin().await?;
        let indexes = indexes(&mut transaction, table).await?;
        for (drop, _) in &indexes {
            execute(&mut transaction, drop.clone()).await?;
        }
        let all: Vec<String> = query_scalar(
            "SELECT attname::text FROM pg_attribute
             WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum",
        )
        .bind(table)
        .fetch_all(&mut *transaction)
        .await?;
        let expression = |column: &String| {
            let drawn = columns.iter().find(|(name, _)| name == column);
            drawn.map_or_else(|| format!("sample.{column}"), |(_, expression)| expression.clone())
        };
        let expressions: Vec<String> = all.iter().map(expression).collect();
        let insert = format!(
            "INSERT INTO {table} ({}) SELECT {} FROM (SELECT * FROM {table} WHERE {sample}) sample, \
             generate_series(1::bigint, {rows}::bigint) i",
            all.join(", "),
            expressions.join(", ")
        );
        let inserted = query(AssertSqlSafe(insert))
            .bind(&self.known)
            .execute(&mut *transaction)
            .await?
            .rows_affected();
        ensure!(inserted == rows, "{table}: only {inserted} rows were added");
        for (_, create) in indexes {
            execute(&mut transaction, create).await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}

/// The indexes of a table that no foreign key rests on: how to drop each, and how to make it again.
async fn indexes(connection: &mut PgConnection, table: &str) -> anyhow::Result<Vec<(String, String)>> {
    Ok(query_as(
        "SELECT CASE WHEN c.oid IS NULL THEN format('DROP INDEX %s', i.indexrelid::regclass)
                ELSE format('ALTER TABLE %s DROP CONSTRAINT %I', i.indrelid::regclass, c.conname) END,
            CASE WHEN c.oid IS NULL THEN pg_get_indexdef(i.indexrelid)
                ELSE format('ALTER TABLE %s ADD CONSTRAINT %I %s', i.indrelid::regclass, c.conname, pg_get_constraintdef(c.oid)) END
         FROM pg_index i LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.conrelid = i.indrelid AND c.contype <> 'f'
         WHERE i.indrelid = $1::regclass
             AND NOT EXISTS (SELECT 1 FROM pg_constraint f WHERE f.confrelid = i.indrelid AND f.conindid = i.indexrelid)",
    )
    .bind(table)
    .fetch_all(connection)
    .await?)
}
