//! How clients are printed.

use serde_json::{Value, json};

use crate::cli::cx::Cx;
use crate::cli::output;
use crate::crypto::opaque::OpaqueToken;
use crate::model::client::{Client, ClientMetadata, ConsentPolicy, PkcePolicy, SubjectPolicy};
use crate::protocol::scope::OPENID_SCOPES;
use crate::registration::answer;
use crate::store::SecretRotation;
use crate::time::Timestamp;

/// All clients.
pub async fn list(cx: &Cx) -> anyhow::Result<()> {
    let clients = cx.store.clients().await?;
    let now = cx.now();
    let rows: Vec<Vec<String>> = clients
        .iter()
        .map(|client| {
            let state = if client.is_enabled() { "enabled" } else { "disabled" };
            vec![
                client.client_id.to_string(),
                client.metadata.name.clone(),
                kind(client).to_owned(),
                state.to_owned(),
                words(&client.metadata.grant_types).replace(GRANT_URN, ""),
            ]
        })
        .collect();
    let header = ["CLIENT ID", "NAME", "KIND", "STATE", "GRANTS"];
    let empty = "No clients yet. Register one with: portcullis client create --name NAME --redirect-uri URI";
    let document = Value::Array(clients.iter().map(|client| document(client, now)).collect());
    output::print(cx.json, &document, &output::table(&header, &rows, empty))
}

/// One client, below `title`.
pub async fn one(cx: &Cx, client: &Client, title: &str) -> anyhow::Result<()> {
    let notes = notes(cx, client).await?;
    let mut document = document(client, cx.now());
    document["notes"] = json!(notes);
    let text = page(title, client, cx.now(), &notes);
    output::print(cx.json, &document, &text)
}

/// A new client, with its secret if nobody knows it yet.
pub async fn created(cx: &Cx, client: &Client, secret: Option<&OpaqueToken>) -> anyhow::Result<()> {
    let notes = notes(cx, client).await?;
    let mut document = document(client, cx.now());
    document["notes"] = json!(notes);
    let mut text = page("Registered the client.\n", client, cx.now(), &notes);
    if let Some(secret) = secret {
        document["client_secret"] = json!(secret.expose());
        text.push_str(&output::secret("Client secret", secret.expose()));
    }
    output::print(cx.json, &document, &text)
}

/// A new secret, and what becomes of the one before.
pub fn rotated(cx: &Cx, rotation: &SecretRotation<'_>, secret: Option<&OpaqueToken>) -> anyhow::Result<()> {
    let (client, created_at) = (rotation.client, rotation.secret.created_at);
    let overlaps = !client.secrets.is_empty() && rotation.overlap_until > created_at;
    let until = overlaps.then(|| output::date(rotation.overlap_until));
    let mut document = json!({ "client_id": client.client_id, "previous_secret_until": until });
    let mut text = match &until {
        Some(until) => {
            format!("The new secret counts. The one before is accepted until {until}, older ones no more.\n")
        }
        None => "The new secret counts, and no other.\n".to_owned(),
    };
    if let Some(secret) = secret {
        document["client_secret"] = json!(secret.expose());
        text.push_str(&output::secret("Client secret", secret.expose()));
    }
    output::print(cx.json, &document, &text)
}

/// What an operator may have overlooked: scopes that nobody owns are never granted.
async fn notes(cx: &Cx, client: &Client) -> anyhow::Result<Vec<String>> {
    let apis = cx.store.apis().await?;
    let unowned = client
        .metadata
        .scope
        .filter(|token| !OPENID_SCOPES.contains(&token) && !apis.iter().any(|api| api.owns(token)));
    let note = format!("no API has the scope {unowned} yet; register it with `portcullis api create`");
    Ok(if unowned.is_empty() { Vec::new() } else { vec![note] })
}

fn page(title: &str, client: &Client, now: Timestamp, notes: &[String]) -> String {
    let title = if title.is_empty() {
        String::new()
    } else {
        format!("{title}\n")
    };
    let notes: String = notes.iter().map(|note| format!("\nNote: {note}.\n")).collect();
    format!("{title}{}{notes}", card(client, now))
}

const GRANT_URN: &str = "urn:ietf:params:oauth:grant-type:";

