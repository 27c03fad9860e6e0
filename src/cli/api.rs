//! `portcullis api`: the resource servers that tokens are for.

use anyhow::{anyhow, bail, ensure};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::cx::Cx;
use super::trail::changed;
use super::{output, text};
use crate::config::Span;
use crate::crypto::random;
use crate::model::api::{AccessTokenFormat, Api, ApiId, ApiScope, ApiSettings};
use crate::model::audit_event::AuditKind;
use crate::protocol::scope::{OPENID_SCOPES, Scope};
use crate::protocol::signing_alg::SigningAlg;
use crate::store::ApiWrite;

/// Manage APIs: the audiences of access tokens, and their scopes.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Register an API
    Create {
        /// Its identifier, an absolute URI: the `aud` of its tokens
        audience: String,
        /// Name shown to people
        #[arg(long)]
        name: String,
        /// What its tokens are like.
        #[command(flatten)]
        settings: SettingsArgs,
    },
    /// List all APIs
    List,
    /// Show one API
    Show {
        /// Which
        audience: String,
    },
    /// Change an API; what is not named stays
    Update {
        /// Which
        audience: String,
        /// Name shown to people
        #[arg(long)]
        name: Option<String>,
        /// What its tokens are like.
        #[command(flatten)]
        settings: SettingsArgs,
        /// Take a scope away
        #[arg(long, value_name = "SCOPE")]
        remove_scope: Vec<String>,
        /// Back to the configured lifetime
        #[arg(long, conflicts_with = "lifetime")]
        default_lifetime: bool,
    },
    /// Delete an API; its scopes can no longer be granted
    Delete {
        /// Which
        audience: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// What can be said about an API.
#[derive(Args, Debug, Default)]
pub struct SettingsArgs {
    /// A scope and what it lets an application do, in words for the consent page; may be repeated
    #[arg(long, value_name = "SCOPE=WORDS", value_parser = parse_scope)]
    scope: Vec<ApiScope>,
    /// Form of its access tokens: jwt or opaque [default: jwt]
    #[arg(long, value_parser = parse_format)]
    format: Option<AccessTokenFormat>,
    /// Signature of its JWTs: RS256, PS256, ES256 or EdDSA [default: ES256]
    #[arg(long, value_parser = |text: &str| text::wire(text, SigningAlg::ALL))]
    algorithm: Option<SigningAlg>,
    /// Lifetime of its tokens, 10s to 24h [default: tokens.access_lifetime]
    #[arg(long, value_name = "DURATION", value_parser = parse_lifetime)]
    lifetime: Option<Span>,
}

/// Runs the command.
pub async fn run(command: Command, cx: &Cx) -> anyhow::Result<()> {
    match command {
        Command::Create {
            audience,
            name,
            settings,
        } => create(cx, &audience, &name, settings).await,
        Command::List => list(cx).await,
        Command::Show { audience } => {
            let api = find(cx, &audience).await?;
            output::print(cx.json, &document(&api), &card(&api))
        }
        Command::Update {
            audience,
            name,
            settings,
            remove_scope,
            default_lifetime,
        } => {
            let mut api = find(cx, &audience).await?;
            let before = api.settings.clone();
            if let Some(name) = name {
                api.settings.name = label(&name)?;
            }
            remove_scopes(&mut api.settings.scopes, &remove_scope)?;
            if default_lifetime {
                api.settings.lifetime = None;
            }
            settings.apply(&mut api.settings);
            ensure!(
                api.settings != before,
                "nothing to change; see `portcullis api update --help`"
            );
            let trail = cx.trail().await?;
            settle(cx.store.update_api(api.id, &api.settings).await?, &api.audience)?;
            let event = trail.event(AuditKind::ApiChanged).detail("api", api.audience.as_str());
            let settings = changed(&before, &api.settings)?;
            trail.record(event.detail("settings", settings)).await?;
            output::print(cx.json, &document(&api), &format!("Changed the API.\n\n{}", card(&api)))
        }
        Command::Delete { audience, yes } => delete(cx, &audience, yes).await,
    }
}

async fn create(cx: &Cx, audience: &str, name: &str, settings: SettingsArgs) -> anyhow::Result<()> {
    let audience = text::audience(audience)?;
    let issuer = cx.config.issuer.as_str();
    ensure!(
        audience.trim_end_matches('/') != issuer,
        "{audience} is this server itself; give the API an audience of its own"
    );
    let mut api = Api {
        id: ApiId(random::uuid_v7(cx.now())),
        audience,
        settings: ApiSettings {
            name: label(name)?,
            scopes: Vec::new(),
            format: AccessTokenFormat::default(),
            algorithm: SigningAlg::Es256,
            lifetime: None,
        },
        created_at: cx.now(),
    };
    settings.apply(&mut api.settings);
    check_scopes_are_free(cx, &api).await?;
    let trail = cx.trail().await?;
    settle(cx.store.insert_api(&api).await?, &api.audience)?;
    let event = trail.event(AuditKind::ApiChanged).detail("api", api.audience.as_str());
    trail.record(event.detail("created", true)).await?;
    let text = format!("Registered the API.\n\n{}", card(&api));
    output::print(cx.json, &document(&api), &text)
}

/// A scope belongs to one API: on the consent page it is one line, and it must not open two.
async fn check_scopes_are_free(cx: &Cx, api: &Api) -> anyhow::Result<()> {
    for other in cx
        .store
        .apis()
        .await?
        .iter()
        .filter(|other| other.audience != api.audience)
    {
        for scope in &api.settings.scopes {
            ensure!(
                !other.owns(&scope.name),
                "the scope {} belongs to {}; choose a name that says whose it is, such as orders:read",
                scope.name,
                other.audience
            );
        }
    }
    Ok(())
}

async fn list(cx: &Cx) -> anyhow::Result<()> {
    let apis = cx.store.apis().await?;
    let rows: Vec<Vec<String>> = apis
        .iter()
        .map(|api| {
            let settings = &api.settings;
            vec![
                api.audience.clone(),
                settings.name.clone(),
                format_name(settings.format).to_owned(),
                settings.algorithm.to_string(),
                lifetime(settings),
                api.scope().to_string(),
            ]
        })
        .collect();
    let header = ["AUDIENCE", "NAME", "FORMAT", "ALGORITHM", "LIFETIME", "SCOPES"];
    let empty =
        "No APIs yet. Register one with: portcullis api create AUDIENCE --name NAME --scope \"read=Read your notes\"";
    let document = Value::Array(apis.iter().map(document).collect());
    output::print(cx.json, &document, &output::table(&header, &rows, empty))
}

async fn delete(cx: &Cx, audience: &str, yes: bool) -> anyhow::Result<()> {
    let api = find(cx, audience).await?;
    let question = format!("Delete the API {}?", api.audience);
    ensure!(
        yes || output::confirm(&question)?,
        "nothing was deleted; confirm with --yes"
    );
    let trail = cx.trail().await?;
    settle(cx.store.delete_api(api.id).await?, &api.audience)?;
    let event = trail.event(AuditKind::ApiChanged).detail("api", api.audience.as_str());
    trail.record(event.detail("deleted", true)).await?;
    let document = json!({ "audience": api.audience, "deleted": true });
    output::print(cx.json, &document, &format!("Deleted the API {}.", api.audience))
}

impl SettingsArgs {
    /// Puts what was given over `settings`. A scope that is there already gets the new words.
    fn apply(self, settings: &mut ApiSettings) {
        for scope in self.scope {
            match settings.scopes.iter_mut().find(|known| known.name == scope.name) {
                Some(known) => *known = scope,
                None => settings.scopes.push(scope),
            }
        }
        settings.format = self.format.unwrap_or(settings.format);
        settings.algorithm = self.algorithm.unwrap_or(settings.algorithm);
        settings.lifetime = self.lifetime.map(Span::as_secs).or(settings.lifetime);
    }
}

fn remove_scopes(scopes: &mut Vec<ApiScope>, names: &[String]) -> anyhow::Result<()> {
    for name in names {
        let before = scopes.len();
        scopes.retain(|scope| scope.name != *name);
        ensure!(scopes.len() < before, "the API has no scope {name:?}");
    }
    Ok(())
}

fn parse_scope(text: &str) -> anyhow::Result<ApiScope> {
    const MAX: usize = 200;
    let Some((name, words)) = text.split_once('=') else {
        bail!("write the scope and what it lets an application do, such as \"read=Read your notes\"");
    };
    let one = Scope::parse(name).is_ok_and(|scope| scope.iter().count() == 1) && !name.contains(' ');
    ensure!(
        one,
        "{name:?} is not a scope: printable ASCII without spaces, quotes and backslashes"
    );
    ensure!(
        !OPENID_SCOPES.contains(&name),
        "{name} belongs to OpenID Connect; every client can be given it without an API"
    );
    Ok(ApiScope {
        name: name.to_owned(),
        description: text::label("the description of the scope", words, MAX)?,
    })
}

fn parse_format(text: &str) -> Result<AccessTokenFormat, &'static str> {
    match text {
        "jwt" => Ok(AccessTokenFormat::Jwt),
        "opaque" => Ok(AccessTokenFormat::Opaque),
        _ => Err("use jwt (verified offline) or opaque (looked up at this server)"),
    }
}

