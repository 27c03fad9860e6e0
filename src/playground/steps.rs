//! The steps of the flow that need the network: each sends something and keeps what was sent and what came back.

use serde_json::Value;

use super::exchange::Exchange;
use super::flow::{Attempt, Metadata, TokenSet, fingerprint};
use super::inspect::{self, Context, Inspection, Verdict};
use super::refusal::Refusal;
use super::{MachineClient, PlaygroundConfig};
use crate::outbound::Outbound;

/// One finished sign-in, and what was done with it since.
#[derive(Clone)]
pub(super) struct Outcome {
    pub attempt: Attempt,
    pub code: String,
    pub iss: Option<String>,
    pub tokens: Exchange,
    pub set: Option<TokenSet>,
    pub id_token: Option<Inspection>,
    pub access_token: Option<Inspection>,
    pub userinfo: Option<(Exchange, Verdict)>,
    pub rotation: Option<Rotation>,
    pub revocation: Option<Revocation>,
}

/// What a refresh changed.
#[derive(Clone)]
pub(super) struct Rotation {
    /// How many there were.
    pub number: u32,
    pub changes: Vec<Change>,
}

/// One token before and after, by fingerprint.
#[derive(Clone)]
pub(super) struct Change {
    pub token: &'static str,
    pub before: String,
    pub after: String,
}

/// A revocation, and the two attempts that show what it did.
#[derive(Clone)]
pub(super) struct Revocation {
    pub request: Exchange,
    pub verdicts: Vec<Verdict>,
    /// `None` where there was no refresh token.
    pub refresh: Option<Exchange>,
    pub userinfo: Exchange,
}

/// A token without a person.
#[derive(Clone)]
pub(super) struct MachineOutcome {
    pub tokens: Exchange,
    pub access_token: Option<Inspection>,
}

/// The playground as a client of the server.
pub(super) struct RelyingParty<'a> {
    pub config: &'a PlaygroundConfig,
    pub outbound: &'a Outbound,
}

