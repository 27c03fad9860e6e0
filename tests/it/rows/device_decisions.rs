//! DV: the decision about a poll, as tables of every refusal.

use portcullis::crypto::digest::token_digest;
use portcullis::grants::{DeviceDecision, decide_device};
use portcullis::model::client::Client;
use portcullis::model::device_grant::{DeviceGrant, DeviceGrantId, DeviceGrantState};
use portcullis::model::grant::{EndReason, Ended};
use portcullis::protocol::error::Reason;
use portcullis::store::{DeviceApproval, LoadedDeviceGrant};
use portcullis::time::Timestamp;

use super::models::{self, NOW};

/// What `decide_device` looks at.
struct World {
    loaded: LoadedDeviceGrant,
    client: Client,
    last_poll: Option<Timestamp>,
    now: Timestamp,
}

/// A device that was let in and asks for its tokens.
fn right() -> World {
    let grant = models::grant();
    World {
        loaded: LoadedDeviceGrant {
            device: DeviceGrant {
                id: DeviceGrantId(uuid::Uuid::from_u128(1)),
                digest: token_digest("device code"),
                client_id: grant.client_id.clone(),
                scope: grant.scope.clone(),
                resources: Vec::new(),
                address: None,
                user_agent: None,
                interval: 5,
                slowed_at: None,
                created_at: NOW,
                expires_at: NOW.plus(600),
                state: DeviceGrantState::Approved {
                    at: NOW,
                    grant_id: grant.id,
                },
            },
            approval: Some(DeviceApproval {
                grant,
                user: models::user(),
                session_live: true,
            }),
        },
        client: models::client("shop"),
        last_poll: None,
        now: NOW,
    }
}

impl World {
    fn decide(&self) -> DeviceDecision {
        decide_device(&self.loaded, &self.client, self.last_poll, self.now)
    }

    fn approval(&mut self) -> &mut DeviceApproval {
        self.loaded.approval.as_mut().unwrap()
    }
}

/// Nobody has answered.
fn pending(world: &mut World) {
    world.loaded.device.state = DeviceGrantState::Pending;
    world.loaded.approval = None;
}

#[test]
fn dv_04_to_10_the_decision_about_a_poll() {
    use DeviceDecision::{Redeem, Refuse, RefuseAndRevoke, SlowDown};
    type Change = fn(&mut World);
    // In the order of the checks: each is then also shown to come before all that follow. A state excludes the others, so
    // what sets it is applied last of all.
    let faults: &[(Change, DeviceDecision)] = &[
        (
            |w| w.client = models::client("other"),
            Refuse(Reason::DeviceCodeOfOtherClient),
        ),
        (
            |w| {
                let grant_id = models::grant().id;
                w.loaded.device.state = DeviceGrantState::Redeemed { at: NOW, grant_id };
            },
            RefuseAndRevoke(Reason::DeviceCodeReplayed),
        ),
        (
            |w| w.loaded.device.state = DeviceGrantState::Denied { at: NOW },
            Refuse(Reason::DeviceDenied),
        ),
        (
            |w| w.now = w.loaded.device.expires_at,
            Refuse(Reason::DeviceCodeExpired),
        ),
        (
            |w| {
                w.loaded.device.state = DeviceGrantState::Pending;
                w.last_poll = Some(w.now);
            },
            SlowDown,
        ),
        (|w| w.loaded.approval = None, Refuse(Reason::DevicePending)),
        (
            |w| {
                if let Some(approval) = &mut w.loaded.approval {
                    approval.grant.ended = Some(Ended {
                        at: NOW,
                        why: EndReason::Revoked,
                    });
                }
            },
            Refuse(Reason::DeviceWithdrawn),
        ),
        (
            |w| {
                if let Some(approval) = &mut w.loaded.approval {
                    approval.session_live = false;
                }
            },
            Refuse(Reason::DeviceWithdrawn),
        ),
        (
            |w| {
                if let Some(approval) = &mut w.loaded.approval {
                    approval.user.disabled_at = Some(NOW);
                }
            },
            Refuse(Reason::DeviceUserDisabled),
        ),
    ];
    assert_eq!(right().decide(), Redeem);
    for (index, (change, expected)) in faults.iter().enumerate() {
        let mut world = right();
        change(&mut world);
        assert_eq!(world.decide(), *expected, "fault {index}");
        for (later, (other, _)) in faults.iter().enumerate().skip(index + 1) {
            let mut world = right();
            other(&mut world);
            change(&mut world);
            assert_eq!(world.decide(), *expected, "fault {index} comes before fault {later}");
        }
    }
}

#[test]
fn dv_05_how_early_a_poll_may_be() {
    let now = NOW.plus(300);
    // seconds since the poll before, seconds since the last slow-down, the interval, whether it is too fast
    let table: &[(Option<i64>, Option<i64>, i64, bool)] = &[
        (None, None, 5, false),
        (Some(0), None, 5, true),
        (Some(3), None, 5, true),
        (Some(4), None, 5, false),
        (Some(5), None, 5, false),
        (Some(8), None, 10, true),
        (Some(9), None, 10, false),
        // Another node slowed it down a moment ago, whatever is remembered here.
        (None, Some(3), 10, true),
        (Some(100), Some(3), 10, true),
        (Some(3), Some(100), 10, true),
        (Some(100), Some(9), 10, false),
        (Some(0), None, 1, false),
        (Some(0), None, 2, true),
    ];
    for (last_poll, slowed, interval, fast) in table {
        let mut world = right();
        pending(&mut world);
        world.now = now;
        world.last_poll = last_poll.map(|seconds| now.plus(-seconds));
        world.loaded.device.slowed_at = slowed.map(|seconds| now.plus(-seconds));
        world.loaded.device.interval = *interval;
        let expected = if *fast {
            DeviceDecision::SlowDown
        } else {
            DeviceDecision::Refuse(Reason::DevicePending)
        };
        assert_eq!(world.decide(), expected, "{last_poll:?} {slowed:?} {interval}");
        // Whoever was let in is not kept waiting.
        let mut world = right();
        world.last_poll = Some(world.now);
        assert_eq!(world.decide(), DeviceDecision::Redeem);
    }
}

#[test]
fn rc_14_no_tokens_from_the_second_of_expiry_on() {
    for (seconds, expected) in [
        (599, DeviceDecision::Redeem),
        (600, DeviceDecision::Refuse(Reason::DeviceCodeExpired)),
        (601, DeviceDecision::Refuse(Reason::DeviceCodeExpired)),
    ] {
        let mut world = right();
        world.approval().grant.expires_at = NOW.plus(100_000);
        world.now = NOW.plus(seconds);
        assert_eq!(world.decide(), expected, "{seconds}");
    }
}
