//! A link that lets one person connect their own calendar to one account.
//!
//! It carries everything that it says, sealed by us: only calrelay can make or change one, any process can
//! read it, and the address in it stands nowhere in the clear. That it works once is kept in the
//! vault (see [`accounts::nonces`]).

use std::time::Duration;

use common::account::AccountId;
use common::seal::{Keyring, Sealed};
use common::time;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::session::random_token;

/// How long a link can be opened.
pub(crate) const LASTS: Duration = time::minutes(15);
const CONTEXT: &str = "connect-link";

/// A connect link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Link {
    /// Names it among those that were used.
    pub(crate) nonce: String,
    /// The account that it connects, and no other.
    pub(crate) account: AccountId,
    /// The Google user that is expected, by their address.
    pub(crate) email: Option<String>,
    /// Where the person came from and goes back to.
    pub(crate) return_url: Option<Url>,
    /// It is refused from then on.
    pub(crate) until: Timestamp,
}

/// How a visit to a link ended, as the page that it returns to is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Connected,
    NotConnected,
}

impl Link {
    /// A new link.
    pub(crate) fn new(
        account: AccountId,
        email: Option<String>,
        return_url: Option<Url>,
        now: Timestamp,
    ) -> Self {
        Self { nonce: random_token(), account, email, return_url, until: time::after(now, LASTS) }
    }

    /// The link as a part of a path.
    pub(crate) fn seal(&self, ring: &Keyring) -> String {
        let text = String::from(ring.seal(CONTEXT, self));
        text.trim_end_matches('=').replace('+', "-").replace('/', "_")
    }

    /// The link in a path; `None` when we have not made it, or not with a key that is still known.
    /// It may have expired.
    pub(crate) fn open(token: &str, ring: &Keyring) -> Option<Self> {
        let mut text = token.replace('-', "+").replace('_', "/");
        text.push_str(match text.len() % 4 {
            2 => "==",
            3 => "=",
            _ => "",
        });
        let sealed: Sealed<Self> = Sealed::try_from(text).ok()?;
        ring.open(CONTEXT, &sealed).ok()
    }

    /// Whether it is for the user with this address.
    pub(crate) fn expects(&self, email: &str) -> bool {
        self.email.as_ref().is_none_or(|expected| expected.eq_ignore_ascii_case(email))
    }

    /// Where to go back to, with what came of it.
    pub(crate) fn way_back(&self, ending: Ending) -> Option<Url> {
        let mut url = self.return_url.clone()?;
        let status = match ending {
            Ending::Connected => "connected",
            Ending::NotConnected => "not-connected",
        };
        url.query_pairs_mut().append_pair("account", self.account.as_str()).append_pair("status", status);
        Some(url)
    }
}

#[cfg(test)]
mod tests {
    use common::seal::Key;

    use super::*;

    fn link(return_url: Option<&str>) -> Link {
        let return_url = return_url.map(|url| Url::parse(url).unwrap());
        let account = AccountId::parse("team-7").unwrap();
        Link::new(account, Some("ada@example.com".to_owned()), return_url, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_link_opens_under_our_keys_and_says_nothing_in_the_clear() {
        let ring = Keyring::new(Key::random(), Vec::new());
        for return_url in
            [None, Some("https://a.example/"), Some("https://ab.example/"), Some("https://abc.example/")]
        {
            let link = link(return_url);
            let token = link.seal(&ring);
            assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{token}");
            assert_eq!(Link::open(&token, &ring), Some(link));
        }
    }

    #[test]
    fn a_link_that_is_not_ours_or_was_changed_does_not_open() {
        let ring = Keyring::new(Key::random(), Vec::new());
        let token = link(None).seal(&ring);
        let mut changed = token.clone().into_bytes();
        let middle = changed.len() / 2;
        changed[middle] = if changed[middle] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        for wrong in ["", "x", "AAAA", "é", changed.as_str(), &token[..token.len() - 4]] {
            assert_eq!(Link::open(wrong, &ring), None, "{wrong}");
        }
        assert_eq!(Link::open(&token, &Keyring::new(Key::random(), Vec::new())), None);
    }

    #[test]
    fn the_way_back_tells_what_came_of_it_and_keeps_what_was_there() {
        let back = |url, ending| link(Some(url)).way_back(ending).unwrap().to_string();
        assert_eq!(
            back("https://crm.example/me?tab=2#calendar", Ending::Connected),
            "https://crm.example/me?tab=2&account=team-7&status=connected#calendar"
        );
        assert_eq!(
            back("https://crm.example", Ending::NotConnected),
            "https://crm.example/?account=team-7&status=not-connected"
        );
        assert_eq!(link(None).way_back(Ending::Connected), None);
    }

    #[test]
    fn the_expected_address_is_compared_without_case() {
        assert!(link(None).expects("Ada@Example.com"));
        assert!(!link(None).expects("eve@example.com"));
        assert!(Link { email: None, ..link(None) }.expects("eve@example.com"));
    }
}
