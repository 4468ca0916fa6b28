//! The refresh grant: a new access token; the refresh token stays the same.

use jiff::Timestamp;
use serde_json::json;

use super::error::OAuthError;
use super::{id_token, scope};
use crate::change::Change;
use crate::client::Client;
use crate::config::Config;
use crate::query::Query;
use crate::reply::{Print, Reply};
use crate::sandbox::{Inner, Order, Source};

pub(super) fn refresh(
    inner: &mut Inner,
    config: &Config,
    client: &Client,
    form: &Query,
    now: Timestamp,
) -> Result<Reply, OAuthError> {
    let Some(presented) = form.get("refresh_token") else {
        return Err(OAuthError::of("invalid_request", "Missing required parameter: refresh_token"));
    };
    let known = inner.world.refresh.get(presented);
    let mut token = known.cloned().ok_or_else(OAuthError::dead_token)?;
    if token.client != client.id {
        return Err(OAuthError::anothers());
    }
    let user = inner.world.user(&token.user).cloned().ok_or_else(OAuthError::dead_token)?;
    if user.deleted {
        return Err(OAuthError::of("invalid_grant", "The account has been deleted"));
    }
    if !token.is_live(now) {
        return Err(OAuthError::dead_token());
    }
    if user.admin_blocked {
        return Err(OAuthError::usual("admin_policy_enforced"));
    }
    if token.session_ended {
        return Err(OAuthError::session_ended());
    }
    let scopes = match form.get("scope") {
        None => token.scopes.clone(),
        Some(asked) => {
            let asked = scope::parse(asked).unwrap_or_default();
            if asked.is_empty() || !asked.is_subset(&token.scopes) {
                return Err(OAuthError::of("invalid_scope", "Bad Request"));
            }
            asked
        }
    };
    token.used = now;
    inner.commit(vec![Change::Refresh(token.clone())])?;
    let lifetime = config.access_token_lifetime;
    let source = Source::Refresh(token.token);
    let order = Order { user: &token.user, client: &client.id, scopes, source, lifetime };
    let tokens = inner.issue(order, now)?;
    let mut body = json!({
        "access_token": tokens.access.token,
        "expires_in": lifetime.as_secs(),
        "scope": scope::join(&tokens.access.scopes),
        "token_type": "Bearer",
    });
    if let Some(id_token) = id_token::make(&inner.key, &user, &tokens.access, None, now) {
        body["id_token"] = json!(id_token);
    }
    Ok(Reply::json(200, &body, Print::Pretty))
}
