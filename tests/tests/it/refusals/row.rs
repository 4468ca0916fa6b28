//! One refusal of Google's, and everything that must come of it.

use std::ops::RangeInclusive;

use serde_json::{Value, json};

/// What Google is made to say to one user, and what that means for their job and their account.
pub struct Row {
    /// What a failing test calls it.
    pub name: String,
    /// What happens at Google before the job comes.
    pub troubles: Vec<Trouble>,
    /// Fields of the order beside the usual ones.
    pub order: Value,
    /// How the job has to be seen to wait.
    pub pause: Option<Pause>,
    /// Has to be done for the same account while the job waits.
    pub meanwhile: Option<Value>,
    /// What happens to the user before they connect again.
    pub mended: Option<Value>,
    /// What becomes of the job.
    pub end: End,
    /// At the end, or in a pause that no test outlives: attempts and deferrals.
    pub tally: (u64, u64),
    /// What the sandbox was asked in all.
    pub asked: Asked,
}

/// What happens at Google.
pub enum Trouble {
    /// A fault for the calls of the row's user.
    Fault(Value),
    /// What happens to the user.
    User(Value),
    /// Somebody writes an event with these fields under the job's id before the job's time has come.
    Taken(Value),
    /// The same, and then deletes it.
    TakenAndDeleted,
}

/// How a job waits.
#[derive(Clone)]
pub enum Pause {
    /// `waiting` for that, so many seconds.
    Waiting(&'static str, RangeInclusive<f64>),
    /// `waiting` for quota until midnight in California, or a few minutes later.
    UntilMidnight,
    /// `blocked` by `calendarLimits`, so many seconds.
    CalendarLimits(RangeInclusive<f64>),
    /// `blocked` by `reauthorization`: the account needs it for this cause, which people are told in this sentence.
    Reauthorization(&'static str, &'static str),
}

/// What becomes of a job.
pub enum End {
    /// The event is there, once.
    Succeeds,
    /// It fails, and the caller is told so in these words.
    Fails(Value),
    /// It still waits: nothing that a test could wait for.
    Waits,
}

/// Requests about the row's event, and refreshes of its user's token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    pub inserts: usize,
    pub gets: usize,
    pub refreshes: usize,
}

/// Failures as `GET /api/v1/jobs/{id}` tells them.
pub mod told {
    use super::{Value, json};

    fn failure(kind: &str, title: &str, google: Value, retryable: bool, effect: &str) -> Value {
        let mut told = json!({
            "type": format!("urn:calrelay:problem:{kind}"), "title": title, "detail": null,
            "googleStatus": null, "googleReason": null, "retryable": retryable, "effect": effect,
        });
        if let (Some(told), Value::Object(google)) = (told.as_object_mut(), google) {
            told.extend(google);
        }
        told
    }

    /// For good, in Google's own words.
    pub fn refused(status: u16, reason: &str, words: &str, effect: &str) -> Value {
        let google = json!({"googleStatus": status, "googleReason": reason, "detail": words});
        failure("refused", "Google refused the event.", google, false, effect)
    }

    pub fn calendar_not_found() -> Value {
        let google = json!({"googleStatus": 404, "googleReason": "notFound"});
        let title = "The calendar does not exist or this account cannot see it.";
        failure("calendar-not-found", title, google, true, "none")
    }

    pub fn deleted_by_user() -> Value {
        let title = "The event was created and then deleted in the calendar.";
        failure("deleted-by-user", title, Value::Null, false, "none")
    }

    pub fn key_reused() -> Value {
        let title = "This idempotency key already created a different event.";
        failure("idempotency-key-reused", title, Value::Null, false, "none")
    }

    pub fn attempts_exhausted(effect: &str) -> Value {
        let title = "Google kept failing until the job's attempts were used up.";
        failure("attempts-exhausted", title, Value::Null, true, effect)
    }
}

impl Row {
    /// Without trouble: a job that succeeds at once.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            troubles: Vec::new(),
            order: json!({}),
            pause: None,
            meanwhile: None,
            mended: None,
            end: End::Succeeds,
            tally: (0, 0),
            asked: Asked { inserts: 1, gets: 0, refreshes: 1 },
        }
    }

    /// Google answers an insert with this: `count` says how often, always unless told.
    pub fn insert(self, fault: Value) -> Self {
        self.fault("events.insert", fault)
    }

    /// Google answers this method so.
    pub fn fault(mut self, method: &str, mut fault: Value) -> Self {
        fault["method"] = method.into();
        self.troubles.push(Trouble::Fault(fault));
        self
    }

    /// This happens to the user.
    pub fn user(mut self, change: Value) -> Self {
        self.troubles.push(Trouble::User(change));
        self
    }

    pub fn taken(mut self, trouble: Trouble) -> Self {
        self.troubles.push(trouble);
        self
    }

    pub fn order(mut self, order: Value) -> Self {
        self.order = order;
        self
    }

    pub fn pauses(mut self, pause: Pause) -> Self {
        self.pause = Some(pause);
        self
    }

    pub fn meanwhile(mut self, order: Value) -> Self {
        self.meanwhile = Some(order);
        self
    }

    pub fn mended(mut self, change: Value) -> Self {
        self.mended = Some(change);
        self
    }

    pub fn ends(mut self, end: End) -> Self {
        self.end = end;
        self
    }

    pub fn fails(self, told: Value) -> Self {
        self.ends(End::Fails(told))
    }

    pub fn tally(mut self, attempts: u64, deferrals: u64) -> Self {
        self.tally = (attempts, deferrals);
        self
    }

    pub fn asked(mut self, inserts: usize, gets: usize, refreshes: usize) -> Self {
        self.asked = Asked { inserts, gets, refreshes };
        self
    }
}
