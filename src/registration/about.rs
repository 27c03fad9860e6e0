//! What people are told about a client, and where it listens for sign-outs.

use std::collections::BTreeMap;

use super::members::Members;
use super::metadata;
use super::policy::Policy;
use super::refusal::Refusal;
use super::rules;
use crate::model::client::{ClientMetadata, LogoutChannel};
use crate::protocol::display_text::label;
use crate::protocol::redirect_uri::RedirectUri;

/// Members that people read, which may come in many languages (RFC 7591 §2.2).
const LOCALIZED: &[&str] = &["client_name", "client_uri", "policy_uri", "tos_uri"];
/// The most translations altogether.
const MAX_LOCALIZED: usize = 40;
/// The longest `software_id`, `software_version` and contact.
const MAX_WORD: usize = 255;

/// `client_name`, or the host that people are sent back to.
pub fn name(from: Members<'_>, to: &mut ClientMetadata) -> Result<(), Refusal> {
    let host = to.redirect_uris.first().map(|uri| uri.display_host());
    let fallback = host.unwrap_or_else(|| "Unnamed client".to_owned());
    to.name = match from.text("client_name")? {
        Some(name) => rules::name(name)?,
        None => fallback.chars().take(rules::MAX_NAME).collect(),
    };
    Ok(())
}

/// Links, contacts and translations. Of pictures there is one for all languages.
pub fn links(from: Members<'_>, to: &mut ClientMetadata) -> Result<(), Refusal> {
    let link = |name| -> Result<Option<String>, Refusal> {
        let text = from.text(name)?;
        text.map(|text| rules::link(name, text, &to.redirect_uris)).transpose()
    };
    to.about.client_uri = link("client_uri")?;
    to.about.logo_uri = link("logo_uri")?;
    to.about.policy_uri = link("policy_uri")?;
    to.about.tos_uri = link("tos_uri")?;
    to.about.initiate_login_uri = link("initiate_login_uri")?;
    let contacts = from.list("contacts", rules::MAX_URIS)?.unwrap_or_default();
    let contacts = contacts.into_iter().map(|text| line("contacts", text));
    to.about.contacts = contacts.collect::<Result<_, _>>()?;
    to.about.localized = localized(from, &to.redirect_uris)?;
    Ok(())
}

/// `client_name#de` and its kin, each under the rules of the member itself.
fn localized(from: Members<'_>, redirect_uris: &[RedirectUri]) -> Result<BTreeMap<String, String>, Refusal> {
    let mut all = BTreeMap::new();
    for (key, value) in from.0 {
        let Some((member, tag)) = key.split_once('#') else {
            continue;
        };
        let Some(member) = LOCALIZED.iter().find(|known| **known == member) else {
            continue;
        };
        let text = value.as_str().filter(|_| is_language_tag(tag));
        let text =
            text.ok_or_else(|| Refusal::metadata(member, "must be a string, with a language tag behind the #"))?;
        let text = match *member {
            "client_name" => rules::name(text)?,
            member => rules::link(member, text, redirect_uris)?,
        };
        all.insert(key.clone(), text);
    }
    if all.len() > MAX_LOCALIZED {
        return Err(Refusal::metadata("client_name", "comes in too many languages"));
    }
    Ok(all)
}

/// As far as the shape tells (RFC 5646 §2.1).
fn is_language_tag(tag: &str) -> bool {
    let fits = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    tag.len() <= 35 && tag.split('-').all(fits)
}

/// `software_id` and `software_version` (RFC 7591 §2).
pub fn software(from: Members<'_>, to: &mut ClientMetadata) -> Result<(), Refusal> {
    let word = |name| -> Result<Option<String>, Refusal> {
        let text = from.text(name)?;
        text.map(|text| line(name, text)).transpose()
    };
    to.about.software_id = word("software_id")?;
    to.about.software_version = word("software_version")?;
    Ok(())
}

fn line(name: &'static str, text: &str) -> Result<String, Refusal> {
    let line = label(text, MAX_WORD);
    line.map(str::to_owned)
        .map_err(|error| Refusal::metadata(name, error.to_string()))
}

/// Where people are sent after a sign-out, and where the client hears of it.
pub fn logout(from: Members<'_>, policy: &Policy, to: &mut ClientMetadata) -> Result<(), Refusal> {
    const AFTER: &str = "post_logout_redirect_uris";
    let uris = from.list(AFTER, rules::MAX_REDIRECT_URIS)?.unwrap_or_default();
    let uris = uris.into_iter().map(|uri| metadata::redirect_uri(uri, policy));
    let uris = uris.collect::<Result<Vec<_>, _>>();
    to.logout.redirect_uris = rules::unique(uris.map_err(|refusal| Refusal::metadata(AFTER, refusal.why))?);
    to.logout.backchannel = channel(from, "backchannel_logout_uri", "backchannel_logout_session_required")?;
    to.logout.frontchannel = channel(from, "frontchannel_logout_uri", "frontchannel_logout_session_required")?;
    Ok(())
}

fn channel(from: Members<'_>, uri: &'static str, sid: &'static str) -> Result<Option<LogoutChannel>, Refusal> {
    let session_required = from.flag(sid)?;
    let Some(text) = from.text(uri)? else { return Ok(None) };
    Ok(Some(LogoutChannel {
        uri: rules::https(uri, text)?,
        session_required,
    }))
}
