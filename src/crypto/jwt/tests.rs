//! The checks of RFC 8725 as tables of hostile tokens, and `ring` as a second opinion on our signatures.

use std::sync::LazyLock;

use serde_json::json;

use super::*;
use crate::{
    crypto::{keys, seal::MasterKey},
    model::signing_key::SigningKey,
};

const ISSUER: &str = "https://id.example";
const NOW: i64 = 1_800_000_000;

/// One ring with a key for every algorithm: RSA keys are slow to make.
static RING: LazyLock<KeyRing> = LazyLock::new(|| {
    let master = MasterKey::new([7; 32]);
    let row = |&alg: &SigningAlg| {
        let key = keys::generate(alg).unwrap();
        SigningKey {
            sealed_private: key.seal(&master),
            kid: key.kid,
            alg,
            generation: 1,
            public_jwk: key.public_jwk,
            created_at: Timestamp::new(0),
            active_from: Timestamp::new(0),
            retires_at: None,
            gone_at: None,
            revoked_at: None,
        }
    };
    let rows: Vec<SigningKey> = SigningAlg::ALL.iter().map(row).collect();
    KeyRing::open(&rows, &master).unwrap()
});

fn signer(alg: SigningAlg) -> &'static Signer {
    RING.signer(alg, Timestamp::new(NOW)).unwrap()
}

fn claims() -> Value {
    json!({"iss": ISSUER, "sub": "u", "aud": "api", "iat": NOW, "exp": NOW + 900})
}

fn token() -> String {
    sign(signer(SigningAlg::Es256), "at+jwt", &claims()).unwrap()
}

fn expected() -> Expected<'static> {
    Expected {
        typ: &["at+jwt"],
        issuer: ISSUER,
        now: Timestamp::new(NOW),
        leeway_seconds: 0,
        allow_expired: false,
    }
}

fn verify_at(token: &str, expected: &Expected<'_>) -> Result<Map<String, Value>, JwtError> {
    verify(&RING, token, expected)
}

fn check(token: &str) -> Result<(), JwtError> {
    verify_at(token, &expected()).map(drop)
}

fn check_as_stranger(token: &str, jwks: &Value) -> Result<(), JwtError> {
    let expected = ForeignExpected {
        token: expected(),
        audience: "api",
    };
    verify_with_jwk_set(token, jwks, &expected).map(drop)
}

