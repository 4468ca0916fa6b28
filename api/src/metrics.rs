//! The ingress's metrics (DESIGN §13), their labels, and their first zeroes.

use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use crate::intake::Entrance;
use crate::problem::Kind;
use crate::routes;

const REQUESTS: &str = "calrelay_http_requests_total";
const DURATION: &str = "calrelay_http_request_duration_seconds";
const ACCEPTED: &str = "calrelay_jobs_accepted_total";
const REJECTED: &str = "calrelay_jobs_rejected_total";
const CONFIRM: &str = "calrelay_publish_confirm_seconds";
const OLDEST: &str = "calrelay_oldest_age_seconds";

/// A route, as metrics name it: a closed list, whatever callers ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    Events,
    Older,
    Job,
    Status,
    Setup,
    Connect,
    Callback,
    Revoke,
    Accounts,
    Account,
    Links,
    Link,
    OpenApi,
    Other,
}

impl Route {
    const ALL: [Self; 14] = [
        Self::Events,
        Self::Older,
        Self::Job,
        Self::Status,
        Self::Setup,
        Self::Connect,
        Self::Callback,
        Self::Revoke,
        Self::Accounts,
        Self::Account,
        Self::Links,
        Self::Link,
        Self::OpenApi,
        Self::Other,
    ];

    /// The route that serves `path`.
    pub(crate) fn of(path: &str) -> Self {
        let serves = |route: &&Self| fits(route.label(), path);
        Self::ALL.iter().find(serves).copied().unwrap_or(Self::Other)
    }

    fn label(self) -> &'static str {
        match self {
            Self::Events => routes::EVENTS,
            Self::Older => routes::OLDER,
            Self::Job => routes::JOB,
            Self::Status => routes::STATUS,
            Self::Setup => routes::SETUP,
            Self::Connect => routes::CONNECT,
            Self::Callback => routes::CALLBACK,
            Self::Revoke => routes::REVOKE,
            Self::Accounts => routes::ACCOUNTS,
            Self::Account => routes::ACCOUNT,
            Self::Links => routes::LINKS,
            Self::Link => routes::LINK,
            Self::OpenApi => routes::OPENAPI,
            Self::Other => "other",
        }
    }

    fn methods(self) -> &'static [&'static str] {
        match self {
            Self::Events | Self::Older | Self::Connect | Self::Links => &["POST"],
            Self::Job | Self::Account => &["GET", "DELETE"],
            Self::Setup | Self::Revoke | Self::Link => &["GET", "POST"],
            Self::Status | Self::Accounts | Self::Callback | Self::OpenApi => &["GET"],
            Self::Other => &["GET", "POST", "other"],
        }
    }
}

/// Whether `path` is one that `route` serves, in which `{…}` stands for one part that is not empty.
fn fits(route: &str, path: &str) -> bool {
    let (mut wanted, mut parts) = (route.split('/'), path.split('/'));
    loop {
        match (wanted.next(), parts.next()) {
            (None, None) => return true,
            (Some(wanted), Some(part)) if wanted.starts_with('{') && !part.is_empty() => {}
            (Some(wanted), Some(part)) if wanted == part => {}
            (Some(_) | None, Some(_) | None) => return false,
        }
    }
}

fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

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
    describe_counter!(REQUESTS, "Requests answered, by route, method and class of status");
    describe_histogram!(DURATION, metrics::Unit::Seconds, "Time from a request's head to its reply's head");
    describe_counter!(ACCEPTED, "Jobs that the queue has confirmed, by route");
    describe_counter!(REJECTED, "Jobs refused at the door, by reason");
    describe_histogram!(CONFIRM, metrics::Unit::Seconds, "Time until the queue confirmed a publish");
    describe_gauge!(OLDEST, metrics::Unit::Seconds, "How long the longest-due unfinished job has been due");
    for route in Route::ALL {
        for method in route.methods() {
            for status in STATUSES {
                counter!(REQUESTS, "route" => route.label(), "method" => *method, "status" => status)
                    .increment(0);
            }
        }
    }
    for entrance in Entrance::ALL {
        counter!(ACCEPTED, "route" => entrance_label(entrance)).increment(0);
    }
    for kind in Kind::REJECTIONS {
        counter!(REJECTED, "reason" => kind.slug()).increment(0);
    }
    gauge!(OLDEST).set(0.0);
}

fn entrance_label(entrance: Entrance) -> &'static str {
    match entrance {
        Entrance::Events => Route::Events.label(),
        Entrance::Older => Route::Older.label(),
    }
}

/// A request was answered.
pub(crate) fn answered(route: Route, method: &Method, status: StatusCode, took: Duration) {
    let (route, method) = (route.label(), method_label(method));
    counter!(REQUESTS, "route" => route, "method" => method, "status" => status_label(status)).increment(1);
    histogram!(DURATION, "route" => route).record(took.as_secs_f64());
}

/// The queue has confirmed a job.
pub(crate) fn accepted(entrance: Entrance) {
    counter!(ACCEPTED, "route" => entrance_label(entrance)).increment(1);
}

/// A job was refused.
pub(crate) fn rejected(kind: Kind) {
    counter!(REJECTED, "reason" => kind.slug()).increment(1);
}

/// A publish was confirmed, or given up.
pub(crate) fn publish_confirmed(took: Duration) {
    histogram!(CONFIRM).record(took.as_secs_f64());
}

/// How long the longest-due unfinished job has been due.
pub(crate) fn oldest_age(age: Duration) {
    gauge!(OLDEST).set(age.as_secs_f64());
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Mutex;

    use metrics::{KeyName, SharedString};

    use super::*;

    #[test]
    fn paths_fall_into_their_routes_and_all_others_into_one() {
        for route in Route::ALL {
            if route != Route::Job && route != Route::Other {
                assert_eq!(Route::of(route.label()), route);
            }
        }
        assert_eq!(Route::of("/api/v1/jobs/abc"), Route::Job);
        for path in ["/api/v1/jobs/", "/api/v1/jobs/{id}", "/api/v1/jobs/a/b", "/", "/wp-login.php", "other"]
        {
            let expected = if path == "/api/v1/jobs/{id}" { Route::Job } else { Route::Other };
            assert_eq!(Route::of(path), expected, "{path}");
        }
    }

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
                for method in route.methods() {
                    // A method that is in no list stands for all of those.
                    let method = Method::from_bytes(method.as_bytes()).unwrap();
                    for status in [200, 202, 303, 404, 421, 429, 500, 503] {
                        let status = StatusCode::from_u16(status).unwrap();
                        answered(route, &method, status, Duration::ZERO);
                    }
                }
            }
            Entrance::ALL.into_iter().for_each(accepted);
            Kind::REJECTIONS.into_iter().for_each(rejected);
            oldest_age(Duration::ZERO);
        });
        let used = names.0.lock().unwrap();
        let counted = used.iter().filter(|name| !name.contains(DURATION));
        for name in counted {
            assert!(started.contains(name), "{name}");
        }
        assert!(started.iter().all(|name| name.contains("calrelay_")), "{started:?}");
    }

    #[test]
    fn odd_methods_make_no_series_of_their_own() {
        assert_eq!(method_label(&Method::from_bytes(b"BREW").unwrap()), "other");
        assert_eq!(status_label(StatusCode::MISDIRECTED_REQUEST), "4xx");
    }
}
