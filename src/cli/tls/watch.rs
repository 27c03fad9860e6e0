//! Looking after the certificate while it is served: a new pair is taken over, an ending one is alarmed.

use std::time::Duration;

use axum_server::tls_rustls::RustlsConfig;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{Contents, Files, Fingerprint, Identity, Standing, TlsError, Validity};
use crate::cli::output;
use crate::time::{Clock, Timestamp};

/// How often the files are looked at. Contents are compared, not times: a volume of secrets swaps links.
const INTERVAL: Duration = Duration::from_secs(5);

/// Serves whatever pair the files hold, as long as it is a good one, until `stop`. The first comes from `files.load()`.
pub fn watch(
    files: Files,
    first: Identity,
    clock: Clock,
    stop: CancellationToken,
) -> anyhow::Result<(RustlsConfig, impl Future<Output = ()>)> {
    let serving = RustlsConfig::from_config(first.config);
    let served = serving.clone();
    let mut hangup = signal(SignalKind::hangup())?;
    let mut watcher = Watcher::new(files, first.validity);
    watcher.tell_standing(clock.now());
    let watching = async move {
        loop {
            let asked = tokio::select! {
                () = stop.cancelled() => return,
                _ = hangup.recv() => true,
                () = tokio::time::sleep(INTERVAL) => false,
            };
            if let Some(identity) = watcher.look(asked) {
                served.reload_from_config(identity.config);
            }
            watcher.tell_standing(clock.now());
        }
    };
    Ok((serving, watching))
}

/// Stands for files that cannot be read.
const UNREADABLE: Fingerprint = [0; 32];

/// What is known of the files.
pub(super) struct Watcher {
    files: Files,
    /// What was last looked at, and whether that is served.
    known: Option<Fingerprint>,
    /// What could not be used at the last look. It is alarmed when it is still there at the next: between the writing of
    /// one file and the other the two never match.
    doubtful: Option<Fingerprint>,
    validity: Validity,
    told: Standing,
}

impl Watcher {
    pub(super) fn new(files: Files, validity: Validity) -> Self {
        let known = files.read().ok().map(|contents| contents.fingerprint());
        Self {
            files,
            known,
            doubtful: None,
            validity,
            told: Standing::Good,
        }
    }

    /// The pair that is to be served from now on, if it is another. `asked`: an operator waits for an answer in the log.
    pub(super) fn look(&mut self, asked: bool) -> Option<Identity> {
        let contents = self.files.read();
        let fingerprint = contents.as_ref().map_or(UNREADABLE, Contents::fingerprint);
        if self.known == Some(fingerprint) && !asked {
            return None;
        }
        match contents.and_then(|contents| contents.identity(&self.files)) {
            Ok(identity) => {
                tracing::info!(
                    not_after = output::date(identity.validity.not_after),
                    "a certificate was loaded"
                );
                (self.known, self.doubtful) = (Some(fingerprint), None);
                (self.validity, self.told) = (identity.validity, Standing::Good);
                Some(identity)
            }
            Err(error) if asked || self.doubtful == Some(fingerprint) => {
                alarm(&error);
                (self.known, self.doubtful) = (Some(fingerprint), None);
                None
            }
            Err(_) => {
                self.doubtful = Some(fingerprint);
                None
            }
        }
    }

    /// Says once how the certificate stands when that is not well. Returns what was said.
    pub(super) fn tell_standing(&mut self, now: Timestamp) -> Option<Standing> {
        let standing = self.validity.standing(now);
        if standing == self.told {
            return None;
        }
        self.told = standing;
        let (not_before, not_after) = (
            output::date(self.validity.not_before),
            output::date(self.validity.not_after),
        );
        match standing {
            Standing::Good => {}
            Standing::EndsSoon => tracing::warn!(not_after, "the server's certificate ends soon: renew it"),
            Standing::Ended => tracing::error!(not_after, "the server's certificate has ended: clients refuse it"),
            Standing::NotYet => tracing::error!(not_before, "the server's certificate does not count yet"),
        }
        Some(standing)
    }
}

fn alarm(error: &TlsError) {
    tracing::error!(%error, "the new certificate cannot be served; the one before stays");
}
