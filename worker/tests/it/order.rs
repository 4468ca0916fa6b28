//! What a caller asks for, in a few words.

use std::time::Duration;

use common::account::AccountId;
use common::event::{CalendarId, Priority, Submission};
use common::job::{Place, Turn};
use common::payload::Payload;
use serde_json::{Value, json};

/// What nobody but the caller and Google may read.
pub const TITLE: &str = "Salary talk with Ada";
pub const GUEST: &str = "ada.lovelace@example.com";
pub const CALENDAR: &str = "boss@example.com";

pub struct Order {
    pub account: AccountId,
    pub not_before: Option<Duration>,
    pub not_after: Duration,
    calendar: &'static str,
    guests: usize,
    conference: bool,
    priority: Priority,
    /// Google's fields of the event beside the usual ones.
    more: Value,
}

/// An event for the account `default`, without guests or a conference.
pub fn order() -> Order {
    Order {
        account: AccountId::default_account(),
        not_before: None,
        not_after: common::time::days(7),
        calendar: "primary",
        guests: 0,
        conference: false,
        priority: Priority::Normal,
        more: json!({}),
    }
}

impl Order {
    pub fn of(self, account: &AccountId) -> Self {
        Self { account: account.clone(), ..self }
    }

    pub fn calendar(self, calendar: &'static str) -> Self {
        Self { calendar, ..self }
    }

    pub fn guests(self, guests: usize) -> Self {
        Self { guests, ..self }
    }

    pub fn conference(self) -> Self {
        Self { conference: true, ..self }
    }

    pub fn bulk(self) -> Self {
        Self { priority: Priority::Bulk, ..self }
    }

    /// Its turn, in no line yet.
    pub fn turn(&self) -> Turn {
        let cost = if self.conference { 2 } else { 1 };
        Turn { priority: self.priority, cost, place: Place::Outside, yields: 0 }
    }

    /// With these fields of Google's in place of the usual ones.
    pub fn with(self, more: Value) -> Self {
        Self { more, ..self }
    }

    /// Counted from now.
    pub fn not_before(self, span: Duration) -> Self {
        Self { not_before: Some(span), ..self }
    }

    /// Counted from now.
    pub fn not_after(self, span: Duration) -> Self {
        Self { not_after: span, ..self }
    }

    pub fn payload(&self) -> Payload {
        let guest = |number| match number {
            0 => json!({"email": GUEST}),
            _ => json!({"email": format!("guest{number}@example.com")}),
        };
        let attendees: Vec<Value> = (0..self.guests).map(guest).collect();
        let mut body = json!({
            "summary": TITLE,
            "start": {"dateTime": "2027-06-01T10:00:00Z"},
            "end": {"dateTime": "2027-06-01T11:00:00Z"},
            "attendees": attendees,
        });
        body.as_object_mut().unwrap().extend(self.more.as_object().unwrap().clone());
        let submission = Submission::parse(body.to_string().as_bytes()).unwrap();
        Payload {
            calendar: CalendarId::parse(self.calendar).unwrap(),
            event: submission.event,
            conference: self.conference,
            send_updates: submission.send_updates,
        }
    }
}
