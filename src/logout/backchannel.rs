//! Telling a client in the back channel (OpenID Connect Back-Channel Logout §2.4, §2.5).

use serde::Serialize;

use crate::app::App;
use crate::crypto::jwe::Payload;
use crate::crypto::jwt;
use crate::crypto::random;
use crate::model::browser_session::BrowserSessionId;
use crate::outbound::Purpose;
use crate::protocol::error::{OAuthError, Reason};
use crate::protocol::ids::ClientId;
use crate::store::LogoutNotice;
use crate::time::Timestamp;
use crate::tokens::envelope::Envelope;
use crate::tokens::subject;

/// `typ` of a logout token. No other token has it, so none passes for one, nor one for another.
pub const TYP: &str = "logout+jwt";
/// How long one counts, in seconds (§2.4: at most two minutes).
const LIFETIME: i64 = 120;
/// Between tries, in seconds; the last one from then on.
const PAUSES: [i64; 6] = [10, 60, 5 * 60, 15 * 60, 30 * 60, 60 * 60];

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    aud: &'a ClientId,
    iat: Timestamp,
    exp: Timestamp,
    jti: String,
    events: Events,
    sid: BrowserSessionId,
}

#[derive(Default, Serialize)]
struct Events {
    #[serde(rename = "http://schemas.openid.net/event/backchannel-logout")]
    logout: Empty,
}

#[derive(Default, Serialize)]
struct Empty {}

/// What came of telling a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It knows.
    Yes,
    /// It does not want to know any more, or is gone.
    NotWanted,
    /// It answered with this status.
    Refused(u16),
    /// It could not be asked.
    Unreachable,
}

/// When a notice is to be tried again that is tried now, unless it is settled before. Never before this try is over, and for
/// the last time when `give_up_after` seconds have passed.
pub fn next_try(notice: &LogoutNotice, (longest_try, give_up_after): (i64, i64), now: Timestamp) -> Timestamp {
    let made = usize::try_from(notice.tries).unwrap_or(usize::MAX);
    let pause = PAUSES[made.min(PAUSES.len() - 1)];
    let last = notice.ended_at.plus(give_up_after);
    now.plus(pause).min(last).max(now.plus(longest_try + 5))
}

/// Whether a try at `now` was the last.
pub fn is_last(notice: &LogoutNotice, give_up_after: i64, now: Timestamp) -> bool {
    now.since(notice.ended_at) >= give_up_after
}

/// Posts a fresh logout token. Where to is the client's registration alone, as it is now.
pub async fn tell(app: &App, notice: &LogoutNotice, now: Timestamp) -> Result<Told, OAuthError> {
    let found = app.store().find_client(&notice.client_id).await?;
    let Some(client) = found.client else {
        return Ok(Told::NotWanted);
    };
    let Some(channel) = &client.metadata.logout.backchannel else {
        return Ok(Told::NotWanted);
    };
    // As its ID tokens are (§2.4).
    let envelope = Envelope::prepare(app, &client, client.metadata.id_token_encryption, now).await?;
    let user = app.store().user(notice.user).await?;
    let claims = Claims {
        iss: app.issuer(),
        sub: user.map(|user| subject::of(&client, &user)),
        aud: &client.client_id,
        iat: now,
        exp: now.plus(LIFETIME),
        jti: random::uuid_v4().to_string(),
        events: Events::default(),
        sid: notice.session,
    };
    let ring = app.key_ring(&found.catalog)?;
    let signer = ring.signer(client.metadata.id_token_alg, now).ok_or(Reason::Internal)?;
    let token = jwt::sign(signer, TYP, &claims).map_err(|error| {
        tracing::error!(%error, "a logout token could not be signed");
        Reason::Internal
    })?;
    let token = match envelope {
        Some(envelope) => envelope.seal(Payload::Jwt(&token))?,
        None => token,
    };
    let answer = app
        .fetch()
        .post_form(
            Purpose::BackchannelLogout,
            &channel.uri,
            &[("logout_token", token.as_str())],
        )
        .await;
    Ok(match answer {
        Ok(document) if (200..300).contains(&document.status) => Told::Yes,
        Ok(document) => Told::Refused(document.status),
        Err(error) => {
            tracing::debug!(%error, client_id = client.client_id.as_str(), "a client could not be told of a sign-out");
            Told::Unreachable
        }
    })
}
