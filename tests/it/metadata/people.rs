//! What is told about people, and how they are asked.

use portcullis::model::client::SubjectPolicy;
use portcullis::pages::text::Language;
use portcullis::protocol::discovery::ACR_VALUES;
use portcullis::protocol::display::Display;
use portcullis::protocol::prompt::PromptValue;
use portcullis::protocol::scope::OPENID_SCOPES;
use portcullis::protocol::subject_type::SubjectType;
use serde_json::{Value, json};

use super::world::{SCOPES, World};
use crate::support::{AuthRequest, PASSWORD, Tokens, claims};

/// OpenID Connect Core §5.4.
const PROFILE: &[&str] = &[
    "name",
    "family_name",
    "given_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "updated_at",
];

/// What says something about the token or the sign-in (OpenID Connect Core §2, Back-Channel Logout §2.1).
const ABOUT_THE_TOKEN: &[&str] = &[
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "acr",
    "amr",
    "sid",
    "at_hash",
];

/// Fails where an enum has more than is told, or less.
#[track_caller]
pub fn all_told<T: AsRef<str>>(advertised: &[String], all: impl IntoIterator<Item = T>) {
    let mut all: Vec<_> = all.into_iter().map(|value| value.as_ref().to_owned()).collect();
    let mut advertised = advertised.to_vec();
    all.sort_unstable();
    advertised.sort_unstable();
    assert_eq!(advertised, all);
}

pub async fn scopes(world: &World, scopes: &[String]) {
    all_told(scopes, OPENID_SCOPES);
    let client = world.client(|_| {}).await;
    for scope in scopes {
        let tokens = world
            .tokens(&client, &format!("openid {scope}").replace("openid openid", "openid"))
            .await;
        let told = world.userinfo(&tokens).await.expect(200).json();
        let mut told: Vec<_> = told.as_object().unwrap().keys().map(String::as_str).collect();
        told.retain(|claim| *claim != "sub");
        let mut carried = match scope.as_str() {
            "openid" => {
                assert!(tokens.id.is_some() && tokens.refresh.is_none());
                assert!(world.tokens(&client, "profile").await.id.is_none());
                vec![]
            }
            "offline_access" => {
                let renewed = [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh())];
                Tokens::of(world.token(&client, &renewed).await);
                vec![]
            }
            "profile" => PROFILE.to_vec(),
            "email" => vec!["email", "email_verified"],
            "address" => vec!["address"],
            "phone" => vec!["phone_number", "phone_number_verified"],
            other => panic!("the scope {other} is advertised, and nothing exercises it"),
        };
        carried.sort_unstable();
        assert_eq!(told, carried, "{scope}");
    }
}

/// Each claim is in an ID token or at userinfo, and nothing else is.
pub async fn claims_told(world: &World, advertised: &[String]) {
    let client = world.client(|_| {}).await;
    let tokens = world
        .granted(&client, &AuthRequest::new(&client, SCOPES).set("max_age", "60"))
        .await;
    let id_token = claims(tokens.id.as_deref().unwrap());
    let userinfo = world.userinfo(&tokens).await.expect(200).json();
    let members = |object: &Value| object.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let mut told = [members(&id_token), members(&userinfo)].concat();
    told.sort_unstable();
    told.dedup();
    all_told(advertised, told);
}

pub async fn claim_types(world: &World, types: &[String]) {
    assert_eq!(types, ["normal"], "the other types have no exerciser");
    let client = world.client(|_| {}).await;
    let tokens = world.tokens(&client, SCOPES).await;
    let told = world.userinfo(&tokens).await.expect(200).json();
    assert_eq!(told["email"], "alice@example.com");
    assert!(told.get("_claim_names").is_none() && told.get("_claim_sources").is_none());
}

/// Each claim about the person can be had by its name alone, in either place.
pub async fn claims_parameter(world: &World) -> bool {
    let client = world.client(|_| {}).await;
    let names: Vec<_> = world.values("claims_supported");
    for name in names.iter().filter(|name| !ABOUT_THE_TOKEN.contains(&name.as_str())) {
        let asked = json!({"userinfo": {name.as_str(): null}, "id_token": {name.as_str(): {"essential": true}}});
        let request = AuthRequest::new(&client, "openid").set("claims", &asked.to_string());
        let tokens = world.granted(&client, &request).await;
        let id_token = claims(tokens.id.as_deref().unwrap());
        let userinfo = world.userinfo(&tokens).await.expect(200).json();
        assert!(
            !id_token[name].is_null() && id_token[name] == userinfo[name],
            "{name}: {id_token} {userinfo}"
        );
    }
    true
}

