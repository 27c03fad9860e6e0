//! Stored things by hand, for the tests of pure decisions.

use portcullis::model::browser_session::BrowserSessionId;
use portcullis::model::client::{Client, ClientMetadata};
use portcullis::model::grant::{Authentication, Grant, GrantId};
use portcullis::model::user::{PairwiseSalt, User, UserId, Username};
use portcullis::protocol::claims_request::RequestedClaims;
use portcullis::protocol::client_auth_method::ClientAuthMethod;
use portcullis::protocol::grant_type::GrantType;
use portcullis::protocol::ids::ClientId;
use portcullis::protocol::params::Params;
use portcullis::protocol::redirect_uri::RedirectUri;
use portcullis::protocol::standard_claims::StandardClaims;
use portcullis::time::Timestamp;
use url::form_urlencoded::Serializer;
use uuid::Uuid;

use crate::support::scope;

/// When the things below were made.
pub const NOW: Timestamp = Timestamp(1_800_000_000);

/// Where [`client`] lives.
pub const REDIRECT_URI: &str = "https://shop.example/callback";

pub fn client(id: &str) -> Client {
    Client {
        client_id: ClientId::parse(id).unwrap(),
        revision: 1,
        metadata: ClientMetadata {
            auth_methods: vec![ClientAuthMethod::ClientSecretBasic],
            redirect_uris: vec![RedirectUri::register(REDIRECT_URI).unwrap()],
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            scope: scope("openid offline_access"),
            ..ClientMetadata::new(id)
        },
        secrets: Vec::new(),
        has_logo: false,
        created_at: NOW,
        updated_at: NOW,
        disabled_at: None,
    }
}

pub fn user() -> User {
    User {
        id: UserId(Uuid::from_u128(1)),
        username: Username::register("alice").unwrap(),
        password: None,
        claims: StandardClaims::default(),
        is_admin: false,
        pairwise_salt: PairwiseSalt([7; 32]),
        created_at: NOW,
        updated_at: NOW,
        disabled_at: None,
    }
}

/// [`user`]'s grant to the client `shop`, good for 1,000 seconds.
pub fn grant() -> Grant {
    Grant {
        id: GrantId(Uuid::from_u128(2)),
        user_id: user().id,
        client_id: ClientId::parse("shop").unwrap(),
        session_id: BrowserSessionId(Uuid::from_u128(3)),
        scope: scope("openid offline_access"),
        resources: Vec::new(),
        claims: RequestedClaims::default(),
        authentication: Authentication {
            auth_time: NOW,
            acr: "1".to_owned(),
            amr: vec!["pwd".to_owned()],
        },
        created_at: NOW,
        expires_at: NOW.plus(1000),
        ended: None,
    }
}

pub fn params(pairs: &[(&str, &str)]) -> Params {
    let encoded = Serializer::new(String::new()).extend_pairs(pairs).finish();
    Params::parse(encoded.as_bytes()).unwrap()
}
