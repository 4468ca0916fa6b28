//! The identity token, signed with the sandbox's key: whoever trusts `/oauth2/v3/certs` of this sandbox can verify it,
//! and whoever trusts Google's keys refuses it, as they should.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::scope;
use crate::grant::AccessToken;
use crate::key::Key;
use crate::user::{PICTURE, User};

/// Only with an identity scope.
pub(super) fn make(
    key: &Key,
    user: &User,
    access: &AccessToken,
    nonce: Option<&str>,
    now: Timestamp,
) -> Option<String> {
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
        claims["picture"] = json!(PICTURE);
    }
    if let Some(nonce) = nonce {
        claims["nonce"] = json!(nonce);
    }
    if let Some(domain) = user.organization() {
        claims["hd"] = json!(domain);
    }
    Some(key.sign(&claims))
}