fn encode(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// A token with this very header and payload text, rightly signed with our ES256 key.
fn signed_raw(header: &str, payload: &str) -> String {
    let signed = format!("{}.{}", encode(header), encode(payload));
    let signature = signer(SigningAlg::Es256).sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", encode(signature))
}

fn signed_with_header(header: &Value) -> String {
    signed_raw(&header.to_string(), &claims().to_string())
}

/// Our header with some members replaced or added.
fn header_with(changes: &Value) -> Value {
    let mut header = json!({"alg": "ES256", "typ": "at+jwt", "kid": signer(SigningAlg::Es256).kid()});
    for (name, value) in changes.as_object().unwrap() {
        header[name] = value.clone();
    }
    header
}

fn signed_with_claims(changes: &Value) -> String {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    sign(signer(SigningAlg::Es256), "at+jwt", &claims).unwrap()
}

fn ring_accepts(alg: SigningAlg, jwk: &Value, message: &[u8], signature: &[u8]) -> bool {
    use ring::signature as ring;
    let member = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
    let rsa = |params| {
        ring::RsaPublicKeyComponents {
            n: member("n"),
            e: member("e"),
        }
        .verify(params, message, signature)
    };
    let checked = match alg {
        SigningAlg::Rs256 => rsa(&ring::RSA_PKCS1_2048_8192_SHA256),
        SigningAlg::Ps256 => rsa(&ring::RSA_PSS_2048_8192_SHA256),
        SigningAlg::Es256 => {
            let point = [vec![4], member("x"), member("y")].concat();
            ring::UnparsedPublicKey::new(&ring::ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
        }
        SigningAlg::EdDsa => ring::UnparsedPublicKey::new(&ring::ED25519, member("x")).verify(message, signature),
    };
    checked.is_ok()
}

#[test]
fn every_signature_is_accepted_by_ring_by_us_and_by_a_stranger() {
    for &alg in SigningAlg::ALL {
        for typ in ["JWT", "at+jwt", "logout+jwt"] {
            let token = sign(signer(alg), typ, &claims()).unwrap();
            let parts = Parts::split(&token).unwrap();
            let signature = parts.signature().unwrap();
            assert!(
                ring_accepts(alg, signer(alg).public_jwk(), parts.signed.as_bytes(), &signature),
                "{alg}"
            );
            assert!(
                !ring_accepts(alg, signer(alg).public_jwk(), b"other", &signature),
                "{alg}"
            );
            let expected = Expected {
                typ: &[typ],
                ..expected()
            };
            assert_eq!(Value::Object(verify_at(&token, &expected).unwrap()), claims());
            let jwks = RING.jwks(Timestamp::new(NOW));
            let foreign = ForeignExpected {
                token: expected,
                audience: "api",
            };
            let (header, seen) = verify_with_jwk_set(&token, &jwks, &foreign).unwrap();
            assert_eq!(header["typ"], typ);
            assert_eq!(Value::Object(seen), claims());
        }
    }
}

#[test]
fn jw_01_alg_none_is_refused() {
    for alg in ["none", "None", "NONE", "nOnE"] {
        let header = header_with(&json!({"alg": alg})).to_string();
        let unsigned = format!("{}.{}.", encode(&header), encode(claims().to_string()));
        assert_eq!(check(&unsigned), Err(JwtError::Form), "{alg}");
        let signed = signed_raw(&header, &claims().to_string());
        assert_eq!(check(&signed), Err(JwtError::Algorithm), "{alg}");
        assert_eq!(
            check_as_stranger(&signed, &RING.jwks(Timestamp::new(NOW))),
            Err(JwtError::Algorithm),
            "{alg}"
        );
        let without_kid = encode(json!({"alg": alg, "typ": "at+jwt"}).to_string());
        assert_eq!(
            check(&format!("{without_kid}.{}.AA", encode(claims().to_string()))),
            Err(JwtError::Kid)
        );
    }
}

#[test]
fn jw_02_hmac_with_a_public_key_is_refused() {
    for &alg in SigningAlg::ALL {
        let jwk = signer(alg).public_jwk();
        let text = |name: &str| {
            jwk.get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .as_bytes()
                .to_vec()
        };
        let secrets = [
            jwk.to_string().into_bytes(),
            text("n"),
            text("x"),
            URL_SAFE_NO_PAD.decode(text("n")).unwrap(),
            URL_SAFE_NO_PAD.decode(text("x")).unwrap(),
        ];
        for secret in secrets {
            let header = json!({"alg": "HS256", "typ": "at+jwt", "kid": signer(alg).kid()});
            let signed = format!("{}.{}", encode(header.to_string()), encode(claims().to_string()));
            let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &secret);
            let tag = ring::hmac::sign(&key, signed.as_bytes());
            let token = format!("{signed}.{}", encode(tag));
            assert_eq!(check(&token), Err(JwtError::Algorithm));
            assert_eq!(
                check_as_stranger(&token, &RING.jwks(Timestamp::new(NOW))),
                Err(JwtError::Algorithm)
            );
        }
    }
}

#[test]
fn jw_03_headers_that_bring_a_key_are_refused() {
    let attacker = keys::generate(SigningAlg::Es256).unwrap();
    let brought = [
        ("jwk", attacker.public_jwk),
        ("jku", json!("https://attacker.example/jwks")),
        ("x5u", json!("https://attacker.example/cert")),
        ("x5c", json!(["MIIB"])),
        ("jwk", Value::Null),
    ];
    for (name, value) in brought {
        let token = signed_with_header(&header_with(&json!({name: value})));
        assert_eq!(check(&token), Err(JwtError::ForbiddenHeader(name)));
        assert_eq!(
            check_as_stranger(&token, &RING.jwks(Timestamp::new(NOW))),
            Err(JwtError::ForbiddenHeader(name))
        );
    }
}

#[test]
fn jw_04_a_kid_is_matched_as_an_exact_string() {
    let kid = signer(SigningAlg::Es256).kid();
    for unknown in [
        "../../dev/null",
        "' OR 1=1--",
        "%00",
        "\0",
        "",
        &kid[1..],
        &format!("{kid} "),
        &kid.to_uppercase(),
    ] {
        let token = signed_with_header(&header_with(&json!({"kid": unknown})));
        assert_eq!(check(&token), Err(JwtError::UnknownKey), "{unknown:?}");
    }
    for wrong in [json!([kid]), json!(7), json!({"kid": kid}), Value::Null, json!(true)] {
        let token = signed_with_header(&header_with(&json!({"kid": wrong})));
        assert_eq!(check(&token), Err(JwtError::Kid), "{wrong}");
    }
    let absent = signed_with_header(&json!({"alg": "ES256", "typ": "at+jwt"}));
    assert_eq!(check(&absent), Err(JwtError::Kid));
    let huge = signed_with_header(&header_with(&json!({"kid": "k".repeat(64 * 1024)})));
    assert_eq!(check(&huge), Err(JwtError::TooLong));
    let of_another_key = signed_with_header(&header_with(&json!({"kid": signer(SigningAlg::EdDsa).kid()})));
    assert_eq!(check(&of_another_key), Err(JwtError::Algorithm));
}

#[test]
fn jw_05_a_set_with_one_kid_twice_is_refused() {
    let key = signer(SigningAlg::Es256).public_jwk();
    let mut other = keys::generate(SigningAlg::Es256).unwrap().public_jwk;
    other["kid"] = key["kid"].clone();
    assert_eq!(
        check_as_stranger(&token(), &json!({"keys": [key, other]})),
        Err(JwtError::Key)
    );
    assert_eq!(check_as_stranger(&token(), &json!({"keys": [key]})), Ok(()));
}

#[test]
fn jw_06_crit_is_refused() {
    for crit in [json!(["x"]), json!(["exp"]), json!(["b64"]), json!([]), Value::Null] {
        let token = signed_with_header(&header_with(&json!({"crit": crit, "x": 1, "b64": true})));
        assert_eq!(check(&token), Err(JwtError::ForbiddenHeader("crit")), "{crit}");
    }
}

#[test]
fn jw_07_duplicate_members_are_refused() {
    let header = header_with(&json!({})).to_string();
    let payload = claims().to_string();
    let inside = |json: &str, member: &str| format!("{},{member}}}", json.strip_suffix('}').unwrap());
    for member in [
        r#""aud":"other""#,
        r#""\u0061ud":"other""#,
        r#""act":{"sub":"a","sub":"b"}"#,
        r#""exp":1"#,
    ] {
        assert_eq!(
            check(&signed_raw(&header, &inside(&payload, member))),
            Err(JwtError::Json),
            "{member}"
        );
    }
    for member in [r#""alg":"ES256""#, r#""kid":"x""#, r#""typ":"JWT""#] {
        assert_eq!(
            check(&signed_raw(&inside(&header, member), &payload)),
            Err(JwtError::Json),
            "{member}"
        );
    }
    assert_eq!(check(&signed_raw(&header, &payload)), Ok(()));
}

#[test]
fn jw_08_other_forms_than_the_compact_one_are_refused() {
    let good = token();
    let (header, rest) = good.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    let cases = [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        format!(" {good}"),
        format!("{good} "),
        format!("{good}\n"),
        format!("{good}."),
        format!("{good}.AA"),
        format!("{good}="),
        format!(".{good}"),
        format!("{header}=.{payload}.{signature}"),
        format!("{header}.{payload} .{signature}"),
        format!("{header}.{payload}"),
        format!("{header}.{payload}."),
        format!("{header}..{signature}"),
        format!("{header}.{payload}.{}", &signature[..signature.len() - 1]),
        format!(
            "{header}.{payload}.{}",
            signature.replacen(|c: char| c.is_ascii(), "+", 1)
        ),
        format!(
            "{header}.{payload}.{}",
            signature.replacen(|c: char| c.is_ascii(), "/", 1)
        ),
        format!("{header}.{payload}.é{signature}"),
        json!({"protected": header, "payload": payload, "signature": signature}).to_string(),
        json!({"payload": payload, "signatures": [{"protected": header, "signature": signature}]}).to_string(),
    ];
    for token in cases {
        assert!(
            matches!(check(&token), Err(JwtError::Form | JwtError::Signature)),
            "{token:?}"
        );
        assert!(
            check_as_stranger(&token, &RING.jwks(Timestamp::new(NOW))).is_err(),
            "{token:?}"
        );
    }
    for not_an_object in ["[]", "null", "7", "\"x\"", "", "{} {}"] {
        let token = signed_raw(&header_with(&json!({})).to_string(), not_an_object);
        assert!(
            matches!(check(&token), Err(JwtError::Json | JwtError::Form)),
            "{not_an_object}"
        );
    }
    assert_eq!(check(&"a".repeat(MAX_TOKEN_BYTES + 1)), Err(JwtError::TooLong));
}

#[test]
fn jw_08_spare_bits_of_the_last_character_are_refused() {
    // 64 bytes leave 4 spare bits in the last character; setting one spells the same signature another way.
    let mut bytes = token().into_bytes();
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = bytes.last_mut().unwrap();
    let at = alphabet.iter().position(|byte| byte == last).unwrap();
    *last = alphabet[at + 1];
    assert_eq!(check(&String::from_utf8(bytes).unwrap()), Err(JwtError::Form));
}

#[test]
fn jw_09_another_type_of_token_is_refused() {
    for typ in ["JWT", "at+jw", "at+jwt ", "", "x/at+jwt", "logout+jwt"] {
        let token = sign(signer(SigningAlg::Es256), typ, &claims()).unwrap();
        assert_eq!(check(&token), Err(JwtError::Type), "{typ}");
    }
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
        let token = sign(signer(SigningAlg::Es256), typ, &claims()).unwrap();
        assert_eq!(check(&token), Ok(()), "{typ}");
    }
    let untyped = json!({"alg": "ES256", "kid": signer(SigningAlg::Es256).kid()});
    assert_eq!(check(&signed_with_header(&untyped)), Err(JwtError::Type));
    assert_eq!(
        check(&signed_with_header(&header_with(&json!({"typ": 7})))),
        Err(JwtError::Type)
    );
}

