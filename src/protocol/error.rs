//! What can go wrong, said twice: an [`ErrorCode`] with a fixed description for the wire, a precise [`Reason`] for the
//! log, the audit trail and the tests.

use super::wire_enum;

wire_enum! {
    /// The registered error codes and one more: nothing else reaches a client.
    ErrorCode {
        /// RFC 6749 §5.2.
        InvalidRequest = "invalid_request",
        /// RFC 6749 §5.2.
        InvalidClient = "invalid_client",
        /// RFC 6749 §5.2.
        InvalidGrant = "invalid_grant",
        /// RFC 6749 §5.2.
        UnauthorizedClient = "unauthorized_client",
        /// RFC 6749 §5.2.
        UnsupportedGrantType = "unsupported_grant_type",
        /// RFC 6749 §5.2.
        InvalidScope = "invalid_scope",
        /// RFC 8707 §2.
        InvalidTarget = "invalid_target",
        /// RFC 6749 §4.1.2.1.
        UnsupportedResponseType = "unsupported_response_type",
        /// RFC 6749 §4.1.2.1.
        AccessDenied = "access_denied",
        /// RFC 6749 §4.1.2.1.
        ServerError = "server_error",
        /// RFC 6749 §4.1.2.1.
        TemporarilyUnavailable = "temporarily_unavailable",
        /// OpenID Connect Core §3.1.2.6.
        LoginRequired = "login_required",
        /// OpenID Connect Core §3.1.2.6.
        ConsentRequired = "consent_required",
        /// OpenID Connect Core §3.1.2.6.
        AccountSelectionRequired = "account_selection_required",
        /// OpenID Connect Core §3.1.2.6.
        RequestUriNotSupported = "request_uri_not_supported",
        /// OpenID Connect Core §3.1.2.6.
        RegistrationNotSupported = "registration_not_supported",
        /// OpenID Connect Core §3.1.2.6.
        InvalidRequestObject = "invalid_request_object",
        /// OpenID Connect Core §3.1.2.6.
        InvalidRequestUri = "invalid_request_uri",
        /// OpenID Connect Core Error Code unmet_authentication_requirements 1.0.
        UnmetAuthenticationRequirements = "unmet_authentication_requirements",
        /// RFC 8628 §3.5.
        AuthorizationPending = "authorization_pending",
        /// RFC 8628 §3.5.
        SlowDown = "slow_down",
        /// RFC 8628 §3.5.
        ExpiredToken = "expired_token",
        /// RFC 6750 §3.1.
        InvalidToken = "invalid_token",
        /// RFC 6750 §3.1.
        InsufficientScope = "insufficient_scope",
        /// RFC 7591 §3.2.2.
        InvalidRedirectUri = "invalid_redirect_uri",
        /// RFC 7591 §3.2.2.
        InvalidClientMetadata = "invalid_client_metadata",
        /// RFC 7591 §3.2.2.
        InvalidSoftwareStatement = "invalid_software_statement",
        /// RFC 7591 §3.2.2.
        UnapprovedSoftwareStatement = "unapproved_software_statement",
        /// None is registered for RFC 6585 §4, and `slow_down` and `temporarily_unavailable` mean something else: this is what
        /// that status is called there.
        TooManyRequests = "too_many_requests",
    }
}