fn parse_lifetime(text: &str) -> anyhow::Result<Span> {
    let span: Span = text.parse()?;
    ensure!(
        (10..=86_400).contains(&span.as_secs()),
        "the lifetime must lie between 10s and 24h"
    );
    Ok(span)
}

fn label(name: &str) -> anyhow::Result<String> {
    text::label("the name", name, 100)
}

async fn find(cx: &Cx, audience: &str) -> anyhow::Result<Api> {
    let apis = cx.store.apis().await?;
    apis.into_iter()
        .find(|api| api.audience == audience)
        .ok_or_else(|| anyhow!("there is no API {audience:?}; `portcullis api list` lists them"))
}

fn settle(outcome: ApiWrite, audience: &str) -> anyhow::Result<()> {
    match outcome {
        ApiWrite::Done => Ok(()),
        ApiWrite::NotFound => bail!("the API {audience} is gone"),
        ApiWrite::Taken => bail!("the audience {audience} is taken; change that API with `portcullis api update`"),
    }
}

fn format_name(format: AccessTokenFormat) -> &'static str {
    match format {
        AccessTokenFormat::Jwt => "jwt",
        AccessTokenFormat::Opaque => "opaque",
    }
}

fn lifetime(settings: &ApiSettings) -> String {
    let seconds = settings.lifetime.and_then(|seconds| u32::try_from(seconds).ok());
    seconds.map_or_else(|| "default".to_owned(), |seconds| Span::from_secs(seconds).to_string())
}

