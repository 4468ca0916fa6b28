//! A message on its way to the broker, and what its headers say when it comes back.

use std::time::Duration;

use jiff::Timestamp;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};

use super::tier::longest_within;
use super::topology::{DEAD, DEAD_KEY, DELAY, DUE_KEY, FRESH_KEY, JOBS};
use common::job::JobId;
use common::port::Lane;
use common::time;
use common::trace::TraceContext;

/// When a delayed message is due: milliseconds since 1970. Persisted in the broker, as all headers are.
const DUE_AT: &str = "calrelay-due-at";
/// Which job it is about, for people who look into a queue.
const JOB: &str = "calrelay-job";
/// It was delivered before it was published on to the next tier.
const REDELIVERED: &str = "calrelay-redelivered";
/// How often a quorum queue has taken a message back from a consumer, as the broker says it. It counts what a consumer
/// that died only held, too (RabbitMQ 3.10.8, `rabbit_fifo:return_one`).
const RETURNED: &str = "x-delivery-count";
/// The trace of its job, where every tool looks for it. Workers read it in the message.
const TRACEPARENT: &str = "traceparent";

/// What came back so often is published anew: the broker gives up what comes back ten times as often, and a worker that
/// dies returns everything that it held, begun or not.
const WORN: i64 = 100;

/// The broker keeps a message's expiry in 32 bits of milliseconds, and closes the channel over more.
const LONGEST_EXPIRY: u128 = u32::MAX as u128;

/// What is published.
pub(super) struct Outgoing {
    pub(super) exchange: &'static str,
    pub(super) routing_key: &'static str,
    pub(super) properties: BasicProperties,
    pub(super) body: Vec<u8>,
}

/// What our headers said about a delivery.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Headers {
    pub(super) job: Option<JobId>,
    pub(super) due_at: Option<Timestamp>,
    pub(super) redelivered: bool,
    /// How often it came back; never written.
    pub(super) returned: i64,
    pub(super) trace: Option<TraceContext>,
}

impl Outgoing {
    /// A message for `lane`, not before `due_at`.
    pub(super) fn new(headers: &Headers, body: Vec<u8>, lane: Lane, now: Timestamp) -> Self {
        let wait = headers.due_at.map_or(Duration::ZERO, |due_at| time::until(now, due_at));
        let (exchange, routing_key) = match (longest_within(wait), lane) {
            (_, Lane::Dead) => (DEAD, DEAD_KEY),
            (Some(tier), Lane::Fresh | Lane::Due) => (DELAY, tier.name),
            (None, Lane::Fresh) => (JOBS, FRESH_KEY),
            (None, Lane::Due) => (JOBS, DUE_KEY),
        };
        Self { exchange, routing_key, properties: headers.properties(), body }
    }

    /// A message that no queue is bound for.
    pub(super) fn nowhere() -> Self {
        let (exchange, routing_key) = (DELAY, "nowhere");
        Self { exchange, routing_key, properties: BasicProperties::default(), body: Vec::new() }
    }

    /// A dead letter, kept for `retention`.
    pub(super) fn dead(headers: &Headers, body: Vec<u8>, retention: Duration) -> Self {
        let expiry = retention.as_millis().min(LONGEST_EXPIRY).to_string();
        Self {
            exchange: DEAD,
            routing_key: DEAD_KEY,
            properties: headers.properties().with_expiration(expiry.into()),
            body,
        }
    }
}

impl Headers {
    /// Of a message of `job` that is due after `delay`: rounded up, so that it never comes early.
    pub(super) fn of(job: Option<&JobId>, delay: Duration, now: Timestamp) -> Self {
        let due_at = (!delay.is_zero()).then(|| {
            let due = time::after(now, delay);
            let millis = due.as_millisecond();
            let whole = due.as_nanosecond() % 1_000_000 == 0;
            Timestamp::from_millisecond(if whole { millis } else { millis.saturating_add(1) })
                .unwrap_or(Timestamp::MAX)
        });
        Self { job: job.cloned(), due_at, ..Self::default() }
    }

    /// Of a message of this trace.
    pub(super) fn traced(self, trace: Option<TraceContext>) -> Self {
        Self { trace, ..self }
    }

    /// What a delivery carries. Headers that are not ours, `x-death` among them, end here.
    pub(super) fn read(properties: &BasicProperties, redelivered: bool) -> Self {
        let table = properties.headers().as_ref();
        let header = |name: &str| table.and_then(|table| table.inner().get(name));
        let due_at = match header(DUE_AT) {
            Some(AMQPValue::LongLongInt(millis)) => Timestamp::from_millisecond(*millis).ok(),
            _ => None,
        };
        let job = match header(JOB) {
            Some(AMQPValue::LongString(job)) => JobId::parse(&job.to_string()).ok(),
            _ => None,
        };
        let before = matches!(header(REDELIVERED), Some(AMQPValue::Boolean(true)));
        let trace = match header(TRACEPARENT) {
            Some(AMQPValue::LongString(text)) => TraceContext::parse(&text.to_string()).ok(),
            _ => None,
        };
        let returned = match header(RETURNED) {
            Some(AMQPValue::LongLongInt(count)) => *count,
            Some(AMQPValue::LongInt(count)) => i64::from(*count),
            Some(AMQPValue::LongUInt(count)) => i64::from(*count),
            _ => 0,
        };
        Self { job, due_at, redelivered: redelivered || before, returned, trace }
    }

