//! `[limits]`

use serde::{Deserialize, Serialize};

use super::{Rate, Span};

/// How often something may be tried.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Wrong passwords for one account, wherever they come from.
    pub sign_in_per_account: Rate,
    /// Wrong passwords for one account in one browser that has signed in to it before.
    pub sign_in_per_known_browser: Rate,
    /// Wrong passwords from one address, whatever the account.
    pub sign_in_per_address: Rate,
    /// Wrong user codes in one browser (RFC 8628 §5.1).
    pub user_code_per_browser: Rate,
    /// Wrong user codes of one person.
    pub user_code_per_account: Rate,
    /// Wrong user codes from one address.
    pub user_code_per_address: Rate,
    /// Wrong user codes altogether.
    pub user_code_overall: Rate,
    /// Failed authentications as one client from one address.
    pub client_auth_per_client: Rate,
    /// Failed client authentications from one address, whatever the client.
    pub client_auth_per_address: Rate,
    /// Device authorization requests from one address (RFC 8628 §3.1), on each node.
    pub device_codes_per_address: Rate,
    /// Registrations of clients from one address (RFC 7591 §5), on each node.
    pub registrations_per_address: Rate,
    /// Requests of one authenticated client to the endpoints for machines, on each node.
    pub requests_per_client: Rate,
    /// Requests from one address to the endpoints for machines and to `/authorize`, on each node.
    pub requests_per_address: Rate,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        let quarter = |burst| Rate::new(burst, Span::from_mins(15));
        Self {
            sign_in_per_account: quarter(10),
            sign_in_per_known_browser: quarter(10),
            sign_in_per_address: quarter(100),
            user_code_per_browser: quarter(5),
            user_code_per_account: quarter(10),
            user_code_per_address: quarter(20),
            user_code_overall: quarter(1000),
            client_auth_per_client: Rate::new(20, Span::from_mins(5)),
            client_auth_per_address: Rate::new(100, Span::from_mins(5)),
            device_codes_per_address: Rate::new(60, Span::from_mins(1)),
            registrations_per_address: Rate::new(20, Span::from_mins(60)),
            requests_per_client: Rate::OFF,
            requests_per_address: Rate::OFF,
        }
    }
}