impl ErrorCode {
    /// The HTTP status of this code where it is the answer itself (RFC 6749 §5.2, RFC 6750 §3.1). The one status table.
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidClient | Self::InvalidToken => 401,
            Self::InsufficientScope => 403,
            Self::TooManyRequests => 429,
            Self::ServerError => 500,
            Self::TemporarilyUnavailable => 503,
            _ => 400,
        }
    }

    /// `error_description`: the same for every cause, so that it tells an attacker nothing.
    pub const fn description(self) -> &'static str {
        match self {
            Self::InvalidRequest => "The request lacks a parameter, repeats one, or holds a value that is not allowed.",
            Self::InvalidClient => "Client authentication failed.",
            Self::InvalidGrant => "The grant is invalid, expired, revoked, or was issued to another client.",
            Self::UnauthorizedClient => "The client may not use this grant type or response type.",
            Self::UnsupportedGrantType => "The grant type is not supported.",
            Self::InvalidScope => "The scope is malformed, unknown, or not allowed to this client.",
            Self::InvalidTarget => "The resource is unknown or was not granted.",
            Self::UnsupportedResponseType => "Only the response type code is supported.",
            Self::AccessDenied => "The request was denied.",
            Self::ServerError => "The server met an unexpected condition.",
            Self::TemporarilyUnavailable => "The server is temporarily unable to answer. Try again shortly.",
            Self::LoginRequired => "The person has to sign in.",
            Self::ConsentRequired => "The person has to give consent.",
            Self::AccountSelectionRequired => "The person has to choose an account.",
            Self::RequestUriNotSupported => "The request_uri parameter is not supported.",
            Self::RegistrationNotSupported => "The registration parameter is not supported.",
            Self::InvalidRequestObject => "The request object is invalid, or not signed with a key of the client.",
            Self::InvalidRequestUri => "The request object could not be fetched.",
            Self::UnmetAuthenticationRequirements => "No sign-in here is of the kind that the request demands.",
            Self::AuthorizationPending => "The person has not answered yet.",
            Self::SlowDown => "The person has not answered yet. Wait five seconds longer between requests from now on.",
            Self::ExpiredToken => "The device code has expired. Start again with a new one.",
            Self::InvalidToken => "The access token is invalid, expired or revoked.",
            Self::InsufficientScope => "The access token lacks the scope that this resource needs.",
            Self::InvalidRedirectUri => "A redirect URI is not allowed.",
            Self::InvalidClientMetadata => "A member of the client metadata is not allowed.",
            Self::InvalidSoftwareStatement => "The software statement is invalid.",
            Self::UnapprovedSoftwareStatement => {
                "The software statement is missing, or its issuer is not approved here."
            }
            Self::TooManyRequests => "Too many attempts. Try again after the time that Retry-After tells.",
        }
    }
}

