//! What both roles count, each for itself: jobs that end, and how long the queue takes to confirm.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};

use crate::job::{FailureKind, Job, JobState};
use crate::time;
use crate::trace::log_span;

const FINISHED: &str = "calrelay_jobs_finished_total";
const DURATION: &str = "calrelay_job_duration_seconds";
const CONFIRM: &str = "calrelay_publish_confirm_seconds";

/// How a job can end.
const OUTCOMES: [&str; 3] = ["succeeded", "failed", "cancelled"];

/// Describes these metrics and starts each series at zero.
pub fn describe() {
    describe_counter!(FINISHED, "Jobs that ended, by outcome");
    describe_histogram!(
        DURATION,
        Unit::Seconds,
        "From a job's acceptance, or its notBefore if that is later, to its end"
    );
    describe_histogram!(CONFIRM, Unit::Seconds, "Time until the queue confirmed a publish, or failed to");
    for outcome in OUTCOMES {
        counter!(FINISHED, "outcome" => outcome).increment(0);
        let _ = histogram!(DURATION, "outcome" => outcome);
    }
    let _ = histogram!(CONFIRM);
}

/// A job has ended: counts it and says so, once. Nothing for a job that has not.
pub fn finished(job: &Job) {
    let (outcome, kind): (&'static str, Option<FailureKind>) = match &job.state {
        JobState::Succeeded { .. } => (OUTCOMES[0], None),
        JobState::Failed(failure) => (OUTCOMES[1], Some(failure.kind)),
        JobState::Cancelled => (OUTCOMES[2], None),
        JobState::Accepting { .. }
        | JobState::Queued
        | JobState::Running(_)
        | JobState::Waiting { .. }
        | JobState::Blocked { .. } => return,
    };
    let ended = job.finished_at.unwrap_or(job.updated_at);
    let seconds = time::until(job.could_start_at(), ended).as_secs_f64();
    counter!(FINISHED, "outcome" => outcome).increment(1);
    histogram!(DURATION, "outcome" => outcome).record(seconds);
    let kind = kind.map(FailureKind::as_str);
    let _trace = log_span(job.trace).entered();
    tracing::info!(
        job.id = %job.id, account.id = %job.account, job.outcome = outcome, "error.type" = kind,
        job.attempts = job.tally.attempts, job.deferrals = job.tally.deferrals, job.duration_seconds = seconds,
        "Job {} {outcome}{}", job.id, kind.map(|kind| format!(": {kind}")).unwrap_or_default()
    );
}

/// A publish was confirmed, or given up.
pub fn publish_confirmed(took: Duration) {
    histogram!(CONFIRM).record(took);
}
