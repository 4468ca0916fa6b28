//! Reading request bodies: bounded in size and in time.

use std::io::Read as _;
use std::time::Duration;

use actix_web::http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
};
use actix_web::{HttpRequest, web};
use flate2::read::MultiGzDecoder;
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

/// Reads a whole body of this type, unpacked where it came packed.
pub(crate) async fn read(
    request: &HttpRequest,
    payload: web::Payload,
    expected: BodyType,
) -> Result<Vec<u8>, Problem> {
    let headers = request.headers();
    check_type(headers, expected)?;
    let coding = Coding::of(headers)?;
    let announced: Option<u64> =
        headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if let Some(length) = announced
        && length > LARGEST as u64
    {
        return Err(too_large(&format!("has {length} bytes")));
    }
    match tokio::time::timeout(PATIENCE, collect(payload)).await {
        Ok(body) => coding.unpacked(body?),
        Err(_) => {
            let detail = format!("The body must arrive within {} seconds.", PATIENCE.as_secs());
            Err(Problem::new(Kind::BodyTooSlow, detail))
        }
    }
}

async fn collect(mut payload: web::Payload) -> Result<Vec<u8>, Problem> {
    let mut body = Vec::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| incomplete("The body ended early or its encoding is broken."))?;
        if body.len() + chunk.len() > LARGEST {
            return Err(too_large(&format!("has more than {LARGEST} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn check_type(headers: &HeaderMap, expected: BodyType) -> Result<(), Problem> {
    let sent = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut parts = sent.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    if !essence.eq_ignore_ascii_case(expected.name()) {
        return Err(unsupported(
            &CONTENT_TYPE,
            format!("Send the header Content-Type: {}.", expected.name()),
        ));
    }
    let mut charsets = parts.filter_map(|part| part.split_once('=')).filter(|(name, _)| {
        // RFC 9110 §5.6.6 allows no white space around the sign; some clients write it.
        name.trim().eq_ignore_ascii_case("charset")
    });
    match charsets.find(|(_, charset)| !is_utf8(charset)) {
        None => Ok(()),
        Some(_) => Err(unsupported(
            &CONTENT_TYPE,
            "The charset in Content-Type must be utf-8. Send the body as UTF-8 text.".to_owned(),
        )),
    }
}

/// Whether text in this charset is UTF-8; ASCII always is.
fn is_utf8(charset: &str) -> bool {
    let charset = charset.trim().trim_matches('"');
    ["utf-8", "utf8", "us-ascii", "ascii"].iter().any(|name| charset.eq_ignore_ascii_case(name))
}

fn unsupported(header: &HeaderName, detail: String) -> Problem {
    let name = if *header == CONTENT_ENCODING { "Content-Encoding" } else { "Content-Type" };
    let code = Kind::UnsupportedMediaType.slug();
    Problem::new(Kind::UnsupportedMediaType, detail.clone()).naming(name, code, detail)
}

fn incomplete(detail: &str) -> Problem {
    Problem::new(Kind::MalformedBody, detail).naming("body", "incomplete", detail)
}

/// `what` is wrong with the body's size. The limit counts the body's bytes as they are parsed: after they
/// were unpacked, and with every escape of the JSON as it was written.
fn too_large(what: &str) -> Problem {
    let detail = format!("The body {what}; at most {LARGEST} bytes are accepted.");
    Problem::new(Kind::BodyTooLarge, detail.clone()).naming("body", Kind::BodyTooLarge.slug(), detail)
}

/// How a body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    /// Not at all.
    Identity,
    /// RFC 1952.
    Gzip,
}

impl Coding {
    /// What `Content-Encoding` says (RFC 9110 §8.4).
    fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let values = headers.get_all(CONTENT_ENCODING);
        let text: Option<Vec<&str>> = values.map(|value| value.to_str().ok()).collect();
        let codings = text.unwrap_or_else(|| vec!["?"]).join(",").to_ascii_lowercase();
        let mut codings = codings.split(',').map(str::trim).filter(|name| !matches!(*name, "" | "identity"));
        match (codings.next(), codings.next()) {
            (None, _) => Ok(Self::Identity),
            (Some("gzip" | "x-gzip"), None) => Ok(Self::Gzip),
            (Some(_), _) => {
                let detail = "The body may be packed with gzip, once. Send the header Content-Encoding: gzip, or none.";
                let problem = unsupported(&CONTENT_ENCODING, detail.to_owned());
                Err(problem.with_header(ACCEPT_ENCODING, HeaderValue::from_static("gzip")))
            }
        }
    }

    /// The body itself, never more of it than the limit.
    fn unpacked(self, body: Vec<u8>) -> Result<Vec<u8>, Problem> {
        match self {
            Self::Identity => Ok(body),
            Self::Gzip => {
                let mut whole = Vec::new();
                // One byte more tells a body that is too large from one that just fits.
                let mut unpacking = MultiGzDecoder::new(&*body).take(LARGEST as u64 + 1);
                let read = unpacking.read_to_end(&mut whole);
                if whole.len() > LARGEST {
                    return Err(too_large(&format!("has more than {LARGEST} bytes when it is unpacked")));
                }
                read.map_err(|_| incomplete("The body is not whole gzip: it is cut short or corrupt."))?;
                Ok(whole)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn header(name: HeaderName, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_str(value).unwrap());
        headers
    }

    #[test]
    fn what_a_body_is_packed_with_is_known_in_every_spelling() {
        for (sent, coding) in [
            ("gzip", Some(Coding::Gzip)),
            ("GZip", Some(Coding::Gzip)),
            ("x-gzip", Some(Coding::Gzip)),
            ("identity, gzip", Some(Coding::Gzip)),
            ("identity", Some(Coding::Identity)),
            ("", Some(Coding::Identity)),
            ("br", None),
            ("deflate", None),
            ("zstd", None),
            ("gzip, gzip", None),
            ("gzip, br", None),
            ("gzip;q=1", None),
        ] {
            assert_eq!(Coding::of(&header(CONTENT_ENCODING, sent)).ok(), coding, "{sent}");
        }
        let mut twice = header(CONTENT_ENCODING, "gzip");
        twice.append(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        assert!(Coding::of(&twice).is_err());
        let mut bytes = HeaderMap::new();
        bytes.insert(CONTENT_ENCODING, HeaderValue::from_bytes(b"g\xfcip").unwrap());
        assert!(Coding::of(&bytes).is_err());
        assert_eq!(Coding::of(&HeaderMap::new()).ok(), Some(Coding::Identity));
    }

    #[test]
    fn the_type_and_its_charset_matter_and_other_parameters_do_not() {
        for (sent, fits) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/json;charset=UTF-8", true),
            ("application/json; charset=\"utf8\"", true),
            ("application/json; charset = utf-8", true),
            ("application/json; charset=us-ascii", true),
            ("application/json; profile=x", true),
            ("application/json; charset=utf-16", false),
            ("application/json; profile=x; Charset=ISO-8859-1", false),
            ("application/json; charset=utf-8; charset=latin1", false),
            ("application/json; charset=", false),
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
