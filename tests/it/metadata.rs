//! What the metadata promises is kept: each member that is advertised, and each value of it, is put through a real flow, at
//! the addresses that the document itself names. A member or value that nothing here exercises fails.

mod clients;
mod endpoints;
mod logout;
mod people;

mod requests;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use portcullis::config::{Config, RegistrationMode};
use serde_json::Value;

use crate::support::{TestDb, both_stores};
use world::World;

/// Everything that a setting turns on.
fn everything(config: &mut Config) {
    config.registration.mode = RegistrationMode::Open;
    config.requests.request_uri = true;
}

/// The values of a list, each once and at least one.
#[track_caller]
fn values(member: &str, value: &Value) -> Vec<String> {
    let values: Vec<_> = value
        .as_array()
        .unwrap_or_else(|| panic!("{member}: a list"))
        .iter()
        .collect();
    let values: Vec<String> = values
        .into_iter()
        .map(|value| value.as_str().expect("a string").to_owned())
        .collect();
    let distinct: BTreeSet<_> = values.iter().collect();
    assert!(
        !values.is_empty() && distinct.len() == values.len(),
        "{member}: {values:?}"
    );
    values
}

/// Puts one member to the test.
async fn exercise(world: &World, member: &str, value: &Value) {
    let list = || values(member, value);
    let said = || value.as_bool().unwrap_or_else(|| panic!("{member}: true or false"));
    match member {
        "issuer" => endpoints::issuer(world).await,
        "authorization_endpoint" => endpoints::authorization(world).await,
        "token_endpoint" => endpoints::token(world).await,
        "device_authorization_endpoint" => drop(endpoints::device(world).await),
        "userinfo_endpoint" => endpoints::userinfo(world).await,
        "revocation_endpoint" => endpoints::revocation(world).await,
        "introspection_endpoint" => endpoints::introspection(world).await,
        "jwks_uri" => endpoints::jwks(world).await,
        "registration_endpoint" => endpoints::registration(world).await,
        "end_session_endpoint" => logout::end_session(world).await,
        "backchannel_logout_supported" => assert!(said() && logout::backchannel(world, false).await),
        "backchannel_logout_session_supported" => assert!(said() && logout::backchannel(world, true).await),
        "frontchannel_logout_supported" => assert!(said() && logout::frontchannel(world, false).await),
        "frontchannel_logout_session_supported" => assert!(said() && logout::frontchannel(world, true).await),
        "scopes_supported" => people::scopes(world, &list()).await,
        "claims_supported" => people::claims_told(world, &list()).await,
        "claim_types_supported" => people::claim_types(world, &list()).await,
        "claims_parameter_supported" => assert!(said() && people::claims_parameter(world).await),
        "subject_types_supported" => people::subject_types(world, &list()).await,
        "acr_values_supported" => people::acr_values(world, &list()).await,
        "prompt_values_supported" => people::prompts(world, &list()).await,
        "display_values_supported" => people::displays(world, &list()).await,
        "ui_locales_supported" => people::ui_locales(world, &list()).await,
        "response_types_supported" => requests::response_types(world, &list()).await,
        "response_modes_supported" => requests::response_modes(world, &list()).await,
        "code_challenge_methods_supported" => requests::challenge_methods(world, &list()).await,
        "authorization_response_iss_parameter_supported" => assert!(said() && requests::iss(world).await),
        "request_parameter_supported" => assert!(said() && requests::by_value(world, "ES256").await),
        "request_object_signing_alg_values_supported" => requests::signing_algs(world, &list()).await,
        "request_uri_parameter_supported" => requests::by_reference(world, said()).await,
        "require_request_uri_registration" => requests::only_registered(world, said()).await,
        "grant_types_supported" => clients::grant_types(world, &list()).await,
        "id_token_signing_alg_values_supported" => clients::id_token_algs(world, &list()).await,
        "userinfo_signing_alg_values_supported" => clients::userinfo_algs(world, &list()).await,
        "id_token_encryption_alg_values_supported"
        | "id_token_encryption_enc_values_supported"
        | "userinfo_encryption_alg_values_supported"
        | "userinfo_encryption_enc_values_supported" => clients::encryption(world, member, &list()).await,
        "token_endpoint_auth_methods_supported"
        | "revocation_endpoint_auth_methods_supported"
        | "introspection_endpoint_auth_methods_supported" => clients::auth_methods(world, member, &list()).await,
        "token_endpoint_auth_signing_alg_values_supported"
        | "revocation_endpoint_auth_signing_alg_values_supported"
        | "introspection_endpoint_auth_signing_alg_values_supported" => {
            clients::auth_algs(world, member, &list()).await;
        }
        other => panic!("{other} is advertised, and nothing exercises it"),
    }
}

