//! The properties of a client as flags.

use std::path::PathBuf;

use clap::Args;

use super::about::AboutOptions;
use super::answers::AnswerOptions;
use super::subject::SubjectOptions;
use crate::cli::text;
use crate::model::client::{AssertionAudience, PkcePolicy};
use crate::protocol::assertion_alg::AssertionAlg;
use crate::protocol::client_auth_method::ClientAuthMethod;
use crate::protocol::grant_type::GrantType;

/// What can be said about a client at registration and later. What is not given keeps its default or its present value.
#[derive(Args, Debug, Default, Clone)]
pub struct Options {
    /// Where answers may go, compared exactly; may be repeated
    #[arg(long, value_name = "URI")]
    pub redirect_uri: Vec<String>,
    /// authorization_code, refresh_token, client_credentials or device_code; may be repeated
    #[arg(long, value_name = "GRANT", value_parser = parse_grant)]
    pub grant_type: Vec<GrantType>,
    /// Scopes that it may ask for, separated by spaces; may be repeated
    #[arg(long, value_name = "SCOPES")]
    pub scope: Vec<String>,
    /// client_secret_basic, client_secret_post, private_key_jwt, client_secret_jwt or none; may be repeated
    #[arg(long, value_name = "METHOD", value_parser = |text: &str| text::wire(text, ClientAuthMethod::ALL))]
    pub auth_method: Vec<ClientAuthMethod>,
    /// Its public keys, a JWK Set in a file
    #[arg(long, value_name = "FILE", conflicts_with = "jwks_uri")]
    pub jwks: Option<PathBuf>,
    /// Where it publishes its public keys, a JWK Set
    #[arg(long, value_name = "URL")]
    pub jwks_uri: Option<String>,
    /// The one algorithm of its assertions: RS256, PS256, ES256, EdDSA or HS256 [default: any that its method and keys allow]
    #[arg(long, value_name = "ALG", value_parser = |text: &str| text::wire(text, AssertionAlg::ALL))]
    pub assertion_alg: Option<AssertionAlg>,
    /// `aud` of its assertions: issuer alone, or any of the issuer and the endpoint [default: any]
    #[arg(long, value_name = "WHICH", value_parser = super::keys::parse_audience)]
    pub assertion_audience: Option<AssertionAudience>,
    /// `aud` of access tokens that no API owns [default: the issuer]
    #[arg(long, value_name = "URI")]
    pub default_audience: Option<String>,
    /// It is the resource server of this API, by its audience, and may look up the tokens for it; may be repeated
    #[arg(long, value_name = "AUDIENCE")]
    pub resource_server_for: Vec<String>,
    /// required, or optional for a confidential client that cannot do PKCE: a code injected into it is then found out only if it
    /// sends a nonce and compares it [default: required]
    #[arg(long, value_name = "WHEN", value_parser = parse_pkce)]
    pub pkce: Option<PkcePolicy>,
    /// Your own application: people are not asked for consent
    #[arg(long)]
    pub trusted: bool,
    /// Its token requests leave redirect_uri out, as OAuth 2.1 has it
    #[arg(long)]
    pub no_redirect_uri_at_token: bool,
    /// How it is told.
    #[command(flatten)]
    pub answers: AnswerOptions,
    /// Which `sub` it sees.
    #[command(flatten)]
    pub subject: SubjectOptions,
    /// What people are told about it, and where it listens.
    #[command(flatten)]
    pub about: AboutOptions,
    /// Its properties as a JSON object in the words of RFC 7591 and OpenID Connect Registration; other flags win over it
    #[arg(long, value_name = "FILE")]
    pub metadata: Option<PathBuf>,
    /// A picture for the sign-in and consent pages: PNG, JPEG or WebP, at most 256 KiB and 1024 pixels a side
    #[arg(long, value_name = "FILE")]
    pub logo: Option<PathBuf>,
}

fn parse_grant(text: &str) -> Result<GrantType, String> {
    match text {
        "device_code" => Ok(GrantType::DeviceCode),
        text => text::wire(text, GrantType::ALL),
    }
}

fn parse_pkce(text: &str) -> Result<PkcePolicy, &'static str> {
    match text {
        "required" => Ok(PkcePolicy::Required),
        "optional" => Ok(PkcePolicy::Optional),
        _ => Err("use required or optional"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_device_grant_has_a_short_name() {
        assert_eq!(parse_grant("device_code"), Ok(GrantType::DeviceCode));
        assert_eq!(parse_grant("refresh_token"), Ok(GrantType::RefreshToken));
        assert!(parse_grant("password").unwrap_err().contains("client_credentials"));
    }
}
