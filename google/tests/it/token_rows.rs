//! The token endpoint's refusals as Google sends them, each over the wire.

use std::time::Duration;

use common::port::{RefreshToken, TokenEndpoint as _, TokenError};
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::json;

use crate::setting::Setting;

/// What a refresh becomes when Google answers so.
async fn told(status: u16, headers: &[(&str, &str)], body: &str) -> TokenError {
    let setting = Setting::new().await;
    setting.server.answer(status, headers, body);
    let token = RefreshToken(SecretString::from("1//refresh"));
    let client = setting.oauth.client();
    let error = setting.oauth.refresh(&client, &token, Timestamp::UNIX_EPOCH).await.unwrap_err();
    assert_eq!(setting.server.seen().len(), 1, "one call, one request");
    error
}

async fn refused(status: u16, error: &str, description: &str) -> TokenError {
    told(status, &[], &json!({"error": error, "error_description": description}).to_string()).await
}

#[tokio::test]
async fn invalid_grant_means_that_the_user_must_connect_again() {
    for description in [
        "Token has been expired or revoked.",
        "Bad Request",
        "Malformed auth code.",
        "Words that nobody has seen yet",
    ] {
        let error = TokenError::InvalidGrant { description: description.to_owned() };
        assert_eq!(refused(400, "invalid_grant", description).await, error);
    }
}

#[tokio::test]
async fn a_user_that_google_does_not_know_is_told_apart() {
    for description in ["The account has been deleted", "Invalid email or User ID", "Not a valid email"] {
        let error = TokenError::NoSuchUser { description: description.to_owned() };
        assert_eq!(refused(400, "invalid_grant", description).await, error);
    }
}

#[tokio::test]
async fn an_assertion_that_google_does_not_take_is_the_operators_trouble() {
    let description = "Invalid JWT: Token must be a short-lived token".to_owned();
    let error = TokenError::InvalidClient { error: "invalid_grant".to_owned(), description };
    assert_eq!(refused(400, "invalid_grant", "Invalid JWT: Token must be a short-lived token").await, error);
}

#[tokio::test]
async fn invalid_rapt_wants_a_login() {
    let body = json!({
        "error": "invalid_grant", "error_subtype": "invalid_rapt",
        "error_description": "reauth related error (invalid_rapt)",
    });
    let description = "reauth related error (invalid_rapt)".to_owned();
    assert_eq!(told(400, &[], &body.to_string()).await, TokenError::LoginRequired { description });
}

#[tokio::test]
async fn a_client_that_google_does_not_take_is_the_operators_trouble() {
    for (error, description) in [
        ("invalid_client", "The OAuth client was not found."),
        ("invalid_client", "The provided client secret is invalid."),
        ("deleted_client", "The OAuth client was deleted."),
        (
            "unauthorized_client",
            "Client is unauthorized to retrieve access tokens using this method, or client not authorized for \
             any of the scopes requested.",
        ),
    ] {
        let expected =
            TokenError::InvalidClient { error: error.to_owned(), description: description.to_owned() };
        assert_eq!(refused(401, error, description).await, expected);
    }
}

#[tokio::test]
async fn an_administrators_refusal_is_kept_apart() {
    for (status, error, description) in [
        (403, "access_denied", "Requested client not authorized"),
        (403, "access_denied", "Account restricted"),
        (400, "admin_policy_enforced", "Blocked by your administrator."),
        (400, "policy_enforced", "Advanced Protection does not allow this app."),
    ] {
        let expected = TokenError::Denied { description: description.to_owned() };
        assert_eq!(refused(status, error, description).await, expected);
    }
}

#[tokio::test]
async fn a_request_that_is_wrong_is_refused_in_googles_words() {
    for error in [
        "redirect_uri_mismatch",
        "invalid_scope",
        "unsupported_grant_type",
        "invalid_request",
        "something_new",
    ] {
        let expected = TokenError::Refused { error: error.to_owned(), description: "Bad Request".to_owned() };
        assert_eq!(refused(400, error, "Bad Request").await, expected);
    }
}

#[tokio::test]
async fn a_5xx_is_google_failing_json_or_not() {
    for status in [500, 502, 503, 504] {
        let expected = TokenError::Unavailable { status };
        assert_eq!(refused(status, "internal_failure", "Backend Error").await, expected);
        assert_eq!(told(status, &[("content-type", "text/html")], "<html>").await, expected);
        assert_eq!(told(status, &[], "").await, expected);
    }
}

#[tokio::test]
async fn an_error_that_says_later_is_google_failing() {
    for error in ["internal_failure", "server_error", "temporarily_unavailable"] {
        assert_eq!(refused(400, error, "").await, TokenError::Unavailable { status: 400 });
    }
    assert_eq!(refused(408, "x", "").await, TokenError::Unavailable { status: 408 });
}

#[tokio::test]
async fn too_many_refreshes_are_throttled() {
    let retry_after = Some(Duration::from_secs(5));
    let error = told(429, &[("retry-after", "5")], "").await;
    assert_eq!(error, TokenError::Throttled { retry_after });
    let error = refused(403, "rate_limit_exceeded", "Too many tokens.").await;
    assert_eq!(error, TokenError::Throttled { retry_after: None });
}

#[tokio::test]
async fn a_page_from_something_in_between_ends_no_grant() {
    for status in [302, 400, 401, 403, 404] {
        for body in ["<html>Please log in to the hotel's network</html>", ""] {
            let error = told(status, &[("content-type", "text/html")], body).await;
            assert_eq!(error, TokenError::Unavailable { status }, "{body:?}");
        }
    }
}
