//! The suite of the port `TokenEndpoint`.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use common::port::{ClientRef, Clock as _, ConsentRequest, Grant, RefreshToken, TokenEndpoint, TokenError};
use secrecy::ExposeSecret as _;

use super::ManualClock;

/// A Google whose users consent, and which can be put in trouble.
#[async_trait]
pub trait EndpointBench: Send + Sync {
    /// The adapter.
    fn endpoint(&self) -> Arc<dyn TokenEndpoint>;

    /// The clock that Google and the suite go by.
    fn clock(&self) -> &ManualClock;

    /// A browser goes to `url`, where the user of this address ticks everything; answers the code it comes back with.
    async fn consent(&self, url: &str, email: &str) -> String;

    /// From now on the endpoint is in this trouble; where the trouble passes, the next request alone.
    async fn befalls(&self, trouble: EndpointTrouble);
}

/// What can stop a refresh of [`ADA`]'s grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointTrouble {
    /// She has ended the grant.
    GrantEnded,
    /// Her organisation wants her to log in again.
    LoginWanted,
    /// Her administrator refuses the client.
    Blocked,
    /// Google has deleted her account.
    UserDeleted,
    /// The operator's OAuth client is gone.
    ClientDeleted,
    /// Google asks for patience, for [`PATIENCE`]. It passes.
    Throttled,
    /// Google is failing. It passes.
    Failing,
    /// The connection breaks. It passes.
    NoAnswer,
}

/// The address of the user whose grant is in trouble.
pub const ADA: &str = "ada@example.com";
/// The address of another user.
pub const GRACE: &str = "grace@example.com";
/// How long Google asks to wait.
pub const PATIENCE: Duration = Duration::from_secs(7);

/// The pair of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

impl EndpointTrouble {
    /// Every trouble.
    pub const ALL: [Self; 8] = [
        Self::GrantEnded,
        Self::LoginWanted,
        Self::Blocked,
        Self::UserDeleted,
        Self::ClientDeleted,
        Self::Throttled,
        Self::Failing,
        Self::NoAnswer,
    ];

    /// Whether the next request goes well again.
    fn passes(self) -> bool {
        match self {
            Self::Throttled | Self::Failing | Self::NoAnswer => true,
            Self::GrantEnded
            | Self::LoginWanted
            | Self::Blocked
            | Self::UserDeleted
            | Self::ClientDeleted => false,
        }
    }

    /// Whether `error` says just this.
    fn is_told_by(self, error: &TokenError) -> bool {
        match self {
            Self::GrantEnded => matches!(error, TokenError::InvalidGrant { .. }),
            Self::LoginWanted => matches!(error, TokenError::LoginRequired { .. }),
            Self::Blocked => matches!(error, TokenError::Denied { .. }),
            Self::UserDeleted => matches!(error, TokenError::NoSuchUser { .. }),
            Self::ClientDeleted => {
                matches!(error, TokenError::InvalidClient { error, .. } if error == "deleted_client")
            }
            Self::Throttled => *error == TokenError::Throttled { retry_after: Some(PATIENCE) },
            Self::Failing => *error == TokenError::Unavailable { status: 503 },
            Self::NoAnswer => matches!(error, TokenError::Transport(_)),
        }
    }
}

/// A code that this user's browser brought back, of which [`VERIFIER`] is the verifier.
async fn code(bench: &impl EndpointBench, email: &str) -> String {
    let (state, code_challenge) = ("state".to_owned(), CHALLENGE.to_owned());
    let request = ConsentRequest { state, code_challenge, login_hint: None };
    bench.consent(&bench.endpoint().consent_url(&request), email).await
}

/// What this user grants.
pub(crate) async fn granted(bench: &impl EndpointBench, email: &str) -> Grant {
    let code = code(bench, email).await;
    bench.endpoint().exchange(&code, VERIFIER, bench.clock().now()).await.unwrap()
}

async fn refresh_token(bench: &impl EndpointBench, email: &str) -> RefreshToken {
    granted(bench, email).await.refresh_token.expect("a consent gives a refresh token")
}

async fn refreshed(bench: &impl EndpointBench, token: &RefreshToken) -> Result<Grant, TokenError> {
    let endpoint = bench.endpoint();
    endpoint.refresh(&endpoint.client(), token, bench.clock().now()).await
}

fn is_dead(told: &Result<Grant, TokenError>) -> bool {
    matches!(told, Err(TokenError::InvalidGrant { .. }))
}

/// What was granted is what was asked for, for an hour, by the user who consented.
async fn is_whole(bench: &impl EndpointBench, grant: &Grant, email: &str) {
    let valid_for = grant.valid_for(bench.clock().now());
    assert!((Duration::from_secs(3_500)..=Duration::from_secs(3_600)).contains(&valid_for), "{valid_for:?}");
    for scope in bench.endpoint().scopes() {
        assert!(grant.scopes.contains(&scope), "{scope} of {:?}", grant.scopes);
    }
    assert_eq!(bench.endpoint().user(&grant.access_token).await.unwrap().email, email);
}

