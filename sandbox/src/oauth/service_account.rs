//! The project's service account, and the JWT grant by which it speaks for itself or, where an administrator has
//! delegated that, for a person of the domain.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::credentials::{Origins, PROJECT};
use super::error::OAuthError;
use super::scope;
use crate::config::Config;
use crate::key::{self, Key};
use crate::query::Query;
use crate::reply::{Print, Reply};
use crate::sandbox::{Inner, Order, Source, new_user};
use crate::user::{User, UserKind};

pub(crate) const EMAIL: &str = "calrelay@calrelay-sandbox.iam.gserviceaccount.com";

/// The grant's name.
pub(super) const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Under which names the token endpoint is known besides its own.
const AUDIENCES: &[&str] = &[
    "https://oauth2.googleapis.com/token",
    "https://www.googleapis.com/oauth2/v4/token",
    "https://accounts.google.com/o/oauth2/token",
];

/// The longest life of an assertion.
const LONGEST: SignedDuration = SignedDuration::from_hours(1);
/// How far a caller's clock may be ahead.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

const STALE: &str = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.";
const NOT_DELEGATED: &str = "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.";

/// Its lasting id, which an administrator delegates to.
pub(crate) fn client_id() -> String {
    User::new(EMAIL).sub
}

/// Its credentials file.
pub(crate) fn file(key: &Key, origins: &Origins) -> Value {
    let Origins { browser, here } = origins;
    json!({
        "type": "service_account",
        "project_id": PROJECT,
        "private_key_id": key.id(),
        "private_key": Key::pem(),
        "client_email": EMAIL,
        "client_id": client_id(),
        "auth_uri": format!("{browser}/o/oauth2/auth"),
        "token_uri": format!("{here}/token"),
        "auth_provider_x509_cert_url": format!("{here}/oauth2/v1/certs"),
        "client_x509_cert_url": format!("{here}/robot/v1/metadata/x509/{EMAIL}"),
        "universe_domain": "googleapis.com",
        "api_url": format!("{here}/calendar/v3/"),
    })
}

/// Whom an assertion claims to speak for, believed or not.
pub(super) fn person(form: &Query) -> Option<String> {
    let claims = key::read(form.get("assertion")?)?.claims;
    let name = claims["sub"].as_str().filter(|sub| !sub.is_empty()).or_else(|| claims["iss"].as_str());
    name.map(str::to_owned)
}

/// An access token for a signed assertion; there is no refresh token, the caller signs again.
pub(super) fn grant(
    inner: &mut Inner,
    config: &Config,
    form: &Query,
    token_uri: &str,
    now: Timestamp,
) -> Result<Reply, OAuthError> {
    let Some(assertion) = form.get("assertion") else {
        return Err(OAuthError::of("invalid_request", "Missing required parameter: assertion"));
    };
    let claims = check(&inner.key, assertion, token_uri, now)?;
    let asked = claims["scope"].as_str().unwrap_or_default();
    let scopes = scope::parse(asked).unwrap_or_default();
    if scopes.is_empty() {
        return Err(OAuthError::of("invalid_scope", "Invalid OAuth scope or ID token audience provided."));
    }
    let (user, delegate) = match claims["sub"].as_str().filter(|sub| !sub.is_empty() && *sub != EMAIL) {
        None => (itself(inner)?, None),
        Some(sub) => {
            let user = delegator(inner, sub)?;
            if !scopes.is_subset(&inner.world.delegated) {
                return Err(OAuthError::of("unauthorized_client", NOT_DELEGATED));
            }
            (user, Some(EMAIL.to_owned()))
        }
    };
    let lifetime = config.access_token_lifetime;
    let source = Source::AccessOnly { delegate };
    let order = Order { user: &user, client: &client_id(), scopes, source, lifetime };
    let tokens = inner.issue(order, now)?;
    let body = json!({
        "access_token": tokens.access.token,
        "expires_in": lifetime.as_secs(),
        "token_type": "Bearer",
    });
    Ok(Reply::json(200, &body, Print::Pretty))
}

/// The claims of an assertion that is the service account's, for here and now.
fn check(key: &Key, assertion: &str, token_uri: &str, now: Timestamp) -> Result<Value, OAuthError> {
    let refused = |words: &str| Err(OAuthError::of("invalid_grant", words));
    let Some(read) = key::read(assertion) else {
        return refused("Bad Request");
    };
    if read.claims["iss"] != EMAIL {
        return refused("Invalid grant: account not found");
    }
    if key.verify(assertion).is_none() {
        return refused("Invalid JWT Signature.");
    }
    let claims = read.claims;
    let audience = claims["aud"].as_str().unwrap_or_default();
    if audience != token_uri && !AUDIENCES.contains(&audience) {
        return refused("Invalid JWT: Failed audience check.");
    }
    let moment = |name: &str| claims[name].as_i64().and_then(|at| Timestamp::from_second(at).ok());
    match (moment("iat"), moment("exp")) {
        (Some(issued), Some(ends))
            if issued.duration_since(now) <= SKEW && ends > now && ends.duration_since(issued) <= LONGEST =>
        {
            Ok(claims)
        }
        _ => refused(STALE),
    }
}

/// The person an assertion speaks for.
fn delegator(inner: &Inner, sub: &str) -> Result<String, OAuthError> {
    if !email_address::EmailAddress::is_valid(sub) {
        return Err(OAuthError::of("invalid_grant", "Not a valid email"));
    }
    let user = inner.world.user(sub).filter(|user| user.kind == UserKind::Person);
    let user = user.ok_or_else(|| OAuthError::of("invalid_grant", "Invalid email or User ID"))?;
    if user.deleted {
        return Err(OAuthError::of("invalid_grant", "The account has been deleted"));
    }
    if user.admin_blocked {
        return Err(OAuthError::of("access_denied", "Requested client not authorized"));
    }
    Ok(user.email.clone())
}

/// The account's own user, which is made when it is first needed.
fn itself(inner: &mut Inner) -> Result<String, OAuthError> {
    if inner.world.user(EMAIL).is_none() {
        inner.commit(new_user(EMAIL).into())?;
    }
    Ok(EMAIL.to_owned())
}
