//! The connections that one browser has begun, in as many tabs as it likes.
//!
//! Each lives in a cookie of its own. The browser keeps the newest: together they stay small enough for
//! every proxy, and two are always kept, however long their links are.

use actix_web::http::header::HeaderMap;
use common::seal::Keyring;
use jiff::Timestamp;
use url::form_urlencoded;

use crate::consent::Consent;
use crate::cookies::Cookie;

/// A browser keeps this many.
const MOST: usize = 8;
/// And this many bytes of them. With the session's cookie that makes less than 4 KiB.
const BYTES: usize = 3_500;
/// These are kept in any case; each is under 2.5 KiB, with the longest of links.
const AT_LEAST: usize = 2;

/// What a browser has begun.
pub(crate) struct Attempts(Vec<Attempt>);

/// One connection, and the cookie that it came in.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub(crate) cookie: Cookie,
    pub(crate) consent: Consent,
    size: usize,
}

/// Why an answer does not belong to a connection of this browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stray {
    /// This browser has begun none that still waits for its answer.
    NotBegun,
    /// It was too long ago.
    Expired,
    /// It has begun others.
    Mismatch,
}

/// The state that Google's answer names, in the query of the path it comes back to.
pub(crate) fn answered_state(query: &str) -> String {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find(|(name, _)| name == "state").map(|(_, value)| value.into_owned()).unwrap_or_default()
}

impl Attempts {
    /// What the cookies of a request say. Those that do not open are others': several installations
    /// can have the same host name.
    pub(crate) fn read(headers: &HeaderMap, ring: &Keyring) -> Self {
        let attempts = Cookie::consents(headers).into_iter().filter_map(|(cookie, value)| {
            let (consent, size) = (Consent::open(value, ring)?, cookie.size(value.len()));
            Some(Attempt { cookie, consent, size })
        });
        let mut attempts: Vec<Attempt> = attempts.collect();
        // The newest first; those that have connected their account are of least use.
        attempts.sort_by_key(|attempt| (attempt.consent.done, std::cmp::Reverse(attempt.consent.until)));
        Self(attempts)
    }

    /// The one that an answer with `state` belongs to. That each answer counts once is for others to
    /// see to.
    pub(crate) fn answered(&self, state: &str, now: Timestamp) -> Result<&Attempt, Stray> {
        match self.0.iter().find(|attempt| attempt.consent.is_answered_by(state)) {
            Some(attempt) if attempt.consent.until <= now => Err(Stray::Expired),
            Some(attempt) => Ok(attempt),
            None if self.newest().is_some() => Err(Stray::Mismatch),
            None => Err(Stray::NotBegun),
        }
    }

    /// The newest that waits for its answer.
    pub(crate) fn newest(&self) -> Option<&Consent> {
        self.0.iter().map(|attempt| &attempt.consent).find(|consent| !consent.done)
    }

    /// The cookies that have to go once one more, of `size` bytes, is begun.
    pub(crate) fn in_the_way_of(&self, size: usize) -> impl Iterator<Item = &Cookie> {
        let (mut kept, mut bytes) = (1, size);
        self.0.iter().filter_map(move |attempt| {
            if kept < AT_LEAST || (kept < MOST && bytes + attempt.size <= BYTES) {
                kept += 1;
                bytes += attempt.size;
                return None;
            }
            // Whatever is older goes as well.
            kept = MOST;
            Some(&attempt.cookie)
        })
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{COOKIE, HeaderValue};
    use common::account::AccountId;
    use common::fingerprint::HashKey;
    use common::seal::Key;
    use common::time;

    use super::*;
    use crate::consent::LASTS;

    fn headers(consents: &[Consent], ring: &Keyring) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for consent in consents {
            let cookie = consent.cookie().write(&consent.seal(ring), LASTS, &"http://a".parse().unwrap());
            let pair = cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
            headers.append(COOKIE, HeaderValue::from_str(&pair).unwrap());
        }
        headers
    }

    fn attempts(consents: &[Consent], ring: &Keyring) -> Attempts {
        Attempts::read(&headers(consents, ring), ring)
    }

    fn begun(number: u64) -> Consent {
        let at = time::after(Timestamp::UNIX_EPOCH, std::time::Duration::from_secs(number));
        let hash_key = HashKey::new(Key::random());
        Consent::begin(AccountId::parse(&format!("account-{number}")).unwrap(), &hash_key, at)
    }

    #[test]
    fn an_answer_counts_for_its_own_for_ten_minutes() {
        let ring = Keyring::new(Key::random(), Vec::new());
        let now = Timestamp::UNIX_EPOCH;
        let (one, two) = (begun(0), begun(5));
        let both = attempts(&[one.clone(), two.clone()], &ring);
        for consent in [&one, &two] {
            assert_eq!(both.answered(&consent.state, now).unwrap().consent, *consent);
        }
        assert_eq!(both.answered("forged", now).err(), Some(Stray::Mismatch));
        assert_eq!(both.answered("", now).err(), Some(Stray::Mismatch));
        assert_eq!(both.answered(&one.state, time::after(now, LASTS)).err(), Some(Stray::Expired));
        assert!(both.answered(&two.state, time::after(now, LASTS)).is_ok());
        assert_eq!(attempts(&[], &ring).answered(&one.state, now).err(), Some(Stray::NotBegun));
        let done = attempts(&[one.finished(now).0], &ring);
        assert_eq!(done.answered("forged", now).err(), Some(Stray::NotBegun));
        assert!(done.answered(&one.state, now).is_ok_and(|attempt| attempt.consent.done));
        assert_eq!(done.newest(), None);
        let stranger = Keyring::new(Key::random(), Vec::new());
        let strangers = Attempts::read(&headers(std::slice::from_ref(&one), &ring), &stranger);
        assert_eq!(strangers.answered(&one.state, now).err(), Some(Stray::NotBegun));
    }

    #[test]
    fn the_oldest_make_room_and_those_that_are_done_first() {
        let ring = Keyring::new(Key::random(), Vec::new());
        let mut consents: Vec<Consent> = (0..10).map(begun).collect();
        let gone = |consents: &[Consent], size| -> Vec<Cookie> {
            attempts(consents, &ring).in_the_way_of(size).cloned().collect()
        };
        let cookie = |number: usize| consents[number].cookie();
        assert_eq!(gone(&consents[..7], 400), []);
        assert_eq!(gone(&consents[..8], 400), [cookie(0)]);
        assert_eq!(gone(&consents, 400), [cookie(2), cookie(1), cookie(0)]);
        // One that is as large as it may be leaves room for the newest of the others alone.
        assert_eq!(gone(&consents[..3], 4_000), [cookie(1), cookie(0)]);
        let done = consents[9].finished(Timestamp::UNIX_EPOCH).0;
        let cookies = [done.cookie(), cookie(1), cookie(0)];
        consents[9] = done;
        let (newest, all) = (consents[8].clone(), attempts(&consents, &ring));
        assert_eq!(all.newest(), Some(&newest));
        assert_eq!(
            all.in_the_way_of(400).cloned().collect::<Vec<_>>(),
            [cookies[1].clone(), cookies[2].clone(), cookies[0].clone()]
        );
    }
}
