//! A job as callers see it.

use accounts::Accounts;
use common::job::{Effect, EventResult, Failure, Job, JobId, JobState};
use common::seal::{KeyId, Keyring};
use common::warning::Warning;
use jiff::Timestamp;
use serde::Serialize;
use tracing::warn;
use utoipa::ToSchema;

use crate::api::Sight;
use crate::problem::type_uri;

/// A job: what was accepted, where it stands, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JobRecord {
    /// The job's id.
    #[schema(example = "7qk1v0j2m8d4h5s6t9a3b7c1e0")]
    job_id: String,
    /// The event's id: the same.
    event_id: String,
    /// The account it writes with.
    account: String,
    /// The calendar it writes to; null when it can no longer be read.
    calendar_id: Option<String>,
    /// queued, running, waiting, blocked, succeeded, failed or cancelled.
    state: &'static str,
    /// What a waiting job waits for: schedule, quota, retry or operator.
    waiting_for: Option<&'static str>,
    /// What stands in a blocked job's way: reauthorization or calendarLimits. Nothing pauses a job yet.
    blocked_by: Option<&'static str>,
    /// The same for a person, and who has to do something.
    #[schema(value_type = Option<String>)]
    detail: Option<&'static str>,
    /// Failures so far that say something about this job.
    attempts: u32,
    /// Postponements so far that do not.
    deferrals: u32,
    #[schema(value_type = String, format = DateTime)]
    submitted_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    finished_at: Option<Timestamp>,
    /// When it will be looked at next, if that is known.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_attempt_at: Option<Timestamp>,
    /// It expires then.
    #[schema(value_type = String, format = DateTime)]
    not_after: Timestamp,
    /// Somebody has asked for its cancellation.
    cancel_requested: bool,
    /// The event, once the job has succeeded.
    result: Option<ResultRecord>,
    /// Why the job failed.
    error: Option<ErrorRecord>,
    /// What was changed in the request before it was accepted.
    warnings: Vec<WarningRecord>,
}

/// What was changed in one field of a request. It never quotes a value.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct WarningRecord {
    /// Where in the body: `end.date`.
    field: String,
    /// What was changed, from a closed list.
    code: &'static str,
    /// The same for a person.
    message: String,
}

impl WarningRecord {
    /// The warnings of a job, in the order of its body.
    pub(crate) fn all(job: &Job) -> Vec<Self> {
        let shown = |warning: &Warning| Self {
            field: warning.field.clone(),
            code: warning.code.as_str(),
            message: warning.message(),
        };
        job.warnings.iter().map(shown).collect()
    }
}

/// There may be such a job, but its record was lost.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LostRecord {
    /// The id that was asked for.
    #[schema(example = "7qk1v0j2m8d4h5s6t9a3b7c1e0")]
    job_id: String,
    /// Always unknown.
    #[schema(example = "unknown")]
    state: &'static str,
    /// A sentence for a person.
    detail: &'static str,
}

/// What is told of a job's id.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Told {
    /// The job.
    Record(Box<JobRecord>),
    /// That its record was lost, if there was one.
    Lost(LostRecord),
}

impl Told {
    /// What there is to tell of what was seen.
    pub(crate) async fn of(sight: &Sight, accounts: &Accounts) -> Self {
        match sight {
            Sight::Known(job) => Self::Record(Box::new(JobRecord::of(job, accounts).await)),
            Sight::Unknown(id) => Self::Lost(LostRecord::of(id)),
        }
    }
}

impl LostRecord {
    fn of(id: &JobId) -> Self {
        Self {
            job_id: id.to_string(),
            state: "unknown",
            detail: "Records of jobs were lost lately, and there is none under this id. If the job was accepted it is done all the same, and its record comes back when a worker takes it up.",
        }
    }
}

/// The event that a job has created.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ResultRecord {
    /// The event's id.
    pub(crate) event_id: String,
    /// Opens the event in Google Calendar.
    pub(crate) event_link: String,
    /// Joins the video conference, once there is one.
    pub(crate) meet_link: Option<String>,
    /// pending, success, failure (Google could not make it) or unavailable (Google refused it, and the event was
    /// written without it); null when no conference was asked for.
    pub(crate) conference_status: Option<&'static str>,
    /// Why the conference is unavailable, in Google's words; else null.
    pub(crate) conference_reason: Option<String>,
}

/// Why a job failed.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ErrorRecord {
    /// The kind of failure, as a URI.
    #[schema(example = "urn:calrelay:problem:refused")]
    r#type: String,
    /// One sentence, the same for every failure of this kind.
    title: &'static str,
    /// What happened, in Google's words or ours.
    pub(crate) detail: Option<String>,
    /// Google's HTTP status, when Google said no.
    pub(crate) google_status: Option<u16>,
    /// Google's reason, when it gave one.
    pub(crate) google_reason: Option<String>,
    /// Whether the same job may succeed when it is replayed.
    retryable: bool,
    /// What is known of the write: none, unknown or done.
    pub(crate) effect: &'static str,
}

/// The sealed parts of a job, as far as they can be opened.
#[derive(Debug, Default)]
struct Opened {
    calendar_id: Option<String>,
    result: Option<EventResult>,
    detail: Option<String>,
}

/// A job as `GET /api/v1/jobs/{id}` shows it.
pub async fn shown(job: &Job, accounts: &Accounts) -> serde_json::Value {
    serde_json::to_value(JobRecord::of(job, accounts).await).expect("a record is plain data")
}

