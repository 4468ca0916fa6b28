//! Credentials, redirect URIs, and tokens without a browser.

use std::time::Duration;

use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Refused, Shared, ensure_user, origins, read, reply, scopes};
use crate::change::Change;
use crate::oauth::{credentials as file, scope};
use crate::query::Query;
use crate::sandbox::{Order, Sandbox, Source};

/// The file of the configured client, or of the one that `?client=` names.
pub(super) async fn credentials(sandbox: Shared, request: HttpRequest) -> HttpResponse {
    let query = Query::parse(request.query_string());
    let origins = origins(&sandbox, &request);
    let inner = sandbox.lock();
    let id = query.get("client").unwrap_or(&sandbox.config.client_id);
    let client = inner.world.client(id).cloned();
    let uris = inner.world.redirect_uris.clone();
    drop(inner);
    reply(match client {
        Some(client) => Ok(file::file(&client, &uris, &origins)),
        None => Err(Refused("client: no such client; POST /_sandbox/clients/{client} makes one".to_owned())),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Redirects {
    redirect_uris: Vec<String>,
}

pub(super) async fn add_redirects(sandbox: Shared, body: Bytes) -> HttpResponse {
    reply(read::<Redirects>(&body).and_then(|redirects| {
        let mut inner = sandbox.lock();
        inner.commit(redirects.redirect_uris.into_iter().map(Change::RedirectUri).collect())?;
        Ok(json!({"redirect_uris": inner.world.redirect_uris}))
    }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TokenRequest {
    user: Option<String>,
    scopes: Option<Vec<String>>,
    expires_in: Option<u64>,
    /// The client that the grant is for.
    client: Option<String>,
}

/// A full grant without a browser.
pub(super) async fn tokens(sandbox: Shared, body: Bytes) -> HttpResponse {
    reply(read(&body).and_then(|asked: TokenRequest| grant(&sandbox, asked)))
}

fn grant(sandbox: &Sandbox, asked: TokenRequest) -> Result<Value, Refused> {
    let config = &sandbox.config;
    let scopes = match asked.scopes {
        Some(list) => scopes(&list)?,
        None => scope::usual(),
    };
    let lifetime = asked.expires_in.map_or(config.access_token_lifetime, Duration::from_secs);
    let client = asked.client.unwrap_or_else(|| config.client_id.clone());
    let mut inner = sandbox.lock();
    if inner.world.client(&client).is_none() {
        return Err(Refused("client: no such client; POST /_sandbox/clients/{client} makes one".to_owned()));
    }
    let now = inner.now(&sandbox.clock);
    let first = inner.world.users.first().map(|user| user.email.clone());
    let name = asked.user.or(first).unwrap_or_default();
    let user = ensure_user(&mut inner, &name)?;
    let mut consent = scopes.clone();
    let key = (user.clone(), client.clone());
    consent.extend(inner.world.consents.get(&key).cloned().unwrap_or_default());
    inner.commit(vec![Change::Consent { user: user.clone(), client: client.clone(), scopes: consent }])?;
    let source = Source::NewRefresh { lasting: None };
    let tokens = inner.issue(Order { user: &user, client: &client, scopes, source, lifetime }, now)?;
    let sub = inner.world.user(&user).map(|user| user.sub.clone());
    Ok(json!({
        "access_token": tokens.access.token,
        "refresh_token": tokens.refresh.map(|refresh| refresh.token),
        "token_type": "Bearer",
        "expires_in": lifetime.as_secs(),
        "scope": scope::join(&tokens.access.scopes),
        "user": user,
        "email": user,
        "sub": sub,
    }))
}
