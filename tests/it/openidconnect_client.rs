//! The crate `openidconnect` as the relying party, with all of its checks on: discovery, code with PKCE and nonce, ID
//! token, userinfo, refresh, the client's own token, revocation, sign-out.

use std::convert::Infallible;

use axum::http::StatusCode;
use openidconnect::core::{
    CoreApplicationType, CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreClientRegistrationRequest,
    CoreGrantType, CoreJwsSigningAlgorithm, CoreProviderMetadata, CoreRegisterErrorResponseType, CoreResponseType,
    CoreRevocableToken, CoreSubjectIdentifierType, CoreUserInfoClaims,
};
use openidconnect::registration::{ClientRegistrationError, EmptyAdditionalClientMetadata};
use openidconnect::{
    AccessToken, AccessTokenHash, AuthorizationCode, ClaimsVerificationError, ClientId, ClientName, ClientSecret,
    CsrfToken, HttpRequest, HttpResponse, IssuerUrl, LogoutRequest, Nonce, OAuth2TokenResponse as _, PkceCodeChallenge,
    PkceCodeVerifier, PostLogoutRedirectUrl, ProviderMetadataWithLogout, RedirectUrl, RevocationUrl, Scope,
    TokenResponse as _,
};
use portcullis::config::RegistrationMode;
use portcullis::protocol::redirect_uri::RedirectUri;
use portcullis::protocol::signing_alg::SigningAlg;
use url::Url;

use crate::registration::initial_token;
use crate::support::{AuthRequest, Browser, ClientSpec, Landed, PASSWORD, TestClient, TestServer, both_stores};

const ISSUER: &str = "https://id.example";

/// Answers the library's requests by the router; every address must be one of the issuer's.
pub(crate) async fn send(server: TestServer, request: HttpRequest) -> Result<HttpResponse, Infallible> {
    let uri = request.uri().to_string();
    let path = uri.strip_prefix(ISSUER).expect("an address of the issuer");
    let mut sent = server.request(request.method().clone(), path);
    for (name, value) in request.headers() {
        if name != "content-type" {
            sent = sent.header(name.as_str(), value.to_str().unwrap());
        }
    }
    if let Some(content_type) = request.headers().get("content-type") {
        sent = sent.body(content_type.to_str().unwrap(), request.body().clone());
    }
    let answer = sent.await;
    let mut response = HttpResponse::new(answer.body);
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    Ok(response)
}

/// Takes alice through sign-in and consent, and returns what the client is told.
async fn person(server: &TestServer, address: &Url) -> (AuthorizationCode, String) {
    let path = address.as_str().strip_prefix(ISSUER).unwrap();
    let mut browser = Browser::new(server);
    browser.open(path).await.page();
    let mut landed = browser.sign_in("alice", PASSWORD).await;
    if matches!(landed, Landed::Page(_)) {
        landed = browser.consent("allow").await;
    }
    let callback = landed.callback();
    assert_eq!(callback.get("iss"), ISSUER);
    (
        AuthorizationCode::new(callback.code()),
        callback.get("state").to_owned(),
    )
}

async fn discover(server: &TestServer) -> CoreProviderMetadata {
    let http = |request| send(server.clone(), request);
    let issuer = IssuerUrl::new(ISSUER.to_owned()).unwrap();
    CoreProviderMetadata::discover_async(issuer, &http).await.unwrap()
}

fn secret(client: &TestClient) -> Option<ClientSecret> {
    client.secret.clone().map(ClientSecret::new)
}