pub async fn subject_types(world: &World, types: &[String]) {
    all_told(types, SubjectType::ALL.iter().map(|kind| kind.as_str()));
    for kind in types {
        let mut subjects = Vec::new();
        for sector in ["a.example", "b.example", "b.example"] {
            let policy = match kind.as_str() {
                "public" => SubjectPolicy::Public,
                "pairwise" => SubjectPolicy::Pairwise {
                    sector: sector.to_owned(),
                    uri: None,
                },
                other => panic!("the subject type {other} is advertised, and nothing exercises it"),
            };
            let client = world.client(|metadata| metadata.subject = policy).await;
            let tokens = world.tokens(&client, "openid").await;
            subjects.push(claims(tokens.id.as_deref().unwrap())["sub"].to_string());
        }
        assert_eq!(subjects[1], subjects[2], "{kind}");
        assert_eq!(subjects[0] == subjects[1], kind == "public", "{kind}");
    }
}

pub async fn acr_values(world: &World, contexts: &[String]) {
    all_told(contexts, ACR_VALUES);
    let client = world.client(|_| {}).await;
    let demanding = |context: &str| {
        let claims = json!({"id_token": {"acr": {"essential": true, "value": context}}});
        AuthRequest::new(&client, "openid")
            .set("acr_values", context)
            .set("claims", &claims.to_string())
    };
    for context in contexts {
        let tokens = world.granted(&client, &demanding(context)).await;
        assert_eq!(claims(tokens.id.as_deref().unwrap())["acr"], context.as_str());
    }
    for unknown in ["0", "2", "phr", "phrh"] {
        world
            .refused(&demanding(unknown), "unmet_authentication_requirements")
            .await;
    }
}

pub async fn prompts(world: &World, prompts: &[String]) {
    all_told(prompts, PromptValue::ALL.iter().map(|prompt| prompt.as_str()));
    let client = world.asked(|_| {}).await;
    let request = AuthRequest::new(&client, "openid");
    let mut browser = world.browser();
    world.grant(&mut browser, &request).await.code();
    // Without a prompt nothing is asked any more, so what is asked now is asked because of it.
    world.send(&mut browser, &request).await.callback().code();
    for prompt in prompts {
        let request = request.clone().set("prompt", prompt);
        let landed = world.send(&mut browser, &request).await;
        let landed = match prompt.as_str() {
            "none" => {
                world.refused(&request, "login_required").await;
                landed
            }
            "login" => {
                assert!(landed.page().is_sign_in());
                browser.sign_in("alice", PASSWORD).await
            }
            "consent" => {
                assert!(landed.page().is_consent());
                browser.consent("allow").await
            }
            "select_account" => {
                let accounts = landed.page().buttons("account");
                browser.submit(&[("account", &accounts[0])]).await
            }
            other => panic!("the prompt {other} is advertised, and nothing exercises it"),
        };
        landed.callback().code();
    }
    for unknown in ["create", "NONE"] {
        world
            .refused(&request.clone().set("prompt", unknown), "invalid_request")
            .await;
    }
}

/// Whatever the window, there is a form that fits into it, and it leads to a code.
pub async fn displays(world: &World, displays: &[String]) {
    all_told(displays, Display::ALL.iter().map(|display| display.as_str()));
    let client = world.client(|_| {}).await;
    for display in displays {
        let mut browser = world.browser();
        let request = AuthRequest::new(&client, "openid").set("display", display);
        let page = world.send(&mut browser, &request).await.page();
        let html = page.response.text();
        assert!(
            page.is_sign_in() && html.contains("name=\"viewport\" content=\"width=device-width"),
            "{display}"
        );
        browser.sign_in("alice", PASSWORD).await.callback().code();
    }
}

pub async fn ui_locales(world: &World, tags: &[String]) {
    all_told(tags, Language::all().map(Language::tag));
    let client = world.client(|_| {}).await;
    let mut headings = std::collections::BTreeSet::new();
    let asked = async |tag: &str| {
        let request = AuthRequest::new(&client, "openid").set("ui_locales", tag);
        world.send(&mut world.browser(), &request).await.page()
    };
    for tag in tags {
        let page = asked(&format!("tlh {tag}")).await;
        assert_eq!(page.response.header("content-language"), tag);
        assert!(page.response.text().contains(&format!("<html lang=\"{tag}\"")), "{tag}");
        headings.insert(page.heading());
    }
    assert_eq!(headings.len(), tags.len(), "each has words of its own: {headings:?}");
    for unknown in ["tlh", "x"] {
        assert_eq!(asked(unknown).await.response.header("content-language"), "en");
    }
}
