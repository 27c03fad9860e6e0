//! The pages about a device that asks to be let in (RFC 8628 §3.3).

use askama::Template;

use super::{Account, App, Frame, Message, Permission};

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
    pub fn what_happened(self) -> Message {
        Message::new(match self {
            Self::WrongCode => "user-code-wrong",
            Self::TooMany => "user-code-throttled",
            Self::FormStale => "form-stale",
        })
    }

    /// The next step, always something that this page offers.
    pub fn what_to_do(self) -> Message {
        Message::new(match self {
            Self::WrongCode => "user-code-wrong-advice",
            Self::TooMany => "user-code-throttled-advice",
            Self::FormStale => "user-code-stale-advice",
        })
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
    pub device: Message,
    /// Its address on the network; `None` where none is known.
    pub address: Option<String>,
    /// How long ago it asked.
    pub asked: Message,
    /// It is on another network than the person.
    pub elsewhere: bool,
}
