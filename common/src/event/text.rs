//! Texts, e-mail addresses and links: what they may hold.

use email_address::{EmailAddress, Options};

use super::limits;

/// The first character that a text must not hold: control characters but line breaks and tabs.
pub(super) fn forbidden_character(text: &str) -> Option<char> {
    text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
}

/// Whether `text` is one bare e-mail address: no name beside it, a domain with a dot.
#[must_use]
pub fn is_email(text: &str) -> bool {
    let bare = Options { minimum_sub_domains: 2, allow_domain_literal: false, allow_display_text: false };
    text.len() <= limits::EMAIL_BYTES
        && !text.contains(|c: char| c.is_control() || c.is_whitespace())
        && EmailAddress::parse_with_options(text, bare).is_ok()
}

/// Whether `text` is an absolute link that a browser opens: `http` or `https`, and a host.
pub(super) fn is_link(text: &str) -> bool {
    let after = |scheme: &str| {
        let head = text.get(..scheme.len())?;
        head.eq_ignore_ascii_case(scheme).then(|| &text[scheme.len()..])
    };
    let Some(rest) = after("https://").or_else(|| after("http://")) else {
        return false;
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    !host.is_empty()
        && !host.starts_with(':')
        && !text.contains(|c: char| c.is_control() || c.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_hold_line_breaks_and_every_script_but_no_control_characters() {
        for good in ["", "a\nb\r\n\tc", "שלום \u{200f}", "日本語", "👩‍👩‍👧", "\u{feff}"] {
            assert_eq!(forbidden_character(good), None, "{good:?}");
        }
        for bad in ["\0", "a\u{8}", "\u{1b}[31m", "\u{7f}", "\u{85}", "\u{b}"] {
            assert!(forbidden_character(bad).is_some(), "{bad:?}");
        }
    }

    #[test]
    fn addresses_are_bare_and_complete() {
        let longest = format!("{}@{}.example.com", "a".repeat(64), "b".repeat(63));
        for good in [
            "a@example.com",
            "ada.lovelace+calendar@mail.example.co.uk",
            "o'brien@example.ie",
            "用户@例子.广告",
            "müller@müller.example",
            "room_4@resource.calendar.google.com",
            &longest,
        ] {
            assert!(is_email(good), "{good}");
        }
        let too_long = format!("a@{}com", "abcdefghi.".repeat(30));
        for bad in [
            "",
            "a",
            "@",
            "a@",
            "@example.com",
            "a@localhost",
            "a@example..com",
            ".a@example.com",
            "a b@example.com",
            " a@example.com",
            "a@example.com ",
            "a@example.com\n",
            "Ada <a@example.com>",
            "<a@example.com>",
            "a@example.com,b@example.com",
            "a@[127.0.0.1]",
            "a@exa_mple@com",
            "mailto:a@example.com",
            "a\0@example.com",
            "\"a b\"@example.com",
            &too_long,
        ] {
            assert!(!is_email(bad), "{bad:?}");
        }
    }

    #[test]
    fn links_are_http_with_a_host() {
        for good in [
            "https://example.com",
            "http://example.com:8080/a?b#c",
            "HTTPS://example.com/ä",
            "https://user@example.com/",
        ] {
            assert!(is_link(good), "{good}");
        }
        for bad in [
            "",
            "example.com",
            "//example.com",
            "ftp://example.com",
            "javascript:alert(1)",
            "https://",
            "https:///path",
            "https://?q",
            "https://:80/",
            "https://user@/",
            "https://exa mple.com",
            "https://example.com/\n",
            "httpſ://example.com",
        ] {
            assert!(!is_link(bad), "{bad:?}");
        }
    }
}
