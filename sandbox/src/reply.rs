//! One reply on its way out, and the word that statistics file it under.

use std::borrow::Cow;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde_json::Value;

const JSON: &str = "application/json; charset=UTF-8";
const HTML: &str = "text/html; charset=UTF-8";

#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// `ok`, or Google's reason.
    pub(crate) label: Cow<'static, str>,
    content_type: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

/// Google indents unless it is asked not to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Print {
    Pretty,
    Compact,
}

impl Reply {
    pub(crate) fn json(status: u16, value: &Value, print: Print) -> Self {
        let body = match print {
            Print::Pretty => serde_json::to_vec_pretty(value),
            Print::Compact => serde_json::to_vec(value),
        }
        .expect("a JSON value always serialises");
        Self { status, label: "ok".into(), content_type: JSON, headers: Vec::new(), body }
    }

    pub(crate) fn html(status: u16, page: String) -> Self {
        Self { status, label: "ok".into(), content_type: HTML, headers: Vec::new(), body: page.into_bytes() }
    }

    pub(crate) fn redirect(to: &str) -> Self {
        Self::empty(302).header("Location", to)
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self { status, label: "ok".into(), content_type: "", headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn labelled(mut self, label: impl Into<Cow<'static, str>>) -> Self {
        self.label = label.into();
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn into_response(self) -> HttpResponse {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = HttpResponse::build(status);
        response.insert_header(("Server", "ESF"));
        response.insert_header(("Vary", "Origin, X-Origin, Referer"));
        response.insert_header(("Cache-Control", "no-cache, no-store, max-age=0, must-revalidate"));
        for (name, value) in self.headers {
            response.insert_header((name, value));
        }
        if self.body.is_empty() {
            return response.finish();
        }
        response.content_type(self.content_type).body(self.body)
    }
}
