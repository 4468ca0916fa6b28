//! What happens to every request before its handler and to every reply after it.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ResponseHead, ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::Method;
use actix_web::http::header::{CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use actix_web::http::{ConnectionType, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpRequest, ResponseError as _, web};
use futures_util::FutureExt as _;
use tracing::{Instrument as _, error};

use crate::api::Api;
use crate::entrance;
use crate::metrics::{self, Route};
use crate::pages::{self, Reader, notice};
use crate::problem::Problem;
use crate::rate::RateStatus;
use crate::settings::GoogleKind;
use crate::trace;

const GOOGLE: HeaderName = HeaderName::from_static("calrelay-google");

/// Checks the host, counts the caller, catches panics, and writes the headers that every reply has.
pub(crate) async fn front(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let began = Instant::now();
    let api = web::Data::clone(request.app_data::<web::Data<Api>>().expect("the app is made with it"));
    let route = Route::of(request.path());
    let method = request.method().clone();
    let offered = request.head().upgrade();
    let context = trace::begun(request.headers());
    request.extensions_mut().insert(context);
    let handled = AssertUnwindSafe(handled(&api, request, route, next)).catch_unwind();
    let answer = match handled.instrument(context.log_span()).await {
        Ok(answer) => answer,
        Err(_) => {
            // The panic hook has printed what it knows.
            error!(http.route = ?route, "A handler panicked on {route:?}");
            Err(dressed(Problem::internal(), route).into())
        }
    };
    match answer {
        Ok(mut response) => {
            let standing = response.request().extensions().get::<RateStatus>().copied();
            finish(response.headers_mut(), &api, standing);
            close(response.response_mut().head_mut(), offered);
            metrics::answered(route, &method, response.status(), began.elapsed());
            Ok(response)
        }
        Err(error) => {
            let mut response = error.error_response();
            finish(response.headers_mut(), &api, None);
            close(response.head_mut(), offered);
            metrics::answered(route, &method, response.status(), began.elapsed());
            Err(InternalError::from_response("answered with a problem", response).into())
        }
    }
}

/// What a reply says of its connection beyond what the web server says by itself.
///
/// To an offer of another protocol (`Upgrade: h2c`), which nothing here takes up, the web server would
/// answer `connection: upgrade` and then drop the connection. It cannot be made to keep one (actix-http
/// 3.20 takes the connection's type from the request alone), so the reply says that it is dropped. After a
/// body that is too large it would keep or drop the connection by how much of it has arrived.
fn close(response: &mut ResponseHead, offered: bool) {
    if offered || response.status == StatusCode::PAYLOAD_TOO_LARGE {
        response.set_connection_type(ConnectionType::Close);
    }
}

/// The handler's answer, unless the request does not get that far.
async fn handled(
    api: &web::Data<Api>,
    request: ServiceRequest,
    route: Route,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if let Err(problem) = api.hosts.admit(request.headers()) {
        return Ok(request.into_response(dressed(problem, route).error_response()));
    }
    if let Err(problem) = entrance::enter(api, request.request(), route).await {
        if matches!(route, Route::Events | Route::Older) && request.method() == Method::POST {
            metrics::rejected(problem.kind());
        }
        let answer = match reader(request.request(), route) {
            Some(Reader::Operator) => notice::problem(&problem).respond(api),
            Some(Reader::Visitor) => notice::visitors_problem(&problem).respond(api),
            None => dressed(problem, route).error_response(),
        };
        return Ok(request.into_response(answer));
    }
    next.call(request).await.map(ServiceResponse::map_into_boxed_body)
}

/// Whom a page would be for, where the answer is to be one.
fn reader(request: &HttpRequest, route: Route) -> Option<Reader> {
    match route {
        Route::Setup | Route::Connect | Route::Revoke => Some(Reader::Operator),
        Route::Link | Route::Callback => Some(Reader::Visitor),
        Route::Events
        | Route::Older
        | Route::Job
        | Route::Status
        | Route::Accounts
        | Route::Account
        | Route::Links
        | Route::OpenApi
        | Route::Other => pages::wanted(request).then_some(Reader::Operator),
    }
}

fn dressed(problem: Problem, route: Route) -> Problem {
    if route == Route::Older { problem.for_older_clients() } else { problem }
}

fn finish(headers: &mut HeaderMap, api: &Api, standing: Option<RateStatus>) {
    if let Some(standing) = standing {
        standing.write(headers);
    }
    if let GoogleKind::Sandbox { .. } = api.settings.google {
        headers.insert(GOOGLE, HeaderValue::from_static("sandbox"));
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}
