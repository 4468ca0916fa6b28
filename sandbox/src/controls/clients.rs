//! The project's OAuth clients and its service account, as operators have them in Google's consoles.

use actix_web::web::{Bytes, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Shared, origins, read, reply, scopes};
use crate::change::Change;
use crate::client::{Client, ClientKind, Publishing};
use crate::identifier;
use crate::oauth::{credentials, service_account};

pub(super) async fn clients(sandbox: Shared) -> HttpResponse {
    let clients = sandbox.lock().world.clients.clone();
    HttpResponse::Ok().json(json!({"clients": clients}))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ClientChange {
    kind: Option<ClientKind>,
    publishing: Option<Publishing>,
    deleted: Option<bool>,
    secret: Option<String>,
}

/// Changes a client, or makes one; answers its credentials file.
pub(super) async fn set_client(
    sandbox: Shared,
    request: HttpRequest,
    path: Path<String>,
    body: Bytes,
) -> HttpResponse {
    let changed = read::<ClientChange>(&body).and_then(|change| {
        let mut inner = sandbox.lock();
        let known = inner.world.client(&path).cloned();
        let mut client = known
            .unwrap_or_else(|| Client::new(path.to_string(), format!("GOCSPX-{}", identifier::opaque(28))));
        client.kind = change.kind.unwrap_or(client.kind);
        client.publishing = change.publishing.unwrap_or(client.publishing);
        client.deleted = change.deleted.unwrap_or(client.deleted);
        client.secret = change.secret.unwrap_or(client.secret);
        inner.commit(vec![Change::Client(client.clone())])?;
        Ok((client, inner.world.redirect_uris.clone()))
    });
    reply(changed.map(|(client, uris): (Client, Vec<String>)| -> Value {
        credentials::file(&client, &uris, &origins(&sandbox, &request))
    }))
}

pub(super) async fn service_account(sandbox: Shared, request: HttpRequest) -> HttpResponse {
    let origins = origins(&sandbox, &request);
    HttpResponse::Ok().json(service_account::file(&sandbox.lock().key, &origins))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ServiceAccountChange {
    delegated_scopes: Option<Vec<String>>,
}

/// What an administrator delegates; answers the account's credentials file.
pub(super) async fn set_service_account(sandbox: Shared, request: HttpRequest, body: Bytes) -> HttpResponse {
    let origins = origins(&sandbox, &request);
    reply(read::<ServiceAccountChange>(&body).and_then(|change| {
        let delegated = change.delegated_scopes.as_deref().map(scopes).transpose()?;
        let mut inner = sandbox.lock();
        inner.commit(delegated.map(Change::Delegated).into_iter().collect())?;
        Ok(service_account::file(&inner.key, &origins))
    }))
}
