//! What PostgreSQL makes of the statements. A connection keeps its plans until the tables are counted anew, and what looked small
//! when a plan was made may have grown a thousandfold by then.

use portcullis::store::{Statement, all_statements};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::support::TestDb;

/// What reads an index or a table from one end to the other and may: lists and counts of what operators make, rows of nodes, and
/// what is done once, such as after a restored backup.
const MAY_READ_ALL: [&str; 18] = [
    "COUNT_PEOPLE_AND_APPS",
    "COUNT_SELF_REGISTERED",
    "DELETE_EVERY_ACCESS_TOKEN",
    "DELETE_EVERY_CODE",
    "DELETE_EVERY_COOKIE",
    "DELETE_EVERY_DEVICE",
    "DELETE_EVERY_INTERACTION",
    "DELETE_GONE_KEYS",
    "END_EVERY_GRANT",
    "END_EVERY_SESSION",
    "LIST_APIS",
    "LIST_CLIENTS",
    "LIST_INITIAL_TOKENS",
    "LIST_KEYS",
    "LIST_USERS",
    "READERS_BEHIND",
    "SWEEP_INITIAL_TOKENS",
    "TABLE_COLUMNS",
];

/// What may read one index whole: at most a row for each client, the last row, or the one row of its kind; and the sweep of tokens,
/// whose plan in a table with rows is made for each moment, since a kept one is reckoned to cost more.
const MAY_READ: [(&str, &str); 5] = [
    ("APPS_OF_USER", "client_logo_pkey"),
    ("LAST_SEQ", "audit_event_pkey"),
    ("OPEN_STANDINGS", "standing_change_life"),
    ("SWEEP_REFRESH_TOKENS", "grants_pkey"),
    ("SWEEP_REFRESH_TOKENS", "refresh_token_by_grant"),
];

/// The plan of a statement for any values, which a connection keeps. `None` if a statement of its kind has none.
async fn kept_plan(connection: &mut PgConnection, statement: &Statement) -> Option<Value> {
    let text = statement.postgres;
    let plannable = ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"];
    plannable.iter().find(|word| text.trim_start().starts_with(**word))?;
    let parameters = (1..).take_while(|n| text.contains(&format!("${n}"))).count();
    let values = match vec!["NULL"; parameters].join(", ") {
        none if none.is_empty() => none,
        some => format!("({some})"),
    };
    let prepare = AssertSqlSafe(format!("DEALLOCATE ALL; PREPARE kept AS {text}"));
    sqlx::raw_sql(prepare).execute(&mut *connection).await.unwrap();
    let explain = AssertSqlSafe(format!("EXPLAIN (FORMAT JSON) EXECUTE kept{values}"));
    let explained = sqlx::query_scalar(explain).persistent(false);
    let mut explained: Value = explained.fetch_one(connection).await.unwrap();
    Some(explained[0]["Plan"].take())
}

/// The indexes and tables that a plan reads from one end to the other.
fn read_whole(plan: &Value) -> Vec<String> {
    let kind = plan["Node Type"].as_str().unwrap_or_default();
    let own = match kind {
        "Seq Scan" => Some("Relation Name"),
        _ if kind.contains("Index") && plan.get("Index Cond").is_none() => Some("Index Name"),
        _ => None,
    };
    let own = own.map(|name| plan[name].as_str().unwrap_or_default().to_owned());
    let inner = plan["Plans"].as_array().into_iter().flatten();
    own.into_iter().chain(inner.flat_map(read_whole)).collect()
}

#[tokio::test]
async fn no_kept_plan_reads_all_there_is_for_a_row_of_its_own() {
    let Some(db) = TestDb::postgres().await else { return };
    // As young as can be, when every index looks as good as any other, and never in partitions, which nobody makes of empty tables.
    let db = db.empty_sibling().await;
    db.open().await.migrate().await.unwrap();
    let mut connection = PgConnection::connect(db.url()).await.unwrap();
    // As the server connects, but that it looks at the values of the first few executions.
    let settings = "SET enable_seqscan = off; SET jit = off; SET plan_cache_mode = force_generic_plan";
    sqlx::raw_sql(settings).execute(&mut connection).await.unwrap();
    let (mut found, mut unexpected) = (0, Vec::new());
    for statement in all_statements() {
        let Some(plan) = kept_plan(&mut connection, statement).await else {
            continue;
        };
        for whole in read_whole(&plan) {
            found += 1;
            let allowed = MAY_READ_ALL.contains(&statement.name) || MAY_READ.contains(&(statement.name, &*whole));
            if !allowed {
                unexpected.push((statement.name, whole));
            }
        }
    }
    assert_eq!(unexpected, []);
    assert!(found > 5, "lists are read whole");
}
