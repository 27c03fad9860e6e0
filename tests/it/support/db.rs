//! One database for each test, migrated, and gone afterwards.

use std::sync::OnceLock;

use portcullis::config::Secret;
use portcullis::store::{Store, StoreError, StoreOptions};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};
use tempfile::TempDir;
use tokio::sync::OnceCell;
use url::Url;
use uuid::Uuid;

use super::cluster::Cluster;

/// A migrated, otherwise empty database.
pub struct TestDb {
    url: String,
    connections: u32,
    kind: Kind,
}

/// How many connections a store opens unless a test says otherwise.
const CONNECTIONS: u32 = 10;

enum Kind {
    Sqlite {
        _directory: TempDir,
    },
    Postgres {
        name: String,
    },
    /// On a server of the test's own, which goes as a whole.
    Private,
}

/// A connection of either kind.
pub enum AnyConnection {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

impl AnyConnection {
    /// Runs a statement without parameters. Returns the rows that it changed.
    pub async fn run(&mut self, statement: &str) -> u64 {
        let statement = AssertSqlSafe(statement.to_owned());
        match self {
            Self::Postgres(connection) => connection.execute(statement).await.unwrap().rows_affected(),
            Self::Sqlite(connection) => connection.execute(statement).await.unwrap().rows_affected(),
        }
    }

    /// The one number that a query answers.
    pub async fn number(&mut self, query: &str) -> i64 {
        let query = AssertSqlSafe(query.to_owned());
        match self {
            Self::Postgres(connection) => sqlx::query_scalar(query).fetch_one(connection).await.unwrap(),
            Self::Sqlite(connection) => sqlx::query_scalar(query).fetch_one(connection).await.unwrap(),
        }
    }

