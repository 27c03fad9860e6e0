//! Browsers that an account knows, because somebody has signed in to it there with the right password. Their attempts are
//! counted apart from everybody else's, so that guessing from elsewhere does not lock the owner out.
//!
//! What shows it is a cookie of up to four proofs, one for each account. A proof is a random name of the browser, an end, and an
//! HMAC over both, the user and the stored password hash: it cannot be made up, holds for no other account, tells no name, and
//! dies with the password. It lets nobody in: it is only worth a count of its own.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::app::App;
use crate::crypto::digest::{equal, hmac_sha256};
use crate::crypto::random;
use crate::model::user::{PasswordHash, User, UserId};
use crate::time::Timestamp;

/// How long an account knows a browser after the last sign-in there, in seconds: 180 days.
pub const LIFETIME: i64 = 180 * 86_400;

/// The most accounts that one browser is known to. The one that was used longest ago goes first.
const MAX_PROOFS: usize = 4;

/// Between two proofs; not a character of base64url.
const SEPARATOR: char = '.';

const MAC: usize = 32;
const NAME: usize = 16;
const END: usize = 8;

/// One proof, taken apart; whether it is true is another question.
struct Proof {
    browser: Uuid,
    expires_at: Timestamp,
    mac: [u8; MAC],
}

/// The name of the browser, if the account of `user` knows it. Without a user the same work is done for nothing.
pub fn recognize(app: &App, user: Option<&User>, cookie: Option<&str>, now: Timestamp) -> Option<Uuid> {
    let nobody = (UserId(Uuid::nil()), None);
    let (id, password) = user.map_or(nobody, |user| (user.id, user.password.as_ref()));
    let found = proofs(cookie)
        .filter_map(Proof::read)
        .find(|proof| proof.expires_at > now && equal(&proof.mac, &mac(app, id, password, proof)));
    found.filter(|_| password.is_some()).map(|proof| proof.browser)
}

/// The cookie after a sign-in of `user` with the password of `hash`: what it held, with a proof for this account in front.
pub fn remember(app: &App, user: &User, hash: &PasswordHash, cookie: Option<&str>, now: Timestamp) -> String {
    let known = recognize(app, Some(user), cookie, now);
    let mut proof = Proof {
        browser: known.unwrap_or_else(random::uuid_v4),
        expires_at: now.plus(LIFETIME),
        mac: [0; MAC],
    };
    proof.mac = mac(app, user.id, Some(hash), &proof);
    let others = proofs(cookie).filter(|text| {
        Proof::read(text).is_some_and(|other| {
            let own = known == Some(other.browser);
            other.expires_at > now && !own
        })
    });
    let mut all = vec![proof.text()];
    all.extend(others.take(MAX_PROOFS - 1).map(str::to_owned));
    all.join(&SEPARATOR.to_string())
}

fn proofs(cookie: Option<&str>) -> impl Iterator<Item = &str> {
    cookie.unwrap_or_default().split(SEPARATOR).take(MAX_PROOFS)
}

fn mac(app: &App, user: UserId, password: Option<&PasswordHash>, proof: &Proof) -> [u8; MAC] {
    let parts = [
        b"known browser".as_slice(),
        user.0.as_bytes(),
        password.map_or("", |hash| &hash.0).as_bytes(),
        proof.browser.as_bytes(),
        &proof.expires_at.0.to_be_bytes(),
    ];
    hmac_sha256(app.throttle_key(), &parts)
}

impl Proof {
    fn read(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (browser, rest) = bytes.split_first_chunk::<NAME>()?;
        let (expires_at, rest) = rest.split_first_chunk::<END>()?;
        Some(Self {
            browser: Uuid::from_bytes(*browser),
            expires_at: Timestamp(i64::from_be_bytes(*expires_at)),
            mac: rest.try_into().ok()?,
        })
    }

    fn text(&self) -> String {
        let parts = [
            self.browser.as_bytes().as_slice(),
            &self.expires_at.0.to_be_bytes(),
            &self.mac,
        ];
        URL_SAFE_NO_PAD.encode(parts.concat())
    }
}
