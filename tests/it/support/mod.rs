//! What tests are written with. Helpers read as actions: `server.code_flow(&client, "openid")`,
//! `browser.sign_in("alice", PASSWORD)`.

pub mod assertion;
mod browser;
mod cluster;
pub mod collector;
mod crowd;
mod db;
mod device;
mod fixtures;
mod html;
mod http;
mod https;
pub mod jwe;
mod patroni;
pub mod process;
mod proxy;
pub mod scrape;
mod server;

pub use browser::{AuthRequest, Browser, Callback, Landed, Page};
pub use cluster::Cluster;
pub use crowd::{Crowd, Trouble, WITHOUT_LIMITS, assert_sound, without_limits};
pub(crate) use db::both_stores;
pub use db::{AnyConnection, TestDb};
pub use device::{DEVICE_GRANT, Device};
pub use fixtures::{ClientSpec, PASSWORD, TestClient, Tokens, api, challenge, claims, scope, verifier};
pub use http::{TestRequest, TestResponse};
pub use https::{Https, Received, document};
pub use patroni::Patroni;
pub use proxy::Wire;
pub use server::{TestServer, seconds};
