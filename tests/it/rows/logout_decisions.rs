//! OI, RU: the decision about a request to sign out, as a table.

use std::sync::Arc;

use portcullis::logout::request::{Asked, Facts, LogoutRequest, Step, decide};
use portcullis::model::browser_session::{BrowserSession, BrowserSessionId};
use portcullis::model::client::{Client, SubjectPolicy};
use portcullis::protocol::error::Reason;
use portcullis::protocol::redirect_uri::RedirectUri;
use portcullis::tokens::subject;
use portcullis::tokens::verify::HintedSession;
use uuid::Uuid;

use super::models::{self, NOW};

const BYE: &str = "https://shop.example/bye?from=us";
const LOOPBACK: &str = "http://127.0.0.1/bye";

fn session() -> BrowserSession {
    BrowserSession {
        id: models::grant().session_id,
        user_id: models::user().id,
        auth_time: NOW,
        acr: "1".to_owned(),
        amr: Vec::new(),
        created_at: NOW,
        expires_at: NOW.plus(100),
        ended_at: None,
        user_agent: None,
        address: None,
    }
}

fn shop() -> Client {
    let mut client = models::client("shop");
    client.metadata.logout.redirect_uris = [BYE, LOOPBACK].map(|uri| RedirectUri::register(uri).unwrap()).into();
    client
}

/// An ID token of the sign-in above.
fn hint() -> HintedSession {
    HintedSession {
        client_id: shop().client_id,
        subject: models::user().id.to_string(),
        sid: Some(session().id),
    }
}

fn proven() -> LogoutRequest {
    LogoutRequest {
        hint: Some(hint()),
        client: Some(Arc::new(shop())),
        redirect_uri: Some(BYE.to_owned()),
        state: Some("a b&c".to_owned()),
    }
}

fn unproven() -> LogoutRequest {
    LogoutRequest { hint: None, ..proven() }
}

fn step(request: &LogoutRequest, asked: Asked, signed_in: bool) -> Result<Step, Reason> {
    let (session, user) = (session(), models::user());
    decide(&Facts {
        request,
        asked,
        signed_in: signed_in.then_some((&session, &user)),
    })
}

/// What was decided, and where it leads.
fn told(step: Result<Step, Reason>) -> (&'static str, Option<String>) {
    let (what, back) = match step {
        Ok(Step::SignOut(back)) => ("sign out", back),
        Ok(Step::Ask(back)) => ("ask", back),
        Ok(Step::Leave(back)) => ("leave", Some(back)),
        Ok(Step::Over(back)) => ("over", back),
        Err(Reason::PostLogoutRedirectUriUnregistered) => ("unregistered", None),
        Err(Reason::StateTooLong) => ("state too long", None),
        Err(other) => panic!("{other:?}"),
    };
    (what, back.map(|back| back.location()))
}

