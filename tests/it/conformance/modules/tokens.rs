//! What comes after the sign-in: codes, client authentication, userinfo, refresh tokens.

use axum::http::Method;
use serde_json::{Value, json};

use crate::conformance::suite::{Flow, Rp, Suite, draw};

async fn signed_in<'a>(suite: &'a Suite, scope: &str) -> (Rp<'a>, Flow) {
    let rp = suite.register(json!({})).await;
    let flow = rp.flow(&mut suite.browser(), &rp.request(scope)).await;
    (rp, flow)
}

pub async fn oidcc_userinfo_get(suite: &Suite) {
    let (rp, flow) = signed_in(suite, "openid").await;
    let request = suite
        .server
        .get(&suite.path("userinfo_endpoint"))
        .bearer(&flow.tokens.access);
    assert_eq!(rp.userinfo(request).await["sub"], *flow.claim("sub"));
}

pub async fn oidcc_userinfo_post_header(suite: &Suite) {
    let (rp, flow) = signed_in(suite, "openid").await;
    let request = suite.server.request(Method::POST, &suite.path("userinfo_endpoint"));
    let info = rp.userinfo(request.bearer(&flow.tokens.access)).await;
    assert_eq!(info["sub"], *flow.claim("sub"));
}

pub async fn oidcc_userinfo_post_body(suite: &Suite) {
    let (rp, flow) = signed_in(suite, "openid").await;
    let fields = [("access_token", flow.tokens.access.as_str())];
    let info = rp
        .userinfo(suite.server.post_form(&suite.path("userinfo_endpoint"), &fields))
        .await;
    assert_eq!(info["sub"], *flow.claim("sub"));
}

/// Uses a code twice, the second time `wait` seconds later.
async fn reuse(suite: &Suite, wait: i64) {
    let rp = suite.register(json!({})).await;
    let request = rp.request("openid");
    let answer = rp.authorize(&mut suite.browser(), &request).await;
    let flow = rp.complete(&request, &answer).await;
    suite.server.advance(wait);
    rp.assert_token_refused(rp.redeem(&request, &answer.code()), "invalid_grant")
        .await;
    let path = suite.path("userinfo_endpoint");
    let refused = suite.server.get(&path).bearer(&flow.tokens.access).await;
    refused.expect_error(401, "invalid_token");
}

pub async fn oidcc_codereuse(suite: &Suite) {
    reuse(suite, 0).await;
}

pub async fn oidcc_codereuse_30seconds(suite: &Suite) {
    reuse(suite, 30).await;
}

pub async fn oidcc_server_client_secret_post(suite: &Suite) {
    assert!(suite.supports("token_endpoint_auth_methods_supported", "client_secret_post"));
    let rp = Rp::new(suite, "client_secret_post").register(json!({})).await;
    rp.flow(&mut suite.browser(), &rp.request("openid")).await;
}

/// `prompt=consent`, as OpenID Connect Core §11 wants it. `more` goes into the registration.
pub async fn offline<'a>(rp: Rp<'a>, suite: &'a Suite, mut more: Value, nonce: usize) -> (Rp<'a>, Flow) {
    assert!(suite.supports("scopes_supported", "offline_access"));
    assert!(suite.supports("grant_types_supported", "refresh_token"));
    more["grant_types"] = json!(["authorization_code", "refresh_token"]);
    let rp = rp.register(more).await;
    let request = rp
        .request("openid offline_access")
        .set("nonce", &draw(nonce))
        .and("prompt", "consent");
    let flow = rp.flow(&mut suite.browser(), &request).await;
    (rp, flow)
}

/// Refreshes after a second, and compares what came with what was there before (OpenID Connect Core §12.2).
pub async fn refresh(suite: &Suite, rp: &Rp<'_>, flow: &Flow, scope: Option<&str>) -> String {
    suite.server.advance(1);
    let mut fields = vec![
        ("grant_type", "refresh_token"),
        ("refresh_token", flow.tokens.refresh()),
    ];
    fields.extend(scope.map(|scope| ("scope", scope)));
    let tokens = rp.tokens(rp.token(&fields).await);
    assert_ne!(tokens.access, flow.tokens.access);
    let renewed = rp.check_id_token(tokens.id.as_deref().unwrap()).await.claims;
    for same in ["iss", "sub", "aud", "auth_time", "azp"] {
        assert_eq!(renewed.get(same), flow.id_token.claims.get(same), "{same}");
    }
    assert!(renewed["iat"].as_i64() > flow.claim("iat").as_i64());
    let path = suite.path("userinfo_endpoint");
    suite.server.get(&path).bearer(&tokens.access).await.expect(200);
    tokens.refresh().to_owned()
}

pub async fn oidcc_refresh_token(suite: &Suite) {
    let rp = || Rp::new(suite, suite.variant.auth);
    let (first, flow) = offline(rp(), suite, json!({}), 10).await;
    refresh(suite, &first, &flow, Some("openid offline_access")).await;
    let (second, flow) = offline(rp(), suite, json!({}), 43).await;
    let token = refresh(suite, &second, &flow, None).await;
    let stolen = [
        ("grant_type", "refresh_token"),
        ("refresh_token", token.as_str()),
        ("scope", "openid offline_access"),
    ];
    first.assert_token_refused(first.token(&stolen), "invalid_grant").await;
}
