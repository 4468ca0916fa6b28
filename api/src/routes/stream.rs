//! A job's changes as server-sent events.

use std::time::Duration;

use actix_web::http::header::HeaderName;
use actix_web::web::{self, Bytes};
use actix_web::{Error, HttpResponse};
use common::job::Job;
use common::time;
use futures_util::stream::{self, Stream};
use jiff::Timestamp;
use tracing::warn;

use crate::api::Api;
use crate::record::JobRecord;

/// Silence for longer looks like a dead connection to what is in between.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Nobody follows for longer: a browser comes back by itself, and its key is looked at again.
const LONGEST: Duration = time::minutes(15);

const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Streams the job's record at once and after each change, until the job ends or the server does.
pub(super) fn follow(api: web::Data<Api>, job: Job) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/event-stream; charset=utf-8")
        .insert_header((BUFFERING, "no"))
        .streaming(events(api, job))
}

/// Where a stream stands between two pieces.
enum Next {
    Tell(Box<Job>),
    Wait(Box<Job>),
    End,
}

fn events(api: web::Data<Api>, job: Job) -> impl Stream<Item = Result<Bytes, Error>> {
    let until = time::after(api.ports.clock.now(), LONGEST);
    stream::unfold(Next::Tell(Box::new(job)), move |next| {
        let api = web::Data::clone(&api);
        async move { piece(&api, next, until).await }
    })
}

async fn piece(api: &Api, next: Next, until: Timestamp) -> Option<(Result<Bytes, Error>, Next)> {
    let seen = match next {
        Next::End => return None,
        Next::Tell(job) => return Some(told(api, job).await),
        Next::Wait(seen) => seen,
    };
    let now = api.ports.clock.now();
    if api.closing.is_cancelled() || now >= until {
        return None;
    }
    match api.waiting().changed(&seen, until.min(time::after(now, HEARTBEAT))).await {
        Ok(Some(job)) if job != *seen => Some(told(api, Box::new(job)).await),
        Ok(Some(_)) if api.closing.is_cancelled() => None,
        Ok(Some(_)) => Some((Ok(Bytes::from_static(b": still here\n\n")), Next::Wait(seen))),
        Ok(None) => None,
        Err(error) => {
            warn!(job.id = %seen.id, %error, "Job {} can no longer be followed: {error}", seen.id);
            None
        }
    }
}

async fn told(api: &Api, job: Box<Job>) -> (Result<Bytes, Error>, Next) {
    let record = JobRecord::of(&job, &api.ports.accounts).await;
    let data = serde_json::to_string(&record).expect("a record is plain data");
    let next = if job.is_finished() { Next::End } else { Next::Wait(job) };
    (Ok(Bytes::from(format!("event: job\ndata: {data}\n\n"))), next)
}
