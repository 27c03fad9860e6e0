//! Every page filled with realistic and with hostile values, for the test that renders them all.

mod account;
mod device;

use super::{
    Account, AccountChoice, App, AppAbout, Back, Consent, DeviceConfirm, DeviceEntry, ErrorPage, Finished, FormPost,
    Frame, Home, LanguageLink, Login, LoginError, Message, Page, Permission, SelectAccount, SignOut, SignedOut,
    SignedOutFrames,
};
use crate::pages::text::Language;

const MARKUP: &str = r#""><svg onload=alert(1)>"#;
const OVERRIDE: &str = "\u{202e}knab ruoy\u{2066} Photos";
const CSRF: &str = "c2FtcGxlLWNzcmYtdG9rZW4";

/// A sample of a page in one language, as it is sent.
pub struct Rendered {
    /// The name of its template.
    pub name: &'static str,
    /// The language.
    pub language: Language,
    /// The document.
    pub html: String,
}

/// Renders every sample of every page in every language.
pub fn render_all_samples() -> Vec<Rendered> {
    let mut pages = Vec::new();
    render("login", &Login::samples(), &mut pages);
    render("consent", &Consent::samples(), &mut pages);
    render("device_entry", &DeviceEntry::samples(), &mut pages);
    render("device_confirm", &DeviceConfirm::samples(), &mut pages);
    render("select_account", &SelectAccount::samples(), &mut pages);
    render("error", &ErrorPage::samples(), &mut pages);
    render("home", &Home::samples(), &mut pages);
    render("sign_out", &SignOut::samples(), &mut pages);
    render("signed_out", &SignedOut::samples(), &mut pages);
    render("signed_out_frames", &SignedOutFrames::samples(), &mut pages);
    render("finished", &Finished::samples(), &mut pages);
    render("form_post", &FormPost::samples(), &mut pages);
    account::render_samples(&mut pages);
    pages
}

fn render<T: Page + Clone>(name: &'static str, samples: &[T], pages: &mut Vec<Rendered>) {
    for sample in samples {
        for language in Language::all() {
            let mut page = sample.clone();
            page.frame_mut().language = language;
            let html = page.render().expect("strings always render");
            pages.push(Rendered { name, language, html });
        }
    }
}

fn long() -> String {
    "Extraordinarily-long-unbroken-".repeat(12)
}

fn frame() -> Frame {
    Frame {
        language: Language::english(),
        languages: Language::all()
            .map(|language| LanguageLink {
                name: language.name(),
                tag: language.tag(),
                href: format!("/login?to=apps&lang={}", language.tag()),
                current: language == Language::english(),
            })
            .collect(),
        stylesheet_href: "/static/portcullis.css".to_owned(),
        icon_href: "/static/portcullis.svg".to_owned(),
        product: "Portcullis".to_owned(),
    }
}

fn hostile_frame(product: &str) -> Frame {
    Frame {
        product: product.to_owned(),
        ..frame()
    }
}

fn app() -> App {
    App {
        name: "Photo Garden".to_owned(),
        host: Some("photos.example.com".to_owned()),
        logo_href: Some("/static/demo-app.png".to_owned()),
    }
}

fn plain_app() -> App {
    App {
        name: "Invoice Desk".to_owned(),
        host: None,
        logo_href: None,
    }
}

fn hostile_app(name: &str) -> App {
    App {
        name: name.to_owned(),
        host: Some(format!("{name}.example")),
        logo_href: None,
    }
}

fn hostile_apps() -> [App; 3] {
    [hostile_app(MARKUP), hostile_app(OVERRIDE), hostile_app(&long())]
}

fn account(display: &str, detail: &str) -> Account {
    Account {
        display: display.to_owned(),
        detail: detail.to_owned(),
    }
}

fn ada() -> Account {
    account("Ada Lovelace", "ada@example.com")
}

fn accounts() -> Vec<Account> {
    vec![
        ada(),
        account("محمد", "mohammed@example.com"),
        account("alice", ""),
        account(OVERRIDE, MARKUP),
        account(&long(), &long()),
    ]
}

fn permissions(texts: &[(&str, &str)]) -> Vec<Permission> {
    texts
        .iter()
        .map(|(text, scope)| Permission {
            text: Message::verbatim(*text),
            scope: (*scope).to_owned(),
        })
        .collect()
}

