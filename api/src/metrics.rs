//! The ingress's metrics, their labels, and their first zeroes.

mod route;

use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use metrics::{
    Counter, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

use crate::contract::Contract;
use crate::problem::Kind;
pub(crate) use route::Route;

const REQUESTS: &str = "calrelay_http_requests_total";
const DURATION: &str = "calrelay_http_request_duration_seconds";
const ACCEPTED: &str = "calrelay_jobs_accepted_total";
const REJECTED: &str = "calrelay_jobs_rejected_total";
const OLDEST: &str = "calrelay_oldest_age_seconds";

/// The classes, so that a scan of odd requests cannot make series without end.
const STATUSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

fn status_label(status: StatusCode) -> &'static str {
    match status.as_u16() {
        300..=399 => STATUSES[1],
        400..=499 => STATUSES[2],
        500..=599 => STATUSES[3],
        _ => STATUSES[0],
    }
}

/// Describes every metric and starts each series at zero.
pub(crate) fn register() {
    common::metrics::describe();
    describe_counter!(REQUESTS, "Requests answered, by route, method and class of status");
    describe_histogram!(DURATION, Unit::Seconds, "Time from a request's head to its reply's head, by route");
    describe_counter!(ACCEPTED, "Jobs that the queue has confirmed, by route");
    describe_counter!(REJECTED, "Jobs refused at the door, by reason");
    describe_gauge!(OLDEST, Unit::Seconds, "How long the longest-due unfinished job has been due");
    for route in Route::ALL {
        for method in route.methods() {
            for status in STATUSES {
                counter!(REQUESTS, "route" => route.label(), "method" => *method, "status" => status)
                    .increment(0);
            }
        }
        let _ = histogram!(DURATION, "route" => route.label());
    }
    for contract in Contract::ALL {
        accepted(contract).increment(0);
    }
    for kind in Kind::REJECTIONS {
        counter!(REJECTED, "reason" => kind.slug()).increment(0);
    }
    gauge!(OLDEST).set(0.0);
}

fn contract_label(contract: Contract) -> &'static str {
    match contract {
        Contract::Events => Route::Events.label(),
        Contract::Older => Route::Older.label(),
    }
}

/// A request was answered.
pub(crate) fn answered(route: Route, method: &Method, status: StatusCode, took: Duration) {
    let (route, method) = (route.label(), route.method_label(method));
    counter!(REQUESTS, "route" => route, "method" => method, "status" => status_label(status)).increment(1);
    histogram!(DURATION, "route" => route).record(took.as_secs_f64());
}

/// Counts the jobs of a route that the queue has confirmed.
pub(crate) fn accepted(contract: Contract) -> Counter {
    counter!(ACCEPTED, "route" => contract_label(contract))
}

/// A job was refused.
pub(crate) fn rejected(kind: Kind) {
    counter!(REJECTED, "reason" => kind.slug()).increment(1);
}

/// How long the longest-due unfinished job has been due.
pub(crate) fn oldest_age(age: Duration) {
    gauge!(OLDEST).set(age.as_secs_f64());
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Mutex;

    use common::metrics::{finished, publish_confirmed};
    use metrics::{KeyName, SharedString};

    use super::*;
    use common::sample::states::{every_state, job};

    /// Remembers the names and labels of what is registered.
    #[derive(Default)]
    struct Names(Mutex<BTreeSet<String>>);

    impl Names {
        fn note(&self, key: &metrics::Key) {
            self.0.lock().unwrap().insert(key.to_string());
        }
    }

    impl metrics::Recorder for Names {
        fn describe_counter(&self, _: KeyName, _: Option<metrics::Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<metrics::Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<metrics::Unit>, _: SharedString) {}

        fn register_counter(&self, key: &metrics::Key, _: &metrics::Metadata<'_>) -> metrics::Counter {
            self.note(key);
            metrics::Counter::noop()
        }

        fn register_gauge(&self, key: &metrics::Key, _: &metrics::Metadata<'_>) -> metrics::Gauge {
            self.note(key);
            metrics::Gauge::noop()
        }

        fn register_histogram(&self, key: &metrics::Key, _: &metrics::Metadata<'_>) -> metrics::Histogram {
            self.note(key);
            metrics::Histogram::noop()
        }
    }

    #[test]
    fn what_can_be_counted_has_started_at_zero() {
        let names = Names::default();
        metrics::with_local_recorder(&names, register);
        let started = std::mem::take(&mut *names.0.lock().unwrap());
        metrics::with_local_recorder(&names, || {
            for route in Route::ALL {
                for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"] {
                    let method = Method::from_bytes(method.as_bytes()).unwrap();
                    for status in [200, 202, 303, 404, 421, 429, 500, 503] {
                        let status = StatusCode::from_u16(status).unwrap();
                        answered(route, &method, status, Duration::ZERO);
                    }
                }
            }
            Contract::ALL.into_iter().for_each(|contract| accepted(contract).increment(1));
            Kind::REJECTIONS.into_iter().for_each(rejected);
            oldest_age(Duration::ZERO);
            publish_confirmed(Duration::ZERO);
            every_state().into_iter().map(job).for_each(|job| finished(&job));
        });
        let used = names.0.lock().unwrap();
        for name in used.iter() {
            assert!(started.contains(name), "{name}");
        }
        assert!(started.iter().all(|name| name.contains("calrelay_")), "{started:?}");
    }

    #[test]
    fn odd_statuses_make_no_series_of_their_own() {
        assert_eq!(status_label(StatusCode::MISDIRECTED_REQUEST), "4xx");
    }
}
