//! The comprehensive plan: all modules in a row against one provider, for each way that clients authenticate and each response
//! mode.

use std::sync::Arc;

use tokio::task::LocalSet;

use super::modules;
use super::suite::{Suite, Variant};
use crate::support::{TestDb, both_stores};

macro_rules! comprehensive {
    ($($module:ident),+ $(,)?) => {
        pub const MODULES: &[&str] = &[$(stringify!($module)),+];

        async fn run(db: TestDb, auth: &'static str, mode: Option<&'static str>) {
            let suite = Arc::new(Suite::new(db, Variant { auth, mode }).await);
            let alone = LocalSet::new();
            let mut failed = Vec::new();
            $(
                let running = suite.clone();
                // In a task of its own, so that what fails does not hide what comes after.
                let module = alone.spawn_local(async move {
                    modules::$module(&running).await;
                    running.finish().await;
                });
                if alone.run_until(module).await.is_err() {
                    failed.push(stringify!($module));
                }
            )+
            assert!(failed.is_empty(), "{auth}, {mode:?}: {failed:?}");
        }
    };
}

comprehensive! {
    oidcc_discovery_endpoint_verification,
    oidcc_registration_jwks_uri,
    oidcc_registration_logo_uri,
    oidcc_registration_policy_uri,
    oidcc_registration_sector_uri,
    oidcc_registration_tos_uri,
    oidcc_server,
    oidcc_refresh_token,
    oidcc_ensure_request_without_nonce_succeeds_for_code_flow,
    oidcc_idtoken_rs256,
    oidcc_idtoken_signature,
    oidcc_idtoken_unsigned,
    oidcc_claims_essential,
    oidcc_scope_address,
    oidcc_scope_all,
    oidcc_scope_email,
    oidcc_scope_phone,
    oidcc_scope_profile,
    oidcc_alternate_happy_flow,
    oidcc_prompt_login,
    oidcc_prompt_none_logged_in,
    oidcc_prompt_none_not_logged_in,
    oidcc_redirect_uri_query_ok,
    oidcc_claims_locales,
    oidcc_id_token_hint,
    oidcc_login_hint,
    oidcc_max_age_1,
    oidcc_max_age_10000,
    oidcc_userinfo_get,
    oidcc_userinfo_post_body,
    oidcc_userinfo_post_header,
    oidcc_userinfo_rs256,
    oidcc_ensure_request_with_acr_values_succeeds,
    oidcc_ensure_request_with_unknown_parameter_succeeds,
    oidcc_ui_locales,
    oidcc_display_page,
    oidcc_display_popup,
    oidcc_unsigned_request_object_supported_correctly_or_rejected_as_unsupported,
    oidcc_request_uri_unsigned,
    oidcc_request_uri_signed_rs256,
    oidcc_refresh_token_rp_key_rotation,
    oidcc_server_rotate_keys,
    oidcc_ensure_request_with_valid_pkce_succeeds,
    oidcc_ensure_client_assertion_with_iss_aud_succeeds,
    oidcc_codereuse,
    oidcc_codereuse_30seconds,
    oidcc_ensure_redirect_uri_in_authorization_request,
    oidcc_ensure_registered_redirect_uri,
    oidcc_ensure_request_object_with_redirect_uri,
    oidcc_redirect_uri_query_added,
    oidcc_redirect_uri_query_mismatch,
    oidcc_redirect_uri_regfrag,
    oidcc_registration_sector_bad,
    oidcc_response_type_missing,
}

both_stores! {
    async fn client_secret_basic_default(db: TestDb) {
        run(db, "client_secret_basic", None).await;
    }

    async fn client_secret_basic_form_post(db: TestDb) {
        run(db, "client_secret_basic", Some("form_post")).await;
    }

    async fn client_secret_post_default(db: TestDb) {
        run(db, "client_secret_post", None).await;
    }

    async fn client_secret_post_form_post(db: TestDb) {
        run(db, "client_secret_post", Some("form_post")).await;
    }

    async fn client_secret_jwt_default(db: TestDb) {
        run(db, "client_secret_jwt", None).await;
    }

    async fn client_secret_jwt_form_post(db: TestDb) {
        run(db, "client_secret_jwt", Some("form_post")).await;
    }

    async fn private_key_jwt_default(db: TestDb) {
        run(db, "private_key_jwt", None).await;
    }

    async fn private_key_jwt_form_post(db: TestDb) {
        run(db, "private_key_jwt", Some("form_post")).await;
    }

    async fn none_default(db: TestDb) {
        run(db, "none", None).await;
    }

    async fn none_form_post(db: TestDb) {
        run(db, "none", Some("form_post")).await;
    }
}
