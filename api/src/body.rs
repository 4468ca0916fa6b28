//! Reading request bodies: bounded in size and in time.

use std::time::Duration;

use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use actix_web::{HttpRequest, web};
use futures_util::StreamExt as _;

use crate::problem::{Kind, Problem};

/// The largest body: 64 KiB.
pub(crate) const LARGEST: usize = 64 * 1024;
/// A caller has this long to send it.
const PATIENCE: Duration = Duration::from_secs(15);

/// The type that a body must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyType {
    /// `application/json`.
    Json,
    /// What browsers send for a form.
    Form,
}

impl BodyType {
    fn name(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Form => "application/x-www-form-urlencoded",
        }
    }
}

/// Reads a whole body of this type.
pub(crate) async fn read(
    request: &HttpRequest,
    payload: web::Payload,
    expected: BodyType,
) -> Result<Vec<u8>, Problem> {
    check_type(request.headers(), expected)?;
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| length > LARGEST as u64) {
        return Err(too_large());
    }
    match tokio::time::timeout(PATIENCE, collect(payload)).await {
        Ok(body) => body,
        Err(_) => {
            let detail = format!("The body must arrive within {} seconds.", PATIENCE.as_secs());
            Err(Problem::new(Kind::BodyTooSlow, detail))
        }
    }
}

async fn collect(mut payload: web::Payload) -> Result<Vec<u8>, Problem> {
    let mut body = Vec::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| {
            let detail = "The body ended early or its encoding is broken.";
            Problem::new(Kind::MalformedBody, detail).naming("body", "incomplete", detail)
        })?;
        if body.len() + chunk.len() > LARGEST {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn check_type(headers: &HeaderMap, expected: BodyType) -> Result<(), Problem> {
    let sent = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = sent.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case(expected.name()) {
        return Ok(());
    }
    let detail = format!("Send the header Content-Type: {}.", expected.name());
    Err(Problem::new(Kind::UnsupportedMediaType, detail.clone()).naming(
        "Content-Type",
        Kind::UnsupportedMediaType.slug(),
        detail,
    ))
}

fn too_large() -> Problem {
    let detail = format!("The body may have at most {LARGEST} bytes.");
    Problem::new(Kind::BodyTooLarge, detail.clone()).naming("body", Kind::BodyTooLarge.slug(), detail)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    #[test]
    fn parameters_of_the_type_do_not_matter_but_the_type_does() {
        for (sent, fits) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("text/plain", false),
            ("application/jsonp", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(sent));
            assert_eq!(check_type(&headers, BodyType::Json).is_ok(), fits, "{sent}");
        }
        assert!(check_type(&HeaderMap::new(), BodyType::Json).is_err());
    }
}
