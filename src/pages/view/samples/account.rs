//! The pages at `/account`.

use super::{
    CSRF, MARKUP, OVERRIDE, Rendered, ada, app, frame, hostile_app, hostile_apps, long, permissions, plain_app, render,
};
use crate::pages::view::{
    AccountApp, AccountApps, AccountOverview, AccountPassword, AccountProfile, AccountSessions, App, AppLine, Entry,
    Fact, Line, LineGroup, Message, NavLink, Pager, SessionLine, When,
};

/// Renders every sample of every page.
pub fn render_samples(pages: &mut Vec<Rendered>) {
    render("account", &AccountOverview::samples(), pages);
    render("account_profile", &AccountProfile::samples(), pages);
    render("account_password", &AccountPassword::samples(), pages);
    render("account_sessions", &AccountSessions::samples(), pages);
    render("account_apps", &AccountApps::samples(), pages);
    render("account_app", &AccountApp::samples(), pages);
}

fn nav() -> Vec<NavLink> {
    let labels = [
        "account-overview",
        "account-profile",
        "account-password",
        "account-devices",
        "account-apps",
    ];
    let links = labels.into_iter().map(|label| NavLink {
        label: Message::new(label),
        href: format!("/account/{label}"),
        current: label == "account-profile",
    });
    links.collect()
}

fn when(key: &'static str, count: i64) -> When {
    When {
        ago: Message::new(key).with("count", count),
        iso: "2026-10-05T21:09:27Z".to_owned(),
        utc: Message::verbatim(MARKUP),
    }
}

fn pager(current: usize, pages: usize) -> Pager {
    let link = |page: usize| {
        (1..=pages)
            .contains(&page)
            .then(|| format!("/account/apps?page={page}"))
    };
    Pager {
        current,
        pages,
        previous_href: link(current - 1),
        next_href: link(current + 1),
    }
}

impl AccountOverview {
    /// Some entries.
    pub fn samples() -> Vec<Self> {
        let entry = |label, summary: Message| Entry {
            label: Message::new(label),
            summary,
            href: format!("/account/{label}"),
        };
        vec![Self {
            frame: frame(),
            nav: nav(),
            account: ada(),
            entries: vec![
                entry("account-profile", Message::new("profile-summary")),
                entry("account-devices", Message::new("devices-summary").with("count", 1_i64)),
                entry("account-apps", Message::verbatim(MARKUP)),
            ],
            csrf: CSRF.to_owned(),
            sign_out_action: "/logout".to_owned(),
        }]
    }
}

impl AccountProfile {
    /// Usual, after saving; refused; nothing to change; hostile values in every line.
    pub fn samples() -> Vec<Self> {
        let line = |name, value: &str, hint: Option<&'static str>, error: Option<&'static str>| Line {
            name,
            label: Message::new("field-family-name"),
            value: value.to_owned(),
            kind: "text",
            autocomplete: "off",
            hint: hint.map(Message::new),
            multiline: name == "street_address",
            wide: name == "name",
            error: error.map(Message::new),
        };
        let page = |notice, lines: Vec<Line>, values: [&str; 2]| Self {
            frame: frame(),
            nav: nav(),
            heading: Message::new("account-profile"),
            lead: Message::new("profile-lead"),
            notice,
            facts: values
                .map(|value| Fact {
                    label: Message::new("username"),
                    value: value.to_owned(),
                    verified: Some(value == "ada"),
                })
                .into(),
            contact_href: Some("/account/contact".to_owned()),
            action: "/account/profile".to_owned(),
            csrf: CSRF.to_owned(),
            groups: vec![LineGroup {
                heading: Some(Message::new("group-name")),
                lines,
            }],
        };
        let usual = page(
            Some(Message::new("notice-saved")),
            vec![line("name", "Ada Lovelace", Some("field-name-hint"), None)],
            ["ada", "ada@example.com"],
        );
        let hostile = |text: &str| {
            let lines = ["name", "street_address", "website"];
            let lines = lines.map(|name| line(name, text, None, Some("claim-not-web-address")));
            page(None, lines.into(), [text, MARKUP])
        };
        let fixed = Self {
            groups: Vec::new(),
            contact_href: None,
            ..usual.clone()
        };
        vec![
            usual,
            fixed,
            hostile(MARKUP),
            hostile("</textarea><svg>"),
            hostile(OVERRIDE),
            hostile(&long()),
        ]
    }
}

