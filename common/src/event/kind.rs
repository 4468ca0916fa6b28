//! Kinds of events: ordinary ones, and Google's special ones with rules of their own.
//!
//! The rules are those of Google's guides "Manage focus time, out of office, and working location
//! events" and "Event types", and of public reports where a rule names one. Google refuses what breaks
//! them, so it is refused here, by the field's name.

use serde_json::{Map, Value};

use super::calendar_id::CalendarId;
use super::problems::Problems;
use super::times::Times;
use crate::field::FieldCode;

/// Each special kind, and the field that holds its properties.
const PROPERTIES: &[(&str, &str)] = &[
    ("birthday", "birthdayProperties"),
    ("focusTime", "focusTimeProperties"),
    ("outOfOffice", "outOfOfficeProperties"),
    ("workingLocation", "workingLocationProperties"),
];

/// Whether this is one of Google's special kinds.
pub(super) fn is_special(event: &Map<String, Value>) -> bool {
    name(event) != "default"
}

/// Checks the rules of the event's kind, and drops empty lists and objects that the kind must not have.
pub(super) fn settle(
    event: &mut Map<String, Value>,
    calendar: Option<&CalendarId>,
    times: Option<&Times>,
    problems: &mut Problems,
) {
    if problems.concern("eventType") {
        return;
    }
    let kind = &name(event).to_owned();
    for (owner, field) in PROPERTIES {
        if event.contains_key(*field) && owner != kind {
            let message = format!("{field} belong to an event with eventType `{owner}`");
            problems.add(field, FieldCode::Conflict, message);
        }
    }
    let mut rules = Rules { event, kind, problems };
    match kind.as_str() {
        "birthday" => rules.birthday(times),
        "focusTime" | "outOfOffice" => rules.absence(times),
        "workingLocation" => rules.working_location(times),
        _ => return,
    }
    rules.on_a_primary_calendar(calendar);
}

fn name(event: &Map<String, Value>) -> &str {
    event.get("eventType").and_then(Value::as_str).unwrap_or("default")
}

struct Rules<'a> {
    event: &'a mut Map<String, Value>,
    kind: &'a str,
    problems: &'a mut Problems,
}

