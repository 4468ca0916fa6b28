//! A request to create an event, parsed once.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::body::{self, BodyError};
use super::calendar_id::CalendarId;
use super::date_time::Moment;
use super::delivery::{Priority, SendUpdates};
use super::draft::EventDraft;
use super::former::Said;
use super::problems::{Path, Problems};
use super::shape::check_object;
use super::times::{self, Repeats};
use super::{canonical, conference, fetched, guests, kind, meaning, properties, recurrence, schema};
use crate::account::AccountId;
use crate::field::FieldCode;
use crate::warning::{Warning, WarningCode};

/// Everything that a caller says when asking for an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// Whose calendar.
    pub account: AccountId,
    /// Which of their calendars.
    pub calendar: CalendarId,
    /// The event.
    pub event: EventDraft,
    /// Whether to make a Meet conference for it.
    pub conference: bool,
    /// Which guests Google mails.
    pub send_updates: SendUpdates,
    /// Not to be created earlier.
    pub not_before: Option<Timestamp>,
    /// Not to be created later.
    pub not_after: Option<Timestamp>,
    /// How urgent it is.
    pub priority: Priority,
    /// What was changed in the body. No part of what was asked for.
    pub warnings: Vec<Warning>,
    said: Said,
}

impl Submission {
    /// Parses a request body: Google's form, the flat form, or flat times with Google's fields.
    ///
    /// # Errors
    /// When the body is not one JSON object, or with everything that is wrong with its fields.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let fields = body::read(body)?;
        let mut problems = Problems::default();
        let submission = Self::from_fields(fields, &mut problems);
        let (submission, warnings) = problems.finish(submission)?;
        Ok(Self { warnings, ..submission })
    }

    /// The same bytes for requests that mean the same, however they are spelt. Input to version 2 of a
    /// keyed hash that outlives deployments.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        self.bytes(2, self.calendar.as_str(), self.conference, meaning::of(self.event.resource()))
    }

    /// The bytes that builds hashed which knew version 1 alone: the same for the same words in another
    /// order or form.
    #[must_use]
    pub fn former(&self) -> Vec<u8> {
        let event = self.said.event(self.event.resource());
        self.bytes(1, self.said.calendar(), self.said.conference(), event)
    }

    fn bytes(&self, version: u8, calendar: &str, conference: bool, event: Map<String, Value>) -> Vec<u8> {
        let whole = json!({
            "v": version,
            "account": self.account.as_str(),
            "calendarId": calendar,
            "conference": conference,
            "event": event,
            "notAfter": self.not_after.map(|time| time.to_string()),
            "notBefore": self.not_before.map(|time| time.to_string()),
            "priority": self.priority.as_str(),
            "sendUpdates": self.send_updates.as_str(),
        });
        let whole = match whole {
            Value::Object(whole) => canonical::sorted(whole),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                unreachable!("an object was written above")
            }
        };
        serde_json::to_vec(&whole).expect("a map with text keys is JSON")
    }

    fn from_fields(fields: Map<String, Value>, problems: &mut Problems) -> Option<Self> {
        let said = Said::new(&fields);
        let tables = [schema::CONTROL, schema::FLAT, schema::EVENT];
        let mut fields = fields;
        fetched::strip(&mut fields, problems);
        let mut event = check_object(&tables, fields, &Path::root(), problems);
        let account = account(&mut event, problems);
        let calendar = calendar(&mut event, problems);
        let word = |value: Option<Value>| value.and_then(|value| value.as_str().map(str::to_owned));
        let send_updates = word(event.remove("sendUpdates"));
        let priority = word(event.remove("priority"));
        let (not_before, not_after) = window(&mut event, problems);
        let asked = event.remove("conference").and_then(|value| value.as_bool());

        guests::settle(&mut event, problems);
        let repeats = if recurrence::lines(&event).is_some() { Repeats::Yes } else { Repeats::Never };
        let times = times::settle(&mut event, repeats, problems);
        if let Some(times) = &times {
            recurrence::check(&mut event, times, problems);
        }
        settle_reminders(&mut event, problems);
        properties::check_together(&event, problems);
        kind::settle(&mut event, calendar.as_ref(), times.as_ref(), problems);
        let conference = conference::settle(&mut event, asked, problems);
        Some(Self {
            account: account?,
            calendar: calendar?,
            event: EventDraft::new(event, &times?),
            conference,
            send_updates: send_updates.and_then(|word| SendUpdates::parse(&word)).unwrap_or_default(),
            not_before,
            not_after,
            priority: priority.and_then(|word| Priority::parse(&word)).unwrap_or_default(),
            warnings: Vec::new(),
            said,
        })
    }
}

