//! What a worker counts. Names and labels are a public interface.

use std::time::Instant;

use common::job::{FailureKind, Job, JobState};
use common::port::{CalendarError, Grant, TokenError};
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use crate::retry::{Deferral, Disposition};

/// A request's method, in Google's words.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Method {
    Insert,
    Get,
    Delete,
}

/// How a look into the token cache ended.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cache {
    Hit,
    Miss,
}

/// How a notice travels.
#[derive(Debug, Clone, Copy)]
pub(crate) enum NoticeKind {
    Webhook,
    Email,
}

/// What became of a notice.
#[derive(Debug, Clone, Copy)]
pub(crate) enum NoticeResult {
    /// Taken.
    Sent,
    /// Not taken now: it is tried again.
    Retried,
    /// Not taken for so long that it is of no more use.
    GivenUp,
    /// Not wanted any more, or overtaken.
    Dropped,
    /// The receiver wants no more.
    Disabled,
}

const RESULTS: [&str; 13] = [
    "ok",
    "throttled",
    "usage_limits",
    "token_refused",
    "scope_missing",
    "api_disabled",
    "not_found",
    "duplicate",
    "conflict",
    "refused",
    "unavailable",
    "no_answer",
    "not_sent",
];
const DISPOSITIONS: [&str; 8] =
    ["succeeded", "retry", "defer", "push_back", "block_account", "block_guests", "fail", "let_go"];
const REFRESHES: [&str; 5] = ["ok", "invalid_grant", "operator", "unavailable", "refused"];
const OUTCOMES: [&str; 3] = ["succeeded", "failed", "cancelled"];

impl NoticeKind {
    const ALL: [Self; 2] = [Self::Webhook, Self::Email];

    fn as_label(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Email => "email",
        }
    }
}

impl NoticeResult {
    const ALL: [Self; 5] = [Self::Sent, Self::Retried, Self::GivenUp, Self::Dropped, Self::Disabled];

    fn as_label(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Retried => "retried",
            Self::GivenUp => "given_up",
            Self::Dropped => "dropped",
            Self::Disabled => "disabled",
        }
    }
}

impl Method {
    const ALL: [Self; 3] = [Self::Insert, Self::Get, Self::Delete];

    fn as_label(self) -> &'static str {
        match self {
            Self::Insert => "events.insert",
            Self::Get => "events.get",
            Self::Delete => "events.delete",
        }
    }
}

/// Describes every series of a worker and starts it at 0.
pub fn describe() {
    describe_counter!("calrelay_attempts_total", "Attempts by what was decided");
    describe_counter!("calrelay_deferrals_total", "Jobs put off without being at fault, by reason");
    describe_counter!("calrelay_jobs_finished_total", "Jobs that ended, by outcome");
    describe_histogram!("calrelay_job_duration_seconds", Unit::Seconds, "From acceptance to the end");
    describe_histogram!(
        "calrelay_job_queue_wait_seconds",
        Unit::Seconds,
        "From acceptance to the first attempt"
    );
    describe_gauge!("calrelay_jobs_in_flight", "Deliveries that this worker is at");
    describe_counter!("calrelay_google_requests_total", "Requests to Google Calendar");
    describe_histogram!(
        "calrelay_google_request_duration_seconds",
        Unit::Seconds,
        "Requests to Google Calendar"
    );
    describe_counter!("calrelay_token_refreshes_total", "Requests for an access token");
    describe_counter!("calrelay_token_cache_total", "Looks into the cache of access tokens");
    describe_gauge!("calrelay_circuit_open", "1 while an endpoint is left alone");
    describe_gauge!("calrelay_sealing_key_missing", "Sealing keys that jobs wait for");
    for disposition in DISPOSITIONS {
        counter!("calrelay_attempts_total", "disposition" => disposition).increment(0);
    }
    for reason in Deferral::ALL {
        counter!("calrelay_deferrals_total", "reason" => reason.as_label()).increment(0);
    }
    for outcome in OUTCOMES {
        counter!("calrelay_jobs_finished_total", "outcome" => outcome).increment(0);
    }
    for method in Method::ALL {
        for result in RESULTS {
            counter!("calrelay_google_requests_total", "method" => method.as_label(), "result" => result)
                .increment(0);
        }
    }
    for result in REFRESHES {
        counter!("calrelay_token_refreshes_total", "result" => result).increment(0);
    }
    for result in [Cache::Hit, Cache::Miss] {
        counter!("calrelay_token_cache_total", "result" => cache_label(result)).increment(0);
    }
    describe_counter!("calrelay_notices_total", "Notices by how they travel and what became of them");
    for kind in NoticeKind::ALL {
        for result in NoticeResult::ALL {
            counter!("calrelay_notices_total", "kind" => kind.as_label(), "result" => result.as_label())
                .increment(0);
        }
    }
    gauge!("calrelay_jobs_in_flight").set(0.0);
    circuits((false, false));
    sealing_keys_missing(0);
}

