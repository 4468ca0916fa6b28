//! Conferences that Google takes its time over, or fails to make, never cost the event.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::job::{Conference, JobId};
use common::message::Work;
use common::port::{CalendarError, Meeting, QueueError};
use common::time::{hours, minutes};
use testing::google::Behaviour::{Hang, Panic, Refuse};
use testing::google::Method::{Get, Insert};

use crate::bench::Bench;
use crate::order::order;
use crate::wait::eventually;

/// The worker waits so long before it looks at a conference once more.
const PAUSE: Duration = Duration::from_secs(2);

/// A job whose event is there with a conference that is still being made.
async fn pending(bench: &mut Bench, looks: &[Meeting]) -> JobId {
    bench.google.meetings(looks);
    bench.start();
    let id = bench.submit(order().conference()).await;
    bench.sleeping_for(PAUSE).await;
    bench.turn(PAUSE);
    id
}

fn ready() -> Meeting {
    Meeting::Ready("https://meet.google.com/abc-defg-hij".to_owned())
}

#[tokio::test]
async fn a_conference_that_is_ready_a_moment_later_is_in_the_first_result() {
    let mut bench = Bench::new().await;
    let id = pending(&mut bench, &[Meeting::Pending, ready()]).await;
    assert_eq!(bench.succeeded(&id).await.conference.link(), Some("https://meet.google.com/abc-defg-hij"));
    assert_eq!(bench.google.methods(&id), [Insert, Get]);
    assert_eq!(bench.quiet().await.delayed, 0, "no later look is needed");
}

#[tokio::test]
async fn a_conference_that_takes_longer_is_filled_in_later() {
    let mut bench = Bench::new().await;
    let looks = [Meeting::Pending, Meeting::Pending, Meeting::Pending, ready()];
    let id = pending(&mut bench, &looks).await;
    assert!(bench.succeeded(&id).await.conference == Conference::Pending);
    bench.quiet().await;
    bench.turn(minutes(2));
    bench.until("a look", &id, |_| bench.google.methods(&id) == [Insert, Get, Get]).await;
    bench.quiet().await;
    bench.turn(minutes(10));
    bench.until("a second look", &id, |_| bench.google.methods(&id) == [Insert, Get, Get, Get]).await;
    assert_eq!(bench.quiet().await.delayed, 0, "the last look");
    let result = bench.succeeded(&id).await;
    assert_eq!(result.conference.link(), Some("https://meet.google.com/abc-defg-hij"));
}

#[tokio::test]
async fn a_success_is_recorded_only_once_the_later_look_at_its_conference_is_planned() {
    let mut bench = Bench::new().await;
    let refusals = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&refusals);
    bench.queue.refuse(move |message, _| {
        matches!(message.work, Work::Conference { .. }).then(|| {
            count.fetch_add(1, Ordering::Relaxed);
            QueueError::Unreachable("as told".to_owned())
        })
    });
    let id = pending(&mut bench, &[Meeting::Pending, Meeting::Pending, ready()]).await;
    eventually("a look that is not taken", async || (refusals.load(Ordering::Relaxed) > 0).then_some(()))
        .await;
    assert!(!bench.job(&id).await.is_finished(), "its link would never come");
    bench.queue.recover();
    eventually("its success", async || {
        bench.turn(Duration::from_secs(1));
        bench.job(&id).await.is_finished().then_some(())
    })
    .await;
    bench.turn(minutes(2));
    eventually("its link", async || bench.succeeded(&id).await.conference.link().map(drop)).await;
}

#[tokio::test]
async fn a_conference_that_is_never_made_is_looked_for_three_times() {
    let mut bench = Bench::new().await;
    let id = pending(&mut bench, &[Meeting::Pending]).await;
    bench.succeeded(&id).await;
    for pause in [minutes(2), minutes(10), hours(1), hours(24)] {
        bench.quiet().await;
        bench.turn(pause);
    }
    assert_eq!(bench.quiet().await.delayed, 0);
    assert_eq!(bench.google.methods(&id), [Insert, Get, Get, Get, Get]);
    assert!(bench.succeeded(&id).await.conference == Conference::Pending);
}

#[tokio::test]
async fn a_conference_that_fails_leaves_the_event_alone() {
    for meeting in [Meeting::Failed, Meeting::None] {
        let mut bench = Bench::new().await;
        bench.google.meetings(std::slice::from_ref(&meeting));
        bench.start();
        let id = bench.submit(order().conference()).await;
        let result = bench.succeeded(&id).await;
        assert!(result.conference == Conference::Failed, "{meeting:?}");
        assert!(!bench.google.event(&id).unwrap().cancelled);
    }
}

#[tokio::test]
async fn a_look_that_fails_says_pending() {
    let mut bench = Bench::new().await;
    bench.google.next(Get, Refuse(CalendarError::Unavailable { status: 503, retry_after: None }));
    let id = pending(&mut bench, &[Meeting::Pending, ready()]).await;
    assert!(bench.succeeded(&id).await.conference == Conference::Pending);
    bench.quiet().await;
    bench.turn(minutes(2));
    bench.until("the link", &id, |_| bench.google.methods(&id) == [Insert, Get, Get]).await;
    bench.quiet().await;
    assert!(bench.succeeded(&id).await.conference.link().is_some());
}

#[tokio::test]
async fn a_look_that_panics_or_hangs_never_loses_the_event() {
    for trouble in [Panic, Hang] {
        let mut bench = Bench::new().await;
        let hangs = matches!(trouble, Hang);
        bench.google.next(Get, trouble);
        let id = pending(&mut bench, &[Meeting::Pending, ready()]).await;
        if hangs {
            bench.cut_off().await;
        }
        bench.come_due(&id).await;
        assert!(bench.succeeded(&id).await.conference.link().is_some());
        assert_eq!(bench.google.methods(&id), [Insert, Get, Get]);
    }
}

#[tokio::test]
async fn a_later_look_that_panics_or_hangs_is_tried_again() {
    let mut bench = Bench::new().await;
    let looks = [Meeting::Pending, Meeting::Pending, ready()];
    let id = pending(&mut bench, &looks).await;
    bench.succeeded(&id).await;
    bench.quiet().await;
    bench.google.next(Get, Panic);
    bench.google.next(Get, Hang);
    bench.turn(minutes(2));
    bench.until("a look", &id, |_| bench.google.methods(&id).len() == 3).await;
    bench.quiet().await;
    bench.turn(minutes(10));
    bench.until("a second look", &id, |_| bench.google.methods(&id).len() == 4).await;
    bench.cut_off().await;
    bench.quiet().await;
    bench.turn(hours(1));
    bench.until("a third look", &id, |_| bench.google.methods(&id).len() == 5).await;
    bench.quiet().await;
    assert!(bench.succeeded(&id).await.conference.link().is_some());
}

#[tokio::test]
async fn an_event_that_is_gone_by_the_later_look_changes_nothing() {
    let mut bench = Bench::new().await;
    let id = pending(&mut bench, &[Meeting::Pending]).await;
    bench.succeeded(&id).await;
    bench.quiet().await;
    bench.google.delete_by_user(&id);
    bench.turn(minutes(2));
    bench.until("a look", &id, |_| bench.google.methods(&id).len() == 3).await;
    assert_eq!(bench.quiet().await.delayed, 0);
    assert!(bench.succeeded(&id).await.conference == Conference::Pending);
}
