//! What may be registered: defaults, and how the properties of a client fit together.

use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use uuid::Uuid;

use super::about;
use super::answers;
use super::keys;
use super::options::Options;
use crate::cli::cx::Cx;
use crate::cli::text;
use crate::crypto::jwt::strict_object;
use crate::model::client::{ClientMetadata, ConsentPolicy};
use crate::protocol::client_auth_method::ClientAuthMethod as Method;
use crate::protocol::grant_type::GrantType as Grant;
use crate::protocol::ids::ClientId;
use crate::protocol::redirect_uri::RedirectUri;
use crate::protocol::scope::Scope;
use crate::registration::manage::keep_what_is_the_operators;
use crate::registration::rules::{self, unique};
use crate::registration::{self, Policy};

/// The metadata of a new client: of a file, or the defaults, under what the flags say.
pub fn new(name: Option<&str>, public: bool, options: &Options) -> anyhow::Result<ClientMetadata> {
    ensure!(
        !public || options.auth_method.iter().all(|method| *method == Method::None),
        "a public client has no secret: leave --auth-method out, or register a confidential client without --public"
    );
    let mut metadata = match &options.metadata {
        Some(file) => read(file, &Policy::for_operators())?,
        None => ClientMetadata {
            auth_methods: default_auth_methods(public),
            grant_types: default_grant_types(options),
            ..ClientMetadata::new("")
        },
    };
    if public {
        metadata.auth_methods = default_auth_methods(true);
    }
    if let Some(name) = name {
        metadata.name = checked_name(name)?;
    }
    apply(&mut metadata, options)?;
    if options.metadata.is_none() && options.scope.is_empty() {
        metadata.scope = Policy::for_operators().default_scope(&metadata.grant_types);
    }
    check(&metadata)?;
    Ok(metadata)
}

/// The metadata of `client` with that of `file` in its place, if there is one. What RFC 7591 has no word for stays.
pub fn replaced(client: &ClientMetadata, file: Option<&Path>) -> anyhow::Result<ClientMetadata> {
    let Some(file) = file else { return Ok(client.clone()) };
    let policy = Policy {
        self_registered: client.about.self_registered,
        ..Policy::for_operators()
    };
    let mut metadata = read(file, &policy)?;
    keep_what_is_the_operators(client, &mut metadata);
    Ok(metadata)
}

/// Reads a registration (RFC 7591 §2) from a file, or from standard input.
fn read(file: &Path, policy: &Policy) -> anyhow::Result<ClientMetadata> {
    const MAX: u64 = 256 * 1024;
    let shown = file.display();
    let document = strict_object(&text::read(file, MAX)?);
    let document = document.with_context(|| format!("{shown} is no JSON object in which every member occurs once"))?;
    registration::metadata::read(&document, policy).with_context(|| shown.to_string())
}

fn default_auth_methods(public: bool) -> Vec<Method> {
    if public {
        vec![Method::None]
    } else {
        vec![Method::ClientSecretBasic, Method::ClientSecretPost]
    }
}

/// People's applications have somewhere to be sent back to; services have not; a resource server asks for no tokens.
fn default_grant_types(options: &Options) -> Vec<Grant> {
    if !options.redirect_uri.is_empty() {
        vec![Grant::AuthorizationCode, Grant::RefreshToken]
    } else if options.resource_server_for.is_empty() {
        vec![Grant::ClientCredentials]
    } else {
        Vec::new()
    }
}

/// Puts what was given over `metadata`. A list that is given replaces the one that is there.
pub fn apply(metadata: &mut ClientMetadata, options: &Options) -> anyhow::Result<()> {
    if !options.redirect_uri.is_empty() {
        metadata.redirect_uris.clear();
        for uri in &options.redirect_uri {
            add_redirect_uri(metadata, uri)?;
        }
    }
    if !options.grant_type.is_empty() {
        metadata.grant_types = unique(options.grant_type.iter().copied());
    }
    if !options.scope.is_empty() {
        metadata.scope = parse_scope(&options.scope)?;
    }
    if !options.auth_method.is_empty() {
        metadata.auth_methods = unique(options.auth_method.iter().copied());
    }
    if let Some(audience) = &options.default_audience {
        metadata.default_audience = Some(text::audience(audience)?);
    }
    if !options.resource_server_for.is_empty() {
        metadata.resource_server_for = unique(options.resource_server_for.iter().cloned());
    }
    if options.trusted {
        metadata.consent = ConsentPolicy::Trusted;
    }
    if options.no_redirect_uri_at_token {
        metadata.redirect_uri_at_token = false;
    }
    keys::apply(metadata, options)?;
    metadata.pkce = options.pkce.unwrap_or(metadata.pkce);
    answers::apply(metadata, &options.answers)?;
    about::apply(metadata, &options.about)?;
    Ok(())
}

