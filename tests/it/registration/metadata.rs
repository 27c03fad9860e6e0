//! What may be registered: each member of RFC 7591 §2 and OpenID Connect Registration §2, on the pure function.

use portcullis::config::{RegistrationConfig, RegistrationPkce};
use portcullis::model::client::{ClientMetadata, KeySource, LogoutChannel, PkcePolicy, SubjectPolicy};
use portcullis::protocol::application_type::ApplicationType;
use portcullis::protocol::error::ErrorCode;
use portcullis::registration::{Policy, Refusal, answer, metadata};
use serde_json::{Value, json};

use super::{web, web_with, with};

fn policy() -> Policy {
    Policy::for_strangers(&RegistrationConfig::default())
}

fn read(document: &Value) -> Result<ClientMetadata, Refusal> {
    metadata::read(document.as_object().unwrap(), &policy())
}

/// Every member that is there, and what it becomes.
#[test]
fn every_member_is_registered_and_told_back() {
    let key = json!({ "keys": [
        { "kty": "OKP", "crv": "Ed25519", "kid": "1", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" },
        {
            "kty": "EC", "crv": "P-256", "kid": "2", "use": "enc",
            "x": "weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ", "y": "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck",
        },
        { "kty": "RSA", "kid": "3", "use": "enc", "n": format!("wVVV{}VQ", "VVVV".repeat(84)), "e": "AQAB" },
    ] });
    let sent = json!({
        "client_name": "The shop",
        "client_name#de": "Der Laden",
        "redirect_uris": ["https://shop.example/callback", "https://shop.example/other"],
        "response_types": ["code"],
        "grant_types": ["authorization_code", "refresh_token"],
        "application_type": "web",
        "token_endpoint_auth_method": "client_secret_post",
        "scope": "openid email offline_access",
        "contacts": ["ops@shop.example"],
        "client_uri": "https://shop.example/",
        "logo_uri": "https://shop.example/logo.png",
        "policy_uri": "https://shop.example/privacy",
        "policy_uri#de": "https://shop.example/datenschutz",
        "tos_uri": "https://shop.example/terms",
        "initiate_login_uri": "https://shop.example/login",
        "software_id": "4NRB1-0XZABZI9E6-5SM3R",
        "software_version": "2.1",
        "jwks": key,
        "id_token_signed_response_alg": "ES256",
        "id_token_encrypted_response_alg": "ECDH-ES",
        "id_token_encrypted_response_enc": "A256GCM",
        "userinfo_signed_response_alg": "EdDSA",
        "userinfo_encrypted_response_alg": "RSA-OAEP-256",
        "userinfo_encrypted_response_enc": "A128CBC-HS256",
        "request_object_signing_alg": "PS256",
        "require_signed_request_object": true,
        "request_uris": ["https://shop.example/request.jwt#abc"],
        "subject_type": "pairwise",
        "default_max_age": 3600,
        "require_auth_time": true,
        "default_acr_values": ["1"],
        "post_logout_redirect_uris": ["https://shop.example/bye"],
        "backchannel_logout_uri": "https://shop.example/backchannel",
        "backchannel_logout_session_required": true,
        "frontchannel_logout_uri": "https://shop.example/frontchannel",
        "frontchannel_logout_session_required": false,
    });
    let client = read(&sent).unwrap();
    assert_eq!(Value::Object(answer::metadata(&client)), sent);
    assert!(client.about.self_registered);
    assert_eq!(
        client.subject,
        SubjectPolicy::Pairwise {
            sector: String::new(),
            uri: None
        }
    );
    let back = LogoutChannel {
        uri: "https://shop.example/backchannel".into(),
        session_required: true,
    };
    assert_eq!(client.logout.backchannel, Some(back));
}

/// RFC 7591 §2, OpenID Connect Registration §2: what is left out.
#[test]
fn what_is_left_out_has_the_defaults_of_the_specifications() {
    let client = read(&json!({ "redirect_uris": ["https://shop.example/callback"] })).unwrap();
    let expected = json!({
        "client_name": "shop.example",
        "redirect_uris": ["https://shop.example/callback"],
        "response_types": ["code"],
        "grant_types": ["authorization_code"],
        "application_type": "web",
        "token_endpoint_auth_method": "client_secret_basic",
        "scope": "openid profile email address phone",
        "id_token_signed_response_alg": "RS256",
        "subject_type": "public",
    });
    assert_eq!(Value::Object(answer::metadata(&client)), expected);
    assert_eq!(client.pkce, PkcePolicy::Required);
    let enc = read(&web_with(
        json!({ "id_token_encrypted_response_alg": "ECDH-ES", "jwks_uri": "https://shop.example/jwks" }),
    ));
    let enc = enc.unwrap();
    assert_eq!(enc.id_token_encryption.unwrap().enc.as_str(), "A128CBC-HS256");
    assert_eq!(enc.keys, Some(KeySource::JwksUri("https://shop.example/jwks".into())));
}

#[track_caller]
fn refused(members: Value, member: &str, code: ErrorCode) {
    let document = web_with(members);
    let refusal = read(&document).expect_err(&document.to_string());
    assert_eq!((refusal.member, refusal.reason.code()), (member, code), "{document}");
}

#[test]
fn dr_02_bad_members_are_refused_by_name() {
    let name = |member: &str| -> &'static str { Box::leak(member.to_owned().into_boxed_str()) };
    let cases = [
        ("grant_types", json!("authorization_code")),
        ("grant_types", json!([])),
        ("grant_types", json!(["implicit"])),
        ("grant_types", json!([1])),
        ("response_types", json!(["token"])),
        ("response_types", json!([])),
        ("response_types", json!({})),
        ("application_type", json!("desktop")),
        ("token_endpoint_auth_method", json!("password")),
        ("token_endpoint_auth_method", json!(1)),
        ("token_endpoint_auth_signing_alg", json!("none")),
        ("jwks_uri", json!("http://shop.example/jwks")),
        ("jwks_uri", json!("https://user:pass@shop.example/jwks")),
        ("jwks", json!("{}")),
        ("jwks", json!({ "keys": [] })),
        ("jwks", json!({ "keys": ["x"] })),
        ("scope", json!(["openid"])),
        ("scope", json!("openid  email")),
        ("scope", json!("admin root")),
        ("client_name", json!(7)),
        ("contacts", json!("ops@shop.example")),
        ("contacts", json!(["a\nb"])),
        ("software_id", json!("x".repeat(300))),
        ("id_token_signed_response_alg", json!("none")),
        ("id_token_signed_response_alg", json!("HS256")),
        ("userinfo_signed_response_alg", json!("none")),
        ("id_token_encrypted_response_alg", json!("RSA1_5")),
        ("id_token_encrypted_response_enc", json!("A256GCM")),
        ("userinfo_encrypted_response_enc", json!("A256GCM")),
        ("request_object_signing_alg", json!("none")),
        ("request_object_encryption_alg", json!("RSA-OAEP-256")),
        ("request_object_encryption_enc", json!("A256GCM")),
        ("request_uris", json!(["http://shop.example/r"])),
        ("request_uris", json!("https://shop.example/r")),
        ("subject_type", json!("private")),
        ("sector_identifier_uri", json!("http://shop.example/sector")),
        ("default_max_age", json!("3600")),
        ("default_max_age", json!(-1)),
        ("default_max_age", json!(1.5)),
        ("require_auth_time", json!("true")),
        ("default_acr_values", json!("1")),
        ("default_acr_values", json!(["two words"])),
        ("initiate_login_uri", json!("http://shop.example/login")),
        ("post_logout_redirect_uris", json!(["http://shop.example/bye"])),
        ("post_logout_redirect_uris", json!(["https://shop.example/#bye"])),
        ("backchannel_logout_uri", json!("http://shop.example/out")),
        ("backchannel_logout_uri", json!("https://shop.example/out#x")),
        ("backchannel_logout_session_required", json!("yes")),
        ("frontchannel_logout_uri", json!("https://other.example/out")),
        ("frontchannel_logout_uri", json!("https://shop.example:8443/out")),
    ];
    for (member, value) in cases {
        refused(json!({ name(member): value }), member, ErrorCode::InvalidClientMetadata);
    }
    let both = json!({ "jwks": { "keys": [{ "kty": "RSA" }] }, "jwks_uri": "https://shop.example/jwks" });
    refused(both, "jwks", ErrorCode::InvalidClientMetadata);
    // What is signed or encrypted needs keys; what two hosts share needs a sector.
    refused(
        json!({ "id_token_encrypted_response_alg": "ECDH-ES" }),
        "jwks",
        ErrorCode::InvalidClientMetadata,
    );
    let signing =
        json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }] });
    refused(
        json!({ "userinfo_encrypted_response_alg": "ECDH-ES", "jwks": signing }),
        "jwks",
        ErrorCode::InvalidClientMetadata,
    );
    refused(
        json!({ "require_signed_request_object": true }),
        "jwks",
        ErrorCode::InvalidClientMetadata,
    );
}

