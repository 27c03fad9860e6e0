//! What each page for people shows: one template struct per page, in plain owned data.
//!
//! A handler decides, fills one of these and renders it. Nothing here knows a rule, a request or a row, so every page
//! can be rendered from `render_all_samples` alone. askama escapes all of it; no template opts out.

use askama::Template;

use super::text::{Language, Message};

mod account;
mod device;
#[cfg(test)]
mod samples;

pub use account::{
    AccountApp, AccountApps, AccountOverview, AccountPassword, AccountProfile, AccountSessions, AppLine, Entry, Fact,
    Line, LineGroup, NavLink, Pager, SessionLine, When,
};
pub use device::{DeviceConfirm, DeviceEntry, DeviceEntryError, DeviceOrigin};

/// The exact text between the script tags of [`FormPost`]: what its `Content-Security-Policy` hash is computed from.
pub const FORM_POST_SCRIPT: &str = include_str!("../../templates/partials/form_post.js");

/// The same of [`SignedOutFrames`].
pub const SIGNED_OUT_FRAMES_SCRIPT: &str = include_str!("../../templates/partials/signed_out_frames.js");

/// The same of [`CheckSession`].
pub const CHECK_SESSION_SCRIPT: &str = include_str!("../../templates/partials/check_session.js");

/// What `layout.html` needs on every page. The title is a block of each page's own template.
#[derive(Debug, Clone)]
pub struct Frame {
    /// The page's language.
    pub language: Language,
    /// The same page in each language; empty for a page that cannot be had again.
    pub languages: Vec<LanguageLink>,
    /// Content-hashed address of the stylesheet.
    pub stylesheet_href: String,
    /// Content-hashed address of the mark, used in the header and as the favicon.
    pub icon_href: String,
    /// The display name of this server.
    pub product: String,
}

impl Frame {
    /// A text in the page's language.
    pub fn text(&self, message: impl Into<Message>) -> String {
        self.language.text(message)
    }

    /// See [`Language::around`].
    pub fn around(&self, message: impl Into<Message>, name: &'static str) -> (String, String) {
        self.language.around(message, name)
    }
}

/// A way to the same page in another language.
#[derive(Debug, Clone)]
pub struct LanguageLink {
    /// What the language calls itself.
    pub name: String,
    /// BCP 47 tag.
    pub tag: &'static str,
    /// Where it leads.
    pub href: String,
    /// The page is in this language.
    pub current: bool,
}

/// A page for people.
pub trait Page: Template {
    /// What all pages share.
    fn frame(&self) -> &Frame;
    /// To show the same in another language.
    #[cfg(test)]
    fn frame_mut(&mut self) -> &mut Frame;
}

macro_rules! pages {
    ($($page:ident),* $(,)?) => {
        $(impl Page for $page {
            fn frame(&self) -> &Frame {
                &self.frame
            }

            #[cfg(test)]
            fn frame_mut(&mut self) -> &mut Frame {
                &mut self.frame
            }
        })*
    };
}

pages! {
    Login, Consent, SelectAccount, ErrorPage, Home, SignOut, SignedOut, SignedOutFrames, Finished, FormPost, DeviceEntry, DeviceConfirm,
    AccountOverview, AccountProfile, AccountPassword, AccountSessions, AccountApps, AccountApp,
}

/// The client, as a person is told about it.
#[derive(Debug, Clone)]
pub struct App {
    /// Chosen by the client: may hold anything.
    pub name: String,
    /// Where the browser returns to; `None` for an app on this device (loopback or a private scheme).
    pub host: Option<String>,
    /// Same-origin address of the logo, because the policy forbids all others. `None` draws a monogram.
    pub logo_href: Option<String>,
}

/// What else a client says about itself, and whether anybody here has looked at it.
#[derive(Debug, Clone, Default)]
pub struct AppAbout {
    /// It registered itself.
    pub unchecked: bool,
    /// Its home page; https, like those below.
    pub client_href: Option<String>,
    /// How it uses what it learns.
    pub policy_href: Option<String>,
    /// Its terms.
    pub tos_href: Option<String>,
}

