//! Ends that cannot be recorded travel with their message, and are recorded when that is possible.

use common::job::{FailureKind, JobState, Step};
use common::port::{CalendarError, JobQueue as _};
use common::time::minutes;
use testing::google::Behaviour::{LoseAnswer, Refuse};
use testing::google::Method::{Delete, Get, Insert};

use crate::bench::Bench;
use crate::order::order;

fn refusal() -> CalendarError {
    CalendarError::Refused { status: 400, reason: "invalid".to_owned(), message: "No.".to_owned() }
}

#[tokio::test]
async fn a_failure_that_cannot_be_recorded_travels_with_its_message() {
    let mut bench = Bench::new().await;
    bench.google.next(Insert, Refuse(refusal()));
    bench.store.refuse(|step| matches!(step, Step::Fail(..)));
    bench.start();
    let id = bench.submit(order()).await;
    bench.put_off(1).await;
    assert!(matches!(bench.job(&id).await.state, JobState::Running(_)));
    // Records are away altogether when it comes back.
    bench.store.go_away();
    bench.turn(minutes(2));
    bench.put_off(1).await;
    bench.store.recover();
    bench.turn(minutes(2));
    let failure = bench.failed(&id).await;
    assert_eq!((failure.kind, failure.google_status), (FailureKind::Refused, Some(400)));
    assert_eq!(bench.google.methods(&id), [Insert], "Google is not asked again");
    let depth = bench.quiet().await;
    assert_eq!((depth.delayed, depth.dead), (0, 1), "its dead letter is kept once");
}

#[tokio::test]
async fn a_failure_is_recorded_though_the_record_has_vanished() {
    let mut bench = Bench::new().await;
    bench.google.next(Insert, Refuse(refusal()));
    bench.store.refuse(|step| matches!(step, Step::Fail(..)));
    bench.start();
    let id = bench.submit(order()).await;
    bench.put_off(1).await;
    bench.wipe().await;
    bench.store.recover();
    bench.turn(minutes(2));
    bench.until("its end", &id, |job| matches!(job.state, JobState::Failed(_))).await;
    assert_eq!(bench.google.methods(&id), [Insert]);
}

#[tokio::test]
async fn a_cancellation_that_cannot_be_recorded_comes_back() {
    let mut bench = Bench::new().await;
    bench.google.next(Insert, LoseAnswer);
    bench.start();
    let id = bench.submit(order()).await;
    bench.waiting(&id).await;
    bench.store.refuse(|step| matches!(step, Step::ConfirmCancelled(_)));
    bench.cancel(&id).await;
    bench
        .pass_until("the event to go", std::time::Duration::from_millis(100), || {
            bench.google.event(&id).is_some_and(|event| event.cancelled)
        })
        .await;
    bench.quiet().await;
    assert!(!bench.job(&id).await.is_finished());
    bench.store.recover();
    bench.turn(minutes(2));
    bench.cancelled(&id).await;
    assert_eq!(bench.google.methods(&id)[..3], [Insert, Get, Delete]);
    assert_eq!(bench.google.methods(&id).iter().filter(|method| **method == Insert).count(), 1);
}

#[tokio::test]
async fn an_end_whose_records_do_not_come_back_is_not_forgotten() {
    let mut bench = Bench::new().await;
    bench.store.refuse(|step| matches!(step, Step::Succeed(_)));
    bench.start();
    let id = bench.submit(order()).await;
    for _ in 0..5 {
        bench.put_off(1).await;
        bench.turn(minutes(2));
    }
    bench.put_off(1).await;
    assert_eq!(bench.queue.put_backs(), 0);
    bench.store.recover();
    bench.turn(minutes(2));
    bench.succeeded(&id).await;
    assert_eq!(bench.google.methods(&id), [Insert]);
    assert_eq!(bench.queue.depth().await.unwrap().delayed, 0);
}
