//! What a person allowed to a client, and need not be asked about again.

use crate::protocol::scope::Scope;
use crate::protocol::standard_claims::ClaimSet;

/// A remembered consent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    /// The scope.
    pub scope: Scope,
    /// Single claims beyond what the scope carries (OpenID Connect Core §5.5).
    pub claims: ClaimSet,
}

impl Allowed {
    /// Whether a request for `scope` and `claims` asks for nothing new.
    pub fn covers(&self, scope: &Scope, claims: &ClaimSet) -> bool {
        self.scope.covers(scope) && self.claims.covers(&claims.beyond(&self.scope))
    }
}
