//! `/account/profile`: what apps may learn about the person. How the person is reached has a page of its own, because it asks
//! for a recent sign-in.

use axum::body::Body;
use axum::extract::RawQuery;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::account::{self, Notice};
use super::cx::PageCx;
use super::error::PageError;
use super::return_to::ReturnTo;
use super::text::Message;
use super::view::{AccountProfile, Fact, Line, LineGroup};
use crate::accounts::claims::ClaimProblem;
use crate::accounts::profile::{self, Change, Field, Saved};
use crate::app::App;
use crate::http::paths;
use crate::http::session::Form;
use crate::model::audit_event::AuditKind;
use crate::protocol::error::Reason;
use crate::protocol::params::Params;
use crate::protocol::standard_claims::StandardClaims;
use crate::store::SignedIn;

/// Groups of lines, in order, each with the key of its heading.
pub(super) type Groups<'a> = &'a [(Option<&'static str>, &'a [Field])];

/// The groups of the page.
pub(super) const GROUPS: Groups<'static> = &[
    (
        Some("group-name"),
        &[
            Field::Name,
            Field::GivenName,
            Field::MiddleName,
            Field::FamilyName,
            Field::Nickname,
            Field::PreferredUsername,
        ],
    ),
    (
        Some("group-about"),
        &[Field::Birthdate, Field::Gender, Field::Locale, Field::Zoneinfo],
    ),
    (Some("group-web"), &[Field::Picture, Field::Profile, Field::Website]),
    (
        Some("group-address"),
        &[
            Field::StreetAddress,
            Field::PostalCode,
            Field::Locality,
            Field::Region,
            Field::Country,
        ],
    ),
];

/// What was typed, as long as it is not stored.
pub(super) type Typed = (Params, Vec<(Field, ClaimProblem)>);

/// The form.
pub async fn get(mut cx: PageCx, RawQuery(query): RawQuery) -> Result<Response, Response> {
    let signed_in = account::require(&mut cx, ReturnTo::Profile).await?;
    Ok(show(&cx, &signed_in, Notice::of(query.as_deref()), None))
}

/// The form, filled in.
pub async fn post(mut cx: PageCx, headers: HeaderMap, body: Body) -> Result<Response, Response> {
    let signed_in = account::require(&mut cx, ReturnTo::Profile).await?;
    let (params, changes) = read(&cx, &signed_in, (headers, body), Form::Profile, GROUPS).await?;
    match save(&cx, &signed_in, &changes).await? {
        Ok(notice) => Ok(cx.see_other(&notice.at(paths::ACCOUNT_PROFILE))),
        Err(problems) => Ok(show(&cx, &signed_in, None, Some(&(params, problems)))),
    }
}

/// Reads a form of claims: what it would change. Only what stands in `groups` and may be changed is looked at.
pub(super) async fn read(
    cx: &PageCx,
    signed_in: &SignedIn,
    (headers, body): (HeaderMap, Body),
    form: Form,
    groups: Groups<'_>,
) -> Result<(Params, Vec<Change>), Response> {
    let params = cx.read_form(&headers, body).await?;
    if !cx.browser.accepts(&cx.app, form, params.field("csrf")) {
        return Err(cx.error(PageError::FormStale));
    }
    let fields = editable(&cx.app, groups.iter().flat_map(|(_, fields)| *fields));
    // A field that comes twice is not touched.
    let typed = |field: Field| {
        let sent = params.get(field.as_str()).ok()?;
        params
            .mentions(field.as_str())
            .then(|| sent.unwrap_or_default().to_owned())
    };
    let changes = profile::changes(&signed_in.user.claims, &fields, typed);
    Ok((params, changes))
}

/// Stores the changes and writes them down; or tells what is wrong with them.
pub(super) async fn save(
    cx: &PageCx,
    signed_in: &SignedIn,
    changes: &[Change],
) -> Result<Result<Notice, Vec<(Field, ClaimProblem)>>, Response> {
    let saved = profile::save(&cx.app, &signed_in.user, changes, cx.now).await;
    match saved.map_err(|error| cx.error(error))? {
        Saved::Changed(claims) => {
            let names: Vec<_> = claims.iter().map(|claim| claim.as_str()).collect();
            let event = account::event(cx, AuditKind::ProfileChanged, signed_in);
            cx.app.audit().record(event.detail("claims", names));
            Ok(Ok(Notice::Saved))
        }
        Saved::Unchanged => Ok(Ok(Notice::Unchanged)),
        Saved::Refused(problems) => Ok(Err(problems)),
        Saved::Gone => Err(cx.error(Reason::Internal)),
    }
}

