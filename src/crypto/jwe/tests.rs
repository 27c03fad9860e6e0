//! The parts against the vectors of their own specifications. The whole is opened by other code in the tests of the server.

use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use ring::aead::{AES_128_GCM, AES_256_GCM};
use serde_json::{Value, json};

use super::*;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter_map(|c| c.to_digit(16))
        .map(|digit| u8::try_from(digit).unwrap())
        .collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

fn sealed(iv: impl Into<Vec<u8>>, ciphertext: Vec<u8>, tag: Vec<u8>) -> content::Sealed {
    content::Sealed {
        iv: iv.into(),
        ciphertext,
        tag,
    }
}

/// RFC 7516 appendix A.1: header, content key and vector give ciphertext and tag.
#[test]
fn a256gcm_is_that_of_rfc_7516() {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#);
    let key = [
        177, 161, 244, 128, 84, 143, 225, 115, 63, 180, 3, 255, 107, 154, 212, 246, 138, 7, 110, 91, 112, 46, 34, 105,
        47, 130, 203, 46, 122, 234, 64, 252,
    ];
    let iv = [227, 197, 117, 252, 2, 219, 233, 68, 180, 225, 77, 219];
    let plaintext = b"The true sign of intelligence is not knowledge but imagination.";
    let expected = sealed(
        iv,
        decode("5eym8TW_c8SuK0ltJ3rpYIzOeDQz7TALvtu6UG9oMo4vpzs9tX_EFShS8iB7j6jiSdiwkIr3ajwQzaBtQD_A"),
        decode("XFBoMYUZodetZdvTiFvSkQ"),
    );
    let found = content::gcm(&AES_256_GCM, &key, iv, (header.as_bytes(), plaintext));
    assert_eq!(found, Ok(expected));
}

/// The GCM specification (McGrew, Viega), test case 4.
#[test]
fn a128gcm_is_that_of_nist() {
    let iv = hex("cafebabefacedbaddecaf888").try_into().unwrap();
    let plaintext = hex(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
    );
    let expected = sealed(
        iv,
        hex(
            "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
        ),
        hex("5bc94fbc3221a5db94fae95ae7121a47"),
    );
    let key = hex("feffe9928665731c6d6a8f9467308308");
    let header = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
    assert_eq!(
        content::gcm(&AES_128_GCM, &key, iv, (&header, &plaintext)),
        Ok(expected)
    );
}

/// RFC 7518 appendix B.1.
#[test]
fn a128cbc_hs256_is_that_of_rfc_7518() {
    let key: Vec<u8> = (0..32).collect();
    let iv = hex("1af38c2dc2b96ffdd86694092341bc04").try_into().unwrap();
    let plaintext = b"A cipher system must not be required to be secret, and it must be able to fall into the hands of the enemy without inconvenience";
    let expected = sealed(
        iv,
        hex(
            "c80edfa32ddf39d5ef00c0b468834279a2e46a1b8049f792f76bfe54b903a9c9a94ac9b47ad2655c5f10f9aef71427e2fc6f9b3f399a221489f16362c70323
             3609d45ac69864e3321cf82935ac4096c86e133314c54019e8ca7980dfa4b9cf1b384c486f3a54c51078158ee5d79de59fbd34d848b3d69550a676463444
             27ade54b8851ffb598f7f80074b9473c82e2db",
        ),
        hex("652c3fa36b0a7c5b3219fab3a30bc1c4"),
    );
    let header = b"The second principle of Auguste Kerckhoffs";
    assert_eq!(content::cbc_hmac(&key, iv, (header, plaintext)), Ok(expected));
}

/// RFC 7516 appendix A.3: the same in a token, with its key wrapped.
#[test]
fn a128kw_with_a128cbc_hs256_is_that_of_rfc_7516() {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"A128KW","enc":"A128CBC-HS256"}"#);
    let key = [
        4, 211, 31, 197, 84, 157, 252, 254, 11, 100, 157, 250, 63, 170, 106, 206, 107, 124, 212, 45, 111, 107, 9, 219,
        200, 177, 0, 240, 143, 156, 44, 207,
    ];
    assert_eq!(
        wrap(&AES_128, &decode("GawgguFyGrWKav7AX4VKUg"), &key),
        Ok(decode("6KB707dM9YTIgHtLvtgWQ8mKwboJW3of9locizkDTHzBC2IlrT1oOQ"))
    );
    let iv = decode("AxY8DCtDaGlsbGljb3RoZQ").try_into().unwrap();
    let expected = sealed(
        iv,
        decode("KDlTtXchhZTGufMYmOYGS4HffxPSUrfmqCHXaI9wOGY"),
        decode("U0m_YmjN04DJvceFICbCVQ"),
    );
    let found = content::cbc_hmac(&key, iv, (header.as_bytes(), b"Live long and prosper."));
    assert_eq!(found, Ok(expected));
}

