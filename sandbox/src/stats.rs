//! What was asked of the sandbox: counts, the busiest minute, and a bounded log.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

use crate::method::Method;
use crate::quota::{MINUTE, Window};

/// Entries of the request log that are kept.
pub(crate) const LOGGED: usize = 200_000;
const SECONDS_KEPT: SignedDuration = SignedDuration::from_secs(600);

/// One call, after it ended.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Logged {
    pub(crate) seq: u64,
    pub(crate) method: Method,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) calendar: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) event_id: Option<String>,
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    /// The HTTP status; absent when the connection was dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    /// `ok`, Google's reason, `droppedBefore` or `droppedAfter`.
    pub(crate) result: Cow<'static, str>,
}

#[derive(Debug, Default)]
struct Second {
    at: i64,
    count: u64,
    by_method: BTreeMap<Method, u64>,
    by_result: BTreeMap<Cow<'static, str>, u64>,
}

/// A sliding minute and the most it ever held.
#[derive(Debug, Default)]
struct Busiest {
    window: Window,
    max: u64,
}

impl Busiest {
    fn add(&mut self, now: Timestamp, units: u32) {
        self.window.add(now, units);
        self.max = self.max.max(self.window.within(now, MINUTE));
    }
}

#[derive(Debug, Default)]
pub(crate) struct Stats {
    requests: BTreeMap<Method, BTreeMap<Cow<'static, str>, u64>>,
    seconds: VecDeque<Second>,
    project: Busiest,
    users: HashMap<String, Busiest>,
    log: VecDeque<Logged>,
    next: u64,
}

impl Stats {
    /// A Calendar request came in, whatever becomes of it.
    pub(crate) fn arrived(&mut self, user: &str, units: u32, now: Timestamp) {
        self.project.add(now, units);
        if !self.users.contains_key(user) {
            self.users.insert(user.to_owned(), Busiest::default());
        }
        self.users.get_mut(user).expect("inserted just above").add(now, units);
    }

    /// A call ended. Its `seq` is given here.
    pub(crate) fn ended(&mut self, mut call: Logged) {
        let by_result = self.requests.entry(call.method).or_default();
        *by_result.entry(call.result.clone()).or_default() += 1;
        let second = self.second(call.end);
        second.count += 1;
        *second.by_method.entry(call.method).or_default() += 1;
        *second.by_result.entry(call.result.clone()).or_default() += 1;
        self.next += 1;
        call.seq = self.next;
        if self.log.len() == LOGGED {
            self.log.pop_front();
        }
        self.log.push_back(call);
    }

    fn second(&mut self, now: Timestamp) -> &mut Second {
        let at = now.as_second();
        if self.seconds.back().is_none_or(|last| last.at < at) {
            self.seconds.push_back(Second { at, ..Second::default() });
            let oldest = at - SECONDS_KEPT.as_secs();
            while self.seconds.front().is_some_and(|s| s.at <= oldest) {
                self.seconds.pop_front();
            }
        }
        self.seconds.back_mut().expect("pushed when it was empty")
    }

    /// Entries after a sequence number, oldest first.
    pub(crate) fn after(&self, seq: u64) -> impl Iterator<Item = &Logged> {
        let from = self.log.partition_point(|entry| entry.seq <= seq);
        self.log.iter().skip(from)
    }

    /// Entries that ended at this moment or later, oldest first.
    pub(crate) fn since(&self, moment: Timestamp) -> impl Iterator<Item = &Logged> {
        let from = self.log.partition_point(|entry| entry.end < moment);
        self.log.iter().skip(from)
    }

    pub(crate) fn report(&self) -> Value {
        let refreshes = self
            .requests
            .get(&Method::Refresh)
            .and_then(|by_result| by_result.get("ok"))
            .copied()
            .unwrap_or(0);
        let seconds: Vec<Value> = self
            .seconds
            .iter()
            .map(|second| {
                json!({
                    "at": Timestamp::from_second(second.at).unwrap_or(Timestamp::MAX),
                    "count": second.count,
                    "byMethod": second.by_method,
                    "byResult": second.by_result,
                })
            })
            .collect();
        let users: BTreeMap<&str, u64> =
            self.users.iter().map(|(user, busiest)| (user.as_str(), busiest.max)).collect();
        json!({
            "total": self.next,
            "requests": self.requests,
            "refreshes": refreshes,
            "perSecond": seconds,
            "maxPerMinute": users,
            "maxPerMinuteProject": self.project.max,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_000 + ms).unwrap()
    }

    #[test]
    fn the_busiest_minute_slides() {
        let mut stats = Stats::default();
        // 2 + 3 fall into no common clock minute, yet into one span of 60 s.
        for ms in [50_000, 59_000, 61_000, 70_000, 109_999] {
            stats.arrived("a", 1, at(ms));
        }
        stats.arrived("a", 1, at(110_000));
        let report = stats.report();
        assert_eq!(report["maxPerMinute"]["a"], 5);
        assert_eq!(report["maxPerMinuteProject"], 5);
    }

    #[test]
    fn seconds_older_than_ten_minutes_are_forgotten_and_totals_are_not() {
        let mut stats = Stats::default();
        for second in [0, 1, 599, 601] {
            stats.ended(Logged {
                seq: 0,
                method: Method::Get,
                user: None,
                calendar: None,
                event_id: None,
                start: at(second * 1000),
                end: at(second * 1000),
                status: Some(200),
                result: "ok".into(),
            });
        }
        let report = stats.report();
        assert_eq!(report["perSecond"].as_array().unwrap().len(), 2);
        assert_eq!(report["requests"]["events.get"]["ok"], 4);
        assert_eq!(stats.after(2).count(), 2);
        assert_eq!(stats.since(at(599_000)).count(), 2);
    }
}
