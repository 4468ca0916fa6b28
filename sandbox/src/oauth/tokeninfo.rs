//! What a token is worth: `/tokeninfo` in OpenID's words, `/oauth2/v2/tokeninfo` in the older ones.

use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::error::OAuthError;
use super::scope;
use crate::call::{self, Call};
use crate::events::authorize;
use crate::grant::AccessToken;
use crate::method::Method;
use crate::query::Query;
use crate::reply::{Print, Reply};
use crate::sandbox::{Inner, Sandbox};
use crate::user::User;
use crate::wire::Wire;

pub(super) async fn oidc(sandbox: Data<Sandbox>, request: HttpRequest, body: Bytes) -> HttpResponse {
    answer(sandbox, &request, &body, openid_words).await
}

pub(super) async fn v2(sandbox: Data<Sandbox>, request: HttpRequest, body: Bytes) -> HttpResponse {
    answer(sandbox, &request, &body, older_words).await
}

type Words = fn(&User, &AccessToken, Timestamp) -> Value;

async fn answer(sandbox: Data<Sandbox>, request: &HttpRequest, body: &Bytes, words: Words) -> HttpResponse {
    let form = Query::parse(&String::from_utf8_lossy(body));
    let query = Query::parse(request.query_string());
    let header = request.headers().get("Authorization");
    let header = header.and_then(|value| value.to_str().ok());
    let token = form.get("access_token").map(str::to_owned);
    let token = token.or_else(|| authorize::bearer(header, &query)).unwrap_or_default();
    let id_token = form.get("id_token").or_else(|| query.get("id_token")).map(str::to_owned);
    let presented = token.clone();
    let identify = move |inner: &Inner, now: Timestamp| {
        Call::of(Method::TokenInfo, live(inner, &presented, now).map(|(user, _)| user.clone()))
    };
    let carry_out = move |inner: &mut Inner, _: &Call, now: Timestamp| {
        let known = match &id_token {
            Some(id_token) => of_id_token(inner, id_token, now),
            None => live(inner, &token, now).map(|(user, token)| words(user, token, now)),
        };
        match known {
            Some(info) => Reply::json(200, &info, Print::Pretty),
            None => OAuthError::of("invalid_token", "Invalid Value").into_reply(),
        }
    };
    call::perform(sandbox, Wire::of(request), identify, carry_out).await
}

/// A live access token and whose it is.
fn live<'a>(inner: &'a Inner, token: &str, now: Timestamp) -> Option<(&'a User, &'a AccessToken)> {
    let token = inner.world.access.get(token).filter(|token| token.is_live(now))?;
    Some((inner.world.user(&token.user)?, token))
}

/// An identity token that is ours and has not expired: its claims, all of them as texts.
fn of_id_token(inner: &Inner, id_token: &str, now: Timestamp) -> Option<Value> {
    let signed = inner.key.verify(id_token)?;
    if signed.claims["exp"].as_i64()? <= now.as_second() {
        return None;
    }
    let parts = [signed.header, signed.claims];
    let pairs = parts.iter().filter_map(Value::as_object).flatten();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Some(pairs.map(|(name, value)| (name.clone(), json!(text(value)))).collect())
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