/// RFC 3394 §4.1, §4.3, §4.6.
#[test]
fn key_wrap_is_that_of_rfc_3394() {
    let kek = hex("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F");
    let data = hex("00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F");
    let cases = [
        (
            wrap(&AES_128, &kek[..16], &data[..16]),
            "1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5",
        ),
        (
            wrap(&AES_256, &kek, &data[..16]),
            "64E8C3F9CE0F5BA263E9777905818A2A93C8191E7D6E8AE7",
        ),
        (
            wrap(&AES_256, &kek, &data),
            "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21",
        ),
    ];
    for (wrapped, expected) in cases {
        assert_eq!(wrapped, Ok(hex(expected)));
    }
}

/// RFC 7518 appendix C.
#[test]
fn the_agreed_key_is_that_of_rfc_7518() {
    let alice = decode("0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo");
    let alice = PrivateKey::from_private_key(&ECDH_P256, &alice).unwrap();
    let bob = [
        vec![4],
        decode("weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ"),
        decode("e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck"),
    ];
    let bob = UnparsedPublicKey::new(&ECDH_P256, bob.concat());
    let key = agree(&alice, bob, EncryptionFailed, |secret| {
        key_agreement::derive(secret, "A128GCM", (b"Alice", b"Bob"), 16)
    });
    assert_eq!(*key.unwrap(), decode("VqqN6vgjbSBcIijNcacQGg"));
}

fn set(keys: &[Value]) -> JwkSet {
    JwkSet::read(&json!({ "keys": keys })).unwrap()
}

fn rsa(kid: &str, more: &Value) -> Value {
    let n = URL_SAFE_NO_PAD.encode([&[0xc1_u8][..], &[0x55; 255]].concat());
    merged(json!({"kty": "RSA", "kid": kid, "n": n, "e": "AQAB"}), more)
}

fn ec(kid: &str, more: &Value) -> Value {
    let bob = json!({
        "kty": "EC", "crv": "P-256", "kid": kid,
        "x": "weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ", "y": "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck",
    });
    merged(bob, more)
}

fn merged(mut jwk: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        jwk[name] = value.clone();
    }
    jwk
}

#[test]
fn the_key_that_is_meant_is_taken() {
    use KeyManagementAlg as Alg;
    let cases: [(&[Value], Alg, Option<&str>); 15] = [
        (&[], Alg::RsaOaep256, None),
        (&[rsa("a", &json!({}))], Alg::RsaOaep256, Some("a")),
        (&[rsa("a", &json!({}))], Alg::EcdhEs, None),
        (&[ec("a", &json!({}))], Alg::RsaOaep256, None),
        (
            &[rsa("a", &json!({})), ec("b", &json!({}))],
            Alg::EcdhEsA256Kw,
            Some("b"),
        ),
        (&[ec("a", &json!({"use": "sig"}))], Alg::EcdhEs, None),
        (&[ec("a", &json!({"alg": "ES256"}))], Alg::EcdhEs, None),
        (&[ec("a", &json!({"alg": "ECDH-ES"}))], Alg::EcdhEsA128Kw, None),
        (&[rsa("a", &json!({"alg": "RSA-OAEP"}))], Alg::RsaOaep256, None),
        (
            &[ec("a", &json!({})), ec("b", &json!({"use": "enc"}))],
            Alg::EcdhEs,
            Some("b"),
        ),
        (
            &[
                ec("a", &json!({"use": "enc"})),
                ec("b", &json!({"use": "enc", "alg": "ECDH-ES"})),
            ],
            Alg::EcdhEs,
            Some("b"),
        ),
        (&[ec("a", &json!({})), ec("b", &json!({}))], Alg::EcdhEs, Some("a")),
        (
            &[
                rsa("a", &json!({"key_ops": ["verify"]})),
                rsa("b", &json!({"key_ops": ["wrapKey"]})),
            ],
            Alg::RsaOaep256,
            Some("b"),
        ),
        (&[ec("a", &json!({"key_ops": []}))], Alg::EcdhEs, Some("a")),
        (&[rsa("a", &json!({"key_ops": []}))], Alg::RsaOaep256, None),
    ];
    for (keys, alg, expected) in cases {
        let chosen = Recipient::choose(&set(keys), alg);
        assert_eq!(
            chosen.and_then(|chosen| chosen.kid).as_deref(),
            expected,
            "{alg} of {keys:?}"
        );
    }
}

#[test]
fn a_point_on_no_curve_is_no_recipient() {
    let keys = set(&[ec("a", &json!({"x": URL_SAFE_NO_PAD.encode([1; 32])}))]);
    for alg in [KeyManagementAlg::EcdhEs, KeyManagementAlg::EcdhEsA128Kw] {
        let recipient = Recipient::choose(&keys, alg).unwrap();
        let enc = ContentEncryption::A128Gcm;
        let encrypted = encrypt(Payload::Claims(b"{}"), &recipient, Encryption { alg, enc });
        assert_eq!(encrypted, Err(EncryptionFailed));
    }
}
