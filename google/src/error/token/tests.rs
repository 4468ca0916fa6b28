//! The layouts at their oddest; every row of Google's catalogue is in tests/it/token_rows.rs.

use std::time::Duration;

use http::{HeaderValue, header};
use serde_json::json;

use super::*;

fn meaning(status: u16, body: &str) -> TokenError {
    let status = StatusCode::from_u16(status).unwrap();
    refusal(status, &HeaderMap::new(), body.as_bytes(), SystemTime::UNIX_EPOCH)
}

#[test]
fn a_page_never_ends_a_grant_nor_accuses_the_client() {
    for status in 300..=599 {
        for page in ["", "<html>", "{\"error\":", "{}", "{\"error\":\"\"}", "{\"error\":7}", "null"] {
            let told = meaning(status, page);
            let expected = match status {
                429 => TokenError::Throttled { retry_after: None },
                _ => TokenError::Unavailable { status },
            };
            assert_eq!(told, expected, "{status} {page:?}");
        }
    }
}

#[test]
fn a_5xx_is_google_failing_whatever_it_says() {
    let body = json!({"error": "invalid_grant"}).to_string();
    assert_eq!(meaning(503, &body), TokenError::Unavailable { status: 503 });
}

#[test]
fn an_error_that_says_later_is_believed_under_any_status() {
    for error in ["internal_failure", "server_error", "temporarily_unavailable"] {
        let body = json!({"error": error, "error_description": "Backend Error"}).to_string();
        assert_eq!(meaning(400, &body), TokenError::Unavailable { status: 400 }, "{error}");
    }
}

#[test]
fn retry_after_is_kept() {
    let mut headers = HeaderMap::new();
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static("9"));
    let told = refusal(StatusCode::TOO_MANY_REQUESTS, &headers, b"", SystemTime::UNIX_EPOCH);
    assert_eq!(told, TokenError::Throttled { retry_after: Some(Duration::from_secs(9)) });
}

#[test]
fn the_subtype_is_told_once() {
    let with = |description: Option<&str>| {
        let body = json!({
            "error": "invalid_grant", "error_subtype": "invalid_rapt", "error_description": description,
        });
        meaning(400, &body.to_string())
    };
    let told = |description: &str| TokenError::LoginRequired { description: description.to_owned() };
    assert_eq!(
        with(Some("reauth related error (invalid_rapt)")),
        told("reauth related error (invalid_rapt)")
    );
    assert_eq!(with(Some("Bad Request")), told("Bad Request (invalid_rapt)"));
    assert_eq!(with(None), told("(invalid_rapt)"));
}

#[test]
fn the_apis_own_layout_is_understood_too() {
    let body = json!({"error": {"code": 401, "message": "Invalid Credentials", "status": "UNAUTHENTICATED"}});
    let refused = TokenError::Refused {
        error: "UNAUTHENTICATED".to_owned(),
        description: "Invalid Credentials".to_owned(),
    };
    assert_eq!(meaning(401, &body.to_string()), refused);
}
