//! Pictures of clients, fetched from their `logo_uri` (RFC 7591 §2) and shown from our own origin alone: a browser that was
//! sent to the client's host would tell it who is about to sign in.
//!
//! A picture is fetched beside the requests, so that no page waits for it: the first pages show a monogram. Each node fetches
//! a picture once at a time, and one that cannot be had not again for a while.

pub mod picture;

use crate::app::App;
use crate::model::client::Client;
use crate::outbound::{OutboundError, Purpose};
use crate::store::StoreError;
use crate::time::Timestamp;
use picture::{Picture, PictureError};

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
enum NoLogo {
    /// It could not be fetched.
    #[error(transparent)]
    Fetch(#[from] OutboundError),
    /// There was another answer than 200.
    #[error("the server answered {0}")]
    Status(u16),
    /// It is none that may be shown.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// It could not be stored.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Sees to it that there will be a picture, if `client` has one to show that was not fetched yet. For whoever registered it,
/// and whoever is about to show it. Returns at once.
pub fn wanted(app: &App, client: &Client, now: Timestamp) {
    let Some(logo_uri) = client.metadata.about.logo_uri.as_ref().filter(|_| !client.has_logo) else {
        return;
    };
    // Another address is another picture, and may be tried at once.
    let key = format!("{} {logo_uri}", client.client_id);
    let Some(attempt) = app.logo_attempts().begin(key, now) else {
        return;
    };
    let (app, client, logo_uri) = (app.clone(), client.clone(), logo_uri.clone());
    tokio::spawn(async move {
        match fetch(&app, &client, &logo_uri).await {
            Ok(()) => attempt.succeeded(),
            Err(error) => tracing::info!(client_id = %client.client_id, %error, "a client's picture cannot be had"),
        }
    });
}

async fn fetch(app: &App, client: &Client, logo_uri: &str) -> Result<(), NoLogo> {
    let document = app.fetch().get(Purpose::Logo, logo_uri, picture::ACCEPT).await?;
    if document.status != 200 {
        return Err(NoLogo::Status(document.status));
    }
    let Picture { media_type, image } = Picture::inspect(document.body)?;
    // Meanwhile the client may have named another, or an operator may have given one: then this one is not needed.
    app.store().adopt_logo(client, media_type, &image).await?;
    Ok(())
}
