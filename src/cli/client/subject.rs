//! Public and pairwise subjects (OpenID Connect Core §8).

use anyhow::{Context as _, ensure};
use clap::Args;

use crate::cli::cx::Cx;
use crate::cli::text;
use crate::model::client::{ClientMetadata, SubjectPolicy};
use crate::outbound::GuardedFetch;
use crate::protocol::subject_type::SubjectType;
use crate::telemetry::metrics::Metrics;
use crate::tokens::sector;

/// Which `sub` the client sees.
#[derive(Args, Debug, Default, Clone)]
pub struct SubjectOptions {
    /// public: all clients see one `sub` of a person; pairwise: each sector sees its own [default: public]
    #[arg(long, value_name = "TYPE", value_parser = |text: &str| text::wire(text, SubjectType::ALL))]
    pub subject_type: Option<SubjectType>,
    /// A JSON list of redirect URIs, whose host is the sector: for a pairwise client that shares subjects with others, or has
    /// redirect URIs on several hosts
    #[arg(long, value_name = "URL")]
    pub sector_identifier_uri: Option<String>,
}

/// Puts what was given over `metadata`, and sees to it that the sector is that of the redirect URIs as they are now.
/// `before` is what was registered, if anything was.
pub async fn settle(
    cx: &Cx,
    before: Option<&ClientMetadata>,
    metadata: &mut ClientMetadata,
    options: &SubjectOptions,
) -> anyhow::Result<()> {
    let given = options.sector_identifier_uri.as_deref();
    let pairwise = match options.subject_type {
        Some(kind) => kind == SubjectType::Pairwise,
        None => metadata.subject != SubjectPolicy::Public,
    };
    if !pairwise {
        ensure!(
            given.is_none(),
            "--sector-identifier-uri is for pairwise subjects: add --subject-type pairwise"
        );
        metadata.subject = SubjectPolicy::Public;
        return Ok(());
    }
    let same =
        |before: &ClientMetadata| before.redirect_uris == metadata.redirect_uris && before.subject == metadata.subject;
    let stays = before.is_some_and(same);
    if stays && given.is_none() && metadata.subject != SubjectPolicy::Public {
        return Ok(());
    }
    let known = match &metadata.subject {
        SubjectPolicy::Pairwise { uri, .. } => uri.as_deref(),
        SubjectPolicy::Public => None,
    };
    let fetch = GuardedFetch::new(&cx.config.outbound, Metrics::default()).context("outbound.extra_ca")?;
    let resolved = sector::resolve(&fetch, given.or(known), &metadata.redirect_uris).await;
    metadata.subject = resolved.context("the client cannot have pairwise subjects so")?;
    Ok(())
}

/// What a change means for people whom the client knows already.
pub fn advice(before: &ClientMetadata, after: &ClientMetadata) -> &'static str {
    let sector = |metadata: &ClientMetadata| match &metadata.subject {
        SubjectPolicy::Public => None,
        SubjectPolicy::Pairwise { sector, .. } => Some(sector.clone()),
    };
    if sector(before) == sector(after) {
        ""
    } else {
        "People have another `sub` at this client from now on: it will not know them again by the one before.\n"
    }
}