/// A client that nobody has looked at, with everything that it can say.
fn about() -> AppAbout {
    AppAbout {
        unchecked: true,
        client_href: Some("https://photos.example/".to_owned()),
        policy_href: Some("https://photos.example/privacy".to_owned()),
        tos_href: Some("https://photos.example/terms".to_owned()),
    }
}

impl Login {
    /// First visit, each error, confirmation, and names from hostile clients.
    pub fn samples() -> Vec<Self> {
        let fresh = Self {
            frame: frame(),
            action: "/login?interaction=01".to_owned(),
            csrf: CSRF.to_owned(),
            app: Some(app()),
            about: about(),
            username: String::new(),
            reauth: false,
            error: None,
        };
        let confirm = Self {
            username: "ada@example.com".to_owned(),
            reauth: true,
            ..fresh.clone()
        };
        let mut samples = vec![
            fresh.clone(),
            Self {
                app: None,
                ..fresh.clone()
            },
            Self {
                app: Some(plain_app()),
                ..fresh.clone()
            },
            confirm,
        ];
        samples.extend(LoginError::ALL.map(|error| Self {
            username: "ada".to_owned(),
            error: Some(error),
            ..fresh.clone()
        }));
        samples.extend(hostile_apps().map(|app| Self {
            frame: hostile_frame(&app.name),
            action: MARKUP.to_owned(),
            csrf: MARKUP.to_owned(),
            username: app.name.clone(),
            app: Some(app),
            ..fresh.clone()
        }));
        samples
    }
}

impl Consent {
    /// A usual request, one for sign-in alone, and hostile clients.
    pub fn samples() -> Vec<Self> {
        let usual = Self {
            frame: frame(),
            action: "/consent?interaction=01".to_owned(),
            csrf: CSRF.to_owned(),
            app: app(),
            about: about(),
            account: ada(),
            permissions: permissions(&[
                ("See your name and picture", "profile"),
                ("See your e-mail address", "email"),
                ("Read and organise your albums", "albums:write"),
                ("Stay connected while you are away", "offline_access"),
            ]),
            remembered: true,
            switch_href: "/login?switch=1".to_owned(),
        };
        let bare = Self {
            app: plain_app(),
            permissions: Vec::new(),
            remembered: false,
            ..usual.clone()
        };
        let mut samples = vec![usual.clone(), bare];
        samples.extend(
            hostile_apps()
                .into_iter()
                .zip(accounts().into_iter().rev())
                .map(|(app, account)| Self {
                    frame: hostile_frame(&app.name),
                    permissions: permissions(&[
                        (&app.name, &app.name),
                        (MARKUP, MARKUP),
                        ("Read your files", "files:read"),
                    ]),
                    switch_href: MARKUP.to_owned(),
                    app,
                    account,
                    ..usual.clone()
                }),
        );
        samples
    }
}

impl SelectAccount {
    /// Two accounts, and every kind of name at once.
    pub fn samples() -> Vec<Self> {
        let choices = |accounts: Vec<Account>| {
            let numbered = accounts.into_iter().enumerate();
            numbered
                .map(|(n, account)| AccountChoice {
                    id: format!("account-{n}"),
                    account,
                })
                .collect::<Vec<_>>()
        };
        let two = Self {
            frame: frame(),
            action: "/select-account?interaction=01".to_owned(),
            csrf: CSRF.to_owned(),
            app: app(),
            accounts: choices(vec![ada(), account("Charles Babbage", "charles@example.com")]),
        };
        let mut all = choices(accounts());
        all.push(AccountChoice {
            id: MARKUP.to_owned(),
            account: ada(),
        });
        vec![
            two.clone(),
            Self {
                app: hostile_app(OVERRIDE),
                accounts: all,
                ..two
            },
        ]
    }
}

