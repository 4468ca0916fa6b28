//! `/_sandbox/…`: what tests and people do to the sandbox. None of it exists at Google.

mod clients;
mod grants;
mod troubles;
mod users;
mod watch;

use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::api_error::ApiError;
use crate::grant::Scopes;
use crate::oauth::credentials::Origins;
use crate::oauth::scope;
use crate::sandbox::{Inner, Sandbox, new_user};

type Shared = Data<Sandbox>;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/_sandbox/credentials", web::get().to(grants::credentials))
        .route("/_sandbox/credentials", web::post().to(grants::add_redirects))
        .route("/_sandbox/clients", web::get().to(clients::clients))
        .route("/_sandbox/clients/{client}", web::post().to(clients::set_client))
        .route("/_sandbox/service-account", web::get().to(clients::service_account))
        .route("/_sandbox/service-account", web::post().to(clients::set_service_account))
        .route("/_sandbox/tokens", web::post().to(grants::tokens))
        .route("/_sandbox/events", web::get().to(watch::events))
        .route("/_sandbox/stats", web::get().to(watch::stats))
        .route("/_sandbox/requests", web::get().to(watch::requests))
        .route("/_sandbox/faults", web::post().to(troubles::add_fault))
        .route("/_sandbox/faults", web::get().to(troubles::faults))
        .route("/_sandbox/faults", web::delete().to(troubles::clear_faults))
        .route("/_sandbox/quota", web::post().to(troubles::set_quota))
        .route("/_sandbox/quota", web::get().to(troubles::quota))
        .route("/_sandbox/meet", web::post().to(troubles::set_meet))
        .route("/_sandbox/clock", web::post().to(troubles::advance))
        .route("/_sandbox/clock", web::get().to(troubles::clock))
        .route("/_sandbox/reset", web::post().to(troubles::reset))
        .route("/_sandbox/users", web::get().to(users::users))
        .route("/_sandbox/users/{user}", web::post().to(users::set_user));
}

/// A control that was not understood: a sentence, with status 400.
struct Refused(String);

impl From<ApiError> for Refused {
    fn from(_: ApiError) -> Self {
        Self("the sandbox could not write its state file".to_owned())
    }
}

fn reply(result: Result<Value, Refused>) -> HttpResponse {
    match result {
        Ok(value) => HttpResponse::Ok().json(value),
        Err(Refused(sentence)) => {
            HttpResponse::build(StatusCode::BAD_REQUEST).json(json!({"error": sentence}))
        }
    }
}

/// An empty body means an empty object.
fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refused> {
    let body: &[u8] = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| Refused(error.to_string()))
}

/// The origin under which this request was sent.
pub(crate) fn here(request: &HttpRequest) -> String {
    let info = request.connection_info();
    format!("{}://{}", info.scheme(), info.host())
}

/// Where the sandbox is for browsers, and for whoever sent this request.
pub(crate) fn origins(sandbox: &Sandbox, request: &HttpRequest) -> Origins {
    let here = here(request);
    Origins { browser: sandbox.config.public_url.clone().unwrap_or_else(|| here.clone()), here }
}

fn scopes(list: &[String]) -> Result<Scopes, Refused> {
    scope::parse(&list.join(" ")).map_err(|unknown| Refused(format!("scopes: Google has no scope {unknown}")))
}

/// The address of a user, who is made if there is none.
fn ensure_user(inner: &mut Inner, name: &str) -> Result<String, Refused> {
    if let Some(user) = inner.world.user(name) {
        return Ok(user.email.clone());
    }
    if !email_address::EmailAddress::is_valid(name) {
        return Err(Refused("user: an e-mail address, or the sub of a user there is".to_owned()));
    }
    inner.commit(new_user(name).into())?;
    Ok(name.to_lowercase())
}
