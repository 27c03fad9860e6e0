//! How clients prove who they are, what they are given, and how it is signed and encrypted.

use portcullis::crypto::jwt::JwtError;
use portcullis::model::client::{ClientMetadata, Encryption, KeySource};
use portcullis::protocol::assertion_alg::AssertionAlg;
use portcullis::protocol::client_auth_method::ClientAuthMethod;
use portcullis::protocol::grant_type::GrantType;
use portcullis::protocol::jwe::{ContentEncryption, KeyManagementAlg};
use portcullis::protocol::signing_alg::SigningAlg;
use serde_json::{Value, json};

use super::endpoints;
use super::people::all_told;
use super::world::{World, redemption};
use crate::support::assertion::{ClientKey, mac};
use crate::support::{AuthRequest, ClientSpec, TestClient, TestRequest, Tokens, claims};

/// A client's key for `alg`.
pub fn key_for(alg: &str) -> ClientKey {
    match alg {
        "RS256" => ClientKey::rsa(SigningAlg::Rs256),
        "PS256" => ClientKey::rsa(SigningAlg::Ps256),
        "ES256" => ClientKey::es256(),
        "EdDSA" => ClientKey::new(SigningAlg::EdDsa),
        other => panic!("the algorithm {other} is advertised, and nothing exercises it"),
    }
}

pub async fn grant_types(world: &World, grants: &[String]) {
    all_told(grants, GrantType::ALL.iter().map(|grant| grant.as_str()));
    let client = world.client(|_| {}).await;
    for grant in grants {
        match grant.as_str() {
            "authorization_code" => drop(world.tokens(&client, "openid").await),
            "refresh_token" => {
                let tokens = world.tokens(&client, "openid offline_access").await;
                let fields = [("grant_type", grant.as_str()), ("refresh_token", tokens.refresh())];
                let renewed = Tokens::of(world.token(&client, &fields).await);
                world.userinfo(&renewed).await.expect(200);
            }
            "client_credentials" => {
                let service = world.server.add_client(ClientSpec::service("the-service")).await;
                let tokens = Tokens::of(world.token(&service, &[("grant_type", grant)]).await);
                assert_eq!(claims(&tokens.access)["client_id"], "the-service");
            }
            "urn:ietf:params:oauth:grant-type:device_code" => {
                let (_, tokens) = endpoints::device(world).await;
                world.userinfo(&tokens).await.expect(200);
            }
            other => panic!("the grant type {other} is advertised, and nothing exercises it"),
        }
    }
    for unknown in [
        "password",
        "implicit",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "urn:ietf:params:oauth:grant-type:saml2-bearer",
        "urn:ietf:params:oauth:grant-type:token-exchange",
        "urn:openid:params:grant-type:ciba",
    ] {
        let answer = world
            .token(&client, &[("grant_type", unknown), ("username", "alice")])
            .await;
        answer.expect_error(400, "unsupported_grant_type");
    }
}

/// How a client proves who it is.
enum Proof {
    Basic,
    Post,
    Named,
    Signed(ClientKey),
    Mac,
}

impl Proof {
    fn of_method(method: &str) -> Self {
        match method {
            "client_secret_basic" => Self::Basic,
            "client_secret_post" => Self::Post,
            "private_key_jwt" => Self::Signed(ClientKey::es256()),
            "client_secret_jwt" => Self::Mac,
            "none" => Self::Named,
            other => panic!("the method {other} is advertised, and nothing exercises it"),
        }
    }

    fn of_alg(alg: &str) -> Self {
        match alg {
            "HS256" => Self::Mac,
            other => Self::Signed(key_for(other)),
        }
    }

