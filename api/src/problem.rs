//! The one shape of every error: RFC 9457 problem details, never with an internal cause.

mod kind;

use std::fmt;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use common::event::BodyError;
use common::field::FieldError;
use serde::Serialize;
use serde_json::{Map, Value, json};

pub(crate) use kind::Kind;

/// What is wrong, for a program and for a person.
#[derive(Debug)]
pub(crate) struct Problem(Box<Parts>);

#[derive(Debug)]
struct Parts {
    kind: Kind,
    detail: String,
    errors: Vec<Entry>,
    extensions: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// One thing that is wrong with one part of the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Entry {
    field: String,
    code: String,
    message: String,
}

/// How a problem's type begins; the slug follows.
const TYPE: &str = "urn:calrelay:problem:";

impl Problem {
    /// A problem with a sentence for a person.
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        let (errors, extensions, headers) = (Vec::new(), Map::new(), Vec::new());
        Self(Box::new(Parts { kind, detail: detail.into(), errors, extensions, headers }))
    }

    /// A problem with one named header.
    pub(crate) fn header(name: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self::new(Kind::InvalidHeader, format!("{name}: {message}")).naming(name, "invalid-header", message)
    }

    /// A problem with one named query parameter.
    pub(crate) fn query(name: &str, code: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self::new(Kind::InvalidQuery, message.clone()).naming(name, code, message)
    }

    /// A problem with one named field of the body.
    pub(crate) fn field(name: &str, code: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self::new(Kind::InvalidFields, format!("{name}: {message}")).naming(name, code, message)
    }

    /// Something is wrong with us; what, only the log knows.
    pub(crate) fn internal() -> Self {
        Self::new(Kind::Internal, "The request could not be dealt with. It is safe to try again.")
    }

    /// A store or vault of ours cannot be used.
    pub(crate) fn storage_unavailable() -> Self {
        Self::new(Kind::StorageUnavailable, "Nothing was changed. Try again shortly.")
            .retry_after(Duration::from_secs(5))
    }

    /// Adds what is wrong with a named part of the request.
    pub(crate) fn naming(mut self, field: &str, code: &str, message: impl Into<String>) -> Self {
        let entry = Entry { field: field.to_owned(), code: code.to_owned(), message: message.into() };
        self.0.errors.push(entry);
        self
    }

    /// Adds a member beside the standard ones.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.extensions.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a header.
    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// Says when to come back.
    pub(crate) fn retry_after(self, wait: Duration) -> Self {
        let seconds = wait.as_millis().div_ceil(1000).clamp(1, u128::from(u32::MAX));
        let seconds = u32::try_from(seconds).expect("it was clamped to fit");
        self.with_header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// The same problem as clients of the older contract expect it: with `success` and `message`.
    pub(crate) fn for_older_clients(self) -> Self {
        // The older service had words of its own for this one: they are its title.
        let own_words = self.0.kind == Kind::AccountNotConnected || self.0.detail.is_empty();
        let message = if own_words { self.0.kind.title().to_owned() } else { self.0.detail.clone() };
        self.with("success", false).with("message", message)
    }

    /// What kind of problem it is.
    pub(crate) fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The sentence for a person.
    pub(crate) fn detail(&self) -> &str {
        &self.0.detail
    }

    /// What headers say of it.
    pub(crate) fn headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.0.headers
    }

    /// The whole as JSON.
    fn body(&self) -> Value {
        let parts = &*self.0;
        let mut body = parts.extensions.clone();
        body.insert("type".to_owned(), json!(format!("{TYPE}{}", parts.kind.slug())));
        body.insert("title".to_owned(), json!(parts.kind.title()));
        body.insert("status".to_owned(), json!(parts.kind.status().as_u16()));
        body.insert("detail".to_owned(), json!(parts.detail));
        body.insert("retryable".to_owned(), json!(parts.kind.retryable()));
        if !parts.errors.is_empty() {
            body.insert("errors".to_owned(), json!(parts.errors));
        }
        Value::Object(body)
    }
}

/// A problem's `type` for `slug`.
pub(crate) fn type_uri(slug: &str) -> String {
    format!("{TYPE}{slug}")
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.kind.slug())
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.0.kind.status()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        response.content_type("application/problem+json");
        for (name, value) in &self.0.headers {
            response.insert_header((name.clone(), value.clone()));
        }
        response.body(self.body().to_string())
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        if let BodyError::Fields(fields) = &error {
            return Self::from_fields(fields);
        }
        let code = error.code();
        let sentence = match &error {
            BodyError::NotUtf8 => "The body is not UTF-8 text.".to_owned(),
            BodyError::NotJson { line, column, message } => {
                format!("The body is not JSON: {message} (line {line}, column {column}).")
            }
            BodyError::TooDeep => "Objects and lists nest too deeply in the body.".to_owned(),
            BodyError::NotAnObject | BodyError::Fields(_) => "The body must be a JSON object.".to_owned(),
        };
        Self::new(Kind::MalformedBody, sentence.clone()).naming("body", code, sentence)
    }
}

impl Problem {
    fn from_fields(fields: &[FieldError]) -> Self {
        let detail = match fields {
            [one] => format!("{}: {}", one.field, one.message),
            [] | [_, ..] => format!("{} fields cannot be accepted; errors names each.", fields.len()),
        };
        fields.iter().fold(Self::new(Kind::InvalidFields, detail), |problem, error| {
            problem.naming(&error.field, error.code.as_str(), error.message.clone())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_has_the_members_of_rfc_9457_and_ours() {
        let problem = Problem::field("notAfter", "past", "it is past").with("jobId", "j");
        assert_eq!(
            problem.body(),
            json!({
                "type": "urn:calrelay:problem:invalid-fields",
                "title": "Some fields cannot be accepted.",
                "status": 422,
                "detail": "notAfter: it is past",
                "retryable": false,
                "errors": [{"field": "notAfter", "code": "past", "message": "it is past"}],
                "jobId": "j",
            })
        );
    }

    #[test]
    fn older_clients_are_told_in_their_own_words() {
        let body = Problem::new(Kind::AccountNotConnected, "…").for_older_clients().body();
        assert_eq!(body["success"], json!(false));
        assert_eq!(body["message"], json!("Calendar integration not configured"));
    }

    #[test]
    fn waits_are_rounded_up_to_whole_seconds() {
        for (wait, expected) in [(0, "1"), (1, "1"), (1000, "1"), (1001, "2")] {
            let problem = Problem::internal().retry_after(Duration::from_millis(wait));
            let response = problem.error_response();
            assert_eq!(response.headers().get(header::RETRY_AFTER).unwrap(), expected, "{wait}");
        }
    }
}
