//! What changes by an operator's hand alone (clients, APIs, signing keys), kept in memory exactly as long as it is true.
//!
//! Every write on those tables raises `catalog_version` by a trigger, so equal numbers mean equal contents. SQLite: the
//! number is asked for only after some commit was made (see [`super::sqlite`]); a token request that writes nothing then
//! costs no query at all. Postgres: a node that watches (see [`super::catalog_lease`]) counts on the number for as long as
//! whoever changes the catalog waits for it; otherwise the number comes with the client, in the same round trip. Either way
//! what a change forbids is refused everywhere when the method that made it returns.

use std::sync::{Arc, RwLock};

use quick_cache::sync::Cache as Bounded;

use super::sqlite::CommitMark;
use super::{Backend as _, Db, Result, Store, StoreError, on, statements};
use crate::model::api::Api;
use crate::model::client::Client;
use crate::model::signing_key::SigningKey;
use crate::protocol::ids::ClientId;

statements! {
    CATALOG_VERSION = "SELECT version FROM catalog_version WHERE id = 1";
}

/// APIs and keys at one version.
#[derive(Debug)]
pub struct Catalog {
    /// The version.
    pub version: i64,
    /// All APIs.
    pub apis: Vec<Api>,
    /// All signing keys.
    pub keys: Vec<SigningKey>,
}

/// A client with the catalog that was current when it was looked up.
#[derive(Clone, Debug)]
pub struct ClientLookup {
    /// The client, unless unknown.
    pub client: Option<Arc<Client>>,
    /// What was current with it.
    pub catalog: Arc<Catalog>,
}

/// The most clients that are kept: some 10 MB of ordinary ones. Of more, those that are used most.
const CLIENTS: usize = 4096;

/// What is known, and as of which commit.
#[derive(Default)]
pub(super) struct Cache(RwLock<Known>);

struct Known {
    version: i64,
    mark: Option<CommitMark>,
    catalog: Option<Arc<Catalog>>,
    /// Found clients only: names that do not exist are endless.
    clients: Bounded<ClientId, Arc<Client>>,
}

impl Default for Known {
    fn default() -> Self {
        Self {
            version: 0,
            mark: None,
            catalog: None,
            clients: Bounded::new(CLIENTS),
        }
    }
}

/// Why what is kept is known to be current.
#[derive(Clone, Copy)]
enum Proof {
    /// SQLite: nothing was written since.
    Mark(CommitMark),
    /// Postgres: this is the version, and a change would wait for this node.
    Version(i64),
}

impl Proof {
    fn covers(self, known: &Known) -> bool {
        match self {
            Self::Mark(mark) => known.mark == Some(mark),
            Self::Version(version) => known.version == version,
        }
    }

    fn mark(self) -> Option<CommitMark> {
        match self {
            Self::Mark(mark) => Some(mark),
            Self::Version(_) => None,
        }
    }
}

impl Store {
    /// The client and the current catalog: at most one round trip while nothing has changed, and none where that is known.
    pub async fn find_client(&self, id: &ClientId) -> Result<ClientLookup> {
        let proof = self.proof();
        if let Some(found) = self.cache.lookup(proof, id) {
            return Ok(found);
        }
        // On the heap: a request whose client is known carries no room for this.
        Box::pin(self.look_client_up(id, proof)).await
    }

    async fn look_client_up(&self, id: &ClientId, proof: Option<Proof>) -> Result<ClientLookup> {
        if proof.is_some() {
            let version = self.current_version(proof).await?;
            let catalog = self.catalog_at(version).await?;
            if let Some(client) = self.cache.client(version, id) {
                return Ok(ClientLookup {
                    client: Some(client),
                    catalog,
                });
            }
        }
        let (version, client) = match self.read_client(id).await {
            // One damaged row must not answer for the server: this client is refused like an unknown one.
            Err(StoreError::Corrupt(what)) => {
                tracing::error!(client_id = id.as_str(), what, "a client's row cannot be read");
                (self.version().await?, None)
            }
            read => read?,
        };
        let client = client.map(Arc::new);
        if let Some(Proof::Version(counted_on)) = proof
            && counted_on != version
        {
            self.lease.doubt();
        }
        self.cache
            .remember(version, proof.and_then(Proof::mark), client.as_ref());
        Ok(ClientLookup {
            client,
            catalog: self.catalog_at(version).await?,
        })
    }

    /// The current APIs and keys, if they are known to be current without asking anybody.
    pub fn catalog_at_hand(&self) -> Option<Arc<Catalog>> {
        self.cache.catalog_by(self.proof()?)
    }

