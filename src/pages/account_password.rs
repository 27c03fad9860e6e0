//! `/account/password`: a new password. It asks for the present one each time, so it needs no recent sign-in besides.

use axum::body::Body;
use axum::extract::RawQuery;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::account::{self, Notice};
use super::cx::PageCx;
use super::error::PageError;
use super::login::complete;
use super::return_to::ReturnTo;
use super::text::Message;
use super::view::{AccountPassword, LoginError};
use crate::accounts::password::{Asking, Outcome, Problem, Typed, change};
use crate::crypto::password::MAX_PASSWORD_CHARS;
use crate::crypto::policy::WeakPassword;
use crate::http::session::Form;
use crate::http::{known_browser, paths};
use crate::model::audit_event::AuditKind;
use crate::store::SignedIn;

/// The form.
pub async fn get(mut cx: PageCx, RawQuery(query): RawQuery) -> Result<Response, Response> {
    let signed_in = account::require(&mut cx, ReturnTo::Password).await?;
    let mut page = form(&cx, &signed_in);
    page.notice = Notice::of(query.as_deref());
    Ok(cx.page(StatusCode::OK, &page))
}

/// The form, filled in.
pub async fn post(mut cx: PageCx, headers: HeaderMap, body: Body) -> Result<Response, Response> {
    let signed_in = account::require(&mut cx, ReturnTo::Password).await?;
    let params = cx.read_form(&headers, body).await?;
    if !cx.browser.accepts(&cx.app, Form::Password, params.field("csrf")) {
        return Err(cx.error(PageError::FormStale));
    }
    let typed = Typed {
        current: params.field("current").unwrap_or_default(),
        new: params.field("new").unwrap_or_default(),
        repeated: params.field("repeated").unwrap_or_default(),
    };
    let asking = Asking {
        signed_in: &signed_in,
        known_browser: known_browser::read(&cx.app, &headers),
        caller: &cx.caller,
        now: cx.now,
    };
    // The cookie first: whoever has stolen the old one is out before the new password counts, whatever breaks in between.
    let renewed = cx.browser.sign_in(&cx.app, signed_in.session.id, cx.now).await;
    renewed.map_err(|error| cx.error(error))?;
    let outcome = change(&cx.app, &asking, &typed).await;
    match outcome.map_err(|error| cx.error(error))? {
        Outcome::Changed(proven) => {
            cx.browser.note_authenticated(&cx.app, proven.session, cx.now);
            let event = account::event(&cx, AuditKind::PasswordChanged, &signed_in);
            cx.app.audit().record(event);
            let mut response = cx.see_other(&Notice::Password.at(paths::ACCOUNT_PASSWORD));
            known_browser::write(&cx.app, &mut response, &proven.known_browser);
            Ok(response)
        }
        Outcome::Refused(problems) => Ok(refused(&cx, &signed_in, &problems)),
        Outcome::Throttled { retry_after } => Ok(unchecked(&cx, &signed_in, LoginError::Throttled(retry_after))),
        Outcome::Busy => Ok(unchecked(&cx, &signed_in, LoginError::Busy)),
    }
}

/// Nothing was checked.
fn unchecked(cx: &PageCx, signed_in: &SignedIn, error: LoginError) -> Response {
    let why = match error {
        LoginError::Throttled(_) => error.what_happened(),
        _ => Message::new("password-busy"),
    };
    let page = AccountPassword {
        alert: Some((why, error.what_to_do())),
        ..form(cx, signed_in)
    };
    let mut response = cx.page(error.status(), &page);
    complete(&mut response, Some(error));
    response
}

fn refused(cx: &PageCx, signed_in: &SignedIn, problems: &[Problem]) -> Response {
    let mut page = form(cx, signed_in);
    for problem in problems {
        match problem {
            Problem::CurrentMissing => page.current_error = Some(Message::new("password-current-missing")),
            Problem::CurrentWrong => page.current_error = Some(Message::new("password-current-wrong")),
            Problem::Weak(weak) => page.new_error = Some(advice(*weak)),
            Problem::Same => page.new_error = Some(Message::new("password-same")),
            Problem::Different => page.repeated_error = Some(Message::new("password-different")),
        }
    }
    cx.page(StatusCode::UNPROCESSABLE_ENTITY, &page)
}

fn advice(weak: WeakPassword) -> Message {
    match weak {
        WeakPassword::TooShort(least) => Message::new("password-too-short").with("count", least),
        WeakPassword::TooLong => Message::new("password-too-long").with("count", MAX_PASSWORD_CHARS),
        WeakPassword::Common => Message::new("password-common"),
        WeakPassword::Personal => Message::new("password-personal"),
        WeakPassword::Repetitive => Message::new("password-repetitive"),
    }
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
