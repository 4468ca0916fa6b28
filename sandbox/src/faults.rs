//! Faults in force: which calls they hit, how long they last, and what they do.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::catalogue::Layout;
use crate::method::Method;

/// A fault as it is posted.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct FaultSpec {
    /// Google's method name, `events.*`, `token.*` or `*`; everything when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) calendar: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) layout: Option<Layout>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_after: Option<RetryAfter>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) latency_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) drop: Option<DropWhen>,
    /// The connection is cut on arrival, and the call takes effect so much later: its client has given up by then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) commit_after_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) probability: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seconds: Option<f64>,
}

/// The header `Retry-After`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum RetryAfter {
    Seconds(u64),
    /// A date in HTTP's form, or whatever else a client should survive.
    Text(String),
}

impl std::fmt::Display for RetryAfter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Seconds(seconds) => seconds.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

/// When the connection is cut, seen from the call's effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DropWhen {
    Before,
    After,
}

/// What a call is, as far as a fault may ask.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) method: Method,
    pub(crate) user: Option<&'a str>,
    pub(crate) sub: Option<&'a str>,
    pub(crate) calendar: Option<&'a str>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Fault {
    pub(crate) id: u64,
    #[serde(flatten)]
    pub(crate) spec: FaultSpec,
    pub(crate) hits: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<Timestamp>,
}

/// What the faults that hit one call add up to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Injection {
    pub(crate) latency_ms: u64,
    /// The oldest fault that refuses or drops.
    pub(crate) outcome: Option<FaultSpec>,
}

impl Injection {
    /// How long after its client was cut off the call takes effect, where that was asked for.
    pub(crate) fn commits_after(&self) -> Option<Duration> {
        let after = self.outcome.as_ref()?.commit_after_ms?;
        Some(Duration::from_millis(after.saturating_add(self.latency_ms)))
    }
}

#[derive(Debug, Default)]
pub(crate) struct Faults {
    list: Vec<Fault>,
    next: u64,
}

impl FaultSpec {
    /// A sentence when it could never do what was meant.
    pub(crate) fn problem(&self) -> Option<String> {
        if let Some(method) = self.method.as_deref()
            && !Method::ALL.iter().any(|m| selects(method, *m))
        {
            let known: Vec<_> = Method::ALL.iter().map(|m| m.name()).collect();
            return Some(format!(
                "method: no such method; one of *, events.*, token.*, {}",
                known.join(", ")
            ));
        }
        if self.probability.is_some_and(|p| !(0.0..=1.0).contains(&p)) {
            return Some("probability: a number from 0 to 1".to_owned());
        }
        if self.status.is_some_and(|s| !(400..=599).contains(&s)) {
            return Some("status: a number from 400 to 599".to_owned());
        }
        if self.seconds.is_some_and(|s| !(0.0..=1e9).contains(&s)) {
            return Some("seconds: a number from 0 to 1e9".to_owned());
        }
        let printable = |text: &str| text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        if matches!(&self.retry_after, Some(RetryAfter::Text(text)) if !printable(text)) {
            return Some("retryAfter: seconds, or a text that a header may hold".to_owned());
        }
        let others = self.status.is_some() || self.reason.is_some() || self.drop.is_some();
        if self.commit_after_ms.is_some() && others {
            return Some("commitAfterMs: without status, reason and drop".to_owned());
        }
        if !self.ends_the_call() && self.latency_ms.is_none() {
            return Some(
                "a fault needs at least one of status, reason, latencyMs, drop and commitAfterMs".to_owned(),
            );
        }
        None
    }

    fn ends_the_call(&self) -> bool {
        self.status.is_some()
            || self.reason.is_some()
            || self.drop.is_some()
            || self.commit_after_ms.is_some()
    }

    fn hits(&self, target: Target<'_>) -> bool {
        self.method.as_deref().is_none_or(|method| selects(method, target.method))
            && self.user.as_deref().is_none_or(|user| {
                target.user.is_some_and(|u| u.eq_ignore_ascii_case(user)) || target.sub == Some(user)
            })
            && self.calendar.as_deref().is_none_or(|calendar| {
                target.calendar.is_some_and(|c| {
                    c.eq_ignore_ascii_case(calendar) || (calendar == "primary" && target.user == Some(c))
                })
            })
    }
}

fn selects(selector: &str, method: Method) -> bool {
    match selector.strip_suffix('*') {
        Some(prefix) => method.name().starts_with(prefix),
        None => method.name() == selector,
    }
}

impl Faults {
    pub(crate) fn add(&mut self, spec: FaultSpec, now: Timestamp) -> Fault {
        self.next += 1;
        let until = spec
            .seconds
            .map(|seconds| now.checked_add(SignedDuration::from_secs_f64(seconds)).unwrap_or(Timestamp::MAX));
        let fault = Fault { id: self.next, spec, hits: 0, until };
        self.list.push(fault.clone());
        fault
    }

