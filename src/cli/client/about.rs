//! The members of RFC 7591 and OpenID Connect Registration as flags: those that are wanted most. All of them can be in a file
//! (`--metadata`). An empty value takes away what is there.

use clap::Args;

use crate::cli::text;
use crate::model::client::{ClientMetadata, LogoutChannel};
use crate::protocol::application_type::ApplicationType;
use crate::protocol::redirect_uri::RedirectUri;
use crate::registration::{Refusal, rules};

/// What people are told about the client, where it listens, and what its requests mean.
#[derive(Args, Debug, Default, Clone)]
pub struct AboutOptions {
    /// Its home page
    #[arg(long, value_name = "URL")]
    pub client_uri: Option<String>,
    /// How it uses what it learns, linked from the sign-in page
    #[arg(long, value_name = "URL")]
    pub policy_uri: Option<String>,
    /// Its terms of use, linked from the sign-in page
    #[arg(long, value_name = "URL")]
    pub tos_uri: Option<String>,
    /// Where its picture is fetched from; people's browsers are never sent there
    #[arg(long, value_name = "URL")]
    pub logo_uri: Option<String>,
    /// Where it begins a sign-in by itself, linked from people's account pages
    #[arg(long, value_name = "URL")]
    pub initiate_login_uri: Option<String>,
    /// Where people may be sent after signing out, compared exactly; may be repeated
    #[arg(long, value_name = "URI")]
    pub post_logout_redirect_uri: Vec<String>,
    /// Where it is told that somebody signed out (back channel)
    #[arg(long, value_name = "URL")]
    pub backchannel_logout_uri: Option<String>,
    /// What is loaded in a frame when somebody signs out (front channel)
    #[arg(long, value_name = "URL")]
    pub frontchannel_logout_uri: Option<String>,
    /// What may be fetched as an authorization request by reference; may be repeated
    #[arg(long, value_name = "URL")]
    pub request_uri: Vec<String>,
    /// The oldest sign-in that it takes, in seconds, unless a request says otherwise
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(i64).range(0..=31_536_000))]
    pub default_max_age: Option<i64>,
    /// web, or native for an installed application [default: web]
    #[arg(long, value_name = "TYPE", value_parser = |text: &str| text::wire(text, ApplicationType::ALL))]
    pub application_type: Option<ApplicationType>,
}

/// Puts what was given over `metadata`.
pub fn apply(metadata: &mut ClientMetadata, given: &AboutOptions) -> Result<(), Refusal> {
    let about = &mut metadata.about;
    put(&mut about.client_uri, "client_uri", given.client_uri.as_deref())?;
    put(&mut about.policy_uri, "policy_uri", given.policy_uri.as_deref())?;
    put(&mut about.tos_uri, "tos_uri", given.tos_uri.as_deref())?;
    put(&mut about.logo_uri, "logo_uri", given.logo_uri.as_deref())?;
    put(
        &mut about.initiate_login_uri,
        "initiate_login_uri",
        given.initiate_login_uri.as_deref(),
    )?;
    let after = given.post_logout_redirect_uri.iter().filter(|uri| !uri.is_empty());
    if !given.post_logout_redirect_uri.is_empty() {
        let uris = after
            .map(|uri| RedirectUri::register(uri))
            .collect::<Result<Vec<_>, _>>();
        let refused = |error: &dyn std::fmt::Display| Refusal::metadata("post_logout_redirect_uris", error.to_string());
        metadata.logout.redirect_uris = rules::unique(uris.map_err(|error| refused(&error))?);
    }
    let logout = &mut metadata.logout;
    listen(
        &mut logout.backchannel,
        "backchannel_logout_uri",
        given.backchannel_logout_uri.as_deref(),
    )?;
    listen(
        &mut logout.frontchannel,
        "frontchannel_logout_uri",
        given.frontchannel_logout_uri.as_deref(),
    )?;
    if !given.request_uri.is_empty() {
        let uris = given.request_uri.iter().filter(|uri| !uri.is_empty());
        let uris = uris.map(|uri| rules::request_uri("request_uris", uri));
        metadata.request_objects.uris = uris.collect::<Result<_, _>>()?;
    }
    metadata.authentication.max_age = given.default_max_age.or(metadata.authentication.max_age);
    metadata.application_type = given.application_type.unwrap_or(metadata.application_type);
    Ok(())
}

/// An operator may name addresses inside the network.
fn put(known: &mut Option<String>, member: &'static str, given: Option<&str>) -> Result<(), Refusal> {
    match given {
        None => {}
        Some("") => *known = None,
        Some(uri) => *known = Some(rules::https(member, uri)?),
    }
    Ok(())
}

/// A channel that is new is told which sign-in ended; one that was there keeps what it was registered with.
fn listen(known: &mut Option<LogoutChannel>, member: &'static str, given: Option<&str>) -> Result<(), Refusal> {
    let session_required = known.as_ref().is_none_or(|known| known.session_required);
    let mut uri = known.take().map(|known| known.uri);
    put(&mut uri, member, given)?;
    *known = uri.map(|uri| LogoutChannel { uri, session_required });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_registered_and_taken_away_again() {
        let mut metadata = ClientMetadata::new("App");
        let text = |text: &str| Some(text.to_owned());
        let given = AboutOptions {
            tos_uri: text("https://app.example/terms"),
            backchannel_logout_uri: text("https://10.0.0.7:8443/out"),
            post_logout_redirect_uri: vec!["https://app.example/bye".into(), "https://app.example/bye".into()],
            request_uri: vec!["https://app.example/request.jwt#digest".into()],
            default_max_age: Some(60),
            application_type: Some(ApplicationType::Native),
            ..AboutOptions::default()
        };
        apply(&mut metadata, &given).unwrap();
        let backchannel = metadata.logout.backchannel.clone().unwrap();
        assert!(backchannel.session_required && backchannel.uri == "https://10.0.0.7:8443/out");
        assert_eq!(metadata.logout.redirect_uris.len(), 1);
        assert_eq!(metadata.request_objects.uris.len(), 1);
        assert_eq!(
            (metadata.authentication.max_age, metadata.application_type),
            (Some(60), ApplicationType::Native)
        );
        let before = metadata.clone();
        apply(&mut metadata, &AboutOptions::default()).unwrap();
        assert_eq!(metadata, before, "what is not named stays");

        let none = AboutOptions {
            tos_uri: text(""),
            backchannel_logout_uri: text(""),
            post_logout_redirect_uri: vec![String::new()],
            ..AboutOptions::default()
        };
        apply(&mut metadata, &none).unwrap();
        assert_eq!((metadata.about.tos_uri, metadata.logout.backchannel), (None, None));
        assert!(metadata.logout.redirect_uris.is_empty());
        for bad in ["http://app.example/", "javascript:alert(1)", "https://app.example/#x"] {
            let given = AboutOptions {
                policy_uri: text(bad),
                ..AboutOptions::default()
            };
            assert!(apply(&mut ClientMetadata::new("App"), &given).is_err(), "{bad}");
        }
    }
}
