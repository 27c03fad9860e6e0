//! The operator's own certificate authorities.

use std::path::{Path, PathBuf};

use reqwest::Certificate;

/// The file of authorities to trust cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{} {reason}", path.display())]
pub struct BadAuthorities {
    path: PathBuf,
    reason: String,
}

/// How many certificates a PEM file of authorities holds. No path: none.
pub fn count_authorities(path: &Path) -> Result<usize, BadAuthorities> {
    read(path).map(|found| found.len())
}

/// Reads the certificates of a PEM file. No path: none.
pub(super) fn read(path: &Path) -> Result<Vec<Certificate>, BadAuthorities> {
    let bad = |reason: String| BadAuthorities {
        path: path.to_owned(),
        reason,
    };
    if path.as_os_str().is_empty() {
        return Ok(Vec::new());
    }
    let pem = std::fs::read(path).map_err(|error| bad(format!("cannot be read: {error}")))?;
    let found = Certificate::from_pem_bundle(&pem).map_err(|_| bad("is no PEM file of certificates".to_owned()))?;
    if found.is_empty() {
        return Err(bad("holds no certificate in PEM".to_owned()));
    }
    Ok(found)
}
