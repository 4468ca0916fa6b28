//! Texts, e-mail addresses and links: what they may hold.

use email_address::{EmailAddress, Options};
use encoding_rs::WINDOWS_1252;

use super::limits;

/// How a text is read: whether it has lines that can be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lines {
    /// A title, a name: Google shows one line.
    One,
    /// A description, a remark.
    Many,
}

/// `text` with its control characters replaced by what they were meant to be, or removed; nothing
/// where there are none. Line breaks and tabs stay, and so does what is invisible and not a control
/// character: marks of direction, joiners.
///
/// A vertical tab is how Word and Outlook write a line break (OfficeDev/office-js#1755). U+0080 to
/// U+009F are what is left of windows-1252 that was read as ISO 8859-1. Google strips what it does not
/// know (ical-org/ical.net#497).
pub(super) fn cleaned(text: &str, lines: Lines) -> Option<String> {
    forbidden_character(text)?;
    Some(text.chars().filter_map(|c| meant(c, lines)).collect())
}

fn meant(c: char, lines: Lines) -> Option<char> {
    match (c, lines) {
        ('\u{b}' | '\u{c}', Lines::Many) => Some('\n'),
        ('\u{b}' | '\u{c}', Lines::One) => Some(' '),
        ('\u{80}'..='\u{9f}', _) => {
            let byte = [u8::try_from(u32::from(c)).ok()?];
            let (text, _) = WINDOWS_1252.decode_without_bom_handling(&byte);
            text.chars().next().filter(|c| !c.is_control())
        }
        _ => Some(c).filter(|c| !is_forbidden(*c)),
    }
}

/// The first character that a text must not hold: control characters but line breaks and tabs.
pub(super) fn forbidden_character(text: &str) -> Option<char> {
    text.chars().find(|c| is_forbidden(*c))
}

fn is_forbidden(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\r' | '\t')
}

/// Whether `text` is one bare e-mail address: no name beside it, a domain with a dot.
#[must_use]
pub fn is_email(text: &str) -> bool {
    let bare = Options {
        minimum_sub_domains: 2,
        allow_domain_literal: false,
        allow_display_text: false,
        allow_long_local_parts: false,
    };
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
    fn control_characters_become_what_they_were_meant_to_be() {
        for (text, many, one) in [
            ("Agenda\u{b}Item\u{c}", "Agenda\nItem\n", "Agenda Item "),
            ("Ada\u{92}s review \u{80}5\u{85}", "Ada’s review €5…", "Ada’s review €5…"),
            ("a\0b\u{1b}[31m\u{7f}\u{1f}", "ab[31m", "ab[31m"),
            ("\u{81}\u{8d}\u{8f}\u{90}\u{9d}", "", ""),
            (
                "one\r\ntwo\rthree\n\tfour\u{b}\r\n",
                "one\r\ntwo\rthree\n\tfour\n\r\n",
                "one\r\ntwo\rthree\n\tfour \r\n",
            ),
            ("\u{200f}שלום\u{0}👩\u{200d}👧", "\u{200f}שלום👩\u{200d}👧", "\u{200f}שלום👩\u{200d}👧"),
        ] {
            assert_eq!(cleaned(text, Lines::Many).as_deref(), Some(many), "{text:?}");
            assert_eq!(cleaned(text, Lines::One).as_deref(), Some(one), "{text:?}");
            assert_eq!((cleaned(many, Lines::Many), cleaned(one, Lines::One)), (None, None));
        }
        // Nothing to change: other invisible characters, noncharacters, other scripts' separators.
        for text in ["", "a\nb\r\n\tc", "\u{200b}\u{2028}\u{2066}\u{ad}\u{feff}\u{fffe}\u{fdd0}", "مرحبا"]
        {
            assert_eq!(cleaned(text, Lines::Many), None, "{text:?}");
        }
    }

    #[test]
    fn what_is_left_of_windows_1252_is_what_the_standard_says() {
        let left: String = ('\u{80}'..='\u{9f}').collect();
        assert_eq!(cleaned(&left, Lines::One).unwrap(), "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ");
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
