//! What to send instead of a name that is no time zone.

use jiff::tz::TimeZoneDatabase;

use super::windows;
use crate::event::suggest::nearest;

/// The end of the sentence that refuses `text`.
pub(super) fn instead_of(text: &str, zones: &TimeZoneDatabase) -> String {
    if let Some(places) = abbreviated(text) {
        let places: Vec<String> = places.iter().map(|place| format!("`{place}`")).collect();
        return format!("; an abbreviation is not a name: send one such as {}", or(&places));
    }
    if is_offset(text) {
        return "; an offset is not a time zone: write it behind each time, such as \
            2027-03-14T09:30:00+05:30, or send a name such as `Europe/Berlin`"
            .to_owned();
    }
    if let Some(name) = windows::meant(text) {
        return format!("; send `{name}`");
    }
    if let Some(name) = similar(text, zones) {
        return format!("; did you mean `{name}`?");
    }
    if let Some(name) = city(text, zones) {
        return format!("; send `{name}`");
    }
    "; send a name such as `Europe/Berlin`, not an abbreviation or an offset".to_owned()
}

/// `a`, `a or b`, `a, b or c`.
fn or(places: &[String]) -> String {
    match places {
        [first @ .., second_last, last] => {
            let first: String = first.iter().map(|place| format!("{place}, ")).collect();
            format!("{first}{second_last} or {last}")
        }
        [only] => only.clone(),
        [] => String::new(),
    }
}

/// A place whose name is nearly this one; abbreviations are all too similar to each other.
fn similar(text: &str, zones: &TimeZoneDatabase) -> Option<String> {
    let places: Vec<String> =
        zones.available().map(|name| name.to_string()).filter(|name| name.contains('/')).collect();
    nearest(text, places.iter().map(String::as_str)).map(str::to_owned)
}

/// Where IANA's names of places begin; the rest of its names are of offsets and countries.
const AREAS: &[&str] = &[
    "Africa",
    "America",
    "Antarctica",
    "Arctic",
    "Asia",
    "Atlantic",
    "Australia",
    "Europe",
    "Indian",
    "Pacific",
];

/// The zone named after the first city of a list such as `(GMT+01:00) Rome, Stockholm`.
fn city(text: &str, zones: &TimeZoneDatabase) -> Option<String> {
    let list = text.split_once(')').map_or(text, |(_, list)| list);
    let first = list.split([',', '…', '/']).next()?.trim().replace(' ', "_");
    zones
        .available()
        .map(|name| name.to_string())
        .filter(|name| {
            let mut parts = name.split('/');
            let area = parts.next().is_some_and(|area| AREAS.contains(&area));
            area && parts.next_back().is_some_and(|last| last.eq_ignore_ascii_case(&first))
        })
        .min_by_key(String::len)
}

/// `+05:30`, `-8`, `UTC+2`, `GMT-03:00`.
fn is_offset(text: &str) -> bool {
    let text = text.trim().to_ascii_uppercase();
    let rest = text.strip_prefix("UTC").or_else(|| text.strip_prefix("GMT")).unwrap_or(&text);
    rest.trim_start()
        .strip_prefix(['+', '-', '−'])
        .is_some_and(|number| !number.is_empty() && number.chars().all(|c| c.is_ascii_digit() || c == ':'))
}

/// The places whose clocks show `text`, those first that most people mean by it.
fn abbreviated(text: &str) -> Option<&'static [&'static str]> {
    let text = text.trim();
    ABBREVIATIONS.iter().find(|(known, _)| known.eq_ignore_ascii_case(text)).map(|(_, places)| *places)
}

