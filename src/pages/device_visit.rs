//! A device that somebody entered the code of in this browser, with everything that a page about it needs.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use uuid::Uuid;

use super::cx::PageCx;
use super::error::PageError;
use super::text::Message;
use super::view::{App as AppView, Finished};
use crate::authorize::device::answer::{self, Unusable, Visited};
use crate::http::paths;
use crate::model::client::Client;
use crate::model::device_grant::DeviceVisitId;
use crate::protocol::error::OAuthError;
use crate::store::{Catalog, SignedIn};

/// See the module.
pub struct Visiting {
    /// What was entered.
    pub visited: Visited,
    /// The client, enabled.
    pub client: Arc<Client>,
    /// The APIs that exist.
    pub catalog: Arc<Catalog>,
    /// Who is signed in, if that counts.
    pub signed_in: Option<SignedIn>,
}

/// Loads the visit `id` of this browser; `Err` is the page to show instead.
pub async fn load(cx: &PageCx, id: &str) -> Result<Visiting, Response> {
    let unknown = || cx.error(PageError::NoDevice);
    let id = Uuid::parse_str(id).map_err(|_| unknown())?;
    let visited = match answer::find(&cx.app, DeviceVisitId(id), cx.browser.id(), cx.now).await {
        Ok(Ok(visited)) => visited,
        Ok(Err(Unusable::Answered)) => return Err(already_used(cx)),
        Ok(Err(Unusable::Unknown)) => return Err(unknown()),
        Err(error) => return Err(cx.error(error)),
    };
    let found = cx.app.store().find_client(&visited.device.client_id).await;
    let found = found.map_err(|error| cx.error(OAuthError::from(error)))?;
    let Some(client) = found.client.filter(|client| answer::may_go_on(&visited.device, client)) else {
        return Err(unknown());
    };
    Ok(Visiting {
        visited,
        client,
        catalog: found.catalog,
        signed_in: cx.signed_in().await?,
    })
}

/// For the second answer about one device: a double click, another tab, the back button.
pub fn already_used(cx: &PageCx) -> Response {
    let page = Finished {
        frame: cx.frame(),
        heading: Message::new("device-answered"),
        message: Message::new("device-answered-lead"),
    };
    cx.page(StatusCode::CONFLICT, &page)
}

/// The path of a page about a visit.
pub fn path(pattern: &str, id: DeviceVisitId) -> String {
    paths::fill(pattern, &id.to_string())
}

impl Visiting {
    /// The app as pages show it. Its answer goes to no address, so there is none to show.
    pub fn app_view(&self, cx: &PageCx) -> AppView {
        AppView {
            name: super::about::name(&self.client.metadata, cx.language()),
            host: None,
            logo_href: cx.logo_href(&self.client),
        }
    }
}
