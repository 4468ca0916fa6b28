//! The contract: OpenAPI 3.1, made from the handlers themselves.

mod closed;
mod event;
mod presence;
mod webhooks;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use actix_web::{HttpResponse, web};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, Modify, OpenApi, ToSchema};

pub(crate) use event::EventRequest;

use crate::api::Api;
use crate::problem::Kind;
use crate::routes;

/// The contract as JSON.
#[utoipa::path(
    get,
    path = "/api/openapi.json",
    operation_id = "getContract",
    tag = "contract",
    security(()),
    responses((status = 200, description = "This document", body = Object), ContractProblems)
)]
pub(crate) async fn serve(api: web::Data<Api>) -> HttpResponse {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    let mut document = DOCUMENT.get_or_init(document).clone();
    let base = api.public_url.as_str().trim_end_matches('/');
    document["servers"] = json!([{"url": base, "description": "This server"}]);
    HttpResponse::Ok().content_type("application/json").body(document.to_string())
}

/// What programs may call. The pages for people are no part of it: they are reached with a browser, and
/// may change.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "calrelay",
        description = "A durable queue in front of Google Calendar: post an event, get a job, and know what came of it.",
    ),
    tags(
        (name = "jobs", description = "Accepting events, and what became of them"),
        (name = "accounts", description = "Whose calendars: who is connected, and connecting more"),
        (name = "older contract", description = "The same for clients of the older, synchronous service"),
        (name = "contract", description = "This document"),
    ),
    paths(
        routes::events::create,
        routes::older::create,
        routes::jobs::read,
        routes::jobs::cancel,
        routes::status::show,
        routes::links::create,
        routes::accounts::list,
        routes::accounts::show,
        routes::accounts::disconnect,
        serve,
    ),
    components(schemas(ProblemReply)),
    modifiers(&KeySecurity),
    security(("key" = []))
)]
struct Contract;

struct KeySecurity;

impl Modify for KeySecurity {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("key", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    }
}

/// The whole document but for `servers`.
fn document() -> Value {
    let mut document = serde_json::to_value(Contract::openapi()).expect("a contract is plain data");
    event::describe(&mut document);
    closed::describe(&mut document);
    webhooks::describe(&mut document);
    presence::describe(&mut document);
    document
}

/// What is wrong: RFC 9457 problem details.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProblemReply {
    /// The kind of problem.
    #[schema(example = "urn:calrelay:problem:invalid-fields")]
    r#type: String,
    /// One sentence, the same for every problem of this kind.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What is wrong this time, for a person.
    detail: String,
    /// Whether the same request may succeed later.
    retryable: bool,
    /// What is wrong with which part of the request.
    errors: Option<Vec<ProblemEntry>>,
    /// The job that it is about.
    job_id: Option<String>,
    /// Where that job's record is.
    status_url: Option<String>,
    /// Where to connect the account.
    setup_url: Option<String>,
    /// Older contract only: always false.
    success: Option<bool>,
    /// Older contract only: a sentence for a person.
    message: Option<String>,
}

/// What is wrong with one part of the request.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProblemEntry {
    /// The field, header or parameter: `attendees[2].email`.
    field: String,
    /// What is wrong, for a program.
    code: String,
    /// What is wrong and what to do, for a person.
    message: String,
}

/// The problems of every route: of who calls, and of how.
const COMMON: [Kind; 4] = [Kind::ForeignOrigin, Kind::Misdirected, Kind::RateLimited, Kind::Internal];

/// The problems of every route that needs a key.
const KEYED: [Kind; 5] = [
    Kind::Unauthenticated,
    Kind::InsufficientScope,
    Kind::InvalidQuery,
    Kind::RateLimited,
    Kind::StorageUnavailable,
];

/// The problems of accepting a job.
pub(crate) struct SubmitProblems;
/// The same, and those of the job itself.
pub(crate) struct OlderProblems;
/// The problems of reading a job.
pub(crate) struct ReadProblems;
/// The problems of taking a job back.
pub(crate) struct CancelProblems;
/// The problems of listing accounts.
pub(crate) struct AccountsProblems;
/// The problems of one account.
pub(crate) struct AccountProblems;
/// The problems of making a connect link.
pub(crate) struct LinkProblems;
/// The problems of a route that needs no key but takes one.
pub(crate) struct StatusProblems;
/// The problems of the contract itself.
pub(crate) struct ContractProblems;

type Responses = BTreeMap<String, RefOr<Response>>;

impl IntoResponses for SubmitProblems {
    fn responses() -> Responses {
        described(Kind::REJECTIONS)
    }
}

impl IntoResponses for OlderProblems {
    fn responses() -> Responses {
        let ended = Kind::ALL.into_iter().filter(|kind| matches!(kind, Kind::Job(_) | Kind::Cancelled));
        described(Kind::REJECTIONS.into_iter().chain(ended))
    }
}

impl IntoResponses for ReadProblems {
    fn responses() -> Responses {
        described(KEYED.into_iter().chain([Kind::JobNotFound]))
    }
}

impl IntoResponses for CancelProblems {
    fn responses() -> Responses {
        described(KEYED.into_iter().chain([Kind::JobNotFound, Kind::JobFinished, Kind::JobUnknown]))
    }
}

impl IntoResponses for AccountsProblems {
    fn responses() -> Responses {
        described(KEYED)
    }
}

impl IntoResponses for AccountProblems {
    fn responses() -> Responses {
        described(KEYED.into_iter().chain([Kind::AccountNotFound, Kind::AccountNotAllowed]))
    }
}

impl IntoResponses for LinkProblems {
    fn responses() -> Responses {
        let body = [
            Kind::MalformedBody,
            Kind::InvalidFields,
            Kind::BodyTooLarge,
            Kind::BodyTooSlow,
            Kind::UnsupportedMediaType,
        ];
        let account = [Kind::AccountNotFound, Kind::AccountNotAllowed];
        described(KEYED.into_iter().chain(account).chain(body))
    }
}

impl IntoResponses for StatusProblems {
    fn responses() -> Responses {
        described([Kind::Unauthenticated, Kind::InvalidQuery, Kind::RateLimited, Kind::StorageUnavailable])
    }
}

impl IntoResponses for ContractProblems {
    fn responses() -> Responses {
        described([])
    }
}

/// One response for each status, telling every kind of problem that has it.
fn described(kinds: impl IntoIterator<Item = Kind>) -> Responses {
    let mut sentences: BTreeMap<u16, Vec<String>> = BTreeMap::new();
    for kind in kinds.into_iter().chain(COMMON) {
        let sentence = format!("`{}`: {}", kind.slug(), kind.title());
        let of_status = sentences.entry(kind.status().as_u16()).or_default();
        if !of_status.contains(&sentence) {
            of_status.push(sentence);
        }
    }
    let response = |(status, sentences): (u16, Vec<String>)| {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("ProblemReply"))).build();
        let response = ResponseBuilder::new()
            .description(sentences.join("\n\n"))
            .content("application/problem+json", content)
            .build();
        (status.to_string(), RefOr::T(response))
    };
    sentences.into_iter().map(response).collect()
}

#[cfg(test)]
mod tests;