#[test]
fn jw_11_dates_are_integers_in_range() {
    for name in ["exp", "iat", "nbf"] {
        let wrong = [
            json!("1800000000"),
            json!(NOW as f64 + 0.5),
            json!(NOW as f64),
            json!(-1),
            json!(1_000_000_000_000_000_000_i64),
            json!(u64::MAX),
            json!(i64::MIN),
            Value::Null,
            json!([NOW]),
            json!(true),
        ];
        for value in wrong {
            let token = signed_with_claims(&json!({name: value}));
            assert_eq!(check(&token), Err(JwtError::Date(name)), "{name}: {value}");
            let stranger = check_as_stranger(&token, &RING.jwks(Timestamp::new(NOW)));
            assert!(
                matches!(stranger, Err(JwtError::Date(_) | JwtError::Json)),
                "{name}: {value}"
            );
        }
    }
    for name in ["exp", "iat"] {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        let token = sign(signer(SigningAlg::Es256), "at+jwt", &claims).unwrap();
        assert_eq!(check(&token), Err(JwtError::Date(name)));
    }
}

#[test]
fn jw_12_the_leeway_is_bounded_and_the_limits_are_exact() {
    const { assert!(LEEWAY_SECONDS <= 60) };
    let token = signed_with_claims(&json!({"exp": NOW + 100}));
    let at = |seconds: i64, leeway_seconds: i64| {
        verify_at(
            &token,
            &Expected {
                now: Timestamp::new(NOW + seconds),
                leeway_seconds,
                ..expected()
            },
        )
        .map(drop)
    };
    assert_eq!(at(99, 0), Ok(()));
    assert_eq!(at(100, 0), Err(JwtError::Expired));
    assert_eq!(at(100 + LEEWAY_SECONDS - 1, LEEWAY_SECONDS), Ok(()));
    assert_eq!(
        at(100 + LEEWAY_SECONDS, i64::MAX),
        Err(JwtError::Expired),
        "more leeway is not to be had"
    );
    assert_eq!(at(100, i64::MIN), Err(JwtError::Expired));
    for leeway in [0, LEEWAY_SECONDS, i64::MAX] {
        assert_eq!(at(-LEEWAY_SECONDS, leeway), Ok(()), "issued by a faster clock");
        assert_eq!(at(-LEEWAY_SECONDS - 1, leeway), Err(JwtError::NotYetValid));
    }
    let later = signed_with_claims(&json!({"nbf": NOW + LEEWAY_SECONDS}));
    assert_eq!(check(&later), Ok(()));
    let later = signed_with_claims(&json!({"nbf": NOW + LEEWAY_SECONDS + 1}));
    assert_eq!(check(&later), Err(JwtError::NotYetValid));
}