impl AppAbout {
    /// The links, with the keys of their texts.
    pub fn links(&self) -> Vec<(&'static str, &str)> {
        let links = [
            ("app-website", &self.client_href),
            ("app-policy", &self.policy_href),
            ("app-terms", &self.tos_href),
        ];
        let given = links.into_iter();
        given.filter_map(|(key, href)| Some((key, href.as_deref()?))).collect()
    }
}

impl App {
    /// The letter that stands in for a missing logo.
    pub fn monogram(&self) -> String {
        monogram(&self.name)
    }
}

/// The signed-in person, as they recognise themselves.
#[derive(Debug, Clone)]
pub struct Account {
    /// A name, or the username when there is no name.
    pub display: String,
    /// A second line such as the e-mail address; left out when empty.
    pub detail: String,
}

impl Account {
    /// The letter in the account's circle.
    pub fn monogram(&self) -> String {
        monogram(&self.display)
    }
}

/// The first letter or digit: skips whatever a hostile name begins with (overrides, markup).
fn monogram(name: &str) -> String {
    name.chars()
        .find(|c| c.is_alphanumeric())
        .map_or_else(|| "?".to_owned(), |c| c.to_uppercase().collect())
}

/// Sign in, or prove again who one is.
#[derive(Debug, Clone, Template)]
#[template(path = "pages/login.html")]
pub struct Login {
    /// See [`Frame`].
    pub frame: Frame,
    /// Where the form posts `username`, `password` and `csrf`.
    pub action: String,
    /// Token of the hidden `csrf` field.
    pub csrf: String,
    /// The app that sent the person here; `None` when they came by themselves.
    pub app: Option<App>,
    /// What it says about itself.
    pub about: AppAbout,
    /// What to fill in; moves the first focus to the password unless empty.
    pub username: String,
    /// Somebody is signed in already: the page asks them to confirm that it is they.
    pub reauth: bool,
    /// Why the last attempt did not work.
    pub error: Option<LoginError>,
}

impl Login {
    fn heading(&self) -> Message {
        Message::new(if self.reauth { "sign-in-confirm" } else { "sign-in" })
    }

    fn password_first(&self) -> bool {
        !self.username.is_empty()
    }

    fn credentials_refused(&self) -> bool {
        self.error == Some(LoginError::WrongCredentials)
    }
}

/// Why a sign-in form is shown again. One text for an unknown user and a wrong password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginError {
    /// Username or password did not match.
    WrongCredentials,
    /// Too many attempts at once.
    Busy,
    /// Too many wrong passwords; the next may be tried after so many seconds.
    Throttled(i64),
    /// The form's token does not belong to this browser session.
    FormStale,
}

impl LoginError {
    /// All of them, for the tests.
    pub const ALL: [Self; 4] = [
        Self::WrongCredentials,
        Self::Busy,
        Self::Throttled(180),
        Self::FormStale,
    ];

    /// One sentence for the person.
    pub fn what_happened(self) -> Message {
        Message::new(match self {
            Self::WrongCredentials => "wrong-credentials",
            Self::Busy => "sign-in-busy",
            Self::Throttled(_) => "too-many-attempts",
            Self::FormStale => "form-stale",
        })
    }

    /// The next step, always something that this page offers.
    pub fn what_to_do(self) -> Message {
        match self {
            Self::WrongCredentials => Message::new("wrong-credentials-advice"),
            Self::Busy => Message::new("sign-in-busy-advice"),
            Self::Throttled(seconds) => wait(seconds),
            Self::FormStale => Message::new("sign-in-stale-advice"),
        }
    }
}

/// When to try again, rounded up: who comes back then does not come too early.
pub fn wait(seconds: i64) -> Message {
    let up = |unit: i64| (seconds.max(1) + unit - 1) / unit;
    match seconds {
        ..=7200 => Message::new("try-again-in-minutes").with("count", up(60)),
        _ => Message::new("try-again-in-hours").with("count", up(3600)),
    }
}

