//! A browser in words, from what it says of itself. For people who look for the one that is not theirs: only names from the
//! lists below are ever shown, so nobody can make a browser call itself anything.

use super::text::Message;

/// What is told of a program or a system.
#[derive(Clone, Copy)]
enum Name {
    /// A name that is the same in every language.
    Brand(&'static str),
    /// A program in this language.
    Program(&'static str),
    /// An app on this system.
    App(&'static str),
    /// A television.
    Tv,
}

use Name::{App, Brand, Program, Tv};

/// What stands in a `User-Agent`, and the program behind it; the first that fits. Browsers name those that they are built
/// on as well, so these come last.
const PROGRAMS: &[(&str, Name)] = &[
    ("Edg", Brand("Edge")),
    ("OPR/", Brand("Opera")),
    ("OPX/", Brand("Opera")),
    ("Opera", Brand("Opera")),
    ("SamsungBrowser/", Brand("Samsung Internet")),
    ("Vivaldi/", Brand("Vivaldi")),
    ("YaBrowser/", Brand("Yandex Browser")),
    ("DuckDuckGo/", Brand("DuckDuckGo")),
    ("Ddg/", Brand("DuckDuckGo")),
    ("Firefox/", Brand("Firefox")),
    ("FxiOS/", Brand("Firefox")),
    ("CriOS/", Brand("Chrome")),
    ("Chromium/", Brand("Chromium")),
    ("Chrome/", Brand("Chrome")),
    ("MSIE ", Brand("Internet Explorer")),
    ("Trident/", Brand("Internet Explorer")),
    ("Safari/", Brand("Safari")),
    ("curl/", Brand("curl")),
    ("Wget/", Brand("Wget")),
    ("python-requests/", Program("Python")),
    ("Python-urllib/", Program("Python")),
    ("aiohttp/", Program("Python")),
    ("Go-http-client/", Program("Go")),
    ("reqwest/", Program("Rust")),
    ("okhttp/", App("Android")),
    ("Dalvik/", App("Android")),
    ("CFNetwork/", App("Apple")),
    ("node-fetch", Program("Node.js")),
    ("undici", Program("Node.js")),
    ("axios/", Program("Node.js")),
];

/// The same for what it runs on. Televisions and phones name Linux as well.
const SYSTEMS: &[(&str, Name)] = &[
    ("iPhone", Brand("iPhone")),
    ("iPad", Brand("iPad")),
    ("AppleTV", Brand("Apple TV")),
    ("Apple TV", Brand("Apple TV")),
    ("PlayStation", Brand("PlayStation")),
    ("Xbox", Brand("Xbox")),
    ("Nintendo", Brand("Nintendo")),
    ("SMART-TV", Tv),
    ("SmartTV", Tv),
    ("Smart TV", Tv),
    ("Web0S", Tv),
    ("GoogleTV", Tv),
    ("Android TV", Tv),
    ("BRAVIA", Tv),
    ("AFT", Tv),
    ("Tizen", Tv),
    ("Windows", Brand("Windows")),
    ("Android", Brand("Android")),
    ("CrOS", Brand("ChromeOS")),
    ("Macintosh", Brand("macOS")),
    ("Mac OS X", Brand("macOS")),
    ("Darwin", Brand("macOS")),
    ("FreeBSD", Brand("FreeBSD")),
    ("OpenBSD", Brand("OpenBSD")),
    ("Linux", Brand("Linux")),
    ("X11", Brand("Linux")),
];

/// “Firefox on Linux”; “Unknown browser on Linux”; “Unknown device” for what says nothing known.
pub fn device_name(user_agent: Option<&str>) -> Message {
    let text = user_agent.unwrap_or_default();
    let known = |list: &[(&str, Name)]| {
        let found = list.iter().find(|(mark, _)| text.contains(mark));
        found.map(|(_, name)| name.message())
    };
    match (known(PROGRAMS), known(SYSTEMS)) {
        (Some(program), Some(system)) => Message::new("browser-on")
            .with("program", program)
            .with("system", system),
        (Some(program), None) => program,
        (None, Some(system)) => Message::new("browser-unknown-on").with("system", system),
        (None, None) => Message::new("browser-unknown"),
    }
}

impl Name {
    fn message(self) -> Message {
        match self {
            Brand(name) => Message::verbatim(name),
            Program(language) => Message::new("browser-program").with("language", language),
            App(system) => Message::new("browser-app").with("system", system),
            Tv => Message::new("browser-tv"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::text::Language;

    fn device_name(user_agent: Option<&str>) -> String {
        Language::english().text(super::device_name(user_agent))
    }

    const CASES: &[(&str, &str)] = &[
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "Firefox on Linux",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
            "Chrome on Windows",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
            "Safari on macOS",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 OPR/120.0",
            "Opera on macOS",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
            "Safari on iPhone",
        ),
        (
            "Mozilla/5.0 (iPad; CPU OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/140.0 Mobile/15E148 Safari/604.1",
            "Chrome on iPad",
        ),
        (
            "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36",
            "Chrome on Android",
        ),
        (
            "Mozilla/5.0 (Linux; Android 14; SM-S921B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
            "Samsung Internet on Android",
        ),
        (
            "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0",
            "Firefox on Android",
        ),
        (
            "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
            "Chrome on ChromeOS",
        ),
        (
            "Mozilla/5.0 (SMART-TV; LINUX; Tizen 8.0) AppleWebKit/537.36 (KHTML, like Gecko) Version/8.0 TV Safari/537.36",
            "Safari on a TV",
        ),
        (
            "Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/108.0.0.0 Safari/537.36",
            "Chrome on a TV",
        ),
        ("curl/8.14.1", "curl"),
        ("python-requests/2.32.4", "A Python program"),
        ("okhttp/5.0.0 Android", "An Android app on Android"),
        ("Mozilla/5.0 (X11; Linux x86_64)", "Unknown browser on Linux"),
        ("Test Browser/1.0", "Unknown device"),
    ];

    #[test]
    fn browsers_and_systems_are_told_apart() {
        for (user_agent, words) in CASES {
            assert_eq!(device_name(Some(user_agent)), *words, "{user_agent}");
        }
    }

    #[test]
    fn what_a_browser_calls_itself_is_never_shown() {
        assert_eq!(device_name(None), "Unknown device");
        for hostile in [
            "",
            "\"><script>",
            "Your bank (trusted)",
            "\u{202e}xoferiF",
            &"x".repeat(10_000),
        ] {
            assert_eq!(device_name(Some(hostile)), "Unknown device");
        }
        assert_eq!(device_name(Some("<b>Firefox/1</b> Linux")), "Firefox on Linux");
    }
}