#[test]
fn an_expired_token_passes_only_where_allowed_and_is_checked_in_all_else() {
    let token = signed_with_claims(&json!({"exp": NOW - 100, "iat": NOW - 200}));
    assert_eq!(check(&token), Err(JwtError::Expired));
    let hint = Expected {
        allow_expired: true,
        ..expected()
    };
    assert!(verify_at(&token, &hint).is_ok());
    assert_eq!(
        verify_at(
            &token,
            &Expected {
                issuer: "https://other.example",
                ..hint
            }
        ),
        Err(JwtError::Issuer)
    );
}

#[test]
fn jw_13_broken_curve_inputs_are_refused() {
    let good = token();
    let signed = good.rsplit_once('.').unwrap().0;
    let signature = URL_SAFE_NO_PAD.decode(good.rsplit_once('.').unwrap().1).unwrap();
    let zero_r = [&[0; 32], &signature[32..]].concat();
    let zero_s = [&signature[..32], &[0; 32]].concat();
    let der = [
        &[0x30, 0x44, 0x02, 0x20],
        &signature[..32],
        &[0x02, 0x20],
        &signature[32..],
    ]
    .concat();
    let longer = [&signature[..], &[0]].concat();
    for broken in [
        vec![0; 64],
        zero_r,
        zero_s,
        der,
        longer,
        vec![0xff; 64],
        signature[..63].to_vec(),
    ] {
        let token = format!("{signed}.{}", encode(&broken));
        assert_eq!(check(&token), Err(JwtError::Signature), "{broken:?}");
        let stranger = check_as_stranger(&token, &RING.jwks(Timestamp::new(NOW)));
        assert!(stranger.is_err(), "{broken:?}");
    }
    for alg in ["ES384", "ES512", "RS256", "EdDSA", "es256"] {
        let token = signed_with_header(&header_with(&json!({"alg": alg})));
        assert_eq!(check(&token), Err(JwtError::Algorithm), "{alg}");
        let stranger = check_as_stranger(&token, &RING.jwks(Timestamp::new(NOW)));
        assert_eq!(stranger, Err(JwtError::Algorithm), "{alg}");
    }
}

