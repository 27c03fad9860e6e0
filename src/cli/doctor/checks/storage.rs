//! The database and the keys in it.

use super::Verdict::{Fail, Warn};
use super::{DAY, Finding, bad, bytes, ok};
use crate::cli::doctor::facts::{Database, Facts};
use crate::cli::output;
use crate::model::signing_key::{KeyState, SigningKey};
use crate::protocol::signing_alg::SigningAlg;
use crate::store::MigrationState;

/// PostgreSQL keeps some connections for its superusers.
const SPARE_CONNECTIONS: i64 = 10;
/// Signing keys are changed about this often.
const KEY_AGE: i64 = 365 * DAY;

pub fn database(facts: &Facts) -> Option<Finding> {
    const NAME: &str = "database";
    match &facts.database {
        Ok(Database { inspection, .. }) => {
            let size = bytes(u64::try_from(inspection.bytes).unwrap_or_default());
            ok(NAME, format!("{}, {size}", inspection.version))
        }
        Err(error) => bad(
            NAME,
            Fail,
            error,
            "look at database.url, and at the database; without a first start there is none yet",
        ),
    }
}

pub fn schema(facts: &Facts) -> Option<Finding> {
    const NAME: &str = "schema";
    match &facts.database.as_ref().ok()?.schema {
        Ok(MigrationState::Current) => ok(NAME, "up to date"),
        Ok(MigrationState::Newer(version)) => {
            let message = format!("at migration {version}, which this program does not know and may go on with");
            bad(
                NAME,
                Warn,
                message,
                "finish the upgrade: start the newer version on every node",
            )
        }
        Ok(MigrationState::Pending(count)) => {
            let message = format!("{count} migration(s) are pending");
            bad(NAME, Fail, message, "make a backup, then run `portcullis migrate`")
        }
        Err(error) => bad(
            NAME,
            Fail,
            error,
            "run the version of portcullis that belongs to this database",
        ),
    }
}

pub fn writes(facts: &Facts) -> Option<Finding> {
    const NAME: &str = "writes";
    match facts.database.as_ref().ok()?.write.as_ref()? {
        Ok(()) => ok(NAME, "the database takes writes"),
        Err(error) => {
            let advice = "is the disk full, the database a standby, or the file another user's?";
            bad(NAME, Fail, error, advice)
        }
    }
}

pub fn connections(facts: &Facts) -> Option<Finding> {
    const NAME: &str = "connections";
    let most = facts.database.as_ref().ok()?.inspection.max_connections?;
    let pool = i64::from(facts.config.database.max_connections);
    let message = format!("a node takes up to {pool} of the {most} that PostgreSQL allows everybody");
    let nodes = most.saturating_sub(SPARE_CONNECTIONS) / pool.max(1);
    match nodes {
        ..1 => bad(
            NAME,
            Fail,
            message,
            "lower database.max_connections, or raise max_connections of PostgreSQL",
        ),
        1 => bad(
            NAME,
            Warn,
            message,
            "there is room for one node only; a second one will fail under load",
        ),
        _ => ok(NAME, format!("{message}: room for {nodes} nodes")),
    }
}

pub fn history(facts: &Facts) -> Option<Finding> {
    let since = output::date(facts.doubted_since?);
    let message = format!("since {since} the database is an older one than before, or another");
    let advice = "run `portcullis after-restore`: what was spent or revoked may be live again";
    bad("history", Fail, message, advice)
}

pub fn master_key(facts: &Facts) -> Option<Finding> {
    const NAME: &str = "master key";
    let keys_exist = keys(facts).is_some_and(|keys| !keys.is_empty());
    match &facts.master_key {
        None if keys_exist => bad(
            NAME,
            Fail,
            "missing, and signing keys are sealed under it",
            "set keys.master_key, or restore master.key into the data directory from where it was kept",
        ),
        None => bad(
            NAME,
            Warn,
            "none yet",
            "the server makes it at its first start; then keep a copy of it",
        ),
        Some(Err(error)) => bad(
            NAME,
            Fail,
            error,
            "give the server a key file that is its own and holds 32 bytes in base64",
        ),
        Some(Ok(found)) => match &found.opens {
            Ok(()) => ok(NAME, format!("from {}", found.source)),
            Err(error) => bad(
                NAME,
                Fail,
                format!("{}: {error}", found.source),
                "give the server the master key that this database was used with",
            ),
        },
    }
}

pub fn signing_keys(facts: &Facts) -> Option<Finding> {
    const NAME: &str = "signing keys";
    let keys = keys(facts)?;
    let active = |alg: SigningAlg| {
        keys.iter()
            .find(|key| key.alg == alg && key.state(facts.now) == KeyState::Active)
    };
    let missing: Vec<_> = SigningAlg::ALL.iter().filter(|alg| active(**alg).is_none()).collect();
    if !missing.is_empty() {
        let names: Vec<_> = missing.iter().map(|alg| alg.as_str()).collect();
        let message = format!("none is active for {}", names.join(", "));
        return match keys.is_empty() {
            true => bad(NAME, Warn, "none yet", "the server makes them at its first start"),
            false => bad(
                NAME,
                Fail,
                message,
                "start the server, which makes what is missing; see `portcullis key list`",
            ),
        };
    }
    let oldest = SigningAlg::ALL.iter().filter_map(|alg| active(*alg));
    let age = oldest
        .map(|key| facts.now.since(key.active_from))
        .max()
        .unwrap_or_default();
    let message = format!("one active for each algorithm; the oldest signs for {} days", age / DAY);
    if age > KEY_AGE {
        return bad(NAME, Warn, message, "run `portcullis key rotate`");
    }
    ok(NAME, message)
}

fn keys(facts: &Facts) -> Option<&[SigningKey]> {
    facts.database.as_ref().ok()?.keys.as_deref()
}

pub fn people_and_apps(facts: &Facts) -> Option<Finding> {
    const NAME: &str = "people and apps";
    let found = facts.database.as_ref().ok()?.registered?;
    let message = format!(
        "{} user(s), {} of them administrators; {} client(s)",
        found.users, found.admins, found.clients
    );
    let advice = if found.users == 0 {
        "portcullis user create NAME --admin"
    } else if found.clients == 0 {
        "portcullis client create --help"
    } else {
        return ok(NAME, message);
    };
    bad(NAME, Warn, message, advice)
}
