//! What may be registered: defaults, and how the properties of a client fit together.

use anyhow::{Context as _, bail, ensure};
use uuid::Uuid;

use super::keys;
use super::options::Options;
use crate::cli::cx::Cx;
use crate::cli::text;
use crate::model::client::{ClientMetadata, ConsentPolicy, PkcePolicy};
use crate::protocol::client_auth_method::ClientAuthMethod as Method;
use crate::protocol::grant_type::GrantType as Grant;
use crate::protocol::ids::ClientId;
use crate::protocol::redirect_uri::RedirectUri;
use crate::protocol::scope::{OFFLINE_ACCESS, OPENID_SCOPES, Scope};

/// The longest name.
const MAX_NAME: usize = 100;

/// The metadata of a new client.
pub fn new(name: &str, public: bool, options: &Options) -> anyhow::Result<ClientMetadata> {
    let mut metadata = ClientMetadata {
        auth_methods: default_auth_methods(public),
        grant_types: default_grant_types(options),
        ..ClientMetadata::new("")
    };
    ensure!(
        !public || options.auth_method.iter().all(|method| *method == Method::None),
        "a public client has no secret: leave --auth-method out, or register a confidential client without --public"
    );
    metadata.name = checked_name(name)?;
    apply(&mut metadata, options)?;
    if options.scope.is_empty() {
        metadata.scope = default_scope(&metadata.grant_types);
    }
    check(&metadata)?;
    Ok(metadata)
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

fn default_scope(grant_types: &[Grant]) -> Scope {
    let for_people = grant_types.contains(&Grant::AuthorizationCode) || grant_types.contains(&Grant::DeviceCode);
    if !for_people {
        return Scope::default();
    }
    let refreshes = grant_types.contains(&Grant::RefreshToken);
    Scope::from_tokens(OPENID_SCOPES.iter().copied()).filter(|token| refreshes || token != OFFLINE_ACCESS)
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
        metadata.grant_types = unique(&options.grant_type);
    }
    if !options.scope.is_empty() {
        metadata.scope = parse_scope(&options.scope)?;
    }
    if !options.auth_method.is_empty() {
        metadata.auth_methods = unique(&options.auth_method);
    }
    if let Some(audience) = &options.default_audience {
        metadata.default_audience = Some(text::audience(audience)?);
    }
    if !options.resource_server_for.is_empty() {
        metadata.resource_server_for = unique(&options.resource_server_for);
    }
    if options.trusted {
        metadata.consent = ConsentPolicy::Trusted;
    }
    if options.no_redirect_uri_at_token {
        metadata.redirect_uri_at_token = false;
    }
    keys::apply(metadata, options)?;
    metadata.pkce = options.pkce.unwrap_or(metadata.pkce);
    metadata.id_token_alg = options.id_token_alg.unwrap_or(metadata.id_token_alg);
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
    let may = |grant| metadata.grant_types.contains(&grant);
    let public = metadata.auth_methods.contains(&Method::None);
    ensure!(
        !public || metadata.auth_methods.len() == 1,
        "a client is public (none) or has a secret, not both"
    );
    ensure!(
        !(public && may(Grant::ClientCredentials)),
        "client_credentials needs a client that keeps a secret: a public client cannot use it (RFC 6749 section 4.4)"
    );
    ensure!(
        !public || metadata.resource_server_for.is_empty(),
        "a resource server proves who it is when it looks up tokens: a public client cannot be one (RFC 7662 section 2.1)"
    );
    ensure!(
        !(public && metadata.pkce == PkcePolicy::Optional),
        "PKCE is what protects a public client: it cannot be optional (RFC 9700 section 2.1.1)"
    );
    ensure!(
        !may(Grant::AuthorizationCode) || !metadata.redirect_uris.is_empty(),
        "authorization_code needs a place to answer: give --redirect-uri, such as https://app.example/callback"
    );
    ensure!(
        !may(Grant::RefreshToken) || may(Grant::AuthorizationCode) || may(Grant::DeviceCode),
        "refresh_token needs a grant that issues refresh tokens: add --grant-type authorization_code"
    );
    keys::check(metadata)?;
    ensure!(
        metadata.redirect_uris.len() <= MAX_REDIRECT_URIS,
        "a client has at most {MAX_REDIRECT_URIS} redirect URIs"
    );
    Ok(())
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

/// Every authorization request reads them all.
const MAX_REDIRECT_URIS: usize = 100;

/// Checks a name that people are asked to trust.
pub fn checked_name(name: &str) -> anyhow::Result<String> {
    text::label("the name of a client", name, MAX_NAME)
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

fn unique<T: Clone + PartialEq>(given: &[T]) -> Vec<T> {
    let mut all = Vec::new();
    for item in given {
        if !all.contains(item) {
            all.push(item.clone());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_redirect() -> Options {
        Options {
            redirect_uri: vec!["https://app.example/callback".into()],
            ..Options::default()
        }
    }

    #[test]
    fn an_application_and_a_service_get_the_usual_properties() {
        let app = new("App", false, &with_redirect()).unwrap();
        assert_eq!(app.grant_types, [Grant::AuthorizationCode, Grant::RefreshToken]);
        assert_eq!(
            app.scope.to_string(),
            "openid profile email address phone offline_access"
        );
        assert_eq!(app.auth_methods, [Method::ClientSecretBasic, Method::ClientSecretPost]);
        assert_eq!(app.pkce, PkcePolicy::Required);

        let service = new("Service", false, &Options::default()).unwrap();
        assert_eq!(service.grant_types, [Grant::ClientCredentials]);
        assert!(service.scope.is_empty());

        let public = new("Public", true, &with_redirect()).unwrap();
        assert_eq!(public.auth_methods, [Method::None]);
    }

    #[test]
    fn without_refresh_tokens_nothing_is_offered_offline() {
        let options = Options {
            grant_type: vec![Grant::AuthorizationCode],
            ..with_redirect()
        };
        let scope = new("App", false, &options).unwrap().scope;
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
            assert!(new("App", public, &options).is_err(), "{what}");
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
        let mut metadata = new("App", false, &with_redirect()).unwrap();
        add_redirect_uri(&mut metadata, "https://app.example/two").unwrap();
        add_redirect_uri(&mut metadata, "https://app.example/two").unwrap();
        assert_eq!(metadata.redirect_uris.len(), 2);
        remove_redirect_uri(&mut metadata, "https://app.example/callback").unwrap();
        assert!(remove_redirect_uri(&mut metadata, "https://app.example/callback").is_err());
        apply(&mut metadata, &with_redirect()).unwrap();
        assert_eq!(metadata.redirect_uris[0].as_str(), "https://app.example/callback");
        assert_eq!(metadata.redirect_uris.len(), 1);
    }
}
