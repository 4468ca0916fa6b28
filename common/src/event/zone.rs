//! Time zones by their IANA names, and by those that Windows has for them.

mod hint;
mod windows;

use std::sync::LazyLock;

use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::problems::quoted;

/// The zones that came with this build: every process gives the same answer, whatever is (or is
/// not) installed beside it.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// The IANA database's entry for a machine whose zone has not been chosen yet.
const NOT_CHOSEN: &str = "Factory";

/// A time zone and the name it goes by.
#[derive(Clone, Debug)]
pub(super) struct Zone {
    /// The name as the IANA database spells it.
    pub(super) name: String,
    /// Its rules.
    pub(super) rules: TimeZone,
    /// What kind of name it was found by.
    pub(super) named: Named,
}

/// Whose name for a zone it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// The IANA database's, which Google takes.
    ByIana,
    /// Windows', which Google refuses: `name` is another than the caller's.
    ByWindows,
}

/// Finds a zone by its IANA name or its Windows id, in whatever case.
///
/// The error is the sentence for the caller, with the name to send where it is known.
pub(super) fn find(text: &str) -> Result<Zone, String> {
    if let Some((name, rules)) = by_iana(text) {
        return Ok(Zone { name, rules, named: Named::ByIana });
    }
    if let Some((name, rules)) = windows::iana(text).and_then(by_iana) {
        return Ok(Zone { name, rules, named: Named::ByWindows });
    }
    if text.eq_ignore_ascii_case(NOT_CHOSEN) {
        let sentence = "is the IANA database's word for a zone that has not been chosen: \
            send a name such as `Europe/Berlin`";
        return Err(format!("`{NOT_CHOSEN}` {sentence}"));
    }
    let hint = hint::instead_of(text, &ZONES);
    Err(format!("`{}` is not a time zone of the IANA database{hint}", quoted(text)))
}

fn by_iana(text: &str) -> Option<(String, TimeZone)> {
    let rules = ZONES.get(text).ok()?;
    let name = rules.iana_name()?.to_owned();
    (name != NOT_CHOSEN && !rules.is_unknown()).then_some((name, rules))
}

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
    fn windows_ids_are_found_by_cldrs_table() {
        for (given, name) in [
            ("W. Europe Standard Time", "Europe/Berlin"),
            ("eastern standard time", "America/New_York"),
            ("India Standard Time", "Asia/Kolkata"),
            ("FLE Standard Time", "Europe/Kiev"),
            ("US Mountain Standard Time", "America/Phoenix"),
            ("Greenwich Standard Time", "Atlantic/Reykjavik"),
            ("Pacific Standard Time (Mexico)", "America/Tijuana"),
            ("Russia Time Zone 11", "Asia/Kamchatka"),
            ("UTC-11", "Etc/GMT+11"),
            ("Fiji Standard Time", "Pacific/Fiji"),
        ] {
            let zone = find(given).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!((zone.name.as_str(), zone.named), (name, Named::ByWindows), "{given}");
        }
        // One that both have is IANA's.
        assert_eq!(find("UTC").unwrap().named, Named::ByIana);
    }

    #[test]
    fn everything_else_is_refused_with_a_hint() {
        for (given, hint) in [
            ("Asia/Kolkatta", "did you mean `Asia/Kolkata`?"),
            ("Europe/Berln", "did you mean `Europe/Berlin`?"),
            ("Europe/Berlin ", "did you mean `Europe/Berlin`?"),
            ("IST", "such as `Asia/Kolkata`, `Europe/Dublin` or `Asia/Jerusalem`"),
            ("cest", "`Europe/Berlin`"),
            ("PST", "such as `America/Los_Angeles`"),
            ("Z", "`UTC`"),
            ("+05:30", "an offset is not a time zone"),
            ("UTC+5:30", "an offset is not a time zone"),
            ("GMT+2", "an offset is not a time zone"),
            ("Coordinated Universal Time", "send `UTC`"),
            ("(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna", "send `Europe/Berlin`"),
            ("(GMT+01:00) Rome, Milan", "send `Europe/Rome`"),
            ("Eastern Standard Time 1", "send `America/New_York`"),
            (" Fiji Standard Time\r\n", "send `Pacific/Fiji`"),
            ("Nowhere Standard Time", "Europe/Berlin"),
            ("Customized Time Zone", "Europe/Berlin"),
            ("Mars/Olympus_Mons", "Europe/Berlin"),
            ("", "Europe/Berlin"),
            ("../../etc/passwd", "Europe/Berlin"),
            ("Etc/Unknown", "Europe/Berlin"),
            ("Factory", "Europe/Berlin"),
            ("factory", "Europe/Berlin"),
            (&"x".repeat(512), "Europe/Berlin"),
        ] {
            let sentence = find(given).expect_err(given);
            assert!(sentence.contains(hint), "{given}: {sentence}");
        }
    }
}
