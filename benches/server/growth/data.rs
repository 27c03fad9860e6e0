//! Rows that nobody asks for, as a server of some age has them.

use sqlx::AssertSqlSafe;

use crate::database::connect;

/// So many live grants of the users that are there, each with its live refresh token.
pub async fn fill(url: &str, rows: u64) -> anyhow::Result<()> {
    let mut connection = connect(url).await?;
    // Jobs of the server sweep what has expired, so nothing here does while the benchmark runs.
    for statement in [
        "SET synchronous_commit = off".to_owned(),
        "SET maintenance_work_mem = '256MB'".to_owned(),
        format!(
            "INSERT INTO grants (id, user_id, client_id, session_id, scope, resources, authentication, offline, created_at, \
                                 expires_at) \
             SELECT gen_random_uuid(), users.ids[1 + number % cardinality(users.ids)], 'web', gen_random_uuid(), \
                    'openid offline_access es:read', '[]', '{{}}', true, \
                    extract(epoch FROM now())::bigint - number % 1000000, \
                    extract(epoch FROM now())::bigint + 10000000 + number % 1000000 \
             FROM generate_series(1, {rows}) AS number, (SELECT array_agg(id) AS ids FROM users) AS users"
        ),
        "INSERT INTO refresh_token (digest, grant_id, generation, created_at, expires_at) \
         SELECT sha256(uuid_send(id)), id, 1, created_at, expires_at FROM grants"
            .to_owned(),
        "VACUUM (ANALYZE) grants".to_owned(),
        "VACUUM (ANALYZE) refresh_token".to_owned(),
        "CHECKPOINT".to_owned(),
    ] {
        // The only thing put into it is a number.
        sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await?;
    }
    Ok(())
}
