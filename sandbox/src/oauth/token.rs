//! `POST /token`: one endpoint, three grants.

use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;

use super::error::OAuthError;
use super::{credentials, exchange, refresh, service_account};
use crate::call::{self, Call};
use crate::controls;
use crate::method::Method;
use crate::query::Query;
use crate::reply::Reply;
use crate::sandbox::{Inner, Sandbox};
use crate::user::User;
use crate::wire::Wire;

/// What is presented to the endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Grant {
    Code,
    Refresh,
    Assertion,
    Missing,
    Unknown(String),
}

impl Grant {
    fn of(form: &Query) -> Self {
        match form.get("grant_type") {
            Some("authorization_code") => Self::Code,
            Some("refresh_token") => Self::Refresh,
            Some(service_account::GRANT) => Self::Assertion,
            None | Some("") => Self::Missing,
            Some(other) => Self::Unknown(other.to_owned()),
        }
    }

    fn method(&self) -> Method {
        match self {
            Self::Refresh => Method::Refresh,
            Self::Assertion => Method::Assertion,
            Self::Code | Self::Missing | Self::Unknown(_) => Method::Exchange,
        }
    }

    /// Whose it is, as far as can be told from the form.
    fn person(&self, inner: &Inner, form: &Query) -> Option<User> {
        let email = match self {
            Self::Refresh => {
                inner.world.refresh.get(form.get("refresh_token")?).map(|token| token.user.clone())
            }
            Self::Code => inner.codes.get(form.get("code")?).map(|code| code.user.clone()),
            Self::Assertion => service_account::person(form),
            Self::Missing | Self::Unknown(_) => None,
        };
        email.and_then(|email| inner.world.user(&email)).cloned()
    }
}

pub(super) async fn token(sandbox: Data<Sandbox>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let form = Query::parse(&String::from_utf8_lossy(&body));
    let header = request.headers().get("Authorization");
    let authorization = header.and_then(|value| value.to_str().ok()).map(str::to_owned);
    let token_uri = format!("{}/token", controls::here(&request));
    let grant = Grant::of(&form);
    let (shown, named) = (form.clone(), grant.clone());
    let identify = move |inner: &Inner, _: Timestamp| Call::of(named.method(), named.person(inner, &shown));
    let shared = sandbox.clone();
    let carry_out = move |inner: &mut Inner, _: &Call, now: Timestamp| {
        let config = &shared.config;
        let client =
            |inner: &Inner| credentials::check(&inner.world, &form, authorization.as_deref()).cloned();
        let granted = match &grant {
            Grant::Refresh => {
                client(inner).and_then(|client| refresh::refresh(inner, config, &client, &form, now))
            }
            Grant::Code => {
                client(inner).and_then(|client| exchange::exchange(inner, config, &client, &form, now))
            }
            // The signature says who it is.
            Grant::Assertion => service_account::grant(inner, config, &form, &token_uri, now),
            Grant::Missing => {
                Err(OAuthError::of("invalid_request", "Required parameter is missing: grant_type"))
            }
            Grant::Unknown(other) => {
                Err(OAuthError::of("unsupported_grant_type", format!("Invalid grant_type: {other}")))
            }
        };
        granted.unwrap_or_else(|refused: OAuthError| -> Reply { refused.into_reply() })
    };
    call::perform(sandbox, Wire::of(&request), identify, carry_out).await
}