#[test]
fn dr_03_redirect_uris_have_an_error_of_their_own() {
    for uri in BAD_URIS {
        let after_a_good_one = json!(["https://shop.example/callback", uri]);
        refused(
            json!({ "redirect_uris": after_a_good_one }),
            "redirect_uris",
            ErrorCode::InvalidRedirectUri,
        );
    }
    let private = json!({ "redirect_uris": ["com.example.app:/callback"], "application_type": "web" });
    refused(private, "redirect_uris", ErrorCode::InvalidRedirectUri);
}

const BAD_URIS: &[&str] = &[
    "https://shop.example/callback#fragment",
    "https://shop.example/*",
    "http://shop.example/callback",
    "javascript:alert(1)",
    "data:text/html,x",
    "https://user@shop.example/callback",
    "https://shop.example/callback?code=1",
];

#[test]
fn ru_07_lists_of_redirect_uris_are_read_strictly() {
    let many: Vec<_> = (0..10_000)
        .map(|number| format!("https://shop.example/{number}"))
        .collect();
    for uris in [
        json!(null),
        json!([]),
        json!("https://shop.example/callback"),
        json!({ "0": "https://shop.example/callback" }),
        json!([null]),
        json!([1]),
        json!([["https://shop.example/callback"]]),
        json!([""]),
        json!(["/callback"]),
        json!(["https:///callback"]),
        json!(["https://shop.example/callback", "/second"]),
        json!([format!("https://shop.example/{}", "x".repeat(65_536))]),
        json!(many),
    ] {
        refused(
            json!({ "redirect_uris": uris }),
            "redirect_uris",
            ErrorCode::InvalidRedirectUri,
        );
    }
}