#[test]
fn oi_01_oi_02_oi_05_oi_06_who_is_signed_out_and_who_is_asked() {
    use Asked::{Confirmed, Openly, Unseen};
    let there = Some("https://shop.example/bye?from=us&state=a+b%26c#");
    let hinted = |hint: HintedSession| LogoutRequest {
        hint: Some(hint),
        ..proven()
    };
    let earlier = hinted(HintedSession {
        sid: Some(BrowserSessionId(Uuid::from_u128(99))),
        ..hint()
    });
    let mut of_a_sector = shop();
    of_a_sector.metadata.subject = SubjectPolicy::Pairwise {
        sector: "shop.example".to_owned(),
        uri: None,
    };
    let pairwise = |sid, subject: String| LogoutRequest {
        hint: Some(HintedSession { sid, subject, ..hint() }),
        client: Some(Arc::new(of_a_sector.clone())),
        ..proven()
    };
    let of_this_sign_in = pairwise(Some(session().id), "anything".to_owned());
    let in_the_sector = pairwise(None, subject::of(&of_a_sector, &models::user()));
    let in_no_sector = pairwise(None, models::user().id.to_string());
    let somebody_else = hinted(HintedSession {
        subject: Uuid::from_u128(98).to_string(),
        sid: Some(BrowserSessionId(Uuid::from_u128(99))),
        ..hint()
    });
    let nothing = LogoutRequest::default();
    let only_state = LogoutRequest {
        state: Some("x".to_owned()),
        ..LogoutRequest::default()
    };
    let nameless = LogoutRequest {
        client: None,
        ..unproven()
    };
    let nowhere = LogoutRequest {
        redirect_uri: None,
        ..proven()
    };
    let mut itself = shop();
    itself.metadata.about.self_registered = true;
    let stranger = LogoutRequest {
        client: Some(Arc::new(itself)),
        ..proven()
    };
    let rows = [
        // request, how, signed in, then
        (&proven(), Openly, true, "sign out", there),
        (&earlier, Openly, true, "sign out", there),
        (&of_this_sign_in, Openly, true, "sign out", there),
        (&in_the_sector, Openly, true, "sign out", there),
        (&in_no_sector, Openly, true, "ask", there),
        (&nowhere, Openly, true, "sign out", None),
        (&proven(), Unseen, true, "ask", there),
        (&somebody_else, Openly, true, "ask", there),
        (&somebody_else, Confirmed, true, "sign out", there),
        (&unproven(), Openly, true, "ask", there),
        (&unproven(), Confirmed, true, "sign out", there),
        (&nameless, Openly, true, "ask", None),
        (&nameless, Confirmed, true, "sign out", None),
        (&nothing, Openly, true, "ask", None),
        (&nothing, Confirmed, true, "sign out", None),
        (&only_state, Confirmed, true, "sign out", None),
        (&proven(), Openly, false, "leave", there),
        (&somebody_else, Openly, false, "leave", there),
        (&stranger, Openly, false, "over", there),
        (&stranger, Openly, true, "sign out", there),
        (&unproven(), Openly, false, "over", there),
        (&unproven(), Confirmed, false, "over", there),
        (&nowhere, Openly, false, "over", None),
        (&nothing, Openly, false, "over", None),
    ];
    for (number, (request, asked, signed_in, what, back)) in rows.into_iter().enumerate() {
        let expected = (what, back.map(str::to_owned));
        assert_eq!(told(step(request, asked, signed_in)), expected, "row {number}");
    }
}

/// The same comparison as for redirect URIs, whoever asks and however well they prove it.
#[test]
fn ru_16_only_a_registered_uri_is_returned_to() {
    let to = |attempt: &str| LogoutRequest {
        redirect_uri: Some(attempt.to_owned()),
        state: None,
        ..proven()
    };
    for attempt in [
        "https://shop.example/bye",
        "https://shop.example/bye?from=us&more=1",
        "https://shop.example/bye?from=us#",
        "https://shop.example/bye?from=us/",
        "https://shop.example/bye/../bye?from=us",
        "https://shop.example:443/bye?from=us",
        "https://SHOP.example/bye?from=us",
        "https://shop.example.evil.example/bye?from=us",
        "https://shop.example@evil.example/bye?from=us",
        "http://shop.example/bye?from=us",
        "https://shop.example/callback",
        "http://127.0.0.1:70000/bye",
        "http://127.0.0.2/bye",
        "javascript:alert(1)",
        "//evil.example",
        "*",
    ] {
        for request in [
            to(attempt),
            LogoutRequest {
                hint: None,
                ..to(attempt)
            },
        ] {
            for asked in [Asked::Openly, Asked::Confirmed] {
                for signed_in in [true, false] {
                    let found = step(&request, asked, signed_in);
                    assert_eq!(found, Err(Reason::PostLogoutRedirectUriUnregistered), "{attempt}");
                }
            }
        }
    }
    for (attempt, location) in [
        (BYE, "https://shop.example/bye?from=us#"),
        ("http://127.0.0.1:4711/bye", "http://127.0.0.1:4711/bye#"),
    ] {
        let found = told(step(&to(attempt), Asked::Openly, true));
        assert_eq!(found, ("sign out", Some(location.to_owned())));
    }
}

#[test]
fn a_state_has_a_length() {
    let long = |length: usize| LogoutRequest {
        state: Some("s".repeat(length)),
        ..proven()
    };
    assert_eq!(told(step(&long(2048), Asked::Openly, true)).0, "sign out");
    assert_eq!(told(step(&long(2049), Asked::Openly, true)).0, "state too long");
}