/// Everything a sign-in is made of, once.
async fn whole_flow(server: &TestServer, client: &TestClient, alg: CoreJwsSigningAlgorithm) {
    let http = |request| send(server.clone(), request);
    let metadata = discover(server).await;
    assert!(
        metadata
            .response_types_supported()
            .iter()
            .any(|types| types.contains(&CoreResponseType::Code))
    );
    let revocation = RevocationUrl::new(format!("{ISSUER}/revoke")).unwrap();
    let rp = CoreClient::from_provider_metadata(metadata, ClientId::new(client.id.clone()), secret(client))
        .set_redirect_uri(RedirectUrl::new(client.redirect_uri.clone()).unwrap())
        .set_revocation_url(revocation);
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (address, state, nonce) = rp
        .authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            CsrfToken::new_random,
            Nonce::new_random,
        )
        .add_scope(Scope::new("email".to_owned()))
        .add_scope(Scope::new("profile".to_owned()))
        .add_scope(Scope::new("offline_access".to_owned()))
        .set_pkce_challenge(challenge)
        .url();
    let (code, returned) = person(server, &address).await;
    assert_eq!(&returned, state.secret());

    let exchange = rp.exchange_code(code).unwrap().set_pkce_verifier(verifier);
    let tokens = exchange.request_async(&http).await.unwrap();
    let id_token = tokens.id_token().unwrap();
    let checks = rp.id_token_verifier().set_allowed_algs([alg.clone()]);
    let claims = id_token.claims(&checks, &nonce).unwrap();
    assert_eq!(*id_token.signing_alg().unwrap(), alg);
    let key = id_token.signing_key(&checks).unwrap();
    let hash = AccessTokenHash::from_token(tokens.access_token(), &alg, key).unwrap();
    assert_eq!(claims.access_token_hash(), Some(&hash));
    let wrong = id_token.claims(&checks, &Nonce::new("another".to_owned()));
    assert!(
        matches!(wrong, Err(ClaimsVerificationError::InvalidNonce(_))),
        "the checks are on"
    );

    let told: CoreUserInfoClaims = rp
        .user_info(tokens.access_token().clone(), Some(claims.subject().clone()))
        .unwrap()
        .request_async(&http)
        .await
        .unwrap();
    assert_eq!(told.email().map(|email| email.as_str()), Some("alice@example.com"));
    assert_eq!(told.preferred_username().map(|name| name.as_str()), Some("alice"));

    let refresh = tokens.refresh_token().unwrap().clone();
    let renewed = rp
        .exchange_refresh_token(&refresh)
        .unwrap()
        .request_async(&http)
        .await
        .unwrap();
    let again = renewed.id_token().unwrap();
    let no_nonce = |nonce: Option<&Nonce>| nonce.map_or(Ok(()), |_| Err("a nonce".to_owned()));
    let again = again.claims(&checks, no_nonce).unwrap();
    assert_eq!(
        (again.subject(), again.auth_time()),
        (claims.subject(), claims.auth_time())
    );
    let newest = renewed.refresh_token().unwrap().clone();
    assert_ne!(newest.secret(), refresh.secret());

    let revoked = CoreRevocableToken::from(newest.clone());
    rp.revoke_token(revoked).unwrap().request_async(&http).await.unwrap();
    assert!(
        rp.exchange_refresh_token(&newest)
            .unwrap()
            .request_async(&http)
            .await
            .is_err()
    );
}

