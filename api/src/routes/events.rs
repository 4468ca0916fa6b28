//! `POST /api/v1/events`: accepts a job.

use std::time::Duration;

use accounts::keys::Scope;
use actix_web::{HttpRequest, HttpResponse, web};
use common::event::Submission;
use common::job::{Job, JobId, StateName};
use lifecycle::{Ask, Identity, Receipt};

use super::reply::{self, AcceptedReply};
use crate::api::Api;
use crate::body::{self, BodyType};
use crate::contract::Contract;
use crate::idempotency::IdempotencyKey;
use crate::metrics;
use crate::openapi::{EventRequest, SubmitProblems};
use crate::prefer::Preference;
use crate::problem::Problem;
use crate::query;
use crate::record::JobRecord;
use crate::trace;

/// Accept a job that creates an event.
#[utoipa::path(
    post,
    path = "/api/v1/events",
    operation_id = "createEvent",
    security(("key" = ["submit"])),
    tag = "jobs",
    request_body(content = EventRequest, description = "Google's fields of an event, or the flat forms; at most 64 KiB"),
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "Names this request, however often it is sent: quoted or bare, 1 to 255 printable characters"),
        ("Prefer" = Option<String>, Header, description = "wait=N (at most 25) waits for the job to end, unless it is blocked or due later; respond-async does not"),
    ),
    responses(
        (status = 202, description = "Accepted: the queue holds the job", body = AcceptedReply, headers(
            ("Location" = String, description = "The job's record"),
            ("Idempotency-Replayed" = String, description = "true when an earlier request with this key made the job"),
        )),
        (status = 200, description = "With Prefer: wait, the record of a job that has ended", body = JobRecord),
        SubmitProblems,
    )
)]
pub(crate) async fn create(
    api: web::Data<Api>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let preference = Preference::from_headers(request.headers());
    let receipt = submit(&api, &request, payload, Contract::Events).await?;
    let seen = seen(&api, &receipt, preference.budget(Duration::ZERO)).await;
    let mut response = match &seen {
        Some(job) if job.is_finished() => {
            HttpResponse::Ok().json(JobRecord::of(job, &api.ports.jobs.accounts).await)
        }
        Some(_) | None => {
            let state = receipt.state_now(seen.as_ref());
            HttpResponse::Accepted().json(AcceptedReply::new(&receipt, state))
        }
    };
    reply::about(&mut response, &receipt, preference);
    Ok(response)
}

/// The job's record once it has ended or does not end in that time, as far as it can be seen: the job is
/// accepted whether or not it can be looked at.
pub(super) async fn seen(api: &Api, receipt: &Receipt, patience: Duration) -> Option<Job> {
    // What waits for a person is not worth waiting for.
    if patience.is_zero() || receipt.state == StateName::Blocked {
        return None;
    }
    api.waiting(None).settled(&receipt.job.id, patience).await.ok().flatten()
}

/// Everything up to the accepted job, the same for every route that accepts one.
pub(super) async fn submit(
    api: &Api,
    request: &HttpRequest,
    payload: web::Payload,
    contract: Contract,
) -> Result<Receipt, Problem> {
    let receipt = attempt(api, request, payload, contract).await;
    receipt.inspect_err(|problem| metrics::rejected(problem.kind()))
}

async fn attempt(
    api: &Api,
    request: &HttpRequest,
    payload: web::Payload,
    contract: Contract,
) -> Result<Receipt, Problem> {
    let caller = api.authenticator.enter(request, Scope::Submit).await?;
    query::none(request.query_string())?;
    let key = IdempotencyKey::from_headers(request.headers())?;
    let body = body::read(request, payload, BodyType::Json).await?;
    let submission = Submission::parse(&body)?;
    caller.may_use(&submission.account)?;
    let trace = trace::of(request);
    let owner = caller.owner().clone();
    let (id, identity) = match key {
        Some(key) => (JobId::derived(&owner, contract.route(), key.as_str()), Identity::Derived),
        None => (JobId::random(), Identity::Random),
    };
    let ask = Ask { id, identity, owner, submission, trace, accepted: metrics::accepted(contract) };
    Ok(api.intake.submit(ask).await?)
}
