//! A connection that is under way: between "Connect" here and Google's answer.
//!
//! Like a session it lives in a sealed cookie, which binds it to the browser that began it.

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
use crate::link::Link;
use crate::session::random_token;

/// A user has this long to answer Google.
pub(crate) const LASTS: Duration = time::minutes(10);
const CONTEXT: &str = "consent";

/// A connection under way.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Consent {
    pub(crate) account: AccountId,
    /// The link that it was begun with; an administrator begins it on the setup page.
    #[serde(default)]
    pub(crate) link: Option<Link>,
    /// The PKCE verifier: only who began the connection can trade its code.
    pub(crate) verifier: String,
    pub(crate) state: String,
    pub(crate) until: Timestamp,
}

/// Why an answer does not belong to a connection of this browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stray {
    /// This browser has begun none.
    NotBegun,
    /// It was too long ago.
    Expired,
    /// It has begun another one.
    Mismatch,
}

impl Consent {
    /// Begins a connection of an administrator's.
    pub(crate) fn begin(account: AccountId, now: Timestamp) -> Self {
        // 64 hexadecimal digits: within the 43 to 128 characters of RFC 7636.
        let (verifier, state) = (random_token(), random_token());
        Self { account, link: None, verifier, state, until: time::after(now, LASTS) }
    }

    /// Begins the connection that a link is for.
    pub(crate) fn with_link(link: Link, now: Timestamp) -> Self {
        let account = link.account.clone();
        Self { link: Some(link), ..Self::begin(account, now) }
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

    /// What this browser has begun last, and whether an answer with `state` belongs to it. That each
    /// answer counts once is for others to see to.
    pub(crate) fn answered(
        headers: &HeaderMap,
        state: &str,
        ring: &Keyring,
        now: Timestamp,
    ) -> (Option<Self>, Result<(), Stray>) {
        let sealed = Cookie::Consent.read(headers).and_then(|value| Sealed::<Self>::try_from(value).ok());
        let Some(consent) = sealed.and_then(|sealed| ring.open(CONTEXT, &sealed).ok()) else {
            return (None, Err(Stray::NotBegun));
        };
        let fits = if !bool::from(consent.state.as_bytes().ct_eq(state.as_bytes())) {
            Err(Stray::Mismatch)
        } else if consent.until <= now {
            Err(Stray::Expired)
        } else {
            Ok(())
        };
        (Some(consent), fits)
    }
}

/// Whether `state` looks like one of ours: others need not be looked up.
pub(crate) fn may_be_ours(state: &str) -> bool {
    state.len() == 64 && state.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
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
    fn an_answer_counts_in_its_own_browser_for_ten_minutes() {
        let ring = Keyring::new(Key::random(), Vec::new());
        let now = Timestamp::UNIX_EPOCH;
        let consent = Consent::begin(AccountId::default_account(), now);
        let headers = headers(&consent, &ring);
        let answer = |headers: &HeaderMap, state: &str, at: Timestamp| {
            let (known, fits) = Consent::answered(headers, state, &ring, at);
            (known.is_some(), fits)
        };
        assert_eq!(answer(&HeaderMap::new(), &consent.state, now), (false, Err(Stray::NotBegun)));
        assert_eq!(answer(&headers, "forged", now), (true, Err(Stray::Mismatch)));
        assert_eq!(answer(&headers, &consent.state, time::after(now, LASTS)), (true, Err(Stray::Expired)));
        assert_eq!(answer(&headers, &consent.state, now), (true, Ok(())));
    }

    #[test]
    fn only_what_looks_like_a_state_is_looked_up() {
        assert!(may_be_ours(&Consent::begin(AccountId::default_account(), Timestamp::UNIX_EPOCH).state));
        for other in ["", "forged", &"g".repeat(64), &"0".repeat(63), &"A".repeat(64)] {
            assert!(!may_be_ours(other), "{other}");
        }
    }

    #[test]
    fn the_challenge_is_the_verifiers_hash() {
        let mut consent = Consent::begin(AccountId::default_account(), Timestamp::UNIX_EPOCH);
        // The example of RFC 7636, appendix B.
        consent.verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned();
        assert_eq!(consent.request(None).code_challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
