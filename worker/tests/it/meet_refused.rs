//! A conference that Google refuses is left out; the event is written all the same, once, and the caller learns why.

use std::time::Duration;

use common::job::{Conference, Effect, FailureKind, JobState, Tally, WaitReason};
use common::port::{CalendarError, Meeting, ThrottledKey};
use common::time::hours;
use serde_json::json;
use testing::Gate;
use testing::google::Behaviour::{Hang, HangAfterEffect, Hold, HoldThen, LoseAnswer, Panic, Refuse};
use testing::google::Method::{Get, Insert};
use testing::google::{NO_CONFERENCE, conference_refused};

use crate::bench::Bench;
use crate::order::{Order, order};

fn unavailable() -> Conference {
    Conference::Unavailable(NO_CONFERENCE.to_owned())
}

/// A bench whose calendars take no conference.
async fn bench() -> Bench {
    let bench = Bench::new().await;
    bench.google.refuse_conferences();
    bench
}

fn brings_one() -> Order {
    order().with(json!({"conferenceData": {
        "conferenceSolution": {"key": {"type": "hangoutsMeet"}},
        "entryPoints": [{"entryPointType": "video", "uri": "https://meet.google.com/abc-defg-hij"}],
    }}))
}

#[tokio::test]
async fn the_event_is_written_without_the_conference_in_the_same_attempt() {
    for order in [order().conference(), order().conference().guests(2), brings_one()] {
        let mut bench = bench().await;
        bench.start();
        let id = bench.submit(order).await;
        let result = bench.succeeded(&id).await;
        assert!(result.conference == unavailable(), "{result:?}");
        assert_eq!(bench.google.methods(&id), [Insert, Insert]);
        let job = bench.job(&id).await;
        assert_eq!((job.tally, job.effect), (Tally::default(), Effect::Done));
        assert_eq!(
            (job.payload.clone(), job.conference_refused.clone()),
            (None, None),
            "the result says it all"
        );
        let event = bench.google.event(&id).unwrap();
        assert_eq!((event.conference, event.fingerprint), (false, Some(job.fingerprint.clone())));
        assert_eq!(bench.quiet().await.delayed, 0, "there is nothing to look for later");
    }
}

#[tokio::test]
async fn what_the_second_call_meets_does_not_lose_the_event_or_the_reason() {
    let throttled =
        CalendarError::Throttled { key: ThrottledKey::User, retry_after: None, reason: String::new() };
    let failing = CalendarError::Unavailable { status: 503, retry_after: None };
    for (what, behaviour, expected) in [
        ("its answer is lost", LoseAnswer, &[Insert, Insert, Get][..]),
        ("Google fails", Refuse(failing), &[Insert, Insert, Get, Insert]),
        ("Google throttles", Refuse(throttled), &[Insert, Insert, Insert]),
        ("it never left", Refuse(CalendarError::NotSent(String::new())), &[Insert, Insert, Insert]),
        ("it panics", Panic, &[Insert, Insert, Get, Insert]),
        ("it hangs", Hang, &[Insert, Insert, Get, Insert]),
        ("it hangs after its effect", HangAfterEffect, &[Insert, Insert, Get]),
    ] {
        let mut bench = bench().await;
        let hangs = matches!(behaviour, Hang | HangAfterEffect);
        bench.google.next(Insert, Refuse(conference_refused()));
        bench.google.next(Insert, behaviour);
        bench.start();
        let id = bench.submit(order().conference()).await;
        if hangs {
            bench.until("the second call", &id, |_| bench.google.methods(&id).len() == 2).await;
            bench.cut_off().await;
        }
        bench.come_due(&id).await;
        let result = bench.succeeded(&id).await;
        assert!(result.conference == unavailable(), "{what}: {result:?}");
        assert_eq!(bench.google.methods(&id), expected, "{what}");
    }
}

#[tokio::test]
async fn a_worker_that_is_stopped_between_the_two_calls_leaves_a_record_that_knows() {
    for (second, expected) in
        [(Hang, &[Insert, Insert, Get, Insert][..]), (HangAfterEffect, &[Insert, Insert, Get])]
    {
        let mut bench = bench().await;
        bench.google.next(Insert, Refuse(conference_refused()));
        bench.google.next(Insert, second);
        bench.start();
        let id = bench.submit(order().conference()).await;
        bench.until("the second call", &id, |_| bench.google.methods(&id).len() == 2).await;
        bench.under_way(1).await;
        bench.stop().taking.cancel();
        bench.stop().working.cancel();
        bench.stopped().await;
        let job = bench.job(&id).await;
        assert_eq!((&job.state, job.effect), (&JobState::Queued, Effect::Unknown));
        assert!(job.conference_refused.is_some());
        let record = serde_json::to_string(&job).unwrap();
        assert!(!record.contains("conference type"), "Google's words may repeat what was sent: {record}");

        let mut bench = bench.reopen().await;
        bench.start();
        let result = bench.succeeded(&id).await;
        assert!(result.conference == unavailable(), "{result:?}");
        assert_eq!(bench.google.methods(&id), expected);
    }
}

#[tokio::test]
async fn a_message_knows_of_the_refused_conference_where_the_record_is_lost() {
    for (second, expected) in
        [(LoseAnswer, &[Insert, Insert, Get][..]), (Hang, &[Insert, Insert, Get, Insert])]
    {
        let mut bench = bench().await;
        let hangs = matches!(second, Hang);
        bench.google.next(Insert, Refuse(conference_refused()));
        bench.google.next(Insert, second);
        bench.start();
        let id = bench.submit(order().conference()).await;
        if hangs {
            bench.until("the second call", &id, |_| bench.google.methods(&id).len() == 2).await;
            bench.cut_off().await;
        }
        let job = bench.waiting(&id).await;
        bench.quiet().await;
        bench.wipe().await;
        bench.clock.turn_to(job.next_attempt_at().unwrap());
        let ended = async || bench.store.behind().get(&id).await.unwrap().filter(|job| job.is_finished());
        let job = crate::wait::eventually("the end of the job", ended).await;
        let result = bench.result(&job).await;
        assert!(result.conference == unavailable(), "{result:?}");
        assert_eq!(bench.google.methods(&id), expected);
    }
}

