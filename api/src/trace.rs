//! The trace that a request belongs to: its caller's, or one that begins here.

use actix_web::http::header::{HeaderMap, HeaderName};
use actix_web::{HttpMessage as _, HttpRequest};
use common::trace::TraceContext;

/// As the Recommendation writes it, whatever version it says.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Our own span of the caller's trace; of a new one where there is none, or several, or something else.
pub(crate) fn begun(headers: &HeaderMap) -> TraceContext {
    let mut values = headers.get_all(TRACEPARENT);
    match (values.next(), values.next()) {
        (Some(one), None) => {
            let given = one.to_str().ok().and_then(|text| TraceContext::parse(text.trim()).ok());
            given.map_or_else(TraceContext::fresh, TraceContext::child)
        }
        (Some(_), Some(_)) | (None, _) => TraceContext::fresh(),
    }
}

/// The span that serves `request`.
pub(crate) fn of(request: &HttpRequest) -> TraceContext {
    request.extensions().get().copied().unwrap_or_else(|| begun(request.headers()))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn with(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(TRACEPARENT, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn one_valid_traceparent_is_gone_on_with_and_anything_else_is_ignored() {
        let given = format!("00-{ID}-00f067aa0ba902b7-01");
        let (upper, joined) = (given.to_uppercase(), format!("{given}, {given}"));
        let ours = begun(&with(&[&given]));
        assert_eq!(ours.trace_id(), ID);
        assert_ne!(ours.to_string(), given, "the span is ours");
        let ignored: [&[&str]; 5] = [&[], &[&given, &given], &["00-0-0-0"], &[&upper], &[&joined]];
        for values in ignored {
            assert_ne!(begun(&with(values)).trace_id(), ID, "{values:?}");
        }
    }
}
