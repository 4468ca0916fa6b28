//! A job is created once, its result is right, and nothing of it can be read at rest.

use common::job::{Conference, Effect};
use common::port::CalendarError;
use testing::google::Behaviour::{LoseAnswer, Refuse};
use testing::google::Method::{Get, Insert};

use crate::bench::Bench;
use crate::logs::Logs;
use crate::order::{CALENDAR, GUEST, TITLE, order};

#[tokio::test]
async fn a_job_is_created_once_and_its_result_is_right() {
    let mut bench = Bench::new().await;
    bench.start();
    let id = bench.submit(order().calendar(CALENDAR).guests(2).conference()).await;
    let result = bench.succeeded(&id).await;
    assert_eq!(result.event_id, id.as_str());
    assert_eq!(result.event_link, format!("https://www.google.com/calendar/event?eid={id}"));
    assert!(result.conference == Conference::Ready(testing::google::link(&id)));
    assert_eq!(result.calendar_id, CALENDAR);
    let job = bench.job(&id).await;
    assert_eq!((job.effect, job.tally, job.payload.clone()), (Effect::Done, Default::default(), None));
    let event = bench.google.event(&id).expect("it is there");
    assert_eq!((event.calendar.as_str(), event.guests), (CALENDAR, 2));
    bench.quiet().await;
    assert_eq!(bench.google.methods(&id), [Insert], "a ready conference needs no second look");
}

#[tokio::test]
async fn nothing_personal_rests_in_the_clear() {
    let mut bench = Bench::new().await;
    // One that has succeeded, and one that waits.
    let done = bench.submit(order().calendar(CALENDAR).guests(1).conference()).await;
    let later = order().calendar(CALENDAR).guests(1).not_before(common::time::hours(1));
    bench.submit(later).await;
    bench.start();
    let result = bench.succeeded(&done).await;
    let folder = bench.folder.path();
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        bytes.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds(done.as_str()), "the job's id can be read, so the search finds what is there");
    for private in [TITLE, GUEST, CALENDAR, &result.event_link, "meet.google.com", "refresh default"] {
        assert!(!holds(private), "{private} is in the clear");
    }
}

#[tokio::test]
async fn nothing_personal_is_logged() {
    let logs = Logs::listen();
    let mut bench = Bench::new().await;
    let words = format!("Invalid attendee email: {GUEST}");
    let refusal = CalendarError::Refused { status: 400, reason: "invalid".to_owned(), message: words };
    bench.start();
    let private = || order().calendar(CALENDAR).guests(1).conference();
    bench.succeeded(&bench.submit(private()).await).await;
    bench.google.next(Insert, LoseAnswer);
    let unsure = bench.submit(private()).await;
    bench.come_due(&unsure).await;
    bench.succeeded(&unsure).await;
    bench.google.next(Insert, Refuse(refusal));
    bench.failed(&bench.submit(private()).await).await;
    let everything = logs.everything();
    assert!(everything.contains("refused with 400 invalid"), "the refusal is logged: {everything}");
    for private in [TITLE, GUEST, CALENDAR, "meet.google.com", "eid=", "access default", "refresh default"] {
        assert!(!everything.contains(private), "{private} was logged: {everything}");
    }
}

#[tokio::test]
async fn redelivery_after_success_does_not_call_calendar() {
    let mut bench = Bench::new().await;
    let job = bench.job_for(&order()).await;
    let id = bench.submit_job(job.clone()).await;
    bench.start();
    bench.succeeded(&id).await;
    for _ in 0..3 {
        bench.publish_only(&job).await;
    }
    bench.quiet().await;
    assert_eq!(bench.google.methods(&id), [Insert]);
}

#[tokio::test]
async fn with_an_unknown_effect_google_is_asked_before_anything_is_written() {
    let mut bench = Bench::new().await;
    let there = bench.job_for(&order()).await;
    let there = there.with(|fields| fields.effect = Effect::Unknown);
    bench.google.plant(&there.id, &there.account, Some(there.fingerprint.v1()));
    let absent = bench.job_for(&order()).await.with(|fields| fields.effect = Effect::Unknown);
    bench.start();
    bench.submit_job(there.clone()).await;
    bench.succeeded(&there.id).await;
    assert_eq!(bench.google.methods(&there.id), [Get], "found, so not written");
    bench.submit_job(absent.clone()).await;
    bench.succeeded(&absent.id).await;
    assert_eq!(bench.google.methods(&absent.id), [Get, Insert], "written only on a 404");
}
