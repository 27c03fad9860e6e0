//! The pages about a device that asks to be let in (RFC 8628 §3.3).

use askama::Template;

use super::{Account, App, Frame, Permission};

/// Enter the code that the device shows.
#[derive(Debug, Clone, Template)]
#[template(path = "pages/device_entry.html")]
pub struct DeviceEntry {
    /// See [`Frame`].
    pub frame: Frame,
    /// Where the form posts `user_code` and `csrf`.
    pub action: String,
    /// Token of the hidden `csrf` field.
    pub csrf: String,
    /// What to fill in: the code of a link that the device showed, or what was typed before.
    pub user_code: String,
    /// Why the code was not taken.
    pub error: Option<DeviceEntryError>,
}

/// Why the form for a user code is shown again. One text for a code that is wrong, expired or used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceEntryError {
    /// No device waits under this code.
    WrongCode,
    /// Too many codes were tried.
    TooMany,
    /// The form's token does not belong to this browser.
    FormStale,
}

impl DeviceEntryError {
    /// All of them, for the tests.
    pub const ALL: [Self; 3] = [Self::WrongCode, Self::TooMany, Self::FormStale];

    /// One sentence for the person.
    pub fn what_happened(self) -> &'static str {
        match self {
            Self::WrongCode => "No device is waiting under this code.",
            Self::TooMany => "Too many codes were tried.",
            Self::FormStale => "This page was out of date.",
        }
    }

    /// The next step, always something that this page offers.
    pub fn what_to_do(self) -> &'static str {
        match self {
            Self::WrongCode => {
                "Compare it with your device. Codes work once and only for some minutes; start again there for a new one."
            }
            Self::TooMany => "Wait a few minutes, then try again.",
            Self::FormStale => "Enter the code again. If this repeats, allow cookies for this site.",
        }
    }
}

impl DeviceEntry {
    fn code_refused(&self) -> bool {
        self.error == Some(DeviceEntryError::WrongCode)
    }
}

/// Is this your device, and may it do these things with your account?
#[derive(Debug, Clone, Template)]
#[template(path = "pages/device_confirm.html")]
pub struct DeviceConfirm {
    /// See [`Frame`].
    pub frame: Frame,
    /// Where the form posts `decision` (`allow` or `deny`) and `csrf`.
    pub action: String,
    /// Token of the hidden `csrf` field.
    pub csrf: String,
    /// The app on the device.
    pub app: App,
    /// Any program can pass for this app: it proves itself by nothing.
    pub anybody: bool,
    /// Whose account it is about.
    pub account: Account,
    /// "Not you?"
    pub switch_href: String,
    /// The code, to compare with the device.
    pub user_code: String,
    /// Where the request came from, and when.
    pub origin: DeviceOrigin,
    /// What is asked for; may be empty.
    pub permissions: Vec<Permission>,
}

/// Where a device's request came from, in words.
#[derive(Debug, Clone)]
pub struct DeviceOrigin {
    /// The kind of device, as far as it says.
    pub device: String,
    /// Its address on the network; `None` where none is known.
    pub address: Option<String>,
    /// How long ago it asked.
    pub asked: String,
    /// It is on another network than the person.
    pub elsewhere: bool,
}

/// How long ago, in words.
pub fn ago(seconds: i64) -> String {
    match seconds {
        ..45 => "just now".to_owned(),
        45..90 => "a minute ago".to_owned(),
        _ => format!("{} minutes ago", (seconds + 30) / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::ago;

    #[test]
    fn moments_in_words() {
        for (seconds, words) in [
            (-3, "just now"),
            (0, "just now"),
            (44, "just now"),
            (45, "a minute ago"),
            (89, "a minute ago"),
            (90, "2 minutes ago"),
            (149, "2 minutes ago"),
            (150, "3 minutes ago"),
            (600, "10 minutes ago"),
        ] {
            assert_eq!(ago(seconds), words, "{seconds}");
        }
    }
}
