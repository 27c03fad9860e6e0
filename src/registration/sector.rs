//! The sector of a client that wants pairwise subjects: found out anew at each registration, since redirect URIs change.

use super::Refusal;
use crate::app::App;
use crate::model::client::{ClientMetadata, SubjectPolicy};
use crate::protocol::error::Reason;
use crate::tokens::sector::{SectorError, resolve};

/// Puts the sector in its place. The list behind `sector_identifier_uri` is fetched (OpenID Connect Core §8.1).
pub async fn settle(app: &App, metadata: &mut ClientMetadata) -> Result<(), Refusal> {
    let SubjectPolicy::Pairwise { uri, .. } = &metadata.subject else {
        return Ok(());
    };
    let resolved = resolve(app.fetch(), uri.as_deref(), &metadata.redirect_uris).await;
    metadata.subject = resolved.map_err(|error| refusal(&error))?;
    Ok(())
}

/// What was found at the address stays unsaid: whoever registers a client must not read by it what only this server reaches.
fn refusal(error: &SectorError) -> Refusal {
    let (member, why) = match error {
        SectorError::Fetch(_) | SectorError::Status(_) | SectorError::NotAList => {
            ("sector_identifier_uri", "must lead to a JSON array of redirect URIs")
        }
        SectorError::NotListed(_) => ("sector_identifier_uri", "its list lacks a redirect URI of this client"),
        SectorError::NoHost | SectorError::SeveralHosts => (
            "subject_type",
            "pairwise needs a sector_identifier_uri, or https redirect URIs that have one host in common",
        ),
    };
    Refusal::because(Reason::SectorMismatch, member, why)
}
