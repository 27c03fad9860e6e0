//! `/device`: enter the code that a device shows (RFC 8628 §3.3). A link that carries the code (§3.3.1) fills in the form and does
//! nothing else.

use axum::body::Body;
use axum::extract::RawQuery;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;

use super::cx::PageCx;
use super::device_visit::path;
use super::view::{DeviceEntry, DeviceEntryError};
use crate::authorize::device::answer::{self, Entered, Entry};
use crate::http::session::Form;
use crate::http::{paths, respond};
use crate::protocol::error::{OAuthError, Reason};
use crate::protocol::params::Params;
use crate::protocol::user_code::UserCode;

/// The form.
pub async fn get(cx: PageCx, RawQuery(query): RawQuery) -> Result<Response, Response> {
    let params = Params::parse(query.unwrap_or_default().as_bytes()).unwrap_or_default();
    let linked = params.field("user_code").and_then(UserCode::parse);
    let shown = linked.map(|code| code.hyphenated()).unwrap_or_default();
    show(cx, &shown, None).await
}

/// The form, filled in. From here on the code is in no address: the browser is bound to what it found.
pub async fn post(cx: PageCx, headers: HeaderMap, body: Body) -> Result<Response, Response> {
    let params = cx.read_form(&headers, body).await?;
    let typed = params.field("user_code").unwrap_or_default();
    let browser = cx.browser.id();
    let Some(browser) = browser.filter(|_| cx.browser.accepts(&cx.app, Form::DeviceCode, params.field("csrf"))) else {
        return show(cx, typed, Some(DeviceEntryError::FormStale)).await;
    };
    let signed_in = cx.signed_in().await?;
    let entry = Entry {
        typed,
        browser,
        user: signed_in.map(|signed_in| signed_in.user.id),
        caller: &cx.caller,
        now: cx.now,
    };
    match answer::enter(&cx.app, &entry).await {
        Ok(Entered::Visit(visit)) => Ok(cx.see_other(&path(paths::DEVICE_CONFIRM, visit))),
        Ok(Entered::Nothing) => refused(cx, typed, DeviceEntryError::WrongCode, Reason::UserCodeWrong.into()).await,
        Ok(Entered::Throttled { retry_after }) => {
            let error = OAuthError::until(Reason::UserCodeThrottled, retry_after);
            let mut response = refused(cx, typed, DeviceEntryError::TooMany, error).await?;
            let seconds = HeaderValue::from(retry_after);
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
            Ok(response)
        }
        Err(error) => Err(cx.error(error)),
    }
}

async fn refused(cx: PageCx, typed: &str, error: DeviceEntryError, why: OAuthError) -> Result<Response, Response> {
    let mut response = show(cx, typed, Some(error)).await?;
    respond::note_reason(&mut response, why);
    Ok(response)
}

/// The form is bound to the browser, so a new browser is given its name first.
async fn show(mut cx: PageCx, user_code: &str, error: Option<DeviceEntryError>) -> Result<Response, Response> {
    let named = cx.browser.ensure_id(&cx.app, cx.now).await;
    named.map_err(|error| cx.error(error))?;
    let page = DeviceEntry {
        frame: cx.frame(),
        action: cx.href(paths::DEVICE),
        csrf: cx.browser.form_token(&cx.app, Form::DeviceCode),
        user_code: user_code.to_owned(),
        error,
    };
    Ok(cx.page(error.map_or(StatusCode::OK, DeviceEntryError::status), &page))
}

impl DeviceEntryError {
    /// The HTTP status of the page that says so.
    fn status(self) -> StatusCode {
        match self {
            Self::WrongCode => StatusCode::BAD_REQUEST,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::FormStale => StatusCode::FORBIDDEN,
        }
    }
}