/// Registers one more redirect URI.
pub fn add_redirect_uri(metadata: &mut ClientMetadata, uri: &str) -> anyhow::Result<()> {
    let uri = RedirectUri::register(uri).with_context(|| format!("the redirect URI {uri:?} cannot be registered"))?;
    if !metadata.redirect_uris.contains(&uri) {
        metadata.redirect_uris.push(uri);
    }
    Ok(())
}

/// Takes a redirect URI away.
pub fn remove_redirect_uri(metadata: &mut ClientMetadata, uri: &str) -> anyhow::Result<()> {
    let before = metadata.redirect_uris.len();
    metadata.redirect_uris.retain(|known| known.as_str() != uri);
    ensure!(
        metadata.redirect_uris.len() < before,
        "the client has no redirect URI {uri:?}; `portcullis client show` lists them"
    );
    Ok(())
}

/// The rules that no single property shows.
pub fn check(metadata: &ClientMetadata) -> anyhow::Result<()> {
    Ok(rules::check(metadata)?)
}

/// Whether what it is the resource server of exists: a typing error would otherwise show as tokens that are never active.
pub async fn check_resource_servers(cx: &Cx, metadata: &ClientMetadata) -> anyhow::Result<()> {
    let apis = cx.store.apis().await?;
    let unknown = |audience: &&String| !apis.iter().any(|api| api.audience == **audience);
    if let Some(unknown) = metadata.resource_server_for.iter().find(unknown) {
        bail!("there is no API {unknown:?}; `portcullis api list` lists them");
    }
    Ok(())
}

/// Checks a name that people are asked to trust.
pub fn checked_name(name: &str) -> anyhow::Result<String> {
    text::label("the name of a client", name, rules::MAX_NAME)
}

/// A `client_id` that the operator chose, or a new one. One that looks like a UUID could equal the `sub` of a user, for which
/// a resource server would then take it (RFC 9068 §5).
pub fn client_id(chosen: Option<&str>) -> anyhow::Result<ClientId> {
    let drawn = || format!("app_{}", text::draw(text::BASE62, 16));
    let text = chosen.map_or_else(drawn, str::to_owned);
    let Some(id) = ClientId::parse(&text) else {
        bail!("{text:?} is not a client id: 1 to 128 characters of A-Z a-z 0-9 - . _ ~");
    };
    ensure!(
        Uuid::try_parse(&text).is_err(),
        "a client id must not be a UUID: in a token it could be taken for a user; choose a name such as notes-web"
    );
    Ok(id)
}

