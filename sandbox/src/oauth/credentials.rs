//! A client's credentials file, and proving to be the client.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::error::OAuthError;
use crate::client::{Client, ClientKind};
use crate::query::Query;
use crate::world::World;

/// The Google Cloud project that everything belongs to.
pub(crate) const PROJECT: &str = "calrelay-sandbox";

/// The client that proves itself. The secret comes in the form (`client_secret_post`) or the header (`…_basic`).
pub(super) fn check<'a>(
    world: &'a World,
    form: &Query,
    authorization: Option<&str>,
) -> Result<&'a Client, OAuthError> {
    let basic = authorization.and_then(basic);
    let (id, secret) = match &basic {
        Some((id, secret)) => (Some(id.as_str()), Some(secret.as_str())),
        None => (form.get("client_id"), form.get("client_secret")),
    };
    let Some(id) = id else {
        return Err(OAuthError::of("invalid_request", "Could not determine client ID from request."));
    };
    let Some(client) = world.client(id) else {
        return Err(OAuthError::of("invalid_client", "The OAuth client was not found."));
    };
    if client.deleted {
        return Err(OAuthError::of("deleted_client", "The OAuth client was deleted."));
    }
    match secret {
        Some(secret) if secret == client.secret => Ok(client),
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

/// Where a sandbox is reached.
#[derive(Debug, Clone)]
pub(crate) struct Origins {
    /// By people's browsers.
    pub(crate) browser: String,
    /// By whoever asked just now.
    pub(crate) here: String,
}

/// A Google credentials file that points here.
pub(crate) fn file(client: &Client, redirect_uris: &[String], origins: &Origins) -> Value {
    let Origins { browser, here } = origins;
    let (name, redirect_uris) = match client.kind {
        ClientKind::Web => ("web", redirect_uris.to_vec()),
        ClientKind::Installed => ("installed", vec!["http://localhost".to_owned()]),
    };
    let mut section = json!({
        "client_id": client.id,
        "project_id": PROJECT,
        "auth_uri": format!("{browser}/o/oauth2/v2/auth"),
        "token_uri": format!("{here}/token"),
        "auth_provider_x509_cert_url": format!("{here}/oauth2/v1/certs"),
        "client_secret": client.secret,
        "redirect_uris": redirect_uris,
        "revoke_uri": format!("{here}/revoke"),
        "userinfo_uri": format!("{here}/v1/userinfo"),
        "api_url": format!("{here}/calendar/v3/"),
    });
    if client.kind == ClientKind::Web {
        section["javascript_origins"] = json!([]);
    }
    json!({ name: section })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::Change;

    fn form(id: &str, secret: &str) -> Query {
        Query::parse(&format!("client_id={id}&client_secret={secret}"))
    }

    #[test]
    fn the_secret_is_taken_from_the_form_or_the_header() {
        let mut world = World::default();
        world.apply(Change::Client(Client::new("id".to_owned(), "a:b c".to_owned())));
        assert!(check(&world, &form("id", "a:b+c"), None).is_ok());
        let header = format!("Basic {}", STANDARD.encode("id:a%3Ab+c"));
        assert!(check(&world, &Query::default(), Some(&header)).is_ok());
        let refused = |form: Query| check(&world, &form, None).unwrap_err();
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
