//! One calendar: its events, which are never removed, and the orders in which they are listed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::event::Event;

/// What is written down about a calendar besides its events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CalendarInfo {
    pub(crate) id: String,
    pub(crate) owner: String,
    pub(crate) time_zone: String,
}

/// What a person may do with a calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Role {
    /// Sees it, private events without their details.
    Reader,
    Writer,
    Owner,
}

#[derive(Debug)]
pub(crate) struct Calendar {
    pub(crate) info: CalendarInfo,
    pub(crate) zone: TimeZone,
    pub(crate) events: BTreeMap<u64, Arc<Event>>,
    by_id: HashMap<String, u64>,
    by_uid: HashMap<String, u64>,
    pub(crate) by_start: BTreeSet<(Timestamp, u64)>,
    pub(crate) by_change: BTreeSet<(Timestamp, u64)>,
    pub(crate) by_update: BTreeSet<(Timestamp, u64)>,
    pub(crate) recurring: BTreeSet<u64>,
    pending: BTreeSet<(Timestamp, u64)>,
}

impl Calendar {
    pub(crate) fn new(info: CalendarInfo) -> Self {
        Self {
            zone: TimeZone::get(&info.time_zone).unwrap_or(TimeZone::UTC),
            info,
            events: BTreeMap::new(),
            by_id: HashMap::new(),
            by_uid: HashMap::new(),
            by_start: BTreeSet::new(),
            by_change: BTreeSet::new(),
            by_update: BTreeSet::new(),
            recurring: BTreeSet::new(),
            pending: BTreeSet::new(),
        }
    }

    /// Renames nothing and moves nothing but all-day events, whose midnight depends on the zone.
    pub(crate) fn set_info(&mut self, info: CalendarInfo) {
        let mut renewed = Self::new(info);
        for event in std::mem::take(&mut self.events).into_values() {
            renewed.put(Arc::unwrap_or_clone(event));
        }
        *self = renewed;
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Arc<Event>> {
        self.by_id.get(id).and_then(|at| self.events.get(at))
    }

    pub(crate) fn by_uid(&self, uid: &str) -> Option<&Arc<Event>> {
        self.by_uid.get(uid).and_then(|at| self.events.get(at))
    }

    /// Puts an event in, in the place of the one that has its id.
    pub(crate) fn put(&mut self, mut event: Event) -> Arc<Event> {
        event.position = match self.by_id.get(&event.id) {
            Some(&position) => {
                self.forget(position);
                position
            }
            None => self.events.last_key_value().map_or(0, |(last, _)| last + 1),
        };
        let at = event.position;
        let event = Arc::new(event);
        self.by_id.insert(event.id.clone(), at);
        self.by_uid.insert(event.ical_uid.clone(), at);
        self.by_start.insert((event.starts(&self.zone), at));
        self.by_change.insert((event.changed, at));
        self.by_update.insert((event.updated(), at));
        if event.is_recurring() {
            self.recurring.insert(at);
        }
        if let Some(ready) = event.settles() {
            self.pending.insert((ready, at));
        }
        self.events.insert(at, Arc::clone(&event));
        event
    }

    fn forget(&mut self, at: u64) {
        let Some(old) = self.events.get(&at) else {
            return;
        };
        self.by_uid.remove(&old.ical_uid);
        self.by_start.remove(&(old.starts(&self.zone), at));
        self.by_change.remove(&(old.changed, at));
        self.by_update.remove(&(old.updated(), at));
        self.recurring.remove(&at);
        if let Some(ready) = old.settles() {
            self.pending.remove(&(ready, at));
        }
    }

    /// Settles the conferences that are due, so that every read sees them as they are now.
    pub(crate) fn settle(&mut self, now: Timestamp) {
        while let Some(&(ready, at)) = self.pending.first() {
            if ready > now {
                return;
            }
            self.pending.pop_first();
            if let Some(event) = self.events.get(&at) {
                let mut event = Event::clone(event);
                event.settle();
                self.put(event);
            }
        }
    }
}
