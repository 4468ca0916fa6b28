//! What a worker counts. Names and labels are a public interface.

mod label;

use std::time::{Duration, Instant};

pub(crate) use common::metrics::{finished, publish_confirmed};
use common::port::{CalendarError, Grant, TokenError, Window};
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use crate::retry::{Deferral, Disposition};
use label::{CIRCUITS, DISPOSITIONS, REFRESHES, RESULTS};
pub(crate) use label::{Cache, Method};

const ATTEMPTS: &str = "calrelay_attempts_total";
const DEFERRALS: &str = "calrelay_deferrals_total";
const QUEUE_WAIT: &str = "calrelay_job_queue_wait_seconds";
const IN_FLIGHT: &str = "calrelay_jobs_in_flight";
const REQUESTS: &str = "calrelay_google_requests_total";
const REQUEST_DURATION: &str = "calrelay_google_request_duration_seconds";
const TOKEN_REFRESHES: &str = "calrelay_token_refreshes_total";
const TOKEN_CACHE: &str = "calrelay_token_cache_total";
const QUOTA_USED: &str = "calrelay_quota_used_ratio";
const CIRCUIT_OPEN: &str = "calrelay_circuit_open";
const REVIVED: &str = "calrelay_jobs_revived_total";
const KEY_MISSING: &str = "calrelay_sealing_key_missing";

/// Describes every series of a worker and starts it at 0.
pub fn describe() {
    common::metrics::describe();
    notices::describe_metrics();
    describe_counter!(ATTEMPTS, "Attempts by what was decided");
    describe_counter!(DEFERRALS, "Jobs put off without being at fault, by reason");
    describe_histogram!(
        QUEUE_WAIT,
        Unit::Seconds,
        "From a job's acceptance, or its notBefore if that is later, to its first attempt"
    );
    describe_gauge!(IN_FLIGHT, "Deliveries that this worker is at");
    describe_counter!(REQUESTS, "Requests to Google Calendar, by method and result");
    describe_histogram!(
        REQUEST_DURATION,
        Unit::Seconds,
        "How long Google Calendar took to answer, by method"
    );
    describe_counter!(TOKEN_REFRESHES, "Requests for an access token, by result");
    describe_counter!(TOKEN_CACHE, "Looks into the cache of access tokens, by result");
    describe_gauge!(
        QUOTA_USED,
        "How much of a window's limit is used by the key that uses most of it, 0 to 1"
    );
    describe_gauge!(CIRCUIT_OPEN, "1 while an endpoint is left alone");
    describe_gauge!(KEY_MISSING, "Sealing keys that jobs wait for");
    describe_counter!(REVIVED, "Jobs whose last change was lost, and that were brought to a worker anew");
    for disposition in DISPOSITIONS {
        counter!(ATTEMPTS, "disposition" => disposition).increment(0);
    }
    for reason in Deferral::ALL {
        counter!(DEFERRALS, "reason" => reason.as_label()).increment(0);
    }
    let _ = histogram!(QUEUE_WAIT);
    gauge!(IN_FLIGHT).set(0.0);
    for method in Method::ALL {
        for result in RESULTS {
            counter!(REQUESTS, "method" => method.as_label(), "result" => result).increment(0);
        }
        let _ = histogram!(REQUEST_DURATION, "method" => method.as_label());
    }
    for result in REFRESHES {
        counter!(TOKEN_REFRESHES, "result" => result).increment(0);
    }
    for result in Cache::ALL {
        counter!(TOKEN_CACHE, "result" => result.as_label()).increment(0);
    }
    for window in Window::ALL {
        quota_used(window, 0.0);
    }
    counter!(REVIVED).increment(0);
    circuits((false, false));
    sealing_keys_missing(0);
}

pub(crate) fn decided(disposition: &Disposition) {
    counter!(ATTEMPTS, "disposition" => label::disposition(disposition)).increment(1);
}

pub(crate) fn succeeded() {
    counter!(ATTEMPTS, "disposition" => label::SUCCEEDED).increment(1);
}

pub(crate) fn deferred(reason: Deferral) {
    counter!(DEFERRALS, "reason" => reason.as_label()).increment(1);
}

/// A lost job was brought to a worker anew.
pub(crate) fn revived() {
    counter!(REVIVED).increment(1);
}

pub(crate) fn sealing_keys_missing(count: usize) {
    gauge!(KEY_MISSING).set(count as f64);
}

pub(crate) fn queue_wait(waited: Duration) {
    histogram!(QUEUE_WAIT).record(waited);
}

/// A delivery that this worker is at, counted until this is dropped.
pub(crate) struct InFlight(());

/// Counts one more delivery.
#[must_use]
pub(crate) fn in_flight() -> InFlight {
    gauge!(IN_FLIGHT).increment(1.0);
    InFlight(())
}

impl Drop for InFlight {
    fn drop(&mut self) {
        gauge!(IN_FLIGHT).decrement(1.0);
    }
}

pub(crate) fn circuits((calendar, tokens): (bool, bool)) {
    for (endpoint, open) in CIRCUITS.into_iter().zip([calendar, tokens]) {
        gauge!(CIRCUIT_OPEN, "endpoint" => endpoint).set(if open { 1.0 } else { 0.0 });
    }
}

/// How much of a window's limit is used, 0 to 1, by the account, calendar or project that uses most of it.
pub(crate) fn quota_used(window: Window, share: f64) {
    gauge!(QUOTA_USED, "window" => window.as_str()).set(share);
}

pub(crate) fn token_cache(result: Cache) {
    counter!(TOKEN_CACHE, "result" => result.as_label()).increment(1);
}

pub(crate) fn token_refresh(answer: &Result<Grant, TokenError>) {
    counter!(TOKEN_REFRESHES, "result" => label::refresh(answer)).increment(1);
}

/// A request under way.
pub(crate) struct Timer {
    method: Method,
    began: Instant,
}

/// Starts the watch for a request.
pub(crate) fn google_request(method: Method) -> Timer {
    Timer { method, began: Instant::now() }
}

impl Timer {
    pub(crate) fn ended(self, error: Option<&CalendarError>) {
        let method = self.method.as_label();
        histogram!(REQUEST_DURATION, "method" => method).record(self.began.elapsed());
        counter!(REQUESTS, "method" => method, "result" => label::result(error)).increment(1);
    }
}
