//! Who is signed in to the setup pages.
//!
//! The session is its own cookie: the key that was signed in with, sealed by us. Any replica can
//! read it. Nothing is kept on the server until a browser signs out (see
//! [`SignOuts`](crate::sign_outs::SignOuts)), and revoking the key ends the session.

use std::time::Duration;

use actix_web::http::header::HeaderMap;
use common::random;
use common::seal::{Keyring, Sealed};
use common::time;
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::cookies::Cookie;

/// How long a sign-in lasts.
pub(crate) const LASTS: Duration = time::hours(8);
const CONTEXT: &str = "session";

/// A browser that has seen one of our pages, signed in or not. It outlives deployments, in browsers.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Session {
    key: Option<String>,
    csrf: String,
    until: Timestamp,
    /// Names the browser, where another session went before this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    browser: Option<String>,
}

impl Session {
    /// A new session, of a key or of none yet.
    pub(crate) fn begin(key: Option<String>, now: Timestamp) -> Self {
        Self { key, csrf: random_token(), until: time::after(now, LASTS), browser: None }
    }

    /// A new session of the same browser, of another key or of none. A person who knew this one does not
    /// know that.
    pub(crate) fn followed_by(&self, key: Option<String>, now: Timestamp) -> Self {
        Self { browser: Some(self.browser()), ..Self::begin(key, now) }
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
        self.browser.clone().unwrap_or_else(|| self.hashed("browser"))
    }

    /// Names the session itself; tells nothing else of it.
    pub(crate) fn name(&self) -> String {
        self.hashed("session")
    }

    /// It is refused from then on.
    pub(crate) fn until(&self) -> Timestamp {
        self.until
    }

    fn hashed(&self, what: &str) -> String {
        HEXLOWER.encode(&Sha256::digest(format!("{what} {}", self.csrf)))
    }

    /// Whether a form carries it.
    pub(crate) fn vouches_for(&self, csrf: &str) -> bool {
        self.csrf.as_bytes().ct_eq(csrf.as_bytes()).into()
    }
}

/// 256 random bits as text.
pub(crate) fn random_token() -> String {
    let bytes: [u8; 32] = random::bytes();
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
    fn a_browser_keeps_its_name_when_somebody_signs_in_and_nothing_else() {
        let first = Session::begin(None, Timestamp::UNIX_EPOCH);
        let second = first.followed_by(Some("crk_x".to_owned()), Timestamp::UNIX_EPOCH);
        let third = second.followed_by(None, Timestamp::UNIX_EPOCH);
        assert_eq!([second.browser(), third.browser()], [first.browser(), first.browser()]);
        assert_ne!(first.name(), second.name());
        assert_ne!(first.csrf(), second.csrf());
        assert_ne!(first.browser(), Session::begin(None, Timestamp::UNIX_EPOCH).browser());
        assert_ne!(first.browser(), first.name());
    }

    #[test]
    fn a_session_of_the_version_before_goes_on() {
        let ring = Keyring::new(Key::random(), Vec::new());
        let former =
            serde_json::json!({"key": "crk_x", "csrf": "c".repeat(64), "until": "1970-01-01T08:00:00Z"});
        let sealed: Sealed<serde_json::Value> = ring.seal(CONTEXT, &former);
        let headers = headers(&String::from(sealed));
        let read = Session::from_headers(&headers, &ring, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), former);
        // What a link was leased as by the version before.
        assert_eq!(read.browser(), HEXLOWER.encode(&Sha256::digest(format!("browser {}", "c".repeat(64)))));
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
