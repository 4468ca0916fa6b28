//! `/revoke`: ends a person's whole grant to the client, whichever token of it is presented.

use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde_json::json;

use super::error::OAuthError;
use crate::call::{self, Call};
use crate::method::Method;
use crate::query::Query;
use crate::reply::{Print, Reply};
use crate::sandbox::{Inner, Sandbox};
use crate::wire::Wire;

pub(super) async fn revoke(sandbox: Data<Sandbox>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let form = Query::parse(&String::from_utf8_lossy(&body));
    let query = Query::parse(request.query_string());
    let token = form.get("token").or_else(|| query.get("token"));
    let token = token.unwrap_or_default().to_owned();
    let presented = token.clone();
    let identify = move |inner: &Inner, now: Timestamp| {
        let person = grant(inner, &presented, now).and_then(|(email, _)| inner.world.user(&email)).cloned();
        Call::of(Method::Revoke, person)
    };
    let carry_out = move |inner: &mut Inner, _: &Call, now: Timestamp| {
        let Some((user, client)) = grant(inner, &token, now) else {
            return OAuthError::of("invalid_token", "Token expired or revoked").into_reply();
        };
        match inner.revoke(&user, &client) {
            Ok(()) => Reply::json(200, &json!({}), Print::Compact),
            Err(error) => OAuthError::from(error).into_reply(),
        }
    };
    call::perform(sandbox, Wire::of(&request), identify, carry_out).await
}

/// The user and client of a live token of either kind.
fn grant(inner: &Inner, token: &str, now: Timestamp) -> Option<(String, String)> {
    let world = &inner.world;
    let refresh = world.refresh.get(token).filter(|token| token.is_live(now));
    let access = world.access.get(token).filter(|token| token.is_live(now));
    let refresh = refresh.map(|token| (token.user.clone(), token.client.clone()));
    refresh.or_else(|| access.map(|token| (token.user.clone(), token.client.clone())))
}