impl ErrorPage {
    /// A broken link from an app, one that may be tried again, and values that an attacker chose.
    pub fn samples() -> Vec<Self> {
        let broken = Self {
            frame: frame(),
            heading: Message::new("error-request"),
            message: Message::new("error-request-advice"),
            developer_hint: Some(Message::new("hint-redirect-uri-unregistered")),
            reference: "01K6ZP3QW8".to_owned(),
        };
        let expired = Self {
            heading: Message::new("error-no-interaction"),
            message: Message::new("error-no-interaction-advice"),
            developer_hint: None,
            ..broken.clone()
        };
        let hostile = |text: &str| Self {
            heading: Message::verbatim(text),
            message: Message::verbatim(text),
            developer_hint: Some(Message::verbatim(text)),
            reference: text.to_owned(),
            ..broken.clone()
        };
        vec![
            broken.clone(),
            expired,
            hostile(MARKUP),
            hostile(OVERRIDE),
            hostile(&long()),
        ]
    }
}

impl Home {
    /// Signed out, and every kind of name signed in.
    pub fn samples() -> Vec<Self> {
        let signed_out = Self {
            frame: frame(),
            user: None,
            csrf: CSRF.to_owned(),
            sign_out_action: "/sign-out".to_owned(),
            account_href: "/account".to_owned(),
            sign_in_href: "/login".to_owned(),
            apps: Vec::new(),
        };
        let mut samples: Vec<_> = accounts()
            .into_iter()
            .map(|user| Self {
                user: Some(user),
                apps: vec![("Photos".to_owned(), "https://photos.example/login?iss=x".to_owned())],
                ..signed_out.clone()
            })
            .collect();
        samples.push(signed_out);
        samples
    }
}

impl SignOut {
    /// Every kind of name.
    pub fn samples() -> Vec<Self> {
        let sample = |account| Self {
            frame: frame(),
            action: "/sign-out".to_owned(),
            csrf: CSRF.to_owned(),
            account,
            app: None,
            fields: Vec::new(),
        };
        let mut samples: Vec<_> = accounts().into_iter().map(sample).collect();
        samples.extend([app(), plain_app()].into_iter().chain(hostile_apps()).map(|app| Self {
            app: Some(app),
            fields: vec![("state".to_owned(), MARKUP.to_owned())],
            ..sample(ada())
        }));
        samples
    }
}

impl SignedOut {
    /// With and without an app to return to, and a server with a hostile name.
    pub fn samples() -> Vec<Self> {
        let back = |name: &str| {
            Some(Back {
                name: name.to_owned(),
                href: "https://photos.example.com/bye?a=1&b=2".to_owned(),
            })
        };
        let sample = |back| Self { frame: frame(), back };
        vec![
            sample(None),
            sample(back("Photo Garden")),
            sample(back(MARKUP)),
            Self {
                frame: hostile_frame(MARKUP),
                back: None,
            },
        ]
    }
}

impl SignedOutFrames {
    /// With and without an app to return to.
    pub fn samples() -> Vec<Self> {
        let sample = |back| Self {
            frame: frame(),
            addresses: vec!["https://photos.example.com/out?a=1&sid=2".to_owned()],
            back,
            patience: 5,
        };
        let back = |name: &str| Back {
            name: name.to_owned(),
            href: format!("https://photos.example.com/bye?state={MARKUP}"),
        };
        vec![
            sample(None),
            sample(Some(back("Photo Garden"))),
            sample(Some(back(MARKUP))),
        ]
    }
}

impl Finished {
    /// An answer given twice, and hostile text.
    pub fn samples() -> Vec<Self> {
        let sample = |heading: &str, message: &str| Self {
            frame: frame(),
            heading: Message::verbatim(heading),
            message: Message::verbatim(message),
        };
        vec![
            Self {
                frame: frame(),
                heading: Message::new("device-connected"),
                message: Message::new("device-connected-lead").with("app", MARKUP),
            },
            sample(MARKUP, OVERRIDE),
            sample(&long(), &long()),
        ]
    }
}

impl FormPost {
    /// A code with its state, and an answer that tries to break out of its field.
    pub fn samples() -> Vec<Self> {
        let sample = |fields: &[(&str, &str)]| Self {
            frame: frame(),
            action: "https://photos.example.com/cb?a=1&b=2".to_owned(),
            fields: fields
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        };
        vec![
            sample(&[
                ("code", "pc_ac_sample"),
                ("state", "af0ifjsldkj"),
                ("iss", "https://id.example.com"),
            ]),
            sample(&[
                ("state", MARKUP),
                ("error_description", "</script><script>alert(1)</script>"),
                ("submit", "x"),
            ]),
        ]
    }
}
