//! Fetches from addresses that clients name, over real sockets.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::{Method, StatusCode, Version, header};
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use portcullis::config::{Config, OutboundConfig};
use portcullis::outbound::{GuardedFetch, Lookup, OutboundError, Purpose};
use portcullis::telemetry::metrics::Metrics;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio_util::io::ReaderStream;

use crate::support::{Https, Received, TestDb, TestServer, document, seconds};

/// Counts who connects, and says nothing.
struct Canary {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Canary {
    async fn on(address: &str) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::<AtomicUsize>::default();
        let count = connections.clone();
        tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((connection, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                held.push(connection);
            }
        });
        Self { address, connections }
    }

    /// On the same port as `https`, at an address that may not be reached: 127.0.0.2.
    async fn beside(https: &Https) -> Self {
        Self::on(&format!("127.0.0.2:{}", https.address.port())).await
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// The settings of a server that may fetch from `https`.
fn permitted(https: &Https) -> OutboundConfig {
    let mut config = Config::with_defaults("https://id.example".parse().unwrap());
    https.permit(&mut config);
    config.outbound
}

/// The same, but that 127.0.0.1 stands for the public network here: whatever resolves to it may be asked on every port.
fn public(https: &Https) -> OutboundConfig {
    let mut settings = permitted(https);
    settings.allow_hosts = vec!["127.0.0.1/32".parse().unwrap()];
    settings
}

/// Looks names up in a list: the first answer first, the last one ever after. Tells what was looked up.
fn names(answers: &[&[&str]]) -> (Lookup, Arc<Mutex<Vec<String>>>) {
    let parse = |answer: &&[&str]| answer.iter().map(|text| text.parse().unwrap()).collect();
    let answers: Vec<Vec<std::net::IpAddr>> = answers.iter().map(parse).collect();
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let noted = asked.clone();
    let lookup: Lookup = Arc::new(move |name| {
        let mut noted = noted.lock().unwrap();
        let answer = answers[noted.len().min(answers.len() - 1)].clone();
        noted.push(name);
        Box::pin(async move { Ok(answer) })
    });
    (lookup, asked)
}

fn guard(settings: &OutboundConfig, answers: &[&[&str]]) -> GuardedFetch {
    GuardedFetch::resolving(settings, Metrics::default(), &names(answers).0).unwrap()
}

async fn status(fetch: &GuardedFetch, url: &str) -> Result<u16, OutboundError> {
    let answer = fetch.get(Purpose::Jwks, url, "application/json").await;
    answer.map(|document| document.status)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_is_fetched_and_a_form_is_sent() {
    let router = Router::new()
        .route(
            "/jwks",
            get(|| async { document("Application/JSON; charset=utf-8", "{\"keys\":[]}") }),
        )
        .route("/told", post(|| async { StatusCode::NO_CONTENT }));
    let https = Https::start(router);
    let server = TestServer::with_fetches(TestDb::sqlite().await, &https, |_| {}).await;

    let fetched = server
        .app
        .fetch()
        .get(Purpose::Jwks, &https.url("/jwks?a=b"), "application/json")
        .await
        .unwrap();
    assert_eq!(
        (fetched.status, fetched.media_type.as_deref()),
        (200, Some("application/json"))
    );
    assert_eq!(fetched.body, b"{\"keys\":[]}");
    let url = https.url_at("localhost", "/told");
    let told = server
        .app
        .fetch()
        .post_form(Purpose::BackchannelLogout, &url, &[("logout_token", "a b")]);
    assert_eq!(told.await.unwrap().status, 204);

    let [read, sent] = &https.requests()[..] else {
        panic!("{:?}", https.requests())
    };
    assert_eq!(
        (&read.method, read.path.as_str(), read.header("accept")),
        (&Method::GET, "/jwks?a=b", "application/json")
    );
    assert_eq!(sent.header("content-type"), "application/x-www-form-urlencoded");
    assert_eq!(sent.field("logout_token").as_deref(), Some("a b"));
    assert_eq!((https.hits(), https.hits_of("/told")), (2, 1));

    // Without its authority, and without leave, nothing comes of it.
    let strict = TestServer::with(TestDb::sqlite().await, |_| {}).await;
    let refused = strict
        .app
        .fetch()
        .get(Purpose::Jwks, &https.url("/jwks"), "application/json")
        .await;
    assert_eq!(refused.unwrap_err(), OutboundError::Refused);
    let distrusting = TestServer::with_fetches(TestDb::sqlite().await, &https, |config| {
        config.outbound.extra_ca = std::path::PathBuf::new();
    });
    let unreachable = distrusting
        .await
        .app
        .fetch()
        .get(Purpose::Jwks, &https.url("/jwks"), "application/json")
        .await;
    assert_eq!(unreachable.unwrap_err(), OutboundError::Unreachable);
    assert_eq!(https.hits(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_servers_may_be_permitted_and_may_go_away() {
    let (one, other) = (
        Https::document("text/plain", "one"),
        Https::document("text/plain", "other"),
    );
    let server = TestServer::with_fetches(TestDb::sqlite().await, &one, |config| other.permit(config)).await;
    let body = async |https: &Https| {
        server
            .app
            .fetch()
            .get(Purpose::Jwks, &https.url("/"), "*/*")
            .await
            .map(|found| found.body)
    };
    assert_eq!(
        (body(&one).await.unwrap(), body(&other).await.unwrap()),
        (b"one".to_vec(), b"other".to_vec())
    );
    let seen: Vec<Received> = other.requests();
    assert_eq!(
        (seen[0].peer.ip(), seen[0].version),
        (other.address.ip(), Version::HTTP_11)
    );
    one.forget();
    one.stop();
    assert!(matches!(
        body(&one).await,
        Err(OutboundError::Unreachable | OutboundError::Broken)
    ));
    assert_eq!((one.hits(), other.hits()), (0, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ss_01_ss_02_no_spelling_leads_inside() {
    let https = Https::document("text/plain", "public");
    let canary = Canary::beside(&https).await;
    let settings = public(&https);
    // Names of strangers that lead inside, whatever they say about it.
    for name in [
        "127.0.0.2.nip.io",
        "client.test",
        "localhost",
        "LOCALHOST",
        "foo.localhost",
        "xn--bcher-kva.example",
    ] {
        for answer in [
            "127.0.0.2",
            "::ffff:127.0.0.2",
            "::1",
            "169.254.169.254",
            "10.0.0.1",
            "fd00::1",
            "0.0.0.0",
        ] {
            let url = https.url_at(name, "/");
            assert_eq!(
                status(&guard(&settings, &[&[answer]]), &url).await,
                Err(OutboundError::Refused),
                "{url} {answer}"
            );
        }
    }
    // Addresses as people write them who want them to be overlooked.
    let fetch = guard(&settings, &[&["127.0.0.2"]]);
    for host in [
        "127.0.0.2",
        "2130706434",
        "0x7f000002",
        "017700000002",
        "0177.0.0.2",
        "127.2",
        "127%2e0.0.2",
        "127。0。0。2",
        "[::ffff:127.0.0.2]",
        "[::ffff:7f00:2]",
        "[64:ff9b::7f00:2]",
        "[fe80::1%25eth0]",
        "user@127.0.0.2",
        "127.0.0.1@127.0.0.2",
        "127.0.0.1\\@127.0.0.2",
        "127.0.0.2.",
        "client.test.",
    ] {
        let url = https.url_at(host, "/");
        assert_eq!(status(&fetch, &url).await, Err(OutboundError::Refused), "{url}");
        assert_eq!(fetch.check(&url).unwrap_err(), OutboundError::Refused, "{url}");
    }
    assert_eq!((https.hits(), canary.connections()), (0, 0));
    // What is allowed is reached by the same way.
    assert_eq!(
        status(&guard(&settings, &[&["127.0.0.1"]]), &https.url_at("client.test", "/")).await,
        Ok(200)
    );
    assert_eq!(status(&fetch, &https.url_at("2130706433", "/")).await, Ok(200));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ss_03_a_name_that_moves_inside_is_not_followed() {
    let https = Https::document("text/plain", "public");
    let canary = Canary::beside(&https).await;
    let (lookup, asked) = names(&[&["127.0.0.1"], &["127.0.0.2"], &["127.0.0.1"], &["127.0.0.2"]]);
    let fetch = GuardedFetch::resolving(&public(&https), Metrics::default(), &lookup).unwrap();
    let url = https.url_at("client.test", "/");
    // Looked up once for each fetch, and no connection is left over from one that was let through.
    for (round, expected) in [
        Ok(200),
        Err(OutboundError::Refused),
        Ok(200),
        Err(OutboundError::Refused),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(status(&fetch, &url).await, expected, "{round}");
        assert_eq!(asked.lock().unwrap().len(), round + 1);
    }
    assert_eq!((https.hits(), canary.connections()), (2, 0));
    assert_eq!(asked.lock().unwrap()[0], "client.test");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ss_04_redirects_are_not_followed() {
    let inside = Canary::on("127.0.0.2:0").await;
    let target = format!("https://{}/", inside.address);
    let mut router = Router::new();
    for code in [301, 302, 303, 307, 308] {
        let target = target.clone();
        let answer = move || async move { (StatusCode::from_u16(code).unwrap(), [(header::LOCATION, target)]) };
        router = router.route(&format!("/{code}"), get(answer.clone()).post(answer));
    }
    let home = move || async move { (StatusCode::FOUND, [(header::LOCATION, "/elsewhere")]) };
    let https = Https::start(router.route("/home", get(home)));
    let fetch = guard(&permitted(&https), &[&["127.0.0.1"]]);
    for code in [301, 302, 303, 307, 308] {
        let url = https.url(&format!("/{code}"));
        assert_eq!(status(&fetch, &url).await, Ok(code));
        let sent = fetch
            .post_form(Purpose::BackchannelLogout, &url, &[("logout_token", "secret")])
            .await;
        assert_eq!(sent.unwrap().status, code);
    }
    assert_eq!(status(&fetch, &https.url("/home")).await, Ok(302));
    assert_eq!(
        (https.hits(), https.hits_of("/elsewhere"), inside.connections()),
        (11, 0, 0)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ss_05_one_address_inside_refuses_the_name() {
    let https = Https::document("text/plain", "public");
    let canary = Canary::beside(&https).await;
    let url = https.url_at("client.test", "/");
    for answer in [
        ["127.0.0.1", "127.0.0.2"],
        ["127.0.0.2", "127.0.0.1"],
        ["127.0.0.1", "::1"],
        ["fd00::1", "127.0.0.1"],
    ] {
        let fetch = guard(&public(&https), &[&answer]);
        assert_eq!(status(&fetch, &url).await, Err(OutboundError::Refused), "{answer:?}");
    }
    assert_eq!((https.hits(), canary.connections()), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ss_07_leave_for_one_port_is_none_for_another() {
    let (one, other) = (
        Https::document("text/plain", "one"),
        Https::document("text/plain", "other"),
    );
    let mut settings = permitted(&one);
    settings
        .allow_hosts
        .push(format!("client.test:{}", one.address.port()).parse().unwrap());
    let fetch = guard(&settings, &[&["127.0.0.1"]]);
    for host in ["client.test", "127.0.0.1"] {
        assert_eq!(status(&fetch, &one.url_at(host, "/")).await, Ok(200), "{host}");
        assert_eq!(
            status(&fetch, &other.url_at(host, "/")).await,
            Err(OutboundError::Refused),
            "{host}"
        );
    }
    // On the port of https a name that was allowed for another is a stranger's, and may not lead inside.
    assert_eq!(
        status(&fetch, "https://client.test/").await,
        Err(OutboundError::Refused)
    );
    assert_eq!((one.hits(), other.hits()), (2, 0));
}

/// A body that a task writes piece by piece.
fn written<W: Future<Output = io::Result<()>> + Send + 'static>(
    write: impl FnOnce(tokio::io::DuplexStream) -> W,
) -> axum::response::Response {
    let (reader, writer) = tokio::io::duplex(4096);
    tokio::spawn(write(writer));
    document("application/json", Body::from_stream(ReaderStream::new(reader)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ss_08_slow_and_endless_answers_are_cut_off() {
    let trickle = || async {
        written(|mut writer| async move {
            let mut beat = tokio::time::interval(Duration::from_millis(50));
            loop {
                beat.tick().await;
                writer.write_all(b" ").await?;
            }
        })
    };
    let sent = Arc::<AtomicUsize>::default();
    let counted = sent.clone();
    let endless = || async move {
        written(|mut writer| async move {
            loop {
                writer.write_all(&[b' '; 1024]).await?;
                counted.fetch_add(1024, Ordering::SeqCst);
            }
        })
    };
    let bomb = || async { ([(header::CONTENT_ENCODING, "gzip")], vec![0x1f, 0x8b, 8, 0]).into_response() };
    let large = || async { vec![b' '; 100 * 1024] };
    let router = Router::new()
        .route("/trickle", get(trickle))
        .route("/endless", get(endless))
        .route("/bomb", get(bomb))
        .route("/large", get(large));
    let https = Https::start(router);
    let silent = Canary::on("127.0.0.1:0").await;
    let mut settings = permitted(&https);
    settings.timeout = seconds(1);
    settings.allow_hosts.push("127.0.0.1".parse().unwrap());
    let fetch = guard(&settings, &[&["127.0.0.1"]]);
    let started = Instant::now();
    assert_eq!(
        status(&fetch, &https.url("/trickle")).await,
        Err(OutboundError::TimedOut)
    );
    assert_eq!(
        status(&fetch, &format!("https://{}/", silent.address)).await,
        Err(OutboundError::TimedOut)
    );
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    assert_eq!(silent.connections(), 1);
    assert_eq!(status(&fetch, &https.url("/bomb")).await, Err(OutboundError::Encoded));

    settings.timeout = seconds(30);
    let fetch = guard(&settings, &[&["127.0.0.1"]]);
    assert_eq!(
        status(&fetch, &https.url("/endless")).await,
        Err(OutboundError::TooLarge)
    );
    assert!(sent.load(Ordering::SeqCst) < 16 << 20, "the sender was stopped");
    assert_eq!(status(&fetch, &https.url("/large")).await, Err(OutboundError::TooLarge));
    // A picture may be larger.
    let picture = fetch
        .get(Purpose::Logo, &https.url("/large"), "image/png")
        .await
        .unwrap();
    assert_eq!(picture.body.len(), 100 * 1024);
    assert_eq!(
        fetch
            .get(Purpose::Logo, &https.url("/endless"), "image/png")
            .await
            .unwrap_err(),
        OutboundError::TooLarge
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ss_08_a_lookup_that_never_ends_is_given_up() {
    let https = Https::document("text/plain", "public");
    let mut settings = public(&https);
    settings.timeout = seconds(1);
    let never: Lookup = Arc::new(|_| Box::pin(std::future::pending()));
    let fetch = GuardedFetch::resolving(&settings, Metrics::default(), &never).unwrap();
    let started = Instant::now();
    assert_eq!(
        status(&fetch, &https.url_at("client.test", "/")).await,
        Err(OutboundError::TimedOut)
    );
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    let unknown: Lookup = Arc::new(|_| Box::pin(async { Err(io::Error::other("canary-in-the-resolver")) }));
    let fetch = GuardedFetch::resolving(&settings, Metrics::default(), &unknown).unwrap();
    assert_eq!(
        status(&fetch, &https.url_at("client.test", "/")).await,
        Err(OutboundError::Unreachable)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ss_11_nothing_of_ours_is_sent_along() {
    let https = Https::answering(|| async { [(header::SET_COOKIE, "canary=1; Secure"), (header::ETAG, "\"canary\"")] });
    let fetch = guard(&permitted(&https), &[&["127.0.0.1"]]);
    for _ in 0..2 {
        status(&fetch, &https.url("/jwks")).await.unwrap();
        fetch
            .post_form(Purpose::BackchannelLogout, &https.url("/told"), &[("a", "b")])
            .await
            .unwrap();
    }
    let agent = concat!("portcullis/", env!("CARGO_PKG_VERSION"));
    for request in https.requests() {
        let mut names: Vec<_> = request.headers.keys().map(header::HeaderName::as_str).collect();
        names.sort_unstable();
        let expected: &[&str] = match request.method {
            Method::GET => &["accept", "host", "user-agent"],
            _ => &["accept", "content-length", "content-type", "host", "user-agent"],
        };
        assert_eq!(names, expected);
        assert_eq!(
            (request.header("user-agent"), request.version),
            (agent, Version::HTTP_11)
        );
    }
    // Each on a connection of its own.
    let mut peers: Vec<_> = https.requests().iter().map(|request| request.peer).collect();
    peers.sort_unstable();
    peers.dedup();
    assert_eq!(peers.len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ss_13_a_proxy_of_the_environment_is_not_asked() {
    const NAME: &str = "outbound::ss_13_a_proxy_of_the_environment_is_not_asked";
    const TOLD: &str = "PORTCULLIS_TEST_FETCH";
    if let Ok(told) = std::env::var(TOLD) {
        // This process was started by the test below, with a proxy in its environment.
        let (url, authority) = told.split_once(' ').unwrap();
        let settings = OutboundConfig {
            extra_ca: authority.into(),
            allow_hosts: vec!["127.0.0.1".parse().unwrap()],
            ..OutboundConfig::default()
        };
        assert_eq!(status(&guard(&settings, &[&["127.0.0.1"]]), url).await, Ok(200));
        let ordinary = reqwest::Client::builder()
            .timeout(Duration::from_secs(1))
            .build()
            .unwrap();
        assert!(
            ordinary.get(url).send().await.is_err(),
            "an ordinary client asks the proxy"
        );
        return;
    }
    let https = Https::document("text/plain", "public");
    let proxy = Canary::on("127.0.0.1:0").await;
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", NAME, "--nocapture"]);
    child.env(TOLD, format!("{} {}", https.url("/"), https.authority().display()));
    for name in [
        "HTTPS_PROXY",
        "https_proxy",
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
        "all_proxy",
    ] {
        child.env(name, format!("http://{}", proxy.address));
    }
    child.env_remove("NO_PROXY").env_remove("no_proxy");
    let output = tokio::task::spawn_blocking(move || child.output().unwrap())
        .await
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    assert_eq!(
        (https.hits(), proxy.connections()),
        (1, 1),
        "the proxy heard from the ordinary client alone"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ss_09_errors_and_metrics_tell_neither_address_nor_content() {
    let https = Https::document("text/plain", "canary-content");
    let metrics = Metrics::on().unwrap();
    let mut settings = permitted(&https);
    settings.allow_hosts.push("127.0.0.1/32".parse().unwrap());
    let fetch = GuardedFetch::resolving(&settings, metrics.clone(), &names(&[&["127.0.0.2"]]).0).unwrap();
    let found = fetch.get(Purpose::Jwks, &https.url("/"), "*/*").await.unwrap();
    assert!(!format!("{found:?}").contains("canary"));
    let at = https.url_at("canary-host.test", "/canary-path");
    let refused = fetch.get(Purpose::RequestObject, &at, "*/*").await.unwrap_err();
    let closed = fetch
        .get(Purpose::Logo, "https://127.0.0.1:1/canary-path", "*/*")
        .await
        .unwrap_err();
    assert_eq!((refused, closed), (OutboundError::Refused, OutboundError::Unreachable));
    for error in [refused, closed] {
        let text = format!("{error} {error:?}");
        assert!(!text.contains("canary") && !text.contains("127.0"), "{text}");
    }
    let text = metrics.render().unwrap();
    for (purpose, outcome) in [("jwks", "ok"), ("request_object", "refused"), ("logo", "unreachable")] {
        let line = format!("portcullis_fetch_duration_seconds_count{{outcome=\"{outcome}\",purpose=\"{purpose}\"}} 1");
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    assert!(!text.contains("canary"));
}

#[test]
fn authorities_that_cannot_be_used_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    let settings = OutboundConfig {
        extra_ca: path.clone(),
        ..OutboundConfig::default()
    };
    let problem = || {
        GuardedFetch::new(&settings, Metrics::default())
            .unwrap_err()
            .to_string()
    };
    let name = path.display().to_string();
    assert_eq!(
        problem(),
        format!("{name} cannot be read: No such file or directory (os error 2)")
    );
    for (content, reason) in [
        ("", "holds no certificate in PEM"),
        ("nothing of the kind", "holds no certificate in PEM"),
        (
            "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n",
            "is no PEM file of certificates",
        ),
    ] {
        std::fs::write(&path, content).unwrap();
        assert_eq!(problem(), format!("{name} {reason}"));
    }
}
