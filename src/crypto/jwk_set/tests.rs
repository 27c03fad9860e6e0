//! JW-13, JW-14, DR-04: keys that are none, and keys that should not have been shown.

use std::slice::from_ref;
use std::sync::LazyLock;

use serde_json::json;

use super::*;
use crate::crypto::keys;

fn new_key(alg: SigningAlg) -> Value {
    let mut jwk = keys::generate(alg).unwrap().public_jwk;
    jwk.as_object_mut().unwrap().remove("alg");
    jwk.as_object_mut().unwrap().remove("kid");
    jwk
}

static RSA: LazyLock<Value> = LazyLock::new(|| new_key(SigningAlg::Rs256));

fn ec() -> Value {
    new_key(SigningAlg::Es256)
}

fn ed() -> Value {
    new_key(SigningAlg::EdDsa)
}

fn with(jwk: &Value, changes: &Value) -> Value {
    let mut jwk = jwk.clone();
    for (name, value) in changes.as_object().unwrap() {
        jwk[name] = value.clone();
    }
    jwk
}

fn without(jwk: &Value, member: &str) -> Value {
    let mut jwk = jwk.clone();
    jwk.as_object_mut().unwrap().remove(member);
    jwk
}

fn set(keys: &[Value]) -> Value {
    json!({ "keys": keys })
}

fn register(keys: &[Value]) -> Result<usize, JwkSetError> {
    JwkSet::register(&set(keys)).map(|set| set.keys().len())
}

fn read(keys: &[Value]) -> Result<usize, JwkSetError> {
    JwkSet::read(&set(keys)).map(|set| set.keys().len())
}

fn found(set: &Value, kid: Option<&str>, alg: SigningAlg) -> Result<usize, JwtError> {
    let set = JwkSet::read(set).unwrap();
    set.verifiers(kid, alg).map(|verifiers| verifiers.len())
}

fn encode(bytes: impl AsRef<[u8]>) -> Value {
    URL_SAFE_NO_PAD.encode(bytes).into()
}

/// An odd number of so many bits.
fn modulus(bits: usize) -> Value {
    let mut n = vec![0xff; bits.div_ceil(8)];
    n[0] >>= n.len() * 8 - bits;
    encode(n)
}

#[test]
fn keys_of_each_known_kind_are_taken() {
    let all = [RSA.clone(), ec(), ed()];
    assert_eq!((register(&all), read(&all)), (Ok(3), Ok(3)));
    let document = set(&all);
    for (alg, count) in [
        (SigningAlg::Rs256, 1),
        (SigningAlg::Ps256, 1),
        (SigningAlg::Es256, 1),
        (SigningAlg::EdDsa, 1),
    ] {
        assert_eq!(found(&document, None, alg), Ok(count), "{alg}");
    }
}

