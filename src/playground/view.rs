//! The pages, as data for their templates.

use askama::Template;

use super::device::{DeviceLogin, Started, State};
use super::exchange::field;
use super::inspect::{self, Claim, Decoded, Finding, Inspection, Verdict};
use super::refusal::Refusal;
use super::steps::{MachineOutcome, Outcome};
use super::{Assets, DemoUser, PlaygroundConfig};

/// What the layout needs.
pub(super) struct Frame<'a> {
    pub stylesheet_href: &'a str,
    pub icon_href: &'a str,
    pub issuer: &'a str,
}

impl<'a> Frame<'a> {
    pub fn new(assets: &'a Assets, config: &'a PlaygroundConfig) -> Self {
        Self {
            stylesheet_href: &assets.stylesheet_href,
            icon_href: &assets.icon_href,
            issuer: &config.issuer,
        }
    }
}

/// The front page.
#[derive(Template)]
#[template(path = "playground/start.html")]
pub(super) struct Start<'a> {
    pub frame: Frame<'a>,
    /// Who can sign in.
    pub user: Option<&'a DemoUser>,
    pub endpoint: &'a str,
    pub parameters: Vec<Claim>,
    /// A shell command that fetches a token without a person.
    pub curl: Option<String>,
    pub machine: Option<MachineOutcome>,
    /// A shell command that starts a device login.
    pub device_curl: Option<String>,
}

/// One sign-in, step by step.
#[derive(Template)]
#[template(path = "playground/result.html")]
pub(super) struct ResultPage<'a> {
    pub frame: Frame<'a>,
    pub outcome: Outcome,
}

impl ResultPage<'_> {
    fn parameters(&self) -> Vec<Claim> {
        self.outcome
            .attempt
            .parameters
            .iter()
            .map(|(name, value)| field(name, value))
            .collect()
    }

    fn answered(&self) -> Vec<Claim> {
        let iss = self.outcome.iss.as_deref().map(|iss| field("iss", iss));
        let state = field("state", &self.outcome.attempt.secrets.state);
        [Some(field("code", &self.outcome.code)), Some(state), iss]
            .into_iter()
            .flatten()
            .collect()
    }

    fn code_verdicts(&self) -> Vec<Verdict> {
        let issuer = match self.outcome.iss {
            Some(_) => Verdict::check("Issuer", true, "iss is the server we asked."),
            None => Verdict::skipped("Issuer", "The server does not promise to send iss."),
        };
        vec![
            Verdict::check("State", true, "The value that this browser was given."),
            issuer,
        ]
    }

    /// The person's name, in the words that came with the tokens.
    fn name(&self) -> Option<String> {
        let userinfo = self
            .outcome
            .userinfo
            .as_ref()
            .map(|(exchange, _)| inspect::rows_of(&exchange.body));
        let claims = [
            decoded(self.outcome.id_token.as_ref()).map(|id| id.claims.clone()),
            userinfo,
        ];
        let claims: Vec<Claim> = claims.into_iter().flatten().flatten().collect();
        let wanted = ["name", "preferred_username", "email"];
        let found = wanted
            .iter()
            .find_map(|name| claims.iter().find(|claim| claim.name == *name))?;
        serde_json::from_str(&found.value).ok()
    }

    fn userinfo_rows(&self) -> Vec<Claim> {
        let good = self
            .outcome
            .userinfo
            .as_ref()
            .filter(|(exchange, _)| exchange.succeeded());
        good.map_or_else(Vec::new, |(exchange, _)| inspect::rows_of(&exchange.body))
    }

    fn tokens_title(&self) -> String {
        match (&self.outcome.set, &self.outcome.rotation) {
            (None, _) => "The server kept its tokens".to_owned(),
            (Some(_), _) if !self.outcome.tokens.succeeded() => "The refresh was refused".to_owned(),
            (Some(_), Some(rotation)) if rotation.number > 1 => {
                format!("New tokens after {} refreshes", rotation.number)
            }
            (Some(_), Some(_)) => "New tokens after a refresh".to_owned(),
            (Some(_), None) => "The code became tokens".to_owned(),
        }
    }

    fn can_refresh(&self) -> bool {
        self.outcome.set.as_ref().is_some_and(|set| set.refresh_token.is_some())
    }

    /// Every verdict of the sign-in: how many there are and how many of them failed.
    fn tally(&self) -> (usize, usize) {
        let mut verdicts = self.code_verdicts();
        for inspection in [&self.outcome.id_token, &self.outcome.access_token] {
            verdicts.extend(
                decoded(inspection.as_ref())
                    .map(|token| token.verdicts.clone())
                    .unwrap_or_default(),
            );
        }
        verdicts.extend(self.outcome.userinfo.as_ref().map(|(_, verdict)| verdict.clone()));
        let count = |finding| verdicts.iter().filter(|verdict| verdict.finding == finding).count();
        (count(Finding::Passed) + count(Finding::Failed), count(Finding::Failed))
    }
}

fn decoded(inspection: Option<&Inspection>) -> Option<&Decoded> {
    match inspection {
        Some(Inspection::Decoded(decoded)) => Some(decoded),
        _ => None,
    }
}

/// A device login.
#[derive(Template)]
#[template(path = "playground/device.html")]
pub(super) struct DevicePage<'a> {
    pub frame: Frame<'a>,
    pub login: DeviceLogin,
}

