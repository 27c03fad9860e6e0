//! Metrics, as Prometheus scrapes them; and what is made of them: the dashboard and the alerts.

use std::collections::BTreeSet;
use std::process::Command;

use portcullis::config::{Config, Optional, Secret};
use portcullis::jobs;
use portcullis::limits::{
    Permit,
    sign_in::{self, Password},
};
use portcullis::model::caller::Caller;
use portcullis::protocol::signing_alg::SigningAlg;
use portcullis::router::metrics_router;
use portcullis::store::{Store, StoreOptions, all_statements};
use portcullis::telemetry::metrics::names::{self, Kind};
use serde_json::Value;
use url::Url;

use crate::support::process::{Process, eventually, isolate, run};
use crate::support::scrape::{Sample, address, samples, scrape, scrape_until, sum};
use crate::support::{AuthRequest, Browser, ClientSpec, PASSWORD, TestDb, TestServer, Tokens, both_stores};

const LISTEN: &str = "metrics.listen=127.0.0.1:0";

/// Requests of most kinds, some of them refused: one refresh token and one code come back.
async fn use_it(server: &TestServer, node: &TestServer) {
    let shop = server.add_client(ClientSpec::web("shop")).await;
    let service = server.add_client(ClientSpec::service("batch")).await;
    server.alice().await;
    let request = AuthRequest::new(&shop, "openid offline_access");
    let mut browser = Browser::new(node);
    browser.authorize(&request).await.page();
    browser.sign_in("alice", "wrong-password").await.page();
    browser.sign_in("alice", PASSWORD).await.page();
    let code = browser.consent("allow").await.callback().code();
    let tokens = Tokens::of(node.redeem(&shop, &code, &request).await);
    let renewed = Tokens::of(node.refresh(&shop, tokens.refresh()).await);
    node.userinfo(&renewed.access).await.expect(200);
    node.redeem(&shop, &code, &request)
        .await
        .expect_error(400, "invalid_grant");
    node.client_credentials(&service).await.expect(200);
    node.client_credentials(&service).await.expect(200);
    node.token(&service, &[("grant_type", "urn:example:canary")])
        .await
        .expect_error(400, "unsupported_grant_type");
    node.post_form("/token", &[("grant_type", "client_credentials")])
        .basic("batch", "wrong")
        .await
        .expect_error(401, "invalid_client");
    node.get("/canary-path").await.expect(404);
}

/// A round of sweeping is over: it ends with the sessions, which everything else refers to.
fn was_swept(found: &[Sample]) -> bool {
    let is_last = |table: &String| table == "browser_session";
    found
        .iter()
        .any(|sample| sample.labels.get("table").is_some_and(is_last))
}

#[track_caller]
fn assert_sum(found: &[Sample], name: &str, labels: &[(&str, &str)], expected: f64) {
    let sum = sum(found, name, labels);
    assert!(
        (sum - expected).abs() < 1e-9,
        "{name} {labels:?}: {sum} instead of {expected}"
    );
}