impl AccountPassword {
    /// First visit, each problem, and done.
    pub fn samples() -> Vec<Self> {
        let fresh = Self {
            frame: frame(),
            nav: nav(),
            notice: None,
            alert: None,
            action: "/account/password".to_owned(),
            csrf: CSRF.to_owned(),
            username: "ada".to_owned(),
            min_length: 8,
            current_error: None,
            new_error: None,
            repeated_error: None,
        };
        let wrong = Self {
            current_error: Some(Message::new("password-current-wrong")),
            new_error: Some(Message::new("password-too-short").with("count", 8_i64)),
            repeated_error: Some(Message::new("password-different")),
            username: MARKUP.to_owned(),
            ..fresh.clone()
        };
        let busy = Self {
            alert: Some((Message::new("password-busy"), Message::new("sign-in-busy-advice"))),
            ..fresh.clone()
        };
        let done = Self {
            notice: Some(Message::new("notice-password")),
            ..fresh.clone()
        };
        vec![fresh, wrong, busy, done]
    }
}

impl AccountSessions {
    /// This one alone, and several on a page among others.
    pub fn samples() -> Vec<Self> {
        let line = |device: &str, address: &str, current| SessionLine {
            id: MARKUP.to_owned(),
            device: Message::verbatim(device),
            address: address.to_owned(),
            signed_in: when("ago-days", 3),
            last_seen: when("just-now", 0),
            current,
        };
        let alone = Self {
            frame: frame(),
            nav: nav(),
            notice: None,
            action: "/account/sessions".to_owned(),
            csrf: CSRF.to_owned(),
            sessions: vec![line("Firefox on Linux", "203.0.113.5", true)],
            others: 0,
            pager: None,
            asks_password: false,
        };
        let several = Self {
            sessions: vec![
                line("Firefox on Linux", "203.0.113.5", true),
                line("Safari on iPhone", "2001:db8:1234:5678:9abc:def0:1234:5678", false),
                line("Unknown device", "", false),
            ],
            others: 45,
            notice: Some(Message::new("notice-session")),
            pager: Some(pager(1, 3)),
            asks_password: true,
            ..alone.clone()
        };
        vec![alone, several]
    }
}

fn app_line(app: App) -> AppLine {
    AppLine {
        permissions: permissions(&[("See your e-mail address", "email"), (&app.name, "api")]),
        app,
        since: when("ago-months", 2),
        last_used: Some(when("ago-hours", 1)),
        open_href: Some("https://photos.example/login?iss=https%3A%2F%2Fid.example".to_owned()),
        href: "/account/apps/photos".to_owned(),
    }
}

impl AccountApps {
    /// None, some on a middle page, and hostile names.
    pub fn samples() -> Vec<Self> {
        let none = Self {
            frame: frame(),
            nav: nav(),
            notice: Some(Message::new("notice-withdrawn")),
            apps: Vec::new(),
            pager: None,
        };
        let bare = AppLine {
            permissions: Vec::new(),
            last_used: None,
            ..app_line(plain_app())
        };
        let some = Self {
            apps: vec![app_line(app()), bare],
            pager: Some(pager(2, 3)),
            ..none.clone()
        };
        let hostile = Self {
            apps: hostile_apps().map(app_line).into(),
            ..none.clone()
        };
        vec![none, some, hostile]
    }
}

impl AccountApp {
    /// One that asks, one that does not, and a hostile name.
    pub fn samples() -> Vec<Self> {
        let sample = |app: App, trusted| Self {
            frame: frame(),
            nav: nav(),
            line: app_line(app),
            trusted,
            action: "/account/apps/photos".to_owned(),
            csrf: CSRF.to_owned(),
            back_href: "/account/apps".to_owned(),
        };
        vec![
            sample(app(), false),
            sample(plain_app(), true),
            sample(hostile_app(MARKUP), false),
        ]
    }
}
