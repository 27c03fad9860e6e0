//! The `claims` parameter (OpenID Connect Core §5.5). Individual claims cannot be requested yet, and discovery says so
//! (`claims_parameter_supported` is false); what is sent is still read, so that a broken value is refused, not ignored.

use super::error::Reason;

/// The longest value that is read.
const MAX_LEN: usize = 8 * 1024;

/// Refuses what is not a JSON object, is too long, or nests beyond the JSON reader's bound of 128.
pub fn check(text: Option<&str>) -> Result<(), Reason> {
    let Some(text) = text else { return Ok(()) };
    if text.len() > MAX_LEN {
        return Err(Reason::ClaimsMalformed);
    }
    serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text)
        .map(drop)
        .map_err(|_| Reason::ClaimsMalformed)
}