/// One thing that the app would be allowed to do.
#[derive(Debug, Clone)]
pub struct Permission {
    /// In words, completing "This app will be able to …".
    pub text: Message,
    /// The scope value, for those who want to know.
    pub scope: String,
}

/// May this app do these things with this account?
#[derive(Debug, Clone, Template)]
#[template(path = "pages/consent.html")]
pub struct Consent {
    /// See [`Frame`].
    pub frame: Frame,
    /// Where the form posts `decision` (`allow` or `deny`) and `csrf`.
    pub action: String,
    /// Token of the hidden `csrf` field.
    pub csrf: String,
    /// Who asks.
    pub app: App,
    /// What it says about itself.
    pub about: AppAbout,
    /// Whose account it is about.
    pub account: Account,
    /// What is asked for; may be empty (`openid` alone needs no words).
    pub permissions: Vec<Permission>,
    /// Whether "allow" is kept, so that the same request is not asked again.
    pub remembered: bool,
    /// "Not you?"
    pub switch_href: String,
}

/// An account to choose, with the value that its button posts.
#[derive(Debug, Clone)]
pub struct AccountChoice {
    /// Value of the `account` field. Never `other`, which stands for "use another account".
    pub id: String,
    /// What is shown.
    pub account: Account,
}

/// Which of the accounts in this browser?
#[derive(Debug, Clone, Template)]
#[template(path = "pages/select_account.html")]
pub struct SelectAccount {
    /// See [`Frame`].
    pub frame: Frame,
    /// Where the form posts `account` (an id, or `other`) and `csrf`.
    pub action: String,
    /// Token of the hidden `csrf` field.
    pub csrf: String,
    /// Who asks.
    pub app: App,
    /// In the order to show.
    pub accounts: Vec<AccountChoice>,
}

/// A request that cannot go on, and cannot be answered to the app either.
#[derive(Debug, Clone, Template)]
#[template(path = "pages/error.html")]
pub struct ErrorPage {
    /// See [`Frame`].
    pub frame: Frame,
    /// A few words; also the title.
    pub heading: Message,
    /// What happened and what to do, for somebody who never heard of OAuth.
    pub message: Message,
    /// What the app's developer should change. Public: anybody may read it.
    pub developer_hint: Option<Message>,
    /// Finds this failure in the log.
    pub reference: String,
}

/// The server's own front page.
#[derive(Debug, Clone, Template)]
#[template(path = "pages/home.html")]
pub struct Home {
    /// See [`Frame`].
    pub frame: Frame,
    /// `None` shows the signed-out page.
    pub user: Option<Account>,
    /// Token of the hidden `csrf` field.
    pub csrf: String,
    /// Where the sign-out button posts `csrf`.
    pub sign_out_action: String,
    /// The account.
    pub account_href: String,
    /// Where the signed-out page leads.
    pub sign_in_href: String,
    /// Apps that can be opened from here: names and addresses.
    pub apps: Vec<(String, String)>,
}

/// Shown before signing out when somebody else (an app, a link) asked for it.
#[derive(Debug, Clone, Template)]
#[template(path = "pages/sign_out.html")]
pub struct SignOut {
    /// See [`Frame`].
    pub frame: Frame,
    /// Where the form posts `confirm=logout` and `csrf`.
    pub action: String,
    /// Token of the hidden `csrf` field.
    pub csrf: String,
    /// Who is about to be signed out.
    pub account: Account,
    /// The app that asks for it, if that is known and it will be returned to.
    pub app: Option<App>,
    /// What the form posts besides: the request, again.
    pub fields: Vec<(String, String)>,
}

/// An app to return to.
#[derive(Debug, Clone)]
pub struct Back {
    /// Chosen by the client: may hold anything.
    pub name: String,
    /// A registered address.
    pub href: String,
}

/// After signing out, when nobody is sent on at once.
#[derive(Debug, Clone, Template)]
#[template(path = "pages/signed_out.html")]
pub struct SignedOut {
    /// See [`Frame`].
    pub frame: Frame,
    /// The app to return to, if there is one.
    pub back: Option<Back>,
}

