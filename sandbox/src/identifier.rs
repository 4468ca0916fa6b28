//! Identifiers in the shapes Google gives them.
#![expect(clippy::disallowed_methods, reason = "identifiers are random")]

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

/// URL-safe random text of this many characters.
pub(crate) fn opaque(length: usize) -> String {
    let bytes: Vec<u8> = (0..length).map(|_| rand::random()).collect();
    let mut text = URL_SAFE_NO_PAD.encode(bytes);
    text.truncate(length);
    text
}

/// 26 characters of `a-v0-9`, as Google names an event that came without an id.
pub(crate) fn event_id() -> String {
    data_encoding::BASE32HEX_NOPAD.encode(&rand::random::<[u8; 16]>()).to_ascii_lowercase()
}

/// base32hex, lower case, 5 to 1024 characters.
pub(crate) fn is_event_id(id: &str) -> bool {
    (5..=1024).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'v').contains(&b))
}

/// The link Google prints: the event's and the calendar's id, encoded without padding.
pub(crate) fn html_link(event: &str, calendar: &str) -> String {
    let calendar = match calendar.strip_suffix("@gmail.com") {
        Some(local) => format!("{local}@m"),
        None => calendar.to_owned(),
    };
    let eid = STANDARD_NO_PAD.encode(format!("{event} {calendar}"));
    format!("https://www.google.com/calendar/event?eid={eid}")
}

/// `abc-defg-hij`: the same for the same event and request.
pub(crate) fn conference_id(event: &str, request: &str) -> String {
    let digest = Sha256::new().chain_update(event).chain_update([0]).chain_update(request).finalize();
    let letters: String = digest.iter().take(10).map(|byte| char::from(b'a' + byte % 26)).collect();
    format!("{}-{}-{}", &letters[..3], &letters[3..7], &letters[7..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_ids_are_26_characters_of_base32hex() {
        let id = event_id();
        assert_eq!(id.len(), 26);
        assert!(is_event_id(&id));
    }

    #[test]
    fn ids_are_checked_by_length_and_alphabet() {
        assert!(is_event_id("01abv"));
        assert!(is_event_id(&"a".repeat(1024)));
        for bad in ["", "abcd", "abcdw", "ABCDE", "abc-def", "abcdé", &"a".repeat(1025)] {
            assert!(!is_event_id(bad), "{bad}");
        }
    }

    #[test]
    fn links_shorten_gmail_and_carry_no_padding() {
        let link = html_link("abcde", "someone@gmail.com");
        let eid = link.strip_prefix("https://www.google.com/calendar/event?eid=").unwrap();
        assert_eq!(STANDARD_NO_PAD.decode(eid).unwrap(), b"abcde someone@m");
        assert!(!html_link("abcde", "ada@example.com").ends_with('='));
    }

    #[test]
    fn conference_ids_look_like_meet_codes() {
        let id = conference_id("abcde", "r1");
        let parts: Vec<_> = id.split('-').map(str::len).collect();
        assert_eq!(parts, [3, 4, 3]);
        assert_eq!(id, conference_id("abcde", "r1"));
        assert_ne!(id, conference_id("abcde", "r2"));
    }

    #[test]
    fn opaque_text_has_the_length_asked_for() {
        assert_eq!(opaque(48).len(), 48);
        assert_ne!(opaque(48), opaque(48));
    }
}
