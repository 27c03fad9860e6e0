//! Where a request goes next: the one place that turns a [`Step`] into an answer, for the first visit and for every return.

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::cx::{PageCx, html, interaction_path};
use super::error::PageError;
use super::text::Message;
use super::view::{Account, App as AppView, AppAbout, FORM_POST_SCRIPT, Finished, FormPost};
use crate::accounts::trail;
use crate::authorize::issue::{Issue, Issued, issue};
use crate::authorize::{Answer, Callback, Facts, Step, interaction, next_step};
use crate::http::session::Form;
use crate::http::{csp, paths, respond};
use crate::model::audit_event::AuditKind;
use crate::model::client::Client;
use crate::model::interaction::{AuthorizationRequest, Interaction, InteractionId, Progress};
use crate::model::user::{User, UserId};
use crate::protocol::error::{ErrorCode, OAuthError, Reason};
use crate::protocol::params::Params;
use crate::store::{ClientLookup, SignedIn};

/// A validated request on its way.
pub struct Journey<'a> {
    /// The request.
    pub request: &'a AuthorizationRequest,
    /// Its client, as it is now, with the catalog.
    pub found: &'a ClientLookup,
    /// The interaction, once it waits.
    pub waiting: Option<&'a Interaction>,
}

/// Decides and acts. `signed_in` counts already; see [`PageCx::current`].
pub async fn go_on(cx: &mut PageCx, journey: &Journey<'_>, signed_in: Option<&SignedIn>) -> Response {
    match try_to_go_on(cx, journey, signed_in).await {
        Ok(response) => response,
        Err(error) => failed(cx, journey, error),
    }
}

/// How often it is decided again because a consent changed in the middle.
const ROUNDS: usize = 5;

async fn try_to_go_on(
    cx: &mut PageCx,
    journey: &Journey<'_>,
    signed_in: Option<&SignedIn>,
) -> Result<Response, OAuthError> {
    let mut signed_in = signed_in.cloned();
    for _ in 0..ROUNDS {
        if let Some(response) = take_step(cx, journey, signed_in.as_ref()).await? {
            return Ok(response);
        }
        let client_id = &journey.request.client_id;
        signed_in = cx.current(Some(client_id)).await?;
    }
    Err(Reason::Busy.into())
}

/// `None`: what was decided on has changed.
async fn take_step(
    cx: &mut PageCx,
    journey: &Journey<'_>,
    signed_in: Option<&SignedIn>,
) -> Result<Option<Response>, OAuthError> {
    let Some(client) = &journey.found.client else {
        return Ok(Some(cx.error(PageError::NoInteraction)));
    };
    let nothing = Progress::default();
    let facts = Facts {
        request: journey.request,
        client,
        session: signed_in.map(|signed_in| &signed_in.session),
        user: signed_in.map(|signed_in| &signed_in.user),
        consented: signed_in.and_then(|signed_in| signed_in.consented.as_ref()),
        progress: journey.waiting.map_or(&nothing, |waiting| &waiting.progress),
        now: cx.now,
    };
    let response = match (next_step(&facts), signed_in) {
        (Step::Login(_), _) => wait(cx, journey, paths::INTERACTION_LOGIN).await?,
        (Step::SelectAccount, _) => wait(cx, journey, paths::INTERACTION_ACCOUNT).await?,
        (Step::Consent, _) => wait(cx, journey, paths::INTERACTION_CONSENT).await?,
        (Step::Refuse(reason), _) => refuse(cx, journey, reason.into()).await?,
        (Step::Issue, Some(signed_in)) => return give_code(cx, journey, signed_in).await,
        (Step::Issue, None) => wait(cx, journey, paths::INTERACTION_LOGIN).await?,
    };
    Ok(Some(response))
}

/// On to a page that asks the person; the request waits meanwhile.
async fn wait(cx: &mut PageCx, journey: &Journey<'_>, page: &str) -> Result<Response, OAuthError> {
    let id = match journey.waiting {
        Some(waiting) => waiting.id,
        None => {
            let browser = cx.browser.ensure_id(&cx.app, cx.now).await?;
            interaction::begin(&cx.app, journey.request.clone(), browser, cx.now)
                .await?
                .id
        }
    };
    Ok(cx.see_other(&interaction_path(page, id)))
}

