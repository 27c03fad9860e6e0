//! RT: the decision about a refresh token, as tables of every refusal.

use portcullis::crypto::digest::token_digest;
use portcullis::grants::{RefreshDecision, decide_refresh};
use portcullis::model::client::Client;
use portcullis::model::grant::{EndReason, Ended};
use portcullis::model::refresh_token::{RefreshToken, RefreshTokenState};
use portcullis::protocol::error::Reason;
use portcullis::store::{LoadedRefreshToken, Successor};
use portcullis::time::Timestamp;

use super::models::{self, NOW};

/// What `decide_refresh` looks at.
struct World {
    loaded: LoadedRefreshToken,
    client: Client,
    window: i64,
    now: Timestamp,
}

fn right() -> World {
    World {
        loaded: LoadedRefreshToken {
            token: RefreshToken {
                digest: token_digest("token"),
                grant_id: models::grant().id,
                generation: 1,
                created_at: NOW,
                expires_at: NOW.plus(100),
                state: RefreshTokenState::Live,
            },
            grant: models::grant(),
            user: models::user(),
        },
        client: models::client("shop"),
        window: 10,
        now: NOW,
    }
}

impl World {
    fn decide(&self) -> RefreshDecision {
        decide_refresh(&self.loaded, &self.client, self.window, self.now)
    }
}

const fn spent(seconds_ago: i64, successor_used: bool) -> RefreshTokenState {
    RefreshTokenState::Spent {
        at: Timestamp(NOW.0 - seconds_ago),
        successor_used,
    }
}

#[test]
fn rt_02_to_14_the_decision_about_a_refresh_token() {
    use RefreshDecision::{Refuse, Rotate};
    type Change = fn(&mut World);
    let faults: &[(Change, RefreshDecision)] = &[
        (
            |w| w.client = models::client("other"),
            Refuse(Reason::RefreshTokenOfOtherClient),
        ),
        (
            |w| {
                w.loaded.grant.ended = Some(Ended {
                    at: NOW,
                    why: EndReason::Account,
                });
            },
            Refuse(Reason::GrantEnded),
        ),
        (|w| w.loaded.grant.expires_at = NOW, Refuse(Reason::GrantExpired)),
        (|w| w.loaded.user.disabled_at = Some(NOW), Refuse(Reason::UserDisabled)),
        (|w| w.loaded.token.expires_at = NOW, Refuse(Reason::RefreshTokenExpired)),
    ];
    assert_eq!(right().decide(), Rotate(Successor::Next));
    for (index, (fault, expected)) in faults.iter().enumerate() {
        let mut alone = right();
        fault(&mut alone);
        assert_eq!(alone.decide(), *expected, "fault {index} alone");
        let mut world = right();
        for (later, _) in faults[index..].iter().rev() {
            later(&mut world);
        }
        assert_eq!(world.decide(), *expected, "fault {index} with all that follow");
        // Nobody but the token's own client, with a live grant, can be the reason to end it.
        if index < 4 {
            let mut replayed = right();
            replayed.loaded.token.state = spent(1000, true);
            fault(&mut replayed);
            assert_eq!(replayed.decide(), *expected, "fault {index} on a spent token");
        }
    }
}

#[test]
fn rt_04_to_08_the_decision_about_a_token_that_was_used() {
    use RefreshDecision::{Refuse, RefuseAndRevoke, Rotate};
    let retry = Rotate(Successor::InPlaceOfUnused);
    let replay = RefuseAndRevoke(Reason::RefreshTokenReplayed);
    let cases = [
        (10, spent(0, false), retry),
        (10, spent(10, false), retry),
        (10, spent(11, false), replay),
        (10, spent(0, true), replay),
        (10, spent(11, true), replay),
        // Another node's clock is ahead.
        (10, spent(-5, false), retry),
        (60, spent(60, false), retry),
        (60, spent(61, false), replay),
        (0, spent(0, false), Refuse(Reason::RefreshTokenRaced)),
        (0, spent(2, false), Refuse(Reason::RefreshTokenRaced)),
        (0, spent(3, false), replay),
        (0, spent(0, true), replay),
        (10, RefreshTokenState::Replaced, Refuse(Reason::RefreshTokenReplaced)),
        (0, RefreshTokenState::Replaced, Refuse(Reason::RefreshTokenReplaced)),
    ];
    for (window, state, expected) in cases {
        let mut world = right();
        world.window = window;
        world.loaded.token.state = state;
        assert_eq!(world.decide(), expected, "window {window}, {state:?}");
        // Idle for too long or not: a spent token stays a spent token.
        world.loaded.token.expires_at = NOW;
        assert_eq!(world.decide(), expected, "window {window}, {state:?}, expired");
    }
}

#[test]
fn rt_02_to_14_every_refusal_of_a_refresh_token_is_invalid_grant() {
    for reason in [
        Reason::RefreshTokenUnknown,
        Reason::RefreshTokenOfOtherClient,
        Reason::RefreshTokenExpired,
        Reason::RefreshTokenReplaced,
        Reason::RefreshTokenReplayed,
        Reason::RefreshTokenRaced,
        Reason::GrantEnded,
        Reason::GrantExpired,
        Reason::UserDisabled,
    ] {
        assert_eq!(
            (reason.code().as_str(), reason.code().status()),
            ("invalid_grant", 400),
            "{reason:?}"
        );
    }
}