impl RelyingParty<'_> {
    /// Reads the metadata of the issuer.
    pub async fn discover(&self) -> Result<Metadata, Refusal> {
        let issuer = &self.config.issuer;
        let fetched = self
            .outbound
            .get_json(&Metadata::address(issuer))
            .await
            .map_err(Refusal::Discovery)?;
        if fetched.status != 200 {
            return Err(Refusal::DiscoveryStatus(fetched.status));
        }
        Metadata::read(&fetched.body, issuer)
    }

    /// Turns the code into tokens, and looks at everything that comes back.
    pub async fn redeem(&self, attempt: Attempt, code: String, iss: Option<String>) -> Outcome {
        let redirect_uri = self.config.redirect_uri();
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", redirect_uri.as_str()),
            ("code_verifier", attempt.secrets.verifier.as_str()),
        ];
        let tokens = self
            .post(&attempt.metadata.token_endpoint, &form, self.own_credentials())
            .await;
        let set = tokens.token_set();
        let outcome = Outcome {
            attempt,
            code,
            iss,
            tokens,
            set,
            id_token: None,
            access_token: None,
            userinfo: None,
            rotation: None,
            revocation: None,
        };
        let id_token = outcome.set.as_ref().and_then(|set| set.id_token.clone());
        self.examine(outcome, id_token).await
    }

    /// Fetches new tokens with the refresh token (RFC 6749 §6).
    pub async fn refresh(&self, mut outcome: Outcome) -> Outcome {
        let Some((before, token)) = outcome
            .set
            .clone()
            .and_then(|set| Some((set.clone(), set.refresh_token?)))
        else {
            return outcome;
        };
        outcome.tokens = self.post_refresh(&outcome.attempt.metadata, &token).await;
        let Some(newer) = outcome.tokens.token_set() else {
            return outcome;
        };
        let id_token = newer.id_token.clone();
        let after = before.updated_by(newer);
        let number = outcome.rotation.map_or(1, |rotation| rotation.number + 1);
        outcome.rotation = Some(Rotation {
            number,
            changes: changes(&before, &after),
        });
        outcome.set = Some(after);
        self.examine(outcome, id_token).await
    }

    /// Revokes the grant (RFC 7009), then tries what must not work any more.
    pub async fn revoke(&self, mut outcome: Outcome) -> Outcome {
        let Some(set) = outcome.set.clone() else { return outcome };
        let metadata = &outcome.attempt.metadata;
        let (token, hint) = match &set.refresh_token {
            Some(token) => (token, "refresh_token"),
            None => (&set.access_token, "access_token"),
        };
        let form = [("token", token.as_str()), ("token_type_hint", hint)];
        let request = self
            .post(&metadata.revocation_endpoint, &form, self.own_credentials())
            .await;
        let refresh = match &set.refresh_token {
            Some(token) => Some(self.post_refresh(metadata, token).await),
            None => None,
        };
        let userinfo = self.ask_userinfo(metadata, &set.access_token).await;
        let verdicts = revocation_verdicts(&request, refresh.as_ref(), &userinfo);
        outcome.revocation = Some(Revocation {
            request,
            verdicts,
            refresh,
            userinfo,
        });
        outcome
    }

    /// A token for a service of its own (RFC 6749 §4.4).
    pub async fn machine(&self, machine: &MachineClient) -> Result<MachineOutcome, Refusal> {
        let metadata = self.discover().await?;
        let form = [("grant_type", "client_credentials"), ("scope", machine.scope.as_str())];
        let credentials = (machine.client_id.as_str(), machine.client_secret.as_str());
        let tokens = self.post(&metadata.token_endpoint, &form, credentials).await;
        let access_token = match tokens.token_set() {
            Some(set) => {
                let jwks = self.keys(&metadata).await;
                let context = self.context(&metadata, &set, jwks.as_ref());
                Some(inspect::access_token(&set.access_token, &context))
            }
            None => None,
        };
        Ok(MachineOutcome { tokens, access_token })
    }

    /// Takes the tokens apart and asks userinfo. An ID token is judged beside the access token it came with, so an old
    /// one keeps its verdicts.
    async fn examine(&self, mut outcome: Outcome, new_id_token: Option<String>) -> Outcome {
        let Some(set) = &outcome.set else { return outcome };
        let metadata = &outcome.attempt.metadata;
        let jwks = self.keys(metadata).await;
        let context = Context {
            nonce: &outcome.attempt.secrets.nonce,
            refreshed: outcome.rotation.is_some(),
            ..self.context(metadata, set, jwks.as_ref())
        };
        if let Some(token) = new_id_token {
            outcome.id_token = Some(inspect::id_token(&token, &context));
        }
        outcome.access_token = Some(inspect::access_token(&set.access_token, &context));
        let userinfo = self.ask_userinfo(metadata, &set.access_token).await;
        let verdict = match userinfo.succeeded() {
            true => inspect::same_subject(&userinfo.body, set.id_token.as_deref()),
            false => Verdict::check("Answer", false, format!("{}.", userinfo.status())),
        };
        outcome.userinfo = Some((userinfo, verdict));
        outcome
    }

    pub fn context<'a>(&'a self, metadata: &'a Metadata, set: &'a TokenSet, jwks: Option<&'a Value>) -> Context<'a> {
        Context {
            issuer: &metadata.issuer,
            client_id: &self.config.client_id,
            nonce: "",
            refreshed: false,
            access_token: &set.access_token,
            jwks,
            now: self.config.clock.now(),
        }
    }

    pub async fn keys(&self, metadata: &Metadata) -> Option<Value> {
        let fetched = self
            .outbound
            .get_json(&metadata.jwks_uri)
            .await
            .ok()
            .filter(|fetched| fetched.status == 200)?;
        serde_json::from_str(&fetched.body).ok()
    }

    async fn post_refresh(&self, metadata: &Metadata, token: &str) -> Exchange {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.post(&metadata.token_endpoint, &form, self.own_credentials()).await
    }

    async fn ask_userinfo(&self, metadata: &Metadata, token: &str) -> Exchange {
        let endpoint = &metadata.userinfo_endpoint;
        let authorization = "Bearer (the access token)".to_owned();
        Exchange::new(
            format!("GET {endpoint}"),
            authorization,
            &[],
            self.outbound.get_bearer(endpoint, token).await,
        )
    }

    async fn post(&self, endpoint: &str, form: &[(&str, &str)], credentials: (&str, &str)) -> Exchange {
        let authorization = format!("Basic ({} and its secret)", credentials.0);
        let answer = self.outbound.post_form(endpoint, form, Some(credentials)).await;
        Exchange::new(format!("POST {endpoint}"), authorization, form, answer)
    }

    fn own_credentials(&self) -> (&str, &str) {
        (&self.config.client_id, &self.config.client_secret)
    }
}

