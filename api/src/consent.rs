//! A connection that is under way: between "Connect" here and Google's answer.
//!
//! Like a session it lives in a sealed cookie, which binds it to the browser that began it; see
//! [`Attempts`](crate::attempts::Attempts) for all that one browser has begun.

use std::time::Duration;

use common::account::AccountId;
use common::fingerprint::HashKey;
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
use crate::session::{self, random_token};

/// A user has this long to answer Google.
pub(crate) const LASTS: Duration = time::minutes(10);
const CONTEXT: &str = "consent";
/// So much of the state names its cookie; the rest of it cannot be guessed.
const NAMED_BY: usize = 16;
/// So much of it is random.
const RANDOM: usize = 32;

/// A connection under way. It outlives deployments, in browsers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Consent {
    pub(crate) account: AccountId,
    /// The link that it was begun with; an administrator begins it on the setup page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) link: Option<Link>,
    /// The PKCE verifier: only who began the connection can trade its code.
    pub(crate) verifier: String,
    pub(crate) state: String,
    pub(crate) until: Timestamp,
    /// Whether it has connected the account: its answer says so again, and does nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) done: bool,
}

impl Consent {
    /// Begins a connection of an administrator's.
    pub(crate) fn begin(account: AccountId, hash_key: &HashKey, now: Timestamp) -> Self {
        // 64 hexadecimal digits: within the 43 to 128 characters of RFC 7636.
        let (verifier, state) = (random_token(), new_state(hash_key));
        Self { account, link: None, verifier, state, until: time::after(now, LASTS), done: false }
    }

    /// Begins the connection that a link is for.
    pub(crate) fn with_link(link: Link, hash_key: &HashKey, now: Timestamp) -> Self {
        let account = link.account.clone();
        Self { link: Some(link), ..Self::begin(account, hash_key, now) }
    }

    /// The same once it has connected its account, and how long a browser remembers that.
    pub(crate) fn finished(&self, now: Timestamp) -> (Self, Duration) {
        let until = time::after(now, session::LASTS);
        (Self { verifier: String::new(), until, done: true, ..self.clone() }, session::LASTS)
    }

    /// What to ask Google with.
    pub(crate) fn request(&self, login_hint: Option<String>) -> ConsentRequest {
        let code_challenge = BASE64URL_NOPAD.encode(&Sha256::digest(self.verifier.as_bytes()));
        ConsentRequest { state: self.state.clone(), code_challenge, login_hint }
    }

    /// The cookie that it is kept in.
    pub(crate) fn cookie(&self) -> Cookie {
        Cookie::Consent(self.state.chars().take(NAMED_BY).collect())
    }

    /// The cookie's value.
    pub(crate) fn seal(&self, ring: &Keyring) -> String {
        ring.seal(CONTEXT, self).into()
    }

    /// What a cookie's value says, if it is ours.
    pub(crate) fn open(value: &str, ring: &Keyring) -> Option<Self> {
        let sealed = Sealed::<Self>::try_from(value.to_owned()).ok()?;
        ring.open(CONTEXT, &sealed).ok()
    }

    /// Whether an answer with `state` belongs to it.
    pub(crate) fn is_answered_by(&self, state: &str) -> bool {
        self.state.as_bytes().ct_eq(state.as_bytes()).into()
    }
}

/// What only we can make of a random half: the other half of a state.
fn proof(random: &str, hash_key: &HashKey) -> String {
    hash_key.name("consent-state", random)
}

/// A state that cannot be guessed, and that only calrelay can make: 32 random hexadecimal digits and their keyed hash.
fn new_state(hash_key: &HashKey) -> String {
    let random: String = random_token().chars().take(RANDOM).collect();
    let proof = proof(&random, hash_key);
    random + &proof
}

/// Whether we have made `state`: of others nothing is looked up. The build before made them without a proof; with
/// their cookie they are answered like any other.
pub(crate) fn is_ours(state: &str, hash_key: &HashKey) -> bool {
    state
        .split_at_checked(RANDOM)
        .is_some_and(|(random, told)| proof(random, hash_key).as_bytes().ct_eq(told.as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use common::seal::Key;
    use serde_json::json;

    use super::*;

    fn hash_key() -> HashKey {
        HashKey::new(Key::random())
    }

    #[test]
    fn what_the_version_before_has_written_is_understood_and_ours_by_it() {
        let ring = Keyring::new(Key::random(), Vec::new());
        let (verifier, state) = ("e".repeat(64), "f".repeat(64));
        let former = json!({
            "account": "default", "link": null, "verifier": verifier, "state": state, "until": "2026-11-30T00:10:00Z",
        });
        let sealed: Sealed<serde_json::Value> = ring.seal(CONTEXT, &former);
        let read = Consent::open(&String::from(sealed), &ring).unwrap();
        assert!(read.is_answered_by(&state) && !read.done && read.link.is_none());
        let mut written = serde_json::to_value(&read).unwrap();
        written["link"] = serde_json::Value::Null;
        assert_eq!(written, former);
    }

    #[test]
    fn only_what_we_have_sealed_is_a_consent() {
        let ring = Keyring::new(Key::random(), Vec::new());
        let consent = Consent::begin(AccountId::default_account(), &hash_key(), Timestamp::UNIX_EPOCH);
        assert_eq!(Consent::open(&consent.seal(&ring), &ring), Some(consent.clone()));
        let other = Keyring::new(Key::random(), Vec::new());
        for value in ["", "AAAA", "x", &consent.seal(&other)] {
            assert_eq!(Consent::open(value, &ring), None, "{value}");
        }
    }

    #[test]
    fn what_is_finished_keeps_nothing_to_trade_a_code_with() {
        let consent = Consent::begin(AccountId::default_account(), &hash_key(), Timestamp::UNIX_EPOCH);
        let (finished, lasts) = consent.finished(Timestamp::UNIX_EPOCH);
        assert!(finished.done && finished.verifier.is_empty() && finished.is_answered_by(&consent.state));
        assert_eq!(finished.until, time::after(Timestamp::UNIX_EPOCH, lasts));
        assert_eq!(finished.cookie(), consent.cookie());
    }

    #[test]
    fn only_a_state_that_we_have_made_is_looked_up() {
        let (key, other) = (hash_key(), hash_key());
        let state = Consent::begin(AccountId::default_account(), &key, Timestamp::UNIX_EPOCH).state;
        assert_eq!(state.len(), 64, "as the build before expects it");
        assert!(is_ours(&state, &key) && !is_ours(&state, &other));
        let made_up = random_token();
        let swapped = format!("{}{}", &made_up[..32], &state[32..]);
        let upper = state.to_uppercase();
        for forged in ["", "forged", "é", &state[..63], &state[..32], &made_up, &swapped, &upper] {
            assert!(!is_ours(forged, &key), "{forged}");
        }
    }

    #[test]
    fn the_challenge_is_the_verifiers_hash() {
        let mut consent = Consent::begin(AccountId::default_account(), &hash_key(), Timestamp::UNIX_EPOCH);
        // The example of RFC 7636, appendix B.
        consent.verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned();
        assert_eq!(consent.request(None).code_challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