#[test]
fn jw_13_broken_keys_in_a_set_are_refused() {
    let token = token();
    let with = |changes: Value| {
        let mut key = signer(SigningAlg::Es256).public_jwk().clone();
        for (name, value) in changes.as_object().unwrap() {
            key[name] = value.clone();
        }
        json!({"keys": [key]})
    };
    let off_the_curve = with(json!({"x": encode([1; 32])}));
    let misnamed = with(json!({"alg": "ES384"}));
    let other_curve = with(json!({"crv": "P-384"}));
    let for_encryption = with(json!({"use": "enc"}));
    for set in [
        off_the_curve,
        misnamed,
        other_curve,
        for_encryption,
        json!({}),
        json!([]),
        json!({"keys": 1}),
    ] {
        assert!(check_as_stranger(&token, &set).is_err(), "{set}");
    }
    let empty = json!({"keys": []});
    assert_eq!(check_as_stranger(&token, &empty), Err(JwtError::UnknownKey));
}

/// With the neutral point as key, `R = neutral, S = 0` signs every message.
#[test]
fn jw_13_ed25519_keys_of_small_order_are_refused() {
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let header = encode(json!({"alg": "EdDSA", "typ": "at+jwt", "kid": "k"}).to_string());
    let signature = encode([neutral, [0; 32]].concat());
    let forged = format!("{header}.{}.{signature}", encode(claims().to_string()));
    let mut with_sign_bit = neutral;
    with_sign_bit[31] |= 0x80;
    for point in [neutral, with_sign_bit, [0; 32]] {
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": "k", "x": encode(point)});
        assert_eq!(check_as_stranger(&forged, &json!({"keys": [jwk]})), Err(JwtError::Key));
    }
}

#[test]
fn a_stranger_checks_audience_and_issuer() {
    let jwks = RING.jwks(Timestamp::new(NOW));
    assert_eq!(
        check_as_stranger(&signed_with_claims(&json!({"aud": ["x", "api"]})), &jwks),
        Ok(())
    );
    for aud in [json!("apis"), json!(["x"]), json!([]), Value::Null, json!({"api": 1})] {
        assert_eq!(
            check_as_stranger(&signed_with_claims(&json!({"aud": aud})), &jwks),
            Err(JwtError::Audience)
        );
    }
    for iss in [
        json!("https://id.example/"),
        json!("https://other.example"),
        json!([ISSUER]),
        Value::Null,
    ] {
        let token = signed_with_claims(&json!({"iss": iss}));
        assert_eq!(check_as_stranger(&token, &jwks), Err(JwtError::Issuer));
        assert_eq!(check(&token), Err(JwtError::Issuer));
    }
}

#[test]
fn at_hash_matches_published_examples() {
    // OpenID Connect Core appendix A.3.
    let token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
    assert_eq!(left_half_hash(SigningAlg::Rs256, token), "77QmUPtjPfzWtF2AnpK9RQ");
    assert_eq!(left_half_hash(SigningAlg::Es256, token), "77QmUPtjPfzWtF2AnpK9RQ");
    assert_eq!(left_half_hash(SigningAlg::EdDsa, token).len(), 43);
}

proptest::proptest! {
    #[test]
    fn hostile_tokens_never_panic(token in "[A-Za-z0-9_.=+é{}\" -]{0,200}") {
        let _ = check(&token);
        let _ = check_as_stranger(&token, &RING.jwks(Timestamp::new(NOW)));
    }
}
