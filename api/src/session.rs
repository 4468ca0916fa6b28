//! Who is signed in to the setup pages.
//!
//! The session is its own cookie: the key that was signed in with, sealed by us. Any replica can
//! read it, nothing is kept on the server, and revoking the key ends the session.

use std::time::Duration;

use actix_web::http::header::HeaderMap;
use common::seal::{Keyring, Sealed};
use common::time;
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use rand::Rng as _;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::cookies::Cookie;

/// How long a sign-in lasts.
pub(crate) const LASTS: Duration = time::hours(8);
const CONTEXT: &str = "session";

/// A browser that has seen one of our pages, signed in or not.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Session {
    key: Option<String>,
    csrf: String,
    until: Timestamp,
}

impl Session {
    /// A new session, of a key or of nobody yet.
    pub(crate) fn begin(key: Option<String>, now: Timestamp) -> Self {
        Self { key, csrf: random_token(), until: time::after(now, LASTS) }
    }

    /// The session of a request, if it has one that still lasts.
    pub(crate) fn from_headers(headers: &HeaderMap, ring: &Keyring, now: Timestamp) -> Option<Self> {
        let sealed: Sealed<Self> = Sealed::try_from(Cookie::Session.read(headers)?).ok()?;
        ring.open(CONTEXT, &sealed).ok().filter(|session: &Self| session.until > now)
    }

    /// The cookie's value.
    pub(crate) fn seal(&self, ring: &Keyring) -> String {
        ring.seal(CONTEXT, self).into()
    }

    /// The key that was signed in with.
    pub(crate) fn key(&self) -> Option<SecretString> {
        self.key.clone().map(SecretString::from)
    }

    /// What every form of this session carries.
    pub(crate) fn csrf(&self) -> &str {
        &self.csrf
    }

    /// Names the browser to other parts of the installation; tells nothing else of it.
    pub(crate) fn browser(&self) -> String {
        HEXLOWER.encode(&Sha256::digest(format!("browser {}", self.csrf)))
    }

    /// Whether a form carries it.
    pub(crate) fn vouches_for(&self, csrf: &str) -> bool {
        self.csrf.as_bytes().ct_eq(csrf.as_bytes()).into()
    }
}

/// 256 random bits as text.
pub(crate) fn random_token() -> String {
    let mut bytes = [0; 32];
    rand::rng().fill_bytes(&mut bytes);
    HEXLOWER.encode(&bytes)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{COOKIE, HeaderValue};
    use common::seal::Key;
    use secrecy::ExposeSecret as _;

    use super::*;

    fn headers(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, HeaderValue::from_str(&format!("calrelay_session={value}")).unwrap());
        headers
    }

    #[test]
    fn a_session_lasts_eight_hours_and_only_under_our_keys() {
        let ring = Keyring::new(Key::random(), Vec::new());
        let now = Timestamp::UNIX_EPOCH;
        let session = Session::begin(Some("crk_x".to_owned()), now);
        let headers = headers(&session.seal(&ring));
        let read = Session::from_headers(&headers, &ring, now).unwrap();
        assert_eq!(read.key().unwrap().expose_secret(), "crk_x");
        assert!(read.vouches_for(session.csrf()));
        assert!(!read.vouches_for("") && !read.vouches_for(&random_token()));
        assert!(Session::from_headers(&headers, &ring, time::after(now, LASTS)).is_none());
        let other = Keyring::new(Key::random(), Vec::new());
        assert!(Session::from_headers(&headers, &other, now).is_none());
    }

    #[test]
    fn what_we_have_not_sealed_is_no_session() {
        let ring = Keyring::new(Key::random(), Vec::new());
        for value in ["", "x", "AAAA", "{\"key\":\"crk_x\"}"] {
            assert!(
                Session::from_headers(&headers(value), &ring, Timestamp::UNIX_EPOCH).is_none(),
                "{value}"
            );
        }
    }
}
