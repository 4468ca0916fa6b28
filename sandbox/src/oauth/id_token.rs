//! The identity token. Its header says `alg: none`: the sandbox signs nothing, so clients that read it after a direct
//! exchange over TLS (as Google permits) work, and clients that verify signatures refuse it, as they should.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::scope;
use crate::grant::AccessToken;
use crate::user::User;

/// Only with an identity scope.
pub(super) fn make(user: &User, access: &AccessToken, nonce: Option<&str>, now: Timestamp) -> Option<String> {
    if !access.scopes.contains(scope::OPENID) {
        return None;
    }
    let half = &Sha256::digest(access.token.as_bytes())[..16];
    let mut claims = json!({
        "iss": "https://accounts.google.com",
        "azp": access.client,
        "aud": access.client,
        "sub": user.sub,
        "at_hash": URL_SAFE_NO_PAD.encode(half),
        "iat": now.as_second(),
        "exp": now.as_second() + 3_600,
    });
    if access.scopes.contains(scope::EMAIL) {
        claims["email"] = json!(user.email);
        claims["email_verified"] = json!(true);
    }
    if access.scopes.contains(scope::PROFILE) {
        claims["name"] = json!(user.name);
        claims["given_name"] = json!(user.given_name());
        claims["family_name"] = json!(user.family_name());
    }
    if let Some(nonce) = nonce {
        claims["nonce"] = json!(nonce);
    }
    let header = part(&json!({"alg": "none", "typ": "JWT"}));
    Some(format!("{header}.{}.", part(&claims)))
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}
