//! What the pages at `/account` show.

use askama::Template;

use super::{Account, App, Frame, Message, Permission};

/// A link of the navigation that all of these pages share.
#[derive(Debug, Clone)]
pub struct NavLink {
    /// What it is called.
    pub label: Message,
    /// Where it leads.
    pub href: String,
    /// Whether this is the page, or the page above it.
    pub current: bool,
}

/// A moment.
#[derive(Debug, Clone)]
pub struct When {
    /// "3 hours ago".
    pub ago: Message,
    /// RFC 3339, for programs.
    pub iso: String,
    /// Date and time, for people who want to know exactly.
    pub utc: Message,
}

/// Links to the neighbours of one page of a long list.
#[derive(Debug, Clone)]
pub struct Pager {
    /// The page, from 1.
    pub current: usize,
    /// How many there are.
    pub pages: usize,
    /// `None` on the first page.
    pub previous_href: Option<String>,
    /// `None` on the last page.
    pub next_href: Option<String>,
}

impl Pager {
    fn place(&self) -> Message {
        Message::new("page-number")
            .with("page", self.current)
            .with("pages", self.pages)
    }
}

/// A way from the overview to one of the other pages.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What it is called.
    pub label: Message,
    /// What is there, in a few words.
    pub summary: Message,
    /// Where it leads.
    pub href: String,
}

/// `/account`: who is signed in, and what there is to see.
#[derive(Debug, Clone, Template)]
#[template(path = "pages/account.html")]
pub struct AccountOverview {
    /// See [`Frame`].
    pub frame: Frame,
    /// See [`NavLink`].
    pub nav: Vec<NavLink>,
    /// Who is signed in.
    pub account: Account,
    /// The other pages.
    pub entries: Vec<Entry>,
    /// Token of the sign-out form.
    pub csrf: String,
    /// Where the sign-out form goes.
    pub sign_out_action: String,
}

/// A line that can be changed.
#[derive(Debug, Clone)]
pub struct Line {
    /// Name of the form's field.
    pub name: &'static str,
    /// What people call it.
    pub label: Message,
    /// What stands in it, or was typed.
    pub value: String,
    /// The input's type.
    pub kind: &'static str,
    /// The `autocomplete` token of HTML.
    pub autocomplete: &'static str,
    /// How it is written.
    pub hint: Option<Message>,
    /// Several lines.
    pub multiline: bool,
    /// Takes the whole width.
    pub wide: bool,
    /// What is wrong with what was typed.
    pub error: Option<Message>,
}

/// Lines that belong together.
#[derive(Debug, Clone)]
pub struct LineGroup {
    /// Its heading, unless the page's is enough.
    pub heading: Option<Message>,
    /// The lines, in order.
    pub lines: Vec<Line>,
}

/// What is shown and not to be changed here.
#[derive(Debug, Clone)]
pub struct Fact {
    /// What it is.
    pub label: Message,
    /// What is known.
    pub value: String,
    /// Whether somebody has verified it, where that is a question.
    pub verified: Option<bool>,
}

/// `/account/profile` and `/account/contact`: what is known about the person.
#[derive(Debug, Clone, Template)]
#[template(path = "pages/account_profile.html")]
pub struct AccountProfile {
    /// See [`Frame`].
    pub frame: Frame,
    /// See [`NavLink`].
    pub nav: Vec<NavLink>,
    /// Heading and title.
    pub heading: Message,
    /// What this is about.
    pub lead: Message,
    /// What has just been done.
    pub notice: Option<Message>,
    /// What is not changed by this form.
    pub facts: Vec<Fact>,
    /// Where the person changes how they are reached; `None` where that is not to be changed, or is this page.
    pub contact_href: Option<String>,
    /// Where the form goes.
    pub action: String,
    /// Token of the hidden `csrf` field.
    pub csrf: String,
    /// What can be changed; may be empty.
    pub groups: Vec<LineGroup>,
}

impl AccountProfile {
    fn wrong(&self) -> Vec<&Line> {
        let lines = self.groups.iter().flat_map(|group| &group.lines);
        lines.filter(|line| line.error.is_some()).collect()
    }
}