fn account(event: &mut Map<String, Value>, problems: &mut Problems) -> Option<AccountId> {
    let Some(value) = event.remove("account") else {
        return Some(AccountId::default_account());
    };
    AccountId::parse(value.as_str().unwrap_or_default())
        .map_err(|error| problems.add("account", FieldCode::InvalidId, error.to_string()))
        .ok()
}

fn calendar(event: &mut Map<String, Value>, problems: &mut Problems) -> Option<CalendarId> {
    let Some(value) = event.remove("calendarId") else {
        return Some(CalendarId::primary());
    };
    let text = value.as_str().unwrap_or_default();
    if text.eq_ignore_ascii_case(CalendarId::primary().as_str()) {
        return Some(CalendarId::primary());
    }
    if let Some(escape) = url_escape(text) {
        let message =
            format!("calendarId must not be URL-encoded: write the character itself for `{escape}`");
        problems.add("calendarId", FieldCode::InvalidId, message);
        return None;
    }
    CalendarId::parse(text)
        .map_err(|error| problems.add("calendarId", FieldCode::InvalidId, error.to_string()))
        .ok()
}

/// The first `%40` or the like: somebody has encoded the id for a path, and Google knows no such calendar.
fn url_escape(text: &str) -> Option<&str> {
    let escapes = text.match_indices('%').filter_map(|(at, _)| text.get(at..at + 3));
    escapes.into_iter().find(|escape| escape[1..].bytes().all(|b| b.is_ascii_hexdigit()))
}

/// When the event may be created: both ends optional, in that order.
fn window(event: &mut Map<String, Value>, problems: &mut Problems) -> (Option<Timestamp>, Option<Timestamp>) {
    let mut instant = |field: &str| {
        let value = event.remove(field)?;
        let instant =
            Moment::parse(value.as_str().unwrap_or_default()).ok().and_then(|moment| moment.fixed());
        if instant.is_none() {
            let message =
                format!("{field} must be a date and time with an offset, such as 2027-03-14T09:30:00Z");
            problems.add(field, FieldCode::InvalidDateTime, message);
        }
        instant
    };
    let (not_before, not_after) = (instant("notBefore"), instant("notAfter"));
    if let (Some(before), Some(after)) = (not_before, not_after)
        && after <= before
    {
        let message = "notAfter must be later than notBefore";
        problems.add("notAfter", FieldCode::TimeRangeEmpty, message);
    }
    (not_before, not_after)
}

/// An event has the calendar's reminders or its own. Google refuses its own ones without a written
/// `useDefault: false` (google-api-go-client#281), so it is written.
fn settle_reminders(event: &mut Map<String, Value>, problems: &mut Problems) {
    let Some(Value::Object(reminders)) = event.get_mut("reminders") else {
        return;
    };
    let own = reminders.get("overrides").and_then(Value::as_array).is_some_and(|own| !own.is_empty());
    match reminders.get("useDefault").and_then(Value::as_bool) {
        Some(true) if own => {
            let message = "an event has the calendar's reminders or its own: \
                with overrides, useDefault is false";
            problems.add("reminders.overrides", FieldCode::Conflict, message);
        }
        None if own => {
            reminders.insert("useDefault".to_owned(), Value::Bool(false));
            problems.warn("reminders.useDefault", WarningCode::Completed);
        }
        Some(_) | None => {}
    }
}

#[cfg(test)]
mod tests;