fn parse_scope(given: &[String]) -> anyhow::Result<Scope> {
    let text = given.join(" ");
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.is_empty() {
        return Ok(Scope::default());
    }
    Scope::parse(&words.join(" ")).map_err(|_| {
        anyhow::anyhow!(
            "{text:?} is no list of scopes: printable ASCII without quotes and backslashes, separated by spaces"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::client::PkcePolicy;
    use crate::protocol::scope::OFFLINE_ACCESS;

    fn with_redirect() -> Options {
        Options {
            redirect_uri: vec!["https://app.example/callback".into()],
            ..Options::default()
        }
    }

    #[test]
    fn an_application_and_a_service_get_the_usual_properties() {
        let app = new(Some("App"), false, &with_redirect()).unwrap();
        assert_eq!(app.grant_types, [Grant::AuthorizationCode, Grant::RefreshToken]);
        assert_eq!(
            app.scope.to_string(),
            "openid profile email address phone offline_access"
        );
        assert_eq!(app.auth_methods, [Method::ClientSecretBasic, Method::ClientSecretPost]);
        assert_eq!(app.pkce, PkcePolicy::Required);

        let service = new(Some("Service"), false, &Options::default()).unwrap();
        assert_eq!(service.grant_types, [Grant::ClientCredentials]);
        assert!(service.scope.is_empty());

        let public = new(Some("Public"), true, &with_redirect()).unwrap();
        assert_eq!(public.auth_methods, [Method::None]);
    }

    #[test]
    fn without_refresh_tokens_nothing_is_offered_offline() {
        let options = Options {
            grant_type: vec![Grant::AuthorizationCode],
            ..with_redirect()
        };
        let scope = new(Some("App"), false, &options).unwrap().scope;
        assert!(scope.contains("openid") && !scope.contains(OFFLINE_ACCESS));
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        type Case = (&'static str, bool, fn(&mut Options));
        let cases: [Case; 9] = [
            ("public service", true, |o| {
                o.grant_type = vec![Grant::ClientCredentials];
            }),
            ("public with a secret", true, |o| {
                o.auth_method = vec![Method::ClientSecretPost];
            }),
            ("none beside a secret", false, |o| {
                o.auth_method = vec![Method::None, Method::ClientSecretPost];
            }),
            ("public without PKCE", true, |o| o.pkce = Some(PkcePolicy::Optional)),
            ("code without redirect URI", false, |o| {
                o.redirect_uri.clear();
                o.grant_type = vec![Grant::AuthorizationCode];
            }),
            ("refresh alone", false, |o| o.grant_type = vec![Grant::RefreshToken]),
            ("a bad redirect URI", false, |o| {
                o.redirect_uri = vec!["http://app.example/".into()];
            }),
            ("a bad scope", false, |o| o.scope = vec!["a\"b".into()]),
            ("a bad audience", false, |o| o.default_audience = Some("notes".into())),
        ];
        for (what, public, change) in cases {
            let mut options = with_redirect();
            change(&mut options);
            assert!(new(Some("App"), public, &options).is_err(), "{what}");
        }
    }

    #[test]
    fn client_ids_are_readable_and_never_uuids() {
        let id = client_id(None).unwrap();
        assert!(id.as_str().starts_with("app_") && id.as_str().len() == 20);
        assert!(client_id(Some("notes-web")).is_ok());
        for bad in [
            "",
            "notes web",
            "notes/web",
            "018f4e9e-7b2a-7c3d-9e4f-0123456789ab",
            "018F4E9E7B2A7C3D9E4F0123456789AB",
        ] {
            assert!(client_id(Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn lists_replace_and_single_uris_come_and_go() {
        let mut metadata = new(Some("App"), false, &with_redirect()).unwrap();
        add_redirect_uri(&mut metadata, "https://app.example/two").unwrap();
        add_redirect_uri(&mut metadata, "https://app.example/two").unwrap();
        assert_eq!(metadata.redirect_uris.len(), 2);
        remove_redirect_uri(&mut metadata, "https://app.example/callback").unwrap();
        assert!(remove_redirect_uri(&mut metadata, "https://app.example/callback").is_err());
        apply(&mut metadata, &with_redirect()).unwrap();
        assert_eq!(metadata.redirect_uris[0].as_str(), "https://app.example/callback");
        assert_eq!(metadata.redirect_uris.len(), 1);
    }

    #[test]
    fn a_file_speaks_the_words_of_rfc_7591_and_flags_win_over_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("client.json");
        let with = |document: &str, change: fn(&mut Options), name| {
            std::fs::write(&file, document).unwrap();
            let mut options = Options {
                metadata: Some(file.clone()),
                ..Options::default()
            };
            change(&mut options);
            new(name, false, &options)
        };
        let document = r#"{"client_name":"App","redirect_uris":["https://app.example/cb"],"scope":"openid jobs:run",
            "grant_types":["authorization_code","client_credentials"],"token_endpoint_auth_method":"client_secret_post",
            "backchannel_logout_uri":"https://app.example/out","contacts":["ops@app.example"]}"#;
        let app = with(document, |_| {}, None).unwrap();
        assert_eq!(app.auth_methods, [Method::ClientSecretPost]);
        assert_eq!(app.scope.to_string(), "openid jobs:run", "an operator gives any scope");
        assert_eq!(app.grant_types, [Grant::AuthorizationCode, Grant::ClientCredentials]);
        assert!(!app.about.self_registered && app.logout.backchannel.is_some());
        let flags = |options: &mut Options| {
            options.trusted = true;
            options.scope = vec!["openid".into()];
        };
        let app = with(document, flags, Some("Renamed")).unwrap();
        assert_eq!(
            (app.name.as_str(), app.scope.to_string().as_str()),
            ("Renamed", "openid")
        );
        assert_eq!(app.consent, ConsentPolicy::Trusted);
        for (bad, member) in [
            (r#"{"redirect_uris":["https://app.example/cb#x"]}"#, "redirect_uris"),
            (
                r#"{"redirect_uris":["https://app.example/cb"],"tos_uri":"http://app.example/"}"#,
                "tos_uri",
            ),
            (r#"{"client_name":"a","client_name":"b"}"#, "occurs once"),
            ("[]", "occurs once"),
        ] {
            let error = format!("{:#}", with(bad, |_| {}, None).unwrap_err());
            assert!(error.contains(member) && error.contains("client.json"), "{error}");
        }

        // An update replaces what the file speaks of, and keeps what it has no words for.
        let before = ClientMetadata {
            default_audience: Some("https://api.example".into()),
            ..app
        };
        std::fs::write(&file, r#"{"redirect_uris":["https://app.example/new"]}"#).unwrap();
        let after = replaced(&before, Some(&file)).unwrap();
        assert_eq!(after.redirect_uris[0].as_str(), "https://app.example/new");
        assert_eq!(
            (after.consent, &after.default_audience),
            (ConsentPolicy::Trusted, &before.default_audience)
        );
        assert!(after.about.contacts.is_empty());
        assert_eq!(replaced(&before, None).unwrap(), before);
    }
}
