//! A lost connection is no dead worker: what it has begun is not begun by another.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tests::{Plan, Request, all_succeeded, each_once, event, eventually};

/// Inserts in flight.
const INSERTS: usize = 256;
/// An account leaves some of a worker's slots free.
const SLOTS: usize = INSERTS + 20;
const CUT: Duration = Duration::from_secs(20);
/// Google takes this long over each of them: nearly as long as a request is given.
const INSERTING: Duration = Duration::from_secs(18);

#[tokio::test(flavor = "multi_thread")]
async fn while_a_cut_off_worker_may_still_insert_no_other_does() {
    let mut calrelay = Plan::new(1, 2).unlimited().with("WORKER_CONCURRENCY", SLOTS).start().await;
    let google = calrelay.sandbox().view();
    google.no_quotas().await;
    // Its token is fetched before answers become slow.
    let caller = calrelay.caller();
    let mut ids = vec![caller.submit(&event("first"), "first", CUT).await.id];
    all_succeeded(&caller, &ids, CUT).await;
    calrelay.worker(1).terminate().await;
    let latency = INSERTING.as_millis() as u64;
    google.fault(json!({"method": "events.insert", "latencyMs": latency, "count": INSERTS})).await;
    let posted = join_all((0..INSERTS).map(|number| {
        let caller = caller.clone();
        async move {
            let title = format!("cut-{number}");
            caller.submit(&event(&title), &title, CUT).await.id
        }
    }))
    .await;
    ids.extend(posted);
    eventually("every insert under way", CUT, || async {
        let running = calrelay.workers()[0].process().metric("calrelay_jobs_in_flight").await;
        (running as usize == INSERTS).then_some(())
    })
    .await;
    calrelay.worker(1).start().await;
    calrelay.workers()[0].broker().cut().await;
    let cut = tokio::time::Instant::now();
    // The other worker is given all of them, finds them taken, and lets each wait.
    let parked = eventually("every job in the other's hands", CUT / 2, || async {
        let parked = calrelay.vhost().messages().await.get("calrelay.delay.30s").copied();
        parked.filter(|count| *count == INSERTS as u64)
    })
    .await;
    let ended = google.requests().await.iter().filter(|request| request.method == "events.insert").count();
    tokio::time::sleep_until(cut + CUT).await;
    calrelay.workers()[0].broker().heal().await;
    all_succeeded(&caller, &ids, Duration::from_secs(150)).await;

    let mut inserts: HashMap<String, Vec<Request>> = HashMap::new();
    for request in google.requests().await.into_iter().filter(|request| request.method == "events.insert") {
        inserts.entry(request.event_id.clone().unwrap()).or_default().push(request);
    }
    let again = inserts.values().filter(|of_one| of_one.len() > 1).count();
    println!(
        "{parked} jobs were met by a second worker while {} of their inserts were under way; {} were inserted, {again} of \
         them more than once",
        INSERTS + 1 - ended,
        inserts.len(),
    );
    assert_eq!(ended, 1, "the inserts were over when the other worker came");
    for (id, of_one) in &mut inserts {
        of_one.sort_by_key(|request| request.start);
        for pair in of_one.windows(2) {
            assert!(pair[1].start >= pair[0].end, "{id} was inserted while it was being inserted: {pair:?}");
        }
    }
    each_once(&google, &ids).await;
    // The copies look again half a minute later, and find their jobs done.
    eventually("the last copy's end", Duration::from_secs(60), || async {
        calrelay.vhost().messages().await.values().all(|count| *count == 0).then_some(())
    })
    .await;
}
