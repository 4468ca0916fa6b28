//! `POST /token`: one endpoint, two grants.

use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;

use super::error::OAuthError;
use super::{credentials, exchange, refresh};
use crate::call::{self, Call};
use crate::method::Method;
use crate::query::Query;
use crate::reply::Reply;
use crate::sandbox::{Inner, Sandbox};
use crate::wire::Wire;

pub(super) async fn token(sandbox: Data<Sandbox>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let form = Query::parse(&String::from_utf8_lossy(&body));
    let header = request.headers().get("Authorization");
    let authorization = header.and_then(|value| value.to_str().ok()).map(str::to_owned);
    let grant = form.get("grant_type").unwrap_or_default().to_owned();
    let is_refresh = grant == "refresh_token";
    let presented = form.get(if is_refresh { "refresh_token" } else { "code" });
    let presented = presented.unwrap_or_default().to_owned();
    let identify = move |inner: &Inner, _: Timestamp| {
        let (method, email) = if is_refresh {
            let token = inner.world.refresh.get(&presented);
            (Method::Refresh, token.map(|token| &token.user))
        } else {
            let code = inner.codes.get(&presented);
            (Method::Exchange, code.map(|code| &code.user))
        };
        Call {
            method,
            person: email.and_then(|email| inner.world.user(email)).cloned(),
            calendar: None,
            event: None,
            refusal: None,
        }
    };
    let shared = sandbox.clone();
    let carry_out = move |inner: &mut Inner, _: &Call, now: Timestamp| {
        let config = &shared.config;
        let client = credentials::check(&inner.world, &form, authorization.as_deref()).cloned();
        let granted = client.and_then(|client| match grant.as_str() {
            "refresh_token" => refresh::refresh(inner, config, &client, &form, now),
            "authorization_code" => exchange::exchange(inner, config, &client, &form, now),
            "" => Err(OAuthError::of("invalid_request", "Required parameter is missing: grant_type")),
            other => Err(OAuthError::of("unsupported_grant_type", format!("Invalid grant_type: {other}"))),
        });
        granted.unwrap_or_else(|refused: OAuthError| -> Reply { refused.into_reply() })
    };
    call::perform(sandbox, Wire::of(&request), identify, carry_out).await
}
