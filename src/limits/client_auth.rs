//! Guessing the secret of a client. Counted for each client and address: wrong secrets from elsewhere shut nobody out.
//!
//! A secret that this server generated has 256 bits, which nobody guesses: it is compared first, at no cost, and only failures
//! are counted, so that a client that proves itself causes no write. A secret that a person chose is counted before it is
//! hashed, as a password is.

use super::{Permit, Taken, limit, of_address, reserve, throttled};
use crate::app::App;
use crate::model::caller::Caller;
use crate::model::throttle::ThrottleKind;
use crate::protocol::error::{OAuthError, Reason};
use crate::protocol::ids::ClientId;
use crate::time::Timestamp;

/// Whether an authentication as `client` may be tried, or may have failed, once more.
pub async fn permit(app: &App, client: &ClientId, caller: &Caller, now: Timestamp) -> Result<Permit, OAuthError> {
    let rates = &app.config().limits;
    let address = of_address(
        app,
        ThrottleKind::ClientAuthAddress,
        rates.client_auth_per_address,
        caller,
    );
    let of_client = caller.address.map(|address| {
        let rate = rates.client_auth_per_client;
        let parts = [client.as_str().as_bytes(), &super::network(address)];
        limit(app, ThrottleKind::ClientAuthClient, rate, &parts)
    });
    let taken = Taken {
        own: of_client.into_iter().collect(),
        shared: address.into_iter().collect(),
    };
    let event = || throttled(Reason::ClientAuthThrottled, caller, now).client(client);
    reserve(app, taken, now, event).await
}
