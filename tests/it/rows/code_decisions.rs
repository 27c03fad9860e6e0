//! CO: the decision about a code, as tables of every refusal.

use portcullis::crypto::digest::{sha256, token_digest};
use portcullis::crypto::opaque::{Kind, OpaqueToken};
use portcullis::grants::{CodeDecision, CodeRequest, decide_code};
use portcullis::model::client::Client;
use portcullis::model::code::Code;
use portcullis::model::grant::{EndReason, Ended};
use portcullis::protocol::error::Reason;
use portcullis::protocol::pkce::CodeChallenge;
use portcullis::protocol::redirect_uri::RedirectUri;
use portcullis::store::LoadedCode;
use portcullis::time::Timestamp;

use super::models::{self, NOW, REDIRECT_URI};

/// What `decide_code` looks at.
struct World {
    loaded: LoadedCode,
    client: Client,
    sent: Vec<(&'static str, String)>,
    now: Timestamp,
}

/// A request that is right in everything.
fn right() -> World {
    let verifier = "v".repeat(43);
    World {
        loaded: LoadedCode {
            code: Code {
                digest: token_digest("code"),
                grant_id: models::grant().id,
                client_id: models::grant().client_id,
                redirect_uri: RedirectUri::register(REDIRECT_URI).unwrap(),
                challenge: Some(CodeChallenge::from_digest(sha256(verifier.as_bytes()))),
                nonce: None,
                created_at: NOW,
                expires_at: NOW.plus(60),
                redeemed_at: None,
                failed_proofs: 0,
            },
            grant: models::grant(),
            user: models::user(),
            session_live: true,
        },
        client: models::client("shop"),
        sent: vec![
            ("code", OpaqueToken::generate(Kind::Code).expose().to_owned()),
            ("redirect_uri", REDIRECT_URI.to_owned()),
            ("code_verifier", verifier),
        ],
        now: NOW,
    }
}

impl World {
    fn decide(&self) -> CodeDecision {
        let sent: Vec<_> = self.sent.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let request = CodeRequest::parse(&models::params(&sent)).unwrap();
        decide_code(&self.loaded, &request, &self.client, self.now)
    }

    fn send(&mut self, name: &'static str, value: &str) {
        self.sent.retain(|(known, _)| *known != name);
        self.sent.push((name, value.to_owned()));
    }
}

#[test]
fn co_02_to_29_the_decision_about_a_code() {
    use CodeDecision::{Redeem, Refuse, RefuseAndBurn};
    type Change = fn(&mut World);
    // In the order of the checks: each is then also shown to come before all that follow.
    let faults: &[(Change, CodeDecision)] = &[
        (
            |w| w.client = models::client("other"),
            Refuse(Reason::CodeOfOtherClient),
        ),
        (|w| w.loaded.code.failed_proofs = 3, Refuse(Reason::CodeBurnt)),
        (
            |w| w.send("redirect_uri", "https://shop.example/"),
            Refuse(Reason::RedirectUriMismatch),
        ),
        (
            |w| w.send("code_verifier", ""),
            RefuseAndBurn(Reason::CodeVerifierMissing),
        ),
        (|w| w.loaded.code.expires_at = w.now, Refuse(Reason::CodeExpired)),
        (
            |w| {
                w.loaded.grant.ended = Some(Ended {
                    at: NOW,
                    why: EndReason::Revoked,
                });
            },
            Refuse(Reason::GrantEnded),
        ),
        (|w| w.loaded.grant.expires_at = w.now, Refuse(Reason::GrantExpired)),
        (|w| w.loaded.session_live = false, Refuse(Reason::SessionEnded)),
        (|w| w.loaded.user.disabled_at = Some(NOW), Refuse(Reason::UserDisabled)),
    ];
    assert_eq!(right().decide(), Redeem);
    for (index, (fault, expected)) in faults.iter().enumerate() {
        let mut world = right();
        for (later, _) in faults[index..].iter().rev() {
            later(&mut world);
        }
        assert_eq!(world.decide(), *expected, "fault {index} with all that follow");
        let mut world = right();
        fault(&mut world);
        assert_eq!(world.decide(), *expected, "fault {index} alone");
    }
    let more: &[(Change, CodeDecision)] = &[
        (|w| w.send("redirect_uri", ""), Refuse(Reason::RedirectUriMismatch)),
        (
            |w| w.send("code_verifier", "short"),
            RefuseAndBurn(Reason::CodeVerifierMalformed),
        ),
        (
            |w| w.send("code_verifier", &"w".repeat(43)),
            RefuseAndBurn(Reason::CodeVerifierWrong),
        ),
        (
            |w| w.loaded.code.challenge = None,
            Refuse(Reason::CodeVerifierUnexpected),
        ),
        (|w| w.loaded.code.failed_proofs = 2, Redeem),
        (|w| w.now = NOW.plus(59), Redeem),
        (|w| w.now = NOW.plus(60), Refuse(Reason::CodeExpired)),
        (
            |w| {
                w.loaded.code.challenge = None;
                w.send("code_verifier", "");
            },
            Redeem,
        ),
        (
            |w| {
                w.client.metadata.redirect_uri_at_token = false;
                w.send("redirect_uri", "");
            },
            Redeem,
        ),
    ];
    for (index, (change, expected)) in more.iter().enumerate() {
        let mut world = right();
        change(&mut world);
        assert_eq!(world.decide(), *expected, "case {index}");
    }
}

#[test]
fn co_03_the_decision_about_a_replayed_code() {
    use CodeDecision::{Refuse, RefuseAndRevoke};
    type Change = fn(&mut World);
    let cases: &[(Change, CodeDecision)] = &[
        (|_| {}, RefuseAndRevoke(Reason::CodeReplayed)),
        (|w| w.now = NOW.plus(999), RefuseAndRevoke(Reason::CodeReplayed)),
        (|w| w.loaded.session_live = false, RefuseAndRevoke(Reason::CodeReplayed)),
        // Tries on a live code were counted before; they do not shield a replay.
        (
            |w| w.loaded.code.failed_proofs = 3,
            RefuseAndRevoke(Reason::CodeReplayed),
        ),
        (
            |w| w.client = models::client("other"),
            Refuse(Reason::CodeOfOtherClient),
        ),
        (
            |w| w.send("redirect_uri", "https://shop.example/"),
            Refuse(Reason::RedirectUriMismatch),
        ),
        (|w| w.send("code_verifier", ""), Refuse(Reason::CodeReplayedUnproven)),
        (
            |w| w.send("code_verifier", "short"),
            Refuse(Reason::CodeReplayedUnproven),
        ),
        (
            |w| w.send("code_verifier", &"w".repeat(43)),
            Refuse(Reason::CodeReplayedUnproven),
        ),
    ];
    for (index, (change, expected)) in cases.iter().enumerate() {
        let mut world = right();
        world.loaded.code.redeemed_at = Some(NOW);
        change(&mut world);
        assert_eq!(world.decide(), *expected, "case {index}");
    }
}

#[test]
fn co_02_to_29_every_refusal_of_a_code_is_invalid_grant() {
    for reason in [
        Reason::CodeUnknown,
        Reason::CodeOfOtherClient,
        Reason::CodeReplayed,
        Reason::CodeReplayedUnproven,
        Reason::CodeExpired,
        Reason::CodeBurnt,
        Reason::RedirectUriMismatch,
        Reason::CodeVerifierMissing,
        Reason::CodeVerifierMalformed,
        Reason::CodeVerifierWrong,
        Reason::SessionEnded,
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