/// `/account/password`. Nothing that was typed is ever sent back.
#[derive(Debug, Clone, Template)]
#[template(path = "pages/account_password.html")]
pub struct AccountPassword {
    /// See [`Frame`].
    pub frame: Frame,
    /// See [`NavLink`].
    pub nav: Vec<NavLink>,
    /// What has just been done.
    pub notice: Option<Message>,
    /// Why nothing could be checked, and what to do.
    pub alert: Option<(Message, Message)>,
    /// Where the form goes.
    pub action: String,
    /// Token of the hidden `csrf` field.
    pub csrf: String,
    /// For password managers.
    pub username: String,
    /// The fewest characters.
    pub min_length: usize,
    /// What is wrong with the present password.
    pub current_error: Option<Message>,
    /// What is wrong with the new one.
    pub new_error: Option<Message>,
    /// What is wrong with its repetition.
    pub repeated_error: Option<Message>,
}

impl AccountPassword {
    fn new_hint(&self) -> Message {
        Message::new("password-new-hint").with("count", self.min_length)
    }
}

/// A sign-in in the list.
#[derive(Debug, Clone)]
pub struct SessionLine {
    /// Value of its button.
    pub id: String,
    /// The browser in words.
    pub device: Message,
    /// Where it was last used; left out when empty.
    pub address: String,
    /// When it began.
    pub signed_in: When,
    /// When it was last used.
    pub last_seen: When,
    /// The one that looks at the page.
    pub current: bool,
}

impl SessionLine {
    fn ending(&self) -> Message {
        Message::new("session-sign-out")
            .with("device", self.device.clone())
            .with("when", self.last_seen.ago.clone())
    }
}

/// `/account/sessions`.
#[derive(Debug, Clone, Template)]
#[template(path = "pages/account_sessions.html")]
pub struct AccountSessions {
    /// See [`Frame`].
    pub frame: Frame,
    /// See [`NavLink`].
    pub nav: Vec<NavLink>,
    /// What has just been done.
    pub notice: Option<Message>,
    /// Where the form posts `end` (an id, or `others`) and `csrf`.
    pub action: String,
    /// Token of the hidden `csrf` field.
    pub csrf: String,
    /// The list.
    pub sessions: Vec<SessionLine>,
    /// How many there are beside the present one, on all pages.
    pub others: usize,
    /// See [`Pager`].
    pub pager: Option<Pager>,
    /// Whether ending one asks for the password first.
    pub asks_password: bool,
}

/// An app in the list.
#[derive(Debug, Clone)]
pub struct AppLine {
    /// Who.
    pub app: App,
    /// What it may do, in words.
    pub permissions: Vec<Permission>,
    /// Since when.
    pub since: When,
    /// When it last fetched tokens.
    pub last_used: Option<When>,
    /// Where it begins a sign-in by itself, if it can be told to.
    pub open_href: Option<String>,
    /// Where access is taken back.
    pub href: String,
}

impl AppLine {
    fn removal(&self) -> Message {
        Message::new("app-remove-of").with("app", self.app.name.as_str())
    }
}

/// `/account/apps`.
#[derive(Debug, Clone, Template)]
#[template(path = "pages/account_apps.html")]
pub struct AccountApps {
    /// See [`Frame`].
    pub frame: Frame,
    /// See [`NavLink`].
    pub nav: Vec<NavLink>,
    /// What has just been done.
    pub notice: Option<Message>,
    /// The list.
    pub apps: Vec<AppLine>,
    /// See [`Pager`].
    pub pager: Option<Pager>,
}

/// `/account/apps/{client_id}`: take access back?
#[derive(Debug, Clone, Template)]
#[template(path = "pages/account_app.html")]
pub struct AccountApp {
    /// See [`Frame`].
    pub frame: Frame,
    /// See [`NavLink`].
    pub nav: Vec<NavLink>,
    /// Which app.
    pub line: AppLine,
    /// It never asks, because the operator vouches for it.
    pub trusted: bool,
    /// Where the form goes.
    pub action: String,
    /// Token of the hidden `csrf` field.
    pub csrf: String,
    /// Back to the list.
    pub back_href: String,
}
