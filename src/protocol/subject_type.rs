//! `subject_type` (OpenID Connect Core §8).

use super::wire_enum;

wire_enum! {
    /// Whether two clients see the same `sub` for one person.
    SubjectType {
        /// They do.
        Public = "public",
        /// Only clients of one sector do.
        Pairwise = "pairwise",
    }
}
