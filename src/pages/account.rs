//! `/account`: who is signed in, and the way to all that they can see and change. With what its pages share.

use axum::http::StatusCode;
use axum::response::Response;

use super::cx::PageCx;
use super::flow::account_view;
use super::return_to::ReturnTo;
use super::text::Message;
use super::view::{AccountOverview, Entry, NavLink};
use crate::accounts::sessions;
use crate::http::paths;
use crate::http::session::Form;
use crate::model::audit_event::{Actor, AuditEvent, AuditKind};
use crate::protocol::error::OAuthError;
use crate::protocol::params::Params;
use crate::protocol::wire_enum;
use crate::store::SignedIn;

wire_enum! {
    /// What a page says was done; named in the address that the form led to.
    Notice {
        /// A profile.
        Saved = "saved",
        /// A profile in which nothing differed.
        Unchanged = "unchanged",
        /// A password.
        Password = "password",
        /// One session.
        SessionEnded = "session",
        /// All other sessions.
        SessionsEnded = "sessions",
        /// A session that was over, or is somebody else's.
        SessionUnknown = "unknown-session",
        /// An app is out.
        Withdrawn = "withdrawn",
    }
}

impl Notice {
    /// The one that the query names.
    pub(super) fn of(query: Option<&str>) -> Option<Message> {
        let params = Params::parse(query.unwrap_or_default().as_bytes()).ok()?;
        let notice: Self = params.field("done")?.parse().ok()?;
        Some(Message::new(notice.key()))
    }

    /// The way to the page that says so.
    pub(super) fn at(self, path: &str) -> String {
        format!("{path}?done={self}")
    }

    const fn key(self) -> &'static str {
        match self {
            Self::Saved => "notice-saved",
            Self::Unchanged => "notice-unchanged",
            Self::Password => "notice-password",
            Self::SessionEnded => "notice-session",
            Self::SessionsEnded => "notice-sessions",
            Self::SessionUnknown => "notice-session-unknown",
            Self::Withdrawn => "notice-withdrawn",
        }
    }
}

/// The page.
pub async fn get(mut cx: PageCx) -> Result<Response, Response> {
    let signed_in = require(&mut cx, ReturnTo::Account).await?;
    let entries = entries(&cx, &signed_in).await.map_err(|error| cx.error(error))?;
    let page = AccountOverview {
        frame: cx.frame(),
        nav: nav(&cx, ReturnTo::Account),
        account: account_view(&signed_in.user),
        entries,
        csrf: cx.browser.form_token(&cx.app, Form::Logout),
        sign_out_action: cx.href(paths::LOGOUT),
    };
    Ok(cx.page(StatusCode::OK, &page))
}

async fn entries(cx: &PageCx, signed_in: &SignedIn) -> Result<Vec<Entry>, OAuthError> {
    let user = signed_in.user.id;
    let sessions = sessions::of_user(&cx.app, user, cx.now).await?.len();
    let apps = cx.app.store().apps_of_user(user, cx.now).await?.len();
    let summary = |to: ReturnTo| match to {
        ReturnTo::Password => Message::new("password-summary"),
        ReturnTo::Sessions => Message::new("devices-summary").with("count", sessions),
        ReturnTo::Apps => Message::new("apps-summary").with("count", apps),
        _ => Message::new("profile-summary"),
    };
    let pages = PAGES.iter().skip(1);
    Ok(pages
        .map(|(to, label)| Entry {
            label: Message::new(label),
            summary: summary(*to),
            href: cx.href(to.path()),
        })
        .collect())
}

/// The pages of the navigation, with the keys of their names.
const PAGES: &[(ReturnTo, &str)] = &[
    (ReturnTo::Account, "account-overview"),
    (ReturnTo::Profile, "account-profile"),
    (ReturnTo::Password, "account-password"),
    (ReturnTo::Sessions, "account-devices"),
    (ReturnTo::Apps, "account-apps"),
];

/// The navigation, as it stands on the page `current` and on those below it.
pub(super) fn nav(cx: &PageCx, current: ReturnTo) -> Vec<NavLink> {
    let link = |(to, label): &(ReturnTo, &'static str)| NavLink {
        label: Message::new(label),
        href: cx.href(to.path()),
        current: *to == current,
    };
    PAGES.iter().map(link).collect()
}

/// Who is signed in; anybody else signs in first and comes back. Their language is that of the page, unless they chose another.
pub(super) async fn require(cx: &mut PageCx, to: ReturnTo) -> Result<SignedIn, Response> {
    let signed_in = cx.signed_in().await?;
    let signed_in = signed_in.ok_or_else(|| cx.see_other(&to.login()))?;
    cx.wishes.add_profile(signed_in.user.claims.locale.as_deref());
    Ok(signed_in)
}

/// As [`require`], and they signed in a short while ago; others prove again who they are and come back.
pub(super) async fn require_recent(cx: &mut PageCx, to: ReturnTo) -> Result<SignedIn, Response> {
    let signed_in = require(cx, to).await?;
    if is_recent(cx, &signed_in) {
        Ok(signed_in)
    } else {
        Err(cx.see_other(&to.login()))
    }
}

/// Whether [`require_recent`] would let pass.
pub(super) fn is_recent(cx: &PageCx, signed_in: &SignedIn) -> bool {
    sessions::is_recent(&signed_in.session, cx.app.config().sessions.recent.as_secs(), cx.now)
}

/// An event of a person who changes something about themselves.
pub(super) fn event(cx: &PageCx, kind: AuditKind, signed_in: &SignedIn) -> AuditEvent {
    let user = signed_in.user.id;
    AuditEvent::new(kind, Actor::User(user), cx.now)
        .by(&cx.caller)
        .subject(user)
}
