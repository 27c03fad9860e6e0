//! Who asks. Until that is known, errors are pages.

use std::sync::Arc;

use crate::app::App;
use crate::model::client::Client;
use crate::protocol::error::{OAuthError, Reason};
use crate::protocol::ids::ClientId;
use crate::protocol::params::Params;
use crate::store::Catalog;

/// A request whose client is known.
#[derive(Debug)]
pub struct Assembled {
    /// The client, enabled.
    pub client: Arc<Client>,
    /// The APIs and keys that are current.
    pub catalog: Arc<Catalog>,
    /// What was sent.
    pub params: Params,
}

/// Finds the client of a request. An unknown and a disabled client look the same.
pub async fn assemble(app: &App, params: Params) -> Result<Assembled, OAuthError> {
    let client_id = params.get("client_id")?.ok_or(Reason::AuthorizeClientIdMissing)?;
    let client_id = ClientId::parse(client_id).ok_or(Reason::AuthorizeClientUnknown)?;
    let found = app.store().find_client(&client_id).await?;
    let client = found
        .client
        .filter(|client| client.is_enabled())
        .ok_or(Reason::AuthorizeClientUnknown)?;
    Ok(Assembled {
        client,
        catalog: found.catalog,
        params,
    })
}
