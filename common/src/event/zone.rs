//! Time zones by their IANA names.

use std::sync::LazyLock;

use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::problems::quoted;
use super::suggest::nearest;

/// The zones that came with this build: every process gives the same answer, whatever is (or is
/// not) installed beside it.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// A time zone and the name it goes by.
#[derive(Clone, Debug)]
pub(super) struct Zone {
    /// The name as the IANA database spells it.
    pub(super) name: String,
    /// Its rules.
    pub(super) rules: TimeZone,
}

/// Finds a zone by its IANA name, in whatever case.
///
/// The error is the sentence for the caller, with the nearest name where there is one.
pub(super) fn find(text: &str) -> Result<Zone, String> {
    if let Ok(rules) = ZONES.get(text)
        && let Some(name) = rules.iana_name().map(str::to_owned)
        && !rules.is_unknown()
    {
        return Ok(Zone { name, rules });
    }
    let hint = if let Some((_, iana)) = WINDOWS.iter().find(|(windows, _)| windows.eq_ignore_ascii_case(text))
    {
        format!("; that is a Windows name: send `{iana}`")
    } else if text.to_ascii_lowercase().ends_with("standard time") {
        "; that looks like a Windows name: send the IANA name, such as `Europe/Berlin`".to_owned()
    } else if let Some(name) = similar(text) {
        format!("; did you mean `{name}`?")
    } else {
        "; send a name such as `Europe/Berlin`, not an abbreviation or an offset".to_owned()
    };
    Err(format!("`{}` is not a time zone of the IANA database{hint}", quoted(text)))
}

/// A place whose name is nearly this one; abbreviations are all too similar to each other.
fn similar(text: &str) -> Option<String> {
    let places: Vec<String> =
        ZONES.available().map(|name| name.to_string()).filter(|name| name.contains('/')).collect();
    nearest(text, places.iter().map(String::as_str)).map(str::to_owned)
}

/// Windows' names that callers send most, and IANA's for the same place (after Unicode CLDR).
const WINDOWS: &[(&str, &str)] = &[
    ("AUS Eastern Standard Time", "Australia/Sydney"),
    ("Arab Standard Time", "Asia/Riyadh"),
    ("Arabian Standard Time", "Asia/Dubai"),
    ("Central Europe Standard Time", "Europe/Budapest"),
    ("Central European Standard Time", "Europe/Warsaw"),
    ("Central Standard Time", "America/Chicago"),
    ("China Standard Time", "Asia/Shanghai"),
    ("E. South America Standard Time", "America/Sao_Paulo"),
    ("Eastern Standard Time", "America/New_York"),
    ("Egypt Standard Time", "Africa/Cairo"),
    ("GMT Standard Time", "Europe/London"),
    ("GTB Standard Time", "Europe/Bucharest"),
    ("India Standard Time", "Asia/Kolkata"),
    ("Israel Standard Time", "Asia/Jerusalem"),
    ("Korea Standard Time", "Asia/Seoul"),
    ("Mountain Standard Time", "America/Denver"),
    ("New Zealand Standard Time", "Pacific/Auckland"),
    ("Pacific Standard Time", "America/Los_Angeles"),
    ("Romance Standard Time", "Europe/Paris"),
    ("Russian Standard Time", "Europe/Moscow"),
    ("SE Asia Standard Time", "Asia/Bangkok"),
    ("Singapore Standard Time", "Asia/Singapore"),
    ("South Africa Standard Time", "Africa/Johannesburg"),
    ("Tokyo Standard Time", "Asia/Tokyo"),
    ("Turkey Standard Time", "Europe/Istanbul"),
    ("W. Europe Standard Time", "Europe/Berlin"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iana_names_are_found_and_spelt_as_iana_does() {
        for (given, name) in [
            ("Asia/Kolkata", "Asia/Kolkata"),
            ("asia/kolkata", "Asia/Kolkata"),
            ("EUROPE/BERLIN", "Europe/Berlin"),
            ("Asia/Calcutta", "Asia/Calcutta"),
            ("US/Eastern", "US/Eastern"),
            ("UTC", "UTC"),
            ("Etc/UTC", "Etc/UTC"),
            ("Etc/GMT+5", "Etc/GMT+5"),
            ("America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires"),
            ("Pacific/Kiritimati", "Pacific/Kiritimati"),
        ] {
            assert_eq!(find(given).map(|zone| zone.name).as_deref(), Ok(name));
        }
    }

    #[test]
    fn everything_else_is_refused_with_a_hint() {
        for (given, hint) in [
            ("India Standard Time", "`Asia/Kolkata`"),
            ("W. Europe Standard Time", "`Europe/Berlin`"),
            ("Fiji Standard Time", "Windows"),
            ("Asia/Kolkatta", "did you mean `Asia/Kolkata`?"),
            ("Europe/Berln", "did you mean `Europe/Berlin`?"),
            ("IST", "Europe/Berlin"),
            ("+05:30", "Europe/Berlin"),
            ("Mars/Olympus_Mons", "Europe/Berlin"),
            ("", "Europe/Berlin"),
            ("../../etc/passwd", "Europe/Berlin"),
            ("Etc/Unknown", "Europe/Berlin"),
            ("Europe/Berlin ", "did you mean `Europe/Berlin`?"),
        ] {
            let sentence = find(given).expect_err(given);
            assert!(sentence.contains(hint), "{given}: {sentence}");
        }
    }

    #[test]
    fn every_windows_name_leads_to_a_zone_that_exists() {
        for (windows, iana) in WINDOWS {
            assert!(find(windows).is_err(), "{windows}");
            assert!(find(iana).is_ok(), "{iana}");
        }
    }
}
