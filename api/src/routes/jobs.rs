//! `GET` and `DELETE /api/v1/jobs/{id}`: reads a job, takes it back.

use std::time::Duration;

use accounts::keys::Scope;
use actix_web::http::header::{ACCEPT, HeaderMap, HeaderValue, VARY};
use actix_web::{HttpRequest, HttpResponse, web};
use common::job::{JobState, StateName};
use lifecycle::{CancelError, Cancelled};
use serde::Serialize;
use utoipa::ToSchema;

use super::{reply, stream};
use crate::api::{Api, Sight, unreadable};
use crate::openapi::{CancelProblems, ReadProblems};
use crate::paths::job_path;
use crate::prefer::Preference;
use crate::problem::{Kind, Problem};
use crate::query;
use crate::record::Told;

/// When it is worth asking again while records are away.
const AGAIN: Duration = Duration::from_secs(5);

/// What became of a wish to take a job back.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CancelReply {
    job_id: String,
    event_id: String,
    /// cancelled: there is no event. cancelling: there may be one; it is looked for and deleted, unless it was there before.
    state: &'static str,
    /// Where the job's record is.
    status_url: String,
}

/// Read a job, wait for its end, or follow it.
///
/// With `Accept: text/event-stream` the answer is a stream of server-sent events instead: an event `job` at
/// once and after each change, until the job ends, whose data is the JSON of this answer.
#[utoipa::path(
    get,
    path = "/api/v1/jobs/{id}",
    operation_id = "getJob",
    security(("key" = ["read"])),
    tag = "jobs",
    params(
        ("id" = String, Path, description = "The job's id"),
        ("wait" = Option<u32>, Query, description = "Wait up to so many seconds for the job to end", maximum = 25),
        ("Prefer" = Option<String>, Header, description = "wait=N does the same"),
    ),
    responses(
        (status = 200, description = "The job, or that it is not known whether there is one because records were lost lately", body = Told),
        ReadProblems,
    )
)]
pub(crate) async fn read(
    api: web::Data<Api>,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let caller = api.authenticator.enter(&request, Scope::Read).await?;
    let asked = query::wait(request.query_string())?;
    let sight = api.sight(&caller, &id).await?;
    if wants_stream(request.headers()) {
        let seat = api.follows.seat(&caller)?;
        return Ok(stream::follow(api, caller, seat, sight));
    }
    let preference = Preference::from_headers(request.headers());
    let patience = asked.unwrap_or_else(|| preference.wait.unwrap_or_default());
    let sight = if sight.job().is_some_and(|job| job.is_finished()) || patience.is_zero() {
        sight
    } else {
        let _seat = api.follows.seat(&caller)?;
        let job = api.waiting(Some(&caller)).ended(sight.id(), patience).await.map_err(unreadable)?;
        api.sight_of(job, sight.id().clone()).await?
    };
    let mut response = HttpResponse::Ok().json(Told::of(&sight, &api.ports.jobs.accounts).await);
    // What the query overrules was not honoured, and nothing here responds asynchronously.
    let wait = preference.wait.filter(|_| asked.is_none());
    reply::preferred(&mut response, Preference { wait, respond_async: false });
    response.headers_mut().append(VARY, HeaderValue::from_static("Accept"));
    Ok(response)
}

/// Whether the caller names the type of a stream, and does not refuse it with a weight of nought
/// (RFC 9110 §12.4.2).
fn wants_stream(headers: &HeaderMap) -> bool {
    let mut accepted = headers.get_all(ACCEPT).filter_map(|value| value.to_str().ok());
    accepted.any(|value| value.split(',').any(names_stream))
}

fn names_stream(range: &str) -> bool {
    let mut parts = range.split(';').map(str::trim);
    let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(stream::TYPE));
    let refused = |part: &str| {
        let (name, weight) = part.split_once('=').unwrap_or((part, ""));
        name.trim().eq_ignore_ascii_case("q")
            && weight.trim().parse::<f32>().is_ok_and(|weight| weight <= 0.0)
    };
    named && !parts.any(refused)
}

/// Take a job back.
#[utoipa::path(
    delete,
    path = "/api/v1/jobs/{id}",
    operation_id = "cancelJob",
    security(("key" = ["submit"])),
    tag = "jobs",
    params(("id" = String, Path, description = "The job's id")),
    responses(
        (status = 200, description = "Cancelled: there is no event, and there will be none", body = CancelReply),
        (status = 202, description = "Cancelling: the event may exist; it is looked for and deleted, or the job succeeds where it was there before and the records had lost that", body = CancelReply),
        CancelProblems,
    )
)]
pub(crate) async fn cancel(
    api: web::Data<Api>,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let caller = api.authenticator.enter(&request, Scope::Submit).await?;
    query::none(request.query_string())?;
    let job = match api.sight(&caller, &id).await? {
        Sight::Known(job) => job,
        Sight::Unknown(_) => return Err(whose()),
    };
    let reply = |state| CancelReply {
        job_id: job.id.to_string(),
        event_id: job.id.to_string(),
        state,
        status_url: job_path(&job.id),
    };
    match api.intake.cancel(&job).await {
        Ok(Cancelled::Asked(_)) => Ok(HttpResponse::Accepted().json(reply("cancelling"))),
        // It was never accepted, as far as can be told.
        Ok(Cancelled::Unknown) => match api.sight_of(None, job.id.clone()).await? {
            Sight::Known(_) | Sight::Unknown(_) => Err(whose()),
        },
        Err(CancelError::Vault(_)) => Err(Problem::storage_unavailable()),
        Err(CancelError::Store(_)) => Err(undecided()),
        Ok(Cancelled::Before(job)) if job.state != JobState::Cancelled => {
            let state = job.state.name().as_str();
            let detail = format!("The job has {state}: it can no longer be taken back.");
            Err(Problem::new(Kind::JobFinished, detail)
                .with("jobId", job.id.as_str())
                .with("state", state)
                .with("statusUrl", job_path(&job.id)))
        }
        Ok(Cancelled::Now(_) | Cancelled::Before(_)) => {
            Ok(HttpResponse::Ok().json(reply(StateName::Cancelled.as_str())))
        }
    }
}

/// A caller is told nothing of a job that may be another owner's.
fn whose() -> Problem {
    let detail = "Records of jobs were lost lately, and without one it cannot be checked that the job is yours. Nothing was changed; send the request again when the job has a record.";
    Problem::new(Kind::JobUnknown, detail).retry_after(AGAIN)
}

fn undecided() -> Problem {
    let detail = "It is not known whether the job was taken back: its record cannot be reached. Send the request again.";
    Problem::new(Kind::StorageUnavailable, detail).retry_after(AGAIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_for_those_who_name_it_and_give_it_a_weight() {
        for (accept, stream) in [
            ("text/event-stream", true),
            ("Text/Event-Stream; charset=utf-8", true),
            ("application/json, text/event-stream;q=0.5", true),
            ("text/event-stream;q=1.0", true),
            ("text/event-stream; q=high", true),
            ("text/event-stream;q=0", false),
            ("text/event-stream; Q=0.000", false),
            ("text/event-stream;charset=utf-8;q=0", false),
            ("application/json, text/event-stream;q=0", false),
            ("text/*", false),
            ("*/*", false),
            ("application/json", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(wants_stream(&headers), stream, "{accept}");
        }
        assert!(!wants_stream(&HeaderMap::new()));
    }
}