fn card(api: &Api) -> String {
    let settings = &api.settings;
    let mut rows = vec![
        ("audience", api.audience.clone()),
        ("name", settings.name.clone()),
        ("format", format_name(settings.format).to_owned()),
        ("algorithm", settings.algorithm.to_string()),
        ("lifetime", lifetime(settings)),
        ("created", output::date(api.created_at)),
    ];
    let scopes = settings.scopes.iter();
    rows.extend(scopes.map(|scope| ("scope", format!("{}={}", scope.name, scope.description))));
    output::card(&rows)
}

fn document(api: &Api) -> Value {
    json!({
        "audience": api.audience,
        "name": api.settings.name,
        "scopes": api.settings.scopes,
        "format": api.settings.format,
        "algorithm": api.settings.algorithm,
        "lifetime": api.settings.lifetime,
        "created_at": output::date(api.created_at),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_comes_with_words() {
        let scope = parse_scope("notes:read=Read your notes = all of them").unwrap();
        assert_eq!(
            (scope.name.as_str(), scope.description.as_str()),
            ("notes:read", "Read your notes = all of them")
        );
        for bad in [
            "read",
            "=words",
            "a b=words",
            "read=",
            "openid=Sign in",
            "a\"b=words",
            "é=words",
        ] {
            assert!(parse_scope(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn lifetimes_have_bounds() {
        for (text, good) in [
            ("10s", true),
            ("9s", false),
            ("24h", true),
            ("2d", false),
            ("soon", false),
        ] {
            assert_eq!(parse_lifetime(text).is_ok(), good, "{text}");
        }
    }

    #[test]
    fn a_scope_that_is_there_gets_the_new_words() {
        let mut settings = ApiSettings {
            name: "Notes".into(),
            scopes: vec![parse_scope("read=Read").unwrap()],
            format: AccessTokenFormat::Jwt,
            algorithm: SigningAlg::Es256,
            lifetime: Some(60),
        };
        let given = SettingsArgs {
            scope: vec![parse_scope("read=Look").unwrap(), parse_scope("write=Write").unwrap()],
            ..SettingsArgs::default()
        };
        given.apply(&mut settings);
        let words: Vec<_> = settings.scopes.iter().map(|scope| scope.description.as_str()).collect();
        assert_eq!((words, settings.lifetime), (vec!["Look", "Write"], Some(60)));
        assert!(remove_scopes(&mut settings.scopes, &["nothing".into()]).is_err());
        remove_scopes(&mut settings.scopes, &["read".into()]).unwrap();
        assert_eq!(settings.scopes.len(), 1);
    }
}