#[tokio::test]
async fn the_second_call_waits_for_room_under_the_quotas() {
    let mut bench = bench().await;
    bench.settings.quotas.account_per_minute = 1;
    bench.start();
    let id = bench.submit(order().conference()).await;
    let job = bench.come_due(&id).await;
    let JobState::Waiting { why, .. } = job.state else { panic!("{:?}", job.state) };
    assert_eq!((why, job.effect), (WaitReason::Quota, Effect::None), "nothing was written");
    assert_eq!(job.tally, Tally { deferrals: 1, ..Tally::default() });
    assert_eq!(bench.google.methods(&id), [Insert]);
    let result = bench.succeeded(&id).await;
    assert!(result.conference == unavailable(), "{result:?}");
    assert_eq!(bench.google.methods(&id), [Insert, Insert], "it does not ask for the conference again");
}

#[tokio::test]
async fn what_is_taken_back_between_the_two_calls_is_not_written() {
    let mut bench = bench().await;
    let gate = Gate::new();
    bench.google.next(Insert, HoldThen(gate.clone(), Box::new(Refuse(conference_refused()))));
    bench.start();
    let id = bench.submit(order().conference()).await;
    bench.under_way(1).await;
    assert!(bench.cancel(&id).await.cancel_requested);
    gate.open();
    bench.cancelled(&id).await;
    assert_eq!(bench.google.count(), 0);
    let calls = bench.google.methods(&id);
    assert_eq!(calls.iter().filter(|method| **method == Insert).count(), 1, "{calls:?}");
}

#[tokio::test]
async fn an_event_that_google_refuses_without_its_conference_too_fails_in_those_words() {
    let words = "Invalid attendee email.".to_owned();
    let no = CalendarError::Refused { status: 400, reason: "invalid".to_owned(), message: words.clone() };
    for (second, detail) in [(no, words.as_str()), (conference_refused(), NO_CONFERENCE)] {
        let mut bench = bench().await;
        bench.google.next(Insert, Refuse(conference_refused()));
        bench.google.next(Insert, Refuse(second));
        bench.start();
        let id = bench.submit(order().conference()).await;
        let failure = bench.failed(&id).await;
        assert_eq!((failure.kind, failure.google_status), (FailureKind::Refused, Some(400)));
        assert_eq!(failure.effect, Effect::None);
        let key = bench.account(&order().account).await.seal_keys(bench.accounts.ring()).unwrap();
        let told: String = key.open(id.as_str(), &failure.detail.unwrap()).unwrap();
        assert_eq!(told, detail);
        assert_eq!(bench.google.methods(&id), [Insert, Insert]);
    }
}

#[tokio::test]
async fn an_event_without_a_conference_is_not_tried_twice() {
    let mut bench = Bench::new().await;
    bench.google.next(Insert, Refuse(conference_refused()));
    bench.start();
    let id = bench.submit(order()).await;
    assert_eq!(bench.failed(&id).await.kind, FailureKind::Refused);
    assert_eq!(bench.google.methods(&id), [Insert]);
}

#[tokio::test]
async fn an_earlier_write_that_had_its_conference_is_told_with_it() {
    let mut bench = Bench::new().await;
    let link = "https://meet.google.com/abc-defg-hij";
    bench.google.meetings(&[Meeting::Ready(link.to_owned())]);
    let gate = Gate::new();
    // The event appears, late, while Google refuses the conference of a repeat.
    bench.google.next(Insert, Hang);
    bench.google.next(Get, Refuse(CalendarError::NotFound));
    bench.google.next(Insert, Refuse(conference_refused()));
    bench.google.next(Insert, Hold(gate.clone()));
    bench.start();
    let id = bench.submit(order().conference()).await;
    bench.cut_off().await;
    let job = bench.come_due(&id).await;
    bench.until("the second call", &id, |_| bench.google.methods(&id).len() == 4).await;
    bench.google.plant_with(&id, &job.account, Some(job.fingerprint.clone()));
    bench.google.hold_meeting(&id, Meeting::Ready(link.to_owned()));
    gate.open();
    let result = bench.succeeded(&id).await;
    assert_eq!(result.conference.link(), Some(link));
    assert_eq!(bench.google.methods(&id), [Insert, Get, Insert, Insert, Get]);
}

#[tokio::test]
async fn a_replayed_job_asks_for_its_conference_again() {
    let mut bench = Bench::new().await;
    let words =
        CalendarError::Refused { status: 403, reason: "forbidden".to_owned(), message: String::new() };
    bench.google.next(Insert, Refuse(conference_refused()));
    bench.google.next(Insert, Refuse(words));
    bench.start();
    let id = bench.submit(order().conference().not_after(hours(2))).await;
    bench.failed(&id).await;
    let job = bench.job(&id).await;
    let ports = lifecycle::Ports::from(&bench.ports());
    lifecycle::replay(&ports, &bench.settings.quotas, &job, bench.now()).await.unwrap();
    bench.turn(Duration::from_secs(5));
    assert!(bench.succeeded(&id).await.conference.link().is_some());
    assert_eq!(bench.google.methods(&id), [Insert, Insert, Insert]);
}
