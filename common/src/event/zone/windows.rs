//! Windows' names of time zones, after Unicode CLDR's table (windowsZones.xml) as the crate
//! `windows-timezones` has it.

use strum::IntoEnumIterator;
use windows_timezones::WindowsTimezone;

/// Zones that IANA has renamed since CLDR named them. CLDR keeps the first name for ever.
///
/// Only renamings of more than ten years ago are here: Google refused `Europe/Kyiv` for weeks after
/// IANA had introduced it (phw198/OutlookGoogleCalendarSync#1525), and takes both of the older names.
const RENAMED: &[(&str, &str)] = &[
    ("America/Buenos_Aires", "America/Argentina/Buenos_Aires"),
    ("America/Indianapolis", "America/Indiana/Indianapolis"),
    ("Asia/Calcutta", "Asia/Kolkata"),
    ("Asia/Katmandu", "Asia/Kathmandu"),
    ("Asia/Rangoon", "Asia/Yangon"),
    ("Etc/UTC", "UTC"),
];

/// The IANA name for a Windows zone id such as `W. Europe Standard Time`, in whatever case.
pub(super) fn iana(id: &str) -> Option<&'static str> {
    WindowsTimezone::iter().find(|zone| zone.name().eq_ignore_ascii_case(id)).map(renamed)
}

/// The IANA name that was probably meant where Windows shows a zone to a person: its display name
/// (`(UTC+01:00) Amsterdam, Berlin, …`), its name in summer, or the copy of a zone that Exchange
/// numbers (`Eastern Standard Time 1`).
pub(super) fn meant(shown: &str) -> Option<&'static str> {
    let text = cut(without_offset(shown)).to_ascii_lowercase();
    let unnumbered = text.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end();
    let standard = text.replace("daylight time", "standard time").replace("summer time", "standard time");
    iana(unnumbered).or_else(|| iana(&standard)).or_else(|| described(&text))
}

/// The zone whose display name is `text`, or the only one whose display name begins with it.
fn described(text: &str) -> Option<&'static str> {
    let rest = |zone: WindowsTimezone| {
        cut(without_offset(zone.description())).to_ascii_lowercase().strip_prefix(text).map(str::to_owned)
    };
    let begin = || WindowsTimezone::iter().filter_map(|zone| rest(zone).map(|rest| (zone, rest)));
    if let Some((zone, _)) = begin().find(|(_, rest)| rest.is_empty()) {
        return Some(renamed(zone));
    }
    // A whole word, and not a letter that many begin with.
    let mut whole = begin().filter(|(_, rest)| rest.starts_with([',', ' ']) && text.len() > 2);
    match (whole.next(), whole.next()) {
        (Some((zone, _)), None) => Some(renamed(zone)),
        (None | Some(_), _) => None,
    }
}

/// `(UTC+01:00) Paris` without its parenthesis.
fn without_offset(text: &str) -> &str {
    match text.strip_prefix('(').and_then(|text| text.split_once(')')) {
        Some((_, rest)) => rest.trim(),
        None => text.trim(),
    }
}

/// A list that was cut off, without the signs that say so.
fn cut(text: &str) -> &str {
    text.trim_end_matches(['…', '.', ',', ' '])
}

fn renamed(zone: WindowsTimezone) -> &'static str {
    let cldr = zone.tzdb_id();
    RENAMED.iter().find(|(old, _)| *old == cldr).map_or(cldr, |(_, new)| new)
}

#[cfg(test)]
mod tests {
    use super::super::find;
    use super::*;

    #[test]
    fn every_windows_id_is_a_zone_that_exists() {
        assert!(WindowsTimezone::iter().count() >= 130);
        for zone in WindowsTimezone::iter() {
            let name = iana(zone.name()).unwrap_or_else(|| panic!("{}", zone.name()));
            assert_eq!(find(name).unwrap().name, name, "{}", zone.name());
        }
    }

    #[test]
    fn every_renamed_zone_is_one_of_cldrs() {
        for (old, _) in RENAMED {
            assert!(WindowsTimezone::iter().any(|zone| zone.tzdb_id() == *old), "{old}");
        }
    }

    #[test]
    fn display_names_lead_to_the_zone_that_they_show() {
        for zone in WindowsTimezone::iter() {
            let shown = zone.description();
            assert!(meant(shown).is_some(), "{shown}");
        }
        for (shown, name) in [
            ("(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna", Some("Europe/Berlin")),
            ("(GMT+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna", Some("Europe/Berlin")),
            ("(UTC+01:00) Amsterdam, Berlin…", Some("Europe/Berlin")),
            ("(UTC+01:00) amsterdam, ...", Some("Europe/Berlin")),
            ("(UTC-05:00) Eastern Time (US & Canada)", Some("America/New_York")),
            ("Eastern Time", Some("America/New_York")),
            ("Eastern Standard Time 1", Some("America/New_York")),
            ("W. Europe Standard Time 12", Some("Europe/Berlin")),
            ("Pacific Daylight Time", Some("America/Los_Angeles")),
            ("W. Europe Summer Time", Some("Europe/Berlin")),
            ("Coordinated Universal Time", Some("UTC")),
            ("(UTC) Coordinated Universal Time", Some("UTC")),
            ("(UTC+05:30) Chennai, Kolkata, Mumbai, New Delhi", Some("Asia/Kolkata")),
            // Several begin so, or none.
            ("Central", None),
            ("IST", None),
            ("", None),
            ("(", None),
            ("()", None),
            ("tzone://Microsoft/Custom", None),
        ] {
            assert_eq!(meant(shown), name, "{shown}");
        }
    }
}
