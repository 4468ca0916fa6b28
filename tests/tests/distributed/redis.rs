//! What records on Redis promise beyond their port's suite: several processes, and a server in trouble.

mod compact;
mod cost;
mod lost;
mod shared;
mod tls;
mod trouble;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use adapter_redis::Redis;
use common::job::{Job, JobId, Step};
use common::port::{Accepted, Backlog, Change, JobStore, SystemClock};
use common::sample;
use common::time;
use tests::{Durability, RedisServer, eventually};

async fn server() -> RedisServer {
    RedisServer::start(Durability::Nothing).await
}

/// As a process of its own has it.
fn process(url: &str) -> Arc<Redis> {
    Redis::start(url, Arc::new(SystemClock)).unwrap()
}

fn store(server: &RedisServer) -> Arc<dyn JobStore> {
    process(&server.url()).store(time::days(7))
}

async fn accepted(store: &Arc<dyn JobStore>, job: &Job, backlog: Backlog) {
    let outcome = store.accept(job, backlog, &sample::line(job.account.as_str())).await.unwrap();
    assert!(matches!(outcome, Accepted::New { .. }), "{outcome:?}");
}

async fn taken(store: &Arc<dyn JobStore>, id: &JobId, step: Step) -> Job {
    match store.take(id, &step, sample::at(1)).await.unwrap() {
        Change::Taken(job) => *job,
        Change::Refused(refusal) => panic!("{step:?} was refused: {refusal:?}"),
    }
}

/// Asks again until there is an answer: the server has come back, and is found again by itself.
async fn again<T, E: Debug, F: Future<Output = Result<T, E>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    eventually(what, Duration::from_secs(30), || {
        let asked = ask();
        async { asked.await.ok() }
    })
    .await
}