/// Tells the client that the person refused.
pub async fn deny(cx: &PageCx, journey: &Journey<'_>, user: UserId) -> Response {
    match finish(cx, journey).await {
        Ok(true) => {
            let answer = (user, journey.request);
            trail::consent(&cx.app, AuditKind::ConsentDenied, answer, (&cx.caller, cx.now));
            tell(cx, journey.request, Reason::Denied.into())
        }
        Ok(false) => already_answered(cx),
        Err(error) => failed(cx, journey, error),
    }
}

/// Tells the client, and ends the interaction.
async fn refuse(cx: &PageCx, journey: &Journey<'_>, error: OAuthError) -> Result<Response, OAuthError> {
    if finish(cx, journey).await? {
        Ok(tell(cx, journey.request, error))
    } else {
        Ok(already_answered(cx))
    }
}

/// Ends the interaction, if the request waits. `false`: it was answered before.
async fn finish(cx: &PageCx, journey: &Journey<'_>) -> Result<bool, OAuthError> {
    match journey.waiting {
        Some(waiting) => interaction::finish(&cx.app, waiting, cx.now).await,
        None => Ok(true),
    }
}

/// `None`: the consent, the sign-in or the account changed since it was read.
async fn give_code(cx: &PageCx, journey: &Journey<'_>, signed_in: &SignedIn) -> Result<Option<Response>, OAuthError> {
    let session = &signed_in.session;
    let order = Issue {
        request: journey.request,
        session,
        consented: signed_in.consented.as_ref(),
        waiting: journey.waiting,
        found: journey.found,
        now: cx.now,
    };
    match issue(&cx.app, &order).await? {
        Issued::Answer(answer) => {
            cx.browser.note_answered(&cx.app, session, cx.now);
            let mut response = deliver(cx, answer);
            respond::note_client(&mut response, &journey.request.client_id);
            Ok(Some(response))
        }
        Issued::AlreadyAnswered => Ok(Some(already_answered(cx))),
        Issued::Changed => Ok(None),
    }
}

/// An error once the callback is proven goes to the client, save for a broken server, which is told to the person.
fn failed(cx: &PageCx, journey: &Journey<'_>, error: OAuthError) -> Response {
    match error.code {
        ErrorCode::ServerError | ErrorCode::InvalidRequest => cx.error(error),
        _ => tell(cx, journey.request, error),
    }
}

/// The answer that tells the client of an error.
fn tell(cx: &PageCx, request: &AuthorizationRequest, error: OAuthError) -> Response {
    let mut response = deliver(cx, Callback::of(request, cx.app.issuer()).error(error.code));
    respond::note_client(&mut response, &request.client_id);
    respond::note_reason(&mut response, error);
    response
}

/// Sends an answer on its way through the browser.
pub fn deliver(cx: &PageCx, answer: Answer) -> Response {
    match answer {
        Answer::Redirect(location) => respond::see_other(&location),
        Answer::FormPost { action, fields } => {
            let page = FormPost {
                frame: cx.frame(),
                action: action.as_str().to_owned(),
                fields: fields
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect(),
            };
            html(StatusCode::OK, &page, &csp::form_post(&action, FORM_POST_SCRIPT))
        }
    }
}

/// For the second answer to one question: a double click, another tab, the back button.
pub fn already_answered(cx: &PageCx) -> Response {
    let page = Finished {
        frame: cx.frame(),
        heading: Message::new("already-answered"),
        message: Message::new("already-answered-lead"),
    };
    cx.page(StatusCode::CONFLICT, &page)
}

/// A waiting request with everything that a page about it needs.
pub struct Waiting {
    /// The interaction.
    pub interaction: Interaction,
    /// Its client and the catalog.
    pub found: ClientLookup,
    /// The client, enabled.
    pub client: std::sync::Arc<Client>,
    /// Who is signed in, if that counts.
    pub signed_in: Option<SignedIn>,
}

