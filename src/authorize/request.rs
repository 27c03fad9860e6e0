//! Who asks, for what, and where answers may go. Until that is known, errors are pages.

use std::sync::Arc;

use super::callback::{self, Callback};
use super::request_object::{self, ObjectCx};
use crate::app::App;
use crate::model::client::Client;
use crate::protocol::error::{OAuthError, Reason};
use crate::protocol::ids::ClientId;
use crate::protocol::params::Params;
use crate::store::{Catalog, ClientLookup};
use crate::time::Timestamp;

/// A request whose client is known, and whose callback is proven.
#[derive(Debug)]
pub struct Assembled {
    /// The client, enabled.
    pub client: Arc<Client>,
    /// The APIs and keys that are current.
    pub catalog: Arc<Catalog>,
    /// What counts of what was sent.
    pub params: Params,
    /// Where answers go.
    pub callback: Callback,
}

/// A request that was refused before it could be looked at as a whole.
#[derive(Debug)]
pub struct Refused {
    /// Why.
    pub error: OAuthError,
    /// Where that may be told: a page otherwise.
    pub to: Option<(Callback, Arc<Client>)>,
}

impl<E: Into<OAuthError>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self {
            error: error.into(),
            to: None,
        }
    }
}

/// Finds the client of a request, opens its request object if there is one, and proves its callback.
pub async fn assemble(app: &App, sent: Params, now: Timestamp) -> Result<Assembled, Refused> {
    let found = find_client(app, &sent).await?;
    let client = found.client.ok_or(Reason::AuthorizeClientUnknown)?;
    let cx = ObjectCx {
        app,
        client: &client,
        now,
    };
    let params = match request_object::parameters(&cx, &sent).await {
        Ok(params) => params,
        Err(reason) => return Err(refused(app, &client, &sent, reason)),
    };
    let callback = callback::establish(&params, &client, app.issuer())?;
    Ok(Assembled {
        client,
        catalog: found.catalog,
        params,
        callback,
    })
}

/// An unknown and a disabled client look the same.
async fn find_client(app: &App, sent: &Params) -> Result<ClientLookup, OAuthError> {
    let client_id = sent.get("client_id")?.ok_or(Reason::AuthorizeClientIdMissing)?;
    let client_id = ClientId::parse(client_id).ok_or(Reason::AuthorizeClientUnknown)?;
    let mut found = app.store().find_client(&client_id).await?;
    found.client = found.client.filter(|client| client.is_enabled());
    Ok(found)
}

/// A request object that is not accepted names no place. What stands outside may, if it is registered; but not for an object of
/// another client, because then the two do not belong together.
fn refused(app: &App, client: &Arc<Client>, sent: &Params, reason: Reason) -> Refused {
    let callback = callback::establish(sent, client, app.issuer()).ok();
    Refused {
        error: reason.into(),
        to: callback
            .filter(|_| reason != Reason::RequestObjectClient)
            .map(|callback| (callback, client.clone())),
    }
}