/// After signing out, while the apps that were used are told in frames that nobody sees; then on to the app that asked, by itself
/// when all are loaded, or when that takes too long. Its one script is known to its policy by its hash.
#[derive(Debug, Clone, Template)]
#[template(path = "pages/signed_out_frames.html")]
pub struct SignedOutFrames {
    /// See [`Frame`].
    pub frame: Frame,
    /// What the frames load: registered addresses.
    pub addresses: Vec<String>,
    /// The app to return to, if there is one.
    pub back: Option<Back>,
    /// For how many seconds the frames are waited for.
    pub patience: u32,
}

/// Nothing is wrong and nothing is left to do here.
#[derive(Debug, Clone, Template)]
#[template(path = "pages/finished.html")]
pub struct Finished {
    /// See [`Frame`].
    pub frame: Frame,
    /// A few words; also the title.
    pub heading: Message,
    /// Where to go from here.
    pub message: Message,
}

/// What applications load in a frame that nobody sees. Its one script is known to its policy by its hash.
#[derive(Debug, Clone, Template)]
#[template(path = "pages/check_session.html")]
pub struct CheckSession {
    /// The cookie that the script reads.
    pub cookie: String,
}

/// The response mode `form_post` (OAuth 2.0 Form Post Response Mode): posts the answer to the app, by itself where
/// scripts run and by a button where they do not. Its one script is known to its policy by its hash.
#[derive(Clone, Template)]
#[template(path = "pages/form_post.html")]
pub struct FormPost {
    /// What all pages share.
    pub frame: Frame,
    /// The redirect URI.
    pub action: String,
    /// The parameters of the answer. Holds codes and tokens, hence no `Debug`.
    pub fields: Vec<(String, String)>,
}

#[cfg(test)]
mod tests {
    use super::samples::{Rendered, render_all_samples};
    use super::*;

    #[test]
    fn every_page_renders_as_one_document_and_escapes_what_it_is_given() {
        for Rendered { name, language, html } in render_all_samples() {
            let name = format!("{name} in {}", language.tag());
            assert!(
                html.contains(&format!("<html lang=\"{}\" dir=\"ltr\">", language.tag())),
                "{name}"
            );
            assert_eq!(html.matches("<h1").count(), 1, "{name}: one heading");
            assert_eq!(html.matches("<main").count(), 1, "{name}: one main landmark");
            assert!(!html.contains("<svg"), "{name}: markup in a value stays text");
            assert!(!html.contains(" style="), "{name}: the policy forbids inline styles");
            assert_eq!(
                html.contains("<script"),
                name.starts_with("form_post ") || name.starts_with("signed_out_frames "),
                "{name}: scripts"
            );
        }
    }

    #[test]
    fn scripts_are_on_their_pages_byte_for_byte() {
        let pages = render_all_samples();
        for (name, script) in [
            ("form_post", FORM_POST_SCRIPT),
            ("signed_out_frames", SIGNED_OUT_FRAMES_SCRIPT),
        ] {
            let tag = format!("<script>{script}</script>");
            for Rendered { html, .. } in pages.iter().filter(|page| page.name == name) {
                assert_eq!(html.matches(&tag).count(), 1);
                assert_eq!(html.matches("<script").count(), 1);
            }
        }
    }

    #[test]
    fn the_frame_for_applications_is_its_script_and_escapes_its_cookie() {
        let page = CheckSession {
            cookie: "\"><script>".to_owned(),
        };
        let html = page.render().unwrap();
        let tag = format!("<script>{CHECK_SESSION_SCRIPT}</script>");
        assert_eq!(html.matches(&tag).count(), 1);
        assert_eq!(html.matches("<script").count(), 1);
    }

    #[test]
    fn a_monogram_is_a_letter_or_a_digit() {
        assert_eq!(monogram("photo garden"), "P");
        assert_eq!(monogram("\u{202e}\"><svg>"), "S");
        assert_eq!(monogram("محمد"), "م");
        assert_eq!(monogram("\u{1f4f7}"), "?");
    }
}