/// Every member that a specification registers, and when this server has it.
fn registered() -> BTreeMap<&'static str, &'static str> {
    let lines = include_str!("../data/registered_metadata.tsv").lines();
    let rows = lines.filter(|line| !line.starts_with('#')).map(|line| {
        let [member, _, when] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("three columns: {line}")
        };
        (member, when)
    });
    rows.collect()
}

/// No member without a specification, none missing that is always there, and none that was said never to be.
fn members_are_as_registered(world: &World, all: bool) {
    let registered = registered();
    let advertised = world.document.as_object().unwrap();
    for member in advertised.keys() {
        let when = registered.get(member.as_str());
        assert!(when.is_some(), "{member} is in no specification");
        assert!(matches!(when, Some(&"always" | &"when on")), "{member}: {when:?}");
    }
    for (member, when) in registered {
        let expected = when == "always" || (all && when == "when on");
        assert!(!expected || advertised.contains_key(member), "{member} is missing");
    }
}

async fn every_member_is_exercised(world: World) {
    for (member, value) in world.document.as_object().unwrap() {
        exercise(&world, member, value).await;
    }
}

both_stores! {
    async fn what_is_advertised_by_default_works(db: TestDb) {
        let world = World::new(db, "https://id.example", |_| {}).await;
        members_are_as_registered(&world, false);
        endpoints::no_registration(&world).await;
        every_member_is_exercised(world).await;
    }

    async fn what_is_advertised_with_everything_on_works(db: TestDb) {
        let world = World::new(db, "https://id.example", everything).await;
        members_are_as_registered(&world, true);
        every_member_is_exercised(world).await;
    }

    /// No address is anywhere but where the document says.
    async fn what_is_advertised_below_a_path_works(db: TestDb) {
        let world = World::new(db, "https://id.example/tenant", everything).await;
        members_are_as_registered(&world, true);
        every_member_is_exercised(world).await;
    }
}

/// What a promise becomes when it is one that nobody keeps: a value more or less, the opposite, an address where nothing is.
fn broken(value: &Value) -> Vec<Value> {
    match value {
        Value::Bool(said) => vec![Value::Bool(!said)],
        Value::String(address) => vec![format!("{address}/elsewhere").into()],
        Value::Array(values) => {
            let mut more = values.clone();
            more.push("ES384".into());
            let less = values[1..].to_vec();
            vec![more.into(), less.into()]
        }
        other => panic!("no kind of promise: {other}"),
    }
}

/// The tests above can fail, each in each of its members.
#[tokio::test(flavor = "multi_thread")]
async fn no_broken_promise_passes() {
    let world = World::new(TestDb::sqlite().await, "https://id.example", everything).await;
    let mut promises = Vec::new();
    for (member, value) in world.document.as_object().unwrap() {
        promises.extend(broken(value).into_iter().map(|value| (member.clone(), value)));
    }
    promises.push((
        "pushed_authorization_request_endpoint".to_owned(),
        "https://id.example/par".into(),
    ));
    let local = tokio::task::LocalSet::new();
    let mut passed = Vec::new();
    for (member, value) in promises {
        let mut world = world.clone();
        world.document[&member] = value.clone();
        let world = Rc::new(world);
        let name = member.clone();
        let exercised = local.run_until(async move {
            tokio::task::spawn_local(async move { exercise(&world, &name, &world.document[&name]).await }).await
        });
        match exercised.await {
            Ok(()) => passed.push((member, value)),
            Err(error) => assert!(error.is_panic()),
        }
    }
    assert!(passed.is_empty(), "{passed:?}");
}