/// Loads the waiting request `id` of this browser; `Err` is the page to show instead. From here on pages are in a language that
/// the app asked for, if there is one.
pub async fn load_waiting(cx: &mut PageCx, id: &str) -> Result<Waiting, Response> {
    let id = uuid::Uuid::parse_str(id).map_err(|_| cx.error(PageError::NoInteraction))?;
    let interaction = match interaction::find(&cx.app, id, cx.browser.id(), cx.now).await {
        Ok(Ok(interaction)) => interaction,
        Ok(Err(interaction::Unusable::Answered)) => return Err(already_answered(cx)),
        Ok(Err(interaction::Unusable::Unknown)) => return Err(cx.error(PageError::NoInteraction)),
        Err(error) => return Err(cx.error(error)),
    };
    cx.wishes
        .add_request(&interaction.request.ui_locales, interaction.created_at);
    let client_id = &interaction.request.client_id;
    let found = cx
        .app
        .store()
        .find_client(client_id)
        .await
        .map_err(|error| cx.error(OAuthError::from(error)))?;
    let Some(client) = found
        .client
        .clone()
        .filter(|client| interaction::may_go_on(&interaction.request, client))
    else {
        return Err(cx.error(PageError::NoInteraction));
    };
    let signed_in = cx.current(Some(client_id)).await.map_err(|error| cx.error(error))?;
    Ok(Waiting {
        interaction,
        found,
        client,
        signed_in,
    })
}

/// Loads a waiting request for a page that only a person who is signed in may see; others sign in first.
pub async fn load_waiting_signed_in(cx: &mut PageCx, id: &str) -> Result<(Waiting, SignedIn), Response> {
    let waiting = load_waiting(cx, id).await?;
    match waiting.signed_in.clone() {
        Some(signed_in) => Ok((waiting, signed_in)),
        None => Err(cx.see_other(&interaction_path(paths::INTERACTION_LOGIN, waiting.interaction.id))),
    }
}

/// Reads an answer about a waiting request: from the browser that waits, for the sign-in that saw the question, with the
/// token of that form.
pub async fn read_answer(
    cx: &mut PageCx,
    id: &str,
    (headers, body): (&HeaderMap, Body),
    form: fn(InteractionId) -> Form,
) -> Result<(Params, Waiting, SignedIn), Response> {
    let params = cx.read_form(headers, body).await?;
    let (waiting, signed_in) = load_waiting_signed_in(cx, id).await?;
    if !cx
        .browser
        .accepts(&cx.app, form(waiting.interaction.id), params.field("csrf"))
    {
        return Err(cx.error(PageError::FormStale));
    }
    Ok((params, waiting, signed_in))
}

impl Waiting {
    /// The request on its way.
    pub fn journey(&self) -> Journey<'_> {
        Journey {
            request: &self.interaction.request,
            found: &self.found,
            waiting: Some(&self.interaction),
        }
    }

    /// What the app says about itself.
    pub fn about_view(&self) -> AppAbout {
        about_view(&self.client)
    }

    /// The app as pages show it.
    pub fn app_view(&self, cx: &PageCx) -> AppView {
        let redirect_uri = &self.interaction.request.redirect_uri;
        AppView {
            name: super::about::name(&self.client.metadata, cx.language()),
            host: (!redirect_uri.proves_no_identity()).then(|| redirect_uri.display_host()),
            logo_href: cx.logo_href(&self.client),
        }
    }
}

/// What a client says about itself, as pages show it.
pub fn about_view(client: &Client) -> AppAbout {
    let about = &client.metadata.about;
    AppAbout {
        unchecked: about.self_registered,
        client_href: about.client_uri.clone(),
        policy_href: about.policy_uri.clone(),
        tos_href: about.tos_uri.clone(),
    }
}

/// A user as pages show them.
pub fn account_view(user: &User) -> Account {
    let detail = user
        .claims
        .email
        .clone()
        .unwrap_or_else(|| user.username.as_str().to_owned());
    Account {
        display: user.display_name().to_owned(),
        detail,
    }
}