/// A code is traded for what its user has granted, once.
pub async fn a_code_is_traded_once(bench: &impl EndpointBench) {
    let (endpoint, now) = (bench.endpoint(), bench.clock().now());
    for email in [ADA, GRACE] {
        let code = code(bench, email).await;
        let grant = endpoint.exchange(&code, VERIFIER, now).await.unwrap();
        is_whole(bench, &grant, email).await;
        assert!(grant.refresh_token.is_some());
        assert!(is_dead(&endpoint.exchange(&code, VERIFIER, now).await), "a code works once");
    }
}

/// A code without its verifier is worth nothing.
pub async fn a_code_is_traded_by_its_verifier_alone(bench: &impl EndpointBench) {
    let code = code(bench, ADA).await;
    let other = VERIFIER.replace('d', "e");
    assert!(is_dead(&bench.endpoint().exchange(&code, &other, bench.clock().now()).await));
}

/// A refresh token makes access tokens of its user, and stays.
pub async fn a_refresh_makes_another_access_token(bench: &impl EndpointBench) {
    for email in [ADA, GRACE] {
        let grant = granted(bench, email).await;
        let token = grant.refresh_token.as_ref().unwrap();
        for _ in 0..2 {
            let fresh = refreshed(bench, token).await.unwrap();
            is_whole(bench, &fresh, email).await;
            assert!(fresh.refresh_token.is_none(), "the old one stays");
            assert_ne!(fresh.access_token.expose_secret(), grant.access_token.expose_secret());
        }
    }
}

/// An access token names its user until it expires; one that was never made names no user.
pub async fn an_access_token_ends(bench: &impl EndpointBench) {
    let grant = granted(bench, ADA).await;
    let endpoint = bench.endpoint();
    let unknown = endpoint.user(&"never made".into()).await;
    assert!(matches!(unknown, Err(TokenError::Refused { .. })), "{unknown:?}");
    assert!(endpoint.user(&grant.access_token).await.is_ok());
    bench.clock().turn_to(grant.expires_at);
    let expired = endpoint.user(&grant.access_token).await;
    assert!(matches!(expired, Err(TokenError::Refused { .. })), "{expired:?}");
}

/// To revoke one token ends its user's whole grant, and no other user's; a later consent is a new grant.
pub async fn a_revoked_grant_is_dead(bench: &impl EndpointBench) {
    let endpoint = bench.endpoint();
    let (first, second) = (refresh_token(bench, ADA).await, granted(bench, ADA).await);
    let other = refresh_token(bench, GRACE).await;
    assert_eq!(endpoint.revoke(&endpoint.client(), &first).await, Ok(()));
    for token in [&first, second.refresh_token.as_ref().unwrap()] {
        assert!(is_dead(&refreshed(bench, token).await));
    }
    assert!(endpoint.user(&second.access_token).await.is_err(), "its access tokens end too");
    assert_eq!(endpoint.revoke(&endpoint.client(), &first).await, Ok(()), "it has ended already");
    assert!(refreshed(bench, &other).await.is_ok());
    let anew = refresh_token(bench, ADA).await;
    assert!(refreshed(bench, &anew).await.is_ok());
}

/// A refresh token goes to the client and the token endpoint that it came from, and to no other.
pub async fn a_token_goes_to_its_own_client_alone(bench: &impl EndpointBench) {
    let (endpoint, now) = (bench.endpoint(), bench.clock().now());
    let token = refresh_token(bench, ADA).await;
    let elsewhere =
        ClientRef { token_uri: "https://elsewhere.example/token".to_owned(), ..endpoint.client() };
    let another = ClientRef { client_id: "another".to_owned(), ..endpoint.client() };
    let is_changed = |error: TokenError| {
        assert!(
            matches!(&error, TokenError::InvalidClient { error, .. } if error == "client_changed"),
            "{error:?}"
        );
    };
    is_changed(endpoint.refresh(&elsewhere, &token, now).await.unwrap_err());
    is_changed(endpoint.refresh(&another, &token, now).await.unwrap_err());
    is_changed(endpoint.revoke(&elsewhere, &token).await.unwrap_err());
    assert!(refreshed(bench, &token).await.is_ok(), "nothing has ended");
    assert_eq!(
        endpoint.revoke(&another, &token).await,
        Ok(()),
        "a client that was replaced leaves nothing behind"
    );
    assert!(is_dead(&refreshed(bench, &token).await));
}

/// What stops a refresh is told apart, and what passes ends no grant.
pub async fn a_refresh_that_is_stopped_says_why(bench: &impl EndpointBench, trouble: EndpointTrouble) {
    let token = refresh_token(bench, ADA).await;
    bench.befalls(trouble).await;
    let error = refreshed(bench, &token).await.expect_err("it is stopped");
    assert!(trouble.is_told_by(&error), "{trouble:?}: {error:?}");
    let again = refreshed(bench, &token).await;
    assert_eq!(again.is_ok(), trouble.passes(), "{trouble:?}: {:?}", again.err());
}
