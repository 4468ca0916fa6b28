//! Google's kinds of events, and what each of them must be.

use jiff::ToSpan;
use serde_json::{Map, Value};

use super::objections::Objections;
use super::refusal::{birthday, focus_time, kind, out_of_office, working_location};
use super::rule;
use crate::api_error::ApiError;
use crate::event::When;

/// What the rules look at.
pub(super) struct Subject<'a> {
    pub(super) fields: &'a Map<String, Value>,
    pub(super) times: Option<&'a (When, When)>,
    /// Whether it asks for a conference.
    pub(super) conference: bool,
    /// Whether its calendar is somebody's primary one.
    pub(super) primary: bool,
    /// The kind that the event has, where it is there already.
    pub(super) was: Option<&'a str>,
}

/// Each special kind, and the field of its own.
const OWN: &[(&str, &str, super::refusal::Refusal)] = &[
    ("birthday", "birthdayProperties", kind::BIRTHDAY),
    ("focusTime", "focusTimeProperties", kind::FOCUS_TIME),
    ("outOfOffice", "outOfOfficeProperties", kind::OUT_OF_OFFICE),
    ("workingLocation", "workingLocationProperties", kind::WORKING_LOCATION),
];

/// Checks the rules of the event's kind.
pub(super) fn check(subject: &Subject<'_>, objections: &mut Objections) {
    let kind = subject.text("eventType").unwrap_or("default");
    if subject.was.is_some_and(|was| was != kind) {
        objections.add(kind::CHANGED);
        return;
    }
    for (owner, field, refusal) in OWN {
        // A birthday's are optional.
        let missing = *owner == kind && kind != "birthday" && !subject.fields.contains_key(*field);
        let foreign = *owner != kind && subject.fields.contains_key(*field);
        if missing || foreign {
            objections.add(*refusal);
        }
    }
    match kind {
        "birthday" => birthday(subject, objections),
        "focusTime" => focus_time(subject, objections),
        "outOfOffice" => out_of_office(subject, objections),
        "workingLocation" => working_location(subject, objections),
        "fromGmail" => objections.add(kind::FROM_GMAIL),
        _ => {}
    }
}

impl Subject<'_> {
    fn text(&self, field: &str) -> Option<&str> {
        self.fields.get(field).and_then(Value::as_str)
    }

    fn has_text(&self, field: &str) -> bool {
        self.text(field).is_some_and(|text| !text.is_empty())
    }

    fn has(&self, field: &str) -> bool {
        self.fields.contains_key(field)
    }

    fn is_all_day(&self) -> bool {
        self.times.is_some_and(|(start, _)| start.is_date())
    }

    /// Whether it is all-day and of another length than one day; unknown times break no rule.
    fn is_other_than_one_day(&self) -> bool {
        match self.times {
            Some((When::Date(start), When::Date(end))) => start.checked_add(1.day()).ok() != Some(*end),
            Some(_) | None => false,
        }
    }
}

fn add_where(objections: &mut Objections, rules: &[(bool, super::refusal::Refusal)]) {
    for (broken, refusal) in rules {
        if *broken {
            objections.add(*refusal);
        }
    }
}

fn birthday(subject: &Subject<'_>, objections: &mut Objections) {
    let lines = subject.fields.get("recurrence").and_then(Value::as_array);
    let lines = lines.into_iter().flatten().filter_map(Value::as_str);
    let timed = subject.times.is_some() && !subject.is_all_day();
    let private = subject.fields.get("extendedProperties").and_then(|both| both.get("private"));
    let own = subject.fields.get("birthdayProperties").and_then(|own| own.get("type"));
    add_where(
        objections,
        &[
            (private.is_some(), birthday::PRIVATE_PROPERTIES),
            (timed || subject.is_other_than_one_day(), birthday::SPAN),
            (!rule::is_yearly(lines), birthday::YEARLY),
            (subject.has("attendees"), birthday::ATTENDEES),
            (subject.conference, birthday::CONFERENCE),
            (subject.text("visibility") != Some("private"), birthday::VISIBILITY),
            (subject.text("transparency") != Some("transparent"), birthday::TRANSPARENCY),
            (own.is_some_and(|own| own != "birthday"), birthday::TYPE),
        ],
    );
}

fn out_of_office(subject: &Subject<'_>, objections: &mut Objections) {
    add_where(
        objections,
        &[
            (subject.is_all_day(), out_of_office::ALL_DAY),
            (subject.has_text("description"), out_of_office::DESCRIPTION),
            (subject.has_text("location"), out_of_office::LOCATION),
            (subject.has("attendees"), out_of_office::ATTENDEES),
            (subject.conference, out_of_office::CONFERENCE),
            (subject.text("transparency") == Some("transparent"), out_of_office::TRANSPARENCY),
            (!subject.primary, out_of_office::CALENDAR),
        ],
    );
    declining(subject.fields.get("outOfOfficeProperties"), objections);
}

fn focus_time(subject: &Subject<'_>, objections: &mut Objections) {
    add_where(
        objections,
        &[
            (subject.is_all_day(), focus_time::ALL_DAY),
            (subject.has("attendees"), focus_time::ATTENDEES),
            (subject.conference, focus_time::CONFERENCE),
            (subject.text("transparency") == Some("transparent"), focus_time::TRANSPARENCY),
            (!subject.primary, focus_time::CALENDAR),
        ],
    );
    let own = subject.fields.get("focusTimeProperties");
    declining(own, objections);
    one_of(own, "chatStatus", &["available", "doNotDisturb"], objections);
}

fn working_location(subject: &Subject<'_>, objections: &mut Objections) {
    add_where(
        objections,
        &[
            (subject.is_other_than_one_day(), working_location::ONE_DAY),
            (subject.text("visibility") != Some("public"), working_location::VISIBILITY),
            (subject.text("transparency") != Some("transparent"), working_location::TRANSPARENCY),
            (subject.has_text("location"), working_location::LOCATION),
            (subject.has("attendees"), working_location::ATTENDEES),
            (subject.conference, working_location::CONFERENCE),
            (!subject.primary, working_location::CALENDAR),
        ],
    );
    let Some(own) = subject.fields.get("workingLocationProperties") else {
        return;
    };
    let kind = own.get("type").and_then(Value::as_str);
    let label = own.pointer("/customLocation/label").and_then(Value::as_str).unwrap_or_default();
    add_where(
        objections,
        &[
            (kind.is_none(), working_location::MISSING_TYPE),
            (kind == Some("customLocation") && label.is_empty(), working_location::LABEL),
        ],
    );
    one_of(Some(own), "type", &["homeOffice", "officeLocation", "customLocation"], objections);
}

fn declining(own: Option<&Value>, objections: &mut Objections) {
    let modes = ["declineNone", "declineAllConflictingInvitations", "declineOnlyNewConflictingInvitations"];
    one_of(own, "autoDeclineMode", &modes, objections);
}

fn one_of(own: Option<&Value>, name: &str, words: &[&str], objections: &mut Objections) {
    match own.and_then(|own| own.get(name)) {
        None | Some(Value::Null) => {}
        Some(Value::String(word)) if words.contains(&word.as_str()) => {}
        Some(Value::String(word)) => objections.add(ApiError::no_such_value(word)),
        Some(_) => objections.add(ApiError::of("badRequest")),
    }
}