fn card(client: &Client, now: Timestamp) -> String {
    let metadata = &client.metadata;
    let state = match client.disabled_at {
        Some(at) => format!("disabled since {}", output::date(at)),
        None => "enabled".to_owned(),
    };
    let mut rows = vec![
        ("client_id", client.client_id.to_string()),
        ("name", metadata.name.clone()),
        ("kind", kind(client).to_owned()),
        ("state", state),
        ("auth methods", words(&metadata.auth_methods)),
        ("grant types", words(&metadata.grant_types)),
    ];
    let uris = metadata.redirect_uris.iter();
    rows.extend(uris.map(|uri| ("redirect URI", uri.as_str().to_owned())));
    let pkce = match metadata.pkce {
        PkcePolicy::Required => "required",
        PkcePolicy::Optional => "optional",
    };
    let consent = match metadata.consent {
        ConsentPolicy::Ask => "asked for",
        ConsentPolicy::Trusted => "not asked for (trusted)",
    };
    let repeats = if metadata.redirect_uri_at_token {
        ""
    } else {
        "not repeated at the token endpoint"
    };
    let logo = if client.has_logo { "yes" } else { "" };
    let subject = match &metadata.subject {
        SubjectPolicy::Public => "public".to_owned(),
        SubjectPolicy::Pairwise { sector, .. } => format!("pairwise, sector {sector}"),
    };
    rows.extend([
        ("scope", metadata.scope.to_string()),
        (
            "default audience",
            metadata.default_audience.clone().unwrap_or_default(),
        ),
        ("resource server", metadata.resource_server_for.join(" ")),
        ("PKCE", pkce.to_owned()),
        ("consent", consent.to_owned()),
        ("redirect_uri", repeats.to_owned()),
        ("subject", subject),
        ("ID token alg", metadata.id_token_alg.to_string()),
        ("logo", logo.to_owned()),
    ]);
    rows.extend(registered(metadata));
    rows.extend(client.live_secrets(now).map(|secret| {
        let until = secret
            .expires_at
            .map(|at| format!(", accepted until {}", output::date(at)));
        let created = output::date(secret.created_at);
        ("secret", format!("created {created}{}", until.unwrap_or_default()))
    }));
    rows.extend([
        ("created", output::date(client.created_at)),
        ("changed", output::date(client.updated_at)),
    ]);
    output::card(&rows)
}

/// The members beside those that have a row of their own, in the words of RFC 7591.
fn registered(metadata: &ClientMetadata) -> Vec<(&'static str, String)> {
    const SHOWN: &[&str] = &[
        "application_type",
        "client_uri",
        "policy_uri",
        "tos_uri",
        "logo_uri",
        "initiate_login_uri",
        "contacts",
        "software_id",
        "software_version",
        "post_logout_redirect_uris",
        "backchannel_logout_uri",
        "frontchannel_logout_uri",
        "jwks_uri",
        "token_endpoint_auth_signing_alg",
        "id_token_encrypted_response_alg",
        "id_token_encrypted_response_enc",
        "userinfo_signed_response_alg",
        "userinfo_encrypted_response_alg",
        "userinfo_encrypted_response_enc",
        "request_object_signing_alg",
        "request_uris",
        "default_max_age",
        "default_acr_values",
    ];
    let members = answer::metadata(metadata);
    let shown = SHOWN
        .iter()
        .filter_map(|name| Some((*name, plain(members.get(*name)?))));
    let mut rows: Vec<_> = shown.collect();
    if metadata.about.self_registered {
        rows.push(("registered by", "itself: nobody has checked what it says".to_owned()));
    }
    rows
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(plain).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

fn document(client: &Client, now: Timestamp) -> Value {
    let secrets: Vec<Value> = client
        .live_secrets(now)
        .map(|secret| {
            json!({
                "created_at": output::date(secret.created_at),
                "expires_at": secret.expires_at.map(output::date),
            })
        })
        .collect();
    let mut document = json!({
        "client_id": client.client_id,
        "public": client.is_public(),
        "enabled": client.is_enabled(),
        "revision": client.revision,
        "has_logo": client.has_logo,
        "secrets": secrets,
        "created_at": output::date(client.created_at),
        "updated_at": output::date(client.updated_at),
        "disabled_at": client.disabled_at.map(output::date),
    });
    if let (Some(members), Ok(Value::Object(metadata))) =
        (document.as_object_mut(), serde_json::to_value(&client.metadata))
    {
        members.extend(metadata);
    }
    document
}

fn kind(client: &Client) -> &'static str {
    if client.is_public() { "public" } else { "confidential" }
}

fn words<T: std::fmt::Display>(items: &[T]) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join(" ")
}
