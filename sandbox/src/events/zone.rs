//! Time zones that Google knows.

use jiff::tz::{TimeZone, TimeZoneDatabase};
use std::sync::LazyLock;

/// The zones that came with this build, whatever is installed on the machine.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// Names of the database that are no place: Google does not know `Factory`.
const NO_PLACES: &[&str] = &["Factory", "Etc/Unknown"];

/// The zone of this name, spelt as the database spells it. Uncertain: whether Google takes other capitals, and whether
/// its database is older than this one.
pub(super) fn known(name: &str) -> Option<TimeZone> {
    let zone = ZONES.get(name).ok()?;
    (zone.iana_name() == Some(name) && !NO_PLACES.contains(&name)).then_some(zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_databases_own() {
        for name in ["Europe/Berlin", "UTC", "US/Pacific", "Asia/Calcutta", "Etc/GMT-5", "EST", "WET"] {
            assert!(known(name).is_some(), "{name}");
        }
        for name in
            ["", "europe/berlin", "Factory", "Etc/Unknown", "GMT+2", "PST", "Z", "posix/UTC", "localtime"]
        {
            assert!(known(name).is_none(), "{name}");
        }
    }
}