both_stores! {
    async fn the_whole_flow(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        for (alg, theirs) in [
            (SigningAlg::Rs256, CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256),
            (SigningAlg::Ps256, CoreJwsSigningAlgorithm::RsaSsaPssSha256),
            (SigningAlg::Es256, CoreJwsSigningAlgorithm::EcdsaP256Sha256),
            (SigningAlg::EdDsa, CoreJwsSigningAlgorithm::EdDsa),
        ] {
            let name = alg.as_str().to_lowercase();
            for spec in [
                ClientSpec::web(&format!("web-{name}")),
                ClientSpec::public(&format!("spa-{name}")),
            ] {
                let client = server
                    .add_client(spec.metadata(|metadata| metadata.id_token_alg = alg))
                    .await;
                whole_flow(&server, &client, theirs.clone()).await;
            }
        }
    }

    async fn the_clients_own_token(db: TestDb) {
        let server = TestServer::new(db).await;
        let service = server.add_client(ClientSpec::service("batch")).await;
        let http = |request| send(server.clone(), request);
        let rp = CoreClient::from_provider_metadata(
            discover(&server).await,
            ClientId::new(service.id.clone()),
            secret(&service),
        );
        let asked = rp
            .exchange_client_credentials()
            .unwrap()
            .add_scope(Scope::new("jobs:run".to_owned()));
        let tokens = asked.request_async(&http).await.unwrap();
        assert_eq!(
            tokens
                .scopes()
                .map(|scopes| scopes.iter().map(|scope| scope.as_str()).collect()),
            Some(vec!["jobs:run"])
        );
        assert_eq!(tokens.expires_in(), Some(std::time::Duration::from_secs(900)));
        assert!(tokens.refresh_token().is_none() && tokens.id_token().is_none());
    }

    async fn a_stolen_code_and_a_wrong_verifier(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let client = server.add_client(ClientSpec::public("spa")).await;
        let http = |request| send(server.clone(), request);
        let rp = CoreClient::from_provider_metadata(discover(&server).await, ClientId::new(client.id.clone()), None)
            .set_redirect_uri(RedirectUrl::new(client.redirect_uri.clone()).unwrap());
        let (challenge, _) = PkceCodeChallenge::new_random_sha256();
        let (address, ..) = rp
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .set_pkce_challenge(challenge)
            .url();
        let (code, _) = person(&server, &address).await;
        let guess = PkceCodeVerifier::new("g".repeat(43));
        let refused = rp
            .exchange_code(code)
            .unwrap()
            .set_pkce_verifier(guess)
            .request_async(&http)
            .await
            .unwrap_err();
        let openidconnect::RequestTokenError::ServerResponse(response) = refused else {
            panic!("not an error of RFC 6749: {refused:?}");
        };
        assert_eq!(response.error().as_ref(), "invalid_grant");
    }

    /// RP-initiated: the person comes back to the client with its state, and is signed out here.
    async fn signing_out(db: TestDb) {
        const BYE: &str = "https://shop.example/bye";
        let server = TestServer::new(db).await;
        server.alice().await;
        let spec = ClientSpec::web("shop").metadata(|metadata| {
            metadata.logout.redirect_uris = vec![RedirectUri::register(BYE).unwrap()];
        });
        let client = server.add_client(spec).await;
        let http = |request| send(server.clone(), request);
        let issuer = IssuerUrl::new(ISSUER.to_owned()).unwrap();
        let metadata = ProviderMetadataWithLogout::discover_async(issuer, &http).await.unwrap();
        let end_session = metadata.additional_metadata().end_session_endpoint.clone();
        let rp = CoreClient::from_provider_metadata(metadata, ClientId::new(client.id.clone()), secret(&client))
            .set_redirect_uri(RedirectUrl::new(client.redirect_uri.clone()).unwrap());

        let mut browser = Browser::new(&server);
        let request = AuthRequest::new(&client, "openid");
        let code = browser.grant(&request, "alice").await.code();
        let verifier = PkceCodeVerifier::new(request.verifier.clone());
        let exchange = rp.exchange_code(AuthorizationCode::new(code)).unwrap().set_pkce_verifier(verifier);
        let tokens = exchange.request_async(&http).await.unwrap();

        let state = CsrfToken::new_random();
        let address = LogoutRequest::from(end_session.expect("an endpoint to sign out at"))
            .set_id_token_hint(tokens.id_token().unwrap())
            .set_post_logout_redirect_uri(PostLogoutRedirectUrl::new(BYE.to_owned()).unwrap())
            .set_state(state.clone())
            .http_get_url();
        let back = browser.open(address.as_str().strip_prefix(ISSUER).unwrap()).await.callback();
        assert_eq!((back.uri.as_str(), back.get("state")), (BYE, state.secret().as_str()));
        let silent = browser.authorize(&request.set("prompt", "none")).await.callback();
        assert_eq!(silent.get("error"), "login_required");
    }

    /// Registered over the wire with an initial access token, the client signs people in like any other.
    async fn registering_itself(db: TestDb) {
        let server = TestServer::with(db, |config| config.registration.mode = RegistrationMode::Token).await;
        server.alice().await;
        let http = |request| send(server.clone(), request);
        let endpoint = discover(&server).await.registration_endpoint().expect("an endpoint to register at").clone();
        let (_, token) = initial_token(&server, Some(3), None).await;
        let asked = |redirect_uri: &str| {
            let redirect_uri = RedirectUrl::new(redirect_uri.to_owned()).unwrap();
            CoreClientRegistrationRequest::new(vec![redirect_uri], EmptyAdditionalClientMetadata::default())
                .set_client_name(Some([(None, ClientName::new("The shop".to_owned()))].into_iter().collect()))
                .set_grant_types(Some(vec![CoreGrantType::AuthorizationCode, CoreGrantType::RefreshToken]))
        };
        let refused = asked("https://shop.example/callback").register_async(&endpoint, &http).await;
        assert!(matches!(refused, Err(ClientRegistrationError::Response(StatusCode::UNAUTHORIZED, ..))), "{refused:?}");

        let asked = |redirect_uri| asked(redirect_uri).set_initial_access_token(Some(AccessToken::new(token.expose().to_owned())));
        for (method, alg) in [
            (CoreClientAuthMethod::ClientSecretBasic, None),
            (CoreClientAuthMethod::None, Some(CoreJwsSigningAlgorithm::EdDsa)),
        ] {
            let request = asked("https://shop.example/callback")
                .set_token_endpoint_auth_method(Some(method.clone()))
                .set_id_token_signed_response_alg(alg.clone());
            let registered = request.register_async(&endpoint, &http).await.unwrap();
            assert_eq!(registered.client_secret().is_none(), method == CoreClientAuthMethod::None);
            assert!(registered.registration_access_token().is_some() && registered.client_id_issued_at().is_some());
            // What it left out has become what OpenID Connect Dynamic Client Registration §2 says.
            assert_eq!(registered.application_type(), Some(&CoreApplicationType::Web));
            assert_eq!(registered.subject_type(), Some(&CoreSubjectIdentifierType::Public));
            assert_eq!(registered.token_endpoint_auth_method(), Some(&method));
            let alg = alg.unwrap_or(CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256);
            assert_eq!(registered.id_token_signed_response_alg(), Some(&alg));
            let client = TestClient {
                id: registered.client_id().to_string(),
                secret: registered.client_secret().map(|secret| secret.secret().clone()),
                redirect_uri: registered.redirect_uris()[0].to_string(),
            };
            whole_flow(&server, &client, alg).await;
        }

        let refused = asked("https://shop.example/#fragment").register_async(&endpoint, &http).await.unwrap_err();
        let ClientRegistrationError::ServerResponse(response) = refused else {
            panic!("not an error of RFC 7591: {refused:?}");
        };
        assert_eq!(*response.error(), CoreRegisterErrorResponseType::InvalidRedirectUri);
    }
}