#[test]
fn dr_04_private_and_symmetric_keys_refuse_the_set() {
    for member in NOT_PUBLIC {
        for key in [&*RSA, &ec(), &ed()] {
            let exposed = with(key, &json!({member: "AQAB"}));
            let keys = [ec(), exposed];
            assert_eq!(register(&keys), Err(JwkSetError::NotPublic), "{member}");
            assert_eq!(read(&keys), Err(JwkSetError::NotPublic), "{member}");
        }
    }
    let secret = json!({"kty": "oct", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T"});
    for secret in [&secret, &json!({"kty": "oct"})] {
        assert_eq!(register(&[ec(), secret.clone()]), Err(JwkSetError::NotPublic));
        assert_eq!(read(from_ref(secret)), Err(JwkSetError::NotPublic));
    }
}

#[test]
fn jw_14_weak_huge_and_strange_rsa_keys_are_refused() {
    let mut even = URL_SAFE_NO_PAD.decode(RSA["n"].as_str().unwrap()).unwrap();
    *even.last_mut().unwrap() &= 0xfe;
    for n in [
        modulus(512),
        modulus(1024),
        modulus(2047),
        modulus(8193),
        modulus(16_384),
        encode(even),
        encode([0; 256]),
        encode([]),
    ] {
        let key = with(&RSA, &json!({"n": n}));
        assert_eq!(
            register(from_ref(&key)),
            Err(JwkSetError::Key(1, JwkError::Modulus)),
            "{n}"
        );
        assert_eq!(read(from_ref(&key)), Ok(0), "{n}");
    }
    for bits in [2048, 3072, 4096, 8192] {
        assert_eq!(register(&[with(&RSA, &json!({"n": modulus(bits)}))]), Ok(1), "{bits}");
    }
    for e in [
        &[][..],
        &[0],
        &[1],
        &[2],
        &[4],
        &[1, 0, 0],
        &[1, 0, 0, 0, 1],
        &[0xff; 300],
    ] {
        let key = with(&RSA, &json!({"e": encode(e)}));
        assert_eq!(
            register(from_ref(&key)),
            Err(JwkSetError::Key(1, JwkError::Exponent)),
            "{e:?}"
        );
        assert_eq!(read(from_ref(&key)), Ok(0), "{e:?}");
    }
    assert_eq!(register(&[with(&RSA, &json!({"e": encode([3])}))]), Ok(1));
    // Leading zeros are a common mistake and change nothing.
    let padded = [&[0][..], &URL_SAFE_NO_PAD.decode(RSA["n"].as_str().unwrap()).unwrap()].concat();
    let padded = with(&RSA, &json!({"n": encode(padded), "e": "AAEAAQ"}));
    assert_eq!(
        JwkSet::register(&set(from_ref(&padded))),
        JwkSet::register(&set(from_ref(&RSA)))
    );
}

#[test]
fn jw_13_points_that_are_none_are_refused() {
    let off = with(&ec(), &json!({"x": encode([1; 32])}));
    assert_eq!(
        register(&[ec(), off.clone()]),
        Err(JwkSetError::Key(2, JwkError::Point))
    );
    assert_eq!(found(&set(from_ref(&off)), None, SigningAlg::Es256), Err(JwtError::Key));
    let infinity = with(&ec(), &json!({"x": encode([0; 32]), "y": encode([0; 32])}));
    assert_eq!(register(from_ref(&infinity)), Err(JwkSetError::Key(1, JwkError::Point)));
    for x in [encode([1; 31]), encode([1; 33]), encode([]), "é".into(), 7.into()] {
        for key in [&ec(), &ed()] {
            let key = with(key, &json!({"x": x}));
            assert_eq!(
                register(from_ref(&key)),
                Err(JwkSetError::Key(1, JwkError::Member("x"))),
                "{x}"
            );
            assert_eq!(read(from_ref(&key)), Ok(0), "{x}");
        }
    }
    let mut neutral = [0; 32];
    neutral[0] = 1;
    for x in [[0; 32], neutral] {
        let key = with(&ed(), &json!({"x": encode(x)}));
        assert_eq!(register(from_ref(&key)), Err(JwkSetError::Key(1, JwkError::Point)));
        assert_eq!(read(from_ref(&key)), Ok(0));
    }
}

#[test]
fn kinds_that_are_unknown_are_passed_over() {
    let strange = [
        json!({"kty": "AKP", "alg": "ML-DSA-65", "pub": "AA"}),
        json!({"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"}),
        json!({"kty": "OKP", "crv": "X25519", "x": "AA"}),
        json!({"kty": "rsa", "n": "AA", "e": "AQAB"}),
    ];
    for key in &strange {
        assert_eq!(register(&[key.clone(), ec()]), Ok(1), "{key}");
        assert_eq!(register(from_ref(key)), Err(JwkSetError::Empty), "{key}");
        assert_eq!(read(from_ref(key)), Ok(0), "{key}");
    }
}

#[test]
fn members_are_of_their_types() {
    let broken = [
        (without(&ec(), "kty"), "kty"),
        (with(&ec(), &json!({"kty": 1})), "kty"),
        (without(&ec(), "crv"), "crv"),
        (without(&ec(), "y"), "y"),
        (without(&RSA, "n"), "n"),
        (without(&RSA, "e"), "e"),
        (with(&RSA, &json!({"e": "AQAB="})), "e"),
        (with(&ec(), &json!({"kid": 7})), "kid"),
        (with(&ec(), &json!({"kid": "k".repeat(257)})), "kid"),
        (with(&ec(), &json!({"alg": ["ES256"]})), "alg"),
        (with(&ec(), &json!({"use": null})), "use"),
        (with(&ec(), &json!({"key_ops": "verify"})), "key_ops"),
        (with(&ec(), &json!({"key_ops": [1]})), "key_ops"),
    ];
    for (key, member) in broken {
        let error = JwkSetError::Key(2, JwkError::Member(member));
        assert_eq!(register(&[ec(), key.clone()]), Err(error), "{key}");
        assert_eq!(read(&[ec(), key.clone()]), Ok(1), "{key}");
    }
    for document in [
        json!({}),
        json!([]),
        json!({"keys": {}}),
        json!({"keys": [1]}),
        Value::Null,
    ] {
        assert_eq!(JwkSet::register(&document), Err(JwkSetError::Form), "{document}");
        assert_eq!(JwkSet::read(&document), Err(JwkSetError::Form), "{document}");
    }
    assert_eq!(register(&[]), Err(JwkSetError::Empty));
    let key = ec();
    assert_eq!(read(&vec![key.clone(); MAX_KEYS]), Ok(MAX_KEYS));
    assert_eq!(read(&vec![key; MAX_KEYS + 1]), Err(JwkSetError::TooMany));
}

#[test]
fn fetched_text_is_read_strictly() {
    assert_eq!(
        JwkSet::from_json(set(&[ec()]).to_string().as_bytes())
            .unwrap()
            .keys()
            .len(),
        1
    );
    for text in ["", "<html>", r#"{"keys":[],"keys":[]}"#, r#"{"keys":[]} x"#, "[]"] {
        assert_eq!(JwkSet::from_json(text.as_bytes()), Err(JwkSetError::Form), "{text}");
    }
}

#[test]
fn a_key_is_used_for_what_it_is_for() {
    let sig = |changes| found(&set(&[with(&RSA, &changes)]), None, SigningAlg::Rs256);
    for fit in [
        json!({}),
        json!({"use": "sig"}),
        json!({"alg": "RS256"}),
        json!({"key_ops": ["verify"]}),
        json!({"key_ops": ["encrypt", "verify"], "use": "sig"}),
    ] {
        assert_eq!(sig(fit.clone()), Ok(1), "{fit}");
    }
    for unfit in [
        json!({"use": "enc"}),
        json!({"use": "Sig"}),
        json!({"alg": "PS256"}),
        json!({"alg": "RS512"}),
        json!({"alg": "RSA-OAEP-256"}),
        json!({"alg": "none"}),
        json!({"key_ops": ["sign"]}),
        json!({"key_ops": []}),
    ] {
        assert_eq!(sig(unfit.clone()), Err(JwtError::UnknownKey), "{unfit}");
    }
    for (alg, fits) in [("EdDSA", true), ("Ed25519", true), ("Ed448", false), ("ES256", false)] {
        let stated = set(&[with(&ed(), &json!({ "alg": alg }))]);
        assert_eq!(found(&stated, None, SigningAlg::EdDsa).is_ok(), fits, "{alg}");
    }
}

#[test]
fn jw_05_one_kid_may_be_used_once_for_each_algorithm() {
    let named = |key: &Value, kid: &str| with(key, &json!({"kid": kid}));
    // Another kind of key under the same name is no question.
    let mixed = set(&[named(&RSA, "a"), named(&ec(), "a")]);
    assert_eq!(found(&mixed, Some("a"), SigningAlg::Es256), Ok(1));
    assert_eq!(found(&mixed, Some("a"), SigningAlg::Ps256), Ok(1));
    assert!(JwkSet::register(&mixed).is_ok());
    let by_purpose = set(&[with(&named(&ec(), "a"), &json!({"use": "enc"})), named(&ec(), "a")]);
    assert_eq!(found(&by_purpose, Some("a"), SigningAlg::Es256), Ok(1));
    // The same key twice neither.
    let key = named(&ec(), "a");
    let twice = set(&[key.clone(), key.clone()]);
    assert_eq!(found(&twice, Some("a"), SigningAlg::Es256), Ok(1));
    assert!(JwkSet::register(&twice).is_ok());
    // Two keys that both fit leave open which was meant.
    let ambiguous = set(&[key, named(&ec(), "a"), named(&ec(), "b")]);
    assert_eq!(found(&ambiguous, Some("a"), SigningAlg::Es256), Err(JwtError::Key));
    assert_eq!(found(&ambiguous, Some("b"), SigningAlg::Es256), Ok(1));
    assert_eq!(JwkSet::register(&ambiguous), Err(JwkSetError::Ambiguous));
}

#[test]
fn a_token_without_kid_is_tried_against_few_keys() {
    let keys: Vec<_> = (0..MAX_TRIED + 2).map(|_| ec()).chain([ed()]).collect();
    assert_eq!(found(&set(&keys), None, SigningAlg::Es256), Ok(MAX_TRIED));
    assert_eq!(found(&set(&keys), None, SigningAlg::EdDsa), Ok(1));
    assert_eq!(found(&set(&keys), None, SigningAlg::Rs256), Err(JwtError::UnknownKey));
    assert_eq!(
        found(&set(&keys), Some(""), SigningAlg::Es256),
        Err(JwtError::UnknownKey)
    );
}