    /// A client that is registered for this method and no other.
    async fn client(&self, world: &World) -> TestClient {
        let (method, keys) = match self {
            Self::Basic => (ClientAuthMethod::ClientSecretBasic, None),
            Self::Post => (ClientAuthMethod::ClientSecretPost, None),
            Self::Named => (ClientAuthMethod::None, None),
            Self::Signed(key) => (ClientAuthMethod::PrivateKeyJwt, Some(KeySource::Jwks(key.jwks()))),
            Self::Mac => (ClientAuthMethod::ClientSecretJwt, None),
        };
        let registered = |metadata: &mut ClientMetadata| {
            metadata.auth_methods = vec![method];
            metadata.keys = keys;
        };
        world.client(registered).await
    }

    /// A form to the endpoint that `member` names.
    fn post(&self, world: &World, client: &TestClient, member: &str, fields: &[(&str, &str)]) -> TestRequest {
        let (server, path) = (&world.server, world.path(member));
        let secret = || client.secret.as_deref().unwrap();
        let mut fields = fields.to_vec();
        match self {
            Self::Basic => server.post_form(&path, &fields).basic(&client.id, secret()),
            Self::Post => {
                fields.extend([("client_id", client.id.as_str()), ("client_secret", secret())]);
                server.post_form(&path, &fields)
            }
            Self::Named => {
                fields.push(("client_id", &client.id));
                server.post_form(&path, &fields)
            }
            Self::Signed(key) => {
                let assertion = key.sign(&server.assertion_claims(&client.id));
                server.post_asserting(&path, &assertion, &fields)
            }
            Self::Mac => {
                let header = json!({"alg": "HS256", "typ": "JWT"});
                let assertion = mac(secret().as_bytes(), &header, &server.assertion_claims(&client.id));
                server.post_asserting(&path, &assertion, &fields)
            }
        }
    }
}

/// The endpoint does its work for a client that proves itself so, and for nobody who only says a name.
async fn authenticates(world: &World, member: &str, proof: &Proof) {
    let client = proof.client(world).await;
    let request = AuthRequest::new(&client, "openid offline_access");
    let code = world.grant(&mut world.browser(), &request).await.code();
    let redeemed = redemption(&client, &request, &code);
    if !matches!(proof, Proof::Named) {
        let named = Proof::Named.post(world, &client, "token_endpoint", &redeemed).await;
        named.expect_error(401, "invalid_client");
    }
    let tokens = Tokens::of(proof.post(world, &client, "token_endpoint", &redeemed).await);
    match member.split_once("_auth_").unwrap().0 {
        "token_endpoint" => {}
        "revocation_endpoint" => {
            let answer = proof
                .post(world, &client, "revocation_endpoint", &[("token", tokens.refresh())])
                .await;
            answer.expect(200);
            world.userinfo(&tokens).await.expect(401);
        }
        "introspection_endpoint" => {
            let answer = proof
                .post(world, &client, "introspection_endpoint", &[("token", &tokens.access)])
                .await;
            assert_eq!(answer.expect(200).json()["active"], true);
        }
        other => panic!("{other} has no exerciser"),
    }
}

pub async fn auth_methods(world: &World, member: &str, methods: &[String]) {
    let anybody = ClientAuthMethod::ALL.iter().map(|method| method.as_str());
    let introspection = member.starts_with("introspection");
    all_told(methods, anybody.filter(|method| !introspection || *method != "none"));
    for method in methods {
        authenticates(world, member, &Proof::of_method(method)).await;
    }
    if introspection {
        let client = Proof::Named.client(world).await;
        let tokens = world.tokens(&client, "openid").await;
        let asked = Proof::Named
            .post(world, &client, "introspection_endpoint", &[("token", &tokens.access)])
            .await;
        asked.expect_error(401, "invalid_client");
    }
}

pub async fn auth_algs(world: &World, member: &str, algs: &[String]) {
    all_told(algs, AssertionAlg::ALL.iter().map(|alg| alg.as_str()));
    for alg in algs {
        authenticates(world, member, &Proof::of_alg(alg)).await;
    }
    let key = ClientKey::es256();
    let proof = Proof::Signed(key);
    let client = proof.client(world).await;
    let Proof::Signed(key) = proof else { unreachable!() };
    for unknown in ["none", "HS512", "RS512", "ES384", "ES256K"] {
        let header = json!({"alg": unknown, "kid": key.kid});
        let assertion = key.sign_with(&header, &world.server.assertion_claims(&client.id));
        let path = world.path(member.split_once("_auth_").unwrap().0);
        let answer = world.server.post_asserting(&path, &assertion, &[("token", "x")]).await;
        answer.expect_error(401, "invalid_client");
    }
}

