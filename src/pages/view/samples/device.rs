//! The pages about devices.

use super::{CSRF, MARKUP, accounts, ada, app, frame, hostile_apps, hostile_frame, long, permissions, plain_app};
use crate::pages::text::Message;
use crate::pages::view::{Account, App, DeviceConfirm, DeviceEntry, DeviceEntryError, DeviceOrigin};

impl DeviceEntry {
    /// First visit, from a link, each error, and hostile values.
    pub fn samples() -> Vec<Self> {
        let fresh = Self {
            frame: frame(),
            action: "/device".to_owned(),
            csrf: CSRF.to_owned(),
            user_code: String::new(),
            error: None,
        };
        let linked = Self {
            user_code: "WDJB-MJHT".to_owned(),
            ..fresh.clone()
        };
        let mut samples = vec![fresh.clone(), linked.clone()];
        samples.extend(DeviceEntryError::ALL.map(|error| Self {
            error: Some(error),
            ..linked.clone()
        }));
        samples.extend([MARKUP.to_owned(), long()].map(|user_code| Self {
            frame: hostile_frame(MARKUP),
            action: MARKUP.to_owned(),
            csrf: MARKUP.to_owned(),
            user_code,
            error: Some(DeviceEntryError::WrongCode),
        }));
        samples
    }
}

impl DeviceConfirm {
    /// A device beside the person, one elsewhere, one of which little is known, and hostile values.
    pub fn samples() -> Vec<Self> {
        let usual = Self {
            frame: frame(),
            action: "/device/01/confirm".to_owned(),
            csrf: CSRF.to_owned(),
            app: app(),
            anybody: false,
            account: ada(),
            switch_href: "/device/01/login".to_owned(),
            user_code: "WDJB-MJHT".to_owned(),
            origin: DeviceOrigin {
                device: Message::verbatim("Safari on a TV"),
                address: Some("203.0.113.5".to_owned()),
                asked: Message::new("just-now"),
                elsewhere: false,
            },
            permissions: permissions(&[
                ("See your name and picture", "profile"),
                ("Stay connected while you are away", "offline_access"),
            ]),
        };
        let elsewhere = Self {
            anybody: true,
            origin: DeviceOrigin {
                device: Message::verbatim("curl on Linux"),
                address: Some("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff".to_owned()),
                asked: Message::new("ago-minutes").with("count", 9_i64),
                elsewhere: true,
            },
            ..usual.clone()
        };
        let bare = Self {
            app: plain_app(),
            origin: DeviceOrigin {
                device: Message::new("browser-unknown"),
                address: None,
                ..usual.origin.clone()
            },
            permissions: Vec::new(),
            ..usual.clone()
        };
        let mut samples = vec![usual, elsewhere.clone(), bare];
        samples.extend(Self::hostile_samples(&elsewhere));
        samples
    }

    fn hostile_samples(like: &Self) -> Vec<Self> {
        let people = accounts().into_iter().rev();
        let hostile = |(app, account): (App, Account)| Self {
            frame: hostile_frame(&app.name),
            action: MARKUP.to_owned(),
            csrf: MARKUP.to_owned(),
            switch_href: MARKUP.to_owned(),
            user_code: MARKUP.to_owned(),
            origin: DeviceOrigin {
                device: Message::verbatim(app.name.as_str()),
                address: Some(app.name.clone()),
                asked: Message::verbatim(MARKUP),
                elsewhere: true,
            },
            permissions: permissions(&[(&app.name, &app.name), (MARKUP, MARKUP)]),
            app,
            account,
            ..like.clone()
        };
        hostile_apps().into_iter().zip(people).map(hostile).collect()
    }
}