impl Rules<'_> {
    /// All day for one day, every year, private, transparent, without guests, and without private
    /// properties (OutlookGoogleCalendarSync#2103).
    fn birthday(&mut self, times: Option<&Times>) {
        match times {
            Some(Times::Timed { .. }) => {
                self.refuse("start", "is an all-day event: send start.date and end.date");
            }
            Some(times) if !times.is_one_day() => {
                self.refuse("end", "is one day: end.date is the day after start.date")
            }
            Some(_) | None => {}
        }
        self.must_be("visibility", "private");
        self.must_be("transparency", "transparent");
        self.no(&["attendees"]);
        self.no(&["extendedProperties", "private"]);
        let yearly = |line: &Value| line.as_str().is_some_and(|line| line.contains("FREQ=YEARLY"));
        match self.event.get("recurrence").and_then(Value::as_array) {
            Some(lines) if lines.iter().any(yearly) => {}
            Some(_) => self.refuse("recurrence", "repeats every year: send RRULE:FREQ=YEARLY"),
            None => self.need("recurrence", "repeats every year: send [\"RRULE:FREQ=YEARLY\"]"),
        }
    }

    /// Focus time and out of office: at times of the day, opaque, with properties and without guests
    /// (macro#6183). An absence has no description ("An out of office event must not have a description.", as
    /// three public clients quote Google) and no location.
    fn absence(&mut self, times: Option<&Times>) {
        if let Some(Times::AllDay { .. }) = times {
            self.refuse("start", "has times: send start.dateTime and end.dateTime");
        }
        if self.event.get("transparency").is_some_and(|value| value != "opaque") {
            self.refuse("transparency", "is opaque: leave transparency out");
        }
        self.no(&["attendees"]);
        let own = if self.kind == "focusTime" { "focusTimeProperties" } else { "outOfOfficeProperties" };
        if self.kind == "outOfOffice" {
            self.no(&["description"]);
            self.no(&["location"]);
        }
        if !self.event.contains_key(own) {
            self.need(own, &format!("needs {own}; they may be empty: {{}}"));
        }
    }

    /// Public, transparent, without `location` (agent-native#2512); all day it is one day.
    fn working_location(&mut self, times: Option<&Times>) {
        if let Some(times @ Times::AllDay { .. }) = times
            && !times.is_one_day()
        {
            self.refuse("end", "is one day when it is all day: end.date is the day after start.date");
        }
        self.must_be("visibility", "public");
        self.must_be("transparency", "transparent");
        self.no(&["location"]);
        self.no(&["attendees"]);
        let own = "workingLocationProperties";
        let Some(properties) = self.event.get(own) else {
            self.need(own, &format!("needs {own}"));
            return;
        };
        let label = properties.pointer("/customLocation/label").and_then(Value::as_str).unwrap_or_default();
        if properties.get("type").is_some_and(|kind| kind == "customLocation") && label.trim().is_empty() {
            let field = format!("{own}.customLocation.label");
            self.need(&field, "needs a label for a place of one's own");
        }
    }

    /// Only a primary calendar has special events. Its id may be the user's address, but never one of
    /// a calendar that was made beside it.
    fn on_a_primary_calendar(&mut self, calendar: Option<&CalendarId>) {
        if calendar.is_some_and(|id| id.as_str().ends_with("calendar.google.com")) {
            self.refuse("calendarId", "goes into the user's primary calendar: leave calendarId out");
        }
    }

    fn must_be(&mut self, field: &str, word: &str) {
        match self.event.get(field) {
            Some(value) if value == word => {}
            Some(_) => self.refuse(field, &format!("has {field} `{word}`")),
            None => self.need(field, &format!("needs {field} `{word}`")),
        }
    }

    /// Refuses a field that this kind has not. An empty list or object says nothing and is dropped, because
    /// Google refuses it too.
    fn no(&mut self, path: &[&str]) {
        let [parents @ .., name] = path else { return };
        let mut object = Some(&mut *self.event);
        for parent in parents {
            object = object.and_then(|object| object.get_mut(*parent)).and_then(Value::as_object_mut);
        }
        let Some(object) = object else { return };
        let says_something = match object.get(*name) {
            None | Some(Value::Null) => return,
            Some(Value::Array(items)) => !items.is_empty(),
            Some(Value::Object(members)) => !members.is_empty(),
            Some(Value::Bool(_) | Value::Number(_) | Value::String(_)) => true,
        };
        if says_something {
            let field = path.join(".");
            self.refuse(&field, &format!("has no {field}"));
        } else {
            object.remove(*name);
        }
    }

    fn refuse(&mut self, field: &str, rule: &str) {
        self.report(field, FieldCode::Conflict, rule);
    }

    fn need(&mut self, field: &str, rule: &str) {
        self.report(field, FieldCode::Required, rule);
    }

    /// What is wrong with a field for another reason is reported once.
    fn report(&mut self, field: &str, code: FieldCode, rule: &str) {
        if !self.problems.concern(field) {
            let message = format!("an event with eventType `{}` {rule}", self.kind);
            self.problems.add(field, code, message);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(event: &Value, calendar: &str) -> Vec<(String, FieldCode)> {
        let mut problems = Problems::default();
        let mut event = event.as_object().unwrap().clone();
        let times =
            super::super::times::settle(&mut event, super::super::times::Repeats::Never, &mut problems);
        let calendar = CalendarId::parse(calendar).unwrap();
        settle(&mut event, Some(&calendar), times.as_ref(), &mut problems);
        let empty = |path: &str| Value::Object(event.clone()).pointer(path).is_some();
        assert!(!is_special(&event) || !empty("/attendees") || !problems.summary().is_empty());
        problems.summary()
    }

    fn timed() -> Value {
        json!({"start": {"dateTime": "2027-01-05T09:00:00Z"}, "end": {"dateTime": "2027-01-05T10:00:00Z"}})
    }

    fn all_day(end: &str) -> Value {
        json!({"start": {"date": "2027-01-05"}, "end": {"date": end}})
    }

    /// A body that Google takes, of each special kind.
    fn good(kind: &str) -> Value {
        let (mut event, more) = match kind {
            "birthday" => (
                all_day("2027-01-06"),
                json!({"visibility": "private", "transparency": "transparent", "recurrence": ["RRULE:FREQ=YEARLY"]}),
            ),
            "focusTime" => (timed(), json!({"focusTimeProperties": {}})),
            "outOfOffice" => (timed(), json!({"outOfOfficeProperties": {"autoDeclineMode": "declineNone"}})),
            _ => (
                all_day("2027-01-06"),
                json!({"visibility": "public", "transparency": "transparent",
                    "workingLocationProperties": {"type": "homeOffice", "homeOffice": {}}}),
            ),
        };
        let members = event.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());
        members.insert("eventType".to_owned(), kind.into());
        event
    }

    /// The good body with one member replaced; `null` removes it.
    fn but(kind: &str, members: Value) -> Vec<(String, FieldCode)> {
        let mut event = good(kind);
        event.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        event.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        found(&event, "primary")
    }

    #[test]
    fn what_google_takes_is_taken() {
        for (kind, _) in PROPERTIES {
            assert_eq!(found(&good(kind), "primary"), [], "{kind}");
            assert_eq!(found(&good(kind), "ada@example.com"), [], "{kind}");
            assert_eq!(
                but(kind, json!({"attendees": [], "extendedProperties": {"private": {}}})),
                [],
                "{kind}"
            );
        }
        assert_eq!(found(&timed(), "team@group.calendar.google.com"), []);
        let hours = timed();
        assert_eq!(but("workingLocation", hours), []);
        assert_eq!(but("outOfOffice", json!({"transparency": "opaque"})), []);
        let label = json!({"type": "customLocation", "customLocation": {"label": "Library"}});
        assert_eq!(but("workingLocation", json!({"workingLocationProperties": label})), []);
        assert_eq!(but("birthday", json!({"recurrence": ["RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=-1"]})), []);
    }

    #[test]
    fn properties_belong_to_their_own_kind() {
        for (kind, field) in PROPERTIES {
            let mut event = timed();
            event[*field] = json!({});
            let conflict = [((*field).to_owned(), FieldCode::Conflict)];
            assert_eq!(found(&event, "primary"), conflict, "{kind}");
            event["eventType"] = json!("default");
            assert_eq!(found(&event, "primary"), conflict, "{kind}");
        }
    }

    #[test]
    fn each_rule_is_refused_by_the_name_of_its_field() {
        use FieldCode::{Conflict, Required};
        let guests = json!([{"email": "a@example.com"}]);
        for (kind, members, field, code) in [
            ("birthday", timed(), "start", Conflict),
            ("birthday", all_day("2027-01-07"), "end", Conflict),
            ("birthday", json!({"visibility": null}), "visibility", Required),
            ("birthday", json!({"visibility": "public"}), "visibility", Conflict),
            ("birthday", json!({"transparency": null}), "transparency", Required),
            ("birthday", json!({"transparency": "opaque"}), "transparency", Conflict),
            ("birthday", json!({"recurrence": null}), "recurrence", Required),
            ("birthday", json!({"recurrence": ["RRULE:FREQ=MONTHLY"]}), "recurrence", Conflict),
            ("birthday", json!({"attendees": guests}), "attendees", Conflict),
            (
                "birthday",
                json!({"extendedProperties": {"private": {"a": "b"}}}),
                "extendedProperties.private",
                Conflict,
            ),
            ("focusTime", all_day("2027-01-06"), "start", Conflict),
            ("focusTime", json!({"transparency": "transparent"}), "transparency", Conflict),
            ("focusTime", json!({"focusTimeProperties": null}), "focusTimeProperties", Required),
            ("focusTime", json!({"attendees": guests}), "attendees", Conflict),
            ("outOfOffice", all_day("2027-01-06"), "start", Conflict),
            ("outOfOffice", json!({"transparency": "transparent"}), "transparency", Conflict),
            ("outOfOffice", json!({"outOfOfficeProperties": null}), "outOfOfficeProperties", Required),
            ("outOfOffice", json!({"attendees": guests}), "attendees", Conflict),
            ("outOfOffice", json!({"description": "Away"}), "description", Conflict),
            ("outOfOffice", json!({"location": "Rome"}), "location", Conflict),
            ("workingLocation", json!({"attendees": guests}), "attendees", Conflict),
            ("workingLocation", all_day("2027-01-08"), "end", Conflict),
            ("workingLocation", json!({"visibility": null}), "visibility", Required),
            ("workingLocation", json!({"visibility": "private"}), "visibility", Conflict),
            ("workingLocation", json!({"transparency": null}), "transparency", Required),
            ("workingLocation", json!({"location": "Library"}), "location", Conflict),
            (
                "workingLocation",
                json!({"workingLocationProperties": null}),
                "workingLocationProperties",
                Required,
            ),
            (
                "workingLocation",
                json!({"workingLocationProperties": {"type": "customLocation", "customLocation": {"label": " "}}}),
                "workingLocationProperties.customLocation.label",
                Required,
            ),
            (
                "workingLocation",
                json!({"workingLocationProperties": {"type": "customLocation"}}),
                "workingLocationProperties.customLocation.label",
                Required,
            ),
        ] {
            assert_eq!(but(kind, members.clone()), [(field.to_owned(), code)], "{kind} {members}");
        }
    }

    #[test]
    fn special_events_go_into_a_primary_calendar() {
        for (kind, _) in PROPERTIES {
            for id in ["team@group.calendar.google.com", "en.usa#holiday@group.v.calendar.google.com"] {
                let expected = [("calendarId".to_owned(), FieldCode::Conflict)];
                assert_eq!(found(&good(kind), id), expected, "{kind} {id}");
            }
        }
    }

    #[test]
    fn only_default_events_are_ordinary() {
        for (event, special) in [
            (json!({}), false),
            (json!({"eventType": "default"}), false),
            (json!({"eventType": "focusTime"}), true),
        ] {
            assert_eq!(is_special(event.as_object().unwrap()), special, "{event}");
        }
    }
}
