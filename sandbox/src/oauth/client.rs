//! The one OAuth client of the sandbox: its credentials file, and proving to be it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::error::OAuthError;
use crate::config::Config;
use crate::query::Query;

/// Refuses who is not the client. The secret comes in the form (`client_secret_post`) or the header (`…_basic`).
pub(super) fn check(config: &Config, form: &Query, authorization: Option<&str>) -> Result<(), OAuthError> {
    let basic = authorization.and_then(basic);
    let (id, secret) = match &basic {
        Some((id, secret)) => (Some(id.as_str()), Some(secret.as_str())),
        None => (form.get("client_id"), form.get("client_secret")),
    };
    let Some(id) = id else {
        return Err(OAuthError::of("invalid_request", "Could not determine client ID from request."));
    };
    if id != config.client_id {
        return Err(OAuthError::of("invalid_client", "The OAuth client was not found."));
    }
    match secret {
        Some(secret) if secret == config.client_secret => Ok(()),
        Some(_) => Err(OAuthError::of("invalid_client", "The provided client secret is invalid.")),
        None => Err(OAuthError::of("invalid_request", "client_secret is missing.")),
    }
}

fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((form_decoded(id), form_decoded(secret)))
}

/// RFC 6749 §2.3.1: both halves are form-encoded before they are joined.
fn form_decoded(text: &str) -> String {
    let pair = format!("v={text}");
    let decoded = Query::parse(&pair);
    decoded.get("v").unwrap_or(text).to_owned()
}

/// A Google credentials file that points here. `browser` is the origin for people, `here` the one this was asked at.
pub(crate) fn credentials(config: &Config, uris: &[String], browser: &str, here: &str) -> Value {
    json!({"web": {
        "client_id": config.client_id,
        "project_id": "calrelay-sandbox",
        "auth_uri": format!("{browser}/o/oauth2/v2/auth"),
        "token_uri": format!("{here}/token"),
        "auth_provider_x509_cert_url": format!("{here}/oauth2/v1/certs"),
        "client_secret": config.client_secret,
        "redirect_uris": uris,
        "javascript_origins": [],
        "revoke_uri": format!("{here}/revoke"),
        "userinfo_uri": format!("{here}/v1/userinfo"),
        "api_url": format!("{here}/calendar/v3/"),
    }})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(id: &str, secret: &str) -> Query {
        Query::parse(&format!("client_id={id}&client_secret={secret}"))
    }

    #[test]
    fn the_secret_is_taken_from_the_form_or_the_header() {
        let config =
            Config { client_id: "id".to_owned(), client_secret: "a:b c".to_owned(), ..Config::default() };
        assert!(check(&config, &form("id", "a:b+c"), None).is_ok());
        let header = format!("Basic {}", STANDARD.encode("id:a%3Ab+c"));
        assert!(check(&config, &Query::default(), Some(&header)).is_ok());
        let refused = |form: Query| check(&config, &form, None).unwrap_err();
        assert_eq!(
            refused(form("id", "x")),
            OAuthError::of("invalid_client", "The provided client secret is invalid.")
        );
        assert_eq!(
            refused(form("no", "x")),
            OAuthError::of("invalid_client", "The OAuth client was not found.")
        );
        assert_eq!(refused(Query::default()).status, 400);
    }
}
