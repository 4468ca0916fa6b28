//! A connection that is under way: between "Connect" here and Google's answer.
//!
//! Like a session it lives in a sealed cookie, which binds it to the browser that began it.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use actix_web::http::header::HeaderMap;
use common::account::AccountId;
use common::port::ConsentRequest;
use common::seal::{Keyring, Sealed};
use common::time;
use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::cookies::Cookie;
use crate::session::random_token;

/// A user has this long to answer Google.
pub(crate) const LASTS: Duration = time::minutes(10);
const CONTEXT: &str = "consent";

/// A connection under way.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Consent {
    pub(crate) account: AccountId,
    /// The PKCE verifier: only who began the connection can trade its code.
    pub(crate) verifier: String,
    state: String,
    until: Timestamp,
}

/// Why an answer does not belong to a connection of this browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stray {
    /// This browser has begun none, or it was too long ago.
    NotBegun,
    /// It has begun another one.
    Mismatch,
    /// This answer was here before.
    Used,
}

impl Consent {
    /// Begins a connection.
    pub(crate) fn begin(account: AccountId, now: Timestamp) -> Self {
        // 64 hexadecimal digits: within the 43 to 128 characters of RFC 7636.
        let (verifier, state) = (random_token(), random_token());
        Self { account, verifier, state, until: time::after(now, LASTS) }
    }

    /// What to ask Google with.
    pub(crate) fn request(&self, login_hint: Option<String>) -> ConsentRequest {
        let code_challenge = BASE64URL_NOPAD.encode(&Sha256::digest(self.verifier.as_bytes()));
        ConsentRequest { state: self.state.clone(), code_challenge, login_hint }
    }

    /// The cookie's value.
    pub(crate) fn seal(&self, ring: &Keyring) -> String {
        ring.seal(CONTEXT, self).into()
    }

    /// The connection that an answer with `state` belongs to. Answers it once.
    pub(crate) fn answered(
        headers: &HeaderMap,
        state: &str,
        ring: &Keyring,
        used: &UsedStates,
        now: Timestamp,
    ) -> Result<Self, Stray> {
        if used.contains(state, now) {
            return Err(Stray::Used);
        }
        let sealed = Cookie::Consent.read(headers).and_then(|value| Sealed::<Self>::try_from(value).ok());
        let consent = sealed.and_then(|sealed| ring.open(CONTEXT, &sealed).ok()).ok_or(Stray::NotBegun)?;
        if !bool::from(consent.state.as_bytes().ct_eq(state.as_bytes())) {
            return Err(Stray::Mismatch);
        }
        if consent.until <= now {
            return Err(Stray::NotBegun);
        }
        if used.spend(state, consent.until, now) { Ok(consent) } else { Err(Stray::Used) }
    }
}

/// The answers that were here before. In this process: across processes Google's codes, which work
/// once, say the same.
#[derive(Default)]
pub(crate) struct UsedStates(Mutex<HashMap<String, Timestamp>>);

impl UsedStates {
    fn contains(&self, state: &str, now: Timestamp) -> bool {
        let used = self.0.lock().expect("nothing panics holding it");
        used.get(state).is_some_and(|until| *until > now)
    }

    /// Whether this is the first time.
    fn spend(&self, state: &str, until: Timestamp, now: Timestamp) -> bool {
        let mut used = self.0.lock().expect("nothing panics holding it");
        used.retain(|_, until| *until > now);
        used.insert(state.to_owned(), until).is_none()
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{COOKIE, HeaderValue};
    use common::seal::Key;

    use super::*;

    fn headers(consent: &Consent, ring: &Keyring) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let cookie = format!("calrelay_consent={}", consent.seal(ring));
        headers.insert(COOKIE, HeaderValue::from_str(&cookie).unwrap());
        headers
    }

    #[test]
    fn an_answer_counts_once_in_its_own_browser_for_ten_minutes() {
        let ring = Keyring::new(Key::random(), Vec::new());
        let (used, now) = (UsedStates::default(), Timestamp::UNIX_EPOCH);
        let consent = Consent::begin(AccountId::default_account(), now);
        let headers = headers(&consent, &ring);
        let answer = |headers: &HeaderMap, state: &str, at: Timestamp| {
            Consent::answered(headers, state, &ring, &used, at).map(|_| ())
        };
        let none = HeaderMap::new();
        assert_eq!(answer(&none, &consent.state, now), Err(Stray::NotBegun));
        assert_eq!(answer(&headers, "forged", now), Err(Stray::Mismatch));
        assert_eq!(answer(&headers, &consent.state, time::after(now, LASTS)), Err(Stray::NotBegun));
        assert_eq!(answer(&headers, &consent.state, now), Ok(()));
        assert_eq!(answer(&headers, &consent.state, now), Err(Stray::Used));
        // The cookie is gone by then: still the clearer answer.
        assert_eq!(answer(&none, &consent.state, now), Err(Stray::Used));
    }

    #[test]
    fn the_challenge_is_the_verifiers_hash() {
        let mut consent = Consent::begin(AccountId::default_account(), Timestamp::UNIX_EPOCH);
        // The example of RFC 7636, appendix B.
        consent.verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned();
        assert_eq!(consent.request(None).code_challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
