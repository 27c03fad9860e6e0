//! Telling clients in the front channel: the browser loads an address of each (OpenID Connect Front-Channel Logout §2, §3).

use url::Url;

use crate::app::App;
use crate::model::browser_session::BrowserSessionId;
use crate::model::client::LogoutChannel;

/// The addresses to load, of the clients that were let in during a sign-in that has just ended. The person is signed out, so
/// what cannot be read is only reported.
pub async fn addresses(app: &App, session: BrowserSessionId) -> Vec<Url> {
    let clients = match app.store().clients_of_session(session).await {
        Ok(clients) => clients,
        Err(error) => {
            tracing::warn!(%error, "clients cannot be told of a sign-out in the front channel");
            return Vec::new();
        }
    };
    let channels = clients.iter().filter_map(|client| client.logout.frontchannel.as_ref());
    channels
        .filter_map(|channel| address(channel, app.issuer(), session))
        .collect()
}

/// The registered address, with `iss` and `sid` for a client that asks for them (§3): both or neither.
fn address(channel: &LogoutChannel, issuer: &str, session: BrowserSessionId) -> Option<Url> {
    let mut url = Url::parse(&channel.uri).ok()?;
    if channel.session_required {
        url.query_pairs_mut()
            .append_pair("iss", issuer)
            .append_pair("sid", &session.to_string());
    }
    Some(url)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_registered_query_is_kept_and_names_are_added_for_those_who_ask() {
        let sid = BrowserSessionId(Uuid::from_u128(7));
        let of = |uri: &str, session_required| {
            let uri = uri.to_owned();
            let url = address(&LogoutChannel { uri, session_required }, "https://id.example/a b", sid)?;
            Some(url.as_str().to_owned())
        };
        assert_eq!(
            of("https://a.example/bye", false).as_deref(),
            Some("https://a.example/bye")
        );
        let named = format!("iss=https%3A%2F%2Fid.example%2Fa+b&sid={sid}");
        assert_eq!(
            of("https://a.example/bye", true),
            Some(format!("https://a.example/bye?{named}"))
        );
        assert_eq!(
            of("https://a.example/bye?x=1", true),
            Some(format!("https://a.example/bye?x=1&{named}"))
        );
        assert_eq!(of("not an address", true), None);
    }
}
