//! `POST /api/create-calendar-event`: the same for clients of the older, synchronous contract.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use common::job::{BlockReason, Job, JobState, StateName};
use lifecycle::Receipt;
use serde::Serialize;
use utoipa::ToSchema;

use super::{events, reply};
use crate::api::Api;
use crate::contract::Contract;
use crate::openapi::{EventRequest, OlderProblems};
use crate::paths::job_path;
use crate::prefer::Preference;
use crate::problem::{Kind, Problem};
use crate::record::{JobRecord, ResultRecord, WarningRecord};

/// How long such a client is used to waiting.
const PATIENCE: Duration = Duration::from_secs(10);

/// The event is in the calendar.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreatedReply {
    /// Always true.
    success: bool,
    /// A sentence for a person.
    #[schema(example = "Calendar event created successfully")]
    message: &'static str,
    event_id: String,
    event_link: String,
    /// Null while Google is still making the conference, when none was asked for, and when Google refused it.
    meet_link: Option<String>,
    /// What was changed in the request before it was accepted; left out when nothing was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<WarningRecord>,
}

/// The event will be in the calendar.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PendingReply {
    /// Always true.
    success: bool,
    /// A sentence for a person.
    message: &'static str,
    job_id: String,
    event_id: String,
    /// Where the job's record is.
    status_url: String,
    /// What was changed in the request before it was accepted; left out when nothing was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<WarningRecord>,
}

/// Create an event and wait for it, up to 10 seconds.
#[utoipa::path(
    post,
    path = "/api/create-calendar-event",
    operation_id = "createEventOlder",
    security(("key" = ["submit"])),
    tag = "older contract",
    request_body(content = EventRequest, description = "Google's fields of an event, or the flat forms; at most 64 KiB"),
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "Names this request, however often it is sent: quoted or bare, 1 to 255 printable characters"),
        ("Prefer" = Option<String>, Header, description = "wait=N (at most 25) waits so long instead of 10 seconds; respond-async does not wait"),
    ),
    responses(
        (status = 200, description = "The event is in the calendar", body = CreatedReply),
        (status = 202, description = "Accepted, and not done yet", body = PendingReply),
        OlderProblems,
    )
)]
pub(crate) async fn create(
    api: web::Data<Api>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    answer(&api, &request, payload).await.map_err(Problem::for_older_clients)
}

async fn answer(api: &Api, request: &HttpRequest, payload: web::Payload) -> Result<HttpResponse, Problem> {
    let preference = Preference::from_headers(request.headers());
    let receipt = events::submit(api, request, payload, Contract::Older).await?;
    let job = events::seen(api, &receipt, preference.budget(PATIENCE)).await;
    let why = job.as_ref().and_then(blocked_by);
    let mut response = match job.filter(|job| job.is_finished()) {
        Some(job) => told(&job, &JobRecord::of(&job, &api.ports.jobs.accounts).await)?,
        None => pending(&receipt, why),
    };
    reply::about(&mut response, &receipt, preference);
    Ok(response)
}

/// What a job that has ended is to such a client.
fn told(job: &Job, record: &JobRecord) -> Result<HttpResponse, Problem> {
    match (&job.state, record.result()) {
        (JobState::Succeeded { .. }, Some(result)) => {
            Ok(HttpResponse::Ok().json(CreatedReply::of(job, result)))
        }
        (JobState::Failed(failure), _) => {
            let kind = Kind::Job(failure.kind);
            let detail = record.error().and_then(|error| error.detail.as_deref()).unwrap_or(kind.title());
            Err(with_job(Problem::new(kind, detail), job)
                .with("googleStatus", failure.google_status)
                .with("googleReason", failure.google_reason.clone())
                .with("effect", failure.effect.as_str()))
        }
        (JobState::Cancelled, _) => {
            Err(with_job(Problem::new(Kind::Cancelled, "The job was cancelled; there is no event."), job))
        }
        // The event is there, but what Google said of it cannot be opened.
        (JobState::Succeeded { .. }, None) => Err(with_job(Problem::internal(), job)),
        (
            JobState::Accepting { .. }
            | JobState::Queued
            | JobState::Running(_)
            | JobState::Waiting { .. }
            | JobState::Blocked { .. },
            _,
        ) => unreachable!("only a job that has ended is told"),
    }
}

fn with_job(problem: Problem, job: &Job) -> Problem {
    problem.with("jobId", job.id.as_str()).with("statusUrl", job_path(&job.id))
}

/// What a job waits for that may take long.
fn blocked_by(job: &Job) -> Option<BlockReason> {
    if let JobState::Blocked { why, .. } = &job.state { Some(*why) } else { None }
}

fn pending(receipt: &Receipt, why: Option<BlockReason>) -> HttpResponse {
    let accepted_blocked = receipt.state == StateName::Blocked;
    let message = match why.or(accepted_blocked.then_some(BlockReason::Reauthorization)) {
        Some(BlockReason::Reauthorization) => {
            "Calendar event accepted; it is created once the calendar is connected again"
        }
        Some(BlockReason::CalendarLimits) => {
            "Calendar event accepted; it is created once Google lets this user invite guests again"
        }
        Some(BlockReason::Paused) => "Calendar event accepted; it is created once jobs are resumed",
        None => "Calendar event accepted; it is being created",
    };
    let id = &receipt.job.id;
    HttpResponse::Accepted().json(PendingReply {
        success: true,
        message,
        job_id: id.to_string(),
        event_id: id.to_string(),
        status_url: job_path(id),
        warnings: WarningRecord::all(&receipt.job),
    })
}

impl CreatedReply {
    fn of(job: &Job, result: &ResultRecord) -> Self {
        Self {
            success: true,
            message: "Calendar event created successfully",
            event_id: result.event_id.clone(),
            event_link: result.event_link.clone(),
            meet_link: result.meet_link.clone(),
            warnings: WarningRecord::all(job),
        }
    }
}
