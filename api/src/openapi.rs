//! The contract: OpenAPI 3.1, made from the handlers themselves.

mod event;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use actix_web::HttpResponse;
use serde::Serialize;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, Modify, OpenApi, ToSchema};

pub(crate) use event::EventRequest;

use crate::problem::Kind;
use crate::routes;

/// The contract as JSON.
#[utoipa::path(
    get,
    path = "/api/openapi.json",
    tag = "contract",
    security(()),
    responses((status = 200, description = "This document", content_type = "application/json"))
)]
pub(crate) async fn serve() -> HttpResponse {
    static DOCUMENT: OnceLock<String> = OnceLock::new();
    let document = DOCUMENT.get_or_init(|| Contract::openapi().to_json().expect("a contract is plain data"));
    HttpResponse::Ok().content_type("application/json").body(document.as_str())
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "calrelay",
        description = "A durable queue in front of Google Calendar: post an event, get a job, and know what came of it.",
    ),
    paths(
        routes::events::create,
        routes::older::create,
        routes::jobs::read,
        routes::jobs::cancel,
        routes::status::show,
        routes::setup::show,
        routes::setup::sign,
        routes::connect::begin,
        routes::callback::finish,
        routes::invitation::show,
        routes::invitation::begin,
        routes::links::create,
        routes::accounts::list,
        routes::accounts::show,
        routes::accounts::disconnect,
        routes::revoke::ask,
        routes::revoke::revoke,
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

/// One response for each status, telling every kind of problem that has it.
fn described(kinds: impl IntoIterator<Item = Kind>) -> Responses {
    let mut sentences: BTreeMap<u16, Vec<String>> = BTreeMap::new();
    for kind in kinds {
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
mod tests {
    use serde_json::Value;

    use super::*;

    fn document() -> Value {
        serde_json::to_value(Contract::openapi()).unwrap()
    }

    #[test]
    fn the_contract_is_openapi_3_1_and_has_every_route() {
        let document = document();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
        for (path, methods) in [
            (routes::EVENTS, &["post"][..]),
            (routes::OLDER, &["post"]),
            (routes::JOB, &["get", "delete"]),
            (routes::STATUS, &["get"]),
            (routes::SETUP, &["get", "post"]),
            (routes::CONNECT, &["post"]),
            (routes::CALLBACK, &["get"]),
            (routes::REVOKE, &["get", "post"]),
            (routes::ACCOUNTS, &["get"]),
            (routes::ACCOUNT, &["get", "delete"]),
            (routes::LINKS, &["post"]),
            (routes::LINK, &["get", "post"]),
            (routes::OPENAPI, &["get"]),
        ] {
            for method in methods {
                let operation = &document["paths"][path][method];
                assert!(operation["responses"].is_object(), "{method} {path}");
            }
        }
    }

    #[test]
    fn every_reference_points_at_a_schema() {
        let document = document();
        let mut references = Vec::new();
        collect(&document, &mut references);
        assert!(!references.is_empty());
        for reference in references {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }

    fn collect(value: &Value, references: &mut Vec<String>) {
        if let Some(object) = value.as_object() {
            if let Some(reference) = object.get("$ref").and_then(Value::as_str) {
                references.push(reference.to_owned());
            }
            object.values().for_each(|value| collect(value, references));
        } else if let Some(list) = value.as_array() {
            list.iter().for_each(|value| collect(value, references));
        }
    }
}
