//! `display` (OpenID Connect Core §3.1.2.1).

use super::wire_enum;

wire_enum! {
    /// How a client would like the pages to be shown. They are one plain form each that suits all four, so a value decides
    /// nothing, and one that is not defined is no reason to refuse.
    Display {
        /// A full page.
        Page = "page",
        /// A small window.
        Popup = "popup",
        /// A device that is touched.
        Touch = "touch",
        /// A feature phone.
        Wap = "wap",
    }
}
