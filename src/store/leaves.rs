//! Live refresh tokens that this node has read or issued, on Postgres: the next rotation of a chain that comes to the same node
//! is one statement.
//!
//! Grant and user were as they are kept a moment ago, by a position of [`super::standing_feed`]; the write that spends the token
//! says whether they still are, and whether the token was live. What comes of it otherwise is decided by what the database has.

use std::ops::Deref;
use std::sync::Arc;

use quick_cache::sync::Cache;

use super::refresh_tokens::outcome_of;
use super::standing_feed::{Kept, Kind, Mark};
use super::{Db, LoadedRefreshToken, NewRefreshToken, NewTokens, RefreshOutcome, Result, Store, rotations};
use crate::model::digest::TokenDigest;
use crate::model::refresh_token::{RefreshToken, RefreshTokenState};
use crate::time::Timestamp;

/// The most that are kept, a kilobyte each.
const CAPACITY: usize = 8_192;

/// What is kept, by the digest of the token.
pub(super) struct Leaves(Cache<TokenDigest, Arc<Kept<LoadedRefreshToken>>>);

/// A live refresh token as this node remembers it, with grant and user as they were a moment ago. Only a rotation that succeeds
/// may rest on it ([`Store::rotate_remembered`]); before anything is refused, [`Store::presented_refresh_token`] must be asked.
#[derive(Clone)]
pub struct RememberedRefreshToken(Arc<Kept<LoadedRefreshToken>>);

impl Deref for RememberedRefreshToken {
    type Target = LoadedRefreshToken;

    fn deref(&self) -> &LoadedRefreshToken {
        &self.0.value
    }
}

impl Default for Leaves {
    fn default() -> Self {
        Self(Cache::new(CAPACITY))
    }
}

impl Store {
    /// The refresh token with this digest, if it is remembered to be live.
    pub async fn remembered_refresh_token(&self, digest: &TokenDigest) -> Result<Option<RememberedRefreshToken>> {
        if let Db::Postgres(pg) = &self.db
            && let Some(kept) = self.leaves.0.get(digest)
            && self.feed.confirmed_lately(self, pg, &kept).await?
        {
            return Ok(Some(RememberedRefreshToken(kept)));
        }
        Ok(None)
    }

    /// Issues the successor of `presented`, if all is as it is remembered.
    pub async fn rotate_remembered(
        &self,
        presented: &RememberedRefreshToken,
        tokens: &NewTokens,
        now: Timestamp,
    ) -> Result<RefreshOutcome> {
        let (Db::Postgres(pg), Some(next)) = (&self.db, &tokens.refresh) else {
            return Ok(RefreshOutcome::Gone);
        };
        let access = tokens.access.as_ref();
        let outcome = outcome_of(rotations::rotate_remembered((self, pg), &presented.0, (next, access), now).await);
        self.keep_successor(&presented.token, next, &outcome, now);
        outcome
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
