//! What is measured.

/// A workload that all contenders which can take part in it run side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Workload {
    /// `POST /token` with client credentials by HTTP Basic, for an API whose access tokens are JWTs signed with ES256.
    ClientCredentialsEs256,
    /// … with RS256 and a key of 2048 bits.
    ClientCredentialsRs256,
    /// … for an API whose access tokens are opaque.
    ClientCredentialsOpaque,
    /// `GET /.well-known/openid-configuration`.
    Discovery,
    /// `GET` of the key set.
    Jwks,
    /// `POST /token` with a refresh token that is used once: each connection goes down its own chain. Scope
    /// `offline_access` and one of an API, so no ID token comes along; the access token is an ES256 JWT.
    Refresh,
    /// `GET /authorize` with PKCE in a signed-in browser whose consent is known, then `POST /token` with the code, for an
    /// ID token and an access token, both ES256. One unit is both requests.
    CodeFlow,
    /// `POST /introspect` over [`TOKENS`] different JWTs of live grants.
    IntrospectJwt,
    /// … over opaque tokens.
    IntrospectOpaque,
    /// `GET /userinfo` with [`TOKENS`] different JWTs of live grants.
    UserinfoJwt,
    /// … with opaque tokens.
    UserinfoOpaque,
    /// `POST /device/code`.
    DeviceStart,
    /// Polls for [`DEVICES`] devices whose people have not come yet, each no sooner than its interval allows.
    DevicePoll,
}

/// How many different live tokens are looked up.
pub const TOKENS: usize = 1_000;
/// How many devices wait.
pub const DEVICES: usize = 10_000;

impl Workload {
    /// All, in the order of the report.
    pub const ALL: [Self; 13] = [
        Self::ClientCredentialsEs256,
        Self::ClientCredentialsRs256,
        Self::ClientCredentialsOpaque,
        Self::Discovery,
        Self::Jwks,
        Self::Refresh,
        Self::CodeFlow,
        Self::IntrospectJwt,
        Self::IntrospectOpaque,
        Self::UserinfoJwt,
        Self::UserinfoOpaque,
        Self::DeviceStart,
        Self::DevicePoll,
    ];

    /// Its name on the command line.
    pub fn key(self) -> &'static str {
        match self {
            Self::ClientCredentialsEs256 => "client-credentials-es256",
            Self::ClientCredentialsRs256 => "client-credentials-rs256",
            Self::ClientCredentialsOpaque => "client-credentials-opaque",
            Self::Discovery => "discovery",
            Self::Jwks => "jwks",
            Self::Refresh => "refresh",
            Self::CodeFlow => "code-flow",
            Self::IntrospectJwt => "introspection-jwt",
            Self::IntrospectOpaque => "introspection-opaque",
            Self::UserinfoJwt => "userinfo-jwt",
            Self::UserinfoOpaque => "userinfo-opaque",
            Self::DeviceStart => "device-start",
            Self::DevicePoll => "device-poll",
        }
    }

    /// Its name in the report.
    pub fn title(self) -> &'static str {
        match self {
            Self::ClientCredentialsEs256 => "Client credentials, ES256",
            Self::ClientCredentialsRs256 => "Client credentials, RS256",
            Self::ClientCredentialsOpaque => "Client credentials, opaque",
            Self::Discovery => "Discovery",
            Self::Jwks => "JWKS",
            Self::Refresh => "Refresh rotation, 32 chains",
            Self::CodeFlow => "Code + PKCE, live session (flows)",
            Self::IntrospectJwt => "Introspection, JWT",
            Self::IntrospectOpaque => "Introspection, opaque",
            Self::UserinfoJwt => "Userinfo, JWT",
            Self::UserinfoOpaque => "Userinfo, opaque",
            Self::DeviceStart => "Device start",
            Self::DevicePoll => "Device polls, 10,000 pending, at their pace",
        }
    }
}
