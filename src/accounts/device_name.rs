//! A browser in words, from what it says of itself. For people who look for the one that is not theirs: only names from the
//! lists below are ever shown, so nobody can make a browser call itself anything.

/// What stands in a `User-Agent`, and the program behind it; the first that fits. Browsers name those that they are built
/// on as well, so these come last.
const PROGRAMS: &[(&str, &str)] = &[
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("OPX/", "Opera"),
    ("Opera", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Vivaldi/", "Vivaldi"),
    ("YaBrowser/", "Yandex Browser"),
    ("DuckDuckGo/", "DuckDuckGo"),
    ("Ddg/", "DuckDuckGo"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("Chrome/", "Chrome"),
    ("MSIE ", "Internet Explorer"),
    ("Trident/", "Internet Explorer"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
    ("Wget/", "Wget"),
    ("python-requests/", "a Python program"),
    ("Python-urllib/", "a Python program"),
    ("aiohttp/", "a Python program"),
    ("Go-http-client/", "a Go program"),
    ("reqwest/", "a Rust program"),
    ("okhttp/", "an Android app"),
    ("Dalvik/", "an Android app"),
    ("CFNetwork/", "an Apple app"),
    ("node-fetch", "a Node.js program"),
    ("undici", "a Node.js program"),
    ("axios/", "a Node.js program"),
];

/// The same for what it runs on. Televisions and phones name Linux as well.
const SYSTEMS: &[(&str, &str)] = &[
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("AppleTV", "Apple TV"),
    ("Apple TV", "Apple TV"),
    ("PlayStation", "PlayStation"),
    ("Xbox", "Xbox"),
    ("Nintendo", "Nintendo"),
    ("SMART-TV", "a TV"),
    ("SmartTV", "a TV"),
    ("Smart TV", "a TV"),
    ("Web0S", "a TV"),
    ("GoogleTV", "a TV"),
    ("Android TV", "a TV"),
    ("BRAVIA", "a TV"),
    ("AFT", "a TV"),
    ("Tizen", "a TV"),
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Macintosh", "macOS"),
    ("Mac OS X", "macOS"),
    ("Darwin", "macOS"),
    ("FreeBSD", "FreeBSD"),
    ("OpenBSD", "OpenBSD"),
    ("Linux", "Linux"),
    ("X11", "Linux"),
];

/// “Firefox on Linux”; “Unknown browser on Linux”; “Unknown device” for what says nothing known.
pub fn device_name(user_agent: Option<&str>) -> String {
    let text = user_agent.unwrap_or_default();
    let known = |list: &[(&str, &'static str)]| {
        let found = list.iter().find(|(mark, _)| text.contains(mark));
        found.map(|(_, name)| *name)
    };
    match (known(PROGRAMS), known(SYSTEMS)) {
        (Some(program), Some(system)) => capitalised(&format!("{program} on {system}")),
        (Some(program), None) => capitalised(program),
        (None, Some(system)) => format!("Unknown browser on {system}"),
        (None, None) => "Unknown device".to_owned(),
    }
}

/// `curl` keeps its own spelling.
fn capitalised(text: &str) -> String {
    match text.strip_prefix('a') {
        Some(rest) if rest.starts_with([' ', 'n']) => format!("A{rest}"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::device_name;

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
