//! Which path is served by what. All other paths and methods are problems too.

pub(crate) mod accounts;
pub(crate) mod callback;
pub(crate) mod connect;
pub(crate) mod events;
pub(crate) mod invitation;
pub(crate) mod jobs;
pub(crate) mod links;
pub(crate) mod older;
mod reply;
pub(crate) mod revoke;
pub(crate) mod setup;
pub(crate) mod status;
mod stream;

use actix_web::http::Method;
use actix_web::http::header::{ALLOW, CACHE_CONTROL, HeaderValue, LOCATION};
use actix_web::{HttpRequest, HttpResponse, Resource, Route, guard, web};

use crate::api::Api;
use crate::openapi;
use crate::pages::{self, notice};
use crate::paths::{
    ACCOUNT, ACCOUNTS, CALLBACK, CONNECT, EVENTS, JOB, LINK, LINKS, OLDER, OPENAPI, REVOKE, SETUP, STATUS,
    STYLE,
};
use crate::problem::{Kind, Problem};

/// Registers everything.
pub(crate) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(at(EVENTS, "POST").route(web::post().to(events::create)))
        .service(at(OLDER, "POST").route(web::post().to(older::create)))
        .service(
            at(JOB, "GET, HEAD, DELETE").route(get().to(jobs::read)).route(web::delete().to(jobs::cancel)),
        )
        .service(at(ACCOUNTS, "GET, HEAD").route(get().to(accounts::list)))
        .service(
            at(ACCOUNT, "GET, HEAD, DELETE")
                .route(get().to(accounts::show))
                .route(web::delete().to(accounts::disconnect)),
        )
        .service(at(LINKS, "POST").route(web::post().to(links::create)))
        .service(
            at(LINK, "GET, HEAD, POST")
                .route(get().to(invitation::show))
                .route(web::post().to(invitation::begin)),
        )
        .service(at(STATUS, "GET, HEAD").route(get().to(status::show)))
        .service(at(SETUP, "GET, HEAD, POST").route(get().to(setup::show)).route(web::post().to(setup::sign)))
        .service(at(CONNECT, "POST").route(web::post().to(connect::begin)))
        .service(at(CALLBACK, "GET, HEAD").route(get().to(callback::finish)))
        .service(
            at(REVOKE, "GET, HEAD, POST").route(get().to(revoke::ask)).route(web::post().to(revoke::revoke)),
        )
        .service(at(OPENAPI, "GET, HEAD").route(get().to(openapi::serve)))
        .service(at(STYLE, "GET, HEAD").route(get().to(style)))
        .service(at("/", "GET, HEAD").route(get().to(home)))
        .default_service(web::to(nothing_here));
}

/// A path that refuses every method without a route of its own.
fn at(path: &'static str, allow: &'static str) -> Resource {
    web::resource(path).default_service(web::to(
        move |api: web::Data<Api>, request: HttpRequest| async move {
            answered(&api, &request, wrong_method(&request, path, allow))
        },
    ))
}

fn get() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

fn wrong_method(request: &HttpRequest, path: &str, allow: &'static str) -> Problem {
    // Only the names of RFC 9110 are repeated to the caller.
    let known = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    let method = known.iter().find(|known| *known == request.method()).map_or("that method", Method::as_str);
    let detail = format!("This path takes {allow}, not {method}.");
    let problem =
        Problem::new(Kind::MethodNotAllowed, detail).with_header(ALLOW, HeaderValue::from_static(allow));
    if path == OLDER { problem.for_older_clients() } else { problem }
}

async fn nothing_here(api: web::Data<Api>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let problem =
        Problem::new(Kind::NotFound, "No route has this path. The contract is at /api/openapi.json.");
    answered(&api, &request, problem)
}

/// A page for a person, a problem for a program.
fn answered(api: &Api, request: &HttpRequest, problem: Problem) -> Result<HttpResponse, Problem> {
    if pages::wanted(request) { Ok(notice::problem(&problem).respond(api)) } else { Err(problem) }
}

async fn home() -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, SETUP)).finish()
}

async fn style() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/css; charset=utf-8")
        .insert_header((CACHE_CONTROL, "public, max-age=3600"))
        .body(include_str!("../assets/style.css"))
}
