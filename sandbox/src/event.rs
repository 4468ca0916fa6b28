//! One stored event: what the owner wrote, and what only Google writes.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::config::MeetOutcome;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Event {
    pub(crate) id: String,
    /// Its place in the calendar, by order of arrival; given by the calendar.
    #[serde(default)]
    pub(crate) position: u64,
    pub(crate) created: Timestamp,
    /// The last change, in whole milliseconds, and later than any change before it.
    pub(crate) changed: Timestamp,
    /// The last change of more than reminders, where that is not the last change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) main_change: Option<Timestamp>,
    pub(crate) creator: String,
    pub(crate) start: When,
    pub(crate) end: When,
    pub(crate) ical_uid: String,
    pub(crate) sequence: i64,
    /// How often an insert or import of this id was accepted.
    pub(crate) insert_count: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) conference: Option<Conference>,
    /// Everything else, checked and in Google's spelling.
    pub(crate) fields: Map<String, Value>,
}

/// A start or an end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum When {
    /// A whole day.
    Date(Date),
    /// An instant, with the zone the caller attached.
    At(Timestamp, #[serde(default)] Option<String>),
}

/// A conference, or the attempt at one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Conference {
    pub(crate) request_id: String,
    pub(crate) state: ConferenceState,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ConferenceState {
    Pending { ready: Timestamp, outcome: MeetOutcome },
    Success,
    Failure,
}

impl Event {
    pub(crate) fn is_cancelled(&self) -> bool {
        self.text("status") == Some("cancelled")
    }

    pub(crate) fn is_recurring(&self) -> bool {
        self.fields.contains_key("recurrence")
    }

    pub(crate) fn text(&self, field: &str) -> Option<&str> {
        self.fields.get(field).and_then(Value::as_str)
    }

    pub(crate) fn guests(&self) -> &[Value] {
        self.fields.get("attendees").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// Twice the microseconds of the last change, quoted, as observed at Google.
    pub(crate) fn etag(&self) -> String {
        format!("\"{}\"", 2 * self.changed.as_microsecond())
    }

    /// Marks a change at `now`, always later than the one before, so that no two versions share an etag.
    pub(crate) fn touch(&mut self, now: Timestamp) {
        let next = self.changed.as_millisecond() + 1;
        self.changed = whole_milliseconds(now.as_millisecond().max(next));
        self.main_change = None;
    }

    /// Marks a change of the reminders alone: another version, updated no later.
    pub(crate) fn touch_reminders(&mut self, now: Timestamp) {
        let updated = self.updated();
        self.touch(now);
        self.main_change = Some(updated);
    }

    /// What Google calls `updated`.
    pub(crate) fn updated(&self) -> Timestamp {
        self.main_change.unwrap_or(self.changed)
    }

    /// When a pending conference will be settled.
    pub(crate) fn settles(&self) -> Option<Timestamp> {
        match self.conference.as_ref()?.state {
            ConferenceState::Pending { ready, .. } => Some(ready),
            ConferenceState::Success | ConferenceState::Failure => None,
        }
    }

    /// Ends a pending conference whose time has come.
    pub(crate) fn settle(&mut self) {
        let Some(conference) = &mut self.conference else {
            return;
        };
        if let ConferenceState::Pending { ready, outcome } = conference.state {
            conference.state = match outcome {
                MeetOutcome::Success => ConferenceState::Success,
                MeetOutcome::Failure => ConferenceState::Failure,
            };
            self.touch(ready);
        }
    }

    pub(crate) fn starts(&self, zone: &TimeZone) -> Timestamp {
        self.start.instant(zone)
    }

    pub(crate) fn ends(&self, zone: &TimeZone) -> Timestamp {
        self.end.instant(zone)
    }
}

pub(crate) fn whole_milliseconds(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX)
}

impl When {
    pub(crate) fn instant(&self, zone: &TimeZone) -> Timestamp {
        match self {
            Self::At(at, _) => *at,
            Self::Date(date) => midnight(*date, zone),
        }
    }

    pub(crate) fn is_date(&self) -> bool {
        match self {
            Self::Date(_) => true,
            Self::At(..) => false,
        }
    }
}

pub(crate) fn midnight(date: Date, zone: &TimeZone) -> Timestamp {
    date.to_zoned(zone.clone()).map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}

/// The last day of an all-day event whose exclusive end this is.
pub(crate) fn last_day(end: Date, start: Date) -> Date {
    end.checked_sub(1.day()).unwrap_or(end).max(start)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn event(id: &str, start: When, end: When) -> Event {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        Event {
            id: id.to_owned(),
            position: 0,
            created: now,
            changed: now,
            main_change: None,
            creator: "ada@example.com".to_owned(),
            start,
            end,
            ical_uid: format!("{id}@google.com"),
            sequence: 0,
            insert_count: 1,
            conference: None,
            fields: Map::new(),
        }
    }

    #[test]
    fn the_etag_is_twice_the_microseconds_of_the_last_change() {
        let day = When::Date("2026-01-01".parse().unwrap());
        let mut event = event("abcde", day.clone(), day);
        event.changed = "2024-04-02T08:18:08.282Z".parse().unwrap();
        assert_eq!(event.etag(), "\"3424091776564000\"");
    }

    #[test]
    fn two_changes_in_one_millisecond_have_two_etags() {
        let day = When::Date("2026-01-01".parse().unwrap());
        let mut event = event("abcde", day.clone(), day);
        let now = event.changed;
        let first = event.etag();
        event.touch(now);
        let second = event.etag();
        event.touch(now);
        assert!(first < second && second < event.etag());
    }

    #[test]
    fn the_last_day_of_one_day_is_that_day() {
        let day: Date = "2026-01-01".parse().unwrap();
        assert_eq!(last_day(day.tomorrow().unwrap(), day), day);
        assert_eq!(last_day(day, day), day);
    }
}