pub(crate) fn decided(disposition: &Disposition) {
    let label = match disposition {
        Disposition::Retry { .. } => "retry",
        Disposition::Defer { .. } => "defer",
        Disposition::PushBack { .. } => "push_back",
        Disposition::BlockAccount(_) => "block_account",
        Disposition::BlockGuests { .. } => "block_guests",
        Disposition::Fail { .. } => "fail",
        Disposition::LetGo | Disposition::HandBack => "let_go",
    };
    counter!("calrelay_attempts_total", "disposition" => label).increment(1);
}

pub(crate) fn succeeded() {
    counter!("calrelay_attempts_total", "disposition" => "succeeded").increment(1);
}

pub(crate) fn deferred(reason: Deferral) {
    counter!("calrelay_deferrals_total", "reason" => reason.as_label()).increment(1);
}

pub(crate) fn sealing_keys_missing(count: usize) {
    gauge!("calrelay_sealing_key_missing").set(count as f64);
}

/// A job has ended: counts it and says so, once.
pub(crate) fn finished(job: &Job) {
    let (outcome, kind): (&'static str, Option<FailureKind>) = match &job.state {
        JobState::Succeeded { .. } => ("succeeded", None),
        JobState::Failed(failure) => ("failed", Some(failure.kind)),
        JobState::Cancelled => ("cancelled", None),
        JobState::Accepting { .. }
        | JobState::Queued
        | JobState::Running(_)
        | JobState::Waiting { .. }
        | JobState::Blocked { .. } => return,
    };
    let ended = job.finished_at.unwrap_or(job.updated_at);
    let seconds = common::time::until(job.submitted_at, ended).as_secs_f64();
    counter!("calrelay_jobs_finished_total", "outcome" => outcome).increment(1);
    histogram!("calrelay_job_duration_seconds", "outcome" => outcome).record(seconds);
    let kind = kind.map_or("", FailureKind::as_str);
    tracing::info!(
        job.id = %job.id, account.id = %job.account, job.outcome = outcome, job.failure = kind,
        job.attempts = job.tally.attempts, job.deferrals = job.tally.deferrals, job.duration_seconds = seconds,
        "Job {} {outcome} {kind}", job.id
    );
}

pub(crate) fn notice(kind: NoticeKind, result: NoticeResult) {
    counter!("calrelay_notices_total", "kind" => kind.as_label(), "result" => result.as_label()).increment(1);
}

pub(crate) fn queue_wait(seconds: f64) {
    histogram!("calrelay_job_queue_wait_seconds").record(seconds);
}

pub(crate) fn in_flight(change: f64) {
    gauge!("calrelay_jobs_in_flight").increment(change);
}

pub(crate) fn circuits((calendar, tokens): (bool, bool)) {
    for (endpoint, open) in [("calendar", calendar), ("token", tokens)] {
        gauge!("calrelay_circuit_open", "endpoint" => endpoint).set(if open { 1.0 } else { 0.0 });
    }
}

pub(crate) fn token_cache(result: Cache) {
    counter!("calrelay_token_cache_total", "result" => cache_label(result)).increment(1);
}

fn cache_label(result: Cache) -> &'static str {
    match result {
        Cache::Hit => "hit",
        Cache::Miss => "miss",
    }
}

pub(crate) fn token_refresh(answer: &Result<Grant, TokenError>) {
    let label = match answer {
        Ok(_) => "ok",
        Err(
            TokenError::InvalidGrant { .. }
            | TokenError::LoginRequired { .. }
            | TokenError::NoSuchUser { .. }
            | TokenError::Denied { .. },
        ) => "invalid_grant",
        Err(TokenError::InvalidClient { .. }) => "operator",
        Err(TokenError::Throttled { .. } | TokenError::Unavailable { .. } | TokenError::Transport(_)) => {
            "unavailable"
        }
        Err(TokenError::Refused { .. }) => "refused",
    };
    counter!("calrelay_token_refreshes_total", "result" => label).increment(1);
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
        histogram!("calrelay_google_request_duration_seconds", "method" => method)
            .record(self.began.elapsed());
        counter!("calrelay_google_requests_total", "method" => method, "result" => result_label(error))
            .increment(1);
    }
}

fn result_label(error: Option<&CalendarError>) -> &'static str {
    match error {
        None => "ok",
        Some(CalendarError::Throttled { .. } | CalendarError::DailyLimit) => "throttled",
        Some(CalendarError::UsageLimits) => "usage_limits",
        Some(CalendarError::TokenRefused) => "token_refused",
        Some(CalendarError::ScopeMissing) => "scope_missing",
        Some(CalendarError::ApiDisabled) => "api_disabled",
        Some(CalendarError::NotFound) => "not_found",
        Some(CalendarError::Duplicate) => "duplicate",
        Some(CalendarError::Conflict) => "conflict",
        Some(CalendarError::Deleted | CalendarError::Refused { .. } | CalendarError::NotACalendarUser) => {
            "refused"
        }
        Some(CalendarError::Unavailable { .. }) => "unavailable",
        Some(CalendarError::NoAnswer(_) | CalendarError::Unintelligible(_)) => "no_answer",
        Some(CalendarError::NotSent(_)) => "not_sent",
    }
}
