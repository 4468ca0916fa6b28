//! The code grant: each code once, for the client and redirect URI it was made for, by whoever has the verifier.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::error::OAuthError;
use super::{id_token, scope};
use crate::client::Client;
use crate::config::Config;
use crate::grant::{Challenge, Code, Offline};
use crate::query::Query;
use crate::reply::{Print, Reply};
use crate::sandbox::{Inner, Order, Source};

pub(super) fn exchange(
    inner: &mut Inner,
    config: &Config,
    client: &Client,
    form: &Query,
    now: Timestamp,
) -> Result<Reply, OAuthError> {
    let Some(presented) = form.get("code") else {
        return Err(OAuthError::of("invalid_request", "Missing required parameter: code"));
    };
    let Some(code) = inner.codes.get_mut(presented) else {
        return Err(OAuthError::of("invalid_grant", "Malformed auth code."));
    };
    if code.client != client.id {
        return Err(OAuthError::anothers());
    }
    check(code, form, now)?;
    // Spent before anything is given for it.
    code.used = true;
    let code = code.clone();
    let user = inner.world.user(&code.user).cloned();
    let user = user.filter(|user| !user.deleted);
    let user = user.ok_or_else(|| OAuthError::of("invalid_grant", "The account has been deleted"))?;
    let source = match code.offline {
        Offline::RefreshToken => Source::NewRefresh { lasting: code.lasting },
        Offline::AccessOnly => Source::AccessOnly { delegate: None },
    };
    let lifetime = config.access_token_lifetime;
    let order = Order { user: &user.email, client: &client.id, scopes: code.scopes, source, lifetime };
    let tokens = inner.issue(order, now)?;
    let mut body = json!({
        "access_token": tokens.access.token,
        "expires_in": lifetime.as_secs(),
        "scope": scope::join(&tokens.access.scopes),
        "token_type": "Bearer",
    });
    if let Some(refresh) = tokens.refresh {
        body["refresh_token"] = json!(refresh.token);
        // Said of time-based access alone: nothing announces the end of a token of an app in "Testing".
        if let Some(lasting) = code.lasting {
            body["refresh_token_expires_in"] = json!(lasting.as_secs());
        }
    }
    if let Some(id_token) = id_token::make(&inner.key, &user, &tokens.access, code.nonce.as_deref(), now) {
        body["id_token"] = json!(id_token);
    }
    Ok(Reply::json(200, &body, Print::Pretty))
}

fn check(code: &Code, form: &Query, now: Timestamp) -> Result<(), OAuthError> {
    if code.used || now >= code.expires {
        return Err(OAuthError::of("invalid_grant", "Bad Request"));
    }
    if form.get("redirect_uri") != Some(code.redirect_uri.as_str()) {
        return Err(OAuthError::of("redirect_uri_mismatch", "Bad Request"));
    }
    match (&code.challenge, form.get("code_verifier")) {
        (None, _) => Ok(()),
        (Some(_), None) => Err(OAuthError::of("invalid_grant", "Missing code verifier.")),
        (Some(challenge), Some(verifier)) if challenge.is_met(verifier) => Ok(()),
        (Some(_), Some(_)) => Err(OAuthError::of("invalid_grant", "Invalid code verifier.")),
    }
}

impl Challenge {
    fn is_met(&self, verifier: &str) -> bool {
        match self {
            Self::Plain(challenge) => challenge == verifier,
            Self::S256(challenge) => {
                let digest = Sha256::digest(verifier.as_bytes());
                *challenge == URL_SAFE_NO_PAD.encode(digest)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_met_by_its_verifier_alone() {
        // The pair of RFC 7636, appendix B.
        let challenge = Challenge::S256("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".to_owned());
        assert!(challenge.is_met("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
        assert!(!challenge.is_met("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXK"));
        assert!(Challenge::Plain("x".to_owned()).is_met("x"));
        assert!(!Challenge::Plain("x".to_owned()).is_met("y"));
    }
}
