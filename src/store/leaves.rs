//! Live refresh tokens that this node has read or issued, on Postgres: the next rotation of a chain that comes to the same node
//! reads nothing but the poll that it shares with others ([`super::standing_feed`]).
//!
//! Grant and user are as they are in the database, by the poll. That the token itself is live is a memory alone, and need be no
//! more: the write that spends it says whether it was. What comes of it otherwise is decided by what the database has.

use std::sync::Arc;

use quick_cache::sync::Cache;

use super::standing_feed::{Kept, Kind, Mark};
use super::{Db, LoadedRefreshToken, NewRefreshToken, RefreshOutcome, Result, Store, rotations};
use crate::model::digest::TokenDigest;
use crate::model::refresh_token::{RefreshToken, RefreshTokenState};
use crate::time::Timestamp;

/// The most that are kept, a kilobyte each.
const CAPACITY: usize = 8_192;

/// What is kept, by the digest of the token.
pub(super) struct Leaves(Cache<TokenDigest, Arc<Kept<LoadedRefreshToken>>>);

impl Default for Leaves {
    fn default() -> Self {
        Self(Cache::new(CAPACITY))
    }
}

impl Store {
    /// The refresh token with this digest, if it is remembered to be live. Grant and user are as they are now; whether the token
    /// still is live, [`Store::rotate_refresh_token`] finds. So only a rotation that succeeds may rest on this; before anything is
    /// refused, [`Store::presented_refresh_token`] must be asked.
    pub async fn remembered_refresh_token(&self, digest: &TokenDigest) -> Result<Option<Arc<LoadedRefreshToken>>> {
        if let Db::Postgres(pg) = &self.db
            && let Some(kept) = self.leaves.0.get(digest)
            && self.feed.confirms(self, pg, &kept).await?
        {
            return Ok(Some(kept.value.clone()));
        }
        Ok(None)
    }

    /// The refresh token with this digest as it is now, remembered for the rotation that follows.
    pub async fn presented_refresh_token(&self, digest: &TokenDigest) -> Result<Option<Arc<LoadedRefreshToken>>> {
        let Db::Postgres(pg) = &self.db else {
            return Ok(self.load_refresh_token(digest).await?.map(Arc::new));
        };
        // Taken before the read begins.
        let mark = self.feed.mark(self, pg).await?;
        let loaded = rotations::load(pg, digest).await?;
        if let (Some(mark), Some(loaded)) = (mark, &loaded)
            && loaded.token.state == RefreshTokenState::Live
        {
            self.keep(LoadedRefreshToken::clone(loaded), mark);
        }
        Ok(loaded)
    }

    fn keep(&self, mut leaf: LoadedRefreshToken, mark: Mark) {
        // Nobody who refreshes is asked for it.
        leaf.user.password = None;
        let grant = self.feed.tag(Kind::Grant, leaf.grant.id.0.as_bytes());
        let user = self.feed.tag(Kind::User, leaf.user.id.0.as_bytes());
        let kept = Kept {
            tags: [grant, user, grant, user],
            mark,
            value: Arc::new(leaf),
        };
        self.leaves.0.insert(kept.value.token.digest, Arc::new(kept));
    }

    /// After a rotation of a live leaf: its successor is kept in its place, if there is one.
    pub(super) fn keep_successor(
        &self,
        presented: &RefreshToken,
        next: &NewRefreshToken,
        outcome: &Result<RefreshOutcome>,
        now: Timestamp,
    ) {
        let kept = self.leaves.0.remove(&presented.digest);
        if let (Some((_, kept)), Ok(RefreshOutcome::Rotated)) = (kept, outcome) {
            let token = RefreshToken {
                digest: next.digest,
                grant_id: presented.grant_id,
                generation: presented.generation + 1,
                created_at: now,
                expires_at: next.expires_at,
                state: RefreshTokenState::Live,
            };
            let LoadedRefreshToken { grant, user, .. } = &*kept.value;
            let (grant, user) = (grant.clone(), user.clone());
            self.keep(LoadedRefreshToken { token, grant, user }, kept.mark);
        }
    }
}
