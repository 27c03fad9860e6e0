//! Traces, as a collector receives them.

use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use portcullis::store::all_statements;
use tokio::net::TcpListener;

use crate::support::collector::{Collector, attribute, hex};
use crate::support::process::Process;
use crate::support::scrape::{scrape_until, sum};
use crate::support::{AuthRequest, Browser, ClientSpec, PASSWORD, TestDb, TestServer, both_stores};

const OUTSIDE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn of(span: &Span, name: &str) -> String {
    attribute(&span.attributes, name)
}

both_stores! {
    async fn a_request_is_a_span_with_its_statements_below_it(db: TestDb) {
        let server = TestServer::new(db).await;
        let collector = Collector::start().await;
        let process = Process::serve(&server, &[&collector.setting(), "tracing.service_name=sso"]);
        let node = process.node(&server);
        let client = server.add_client(ClientSpec::web("shop")).await;
        let tokens = node.code_flow(&client, "openid offline_access").await;
        node.refresh(&client, tokens.refresh()).await.expect(200);
        node.refresh(&client, "forged").await.expect_error(400, "invalid_grant");

        let refused = collector.wait(|span| of(span, "http.response.status_code") == "400");
        assert_eq!((refused.name.as_str(), refused.kind()), ("POST /token", SpanKind::Server));
        assert_eq!(of(&refused, "portcullis.reason"), "refresh token is malformed, unknown or gone");
        assert_eq!(of(&refused, "portcullis.client_id"), "shop");
        assert!(refused.status.is_none_or(|status| status.code() == StatusCode::Unset), "not the server's error");

        let refreshed = collector.wait(|span| {
            let rotates = |child: &Span| matches!(child.name.as_str(), "ROTATE_REFRESH_TOKENS" | "SPEND_REFRESH_TOKEN");
            span.name == "POST /token" && collector.children(span).iter().any(rotates)
        });
        assert_eq!(of(&refreshed, "http.route"), "/token");
        assert_eq!(of(&refreshed, "http.response.status_code"), "200");
        assert!(refreshed.parent_span_id.is_empty());
        let children = collector.children(&refreshed);
        assert!(children.iter().any(|child| child.name == "sign"), "{children:?}");
        let known: Vec<_> = all_statements().iter().map(|statement| statement.name).collect();
        let system = if server.db.is_postgres() { "postgresql" } else { "sqlite" };
        let statements: Vec<_> = children.iter().filter(|child| child.kind() == SpanKind::Client).collect();
        assert!(statements.len() >= 2, "{children:?}");
        for statement in statements {
            assert!(known.contains(&statement.name.as_str()), "{}", statement.name);
            assert_eq!(of(statement, "db.system.name"), system);
            assert!(refreshed.start_time_unix_nano <= statement.start_time_unix_nano);
            assert!(statement.end_time_unix_nano <= refreshed.end_time_unix_nano);
        }
        let log = process.log();
        let line = log.lines().find(|line| line.contains(&hex(&refreshed.trace_id)));
        assert!(line.is_some_and(|line| line.contains(r#""route":"/token""#)), "the log names the trace: {log}");
        let resource = collector.requests()[0].resource_spans[0].resource.clone().unwrap();
        assert_eq!(attribute(&resource.attributes, "service.name"), "sso");
        let text = collector.text();
        assert!(!text.contains("SELECT ") && !text.contains("INSERT INTO") && !text.contains("UPDATE "), "no statements");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_hash_is_a_span_and_a_broken_server_an_error() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let collector = Collector::start().await;
    let process = Process::serve(&server, &[&collector.setting()]);
    let node = process.node(&server);
    server.alice().await;
    let mut browser = Browser::new(&node);
    browser.open("/login").await.page();
    browser.sign_in("alice", PASSWORD).await.page();
    let sign_in = collector.wait(|span| span.name == "POST /login");
    let children = collector.children(&sign_in);
    assert!(
        children.iter().any(|child| child.name == "password hash"),
        "{children:?}"
    );

    let client = server.add_client(ClientSpec::web("shop")).await;
    let tokens = node.code_flow(&client, "openid offline_access").await;
    let mut raw = server.db.raw().await;
    raw.run("ALTER TABLE refresh_token RENAME TO gone_token").await;
    node.refresh(&client, tokens.refresh())
        .await
        .expect_error(500, "server_error");
    let failed = collector.wait(|span| of(span, "http.response.status_code") == "500");
    assert_eq!(
        failed.status.as_ref().map(|status| status.code()),
        Some(StatusCode::Error)
    );
    assert_eq!(
        (
            of(&failed, "error.type").as_str(),
            of(&failed, "portcullis.reason").as_str()
        ),
        ("500", "internal error")
    );
    let statement = collector
        .children(&failed)
        .into_iter()
        .find(|child| !of(child, "error.type").is_empty());
    let statement = statement.expect("the statement that failed");
    assert_eq!(statement.status.map(|status| status.code()), Some(StatusCode::Error));
    assert!(!collector.text().contains("no such table"), "not the database's words");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_from_outside_is_joined_for_a_trusted_proxy_only() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let outside = "0af7651916cd43dd8448eb211c80319c";
    let ask = async |settings: &[&str]| {
        let collector = Collector::start().await;
        let sends = collector.setting();
        let settings: Vec<&str> = settings.iter().copied().chain([sends.as_str()]).collect();
        let process = Process::serve(&server, &settings);
        let node = process.node(&server);
        node.get("/healthz").header("traceparent", OUTSIDE).await.expect(200);
        node.get("/healthz").header("traceparent", "00-zz-1").await.expect(200);
        let malformed = "00-00000000000000000000000000000000-b7ad6b7169203331-01";
        node.get("/healthz").header("traceparent", malformed).await.expect(200);
        node.get("/readyz").await.expect(200);
        collector.wait(|span| span.name == "GET /readyz");
        let mut spans = collector.spans();
        spans.retain(|span| span.name == "GET /healthz");
        spans
    };
    let strangers = ask(&[]).await;
    assert_eq!(strangers.len(), 3);
    assert!(
        strangers
            .iter()
            .all(|span| hex(&span.trace_id) != outside && span.parent_span_id.is_empty())
    );
    let proxied = ask(&["server.trusted_proxies=127.0.0.1"]).await;
    let joined: Vec<_> = proxied.iter().filter(|span| hex(&span.trace_id) == outside).collect();
    assert_eq!((proxied.len(), joined.len()), (3, 1));
    assert_eq!(hex(&joined[0].parent_span_id), "b7ad6b7169203331");
    // The proxy's own decision counts, which for this trace is to record.
    let sampled = ask_sampled(&server).await;
    assert_eq!(sampled, [outside.to_owned()]);
}

/// With a ratio of nothing only the proxy's traces are recorded.
async fn ask_sampled(server: &TestServer) -> Vec<String> {
    let collector = Collector::start().await;
    let settings = ["server.trusted_proxies=127.0.0.1", "tracing.sample_ratio=0"];
    let mut process = Process::serve(server, &[settings[0], settings[1], &collector.setting()]);
    let node = process.node(server);
    node.get("/healthz").await.expect(200);
    node.get("/healthz").header("traceparent", OUTSIDE).await.expect(200);
    node.get("/healthz").await.expect(200);
    process.signal("TERM");
    assert!(process.ended().unwrap().success());
    collector.spans().iter().map(|span| hex(&span.trace_id)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_spans_are_delivered_before_the_server_ends() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let collector = Collector::start().await;
    let mut process = Process::serve(&server, &[&collector.setting()]);
    process.node(&server).get("/readyz").await.expect(200);
    process.signal("TERM");
    assert!(process.ended().unwrap().success());
    assert!(collector.spans().iter().any(|span| span.name == "GET /readyz"));
}

/// One that refuses connections, and one that takes them and never answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_away_costs_spans_and_nothing_else() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let client = server.add_client(ClientSpec::service("batch")).await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for (address, patience) in [(gone, 3), (silent.local_addr().unwrap(), 8)] {
        let endpoint = format!("tracing.otlp_endpoint=http://{address}");
        let began = Instant::now();
        let mut process = Process::serve(&server, &[&endpoint, "metrics.listen=127.0.0.1:0"]);
        let node = process.node(&server);
        for _ in 0..20 {
            node.client_credentials(&client).await.expect(200);
        }
        let answered = began.elapsed();
        assert!(answered < Duration::from_secs(10), "nobody waited: {answered:?}");
        if address == gone {
            assert!(process.logs("traces cannot be delivered"));
            let failed = |found: &[_]| sum(found, "portcullis_trace_spans_total", &[("outcome", "failed")]);
            let found = scrape_until(&process, |found| failed(found) >= 20.0).await;
            assert!(failed(&found) >= 20.0, "they are counted");
            assert!(sum(&found, "portcullis_trace_spans_total", &[("outcome", "delivered")]) == 0.0);
        }
        process.signal("TERM");
        let stopping = Instant::now();
        assert!(process.ended().unwrap().success());
        assert!(
            stopping.elapsed() < Duration::from_secs(patience),
            "{:?}",
            stopping.elapsed()
        );
    }
}

/// A way through the pages, to see that a person's requests are separate traces.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_of_one_browser_are_separate_traces() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let collector = Collector::start().await;
    let process = Process::serve(&server, &[&collector.setting()]);
    let node = process.node(&server);
    let client = server.add_client(ClientSpec::web("shop")).await;
    server.alice().await;
    Browser::new(&node)
        .grant(&AuthRequest::new(&client, "openid"), "alice")
        .await;
    collector.wait(|span| span.name == "POST /interaction/{id}/consent");
    let mut roots = collector.spans();
    roots.retain(|span| span.kind() == SpanKind::Server);
    let mut traces: Vec<_> = roots.iter().map(|span| span.trace_id.clone()).collect();
    traces.sort();
    traces.dedup();
    assert!(roots.len() >= 4 && traces.len() == roots.len());
}