#[test]
fn dr_04_keys_that_are_no_public_keys_are_refused() {
    for key in [
        json!({ "kty": "oct", "k": "AAAA" }),
        json!({ "kty": "oct" }),
        json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB", "d": "AQAB" }),
        json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB", "p": "AQAB" }),
        json!({ "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "d": "AA" }),
        json!({ "kty": "OKP", "crv": "Ed25519", "x": "AA", "d": "AA" }),
    ] {
        refused(
            json!({ "jwks": { "keys": [key] } }),
            "jwks",
            ErrorCode::InvalidClientMetadata,
        );
    }
}

#[test]
fn dr_05_nobody_gets_more_than_their_class() {
    let client = read(&web_with(json!({
        "scope": "openid admin api:read email",
        "grant_types": ["authorization_code", "client_credentials", "password", "refresh_token"],
    })))
    .unwrap();
    assert_eq!(client.scope.to_string(), "openid email");
    let grants: Vec<_> = client.grant_types.iter().map(|grant| grant.as_str()).collect();
    assert_eq!(grants, ["authorization_code", "refresh_token"]);
    // What RFC 7591 has no word for cannot be had by guessing ours.
    let client = read(&web_with(json!({
        "trusted": true, "consent": "trusted", "pkce": "optional", "default_audience": "https://api.example",
        "resource_server_for": ["https://api.example"], "redirect_uri_at_token": false, "self_registered": false,
    })))
    .unwrap();
    let expected = ClientMetadata {
        redirect_uris: client.redirect_uris.clone(),
        ..read(&web()).unwrap()
    };
    assert_eq!(client, expected);
}

#[test]
fn dr_06_names_cannot_disguise_themselves() {
    for name in [
        "a\u{202e}b",
        "a\u{2066}b",
        "a\nb",
        "  ",
        &"x".repeat(10_240),
        &"x".repeat(101),
    ] {
        refused(
            json!({ "client_name": name }),
            "client_name",
            ErrorCode::InvalidClientMetadata,
        );
        refused(
            json!({ "client_name#de": name }),
            "client_name",
            ErrorCode::InvalidClientMetadata,
        );
    }
    // Markup is text like any other: the pages escape it.
    assert_eq!(
        read(&web_with(json!({ "client_name": "<script>" }))).unwrap().name,
        "<script>"
    );
    refused(
        json!({ "client_name#d_e": "x" }),
        "client_name",
        ErrorCode::InvalidClientMetadata,
    );
}

#[test]
fn dr_07_links_lead_out_and_by_https_alone() {
    for member in ["client_uri", "logo_uri", "policy_uri", "tos_uri", "initiate_login_uri"] {
        for link in [
            "javascript:alert(1)",
            "data:text/html,x",
            "http://shop.example/",
            "ftp://shop.example/",
            "//shop.example/",
            "shop.example",
            "https://user:pass@shop.example/",
            "https://shop.example/\"onmouseover=",
            "https://localhost/",
            "https://x.localhost/",
            "https://127.0.0.1/",
            "https://127.1/",
            "https://10.0.0.1:8443/",
            "https://192.168.1.1/",
            "https://169.254.169.254/latest/meta-data",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://[fd00::1]/",
            "https://0x7f000001/",
        ] {
            refused(json!({ member: link }), member, ErrorCode::InvalidClientMetadata);
        }
    }
}

#[test]
fn installed_applications_may_have_private_schemes_and_loopback() {
    let kind = |uri: &str, stated: Value| {
        read(&web_with(json!({ "redirect_uris": [uri], "application_type": stated })))
            .map(|client| client.application_type)
    };
    assert_eq!(
        kind("com.example.app:/callback", Value::Null),
        Ok(ApplicationType::Native)
    );
    assert_eq!(
        kind("com.example.app:/callback", json!("native")),
        Ok(ApplicationType::Native)
    );
    assert_eq!(
        kind("http://127.0.0.1/callback", json!("native")),
        Ok(ApplicationType::Native)
    );
    assert_eq!(
        kind("https://app.example/claimed", json!("native")),
        Ok(ApplicationType::Native)
    );
    // During development.
    assert_eq!(
        kind("http://localhost:3000/callback", Value::Null),
        Ok(ApplicationType::Web)
    );
}

#[test]
fn the_configuration_decides_where_answers_may_go_and_how_clients_authenticate() {
    let config = RegistrationConfig {
        redirect_hosts: vec!["*.shop.example".parse().unwrap(), "localhost".parse().unwrap()],
        scopes: vec!["openid".into(), "notes:read".into()],
        grant_types: vec![
            "client_credentials".parse().unwrap(),
            "authorization_code".parse().unwrap(),
        ],
        auth_methods: vec!["client_secret_post".parse().unwrap()],
        pkce: RegistrationPkce::Optional,
        ..RegistrationConfig::default()
    };
    let policy = Policy::for_strangers(&config);
    let read = |members: Value| {
        let document = with(
            web_with(
                json!({ "redirect_uris": ["https://a.shop.example/cb"], "token_endpoint_auth_method": "client_secret_post" }),
            ),
            members,
        );
        metadata::read(document.as_object().unwrap(), &policy)
    };
    let client = read(json!({})).unwrap();
    assert_eq!(
        (client.pkce, client.scope.to_string()),
        (PkcePolicy::Optional, "openid notes:read".to_owned())
    );
    assert!(read(json!({ "redirect_uris": ["http://localhost:8000/cb"] })).is_ok());
    let member = |members: Value| read(members).unwrap_err().member;
    assert_eq!(
        member(json!({ "redirect_uris": ["https://a.shop.example.evil.example/cb"] })),
        "redirect_uris"
    );
    assert_eq!(
        member(json!({ "redirect_uris": ["https://shop.example/cb"] })),
        "redirect_uris"
    );
    assert_eq!(
        member(json!({ "post_logout_redirect_uris": ["https://evil.example/"] })),
        "post_logout_redirect_uris"
    );
    assert_eq!(
        member(json!({ "token_endpoint_auth_method": "none" })),
        "token_endpoint_auth_method"
    );
    assert_eq!(
        member(json!({ "token_endpoint_auth_method": null })),
        "token_endpoint_auth_method"
    );
    let service =
        read(json!({ "redirect_uris": null, "grant_types": ["client_credentials"], "response_types": [] })).unwrap();
    assert_eq!(
        service.scope.to_string(),
        "notes:read",
        "nobody signs in: nothing about people"
    );
}

#[test]
fn links_may_lead_into_a_private_network_where_people_are_sent_back_to() {
    const LINKS: [&str; 6] = [
        "client_uri",
        "logo_uri",
        "policy_uri",
        "tos_uri",
        "tos_uri#de",
        "initiate_login_uri",
    ];
    for host in ["localhost:8443", "192.168.1.1", "intranet.shop.example"] {
        for member in LINKS {
            let there = format!("https://{host}/callback?there");
            let redirect_uris = json!([format!("https://{host}/callback")]);
            let read = read(&web_with(json!({ "redirect_uris": redirect_uris, member: there }))).unwrap();
            let about = serde_json::to_value(&read.about).unwrap();
            let told = about.get(member).unwrap_or(&about["localized"][member]);
            assert_eq!(*told, *there, "{member}");
        }
    }
    for member in LINKS {
        for elsewhere in [
            "https://192.168.1.2/",
            "http://192.168.1.1/",
            "https://u:p@192.168.1.1/",
            "https://192.168.1.1/#x",
        ] {
            let changes = json!({ "redirect_uris": ["https://192.168.1.1/callback"], member: elsewhere });
            let named = member.split('#').next().unwrap();
            refused(changes, named, ErrorCode::InvalidClientMetadata);
        }
    }
}
