//! Texts: Google strips control characters and refuses none (ical-org/ical.net#497).

use serde_json::{Map, Value};

/// Without the control characters of ASCII but tab and line ends. Uncertain: those from U+0080 on, which are kept here.
pub(super) fn stripped(text: &str) -> String {
    text.chars().filter(|c| !c.is_ascii_control() || matches!(c, '\t' | '\n' | '\r')).collect()
}

/// Strips every text in `object` that has one of these names.
pub(super) fn strip(object: &mut Map<String, Value>, names: &[&str]) {
    for name in names {
        if let Some(Value::String(text)) = object.get_mut(*name) {
            *text = stripped(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tabs_and_line_ends_stay() {
        assert_eq!(stripped("a\u{0}b\tc\r\nd\u{b}\u{c}e\u{1b}f\u{7f}g\u{85}"), "ab\tc\r\ndefg\u{85}");
    }
}