/// A record of which nothing sealed could be opened.
#[cfg(test)]
pub(crate) fn unopened(job: &Job) -> serde_json::Value {
    serde_json::to_value(JobRecord::from_parts(job, Opened::default())).expect("a record is plain data")
}

impl JobRecord {
    /// The record of `job`, opened with its account's keys.
    pub(crate) async fn of(job: &Job, accounts: &Accounts) -> Self {
        let opened = match seal_keys(job, accounts).await {
            Some(keys) => Opened::with(&keys, job),
            None => Opened::default(),
        };
        Self::from_parts(job, opened)
    }

    fn from_parts(job: &Job, opened: Opened) -> Self {
        let state = job.shown_state();
        let (waiting_for, blocked_by, detail) = match state.as_ref() {
            JobState::Waiting { why, .. } => (Some(why.as_str()), None, Some(why.sentence())),
            JobState::Blocked { why, .. } => (None, Some(why.as_str()), Some(why.sentence())),
            JobState::Accepting { .. }
            | JobState::Queued
            | JobState::Running(_)
            | JobState::Succeeded { .. }
            | JobState::Failed(_)
            | JobState::Cancelled => (None, None, None),
        };
        let error = match &job.state {
            JobState::Failed(failure) => Some(ErrorRecord::of(failure, opened.detail)),
            JobState::Accepting { .. }
            | JobState::Queued
            | JobState::Running(_)
            | JobState::Waiting { .. }
            | JobState::Blocked { .. }
            | JobState::Succeeded { .. }
            | JobState::Cancelled => None,
        };
        Self {
            job_id: job.id.to_string(),
            event_id: job.id.to_string(),
            account: job.account.to_string(),
            calendar_id: opened.calendar_id,
            state: state.name().as_str(),
            waiting_for,
            blocked_by,
            detail,
            attempts: job.tally.attempts,
            deferrals: job.tally.deferrals,
            submitted_at: job.submitted_at,
            updated_at: job.updated_at,
            finished_at: job.finished_at,
            next_attempt_at: job.next_attempt_at(),
            not_after: job.not_after,
            cancel_requested: job.cancel_requested,
            result: opened.result.map(ResultRecord::from),
            error,
            warnings: WarningRecord::all(job),
        }
    }

    /// What came of the job, if it succeeded.
    pub(crate) fn result(&self) -> Option<&ResultRecord> {
        self.result.as_ref()
    }

    /// Why it failed, if it did.
    pub(crate) fn error(&self) -> Option<&ErrorRecord> {
        self.error.as_ref()
    }
}

async fn seal_keys(job: &Job, accounts: &Accounts) -> Option<Keyring> {
    let wanted = sealed_with(job)?;
    let warn = |error| warn!(job.id = %job.id, %error, "Job {} cannot be opened: {error}", job.id);
    let (_, keys) = accounts.unlock(&job.account, wanted).await.map_err(warn).ok()??;
    Some(keys)
}

/// The key that has sealed what there is to open of a job.
fn sealed_with(job: &Job) -> Option<KeyId> {
    let outcome = match &job.state {
        JobState::Succeeded { result } => result.key_id().ok(),
        JobState::Failed(failure) => failure.detail.as_ref().and_then(|detail| detail.key_id().ok()),
        JobState::Accepting { .. }
        | JobState::Queued
        | JobState::Running(_)
        | JobState::Waiting { .. }
        | JobState::Blocked { .. }
        | JobState::Cancelled => None,
    };
    outcome.or_else(|| job.payload.as_ref().and_then(|payload| payload.key_id().ok()))
}

impl Opened {
    /// What cannot be opened is left out: the rest of the record is still worth reading.
    fn with(keys: &Keyring, job: &Job) -> Self {
        let context = job.id.as_str();
        let mut opened = Self::default();
        if let Some(payload) = job.payload.as_ref().and_then(|sealed| keys.open(context, sealed).ok()) {
            opened.calendar_id = Some(payload.calendar.as_str().to_owned());
        }
        match &job.state {
            JobState::Succeeded { result } => {
                opened.result = keys.open(context, result).ok();
                if let Some(result) = &opened.result {
                    opened.calendar_id = Some(result.calendar_id.clone());
                }
            }
            JobState::Failed(failure) => {
                opened.detail = failure.detail.as_ref().and_then(|detail| keys.open(context, detail).ok());
            }
            JobState::Accepting { .. }
            | JobState::Queued
            | JobState::Running(_)
            | JobState::Waiting { .. }
            | JobState::Blocked { .. }
            | JobState::Cancelled => {}
        }
        opened
    }
}

impl From<EventResult> for ResultRecord {
    fn from(result: EventResult) -> Self {
        Self {
            meet_link: result.conference.link().map(str::to_owned),
            conference_status: result.conference.status(),
            conference_reason: result.conference.reason().map(str::to_owned),
            event_id: result.event_id,
            event_link: result.event_link,
        }
    }
}

impl ErrorRecord {
    fn of(failure: &Failure, detail: Option<String>) -> Self {
        Self {
            r#type: type_uri(failure.kind.as_str()),
            title: failure.kind.title(),
            detail,
            google_status: failure.google_status,
            google_reason: failure.google_reason.clone(),
            retryable: failure.kind.retryable(),
            effect: Effect::as_str(failure.effect),
        }
    }
}
