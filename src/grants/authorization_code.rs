//! Authorization code (RFC 6749 §4.1.3) with PKCE (RFC 7636 §4.5).

use super::{TokenCx, granted_resources};
use crate::crypto::digest::{equal, sha256};
use crate::crypto::opaque::{Kind, OpaqueToken};
use crate::model::audit_event::AuditKind;
use crate::model::client::Client;
use crate::model::code::Code;
use crate::model::grant::EndReason;
use crate::protocol::error::{OAuthError, Reason};
use crate::protocol::grant_type::GrantType;
use crate::protocol::params::Params;
use crate::protocol::pkce::CodeVerifier;
use crate::protocol::resource;
use crate::protocol::scope::OFFLINE_ACCESS;
use crate::store::{CodeOutcome, LoadedCode};
use crate::time::Timestamp;
use crate::tokens::access::Subject;
use crate::tokens::plan::{Order, TokenResponse, plan};

/// The request.
#[derive(Debug)]
pub struct CodeRequest {
    code: Option<OpaqueToken>,
    redirect_uri: Option<String>,
    verifier: Option<Result<CodeVerifier, Reason>>,
    resources: Vec<String>,
}

/// What to do about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Issue tokens.
    Redeem,
    /// Refuse, and leave everything as it is.
    Refuse(Reason),
    /// Refuse, and count the failed proof against the code.
    RefuseAndBurn(Reason),
    /// Refuse, and end the grant: the code is known to two parties.
    RefuseAndRevoke(Reason),
}

impl CodeRequest {
    /// Reads the parameters. A code that cannot be one of ours is a wrong code, not a malformed request.
    pub fn parse(params: &Params) -> Result<Self, Reason> {
        let code = params.get("code")?.ok_or(Reason::CodeMissing)?;
        Ok(Self {
            code: OpaqueToken::parse(Kind::Code, code),
            redirect_uri: params.get("redirect_uri")?.map(str::to_owned),
            verifier: params.get("code_verifier")?.map(CodeVerifier::parse),
            resources: resource::parse(params)?,
        })
    }
}

pub(super) async fn exchange(cx: &TokenCx<'_>, request: &CodeRequest) -> Result<TokenResponse, OAuthError> {
    let store = cx.app.store();
    let code = request.code.as_ref().ok_or(Reason::CodeUnknown)?;
    let loaded = store
        .load_code(&code.digest(), cx.now)
        .await?
        .ok_or(Reason::CodeUnknown)?;
    match decide(&loaded, request, cx.client, cx.now) {
        Decision::Redeem => {}
        Decision::Refuse(reason) => return Err(reason.into()),
        Decision::RefuseAndBurn(reason) => {
            store.fail_code_proof(&loaded.code.digest).await?;
            return Err(reason.into());
        }
        Decision::RefuseAndRevoke(reason) => return revoke(cx, &loaded, reason).await,
    }
    let grant = &loaded.grant;
    let resources = granted_resources(&grant.resources, &request.resources)?;
    let target = cx.target(&grant.scope, &resources)?;
    let order = Order {
        client: cx.client,
        subject: Subject::User {
            user: &loaded.user,
            grant,
        },
        target,
        refresh: grant.scope.contains(OFFLINE_ACCESS) && cx.client.may(GrantType::RefreshToken),
        nonce: loaded.code.nonce.as_deref(),
        now: cx.now,
    };
    let plan = plan(cx.app, cx.catalog, order).await?;
    match store.redeem_code(&loaded, &plan.stored, cx.now).await? {
        CodeOutcome::Redeemed => {
            cx.record(AuditKind::TokensIssued, grant, |event| {
                let event = event.detail("grant_type", GrantType::AuthorizationCode.as_str());
                event.detail("scope", grant.scope.to_string())
            });
            Ok(plan.response)
        }
        CodeOutcome::AlreadyRedeemed => revoke(cx, &loaded, Reason::CodeReplayed).await,
        CodeOutcome::Gone => Err(Reason::CodeUnknown.into()),
    }
}

/// Ends the grant of a code that came twice (RFC 6749 §4.1.2). Committed before the refusal is sent.
async fn revoke<T>(cx: &TokenCx<'_>, loaded: &LoadedCode, reason: Reason) -> Result<T, OAuthError> {
    tracing::warn!(client_id = %cx.client.client_id, grant_id = %loaded.grant.id, "code replayed, grant revoked");
    cx.app
        .store()
        .end_grant(loaded.grant.id, EndReason::CodeReplay, cx.now)
        .await?;
    cx.record(AuditKind::CodeReplayed, &loaded.grant, |event| event.reason(reason));
    Err(reason.into())
}

