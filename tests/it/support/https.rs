//! A server of somebody else's, reached over TLS on 127.0.0.1, that remembers what it was asked: where keys, request objects,
//! sector lists and pictures of clients are fetched from, and where they are told of sign-outs.

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::handler::Handler;
use axum::http::{HeaderMap, Method, StatusCode, Version, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use portcullis::config::Config;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tempfile::NamedTempFile;
use url::form_urlencoded;

use super::{TestDb, TestServer};

/// Listens until it is dropped. Its certificate is for 127.0.0.1, localhost, client.test and *.client.test, under an authority
/// that all servers of this process share.
pub struct Https {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Received>>>,
    authority: NamedTempFile,
    handle: Handle<SocketAddr>,
}

/// One request, whole.
#[derive(Clone, Debug)]
pub struct Received {
    pub method: Method,
    /// With the query, as it was sent.
    pub path: String,
    /// Of HTTP/2, the authority is here as `host`.
    pub headers: HeaderMap,
    pub version: Version,
    /// The other end. Equal for requests that came over one connection.
    pub peer: SocketAddr,
    pub body: Bytes,
}

impl Received {
    /// The value of a header, "" without it.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The value of a field of the form that was sent.
    pub fn field(&self, name: &str) -> Option<String> {
        let mut fields = form_urlencoded::parse(&self.body);
        fields.find_map(|(key, value)| (key == name).then(|| value.into_owned()))
    }
}

impl Https {
    /// Serves `router`.
    pub fn start(router: Router) -> Self {
        let seen = Arc::<Mutex<Vec<Received>>>::default();
        let router = router.layer(middleware::from_fn_with_state(seen.clone(), remember));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let handle = Handle::new();
        let tls = RustlsConfig::from_config(Arc::new(server_config()));
        let server = axum_server::from_tcp_rustls(listener, tls).unwrap();
        let server = server.handle(handle.clone());
        tokio::spawn(server.serve(router.into_make_service_with_connect_info::<SocketAddr>()));
        let mut authority = NamedTempFile::new().unwrap();
        authority.write_all(issuer().pem().as_bytes()).unwrap();
        Self {
            address,
            seen,
            authority,
            handle,
        }
    }

    /// Serves every path with the same handler: `Https::answering(|| async { StatusCode::NOT_FOUND })`.
    pub fn answering<T: 'static>(handler: impl Handler<T, ()>) -> Self {
        Self::start(Router::new().fallback(handler))
    }

    /// Serves every path with this document.
    pub fn document(media_type: &'static str, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        Self::answering(move || async move { document(media_type, body) })
    }

    /// The address of `path` here, as a client would register it.
    pub fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }

    /// The same under one of its names.
    pub fn url_at(&self, host: &str, path: &str) -> String {
        format!("https://{host}:{}{path}", self.address.port())
    }

    /// What was asked so far, in order.
    pub fn requests(&self) -> Vec<Received> {
        self.seen.lock().unwrap().clone()
    }

    /// How many requests there were.
    pub fn hits(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// How many requests there were for this path.
    pub fn hits_of(&self, path: &str) -> usize {
        let seen = self.seen.lock().unwrap();
        seen.iter().filter(|request| request.path == path).count()
    }

    /// Forgets what was asked so far.
    pub fn forget(&self) {
        self.seen.lock().unwrap().clear();
    }

    /// Closes all connections; from now on none is taken.
    pub fn stop(&self) {
        self.handle.shutdown();
    }

    /// The file with the authority that all these servers are certified by. It goes with the server.
    pub fn authority(&self) -> &Path {
        self.authority.path()
    }

    /// The settings with which this server may be fetched from. May be called for several servers.
    pub fn permit(&self, config: &mut Config) {
        config.outbound.extra_ca = self.authority().to_owned();
        for host in ["127.0.0.1", "localhost"] {
            let host = format!("{host}:{}", self.address.port());
            config.outbound.allow_hosts.push(host.parse().unwrap());
        }
    }
}

impl Drop for Https {
    fn drop(&mut self) {
        self.stop();
    }
}

impl TestServer {
    /// With leave to fetch from `https`, and changed settings.
    pub async fn with_fetches(db: TestDb, https: &Https, change: impl FnOnce(&mut Config)) -> Self {
        Self::with(db, |config| {
            https.permit(config);
            change(config);
        })
        .await
    }
}

/// An answer with a type.
pub fn document(media_type: &'static str, body: impl Into<Body>) -> Response {
    ([(header::CONTENT_TYPE, media_type)], body.into()).into_response()
}

async fn remember(
    State(seen): State<Arc<Mutex<Vec<Received>>>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, 4 << 20).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    if let Some(authority) = parts.uri.authority() {
        parts.headers.insert(header::HOST, authority.as_str().parse().unwrap());
    }
    let path = parts.uri.path_and_query().map_or("", |path| path.as_str()).to_owned();
    seen.lock().unwrap().push(Received {
        method: parts.method.clone(),
        path,
        headers: parts.headers.clone(),
        version: parts.version,
        peer,
        body: body.clone(),
    });
    next.run(Request::from_parts(parts, body.into())).await
}

fn issuer() -> &'static CertifiedIssuer<'static, KeyPair> {
    static ISSUER: OnceLock<CertifiedIssuer<'static, KeyPair>> = OnceLock::new();
    ISSUER.get_or_init(|| {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    })
}

fn server_config() -> ServerConfig {
    let key = KeyPair::generate().unwrap();
    let names = ["127.0.0.1", "localhost", "client.test", "*.client.test"].map(str::to_owned);
    let params = CertificateParams::new(names).unwrap();
    let certificate = params.signed_by(&key, issuer()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}