    /// Whether it came back so often that the broker gives it up one day. Published anew it is counted from zero.
    pub(super) fn is_worn(&self) -> bool {
        self.returned >= WORN
    }

    fn properties(&self) -> BasicProperties {
        let mut table = FieldTable::default();
        if let Some(job) = &self.job {
            table.insert(JOB.into(), AMQPValue::LongString(job.as_str().into()));
        }
        if let Some(due_at) = self.due_at {
            table.insert(DUE_AT.into(), AMQPValue::LongLongInt(due_at.as_millisecond()));
        }
        if self.redelivered {
            table.insert(REDELIVERED.into(), AMQPValue::Boolean(true));
        }
        if let Some(trace) = self.trace {
            table.insert(TRACEPARENT.into(), AMQPValue::LongString(trace.to_string().into()));
        }
        let properties = BasicProperties::default()
            .with_delivery_mode(2)
            .with_content_type("application/json".into())
            .with_headers(table);
        match &self.job {
            Some(job) => properties.with_message_id(job.as_str().into()),
            None => properties,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB_ID: &str = "0mkbjdms6pa5a1hqhtr8nka50p";

    fn now() -> Timestamp {
        "2026-12-30T12:00:00.0000005Z".parse().unwrap()
    }

    fn delayed(seconds: u64) -> Headers {
        let job = JobId::parse(JOB_ID).unwrap();
        Headers::of(Some(&job), Duration::from_secs(seconds), now())
    }

    #[test]
    fn a_due_time_is_never_early() {
        for nanos in [1, 999_999, 1_000_000, 1_500_000_001] {
            let delay = Duration::from_nanos(nanos);
            let due_at = Headers::of(None, delay, now()).due_at.unwrap();
            assert!(due_at >= time::after(now(), delay));
            assert!(due_at <= time::after(now(), delay + Duration::from_millis(1)));
        }
        assert_eq!(Headers::of(None, Duration::ZERO, now()).due_at, None);
    }

    #[test]
    fn headers_survive_the_journey() {
        for redelivered in [false, true] {
            let headers = Headers { redelivered, ..delayed(7) }.traced(Some(TraceContext::fresh()));
            assert_eq!(Headers::read(&headers.properties(), false), headers);
        }
        assert_eq!(Headers::read(&BasicProperties::default(), false), Headers::default());
        assert!(Headers::read(&delayed(7).properties(), true).redelivered);
    }

    #[test]
    fn what_came_back_often_is_worn_whatever_number_the_broker_says_it_with() {
        for (count, worn) in [
            (AMQPValue::LongLongInt(99), false),
            (AMQPValue::LongLongInt(100), true),
            (AMQPValue::LongInt(100), true),
            (AMQPValue::LongUInt(100), true),
            (AMQPValue::LongLongInt(-1), false),
            (AMQPValue::LongString("100".into()), false),
        ] {
            let mut table = FieldTable::default();
            table.insert(RETURNED.into(), count.clone());
            let read = Headers::read(&BasicProperties::default().with_headers(table), true);
            assert_eq!(read.is_worn(), worn, "{count:?}");
            // It is the broker's to count.
            assert!(!Headers::read(&read.properties(), false).is_worn());
        }
        assert_eq!(WORN * 10, i64::from(super::super::topology::RETURNS));
    }

    #[test]
    fn what_others_wrote_into_the_headers_goes_no_further() {
        let mut table = FieldTable::default();
        table.insert("x-death".into(), AMQPValue::LongString("…".into()));
        table.insert(DUE_AT.into(), AMQPValue::LongString("soon".into()));
        table.insert(JOB.into(), AMQPValue::LongString("x".repeat(70_000).into()));
        table.insert(TRACEPARENT.into(), AMQPValue::LongString("00-no".into()));
        let read = Headers::read(&BasicProperties::default().with_headers(table), false);
        assert_eq!(read, Headers::default());
        assert_eq!(read.properties().headers().as_ref().unwrap().inner().len(), 0);
    }

    #[test]
    fn every_lane_and_delay_has_its_way() {
        let way = |seconds, lane| {
            let outgoing = Outgoing::new(&delayed(seconds), Vec::new(), lane, now());
            (outgoing.exchange, outgoing.routing_key)
        };
        assert_eq!(way(0, Lane::Fresh), (JOBS, "fresh"));
        assert_eq!(way(0, Lane::Due), (JOBS, "due"));
        assert_eq!(way(0, Lane::Dead), (DEAD, "dead"));
        assert_eq!(way(90, Lane::Dead), (DEAD, "dead"));
        for lane in [Lane::Fresh, Lane::Due] {
            assert_eq!(way(1, lane), (DELAY, "1s"));
            assert_eq!(way(3_600, lane), (DELAY, "1h"));
        }
    }

    #[test]
    fn messages_are_persistent_and_say_whose_they_are() {
        let properties = delayed(7).properties();
        assert_eq!(*properties.delivery_mode(), Some(2));
        assert_eq!(properties.message_id().as_ref().unwrap().as_str(), JOB_ID);
    }

    #[test]
    fn a_dead_letter_s_expiry_fits_the_broker() {
        let expiry = |retention| {
            let outgoing = Outgoing::dead(&Headers::default(), Vec::new(), retention);
            outgoing.properties.expiration().as_ref().unwrap().to_string()
        };
        assert_eq!(expiry(time::days(7)), "604800000");
        assert_eq!(expiry(time::days(3_650)), "4294967295");
    }
}
