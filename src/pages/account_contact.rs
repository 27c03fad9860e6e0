//! `/account/contact`: e-mail address and phone number. Whoever could change them could have mail meant for somebody else, so
//! the page asks for a recent sign-in.

use axum::body::Body;
use axum::http::HeaderMap;
use axum::response::Response;

use super::account;
use super::account_profile::{Groups, Typed, lines, read, save, status};
use super::cx::PageCx;
use super::return_to::ReturnTo;
use super::text::Message;
use super::view::AccountProfile;
use crate::accounts::profile::Field;
use crate::http::paths;
use crate::http::session::Form;
use crate::store::SignedIn;

const GROUPS: Groups<'static> = &[(None, &[Field::Email, Field::PhoneNumber])];

/// The form.
pub async fn get(mut cx: PageCx) -> Result<Response, Response> {
    let signed_in = account::require_recent(&mut cx, ReturnTo::Contact).await?;
    Ok(show(&cx, &signed_in, None))
}

/// The form, filled in.
pub async fn post(mut cx: PageCx, headers: HeaderMap, body: Body) -> Result<Response, Response> {
    let signed_in = account::require_recent(&mut cx, ReturnTo::Contact).await?;
    let (params, changes) = read(&cx, &signed_in, (headers, body), Form::Contact, GROUPS).await?;
    match save(&cx, &signed_in, &changes).await? {
        Ok(notice) => Ok(cx.see_other(&notice.at(paths::ACCOUNT_PROFILE))),
        Err(problems) => Ok(show(&cx, &signed_in, Some(&(params, problems)))),
    }
}

fn show(cx: &PageCx, signed_in: &SignedIn, typed: Option<&Typed>) -> Response {
    let page = AccountProfile {
        frame: cx.frame(),
        nav: account::nav(cx, ReturnTo::Profile),
        heading: Message::new("contact"),
        lead: Message::new("contact-lead"),
        notice: None,
        facts: Vec::new(),
        contact_href: None,
        action: cx.href(paths::ACCOUNT_CONTACT),
        csrf: cx.browser.form_token(&cx.app, Form::Contact),
        groups: lines(cx, signed_in, GROUPS, typed),
    };
    cx.page(status(typed), &page)
}
