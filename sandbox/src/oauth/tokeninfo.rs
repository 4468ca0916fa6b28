//! What an access token is worth: `/tokeninfo` in OpenID's words, `/oauth2/v2/tokeninfo` in the older ones.

use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::error::OAuthError;
use super::scope;
use crate::events::authorize;
use crate::grant::AccessToken;
use crate::query::Query;
use crate::reply::{Print, Reply};
use crate::sandbox::Sandbox;
use crate::user::User;

pub(super) async fn oidc(sandbox: Data<Sandbox>, request: HttpRequest, body: Bytes) -> HttpResponse {
    answer(&sandbox, &request, &body, openid_words)
}

pub(super) async fn v2(sandbox: Data<Sandbox>, request: HttpRequest, body: Bytes) -> HttpResponse {
    answer(&sandbox, &request, &body, older_words)
}

type Words = fn(&User, &AccessToken, Timestamp) -> Value;

fn answer(sandbox: &Sandbox, request: &HttpRequest, body: &Bytes, words: Words) -> HttpResponse {
    let form = Query::parse(&String::from_utf8_lossy(body));
    let query = Query::parse(request.query_string());
    let header = request.headers().get("Authorization");
    let header = header.and_then(|value| value.to_str().ok());
    let token = form.get("access_token").map(str::to_owned);
    let token = token.or_else(|| authorize::bearer(header, &query)).unwrap_or_default();
    let inner = sandbox.lock();
    let now = sandbox.clock.now();
    let live = inner.world.access.get(&token).filter(|token| token.is_live(now));
    let known = live.and_then(|token| Some((inner.world.user(&token.user)?, token)));
    let reply = match known {
        Some((user, token)) => Reply::json(200, &words(user, token, now), Print::Pretty),
        None => OAuthError::of("invalid_token", "Invalid Value").into_reply(),
    };
    reply.into_response()
}

fn openid_words(user: &User, token: &AccessToken, now: Timestamp) -> Value {
    let mut info = json!({
        "azp": token.client,
        "aud": token.client,
        "sub": user.sub,
        "scope": scope::join(&token.scopes),
        "exp": token.expires.as_second().to_string(),
        "expires_in": left(token, now).to_string(),
        "access_type": access_type(token),
    });
    if token.scopes.contains(scope::EMAIL) {
        info["email"] = json!(user.email);
        info["email_verified"] = json!("true");
    }
    info
}

fn older_words(user: &User, token: &AccessToken, now: Timestamp) -> Value {
    let mut info = json!({
        "issued_to": token.client,
        "audience": token.client,
        "user_id": user.sub,
        "scope": scope::join(&token.scopes),
        "expires_in": left(token, now),
        "access_type": access_type(token),
    });
    if token.scopes.contains(scope::EMAIL) {
        info["email"] = json!(user.email);
        info["verified_email"] = json!(true);
    }
    info
}

fn left(token: &AccessToken, now: Timestamp) -> i64 {
    token.expires.duration_since(now).as_secs()
}

fn access_type(token: &AccessToken) -> &'static str {
    match token.refresh {
        Some(_) => "offline",
        None => "online",
    }
}