    pub(crate) fn clear(&mut self) {
        self.list.clear();
    }

    pub(crate) fn in_force(&mut self, now: Timestamp) -> &[Fault] {
        self.list.retain(|fault| fault.is_live(now));
        &self.list
    }

    /// Everything that hits this call. `chance` gives a number from 0 to 1 for each fault with a probability.
    pub(crate) fn strike(
        &mut self,
        target: Target<'_>,
        now: Timestamp,
        mut chance: impl FnMut() -> f64,
    ) -> Injection {
        let mut injection = Injection::default();
        for fault in &mut self.list {
            let ends = fault.spec.ends_the_call();
            if !fault.is_live(now)
                || !fault.spec.hits(target)
                || (ends && injection.outcome.is_some())
                || fault.spec.probability.is_some_and(|p| chance() >= p)
            {
                continue;
            }
            fault.hits += 1;
            injection.latency_ms += fault.spec.latency_ms.unwrap_or(0);
            if ends {
                injection.outcome = Some(fault.spec.clone());
            }
        }
        self.list.retain(|fault| fault.is_live(now));
        injection
    }
}

impl Fault {
    fn is_live(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until) && self.spec.count.is_none_or(|count| self.hits < count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: Target<'static> = Target {
        method: Method::Insert,
        user: Some("ada@example.com"),
        sub: Some("7"),
        calendar: Some("ada@example.com"),
    };

    fn spec(json: serde_json::Value) -> FaultSpec {
        serde_json::from_value(json).unwrap()
    }

    fn hits(json: serde_json::Value) -> bool {
        spec(json).hits(ADA)
    }

    #[test]
    fn selectors_narrow_by_method_user_and_calendar() {
        use serde_json::json;
        assert!(hits(json!({})));
        assert!(hits(json!({"method": "*"})));
        assert!(hits(json!({"method": "events.*"})));
        assert!(hits(json!({"method": "events.insert", "user": "ADA@example.com"})));
        assert!(hits(json!({"user": "7", "calendar": "primary"})));
        assert!(!hits(json!({"method": "token.*"})));
        assert!(!hits(json!({"method": "events.ins"})));
        assert!(!hits(json!({"user": "grace@example.com"})));
        assert!(!hits(json!({"calendar": "team@group.calendar.example.com"})));
    }

    #[test]
    fn a_count_is_used_up_and_a_second_passes() {
        let mut faults = Faults::default();
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        faults.add(spec(serde_json::json!({"status": 503, "count": 2})), now);
        faults.add(spec(serde_json::json!({"latencyMs": 5, "seconds": 1})), now);
        for expected in [true, true, false] {
            let injection = faults.strike(ADA, now, || 0.0);
            assert_eq!(injection.outcome.is_some(), expected);
            assert_eq!(injection.latency_ms, 5);
        }
        let later = now.checked_add(SignedDuration::from_secs(1)).unwrap();
        assert_eq!(faults.strike(ADA, later, || 0.0).latency_ms, 0);
        assert!(faults.in_force(later).is_empty());
    }

    #[test]
    fn only_the_oldest_refusal_is_spent_and_latencies_add_up() {
        let mut faults = Faults::default();
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        faults.add(spec(serde_json::json!({"status": 500, "latencyMs": 10, "count": 1})), now);
        faults.add(spec(serde_json::json!({"status": 404, "count": 1})), now);
        faults.add(spec(serde_json::json!({"latencyMs": 30})), now);
        let first = faults.strike(ADA, now, || 0.0);
        assert_eq!((first.latency_ms, first.outcome.unwrap().status), (40, Some(500)));
        let second = faults.strike(ADA, now, || 0.0);
        assert_eq!((second.latency_ms, second.outcome.unwrap().status), (30, Some(404)));
    }

    #[test]
    fn a_probability_of_zero_never_hits_and_of_one_always() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        for (probability, hit) in [(0.0, false), (1.0, true)] {
            let mut faults = Faults::default();
            faults.add(spec(serde_json::json!({"status": 500, "probability": probability})), now);
            for chance in [0.0, 0.5, 0.999] {
                assert_eq!(faults.strike(ADA, now, || chance).outcome.is_some(), hit);
            }
        }
    }

    #[test]
    fn a_fault_that_does_nothing_or_names_nothing_is_refused() {
        use serde_json::json;
        assert!(spec(json!({"method": "*"})).problem().is_some());
        assert!(spec(json!({"method": "events.insrt", "status": 500})).problem().is_some());
        assert!(spec(json!({"status": 200})).problem().is_some());
        assert!(spec(json!({"status": 500, "probability": 1.5})).problem().is_some());
        assert!(spec(json!({"commitAfterMs": 5, "drop": "after"})).problem().is_some());
        assert!(spec(json!({"status": 500})).problem().is_none());
        assert!(spec(json!({"commitAfterMs": 5})).problem().is_none());
    }
}