impl DevicePage<'_> {
    /// The code to show, while it is of use.
    fn waiting(&self) -> Option<&Started> {
        let started = self.login.started.as_ref();
        started.filter(|_| self.login.state == State::Waiting)
    }

    fn heading(&self) -> &'static str {
        match self.login.state {
            State::Waiting => "The device waits for you",
            State::Done => "The device is signed in",
            State::Denied => "The device was refused",
            State::Expired => "The code has expired",
            State::Failed => "The server said no",
        }
    }

    fn lead(&self) -> &'static str {
        match self.login.state {
            State::Waiting => "Scan this with a telephone, or open the link here, and confirm the code.",
            State::Done => "You confirmed the code, and the device fetched its tokens. They are below.",
            State::Denied => "You said no. The device learns just that, and stops asking.",
            State::Expired => "Nobody confirmed the code in time. A device would show a new one.",
            State::Failed => "The answers below say why.",
        }
    }

    fn inspections(&self) -> Vec<(&'static str, &Inspection)> {
        let named = [
            ("ID token", &self.login.id_token),
            ("access token", &self.login.access_token),
        ];
        named
            .into_iter()
            .filter_map(|(title, inspection)| Some((title, inspection.as_ref()?)))
            .collect()
    }
}

/// Why it cannot go on.
#[derive(Template)]
#[template(path = "playground/problem.html")]
pub(super) struct Problem<'a> {
    pub frame: Frame<'a>,
    pub refusal: &'a Refusal,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::OutboundError;
    use crate::playground::device::sample_login;
    use crate::playground::exchange::answer;
    use crate::playground::flow::{Secrets, TokenSet, sample_attempt};
    use crate::playground::inspect;
    use crate::playground::sample_config;
    use crate::playground::steps::{Revocation, Rotation};

    const MARKUP: &str = "<svg onload=alert(1)>";

    fn outcome() -> Outcome {
        let set = TokenSet {
            access_token: MARKUP.to_owned(),
            refresh_token: Some(MARKUP.to_owned()),
            id_token: None,
        };
        let userinfo = answer(Ok((200, r#"{"sub":"u","name":"<svg onload=alert(1)>"}"#)));
        Outcome {
            attempt: sample_attempt(Secrets::draw()),
            code: MARKUP.to_owned(),
            iss: Some(MARKUP.to_owned()),
            tokens: answer(Ok((200, MARKUP))),
            set: Some(set),
            id_token: None,
            access_token: Some(Inspection::Opaque),
            userinfo: Some((userinfo, inspect::same_subject("{}", None))),
            rotation: None,
            revocation: None,
        }
    }

    fn render(outcome: Outcome) -> String {
        let (assets, config) = (Assets::new(), sample_config());
        let html = ResultPage {
            frame: Frame::new(&assets, &config),
            outcome,
        }
        .render()
        .unwrap();
        assert_eq!((html.matches("<h1").count(), html.matches("<main").count()), (1, 1));
        assert!(!html.contains("<svg") && !html.contains("<script") && !html.contains(" style="));
        html
    }

    #[test]
    fn a_sign_in_shows_every_step_and_both_buttons() {
        let html = render(outcome());
        for id in ["request", "code", "tokens", "id-token", "access-token", "userinfo"] {
            assert_eq!(html.matches(&format!("id=\"step-{id}\"")).count(), 1, "{id}");
        }
        assert!(html.contains("id=\"refresh\"") && html.contains("id=\"revoke\"") && html.contains("Hello, "));
    }

    #[test]
    fn a_refused_code_shows_no_steps_that_did_not_happen() {
        let refused = answer(Ok((400, r#"{"error":"invalid_grant"}"#)));
        let html = render(Outcome {
            tokens: refused,
            set: None,
            userinfo: None,
            ..outcome()
        });
        assert!(html.contains("invalid_grant") && html.contains("The code was refused"));
        assert!(!html.contains("step-userinfo") && !html.contains("id=\"revoke\""));
    }

    #[test]
    fn a_device_login_shows_its_code_only_while_it_waits() {
        let (assets, config) = (Assets::new(), sample_config());
        for (state, shows_code) in [
            (State::Waiting, true),
            (State::Done, false),
            (State::Denied, false),
            (State::Expired, false),
            (State::Failed, false),
        ] {
            let mut login = sample_login(config.clock.now());
            login.state = state;
            login.poll = Some(answer(Ok((200, MARKUP))));
            login.access_token = Some(Inspection::Opaque);
            let frame = Frame::new(&assets, &config);
            let html = DevicePage { frame, login }.render().unwrap();
            assert_eq!(html.contains("WDJB-MJHT"), shows_code, "{state:?}");
            assert_eq!((html.matches("<h1").count(), html.contains("<svg")), (1, false));
        }
    }

    #[test]
    fn refreshing_and_revoking_are_told() {
        let rotation = Rotation {
            number: 2,
            changes: Vec::new(),
        };
        assert!(
            render(Outcome {
                rotation: Some(rotation),
                ..outcome()
            })
            .contains("New tokens after 2 refreshes")
        );
        let silent = answer(Err(OutboundError::TimedOut));
        let revocation = Revocation {
            request: answer(Ok((200, ""))),
            verdicts: Vec::new(),
            refresh: None,
            userinfo: silent,
        };
        let html = render(Outcome {
            revocation: Some(revocation),
            ..outcome()
        });
        assert!(html.contains("The grant is revoked") && html.contains("No answer"));
        assert!(!html.contains("id=\"refresh\"") && !html.contains("id=\"revoke\""));
    }
}