/// Those of `fields` that the operator lets people change.
fn editable<'a>(app: &App, fields: impl Iterator<Item = &'a Field>) -> Vec<Field> {
    let editable = &app.config().account.editable;
    fields
        .copied()
        .filter(|field| editable.contains(&field.claim()))
        .collect()
}

/// The groups as they can be changed, without those of which nothing can.
pub(super) fn lines(cx: &PageCx, user: &SignedIn, groups: Groups<'_>, typed: Option<&Typed>) -> Vec<LineGroup> {
    let group = |(heading, fields): &(Option<&'static str>, &[Field])| LineGroup {
        heading: heading.map(Message::new),
        lines: editable(&cx.app, fields.iter())
            .into_iter()
            .map(|field| line(field, &user.user.claims, typed))
            .collect(),
    };
    let groups = groups.iter().map(group);
    groups.filter(|group| !group.lines.is_empty()).collect()
}

fn line(field: Field, claims: &StandardClaims, typed: Option<&Typed>) -> Line {
    let value = match typed {
        Some((params, _)) if params.mentions(field.as_str()) => params.field(field.as_str()),
        _ => field.value(claims),
    };
    let problem = typed.and_then(|(_, problems)| problems.iter().find(|(wrong, _)| *wrong == field));
    let looks = super::profile_lines::looks(field);
    Line {
        name: field.as_str(),
        label: Message::new(looks.label),
        value: value.unwrap_or_default().to_owned(),
        kind: looks.kind,
        autocomplete: looks.autocomplete,
        hint: looks.hint.map(Message::new),
        multiline: field == Field::StreetAddress,
        wide: looks.wide,
        error: problem.map(|(_, problem)| super::profile_lines::advice(*problem)),
    }
}

fn show(cx: &PageCx, signed_in: &SignedIn, notice: Option<Message>, typed: Option<&Typed>) -> Response {
    let groups = lines(cx, signed_in, GROUPS, typed);
    let contact = editable(&cx.app, [Field::Email, Field::PhoneNumber].iter());
    let page = AccountProfile {
        frame: cx.frame(),
        nav: account::nav(cx, ReturnTo::Profile),
        heading: Message::new("account-profile"),
        lead: Message::new("profile-lead"),
        notice,
        facts: facts(cx, signed_in),
        contact_href: (!contact.is_empty()).then(|| cx.href(paths::ACCOUNT_CONTACT)),
        action: cx.href(paths::ACCOUNT_PROFILE),
        csrf: cx.browser.form_token(&cx.app, Form::Profile),
        groups,
    };
    cx.page(status(typed), &page)
}

/// The status of a page that may tell of problems.
pub(super) fn status(typed: Option<&Typed>) -> StatusCode {
    match typed {
        None => StatusCode::OK,
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

/// What is known and not changed by the form: the username, how the person is reached, and what only the operator may change.
fn facts(cx: &PageCx, signed_in: &SignedIn) -> Vec<Fact> {
    let claims = &signed_in.user.claims;
    let mut facts = vec![Fact {
        label: Message::new("username"),
        value: signed_in.user.username.as_str().to_owned(),
        verified: None,
    }];
    let contact = [
        (Field::Email, Some(claims.email_verified == Some(true))),
        (Field::PhoneNumber, Some(claims.phone_number_verified == Some(true))),
    ];
    let changeable = editable(&cx.app, Field::ALL.iter());
    let others = GROUPS.iter().flat_map(|(_, fields)| *fields);
    let others = others
        .filter(|field| !changeable.contains(field))
        .map(|field| (*field, None));
    facts.extend(contact.into_iter().chain(others).filter_map(|(field, verified)| {
        Some(Fact {
            label: Message::new(super::profile_lines::looks(field).label),
            value: field.value(claims)?.to_owned(),
            verified,
        })
    }));
    facts
}
