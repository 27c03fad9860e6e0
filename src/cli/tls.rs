//! TLS by this process: the certificate and its key, from two PEM files that may be replaced while the server runs.

mod ask;
mod validity;
mod watch;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::ServerConfig as Settings;
use crate::crypto::digest::sha256;
pub use ask::ask;
pub use validity::{Standing, Validity};
pub use watch::watch;

/// What clients may choose from, best first (RFC 7301).
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Makes one library of cryptography that of the whole process. Two are linked in, and rustls guesses for nobody.
pub fn install_provider() {
    // An error means that one is installed already, and nobody else installs any.
    aws_lc_rs::default_provider().install_default().ok();
}

/// Where the pair is.
#[derive(Clone, Debug)]
pub struct Files {
    /// The certificate, followed by those that lead to its authority.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// A certificate with its key, ready to serve.
pub struct Identity {
    /// For the handshakes.
    pub config: Arc<ServerConfig>,
    /// When the certificate counts.
    pub validity: Validity,
}

/// What the two files hold, in a form that can be compared and kept: one of them is secret.
type Fingerprint = [u8; 32];

/// Why a pair cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// There is no certificate in the file, or none that can be understood.
    #[error("{0} holds no PEM certificate that can be read")]
    Certificate(PathBuf),
    /// There is no key in the file.
    #[error("{0} holds no PEM private key (PKCS#8, PKCS#1 or SEC1, not encrypted)")]
    Key(PathBuf),
    /// The two do not belong together, or the key is of a kind that TLS does not take.
    #[error("the certificate and the key cannot be used together: {0}")]
    Pair(rustls::Error),
}

impl Files {
    /// The files of the configuration, if it names them.
    pub fn of(settings: &Settings) -> Option<Self> {
        settings.speaks_tls().then(|| Self {
            certificate: settings.tls_certificate.clone(),
            key: settings.tls_key.clone(),
        })
    }

    /// Reads the pair.
    pub fn load(&self) -> Result<Identity, TlsError> {
        self.read()?.identity(self)
    }

    fn read(&self) -> Result<Contents, TlsError> {
        Ok(Contents {
            certificate: read(&self.certificate)?,
            key: read(&self.key)?,
        })
    }
}

/// The bytes of both files.
struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Contents {
    fn fingerprint(&self) -> Fingerprint {
        sha256(&[sha256(&self.certificate), sha256(&self.key)].concat())
    }

    fn identity(&self, files: &Files) -> Result<Identity, TlsError> {
        let unreadable = || TlsError::Certificate(files.certificate.clone());
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&self.certificate)
            .collect::<Result<_, _>>()
            .map_err(|_| unreadable())?;
        let own = chain.first().ok_or_else(unreadable)?;
        let validity = Validity::of(own).ok_or_else(unreadable)?;
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|_| TlsError::Key(files.key.clone()))?;
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions() // TLS 1.2 and 1.3: rustls knows no older one
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(TlsError::Pair)?;
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        Ok(Identity {
            config: Arc::new(config),
            validity,
        })
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Read {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests;
