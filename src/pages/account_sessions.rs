//! `/account/sessions`: where the person is signed in, and ending it.

use axum::body::Body;
use axum::extract::RawQuery;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use uuid::Uuid;

use super::account::{self, Notice};
use super::cx::PageCx;
use super::device_name::device_name;
use super::error::PageError;
use super::paging;
use super::return_to::ReturnTo;
use super::view::{AccountSessions, SessionLine};
use super::when::when;
use crate::accounts::sessions;
use crate::http::paths;
use crate::http::session::Form;
use crate::model::audit_event::AuditKind;
use crate::model::browser_session::BrowserSessionId;
use crate::protocol::error::OAuthError;
use crate::store::{SessionOfUser, SignedIn};

/// The list.
pub async fn get(mut cx: PageCx, RawQuery(query): RawQuery) -> Result<Response, Response> {
    let signed_in = account::require(&mut cx, ReturnTo::Sessions).await?;
    let current = signed_in.session.id;
    let found = sessions::of_user(&cx.app, signed_in.user.id, cx.now).await;
    let mut all = found.map_err(|error| cx.error(error))?;
    // The present one leads, wherever it stands by its last use.
    all.sort_by_key(|known| known.session.id != current);
    let action = cx.href(paths::ACCOUNT_SESSIONS);
    let (shown, pager) = paging::page(query.as_deref(), all.len(), &action);
    let page = AccountSessions {
        frame: cx.frame(),
        nav: account::nav(&cx, ReturnTo::Sessions),
        notice: Notice::of(query.as_deref()),
        csrf: cx.browser.form_token(&cx.app, Form::Sessions),
        others: all.iter().filter(|known| known.session.id != current).count(),
        sessions: all[shown].iter().map(|known| line(&cx, known, current)).collect(),
        action,
        pager,
        asks_password: !account::is_recent(&cx, &signed_in),
    };
    Ok(cx.page(StatusCode::OK, &page))
}

fn line(cx: &PageCx, known: &SessionOfUser, current: BrowserSessionId) -> SessionLine {
    let SessionOfUser { session, last_seen_at } = known;
    SessionLine {
        id: session.id.to_string(),
        device: device_name(session.user_agent.as_deref()),
        address: session.address.map(|address| address.to_string()).unwrap_or_default(),
        signed_in: when(session.created_at, cx.now),
        last_seen: when(*last_seen_at, cx.now),
        current: session.id == current,
    }
}

/// Ends one, or all others.
pub async fn post(mut cx: PageCx, headers: HeaderMap, body: Body) -> Result<Response, Response> {
    let signed_in = account::require_recent(&mut cx, ReturnTo::Sessions).await?;
    let params = cx.read_form(&headers, body).await?;
    if !cx.browser.accepts(&cx.app, Form::Sessions, params.field("csrf")) {
        return Err(cx.error(PageError::FormStale));
    }
    let notice = match params.field("end") {
        Some("others") => end_others(&cx, &signed_in).await,
        Some(id) => end_one(&cx, &signed_in, id).await,
        None => Ok(Notice::SessionUnknown),
    };
    let notice = notice.map_err(|error| cx.error(error))?;
    Ok(cx.see_other(&notice.at(paths::ACCOUNT_SESSIONS)))
}

async fn end_others(cx: &PageCx, signed_in: &SignedIn) -> Result<Notice, OAuthError> {
    let keep = Some(signed_in.session.id);
    let ended = cx
        .app
        .store()
        .end_other_sessions(signed_in.user.id, keep, cx.now)
        .await?;
    if ended > 0 {
        let event = account::event(cx, AuditKind::SessionEnded, signed_in);
        cx.app.audit().record(event.detail("sessions", ended));
    }
    Ok(Notice::SessionsEnded)
}

/// Of somebody else's sign-in the answer is that of one that never was.
async fn end_one(cx: &PageCx, signed_in: &SignedIn, id: &str) -> Result<Notice, OAuthError> {
    let Ok(id) = Uuid::parse_str(id) else {
        return Ok(Notice::SessionUnknown);
    };
    let (user, id) = (signed_in.user.id, BrowserSessionId(id));
    if !cx.app.store().end_session_of(user, id, cx.now).await? {
        return Ok(Notice::SessionUnknown);
    }
    let event = account::event(cx, AuditKind::SessionEnded, signed_in);
    cx.app.audit().record(event.detail("session", id.to_string()));
    Ok(Notice::SessionEnded)
}