    /// The one column of text that a query answers.
    pub async fn texts(&mut self, query: &str) -> Vec<String> {
        let query = AssertSqlSafe(query.to_owned());
        match self {
            Self::Postgres(connection) => sqlx::query_scalar(query).fetch_all(connection).await.unwrap(),
            Self::Sqlite(connection) => sqlx::query_scalar(query).fetch_all(connection).await.unwrap(),
        }
    }
}

/// Makes two tests of one: `name::sqlite` and `name::postgres`.
macro_rules! both_stores {
    ($($(#[$meta:meta])* async fn $name:ident($db:ident: TestDb) $body:block)+) => {
        $(
            $(#[$meta])*
            async fn $name($db: $crate::support::TestDb) $body

            mod $name {
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn sqlite() {
                    super::$name($crate::support::TestDb::sqlite().await).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn postgres() {
                    if let Some(db) = $crate::support::TestDb::postgres().await {
                        super::$name(db).await;
                    }
                }
            }
        )+
    };
}
pub(crate) use both_stores;

impl TestDb {
    /// A file of its own.
    pub async fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("portcullis.db");
        std::fs::write(&path, sqlite_template().await).unwrap();
        Self {
            url: format!("sqlite://{}", path.display()),
            connections: CONNECTIONS,
            kind: Kind::Sqlite { _directory: directory },
        }
    }

    /// A database of its own; `None` where the caller of the tests asked to leave PostgreSQL out.
    pub async fn postgres() -> Option<Self> {
        if std::env::var("PORTCULLIS_SKIP_POSTGRES").is_ok_and(|skip| skip == "1") {
            return None;
        }
        let template = postgres_template().await;
        Some(Self::new_postgres(&format!("TEMPLATE {template}")).await)
    }

    /// Like [`TestDb::postgres`], after the operator's script that partitions the large tables.
    pub async fn partitioned() -> Option<Self> {
        let db = Self::postgres().await?;
        partition(&db.url).await;
        Some(db)
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Goes another way to the same database.
    pub fn reroute(&mut self, url: &str) {
        url.clone_into(&mut self.url);
    }

    /// Gives each store that is opened from now on so many connections.
    pub fn limit_connections(&mut self, connections: u32) {
        self.connections = connections;
    }

    /// The statement that leaves behind what a migration of a later version would.
    pub fn applied_later(&self, version: i64, description: &str) -> String {
        let success = if self.is_postgres() { "true" } else { "1" };
        format!(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             VALUES ({version}, '{description}', {success}, '', 0)"
        )
    }

    /// Whether it is PostgreSQL.
    pub fn is_postgres(&self) -> bool {
        !matches!(self.kind, Kind::Sqlite { .. })
    }

    /// Another database of the same kind, without tables.
    pub async fn empty_sibling(&self) -> Self {
        match &self.kind {
            Kind::Sqlite { .. } => {
                let directory = tempfile::tempdir().unwrap();
                let path = directory.path().join("empty.db");
                // A file of no bytes would be taken for a lost one.
                let fresh = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
                let mut raw = SqliteConnection::connect_with(&fresh).await.unwrap();
                sqlx::raw_sql("PRAGMA user_version = 1")
                    .execute(&mut raw)
                    .await
                    .unwrap();
                raw.close().await.unwrap();
                Self {
                    url: format!("sqlite://{}", path.display()),
                    connections: CONNECTIONS,
                    kind: Kind::Sqlite { _directory: directory },
                }
            }
            Kind::Postgres { .. } => Self::new_postgres("").await,
            Kind::Private => panic!("a server of one's own has one database"),
        }
    }

    /// The database of a PostgreSQL server that nobody else uses.
    pub async fn on(cluster: &Cluster) -> Self {
        let url = cluster.url();
        let store = Self::try_open(&url, false).await.unwrap();
        store.migrate().await.unwrap();
        store.close().await;
        Self {
            url,
            connections: CONNECTIONS,
            kind: Kind::Private,
        }
    }

    async fn new_postgres(how: &str) -> Self {
        let name = format!("t_{}", Uuid::new_v4().simple());
        admin(&format!("CREATE DATABASE {name} {how}")).await;
        Self {
            url: named(&name),
            connections: CONNECTIONS,
            kind: Kind::Postgres { name },
        }
    }

    /// A store over it, with connections and caches of its own: what another process would have.
    pub async fn open(&self) -> Store {
        open(&self.url, false, self.connections).await.unwrap()
    }

    /// A store over the database at `url`, which is made if `create` says so.
    pub async fn try_open(url: &str, create: bool) -> Result<Store, StoreError> {
        open(url, create, CONNECTIONS).await
    }

    /// A store over `url`, which leads to this database, with few connections that nobody waits for long: one second for a
    /// connection and one for a statement.
    pub async fn open_impatient(url: &str, max_connections: u32) -> Store {
        let options = StoreOptions {
            url: Secret::new(url.to_owned()),
            max_connections,
            acquire_timeout: 1,
            statement_timeout: 1,
            create: false,
        };
        Store::open(&options).await.unwrap()
    }

    /// A connection past the server, for what the server would never do.
    pub async fn raw(&self) -> AnyConnection {
        if self.is_postgres() {
            AnyConnection::Postgres(PgConnection::connect(&self.url).await.unwrap())
        } else {
            AnyConnection::Sqlite(SqliteConnection::connect(&self.url).await.unwrap())
        }
    }
}

async fn open(url: &str, create: bool, max_connections: u32) -> Result<Store, StoreError> {
    let options = StoreOptions {
        url: Secret::new(url.to_owned()),
        max_connections,
        acquire_timeout: 20,
        statement_timeout: 20,
        create,
    };
    Store::open(&options).await
}

impl Drop for TestDb {
    /// On a thread with a runtime of its own, since the test's runtime may be ending. A database that stays is harmless.
    fn drop(&mut self) {
        let Kind::Postgres { name } = &self.kind else { return };
        let statement = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(admin(&statement));
        });
        dropping.join().unwrap_or_default();
    }
}

/// A migrated file's bytes: copied for each test, which is quicker than migrating.
async fn sqlite_template() -> &'static [u8] {
    static TEMPLATE: OnceCell<Vec<u8>> = OnceCell::const_new();
    let make = async || {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("template.db");
        let url = format!("sqlite://{}", path.display());
        let store = TestDb::try_open(&url, true).await.unwrap();
        store.migrate().await.unwrap();
        store.close().await;
        std::fs::read(&path).unwrap()
    };
    TEMPLATE.get_or_init(make).await
}

/// The name of a migrated database. Its name tells the migrations, so that it outlives a test run and is made anew when
/// they change; the lock is for test processes that run at the same time.
async fn postgres_template() -> &'static str {
    static TEMPLATE: OnceCell<String> = OnceCell::const_new();
    let make = async || {
        let digest = portcullis::crypto::digest::sha256(migrations().as_bytes());
        let hex: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let how = if always_partitioned() { "_partitioned" } else { "" };
        let name = format!("portcullis_template_{hex}{how}");
        let mut admin = connect().await;
        sqlx::query("SELECT pg_advisory_lock(7160)")
            .execute(&mut admin)
            .await
            .unwrap();
        let known: i64 = sqlx::query_scalar("SELECT count(*) FROM pg_database WHERE datname = $1")
            .bind(&name)
            .fetch_one(&mut admin)
            .await
            .unwrap();
        if known == 0 {
            make_postgres_template(&mut admin, &name).await;
        }
        admin.close().await.unwrap();
        name
    };
    TEMPLATE.get_or_init(make).await
}

/// Under another name until it is complete: nobody copies half a template.
async fn make_postgres_template(admin: &mut PgConnection, name: &str) {
    let draft = format!("{name}_draft");
    for statement in [
        format!("DROP DATABASE IF EXISTS {draft} WITH (FORCE)"),
        format!("CREATE DATABASE {draft}"),
    ] {
        admin.execute(AssertSqlSafe(statement)).await.unwrap();
    }
    let store = TestDb::try_open(&named(&draft), false).await.unwrap();
    store.migrate().await.unwrap();
    store.close().await;
    if always_partitioned() {
        partition(&named(&draft)).await;
    }
    let rename = format!("ALTER DATABASE {draft} RENAME TO {name}");
    admin.execute(AssertSqlSafe(rename)).await.unwrap();
}

/// `PORTCULLIS_TEST_PARTITIONED=1` runs every test on partitioned tables.
fn always_partitioned() -> bool {
    std::env::var("PORTCULLIS_TEST_PARTITIONED").is_ok_and(|partitioned| partitioned == "1")
}

/// Runs the script for operators, unless that was done before.
async fn partition(url: &str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let kind = "SELECT relkind::text FROM pg_class WHERE oid = 'grants'::regclass";
    let kind: String = sqlx::query_scalar(kind).fetch_one(&mut connection).await.unwrap();
    if kind != "p" {
        let script = include_str!("../../../config/examples/partition.sql");
        connection.execute(sqlx::raw_sql(script)).await.unwrap();
    }
    connection.close().await.unwrap();
}

/// The text of all Postgres migrations, and of what may be done after them.
fn migrations() -> String {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/postgres");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap())
        .chain([include_str!("../../../config/examples/partition.sql").to_owned()])
        .collect()
}

fn server_url() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| {
        std::env::var("PORTCULLIS_TEST_POSTGRES").expect(
            "PORTCULLIS_TEST_POSTGRES must name a PostgreSQL server for tests, as in \
             postgres://postgres@127.0.0.1:5432/postgres; tests/run.sh starts one, and PORTCULLIS_SKIP_POSTGRES=1 goes without",
        )
    })
}

/// The database `name` on the test server.
fn named(name: &str) -> String {
    let mut url = Url::parse(server_url()).expect("PORTCULLIS_TEST_POSTGRES is a URL");
    url.set_path(name);
    url.into()
}

async fn connect() -> PgConnection {
    PgConnection::connect(server_url())
        .await
        .expect("the server of PORTCULLIS_TEST_POSTGRES answers")
}

async fn admin(statement: &str) {
    let mut admin = connect().await;
    admin.execute(AssertSqlSafe(statement.to_owned())).await.unwrap();
    admin.close().await.unwrap();
}
