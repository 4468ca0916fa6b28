//! What OpenID clients ask before anything else: the endpoints, and the key that signs identity tokens.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use super::scope;
use super::service_account::GRANT;
use crate::controls;
use crate::reply::{Print, Reply};
use crate::sandbox::Sandbox;

/// `/.well-known/openid-configuration`.
pub(super) async fn configuration(sandbox: Data<Sandbox>, request: HttpRequest) -> HttpResponse {
    let origins = controls::origins(&sandbox, &request);
    let (browser, here) = (origins.browser, origins.here);
    let document = json!({
        "issuer": "https://accounts.google.com",
        "authorization_endpoint": format!("{browser}/o/oauth2/v2/auth"),
        "token_endpoint": format!("{here}/token"),
        "userinfo_endpoint": format!("{here}/v1/userinfo"),
        "revocation_endpoint": format!("{here}/revoke"),
        "jwks_uri": format!("{here}/oauth2/v3/certs"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": [scope::OPENID, "email", "profile"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "code_challenge_methods_supported": ["plain", "S256"],
        "grant_types_supported": ["authorization_code", "refresh_token", GRANT],
    });
    Reply::json(200, &document, Print::Pretty).into_response()
}

/// `/oauth2/v3/certs`: a JSON Web Key Set.
pub(super) async fn certificates(sandbox: Data<Sandbox>) -> HttpResponse {
    let keys = json!({"keys": [sandbox.lock().key.jwk()]});
    Reply::json(200, &keys, Print::Pretty).into_response()
}
