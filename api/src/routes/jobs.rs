//! `GET` and `DELETE /api/v1/jobs/{id}`: reads a job, takes it back.

use actix_web::http::header::ACCEPT;
use actix_web::{HttpRequest, HttpResponse, web};
use common::job::StateName;
use common::keys::Scope;
use serde::Serialize;
use utoipa::ToSchema;

use super::{job_path, reply, stream};
use crate::api::{Api, no_such_job, store_trouble};
use crate::intake::{CancelRefusal, Cancellation};
use crate::openapi::{CancelProblems, ReadProblems};
use crate::prefer::Preference;
use crate::problem::{Kind, Problem};
use crate::query;
use crate::record::JobRecord;

/// What became of a wish to take a job back.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CancelReply {
    job_id: String,
    event_id: String,
    /// cancelled: there is no event. cancelling: there may be one; it is looked for and deleted.
    state: &'static str,
    /// Where the job's record is.
    status_url: String,
}

/// Read a job, wait for its end, or follow it.
#[utoipa::path(
    get,
    path = "/api/v1/jobs/{id}",
    tag = "jobs",
    params(
        ("id" = String, Path, description = "The job's id"),
        ("wait" = Option<u32>, Query, description = "Wait up to so many seconds for the job to end", maximum = 25),
        ("Prefer" = Option<String>, Header, description = "wait=N does the same"),
    ),
    responses(
        (status = 200, description = "The job; with Accept: text/event-stream an event `job` at once and after each change, until it ends",
            content((JobRecord = "application/json"), (String = "text/event-stream"))),
        ReadProblems,
    )
)]
pub(crate) async fn read(
    api: web::Data<Api>,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let caller = api.door.enter(&request, Scope::Read).await?;
    let asked = query::wait(request.query_string())?;
    let job = api.job(&caller, &id).await?;
    if wants_stream(&request) {
        return Ok(stream::follow(api, job));
    }
    let preference = Preference::from_headers(request.headers());
    let patience = asked.unwrap_or_else(|| preference.wait.unwrap_or_default());
    let job = if job.is_finished() || patience.is_zero() {
        job
    } else {
        let job = api.waiting().ended(&job.id, patience).await.map_err(store_trouble)?;
        api.seen_by(&caller, job)?
    };
    let mut response = HttpResponse::Ok().json(JobRecord::of(&job, &api.ports.accounts).await);
    // What the query overrules was not honoured, and nothing here responds asynchronously.
    let wait = preference.wait.filter(|_| asked.is_none());
    reply::preferred(&mut response, Preference { wait, respond_async: false });
    Ok(response)
}

fn wants_stream(request: &HttpRequest) -> bool {
    let mut accepted = request.headers().get_all(ACCEPT).filter_map(|value| value.to_str().ok());
    accepted.any(|value| {
        let mut types = value.split(',').map(|part| part.split(';').next().unwrap_or_default().trim());
        types.any(|name| name.eq_ignore_ascii_case("text/event-stream"))
    })
}

/// Take a job back.
#[utoipa::path(
    delete,
    path = "/api/v1/jobs/{id}",
    tag = "jobs",
    params(("id" = String, Path, description = "The job's id")),
    responses(
        (status = 200, description = "Cancelled: there is no event, and there will be none", body = CancelReply),
        (status = 202, description = "Cancelling: the event may exist; it is looked for and deleted", body = CancelReply),
        CancelProblems,
    )
)]
pub(crate) async fn cancel(
    api: web::Data<Api>,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let caller = api.door.enter(&request, Scope::Submit).await?;
    query::none(request.query_string())?;
    let job = api.job(&caller, &id).await?;
    let reply = |state| CancelReply {
        job_id: job.id.to_string(),
        event_id: job.id.to_string(),
        state,
        status_url: job_path(&job.id),
    };
    match api.intake.cancel(&job).await {
        Ok(Cancellation::Cancelled) => Ok(HttpResponse::Ok().json(reply(StateName::Cancelled.as_str()))),
        Ok(Cancellation::Cancelling) => Ok(HttpResponse::Accepted().json(reply("cancelling"))),
        Err(CancelRefusal::Unknown) => Err(no_such_job()),
        Err(CancelRefusal::Unusable) => Err(Problem::storage_unavailable()),
        Err(CancelRefusal::Finished(job)) => {
            let state = job.state.name().as_str();
            let detail = format!("The job has {state}: it can no longer be taken back.");
            Err(Problem::new(Kind::JobFinished, detail)
                .with("jobId", job.id.as_str())
                .with("state", state)
                .with("statusUrl", job_path(&job.id)))
        }
    }
}
