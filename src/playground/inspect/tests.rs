use super::*;
use crate::crypto::keys::{self, KeyRing};
use crate::crypto::seal::MasterKey;
use crate::model::signing_key::SigningKey;
use serde_json::json;

fn token(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.c2ln", part(header), part(claims))
}

fn context<'a>() -> Context<'a> {
    Context {
        issuer: "https://id.example",
        client_id: "web",
        nonce: "n",
        refreshed: false,
        access_token: "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y",
        jwks: None,
        now: Timestamp::new(1000),
    }
}

fn findings(claims: &Value) -> Vec<(&'static str, Finding)> {
    let token = token(&json!({"alg": "RS256", "typ": "JWT", "kid": "k"}), claims);
    match id_token(&token, &context()) {
        Inspection::Decoded(decoded) => decoded.verdicts.iter().map(|v| (v.what, v.finding)).collect(),
        Inspection::Opaque => panic!("a JWT"),
    }
}

fn good() -> Value {
    // at_hash: the example of OpenID Connect Core §A.3.
    json!({"iss": "https://id.example", "aud": "web", "exp": 1300, "iat": 1000, "nonce": "n",
           "at_hash": "77QmUPtjPfzWtF2AnpK9RQ"})
}

#[test]
fn without_keys_only_the_signature_fails() {
    let failed: Vec<_> = findings(&good())
        .into_iter()
        .filter(|(_, f)| *f != Finding::Passed)
        .collect();
    assert_eq!(failed, [("Signature", Finding::Failed)]);
}

#[test]
fn each_check_notices_its_own_lie() {
    let lies = [
        ("iss", json!("https://evil.example"), "Issuer"),
        ("aud", json!(["other"]), "Audience"),
        ("azp", json!("other"), "Audience"),
        ("exp", json!(1000), "Lifetime"),
        ("iat", json!(2000), "Lifetime"),
        ("nonce", json!("other"), "Nonce"),
        ("at_hash", json!("other"), "Access token"),
    ];
    for (claim, lie, noticed) in lies {
        let mut claims = good();
        claims[claim] = lie;
        assert!(findings(&claims).contains(&(noticed, Finding::Failed)), "{claim}");
    }
}

#[test]
fn an_unknown_key_is_no_valid_signature() {
    let token = token(&json!({"alg": "RS256", "typ": "JWT", "kid": "k"}), &good());
    let jwks = json!({"keys": []});
    let Inspection::Decoded(decoded) = id_token(
        &token,
        &Context {
            jwks: Some(&jwks),
            ..context()
        },
    ) else {
        panic!("a JWT");
    };
    assert_eq!(decoded.verdicts[0].finding, Finding::Failed);
}

#[test]
fn what_is_no_jwt_is_opaque() {
    for opaque in ["pc_at_x", "", "a.b.c", "e30.e30", "e30.e30.a.b"] {
        assert!(
            matches!(access_token(opaque, &context()), Inspection::Opaque),
            "{opaque}"
        );
    }
}

#[test]
fn known_claims_come_first_and_dates_are_readable() {
    let rows = rows_of(r#"{"zz":1,"exp":0,"aud":["a","b"],"iss":"x"}"#);
    let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["iss", "aud", "exp", "zz"]);
    assert_eq!(rows[2].date.as_deref(), Some("1970-01-01 00:00:00 UTC"));
    assert_eq!(rows[1].value, r#"["a","b"]"#);
    assert!(rows_of("[]").is_empty());
}

#[test]
fn userinfo_must_name_the_same_person() {
    let token = token(&json!({}), &json!({"sub": "u1"}));
    let finding = |answer| same_subject(answer, Some(&token)).finding;
    assert_eq!(finding(r#"{"sub":"u1"}"#), Finding::Passed);
    assert_eq!(finding(r#"{"sub":"u2"}"#), Finding::Failed);
    assert_eq!(finding("{}"), Finding::Failed);
    assert_eq!(same_subject("{}", None).finding, Finding::Skipped);
}

#[test]
fn a_token_signed_by_a_published_key_passes_and_a_changed_one_does_not() {
    let now = context().now;
    for &alg in SigningAlg::ALL {
        let keys = key_ring(alg, now);
        let jwks = keys.jwks(now);
        let mut claims = good();
        claims["at_hash"] = json!(jwt::left_half_hash(alg, context().access_token));
        let signed = jwt::sign(keys.signer(alg, now).unwrap(), "JWT", &claims).unwrap();
        assert_eq!(failures(&signed, &jwks), [] as [&str; 0], "{alg}");

        let (head, signature) = signed.rsplit_once('.').unwrap();
        let (header, _) = head.split_once('.').unwrap();
        claims["sub"] = json!("somebody else");
        let changed = format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        assert_eq!(failures(&changed, &jwks), ["Signature"], "{alg}");
    }
}

#[test]
fn an_id_token_does_not_pass_as_an_access_token() {
    let now = context().now;
    let keys = key_ring(SigningAlg::EdDsa, now);
    let jwks = keys.jwks(now);
    let signed = jwt::sign(keys.signer(SigningAlg::EdDsa, now).unwrap(), "JWT", &good()).unwrap();
    let inspection = access_token(
        &signed,
        &Context {
            jwks: Some(&jwks),
            ..context()
        },
    );
    assert_eq!(failed(&inspection), ["Signature"]);
}

#[test]
fn a_refreshed_id_token_may_drop_the_nonce_but_not_change_it() {
    let mut claims = good();
    let refreshed = Context {
        refreshed: true,
        ..context()
    };
    claims["nonce"] = json!("other");
    assert!(failed(&id_token(&token(&json!({}), &claims), &refreshed)).contains(&"Nonce"));
    claims.as_object_mut().unwrap().remove("nonce");
    assert!(!failed(&id_token(&token(&json!({}), &claims), &refreshed)).contains(&"Nonce"));
    assert!(failed(&id_token(&token(&json!({}), &claims), &context())).contains(&"Nonce"));
}

fn failures(token: &str, jwks: &Value) -> Vec<&'static str> {
    failed(&id_token(
        token,
        &Context {
            jwks: Some(jwks),
            ..context()
        },
    ))
}

fn failed(inspection: &Inspection) -> Vec<&'static str> {
    let Inspection::Decoded(decoded) = inspection else {
        panic!("a JWT")
    };
    let failed = decoded
        .verdicts
        .iter()
        .filter(|verdict| verdict.finding == Finding::Failed);
    failed.map(|verdict| verdict.what).collect()
}

fn key_ring(alg: SigningAlg, now: Timestamp) -> KeyRing {
    let master = MasterKey::generate();
    let key = keys::generate(alg).unwrap();
    let row = SigningKey {
        kid: key.kid.clone(),
        alg,
        generation: 1,
        sealed_private: key.seal(&master),
        public_jwk: key.public_jwk,
        created_at: now,
        active_from: now,
        retires_at: None,
        gone_at: None,
        revoked_at: None,
    };
    KeyRing::open(&[row], &master).unwrap()
}
