//! `/account/password`: a new password. It asks for the present one each time, so it needs no recent sign-in besides.

use axum::body::Body;
use axum::extract::RawQuery;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::account::{self, Notice};
use super::cx::PageCx;
use super::error::PageError;
use super::login::retry_later;
use super::return_to::ReturnTo;
use super::view::AccountPassword;
use crate::accounts::password::{Outcome, Problem, Typed, change};
use crate::http::paths;
use crate::http::session::Form;
use crate::model::audit_event::AuditKind;
use crate::protocol::error::OAuthError;
use crate::store::SignedIn;

/// The form.
pub async fn get(cx: PageCx, RawQuery(query): RawQuery) -> Result<Response, Response> {
    let signed_in = account::require(&cx, ReturnTo::Password).await?;
    let mut page = form(&cx, &signed_in);
    page.notice = Notice::of(query.as_deref());
    Ok(cx.page(StatusCode::OK, &page))
}

/// The form, filled in.
pub async fn post(mut cx: PageCx, headers: HeaderMap, body: Body) -> Result<Response, Response> {
    let signed_in = account::require(&cx, ReturnTo::Password).await?;
    let params = cx.read_form(&headers, body).await?;
    if !cx.browser.accepts(&cx.app, Form::Password, params.field("csrf")) {
        return Err(cx.error(PageError::FormStale));
    }
    let typed = Typed {
        current: params.field("current").unwrap_or_default(),
        new: params.field("new").unwrap_or_default(),
        repeated: params.field("repeated").unwrap_or_default(),
    };
    let outcome = change(&cx.app, &signed_in, &typed, cx.now).await;
    match outcome.map_err(|error| cx.error(error))? {
        Outcome::Changed => {
            changed(&mut cx, &signed_in).await.map_err(|error| cx.error(error))?;
            Ok(cx.see_other(&Notice::Password.at(paths::ACCOUNT_PASSWORD)))
        }
        Outcome::Refused(problems) => Ok(refused(&cx, &signed_in, &problems)),
        Outcome::Busy => {
            let mut page = form(&cx, &signed_in);
            page.alert = Some("We cannot check passwords just now. Wait a minute, then try again.".to_owned());
            Ok(retry_later(cx.page(StatusCode::SERVICE_UNAVAILABLE, &page)))
        }
    }
}

/// The browser goes on under a new cookie: what another may have stolen of the old one ends with the old password.
async fn changed(cx: &mut PageCx, signed_in: &SignedIn) -> Result<(), OAuthError> {
    let event = account::event(cx, AuditKind::PasswordChanged, signed_in);
    cx.app.audit().record(event);
    let (session, address) = (signed_in.session.id, cx.caller.address);
    cx.app.store().reauthenticate(session, address, cx.now).await?;
    cx.browser.sign_in(&cx.app, session, cx.now).await
}

fn refused(cx: &PageCx, signed_in: &SignedIn, problems: &[Problem]) -> Response {
    let mut page = form(cx, signed_in);
    for problem in problems {
        match problem {
            Problem::CurrentMissing => page.current_error = Some("Type your present password.".to_owned()),
            Problem::CurrentWrong => page.current_error = Some("This is not your present password.".to_owned()),
            Problem::Weak(weak) => page.new_error = Some(weak.to_string()),
            Problem::Same => page.new_error = Some("This is the password that you have now.".to_owned()),
            Problem::Different => page.repeated_error = Some("This is not the same. Type both again.".to_owned()),
        }
    }
    cx.page(StatusCode::UNPROCESSABLE_ENTITY, &page)
}

fn form(cx: &PageCx, signed_in: &SignedIn) -> AccountPassword {
    AccountPassword {
        frame: cx.frame(),
        nav: account::nav(cx, ReturnTo::Password),
        notice: None,
        alert: None,
        action: cx.href(paths::ACCOUNT_PASSWORD),
        csrf: cx.browser.form_token(&cx.app, Form::Password),
        username: signed_in.user.username.as_str().to_owned(),
        min_length: cx.app.config().passwords.min_length,
        current_error: None,
        new_error: None,
        repeated_error: None,
    }
}
