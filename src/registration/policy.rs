//! What a registration may ask for: by the configuration for clients that register themselves, everything for an operator.

use crate::config::{HostPattern, RegistrationConfig, RegistrationPkce};
use crate::model::client::{Client, PkcePolicy};
use crate::protocol::client_auth_method::ClientAuthMethod;
use crate::protocol::grant_type::GrantType;
use crate::protocol::redirect_uri::RedirectUri;
use crate::protocol::scope::{OFFLINE_ACCESS, OPENID_SCOPES, Scope};

/// What may be registered.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Nobody here looks at it.
    pub self_registered: bool,
    /// Where answers may go; empty is anywhere.
    pub redirect_hosts: Vec<HostPattern>,
    /// What was registered before, and may stay whatever its host.
    pub kept: Vec<RedirectUri>,
    /// The scopes to choose from; `None` is any.
    pub scopes: Option<Scope>,
    /// The grants to choose from.
    pub grant_types: Vec<GrantType>,
    /// The ways to authenticate to choose from.
    pub auth_methods: Vec<ClientAuthMethod>,
    /// For clients that keep a secret.
    pub pkce: PkcePolicy,
}

impl Policy {
    /// For a client that registers itself.
    pub fn for_strangers(config: &RegistrationConfig) -> Self {
        let auth_methods = if config.auth_methods.is_empty() {
            ClientAuthMethod::ALL.to_vec()
        } else {
            config.auth_methods.clone()
        };
        Self {
            self_registered: true,
            redirect_hosts: config.redirect_hosts.clone(),
            kept: Vec::new(),
            scopes: Some(Scope::from_tokens(config.scopes.iter().map(String::as_str))),
            grant_types: config.grant_types.clone(),
            auth_methods,
            pkce: match config.pkce {
                RegistrationPkce::Required => PkcePolicy::Required,
                RegistrationPkce::Optional => PkcePolicy::Optional,
            },
        }
    }

    /// For a change that `client` makes itself: it may keep what it has, and gains nothing that strangers may not have.
    pub fn for_change(config: &RegistrationConfig, client: &Client) -> Self {
        let mut policy = Self::for_strangers(config);
        let present = &client.metadata;
        policy.self_registered = present.about.self_registered;
        policy.scopes = policy.scopes.map(|scopes| scopes.union(&present.scope));
        let more = |known: &mut Vec<_>, present: &[GrantType]| known.extend_from_slice(present);
        more(&mut policy.grant_types, &present.grant_types);
        policy.auth_methods.extend(&present.auth_methods);
        let kept = present.redirect_uris.iter().chain(&present.logout.redirect_uris);
        policy.kept = kept.cloned().collect();
        policy
    }

    /// For an operator, who decides.
    pub fn for_operators() -> Self {
        Self {
            self_registered: false,
            redirect_hosts: Vec::new(),
            kept: Vec::new(),
            scopes: None,
            grant_types: GrantType::ALL.to_vec(),
            auth_methods: ClientAuthMethod::ALL.to_vec(),
            pkce: PkcePolicy::Required,
        }
    }

    /// Of what was asked for, what may be had.
    pub fn allowed(&self, asked: &Scope) -> Scope {
        match &self.scopes {
            Some(known) => asked.filter(|token| known.contains(token)),
            None => asked.clone(),
        }
    }

    /// What a client gets that asks for no scope in particular.
    pub fn default_scope(&self, grant_types: &[GrantType]) -> Scope {
        let for_people =
            grant_types.contains(&GrantType::AuthorizationCode) || grant_types.contains(&GrantType::DeviceCode);
        let all = match &self.scopes {
            Some(scopes) => scopes.clone(),
            None if for_people => Scope::from_tokens(OPENID_SCOPES.iter().copied()),
            None => Scope::default(),
        };
        let refreshes = grant_types.contains(&GrantType::RefreshToken);
        all.filter(|token| (refreshes || token != OFFLINE_ACCESS) && (for_people || !OPENID_SCOPES.contains(&token)))
    }

    /// Whether answers may go there, by the host that it shows.
    pub fn may_answer_to(&self, uri: &RedirectUri) -> bool {
        let host = uri.display_host();
        let named = || self.redirect_hosts.iter().any(|pattern| pattern.matches(&host));
        self.redirect_hosts.is_empty() || self.kept.contains(uri) || named()
    }
}