/// The checks, in order. Proof of being the code's own client comes before the replay check, so that a leaked code cannot
/// be used to end somebody's grant (OAuth 2.1 §7.5.2).
pub fn decide(loaded: &LoadedCode, request: &CodeRequest, client: &Client, now: Timestamp) -> Decision {
    let checks = || -> Result<(), Decision> {
        check_client(loaded, client)?;
        check_not_burnt(loaded)?;
        check_redirect_uri(&loaded.code, request, client)?;
        check_verifier(&loaded.code, request)?;
        check_not_redeemed(&loaded.code)?;
        check_not_expired(&loaded.code, now)?;
        check_grant_alive(loaded, now)?;
        check_session_alive(loaded)?;
        check_user_enabled(loaded)
    };
    checks().err().unwrap_or(Decision::Redeem)
}

fn check_client(loaded: &LoadedCode, client: &Client) -> Result<(), Decision> {
    let own = loaded.grant.client_id == client.client_id;
    if own {
        Ok(())
    } else {
        Err(Decision::Refuse(Reason::CodeOfOtherClient))
    }
}

fn check_not_burnt(loaded: &LoadedCode) -> Result<(), Decision> {
    let burnt = loaded.code.redeemed_at.is_none() && loaded.code.failed_proofs >= Code::MAX_FAILED_PROOFS;
    if burnt {
        Err(Decision::Refuse(Reason::CodeBurnt))
    } else {
        Ok(())
    }
}

/// The URI is required again (RFC 6749 §4.1.3) unless the client is registered as one that leaves it out (OAuth 2.1 §10.2).
fn check_redirect_uri(code: &Code, request: &CodeRequest, client: &Client) -> Result<(), Decision> {
    match &request.redirect_uri {
        Some(uri) if uri == code.redirect_uri.as_str() => Ok(()),
        None if !client.metadata.redirect_uri_at_token => Ok(()),
        _ => Err(Decision::Refuse(Reason::RedirectUriMismatch)),
    }
}

fn check_verifier(code: &Code, request: &CodeRequest) -> Result<(), Decision> {
    let failed = |reason| match code.redeemed_at {
        None => Decision::RefuseAndBurn(reason),
        Some(_) => Decision::Refuse(Reason::CodeReplayedUnproven),
    };
    match (&code.challenge, &request.verifier) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(Decision::Refuse(Reason::CodeVerifierUnexpected)),
        (Some(_), None) => Err(failed(Reason::CodeVerifierMissing)),
        (Some(_), Some(Err(reason))) => Err(failed(*reason)),
        (Some(challenge), Some(Ok(verifier))) if equal(challenge.digest(), &sha256(verifier.as_bytes())) => Ok(()),
        (Some(_), Some(Ok(_))) => Err(failed(Reason::CodeVerifierWrong)),
    }
}

fn check_not_redeemed(code: &Code) -> Result<(), Decision> {
    if code.redeemed_at.is_some() {
        Err(Decision::RefuseAndRevoke(Reason::CodeReplayed))
    } else {
        Ok(())
    }
}

fn check_not_expired(code: &Code, now: Timestamp) -> Result<(), Decision> {
    if now < code.expires_at {
        Ok(())
    } else {
        Err(Decision::Refuse(Reason::CodeExpired))
    }
}

fn check_grant_alive(loaded: &LoadedCode, now: Timestamp) -> Result<(), Decision> {
    if loaded.grant.ended.is_some() {
        return Err(Decision::Refuse(Reason::GrantEnded));
    }
    if now < loaded.grant.expires_at {
        Ok(())
    } else {
        Err(Decision::Refuse(Reason::GrantExpired))
    }
}

fn check_session_alive(loaded: &LoadedCode) -> Result<(), Decision> {
    if loaded.session_live {
        Ok(())
    } else {
        Err(Decision::Refuse(Reason::SessionEnded))
    }
}

fn check_user_enabled(loaded: &LoadedCode) -> Result<(), Decision> {
    if loaded.user.is_enabled() {
        Ok(())
    } else {
        Err(Decision::Refuse(Reason::UserDisabled))
    }
}