both_stores! {
    async fn a_server_that_was_used_tells_of_it(db: TestDb) {
        let server = TestServer::new(db).await;
        let process = Process::serve(&server, &[LISTEN, "sweep.interval=1s", "tokens.refresh_retry_window=0"]);
        use_it(&server, &process.node(&server)).await;
        let found = scrape_until(&process, was_swept).await;
        let tokens = "portcullis_token_requests_total";
        for (grant_type, outcome, count) in [
            ("authorization_code", "issued", 1.0),
            ("authorization_code", "invalid_grant", 1.0),
            ("refresh_token", "issued", 1.0),
            ("client_credentials", "issued", 2.0),
            ("client_credentials", "invalid_client", 0.0),
            ("none", "unsupported_grant_type", 1.0),
        ] {
            assert_sum(&found, tokens, &[("grant_type", grant_type), ("outcome", outcome)], count);
        }
        let refusals = "portcullis_refusals_total";
        assert_sum(&found, refusals, &[("error", "invalid_grant"), ("reason", "code_replayed")], 1.0);
        assert_sum(&found, refusals, &[("error", "invalid_client"), ("reason", "client_secret_wrong")], 1.0);
        assert_sum(&found, refusals, &[("error", "invalid_grant")], 1.0);
        let requests = "portcullis_http_request_duration_seconds_count";
        let token = [("route", "/token"), ("method", "POST")];
        assert_sum(&found, requests, &[token[0], token[1], ("outcome", "ok")], 4.0);
        assert_sum(&found, requests, &[token[0], token[1], ("outcome", "refused")], 3.0);
        assert_sum(&found, requests, &[("route", "none")], 1.0);
        assert_sum(&found, "portcullis_http_requests_in_flight", &[], 0.0);
        assert_sum(&found, "portcullis_database_up", &[], 1.0);
        assert_sum(&found, "portcullis_password_hashing_running", &[], 0.0);
        assert_sum(&found, "portcullis_signing_keys", &[("state", "active")], 4.0);
        let pools = if server.db.is_postgres() { vec!["all"] } else { vec!["readers", "writer"] };
        for pool in pools {
            assert!(sum(&found, "portcullis_database_connections", &[("pool", pool)]) >= 1.0, "{pool}");
            assert!(sum(&found, "portcullis_database_connection_limit", &[("pool", pool)]) >= 1.0, "{pool}");
        }
        let known: BTreeSet<_> = all_statements().iter().map(|statement| statement.name).collect();
        let timed: BTreeSet<_> = found.iter().filter_map(|sample| sample.labels.get("statement")).collect();
        assert!(timed.len() > 10 && timed.iter().all(|name| known.contains(name.as_str())), "{timed:?}");
        let tables: BTreeSet<_> = found.iter().filter_map(|sample| sample.labels.get("table")).collect();
        assert!(tables.iter().any(|table| *table == "grants") && tables.len() >= 7, "{tables:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_metric_is_there_with_its_labels_and_nothing_else_is() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let process = Process::serve(&server, &[LISTEN, "sweep.interval=1s"]);
    use_it(&server, &process.node(&server)).await;
    let found = scrape_until(&process, was_swept).await;
    for sample in &found {
        let metric = metric_of(&sample.name).unwrap_or_else(|| panic!("{} is declared nowhere", sample.name));
        let mut labels: Vec<_> = sample.labels.keys().map(String::as_str).collect();
        labels.retain(|label| *label != "le");
        assert_eq!(labels, metric.labels, "{}", sample.name);
    }
    for metric in names::ALL {
        let there = found.iter().any(|sample| metric_of(&sample.name) == Some(metric));
        assert!(there, "{} is missing", metric.name);
    }
    let text = scrape(&process).await;
    for metric in names::ALL {
        assert!(text.contains(&format!("# HELP {} ", metric.name)), "{}", metric.name);
    }
    assert!(
        found.len() < 3000,
        "as many series as there is use for: {}",
        found.len()
    );
}

/// LK-02 for labels: of what a caller sends nothing becomes one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lk_02_labels_hold_nothing_that_callers_send() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let process = Process::serve(&server, &[LISTEN]);
    let node = process.node(&server);
    use_it(&server, &node).await;
    let before = samples(&scrape(&process).await);
    for number in 0..50 {
        let canary = format!("canary{number}");
        node.get(&format!("/{canary}?{canary}"))
            .header("user-agent", &canary)
            .await;
        node.get(&format!("/interaction/{canary}/login")).await;
        node.request(canary.parse().unwrap(), "/token").await;
        node.post_form(
            "/token",
            &[("grant_type", &canary), ("client_id", &canary), ("scope", &canary)],
        )
        .await;
        node.userinfo(&canary).await.expect(401);
    }
    let text = scrape(&process).await;
    assert!(
        !text.contains("canary") && !text.contains("alice") && !text.contains("shop"),
        "{text}"
    );
    let more = samples(&text).len() - before.len();
    assert!(more < 200, "{more} new series after 250 requests, each of another kind");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bi_29_metrics_stand_alone_on_their_own_listener() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let process = Process::serve(&server, &[LISTEN]);
    process.node(&server).get("/metrics").await.expect(404);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let other = address(&process);
    for path in [
        "/",
        "/healthz",
        "/readyz",
        "/token",
        "/login",
        "/.well-known/openid-configuration",
        "/metrics/x",
    ] {
        let response = client.get(format!("http://{other}{path}")).send().await.unwrap();
        assert_eq!(response.status(), 404, "{path}");
    }
    let response = client.post(format!("http://{other}/metrics")).send().await.unwrap();
    assert_eq!(response.status(), 405);
    // Without the setting there is no such listener, and nothing is counted.
    let quiet = Process::serve(&server, &[]);
    quiet.node(&server).get("/metrics").await.expect(404);
    assert!(!quiet.log().contains(r#""message":"metrics""#));
    assert!(server.app.metrics().render().is_none());
}

/// What the metrics listener of a node in this process would answer.
async fn asked(node: &TestServer) -> Vec<Sample> {
    let listener = node.through(metrics_router(&node.app));
    samples(listener.get("/metrics").await.expect(200).text())
}

fn with_metrics(config: &mut Config) {
    config.metrics.listen = Optional(Some(([127, 0, 0, 1], 9464).into()));
}

#[tokio::test]
async fn a_full_queue_of_passwords_shows() {
    let change = |config: &mut Config| {
        with_metrics(config);
        (config.passwords.permits, config.passwords.queue) = (1, 0);
    };
    let server = TestServer::with(TestDb::sqlite().await, change).await;
    let passwords = server.app.passwords();
    let hash = || passwords.verify("a password", None);
    let (first, second, third) = tokio::join!(hash(), hash(), hash());
    assert_eq!((first.is_ok(), second.is_ok(), third.is_ok()), (true, false, false));
    let found = asked(&server).await;
    assert_sum(&found, "portcullis_password_hashing_refused_total", &[], 2.0);
    assert_sum(&found, "portcullis_password_hashing_limit", &[], 1.0);
    assert_sum(&found, "portcullis_password_hashing_running", &[], 0.0);
    assert_sum(&found, "portcullis_password_hashing_waiting", &[], 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_that_was_reached_shows() {
    let change = |config: &mut Config| {
        with_metrics(config);
        config.limits.sign_in_per_account = "2 per 1h".parse().unwrap();
    };
    let server = TestServer::with(TestDb::sqlite().await, change).await;
    let caller = Caller::default();
    let guess = Password {
        username: "alice",
        user: None,
        proof: None,
        caller: &caller,
    };
    let mut refused = 0;
    for _ in 0..5 {
        let permit = sign_in::permit(&server.app, &guess, server.app.clock().now())
            .await
            .unwrap();
        refused += u32::from(matches!(permit, Permit::Throttled { .. }));
    }
    assert_eq!(refused, 3);
    let found = asked(&server).await;
    assert_sum(
        &found,
        "portcullis_throttled_total",
        &[("limit", "sign_in_account")],
        3.0,
    );
    assert_sum(&found, "portcullis_throttled_total", &[], 3.0);
    // The trail tells of the first.
    assert_sum(
        &found,
        "portcullis_security_events_total",
        &[("kind", "throttled")],
        1.0,
    );
}

/// Both connections wait for a lock: whoever comes now waits in vain, the scrape included.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_without_free_connections_shows() {
    let Some(db) = TestDb::postgres().await else { return };
    let server = TestServer::new(db).await;
    let client = server.add_client(ClientSpec::web("shop")).await;
    let tokens = server.code_flow(&client, "openid offline_access").await;
    let options = StoreOptions {
        url: Secret::new(server.db.url().to_owned()),
        max_connections: 2,
        acquire_timeout: 1,
        statement_timeout: 5,
        create: false,
    };
    let node = server.over(Store::open(&options).await.unwrap(), with_metrics);
    assert_sum(&asked(&node).await, "portcullis_database_up", &[], 1.0);
    let mut holder = server.db.raw().await;
    holder.run("BEGIN").await;
    holder.run("LOCK TABLE grants IN ACCESS EXCLUSIVE MODE").await;
    let stuck = [0, 1].map(|_| tokio::spawn(node.refresh(&client, tokens.refresh()).send()));
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    let mut raw = server.db.raw().await;
    let both = eventually(async || (raw.number(waiting).await >= 2).then_some(())).await;
    assert!(both.is_some(), "both connections wait for the lock");
    node.get("/login").await.expect(503);
    let found = asked(&node).await;
    assert_sum(&found, "portcullis_database_up", &[], 0.0);
    assert!(sum(&found, "portcullis_database_pool_timeouts_total", &[]) >= 1.0);
    assert_sum(&found, "portcullis_database_connections", &[("state", "in_use")], 2.0);
    assert_sum(&found, "portcullis_database_connection_limit", &[("pool", "all")], 2.0);
    assert_sum(&found, "portcullis_http_requests_in_flight", &[], 2.0);
    // What was known of the keys before is not forgotten.
    assert_sum(&found, "portcullis_signing_keys", &[("state", "active")], 4.0);
    holder.run("ROLLBACK").await;
    for answer in stuck {
        answer.await.unwrap();
    }
    let found = asked(&node).await;
    assert_sum(&found, "portcullis_database_up", &[], 1.0);
    assert_sum(&found, "portcullis_http_requests_in_flight", &[], 0.0);
}

#[tokio::test]
async fn keys_tell_their_age_and_their_successor() {
    let server = TestServer::with(TestDb::sqlite().await, with_metrics).await;
    let key_of = |found: &[Sample], name: &str| sum(found, name, &[("alg", "ES256")]);
    server.advance(1000);
    let found = asked(&server).await;
    assert!(
        key_of(&found, "portcullis_signing_key_remaining_seconds").is_nan(),
        "no successor"
    );
    let age = key_of(&found, "portcullis_signing_key_age_seconds");
    assert!((1000.0..1200.0).contains(&age), "{age}");
    jobs::keys::rotate(&server.app, SigningAlg::Es256, jobs::keys::Handover::After(3600))
        .await
        .unwrap();
    server.advance(600);
    let found = asked(&server).await;
    assert_sum(
        &found,
        "portcullis_signing_key_remaining_seconds",
        &[("alg", "ES256")],
        3000.0,
    );
    assert_sum(
        &found,
        "portcullis_signing_keys",
        &[("alg", "ES256"), ("state", "pending")],
        1.0,
    );
    server.advance(3000);
    let found = asked(&server).await;
    assert_sum(&found, "portcullis_signing_key_age_seconds", &[("alg", "ES256")], 0.0);
    assert_sum(
        &found,
        "portcullis_signing_keys",
        &[("alg", "ES256"), ("state", "retiring")],
        1.0,
    );
    assert!(
        key_of(&found, "portcullis_signing_key_remaining_seconds").is_nan(),
        "the new one has none yet"
    );
}

/// The metric that a sample belongs to.
fn metric_of(sample: &str) -> Option<&'static names::Metric> {
    let of_histogram = |metric: &names::Metric| {
        let part = sample.strip_prefix(metric.name);
        matches!(metric.kind, Kind::Histogram(_)) && matches!(part, Some("_bucket" | "_sum" | "_count"))
    };
    names::ALL.iter().find(|metric| match metric.kind {
        Kind::Histogram(_) => of_histogram(metric),
        _ => metric.name == sample,
    })
}

// --- the dashboard and the alerts ------------------------------------------------------------------------------------

fn file(path: &str) -> String {
    std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// Every expression of the dashboard, its variables filled in.
fn dashboard() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(&file("config/grafana-dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let fill = |expr: &Value| {
        let expr = expr.as_str().unwrap();
        expr.replace("$__rate_interval", "1m")
            .replace("$instance", ".*")
            .replace("$job", ".*")
    };
    targets.map(|target| fill(&target["expr"])).collect()
}

/// A metric's name and the text of its label matchers, wherever one stands in an expression.
fn selectors(text: &str) -> Vec<(String, String)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = ["portcullis_", "process_"]
        .iter()
        .filter_map(|start| rest.find(start))
        .min()
    {
        let end = rest[at..].find(|c| !is_name(c)).map_or(rest.len(), |end| at + end);
        let matchers = rest[end..].strip_prefix('{').and_then(|more| more.split_once('}'));
        let whole_word = !rest[..at].ends_with(is_name);
        if whole_word {
            let matchers = matchers.map_or(String::new(), |(matchers, _)| matchers.to_owned());
            found.push((rest[at..end].to_owned(), matchers));
        }
        rest = &rest[end..];
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dashboard_and_alerts_ask_for_what_is_there() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let process = Process::serve(&server, &[LISTEN, "sweep.interval=1s"]);
    use_it(&server, &process.node(&server)).await;
    let found = scrape_until(&process, was_swept).await;
    let alerts = file("config/examples/alerts.yml");
    let texts = dashboard().into_iter().chain([alerts]);
    let asked: Vec<_> = texts.flat_map(|text| selectors(&text)).collect();
    assert!(asked.len() > 60, "they were read: {asked:?}");
    for (name, matchers) in &asked {
        let metric = metric_of(name).unwrap_or_else(|| panic!("{name} is no metric"));
        let there: Vec<_> = found.iter().filter(|sample| sample.name == *name).collect();
        assert!(!there.is_empty(), "{name} is not exposed");
        for matcher in matchers.split(',').map(str::trim).filter(|matcher| !matcher.is_empty()) {
            let (label, value) = matcher.split_once('=').unwrap();
            let label = label.trim_end_matches('!');
            if ["instance", "job"].contains(&label) {
                continue;
            }
            assert!(metric.labels.contains(&label), "{name} has no label {label}");
            let literal = value.trim_matches(['"', '~']);
            for value in literal.split('|').filter(|value| !value.contains('*')) {
                let has = there.iter().any(|sample| sample.labels[label] == value);
                assert!(
                    has || value == "failed",
                    "{name}{{{label}=\"{value}\"}} is never exposed"
                );
            }
        }
    }
    let shown: BTreeSet<_> = asked
        .iter()
        .filter_map(|(name, _)| metric_of(name))
        .map(|metric| metric.name)
        .collect();
    let forgotten: Vec<_> = names::ALL
        .iter()
        .filter(|metric| !shown.contains(metric.name))
        .collect();
    assert!(forgotten.is_empty(), "on no panel and in no alert: {forgotten:?}");
}

#[test]
fn the_dashboard_can_be_imported() {
    let dashboard: Value = serde_json::from_str(&file("config/grafana-dashboard.json")).unwrap();
    assert_eq!(dashboard["templating"]["list"][0]["type"], "datasource");
    let panels = dashboard["panels"].as_array().unwrap();
    let mut ids = BTreeSet::new();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_i64().unwrap()), "{panel}");
        let place = &panel["gridPos"];
        let (x, width) = (place["x"].as_i64().unwrap(), place["w"].as_i64().unwrap());
        assert!(x + width <= 24, "{panel}");
        if panel["type"] != "row" {
            assert_eq!(panel["datasource"]["uid"], "${datasource}");
            assert!(!panel["fieldConfig"]["defaults"]["unit"].as_str().unwrap().is_empty());
        }
    }
    let rows = panels.iter().filter(|panel| panel["type"] == "row").count();
    assert!(rows >= 10 && panels.len() > 3 * rows);
}

#[test]
fn the_readme_explains_every_metric() {
    let readme = file("README.md");
    for metric in names::ALL {
        assert!(readme.contains(&format!("`{}`", metric.name)), "{}", metric.name);
    }
}

// --- with a real Prometheus ------------------------------------------------------------------------------------------

/// A program of Prometheus. `tests/run.sh` unpacks them and says where; `None`: nobody did.
fn prometheus(program: &str) -> Option<Command> {
    let folder = std::env::var("PORTCULLIS_TEST_PROMETHEUS").ok()?;
    let mut command = Command::new(format!("{folder}/{program}"));
    isolate(&mut command);
    Some(command)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promtool_accepts_metrics_and_rules() {
    let (Some(mut metrics), Some(mut rules)) = (prometheus("promtool"), prometheus("promtool")) else {
        return;
    };
    let server = TestServer::new(TestDb::sqlite().await).await;
    let process = Process::serve(&server, &[LISTEN]);
    use_it(&server, &process.node(&server)).await;
    let text = scrape(&process).await;
    let scraped = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(scraped.path(), &text).unwrap();
    metrics.args(["check", "metrics"]).stdin(scraped.reopen().unwrap());
    let linted = run(metrics);
    assert_eq!(
        (linted.code, linted.stderr.as_str()),
        (Some(0), ""),
        "{}\n{text}",
        linted.stdout
    );
    let root = env!("CARGO_MANIFEST_DIR");
    rules.args(["check", "config", &format!("{root}/config/examples/prometheus.yml")]);
    let checked = run(rules);
    assert_eq!(checked.code, Some(0), "{}{}", checked.stdout, checked.stderr);
    assert!(checked.stdout.contains("SUCCESS: 13 rules found"), "{}", checked.stdout);
}

/// Prometheus scrapes, and answers every question of the dashboard and the alerts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_scrapes_and_answers_the_dashboard() {
    let Some(mut command) = prometheus("prometheus") else {
        return;
    };
    let server = TestServer::new(TestDb::sqlite().await).await;
    let process = Process::serve(&server, &[LISTEN, "sweep.interval=1s"]);
    use_it(&server, &process.node(&server)).await;
    let folder = tempfile::tempdir().unwrap();
    let config = file("config/examples/prometheus.yml")
        .replace("15s", "1s")
        .replace("127.0.0.1:9464", &address(&process).to_string());
    std::fs::write(folder.path().join("prometheus.yml"), config).unwrap();
    std::fs::write(folder.path().join("alerts.yml"), file("config/examples/alerts.yml")).unwrap();
    command
        .arg(format!(
            "--config.file={}",
            folder.path().join("prometheus.yml").display()
        ))
        .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
        .args(["--web.listen-address=127.0.0.1:0", "--log.format=json"]);
    let prometheus = Process::announced(command, r#""msg":"Listening on""#);
    let base = format!("http://{}/api/v1", prometheus.address);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let ask = async |path: &str, query: &[(&str, &str)]| -> Value {
        let url = Url::parse_with_params(&format!("{base}/{path}"), query).unwrap();
        // While it starts it answers in words.
        client.get(url).send().await.unwrap().json().await.unwrap_or_default()
    };
    let value = async |expr: &str| ask("query", &[("query", expr)]).await["data"]["result"][0]["value"][1].clone();
    let up = eventually(async || Some(value("up").await).filter(|up| up == "1")).await;
    assert!(up.is_some(), "{}", prometheus.log());
    assert_eq!(
        value(r#"sum(portcullis_token_requests_total{outcome="issued"})"#).await,
        "4"
    );
    assert_eq!(value(r#"portcullis_refusals_total{reason="code_replayed"}"#).await, "1");
    for expr in dashboard() {
        let answer = ask("query", &[("query", &expr)]).await;
        assert_eq!(answer["status"], "success", "{expr}: {answer}");
    }
    let evaluated = async || {
        let rules = ask("rules", &[]).await;
        let rules = rules["data"]["groups"][0]["rules"].as_array().unwrap().clone();
        assert_eq!(rules.len(), 13);
        rules.iter().all(|rule| rule["health"] == "ok").then_some(())
    };
    assert!(eventually(evaluated).await.is_some(), "every rule");
}