    /// The client as of `catalog`: no round trip while it is known.
    pub async fn client_of(&self, catalog: &Catalog, id: &ClientId) -> Result<Option<Arc<Client>>> {
        match self.cache.client(catalog.version, id) {
            Some(client) => Ok(Some(client)),
            None => Ok(self.find_client(id).await?.client),
        }
    }

    /// The current APIs and keys.
    pub async fn catalog(&self) -> Result<Arc<Catalog>> {
        let version = self.current_version(self.proof()).await?;
        self.catalog_at(version).await
    }

    /// The number in the database, without looking at what is kept.
    pub(super) async fn version(&self) -> Result<i64> {
        on!(self.reader(), |db| sqlx::query_scalar(db.text(&CATALOG_VERSION))
            .fetch_one(&mut *db)
            .await?)
    }

    /// The mark is taken before the number is read: a commit in between makes the next request look again.
    async fn current_version(&self, proof: Option<Proof>) -> Result<i64> {
        if let Some(version) = self.cache.version_at(proof) {
            return Ok(version);
        }
        let version = match proof {
            Some(Proof::Version(version)) => version,
            _ => self.version().await?,
        };
        self.cache.remember(version, proof.and_then(Proof::mark), None);
        Ok(version)
    }

    /// A change while this reads is harmless: the number it is filed under is then already outdated.
    async fn catalog_at(&self, version: i64) -> Result<Arc<Catalog>> {
        if let Some(catalog) = self.cache.catalog(version) {
            return Ok(catalog);
        }
        let catalog = Arc::new(Catalog {
            version,
            apis: self.apis().await?,
            keys: self.signing_keys().await?,
        });
        self.cache.remember_catalog(&catalog);
        Ok(catalog)
    }

    fn proof(&self) -> Option<Proof> {
        match &self.db {
            Db::Postgres(pg) => self.lease.version(pg.moves()).map(Proof::Version),
            Db::Sqlite(_) => self.commit_mark().map(Proof::Mark),
        }
    }

    /// What stays the same on SQLite while nobody commits.
    pub(super) fn commit_mark(&self) -> Option<CommitMark> {
        match &self.db {
            Db::Postgres(_) => None,
            Db::Sqlite(pools) => pools.last_commit(),
        }
    }
}

/// A poisoned lock means that a thread died while holding it; the cache is then passed over, never trusted.
impl Cache {
    /// Everything that a request asks for while nothing was written, under one lock.
    fn lookup(&self, proof: Option<Proof>, id: &ClientId) -> Option<ClientLookup> {
        let known = self.0.read().ok()?;
        let catalog = known
            .catalog
            .clone()
            .filter(|catalog| catalog.version == known.version)?;
        let client = known.clients.get(id)?;
        proof.is_some_and(|proof| proof.covers(&known)).then_some(ClientLookup {
            client: Some(client),
            catalog,
        })
    }

    fn version_at(&self, proof: Option<Proof>) -> Option<i64> {
        let known = self.0.read().ok()?;
        proof.is_some_and(|proof| proof.covers(&known)).then_some(known.version)
    }

    fn client(&self, version: i64, id: &ClientId) -> Option<Arc<Client>> {
        let known = self.0.read().ok()?;
        (known.version == version).then(|| known.clients.get(id))?
    }

    fn catalog_by(&self, proof: Proof) -> Option<Arc<Catalog>> {
        let known = self.0.read().ok()?;
        let catalog = known.catalog.clone().filter(|_| proof.covers(&known))?;
        (catalog.version == known.version).then_some(catalog)
    }

    fn catalog(&self, version: i64) -> Option<Arc<Catalog>> {
        let known = self.0.read().ok()?;
        known.catalog.clone().filter(|catalog| catalog.version == version)
    }

    fn remember(&self, version: i64, mark: Option<CommitMark>, client: Option<&Arc<Client>>) {
        let Ok(mut known) = self.0.write() else { return };
        // Not only when it grows: a database restored from a backup counts from an older number again.
        if known.version != version {
            *known = Known {
                version,
                ..Known::default()
            };
        }
        known.mark = mark;
        if let Some(client) = client {
            known.clients.insert(client.client_id.clone(), client.clone());
        }
    }

    /// Nothing is known any more.
    pub(super) fn forget(&self) {
        if let Ok(mut known) = self.0.write() {
            *known = Known::default();
        }
    }

    fn remember_catalog(&self, catalog: &Arc<Catalog>) {
        let Ok(mut known) = self.0.write() else { return };
        if known.version == catalog.version {
            known.catalog = Some(catalog.clone());
        }
    }
}