fn changes(before: &TokenSet, after: &TokenSet) -> Vec<Change> {
    let of = |token: Option<&str>| token.map_or_else(|| "none".to_owned(), fingerprint);
    let change = |token, before: Option<&str>, after: Option<&str>| Change {
        token,
        before: of(before),
        after: of(after),
    };
    vec![
        change("Access token", Some(&before.access_token), Some(&after.access_token)),
        change(
            "Refresh token",
            before.refresh_token.as_deref(),
            after.refresh_token.as_deref(),
        ),
        change("ID token", before.id_token.as_deref(), after.id_token.as_deref()),
    ]
}

fn revocation_verdicts(request: &Exchange, refresh: Option<&Exchange>, userinfo: &Exchange) -> Vec<Verdict> {
    let refused = |what, exchange: &Exchange| {
        let refused = exchange.refused();
        let detail = if refused {
            "Refused, as it must be"
        } else {
            "Not refused"
        };
        Verdict::check(what, refused, format!("{detail}: {}.", exchange.status()))
    };
    vec![
        Verdict::check(
            "Revocation",
            request.succeeded(),
            format!("The server answered {}.", request.status()),
        ),
        refresh.map_or_else(
            || Verdict::skipped("Refresh", "There was no refresh token."),
            |exchange| refused("Refresh", exchange),
        ),
        refused("Userinfo", userinfo),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::OutboundError;
    use crate::playground::exchange::answer;
    use crate::playground::inspect::Finding;

    fn findings(refresh: Option<&Exchange>, userinfo: &Exchange) -> Vec<Finding> {
        let verdicts = revocation_verdicts(&answer(Ok((200, ""))), refresh, userinfo);
        verdicts.iter().map(|verdict| verdict.finding).collect()
    }

    #[test]
    fn after_a_revocation_a_refusal_is_the_good_case() {
        use Finding::{Failed, Passed, Skipped};
        let (yes, no) = (answer(Ok((200, "{}"))), answer(Ok((401, ""))));
        assert_eq!(findings(Some(&no), &no), [Passed, Passed, Passed]);
        assert_eq!(findings(Some(&yes), &yes), [Passed, Failed, Failed]);
        assert_eq!(
            findings(None, &answer(Err(OutboundError::TimedOut))),
            [Passed, Skipped, Failed]
        );
    }

    #[test]
    fn a_refresh_is_told_by_fingerprints() {
        let set = |token: &str| TokenSet {
            access_token: token.to_owned(),
            refresh_token: Some(token.to_owned()),
            id_token: None,
        };
        let changes = changes(&set("old"), &set("new"));
        assert_ne!(changes[1].before, changes[1].after);
        assert_eq!(
            (changes[2].before.as_str(), changes[2].after.as_str()),
            ("none", "none")
        );
        assert!(changes.iter().all(|change| !change.after.contains("new")));
    }
}
