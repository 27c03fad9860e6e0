//! What the OpenID Foundation's conformance suite asks of a provider, module by module, under the modules' own names. The suite
//! itself is the judge; this is what it would say, in seconds, on both databases, its warnings counted as failures.
//!
//! The provider is set up by `config/examples/conformance.toml`, clients register themselves, a browser without script signs in,
//! and tokens are verified by other code than the server's.
//!
//! | plan (`…-certification-test-plan`) | here | modules | clients authenticate by |
//! |---|---|---|---|
//! | `oidcc-config` | [`config`] | 1 | |
//! | `oidcc-basic` | [`basic`] | 38 | `client_secret_basic` |
//! | `oidcc-formpost-basic` | [`formpost_basic`] | 38 | `client_secret_basic` |
//! | `oidcc-dynamic` | [`dynamic`] | 23 | `private_key_jwt` |
//! | `oidcc-3rdparty-init-login` | [`third_party_initiated_login`] | 2 | `private_key_jwt` |
//! | `oidcc-rp-initiated-logout` | [`rp_initiated_logout`] | 11 | `client_secret_basic` |
//! | `oidcc-backchannel-rp-initiated-logout` | [`backchannel_logout`] | 2 | `client_secret_basic` |
//! | `oidcc-frontchannel-rp-initiated-logout` | [`frontchannel_logout`] | 2 | `client_secret_basic` |
//! | `oidcc-session-management` | [`session_management`] | 2 | `client_secret_basic` |
//! | `oidcc-test-plan` (no certification) | [`comprehensive`] | 54 | every method, in every response mode |
//!
//! A module `oidcc-prompt-login` is the test `oidcc_prompt_login` in each of its plans; `tests/data/conformance_modules.txt` lists
//! them all. Where the suite would skip a module because something is not supported, the test holds that it is refused.
//!
//! Of the dynamic plan `oidcc-discovery-endpoint-verification` fails by design in two conditions, which want the implicit flow;
//! its test holds all others. Clients without a secret (`none`) send PKCE in the comprehensive plan, which the suite would not:
//! a provider has to insist on it (RFC 9700 §2.1.1).

mod backchannel_logout;
mod basic;
mod checks;
mod comprehensive;
mod config;
mod dynamic;
mod formpost_basic;
mod frontchannel_logout;
mod modules;
mod rp_initiated_logout;
mod session_management;
mod suite;
mod third_party_initiated_login;

/// One test for each module, on both databases.
macro_rules! plan {
    ($variant:ident: $($module:ident),+ $(,)?) => {
        pub const MODULES: &[&str] = &[$(stringify!($module)),+];

        crate::support::both_stores! {
            $(async fn $module(db: TestDb) {
                use crate::conformance::suite::{Suite, Variant};
                let suite = Suite::new(db, Variant::$variant).await;
                crate::conformance::modules::$module(&suite).await;
                suite.finish().await;
            })+
        }
    };
}
pub(crate) use plan;

use std::collections::BTreeSet;

#[test]
fn every_module_of_every_plan_has_a_test() {
    let list = include_str!("../../data/conformance_modules.txt");
    let lines = list.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let listed: BTreeSet<(String, String)> = lines
        .map(|line| line.split_once(' ').unwrap())
        .map(|(plan, module)| (plan.to_owned(), module.to_ascii_lowercase().replace('-', "_")))
        .collect();
    let plans = [
        ("oidcc-config", config::MODULES, 1),
        ("oidcc-basic", basic::MODULES, 38),
        ("oidcc-formpost-basic", formpost_basic::MODULES, 38),
        ("oidcc-dynamic", dynamic::MODULES, 23),
        ("oidcc-3rdparty-init-login", third_party_initiated_login::MODULES, 2),
        ("oidcc-rp-initiated-logout", rp_initiated_logout::MODULES, 11),
        ("oidcc-backchannel-rp-initiated-logout", backchannel_logout::MODULES, 2),
        (
            "oidcc-frontchannel-rp-initiated-logout",
            frontchannel_logout::MODULES,
            2,
        ),
        ("oidcc-session-management", session_management::MODULES, 2),
        ("oidcc-test-plan", comprehensive::MODULES, 54),
    ];
    let mut tested = BTreeSet::new();
    for (plan, modules, count) in plans {
        assert_eq!(modules.len(), count, "{plan}");
        tested.extend(modules.iter().map(|module| (plan.to_owned(), (*module).to_owned())));
    }
    let open: Vec<_> = listed.symmetric_difference(&tested).collect();
    assert!(
        open.is_empty(),
        "listed without a test, or the other way round: {open:?}"
    );
}
