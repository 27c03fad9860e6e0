//! BI: what HTTP itself can be abused for, over the real socket: lengths, heads, slow senders, smuggling, HTTP/2.

use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::support::process::{Process, Raw, portcullis, read_to_end, run};
use crate::support::{TestDb, TestServer};

const FORM: &str = "application/x-www-form-urlencoded";

async fn served() -> (TestServer, Process) {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let process = Process::serve(&server, &[]);
    (server, process)
}

/// Whether it still answers others.
async fn lives(process: &Process) -> bool {
    let raw = process
        .raw("GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await;
    raw.status() == 200
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bi_01_bodies_are_bounded() {
    let (server, process) = served().await;
    let limit = server.app.config().server.max_body;
    let head = |length: &str| {
        format!("POST /token HTTP/1.1\r\nhost: x\r\ncontent-type: {FORM}\r\ncontent-length: {length}\r\n\r\n")
    };
    let exact = process
        .raw(format!("{}{}", head(&limit.to_string()), "a".repeat(limit)))
        .await;
    assert_eq!(exact.status(), 401, "within the limit: {}", exact.text);
    for (length, sent) in [
        (limit + 1, limit + 1),
        (10 * 1024 * 1024, 100_000),
        (99_999_999_999, 10),
    ] {
        let answer = process
            .raw(format!("{}{}", head(&length.to_string()), "a".repeat(sent)))
            .await;
        assert_eq!(
            (answer.status(), answer.answers(), answer.closed),
            (413, 1, true),
            "{length}: {}",
            answer.text
        );
        assert!(answer.text.contains("connection: close"), "{length}: {}", answer.text);
    }
    for length in ["-1", "99999999999999999999999", "1e3", "0x10", ""] {
        let answer = process.raw(format!("{}a", head(length))).await;
        assert_eq!((answer.status(), answer.closed), (400, true), "{length}");
    }
    // Chunks without end: they stop being read at the limit.
    let mut stream = process.connect().await;
    let head = format!("POST /token HTTP/1.1\r\nhost: x\r\ncontent-type: {FORM}\r\ntransfer-encoding: chunked\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("1000\r\n{}\r\n", "a".repeat(4096));
    let mut sent = 0;
    while sent < 64 * 1024 * 1024 && stream.write_all(chunk.as_bytes()).await.is_ok() {
        sent += 4096;
    }
    assert!(sent < 16 * 1024 * 1024, "{sent} bytes were taken");
    let answer = read_to_end(&mut stream, Duration::from_secs(2)).await;
    assert!(answer.closed);
    assert!(lives(&process).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bi_09_heads_are_bounded() {
    let (_server, process) = served().await;
    let long_url = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(64 * 1024));
    let headers: String = (0..1000).map(|number| format!("h{number}: x\r\n")).collect();
    let many = format!("GET /healthz HTTP/1.1\r\nhost: x\r\n{headers}\r\n");
    let long = format!(
        "GET /healthz HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n",
        "a".repeat(256 * 1024)
    );
    for (what, request) in [("URL", long_url), ("many headers", many), ("a long header", long)] {
        let answer = process.raw(request).await;
        let refused = [0, 400, 414, 431].contains(&answer.status());
        assert!(
            refused && answer.closed,
            "{what}: {}",
            &answer.text[..answer.text.len().min(200)]
        );
    }
    let usual = format!(
        "GET /healthz HTTP/1.1\r\nhost: x\r\ncookie: {}\r\nconnection: close\r\n\r\n",
        "a".repeat(16 * 1024)
    );
    assert_eq!(
        process.raw(usual).await.status(),
        200,
        "as much as browsers send is fine"
    );
    assert!(lives(&process).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bi_10_slow_heads_are_cut_off_and_others_are_served() {
    let (_server, process) = served().await;
    let started = Instant::now();
    let mut slow = Vec::new();
    for _ in 0..200 {
        let mut stream = process.connect().await;
        stream
            .write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow:")
            .await
            .unwrap();
        slow.push(stream);
    }
    assert!(lives(&process).await, "others are served meanwhile");
    for stream in &mut slow {
        let dribbled = stream.write_all(b" a").await;
        assert!(dribbled.is_ok());
    }
    for mut stream in slow {
        let answer = read_to_end(&mut stream, Duration::from_secs(8)).await;
        assert!(answer.closed && [0, 408].contains(&answer.status()), "{}", answer.text);
    }
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bi_12_ambiguous_lengths_are_refused() {
    let (_server, process) = served().await;
    let second = "GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n";
    for (what, headers, body) in [
        ("both", "content-length: 4\r\ntransfer-encoding: chunked", "0\r\n\r\n"),
        (
            "both, the other way round",
            "transfer-encoding: chunked\r\ncontent-length: 4",
            "0\r\n\r\n",
        ),
        ("an unknown coding", "transfer-encoding: xchunked", "0\r\n\r\n"),
        ("chunked not last", "transfer-encoding: chunked, identity", "0\r\n\r\n"),
        ("a hidden coding", "transfer-encoding: \u{b}chunked", "0\r\n\r\n"),
        ("a space before the colon", "transfer-encoding : chunked", "0\r\n\r\n"),
        ("two lengths", "content-length: 4\r\ncontent-length: 5", "aaaa"),
        ("a list of lengths", "content-length: 4, 5", "aaaa"),
        ("a sign", "content-length: +4", "aaaa"),
        ("a folded line", "x-a: b\r\n c\r\ncontent-length: 4", "aaaa"),
        ("a bare return", "x-a: b\rcontent-length: 4", "aaaa"),
        ("NUL", "x-a: b\0c\r\ncontent-length: 4", "aaaa"),
        (
            "a chunk size with a sign",
            "transfer-encoding: chunked",
            "+4\r\naaaa\r\n0\r\n\r\n",
        ),
        (
            "a chunk size beyond all",
            "transfer-encoding: chunked",
            "fffffffffffffffff\r\naaaa\r\n0\r\n\r\n",
        ),
        (
            "a chunk without its end",
            "transfer-encoding: chunked",
            "4\r\naaaaa0\r\n\r\n",
        ),
    ] {
        let request =
            format!("POST /token HTTP/1.1\r\nhost: x\r\ncontent-type: {FORM}\r\n{headers}\r\n\r\n{body}{second}");
        let answer = process.raw(request).await;
        let status = match what {
            // Read as chunked, answered, and closed (RFC 9112 §6.1); no client authenticated here, hence 401.
            "both" | "both, the other way round" => 401,
            // A broken chunk ends the body, which then counts as one that cannot be read to its end.
            _ if what.starts_with("a chunk") => 413,
            _ => 400,
        };
        assert_eq!(
            (answer.status(), answer.closed),
            (status, true),
            "{what}: {}",
            answer.text
        );
        assert_eq!(
            answer.answers(),
            1,
            "{what}: nothing behind it is answered: {}",
            answer.text
        );
    }
    assert!(lives(&process).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bi_13_the_host_header_names_nothing() {
    let (server, process) = served().await;
    let node = process.node(&server);
    let known = node
        .get("/.well-known/openid-configuration")
        .await
        .expect(200)
        .text()
        .to_owned();
    for (target, headers) in [
        ("/.well-known/openid-configuration", ""),
        ("/.well-known/openid-configuration", "host: evil.example\r\n"),
        (
            "/.well-known/openid-configuration",
            "host: id.example\r\nhost: evil.example\r\n",
        ),
        (
            "http://evil.example/.well-known/openid-configuration",
            "host: id.example\r\n",
        ),
        ("/.well-known/openid-configuration", "host: evil.example:99999@x\r\n"),
    ] {
        let request = format!("GET {target} HTTP/1.1\r\n{headers}connection: close\r\n\r\n");
        let answer: Raw = process.raw(request).await;
        match answer.status() {
            200 => assert!(answer.text.ends_with(&known), "{headers}: {}", answer.text),
            status => assert!([400, 421].contains(&status), "{headers}: {}", answer.text),
        }
        assert!(!answer.text.contains("evil.example"), "{headers}: {}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bi_15_headers_with_underscores_mean_nothing() {
    let (_server, process) = served().await;
    let request = "GET /login HTTP/1.1\r\nhost: x\r\nX_Forwarded_Host: evil.example\r\nX_Forwarded_Proto: http\r\n\
                   X_Request_Id: canary-canary\r\nconnection: close\r\n\r\n";
    let answer = process.raw(request).await;
    assert_eq!(answer.status(), 200);
    assert!(
        answer.text.contains("; Secure") && !answer.text.contains("evil.example"),
        "{}",
        answer.text
    );
    assert!(!answer.text.contains("canary-canary"), "{}", answer.text);
}

/// An HTTP/2 frame (RFC 9113 §4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;
const END_STREAM: u8 = 1;
/// GET / over http, from the static table (RFC 7541 appendix A).
const GET_ROOT: &[u8] = &[0x82, 0x86, 0x84];

/// A GET over HTTP/2 with this header.
pub async fn get_over_http2(process: &Process, name: &str, value: &str) {
    let field = [
        &[0x10, u8::try_from(name.len()).unwrap()],
        name.as_bytes(),
        &[u8::try_from(value.len()).unwrap()],
        value.as_bytes(),
    ];
    let block = [GET_ROOT, &field.concat()].concat();
    let mut stream = h2(process).await;
    let request = frame(HEADERS, END_HEADERS | END_STREAM, 1, &block);
    stream.write_all(&request).await.unwrap();
    assert!(h2_answer(&mut stream).await.0.contains(&HEADERS));
}

async fn h2(process: &Process) -> TcpStream {
    let mut stream = process.connect().await;
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
    stream
}

/// The frame types that came back, and whether the connection was closed.
async fn h2_answer(stream: &mut TcpStream) -> (Vec<u8>, bool) {
    use tokio::io::AsyncReadExt as _;
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(3), stream.read_to_end(&mut bytes)).await;
    let (mut kinds, mut rest) = (Vec::new(), bytes.as_slice());
    while rest.len() >= 9 {
        let length = u32::from_be_bytes([0, rest[0], rest[1], rest[2]]) as usize;
        kinds.push(rest[3]);
        rest = rest.get(9 + length..).unwrap_or_default();
    }
    (kinds, read.is_ok())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bi_11_http2_floods_end_the_connection() {
    let (_server, process) = served().await;

    let mut honest = h2(&process).await;
    honest
        .write_all(&frame(HEADERS, END_HEADERS | END_STREAM, 1, GET_ROOT))
        .await
        .unwrap();
    let (kinds, closed) = h2_answer(&mut honest).await;
    assert!(kinds.contains(&HEADERS) && !closed, "HTTP/2 works: {kinds:?}");

    let mut resets = h2(&process).await;
    for stream in (1..20_000).step_by(2) {
        let mut pair = frame(HEADERS, END_HEADERS | END_STREAM, stream, GET_ROOT);
        pair.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
        if resets.write_all(&pair).await.is_err() {
            break;
        }
    }
    let (kinds, closed) = h2_answer(&mut resets).await;
    assert!(kinds.contains(&GOAWAY) || closed, "rapid resets: {kinds:?}");

    let mut endless = h2(&process).await;
    let field = [&[0x00, 0x03][..], b"x-a", &[0x7f, 0x81, 0x1e], &[b'a'; 3968]].concat();
    endless
        .write_all(&frame(HEADERS, END_STREAM, 1, GET_ROOT))
        .await
        .unwrap();
    let mut refused = false;
    for _ in 0..20_000 {
        if endless.write_all(&frame(CONTINUATION, 0, 1, &field)).await.is_err() {
            refused = true;
            break;
        }
    }
    assert!(refused, "continuations without end are not taken");

    let mut pings = h2(&process).await;
    let mut flood = Vec::new();
    for _ in 0..10_000 {
        flood.extend(frame(PING, 0, 0, &[0; 8]));
        flood.extend(frame(SETTINGS, 0, 0, &[]));
    }
    // Whoever does not read the answers is not read any more either.
    drop(tokio::time::timeout(Duration::from_secs(1), pings.write_all(&flood)).await);
    assert!(lives(&process).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bi_29_the_demo_listens_on_this_machine_only() {
    for option in ["--listen", "--playground"] {
        let data = tempfile::tempdir().unwrap();
        let mut command = portcullis(&["demo", option, "0.0.0.0:0"]);
        command.arg("--data").arg(data.path());
        let ended = run(command);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(
            ended.stderr.contains("the demo listens on this machine only"),
            "{ended:?}"
        );
    }
}
