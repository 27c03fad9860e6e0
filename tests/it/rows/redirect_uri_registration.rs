//! RU-03 to RU-09: what can never be registered as a redirect URI, and what the registrant is told.

use portcullis::protocol::redirect_uri::{RedirectUri, RedirectUriError as E};

fn assert_refused(error: E, uris: &[&str]) {
    for uri in uris {
        assert_eq!(RedirectUri::register(uri), Err(error), "{}", uri.escape_debug());
    }
}

#[test]
fn ru_03_wildcards_cannot_be_registered() {
    assert_refused(
        E::Wildcard,
        &[
            "https://app.example/*",
            "https://*.example/cb",
            "https://app.example/cb?x=*",
            "*",
            "https://*",
            "com.example.app:/*",
        ],
    );
}

#[test]
fn ru_04_schemes_that_run_code_or_read_files_cannot_be_registered() {
    assert_refused(
        E::Scheme,
        &[
            "javascript:alert(1)",
            "vbscript:msgbox(1)",
            "file:///etc/passwd",
            "blob:https://app.example/1",
            "ftp://app.example/cb",
            "about:blank",
            "ws://app.example/cb",
            "wss://app.example/cb",
            "view-source:https://app.example/cb",
            "mailto:a.b",
            "urn:ietf:wg:oauth:2.0:oob",
        ],
    );
    for uri in [
        "JaVaScRiPt:alert(1)",
        "JAVASCRIPT:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "data:text/html;base64,PHNjcmlwdD4",
        "java\nscript:alert(1)",
        "java\tscript:alert(1)",
        " javascript:alert(1)",
        "\u{1}javascript:alert(1)",
    ] {
        assert!(RedirectUri::register(uri).is_err(), "{}", uri.escape_debug());
    }
}

#[test]
fn ru_05_http_is_for_loopback_only() {
    assert_refused(
        E::InsecureHttp,
        &[
            "http://app.example/cb",
            "http://localhost.evil.example/cb",
            "http://evil.localhost/cb",
            "http://127.0.0.1.evil.example/cb",
            "http://10.0.0.1/cb",
            "http://0.0.0.0/cb",
            "http://[::]/cb",
            "http://[::ffff:7f00:1]/cb",
        ],
    );
    for uri in [
        "http://localhost/cb",
        "http://127.0.0.1/cb",
        "http://[::1]/cb",
        "http://127.0.0.1:8000/cb",
    ] {
        assert!(RedirectUri::register(uri).is_ok(), "{uri}");
    }
}

#[test]
fn ru_06_fragments_cannot_be_registered() {
    assert_refused(
        E::Fragment,
        &[
            "https://app.example/cb#x",
            "https://app.example/cb#",
            "https://app.example/cb?a=1#",
            "#",
            "com.example.app:/cb#",
        ],
    );
}

#[test]
fn ru_07_what_is_no_absolute_uri_cannot_be_registered() {
    assert_refused(
        E::Malformed,
        &[
            "",
            " ",
            "/cb",
            "cb",
            "//app.example/cb",
            "https://",
            "https:///cb",
            "https:cb",
            "https:/app.example/cb",
            "https://app.example:99999/cb",
            "https://app.example:/cb",
            "https://app.example:443/cb",
            "https://APP.example/cb",
            "HTTPS://app.example/cb",
            "https://app.example/a/../cb",
            "https://app.example/./cb",
            "https://app.example\\cb",
            "https://app.example/c b",
            "https://app.example/cb\n",
            "https://app.example/\"",
            "https://app.example/<cb>",
            "https://äpp.example/cb",
            "https://app.example/ä",
            "https://[app.example]/cb",
            "https://0x7f000001/cb",
            "https://2130706433/cb",
            "null",
        ],
    );
    assert_refused(E::TooLong, &[&format!("https://app.example/{}", "a".repeat(64 * 1024))]);
    let prefix = "https://app.example/";
    let longest = format!("{prefix}{}", "a".repeat(RedirectUri::MAX_LEN - prefix.len()));
    assert!(RedirectUri::register(&longest).is_ok());
    assert_refused(E::TooLong, &[&format!("{longest}a")]);
}

#[test]
fn ru_08_private_schemes_are_reverse_domain_names() {
    assert_refused(E::Scheme, &["myapp:/cb", "myapp://cb", "app-1:/cb"]);
    assert!(RedirectUri::register("com.example.app:/cb").is_ok());
}

#[test]
fn ru_09_user_info_cannot_be_registered() {
    assert_refused(
        E::UserInfo,
        &[
            "https://u:p@app.example/cb",
            "https://u@app.example/cb",
            "https://@app.example/cb",
            "https://:@app.example/cb",
            "https://app.example@evil.example/cb",
        ],
    );
}
