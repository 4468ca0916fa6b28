//! The port `Calendar` of the fake.

use std::collections::VecDeque;

use async_trait::async_trait;
use common::event::{CalendarId, Outline, SendUpdates};
use common::job::JobId;
use common::port::{Calendar, CalendarError, Meeting, NewEvent, StoredEvent};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::{Behaviour, Call, Event, FakeCalendar, Method, State};
use crate::google::{conference_refused, link};

/// A call under way; it ends when it is dropped.
struct Ongoing<'a> {
    calendar: &'a FakeCalendar,
    number: usize,
}

impl Drop for Ongoing<'_> {
    fn drop(&mut self) {
        self.calendar.state().ledger.end(self.number);
    }
}

impl FakeCalendar {
    /// Makes a call: notes it, then has it go as ordered.
    async fn call<T>(
        &self,
        token: &SecretString,
        (method, id, guests): (Method, &JobId, usize),
        effect: impl Fn(&mut State, &str) -> Result<T, CalendarError> + Send,
    ) -> Result<T, CalendarError> {
        let (ongoing, user, behaviour) = self.begin(token, method, id, guests)?;
        let late = behaviour.as_ref().is_some_and(Behaviour::is_late).then(|| self.event(id).is_none());
        let answer = self.behave(behaviour, &user, &effect).await;
        if late == Some(true) {
            let mut state = self.state();
            if let Some(event) = state.events.remove(id) {
                state.on_their_way.push((id.clone(), event));
            }
        }
        drop(ongoing);
        answer
    }

    fn begin(
        &self,
        token: &SecretString,
        method: Method,
        id: &JobId,
        guests: usize,
    ) -> Result<(Ongoing<'_>, String, Option<Behaviour>), CalendarError> {
        let at = self.clock.now();
        let user = self.endpoint.user_of(token.expose_secret(), at);
        let name = user.clone().unwrap_or_default();
        let call = Call { method, user: name, id: id.clone(), at, guests, overlapped: false };
        let mut state = self.state();
        let number = state.ledger.begin(call.clone());
        let ongoing = Ongoing { calendar: self, number };
        let Some(user) = user else {
            drop(state);
            return Err(CalendarError::TokenRefused);
        };
        let ordered = state.orders.get_mut(&method).and_then(VecDeque::pop_front);
        let behaviour = ordered.or_else(|| state.rule.as_ref().and_then(|rule| rule(&call)));
        Ok((ongoing, user, behaviour))
    }

    async fn behave<T>(
        &self,
        mut behaviour: Option<Behaviour>,
        user: &str,
        effect: &(impl Fn(&mut State, &str) -> Result<T, CalendarError> + Send),
    ) -> Result<T, CalendarError> {
        loop {
            let has_effect = || effect(&mut self.state(), user);
            match behaviour {
                None => return has_effect(),
                Some(Behaviour::Refuse(error)) => return Err(error),
                // `call` takes what is late back.
                Some(Behaviour::LoseAnswer | Behaviour::Late) => {
                    has_effect()?;
                    return Err(CalendarError::NoAnswer("the connection broke".to_owned()));
                }
                Some(Behaviour::Hang) => std::future::pending().await,
                Some(Behaviour::HangAfterEffect) => {
                    has_effect()?;
                    std::future::pending().await
                }
                Some(Behaviour::Panic) => panic!("as ordered"),
                Some(Behaviour::Hold(gate)) => {
                    gate.pass().await;
                    behaviour = None;
                }
                Some(Behaviour::HoldThen(gate, then)) => {
                    gate.pass().await;
                    behaviour = Some(*then);
                }
            }
        }
    }
}

#[async_trait]
impl Calendar for FakeCalendar {
    async fn insert(&self, token: &SecretString, event: &NewEvent<'_>) -> Result<StoredEvent, CalendarError> {
        let guests = event.resource.get("attendees").and_then(Value::as_array).map_or(0, Vec::len);
        self.call(token, (Method::Insert, event.id, guests), |state, user| {
            if state.events.contains_key(event.id) {
                return Err(CalendarError::Duplicate);
            }
            let brought = event.resource.contains_key("conferenceData");
            let conference = event.conference || brought;
            if conference && state.refuses_conferences {
                return Err(conference_refused());
            }
            let new = Event {
                calendar: event.calendar.as_str().to_owned(),
                user: user.to_owned(),
                fingerprint: event.fingerprint.cloned(),
                cancelled: false,
                created: self.clock.now(),
                guests,
                conference,
                resource: event.resource.clone(),
                outline: Outline::of(event.resource),
                meetings: match (event.conference, brought) {
                    // What is brought Google drops in silence, and then nothing is asked for.
                    (false, _) | (true, true) => VecDeque::new(),
                    (true, false) if state.meetings.is_empty() => [Meeting::Ready(link(event.id))].into(),
                    (true, false) => state.meetings.iter().cloned().collect(),
                },
            };
            let stored = state.events.entry(event.id.clone()).or_insert(new);
            Ok(stored.look(event.id))
        })
        .await
    }

    async fn get(
        &self,
        token: &SecretString,
        calendar: &CalendarId,
        id: &JobId,
    ) -> Result<StoredEvent, CalendarError> {
        self.call(token, (Method::Get, id, 0), |state, user| {
            let event = state.events.get_mut(id).filter(|event| event.is_in(user, calendar));
            Ok(event.ok_or(CalendarError::NotFound)?.look(id))
        })
        .await
    }

    async fn delete(
        &self,
        token: &SecretString,
        calendar: &CalendarId,
        id: &JobId,
        send_updates: SendUpdates,
    ) -> Result<(), CalendarError> {
        self.call(token, (Method::Delete, id, 0), |state, user| {
            let event = state.events.get_mut(id).filter(|event| event.is_in(user, calendar));
            let event = event.ok_or(CalendarError::NotFound)?;
            // Google mails no guest of a second deletion.
            if !std::mem::replace(&mut event.cancelled, true) {
                state.deletions.push((id.clone(), send_updates));
            }
            Ok(())
        })
        .await
    }
}

impl Event {
    fn is_in(&self, user: &str, calendar: &CalendarId) -> bool {
        self.user == user && self.calendar == calendar.as_str()
    }

    fn look(&mut self, id: &JobId) -> StoredEvent {
        let meeting = match self.meetings.len() {
            0 => Meeting::None,
            1 => self.meetings[0].clone(),
            _ => self.meetings.pop_front().expect("there are several"),
        };
        StoredEvent {
            id: id.to_string(),
            link: format!("https://www.google.com/calendar/event?eid={id}"),
            meeting,
            cancelled: self.cancelled,
            created: Some(self.created),
            fingerprint: self.fingerprint.clone(),
            outline: self.outline.clone(),
        }
    }
}