/// Declares the reasons: variant, code on the wire, name in the log.
macro_rules! reasons {
    ($($(#[$meta:meta])* $variant:ident => $code:ident, $text:literal;)+) => {
        /// Why a request was refused. For operators, audit and tests; never sent to anyone.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason { $($(#[$meta])* #[doc = $text] $variant),+ }

        impl Reason {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The code that the client sees.
            pub const fn code(self) -> ErrorCode {
                match self { $(Self::$variant => ErrorCode::$code),+ }
            }

            /// The reason in words, for the log.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }
    };
}

reasons! {
    // the request as such
    BodyNotForm => InvalidRequest, "body is not application/x-www-form-urlencoded";
    BodyTooLarge => InvalidRequest, "body is too large";
    BodyTooSlow => InvalidRequest, "body did not arrive in time";
    ParameterMalformed => InvalidRequest, "a parameter is not valid percent-encoded UTF-8, or holds NUL";
    ParameterTooMany => InvalidRequest, "too many parameters";
    ParameterRepeated => InvalidRequest, "a parameter was sent more than once";
    ParameterInQuery => InvalidRequest, "parameters belong in the body, not in the URL";
    GrantTypeMissing => InvalidRequest, "grant_type is missing";
    CodeMissing => InvalidRequest, "code is missing";
    RefreshTokenMissing => InvalidRequest, "refresh_token is missing";
    DeviceCodeMissing => InvalidRequest, "device_code is missing";
    TokenMissing => InvalidRequest, "token is missing";
    TokenPresentedTwice => InvalidRequest, "an access token was presented in more than one way";
    // client authentication
    ClientIdMissing => InvalidClient, "client_id is missing";
    ClientUnknown => InvalidClient, "client is unknown";
    ClientDisabled => InvalidClient, "client is disabled";
    ClientSecretWrong => InvalidClient, "client secret is wrong";
    ClientSecretMissing => InvalidClient, "client must authenticate";
    ClientSecretUnexpected => InvalidClient, "public client sent a secret";
    ClientAuthMethodWrong => InvalidClient, "client is not registered for this authentication method";
    AssertionTypeUnknown => InvalidClient, "client_assertion_type is missing or not jwt-bearer, or comes without an assertion";
    AssertionMalformed => InvalidClient, "client assertion is no JWS, or has a header that is not allowed";
    AssertionAlgorithm => InvalidClient, "client assertion has an algorithm that the client is not registered for";
    AssertionParties => InvalidClient, "iss, sub and client_id of the client assertion are not one";
    AssertionAudience => InvalidClient, "client assertion is not for this server";
    AssertionDates => InvalidClient, "exp of the client assertion is missing, or a date is not one";
    AssertionExpired => InvalidClient, "client assertion has expired";
    AssertionNotYetValid => InvalidClient, "client assertion is from the future";
    AssertionTooLongLived => InvalidClient, "client assertion is valid for too long";
    AssertionJti => InvalidClient, "jti of the client assertion is missing or too long";
    AssertionKeyUnknown => InvalidClient, "no key of the client fits the client assertion";
    AssertionKeysUnavailable => InvalidClient, "the client has no keys, or they cannot be fetched";
    AssertionSignature => InvalidClient, "signature of the client assertion is wrong";
    AssertionReplayed => InvalidClient, "client assertion was used before";
    IntrospectionByPublicClient => InvalidClient, "a public client may not introspect";
    AuthorizationHeaderMalformed => InvalidClient, "Authorization header is malformed";
    ClientAuthRepeated => InvalidRequest, "more than one client authentication was sent";
    ClientIdMismatch => InvalidRequest, "client_id differs from the authenticated client";
    // authorization requests
    AuthorizeClientIdMissing => InvalidRequest, "client_id is missing";
    AuthorizeClientUnknown => InvalidRequest, "client is unknown or disabled";
    RedirectUriMissing => InvalidRequest, "redirect_uri is missing";
    RedirectUriUnregistered => InvalidRequest, "redirect_uri is not registered for the client";
    ResponseTypeMissing => InvalidRequest, "response_type is missing";
    ResponseTypeUnsupported => UnsupportedResponseType, "response_type is not code";
    ResponseModeUnsupported => InvalidRequest, "response_mode is not offered for code";
    GrantNotRegistered => UnauthorizedClient, "client is not registered for this grant type";
    StateTooLong => InvalidRequest, "state is too long";
    NonceTooLong => InvalidRequest, "nonce is too long";
    CodeChallengeMissing => InvalidRequest, "code_challenge is missing";
    CodeChallengeMalformed => InvalidRequest, "code_challenge is not the base64url of a SHA-256 digest";
    CodeChallengeMethodUnsupported => InvalidRequest, "code_challenge_method is not S256";
    PromptInvalid => InvalidRequest, "prompt is not a valid combination";
    MaxAgeMalformed => InvalidRequest, "max_age is not a number of seconds";
    ClaimsMalformed => InvalidRequest, "claims is not an acceptable JSON object";
    AcrUnreachable => UnmetAuthenticationRequirements, "no sign-in here reaches an essential acr";
    RequestObjectMissing => InvalidRequest, "the client has to sign its requests";
    RequestObjectTwice => InvalidRequest, "request and request_uri came together";
    RequestObjectClient => InvalidRequest, "client_id differs from that of the request object";
    RequestObjectMalformed => InvalidRequestObject, "request object is not a JWS of parameters with an algorithm of the client";
    RequestObjectEncrypted => InvalidRequestObject, "request object is encrypted";
    RequestObjectKeys => InvalidRequestObject, "the client has no keys to check its request object with, or they cannot be fetched";
    RequestObjectUnproven => InvalidRequestObject, "request object is not signed with a key of the client";
    RequestObjectParty => InvalidRequestObject, "request object is not from the client and for this server, or is an assertion";
    RequestObjectDates => InvalidRequestObject, "request object has expired, or is not valid yet";
    RequestObjectNested => InvalidRequestObject, "request object holds request or request_uri";
    RequestObjectDisagrees => InvalidRequestObject, "response_type differs from that of the request object";
    RequestUri => RequestUriNotSupported, "request_uri is not offered";
    RequestUriUnregistered => InvalidRequestUri, "request_uri is not registered for the client";
    RequestUriUnavailable => InvalidRequestUri, "request object could not be fetched, or is not what the fragment promised";
    Registration => RegistrationNotSupported, "registration is not supported";
    PostLogoutRedirectUriUnregistered => InvalidRequest, "post_logout_redirect_uri is not registered for the client";
    IdTokenHintInvalid => InvalidRequest, "id_token_hint is not one of this server's tokens for this client";
    ScopeMalformed => InvalidScope, "scope is malformed";
    ScopeTooLong => InvalidScope, "scope is too long";
    ScopeMissing => InvalidScope, "scope is missing and the client has no default";
    ScopeNotAllowed => InvalidScope, "scope is unknown or not allowed to the client";
    ScopeWidened => InvalidScope, "scope goes beyond what was granted";
    ResourceMalformed => InvalidTarget, "resource is not an absolute URI without fragment";
    ResourceUnknown => InvalidTarget, "resource is not a registered API";
    ResourceNotGranted => InvalidTarget, "resource was not granted, or has nothing to do with the scope";
    ResourcesDisagree => InvalidTarget, "the APIs of the scope want different tokens: name one by resource";
    // what the person did, or would have to do
    UsernameUnknown => AccessDenied, "no account has the name that was typed";
    PasswordWrong => AccessDenied, "the password is wrong";
    AccountDisabled => AccessDenied, "the account is disabled";
    Denied => AccessDenied, "the person denied the request";
    NotSignedIn => LoginRequired, "nobody is signed in";
    SignInTooOld => LoginRequired, "the sign-in is older than max_age";
    SignInAskedAgain => LoginRequired, "prompt=login asks for a fresh sign-in";
    OtherUserThanHint => LoginRequired, "the person signed in is not the one of id_token_hint or of the claim sub";
    ConsentMissing => ConsentRequired, "consent is missing";
    AccountNotChosen => AccountSelectionRequired, "the account has to be chosen";
    // registering clients
    BodyNotJson => InvalidRequest, "body is not application/json";
    RegistrationDocument => InvalidClientMetadata, "body is not one JSON object in which every member occurs once";
    RegistrationRedirectUri => InvalidRedirectUri, "a redirect URI cannot be registered";
    RegistrationMetadata => InvalidClientMetadata, "a member of the client metadata cannot be registered";
    RegistrationName => InvalidClientMetadata, "the name of the client belongs to a client of the operator";
    RegistrationManaged => InvalidRequest, "the client sent what only the server sets";
    RegistrationClientId => InvalidRequest, "client_id is not the one of the client";
    RegistrationSecret => InvalidRequest, "client_secret is not a present secret of the client";
    RegistrationConflict => TemporarilyUnavailable, "the client was changed by somebody else at the same moment";
    RegistrationsTooMany => TooManyRequests, "as many clients have registered themselves as may";
    RegistrationsThrottled => TooManyRequests, "too many registrations from the address";
    SectorMismatch => InvalidClientMetadata, "the client cannot have pairwise subjects with this sector";
    SoftwareStatementInvalid => InvalidSoftwareStatement, "software statement is malformed, expired, or its signature is wrong";
    SoftwareStatementMissing => UnapprovedSoftwareStatement, "software statement is required and missing";
    SoftwareStatementUnapproved => UnapprovedSoftwareStatement, "software statement is of an issuer that is not configured";
    InitialTokenWrong => InvalidToken, "initial access token is malformed, unknown, expired, revoked or used up";
    RegistrationTokenWrong => InvalidToken, "registration access token is malformed, unknown, or of another client";
    // redeeming
    GrantTypeUnknown => UnsupportedGrantType, "grant_type is unknown or not offered";
    CodeUnknown => InvalidGrant, "code is malformed, unknown or gone";
    CodeOfOtherClient => InvalidGrant, "code was issued to another client";
    CodeReplayed => InvalidGrant, "code was redeemed before: the grant is revoked";
    CodeReplayedUnproven => InvalidGrant, "code was redeemed before; the caller did not prove to be its client";
    CodeExpired => InvalidGrant, "code has expired";
    CodeBurnt => InvalidGrant, "code is dead after failed proofs";
    RedirectUriMismatch => InvalidGrant, "redirect_uri differs from the authorization request";
    CodeVerifierMissing => InvalidGrant, "code_verifier is missing";
    CodeVerifierMalformed => InvalidGrant, "code_verifier is malformed";
    CodeVerifierWrong => InvalidGrant, "code_verifier does not match the challenge";
    CodeVerifierUnexpected => InvalidRequest, "code_verifier was sent, but no challenge was made";
    SessionEnded => InvalidGrant, "the sign-in behind the grant has ended";
    GrantEnded => InvalidGrant, "the grant was revoked";
    GrantExpired => InvalidGrant, "the grant is past its absolute lifetime";
    UserDisabled => InvalidGrant, "the user is disabled or gone";
    RefreshTokenUnknown => InvalidGrant, "refresh token is malformed, unknown or gone";
    RefreshTokenOfOtherClient => InvalidGrant, "refresh token was issued to another client";
    RefreshTokenExpired => InvalidGrant, "refresh token is past its idle lifetime";
    RefreshTokenReplaced => InvalidGrant, "refresh token was replaced by a retry and never counted";
    RefreshTokenReplayed => InvalidGrant, "spent refresh token presented again: the grant is revoked";
    RefreshTokenRaced => InvalidGrant, "refresh token was spent a moment ago by a parallel request";
    // devices
    DevicePending => AuthorizationPending, "nobody has answered the device's request yet";
    DevicePolledTooFast => SlowDown, "the device polls faster than its interval";
    DeviceDenied => AccessDenied, "the person refused the device";
    DeviceWithdrawn => AccessDenied, "what the person allowed the device was withdrawn, or their sign-in ended";
    DeviceUserDisabled => AccessDenied, "the user who allowed the device is disabled";
    DeviceCodeExpired => ExpiredToken, "device code has expired";
    DeviceCodeUnknown => InvalidGrant, "device code is malformed, unknown or gone";
    DeviceCodeOfOtherClient => InvalidGrant, "device code was issued to another client";
    DeviceCodeReplayed => InvalidGrant, "device code was redeemed before: the grant is revoked";
    UserCodeWrong => InvalidGrant, "user code is unknown, expired or used";
    DevicesTooMany => TemporarilyUnavailable, "too many devices wait for a person";
    // bearer tokens
    AccessTokenInvalid => InvalidToken, "access token is malformed, forged, expired or not ours";
    AccessTokenAudience => InvalidToken, "access token is for another resource";
    AccessTokenRevoked => InvalidToken, "access token was revoked";
    AccessTokenGrantEnded => InvalidToken, "the grant behind the access token has ended";
    AccessTokenWithoutOpenid => InsufficientScope, "access token lacks the scope openid";
    // too many of something
    SignInThrottled => TooManyRequests, "too many wrong passwords for the account or from the address";
    UserCodeThrottled => TooManyRequests, "too many wrong user codes";
    ClientAuthThrottled => TooManyRequests, "too many failed authentications as the client or from the address";
    ClientThrottled => TooManyRequests, "too many requests of the client";
    AddressThrottled => TooManyRequests, "too many requests from the address";
    // what is encrypted to a client
    EncryptionKeyMissing => InvalidRequest, "the client has no key that its answers could be encrypted to";
    EncryptionKeysUnavailable => TemporarilyUnavailable, "the keys that the client's answers are encrypted to cannot be fetched";
    // the server's own troubles
    StoreUnavailable => TemporarilyUnavailable, "the database cannot be reached";
    Busy => TemporarilyUnavailable, "too much work is queued";
    Internal => ServerError, "internal error";
}

/// A refusal in the protocol's own form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OAuthError {
    /// The code on the wire.
    pub code: ErrorCode,
    /// Why, for the log.
    pub reason: Reason,
    /// After how many seconds to try again, where that is known (`Retry-After`, RFC 9110 §10.2.3).
    pub retry_after: Option<i64>,
}

impl OAuthError {
    /// A refusal for `reason` that ends after `seconds`.
    pub const fn until(reason: Reason, seconds: i64) -> Self {
        Self {
            code: reason.code(),
            reason,
            retry_after: Some(seconds),
        }
    }

    /// The HTTP status of the answer: that of the code, save for a body that was not read (RFC 9110 §15.5.9, §15.5.14).
    pub const fn status(self) -> u16 {
        match self.reason {
            Reason::BodyTooSlow => 408,
            Reason::BodyTooLarge => 413,
            _ => self.code.status(),
        }
    }
}

impl From<Reason> for OAuthError {
    fn from(reason: Reason) -> Self {
        Self {
            code: reason.code(),
            reason,
            retry_after: None,
        }
    }
}
