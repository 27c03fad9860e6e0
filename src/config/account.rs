//! `[account]`

use serde::{Deserialize, Serialize};

use super::error::Report;
use crate::protocol::standard_claims::ClaimName;

/// What people may do with their own account.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccountConfig {
    /// The claims that people may change themselves.
    pub editable: Vec<ClaimName>,
}

impl Default for AccountConfig {
    fn default() -> Self {
        let operators = [ClaimName::PreferredUsername];
        let editable = ClaimName::ALL.iter().copied();
        Self {
            editable: editable.filter(|claim| !operators.contains(claim)).collect(),
        }
    }
}

impl AccountConfig {
    pub(super) fn check(&self, report: &mut Report) {
        let mut seen = std::collections::BTreeSet::new();
        let once = self.editable.iter().all(|claim| seen.insert(claim));
        report.require("account.editable", once, "must name each claim once");
    }
}