pub async fn id_token_algs(world: &World, algs: &[String]) {
    all_told(algs, SigningAlg::ALL.iter().map(|alg| alg.as_str()));
    for alg in algs {
        let client = world
            .client(|metadata| metadata.id_token_alg = alg.parse().unwrap())
            .await;
        let tokens = world.tokens(&client, "openid").await;
        let header = world
            .verified(tokens.id.as_deref().unwrap(), "JWT", &client.id)
            .await
            .unwrap();
        assert_eq!(header["alg"], alg.as_str());
    }
}

/// A JWT from userinfo is right in every way, but is no ID token, since it has no `exp`.
async fn signed_userinfo(world: &World, client: &TestClient, jwt: &str, alg: &str) {
    assert_eq!(world.verified(jwt, "JWT", &client.id).await, Err(JwtError::Date("exp")));
    let header = jsonwebtoken::decode_header(jwt).unwrap();
    assert_eq!(json!(header.alg), alg);
}

pub async fn userinfo_algs(world: &World, algs: &[String]) {
    all_told(algs, SigningAlg::ALL.iter().map(|alg| alg.as_str()));
    for alg in algs {
        let client = world
            .client(|metadata| metadata.userinfo_alg = Some(alg.parse().unwrap()))
            .await;
        let tokens = world.tokens(&client, "openid email").await;
        let told = world.userinfo(&tokens).await.expect(200);
        assert_eq!(told.header("content-type"), "application/jwt");
        signed_userinfo(world, &client, told.text(), alg).await;
        assert_eq!(claims(told.text())["email"], "alice@example.com");
    }
}

/// Each `alg` with each `enc`, opened by the client's own code; signed inside.
pub async fn encryption(world: &World, member: &str, values: &[String]) {
    let (what, rest) = member.split_once("_encryption_").unwrap();
    let (algs, encs) = match rest.split_once('_').unwrap().0 {
        "alg" => {
            all_told(values, KeyManagementAlg::ALL.iter().map(|alg| alg.as_str()));
            (
                values.to_vec(),
                world.values(&format!("{what}_encryption_enc_values_supported")),
            )
        }
        _ => {
            all_told(values, ContentEncryption::ALL.iter().map(|enc| enc.as_str()));
            (vec!["ECDH-ES".to_owned()], values.to_vec())
        }
    };
    for alg in &algs {
        for enc in &encs {
            let encryption = Some(Encryption {
                alg: alg.parse().unwrap(),
                enc: enc.parse().unwrap(),
            });
            let client = world
                .client(|metadata| {
                    metadata.keys = Some(KeySource::Jwks(world.keys.jwks()));
                    match what {
                        "id_token" => metadata.id_token_encryption = encryption,
                        "userinfo" => {
                            metadata.userinfo_alg = Some(SigningAlg::Es256);
                            metadata.userinfo_encryption = encryption;
                        }
                        other => panic!("{other} has no exerciser"),
                    }
                })
                .await;
            let tokens = world.tokens(&client, "openid").await;
            let opened = if what == "id_token" {
                let opened = world.keys.open(tokens.id.as_deref().unwrap());
                world.verified(&opened.text, "JWT", &client.id).await.unwrap();
                opened
            } else {
                let opened = world.keys.open(world.userinfo(&tokens).await.expect(200).text());
                signed_userinfo(world, &client, &opened.text, "ES256").await;
                opened
            };
            let said: [&Value; 2] = [&opened.header["alg"], &opened.header["enc"]];
            assert_eq!(said, [alg.as_str(), enc.as_str()]);
        }
    }
}
