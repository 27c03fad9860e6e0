//! Signing out at a client's request, and who is told of it.

use portcullis::jobs::backchannel_logout;
use portcullis::model::client::{ClientMetadata, LogoutChannel};
use portcullis::protocol::redirect_uri::RedirectUri;
use serde_json::Value;
use url::form_urlencoded::Serializer;

use super::world::World;
use crate::support::{AuthRequest, Browser, Landed, TestClient, Tokens, claims};

const BYE: &str = "https://shop.example/bye";

fn channel(uri: String, session_required: bool) -> Option<LogoutChannel> {
    Some(LogoutChannel { uri, session_required })
}

/// Alice signs in at a new client, and out again at its request. With its ID token's claims.
async fn signed_out(world: &World, change: impl FnOnce(&mut ClientMetadata)) -> (TestClient, Value, Browser, Landed) {
    let client = world
        .client(|metadata| {
            metadata.logout.redirect_uris = vec![RedirectUri::register(BYE).unwrap()];
            change(metadata);
        })
        .await;
    let mut browser = world.browser();
    let Tokens { id, .. } = world
        .granted_in(&mut browser, &client, &AuthRequest::new(&client, "openid"))
        .await;
    let hint = id.unwrap();
    let mut query = Serializer::new(String::new());
    query.append_pair("id_token_hint", &hint);
    query
        .append_pair("post_logout_redirect_uri", BYE)
        .append_pair("state", "x");
    let landed = browser
        .open(&format!("{}?{}", world.path("end_session_endpoint"), query.finish()))
        .await;
    (client, claims(&hint), browser, landed)
}

pub async fn end_session(world: &World) {
    let (client, _, mut browser, landed) = signed_out(world, |_| {}).await;
    let answer = landed.callback();
    assert_eq!((answer.uri.as_str(), answer.get("state")), (BYE, "x"));
    let silent = AuthRequest::new(&client, "openid").set("prompt", "none");
    let answer = world.send(&mut browser, &silent).await.callback();
    assert_eq!(answer.get("error"), "login_required");
}

pub async fn backchannel(world: &World, session: bool) -> bool {
    world.https.forget();
    let uri = world.https.url("/signed-out");
    let (client, id_token, _, landed) =
        signed_out(world, |metadata| metadata.logout.backchannel = channel(uri, session)).await;
    landed.callback();
    backchannel_logout::once(&world.server.app).await.unwrap();
    let [told] = &world.https.requests()[..] else {
        panic!("told once")
    };
    assert_eq!((told.method.as_str(), told.path.as_str()), ("POST", "/signed-out"));
    let token = told.field("logout_token").unwrap();
    world.verified(&token, "logout+jwt", &client.id).await.unwrap();
    let token = claims(&token);
    assert_eq!(token["sub"], id_token["sub"]);
    assert!(token["events"]["http://schemas.openid.net/event/backchannel-logout"].is_object());
    if session {
        assert!(id_token["sid"].is_string());
        assert_eq!(token["sid"], id_token["sid"]);
    }
    true
}

pub async fn frontchannel(world: &World, session: bool) -> bool {
    let uri = "https://shop.example/out".to_owned();
    let (_, id_token, _, landed) =
        signed_out(world, |metadata| metadata.logout.frontchannel = channel(uri, session)).await;
    let page = landed.page();
    let source = page.response.text().split_once("<iframe ").expect("a frame").1;
    let source = source.split_once("src=\"").unwrap().1.split('"').next().unwrap();
    let source = source.replace("&#38;", "&").replace("&amp;", "&");
    let expected = if session {
        let sid = id_token["sid"].as_str().unwrap();
        let query = Serializer::new(String::new())
            .append_pair("iss", world.issuer())
            .append_pair("sid", sid)
            .finish();
        format!("https://shop.example/out?{query}")
    } else {
        "https://shop.example/out".to_owned()
    };
    assert_eq!(source, expected);
    true
}
