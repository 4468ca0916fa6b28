//! A job's changes as server-sent events.

use std::time::Duration;

use actix_web::http::header::{HeaderName, VARY};
use actix_web::web::{self, Bytes};
use actix_web::{Error, HttpResponse};
use common::time;
use futures_util::stream::{self, Stream};
use jiff::Timestamp;

use crate::api::{Api, Sight};
use crate::caller::Caller;
use crate::follow::Seat;
use crate::record::Told;

/// Silence for longer looks like a dead connection to what is in between.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// No stream is longer: a browser comes back by itself, and its key is looked at again.
const LONGEST: Duration = time::minutes(15);

/// The type of server-sent events.
pub(super) const TYPE: &str = "text/event-stream";

const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Streams what is known of a job at once and after each change, until the job ends or the server
/// does. A record that is lost, or a store that is away, may come back: neither ends the stream.
pub(super) fn follow(api: web::Data<Api>, caller: Caller, seat: Seat, sight: Sight) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(format!("{TYPE}; charset=utf-8"))
        .insert_header((BUFFERING, "no"))
        .insert_header((VARY, "Prefer, Accept"))
        .streaming(events(api, caller, seat, sight))
}

/// Where a stream stands between two pieces.
enum Next {
    Tell(Sight),
    Wait(Sight),
    End,
}

fn events(
    api: web::Data<Api>,
    caller: Caller,
    seat: Seat,
    sight: Sight,
) -> impl Stream<Item = Result<Bytes, Error>> {
    let until = time::after(api.ports.jobs.clock.now(), LONGEST);
    // Held by the stream: between two pieces the others' looks go on, and the seat is taken until its end.
    let held = (seat, api.follows.follow(sight.id()));
    stream::unfold(Next::Tell(sight), move |next| {
        let _held = &held;
        let (api, caller) = (web::Data::clone(&api), caller.clone());
        async move { piece(&api, &caller, next, until).await }
    })
}

async fn piece(
    api: &Api,
    caller: &Caller,
    next: Next,
    until: Timestamp,
) -> Option<(Result<Bytes, Error>, Next)> {
    let seen = match next {
        Next::End => return None,
        Next::Tell(sight) => return Some(told(api, sight).await),
        Next::Wait(seen) => seen,
    };
    let now = api.ports.jobs.clock.now();
    if api.closing.is_cancelled() || now >= until {
        return None;
    }
    let heartbeat = until.min(time::after(now, HEARTBEAT));
    match api.waiting(Some(caller)).changed(seen.id(), seen.job(), heartbeat).await {
        Ok(job) if job.as_ref() != seen.job() => {
            // A job that has been forgotten, or was never accepted, is no longer followed.
            let sight = api.sight_of(job, seen.id().clone()).await.ok()?;
            Some(told(api, sight).await)
        }
        Ok(_) | Err(_) if api.closing.is_cancelled() => None,
        Ok(_) | Err(_) => Some((Ok(Bytes::from_static(b": still here\n\n")), Next::Wait(seen))),
    }
}

async fn told(api: &Api, sight: Sight) -> (Result<Bytes, Error>, Next) {
    let told = Told::of(&sight, &api.ports.jobs.accounts).await;
    let data = serde_json::to_string(&told).expect("a record is plain data");
    let ended = sight.job().is_some_and(|job| job.is_finished());
    let next = if ended { Next::End } else { Next::Wait(sight) };
    (Ok(Bytes::from(format!("event: job\ndata: {data}\n\n"))), next)
}