/// Abbreviations that are no names in the IANA database (`EST`, `CET`, `GMT` and a few more are).
const ABBREVIATIONS: &[(&str, &[&str])] = &[
    ("Z", &["UTC"]),
    ("ET", &["America/New_York"]),
    ("EDT", &["America/New_York"]),
    ("CT", &["America/Chicago"]),
    ("CST", &["America/Chicago", "Asia/Shanghai", "America/Havana"]),
    ("CDT", &["America/Chicago", "America/Havana"]),
    ("MT", &["America/Denver"]),
    ("MDT", &["America/Denver"]),
    ("PT", &["America/Los_Angeles"]),
    ("PST", &["America/Los_Angeles"]),
    ("PDT", &["America/Los_Angeles"]),
    ("AKST", &["America/Anchorage"]),
    ("AKDT", &["America/Anchorage"]),
    ("AST", &["America/Halifax", "America/Puerto_Rico", "Asia/Riyadh"]),
    ("ADT", &["America/Halifax"]),
    ("NST", &["America/St_Johns"]),
    ("NDT", &["America/St_Johns"]),
    ("BRT", &["America/Sao_Paulo"]),
    ("ART", &["America/Argentina/Buenos_Aires"]),
    ("BST", &["Europe/London", "Asia/Dhaka"]),
    ("IST", &["Asia/Kolkata", "Europe/Dublin", "Asia/Jerusalem"]),
    ("IDT", &["Asia/Jerusalem"]),
    ("WEST", &["Europe/Lisbon"]),
    ("CEST", &["Europe/Berlin", "Europe/Paris"]),
    ("MEZ", &["Europe/Berlin", "Europe/Vienna"]),
    ("MESZ", &["Europe/Berlin", "Europe/Vienna"]),
    ("EEST", &["Europe/Athens", "Europe/Helsinki"]),
    ("MSK", &["Europe/Moscow"]),
    ("TRT", &["Europe/Istanbul"]),
    ("SAST", &["Africa/Johannesburg"]),
    ("CAT", &["Africa/Maputo"]),
    ("EAT", &["Africa/Nairobi"]),
    ("WAT", &["Africa/Lagos"]),
    ("GST", &["Asia/Dubai"]),
    ("PKT", &["Asia/Karachi"]),
    ("NPT", &["Asia/Kathmandu"]),
    ("ICT", &["Asia/Bangkok"]),
    ("WIB", &["Asia/Jakarta"]),
    ("SGT", &["Asia/Singapore"]),
    ("MYT", &["Asia/Kuala_Lumpur"]),
    ("PHT", &["Asia/Manila"]),
    ("HKT", &["Asia/Hong_Kong"]),
    ("JST", &["Asia/Tokyo"]),
    ("KST", &["Asia/Seoul"]),
    ("AWST", &["Australia/Perth"]),
    ("ACST", &["Australia/Adelaide", "Australia/Darwin"]),
    ("ACDT", &["Australia/Adelaide"]),
    ("AEST", &["Australia/Sydney", "Australia/Brisbane"]),
    ("AEDT", &["Australia/Sydney"]),
    ("NZST", &["Pacific/Auckland"]),
    ("NZDT", &["Pacific/Auckland"]),
    ("Central European Time", &["Europe/Berlin", "Europe/Paris"]),
    ("Central European Summer Time", &["Europe/Berlin", "Europe/Paris"]),
    ("Eastern European Time", &["Europe/Athens", "Europe/Helsinki"]),
    ("Eastern European Summer Time", &["Europe/Athens", "Europe/Helsinki"]),
    ("British Summer Time", &["Europe/London"]),
    ("Greenwich Mean Time", &["Etc/GMT", "Europe/London"]),
    ("Japan Standard Time", &["Asia/Tokyo"]),
];

#[cfg(test)]
mod tests {
    use super::super::{ZONES, find};
    use super::*;

    #[test]
    fn every_abbreviation_is_refused_with_places_that_exist() {
        for (abbreviation, places) in ABBREVIATIONS {
            let sentence = find(abbreviation).expect_err(abbreviation);
            for place in *places {
                assert_eq!(find(place).unwrap().name, *place);
                assert!(sentence.contains(&format!("`{place}`")), "{sentence}");
            }
        }
    }

    #[test]
    fn offsets_are_told_from_names() {
        for (text, offset) in [
            ("+05:30", true),
            ("-8", true),
            ("UTC+2", true),
            ("utc +02:00", true),
            ("GMT−03:00", true),
            ("GMT", false),
            ("UTC+", false),
            ("Etc/GMT+5", false),
            ("", false),
        ] {
            assert_eq!(is_offset(text), offset, "{text}");
        }
    }

    #[test]
    fn the_first_city_of_a_list_is_a_place() {
        for (text, place) in [
            ("(GMT+01:00) Stockholm, Rome, Bern", Some("Europe/Stockholm")),
            ("New York", Some("America/New_York")),
            ("los angeles", Some("America/Los_Angeles")),
            ("Louisville", Some("America/Louisville")),
            ("GMT+5", None),
            ("Eastern", None),
            ("Atlantis", None),
            ("", None),
        ] {
            assert_eq!(city(text, &ZONES).as_deref(), place, "{text}");
        }
    }
}
