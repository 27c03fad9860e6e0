//! TLS by the process itself, over real sockets: protocols, certificates that are replaced, and no other way in.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use reqwest::{Certificate, Client, Version};
use tempfile::TempDir;

use crate::support::process::{Process, isolate, pause_until, portcullis, run, serve_command};
use crate::support::{TestDb, TestServer};

/// An authority of our own, and a folder in which the server finds what it issued.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

/// A certificate and its key, as PEM.
struct Pair {
    certificate: String,
    key: String,
}

impl Authority {
    fn new() -> Self {
        // The program installs it for itself; this process is the client.
        static PROVIDER: OnceLock<()> = OnceLock::new();
        PROVIDER.get_or_init(|| {
            rustls::crypto::aws_lc_rs::default_provider()
                .install_default()
                .unwrap_or_default();
        });
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let authority = Self { issuer, folder };
        authority.install(&authority.issue(2090));
        authority
    }

    /// A certificate for id.example until the end of `year`.
    fn issue(&self, year: i32) -> Pair {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["id.example".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(year, 12, 31);
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        let key = key.serialize_pem();
        Pair { certificate, key }
    }

    fn install(&self, pair: &Pair) {
        fs::write(self.path("tls.crt"), &pair.certificate).unwrap();
        fs::write(self.path("tls.key"), &pair.key).unwrap();
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, server: &TestServer, data: &Path) -> Command {
        let certificate = format!("server.tls_certificate={}", self.path("tls.crt").display());
        let key = format!("server.tls_key={}", self.path("tls.key").display());
        serve_command(server, data, &[&certificate, &key])
    }

    fn serve(&self, server: &TestServer) -> Process {
        Process::listening(self.command(server, self.folder.path()), "ready")
    }

    /// A client that trusts this authority alone. It keeps its connection.
    fn client(&self, address: SocketAddr) -> Client {
        Client::builder()
            .tls_certs_only([Certificate::from_pem(self.issuer.pem().as_bytes()).unwrap()])
            .tls_info(true)
            .resolve("id.example", address)
            .pool_idle_timeout(None)
            .no_proxy()
            .build()
            .unwrap()
    }
}

/// Asks for the discovery document. Returns the certificate that the server showed.
async fn certificate_seen(client: &Client, address: SocketAddr) -> reqwest::Result<Vec<u8>> {
    let url = format!("https://id.example:{}/.well-known/openid-configuration", address.port());
    let response = client.get(url).send().await?;
    assert_eq!(response.status(), 200);
    let info = response.extensions().get::<reqwest::tls::TlsInfo>().unwrap();
    Ok(info.peer_certificate().unwrap().to_vec())
}

fn der(pem: &str) -> Vec<u8> {
    use rustls_pki_types::pem::PemObject as _;
    rustls_pki_types::CertificateDer::from_pem_slice(pem.as_bytes())
        .unwrap()
        .to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn se_24_tls_is_modern_and_there_is_no_other_way_in() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let authority = Authority::new();
    let process = authority.serve(&server);
    let port = process.address.port();
    let url = format!("https://id.example:{port}/.well-known/openid-configuration");

    let client = authority.client(process.address);
    let response = client.get(&url).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.version()), (200, Version::HTTP_2));
    assert_eq!(response.headers()["strict-transport-security"], "max-age=63072000");
    let document: serde_json::Value = response.json().await.unwrap();
    assert_eq!(document["issuer"], "https://id.example");

    // What a client asks for is never answered in the clear.
    let plain = process
        .raw("GET /.well-known/openid-configuration HTTP/1.1\r\nHost: id.example\r\n\r\n")
        .await;
    assert!(plain.closed && !plain.text.contains("HTTP"), "{}", plain.text);

    for (version, shakes_hands) in [
        ("-tls1", false),
        ("-tls1_1", false),
        ("-tls1_2", true),
        ("-tls1_3", true),
    ] {
        let mut openssl = Command::new("openssl");
        // At the lowest level of security, so that the refusal is the server's and not the client's.
        let ciphers = ["-cipher", "ALL:@SECLEVEL=0", "-alpn", "http/1.1"];
        openssl
            .args(["s_client", "-connect", &process.address.to_string(), version])
            .args(ciphers);
        isolate(&mut openssl);
        let seen = run(openssl);
        assert_eq!(
            seen.stdout.contains("ALPN protocol: http/1.1"),
            shakes_hands,
            "{version} {seen:?}"
        );
        assert_eq!(
            seen.stderr.contains("SSL alert number"),
            !shakes_hands,
            "{version} {seen:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ft_48_a_certificate_is_replaced_under_open_connections() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let authority = Authority::new();
    let process = authority.serve(&server);
    let address = process.address;
    let first = der(&fs::read_to_string(authority.path("tls.crt")).unwrap());
    let open = authority.client(address);
    assert_eq!(certificate_seen(&open, address).await.unwrap(), first);

    // Without a signal, within seconds.
    let second = authority.issue(2091);
    authority.install(&second);
    assert!(
        process.logs(r#""not_after":"2091-12-31T00:00:00Z""#),
        "{}",
        process.log()
    );
    let fresh = authority.client(address);
    assert_eq!(
        certificate_seen(&fresh, address).await.unwrap(),
        der(&second.certificate)
    );
    assert_eq!(
        certificate_seen(&open, address).await.unwrap(),
        first,
        "its connection goes on"
    );

    // A pair that does not fit is refused, and told at once when it was asked for.
    fs::write(authority.path("tls.crt"), authority.issue(2092).certificate).unwrap();
    process.signal("HUP");
    assert!(
        process.logs("cannot be served; the one before stays"),
        "{}",
        process.log()
    );
    let fresh = authority.client(address);
    assert_eq!(
        certificate_seen(&fresh, address).await.unwrap(),
        der(&second.certificate)
    );

    // One that has ended is what the operator wants, and is alarmed; it stays TLS.
    authority.install(&authority.issue(2021));
    process.signal("HUP");
    assert!(process.logs("the server's certificate has ended"), "{}", process.log());
    let fresh = authority.client(address);
    assert!(certificate_seen(&fresh, address).await.is_err());
    assert!(!process.log().contains("PRIVATE KEY"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ft_48_a_broken_pair_ends_the_start() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let authority = Authority::new();
    fs::write(authority.path("tls.key"), "nothing").unwrap();
    let ended = run(authority.command(&server, authority.folder.path()));
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.contains("tls.key holds no PEM private key"),
        "{}",
        ended.stderr
    );
    assert!(!ended.stderr.contains("listening"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_asks_over_tls_what_the_configuration_names() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let authority = Authority::new();
    let process = authority.serve(&server);
    let certificate = authority.path("tls.crt");
    let listen = process.address.to_string();
    let health = |more: &[&str]| {
        let mut command = portcullis(&["health", "--issuer", "https://id.example"]);
        command
            .env("PORTCULLIS_SERVER__LISTEN", &listen)
            .env("PORTCULLIS_SERVER__TLS_CERTIFICATE", &certificate)
            .env("PORTCULLIS_SERVER__TLS_KEY", &certificate)
            .args(more);
        run(command)
    };
    for more in [&[][..], &["--live"]] {
        let ended = health(more);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "ok\n"), "{ended:?}");
    }
    let plain = format!("http://{listen}/readyz");
    assert_eq!(health(&["--url", &plain]).code, Some(1));
    let elsewhere = health(&["--url", "https://192.0.2.1/readyz"]);
    assert!(elsewhere.stderr.contains("only this machine"), "{elsewhere:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_supervisor_is_told_and_a_hangup_does_no_harm() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let data = tempfile::tempdir().unwrap();
    let path = data.path().join("notify");
    let socket = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut buffer = [0; 256];
    let mut heard = move || {
        let count = socket.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..count]).into_owned()
    };
    let mut command = serve_command(&server, data.path(), &[]);
    command.env("NOTIFY_SOCKET", &path);
    let mut process = Process::listening(command, "ready");
    assert_eq!((heard().as_str(), heard().as_str()), ("STATUS=ready", "READY=1"));
    process.signal("HUP");
    assert!(process.logs("nothing to load again"));
    assert!(
        process
            .raw("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .text
            .contains("200 OK")
    );
    process.signal("TERM");
    assert_eq!(heard(), "STOPPING=1");
    assert!(process.ended().unwrap().success());
    assert!(pause_until(|| process.log().contains("stopping")));
}
