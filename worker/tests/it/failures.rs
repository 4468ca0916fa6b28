//! What each failure costs a job, and that a lost answer never makes a second event.

use common::job::{Effect, FailureKind, JobState, StateName, Tally};
use common::port::{CalendarError, ThrottledKey};
use testing::google::Behaviour::{LoseAnswer, Refuse};
use testing::google::Method::{Get, Insert};

use crate::bench::Bench;
use crate::order::order;

const FAILING: CalendarError = CalendarError::Unavailable { status: 503, retry_after: None };

fn words() -> String {
    "Google's words".to_owned()
}

fn refused(status: u16) -> CalendarError {
    CalendarError::Refused { status, reason: "required".to_owned(), message: words() }
}

#[tokio::test]
async fn an_answer_that_is_lost_after_the_effect_makes_no_second_event() {
    let mut bench = Bench::new().await;
    bench.google.next(Insert, LoseAnswer);
    bench.start();
    let id = bench.submit(order()).await;
    let waiting = bench.come_due(&id).await;
    assert_eq!((waiting.effect, waiting.tally.attempts), (Effect::Unknown, 1));
    bench.succeeded(&id).await;
    assert_eq!(bench.google.methods(&id), [Insert, Get]);
    assert_eq!(bench.google.count(), 1);
}

#[tokio::test]
async fn every_refusal_of_an_insert_costs_what_it_should() {
    let throttled = |key| CalendarError::Throttled { key, retry_after: None, reason: String::new() };
    let (attempt, deferral, nothing) = ((1, 0), (0, 1), (0, 0));
    let (waiting, blocked, failed) = (StateName::Waiting, StateName::Blocked, StateName::Failed);
    let table = [
        (FAILING, waiting, attempt, Effect::Unknown),
        (CalendarError::NoAnswer(words()), waiting, attempt, Effect::Unknown),
        (CalendarError::Unintelligible(words()), waiting, attempt, Effect::Unknown),
        (CalendarError::Conflict, waiting, attempt, Effect::None),
        (CalendarError::NotFound, waiting, attempt, Effect::None),
        (CalendarError::NotSent(words()), waiting, deferral, Effect::None),
        (throttled(ThrottledKey::User), waiting, deferral, Effect::None),
        (throttled(ThrottledKey::Project), waiting, deferral, Effect::None),
        (CalendarError::DailyLimit, waiting, deferral, Effect::None),
        (CalendarError::ApiDisabled, waiting, deferral, Effect::None),
        (CalendarError::UsageLimits, blocked, deferral, Effect::None),
        (CalendarError::ScopeMissing, blocked, nothing, Effect::None),
        (CalendarError::NotACalendarUser, blocked, nothing, Effect::None),
        (CalendarError::Deleted, failed, nothing, Effect::None),
        (refused(400), failed, nothing, Effect::None),
    ];
    for (error, state, (attempts, deferrals), effect) in table {
        let mut bench = Bench::new().await;
        bench.google.next(Insert, Refuse(error.clone()));
        bench.start();
        let id = bench.submit(order().guests(1)).await;
        let job = bench.until("a decision", &id, |job| job.state.name() == state).await;
        assert_eq!(job.tally, Tally { attempts, deferrals, crashes: 0 }, "{error:?}");
        assert_eq!(job.effect, effect, "{error:?}");
        assert_eq!(bench.google.methods(&id), [Insert], "{error:?}");
    }
}

#[tokio::test]
async fn a_refusal_for_good_keeps_googles_own_words_and_seals_them() {
    let mut bench = Bench::new().await;
    bench.google.next(Insert, Refuse(refused(400)));
    bench.start();
    let id = bench.submit(order()).await;
    let failure = bench.failed(&id).await;
    assert_eq!(failure.kind, FailureKind::Refused);
    assert_eq!((failure.google_status, failure.google_reason.as_deref()), (Some(400), Some("required")));
    let job = bench.job(&id).await;
    let key = bench.account(&job.account).await.seal_keys(bench.accounts.ring()).unwrap();
    assert_eq!(key.open(id.as_str(), &failure.detail.expect("the words")).unwrap(), words());
    assert!(job.payload.is_some(), "a failed job can be replayed");
    assert_eq!(bench.quiet().await.delayed, 0, "nothing comes back");
}

#[tokio::test]
async fn a_refused_look_leaves_the_older_write_unknown() {
    let mut bench = Bench::new().await;
    bench.google.next(Insert, LoseAnswer);
    bench.google.next(Get, Refuse(refused(403)));
    bench.start();
    let id = bench.submit(order()).await;
    bench.come_due(&id).await;
    let failure = bench.failed(&id).await;
    assert_eq!((failure.kind, failure.effect), (FailureKind::Refused, Effect::Unknown));
}

#[tokio::test]
async fn a_calendar_that_is_never_found_does_not_exist() {
    let mut bench = Bench::new().await;
    bench.google.rule(|_| Some(Refuse(CalendarError::NotFound)));
    bench.start();
    let id = bench.submit(order()).await;
    bench.come_due(&id).await;
    bench.until("a second try", &id, |job| job.tally.attempts == 2).await;
    bench.come_due(&id).await;
    let failure = bench.failed(&id).await;
    assert_eq!((failure.kind, failure.effect), (FailureKind::CalendarNotFound, Effect::None));
    assert_eq!(bench.google.methods(&id), [Insert, Insert, Insert]);
}

/// A job that has used up its one attempt with an answer that was lost.
async fn exhausted(bench: &mut Bench, effect: testing::google::Behaviour) -> common::job::JobId {
    bench.settings.max_attempts = 1;
    bench.google.next(Insert, effect);
    bench.start();
    let id = bench.submit(order()).await;
    bench.come_due(&id).await;
    id
}

#[tokio::test]
async fn the_last_attempt_is_followed_by_a_look_that_may_find_the_event() {
    let mut bench = Bench::new().await;
    let id = exhausted(&mut bench, LoseAnswer).await;
    bench.succeeded(&id).await;
    assert_eq!(bench.google.methods(&id), [Insert, Get]);
}

#[tokio::test]
async fn a_job_whose_attempts_are_used_up_fails_once_google_says_that_there_is_nothing() {
    let mut bench = Bench::new().await;
    let id = exhausted(&mut bench, Refuse(FAILING)).await;
    for looks in [1, 2] {
        bench.until("a later look", &id, |job| job.tally.deferrals == looks).await;
        bench.come_due(&id).await;
    }
    let failure = bench.failed(&id).await;
    assert_eq!((failure.kind, failure.effect), (FailureKind::AttemptsExhausted, Effect::None));
    assert_eq!(bench.google.methods(&id), [Insert, Get, Get, Get]);
}

#[tokio::test]
async fn a_job_whose_attempts_are_used_up_says_so_when_google_cannot_be_asked() {
    let mut bench = Bench::new().await;
    bench.google.next(Get, Refuse(FAILING));
    let id = exhausted(&mut bench, LoseAnswer).await;
    let failure = bench.failed(&id).await;
    assert_eq!((failure.kind, failure.effect), (FailureKind::AttemptsExhausted, Effect::Unknown));
}

#[tokio::test]
async fn deferrals_alone_never_end_a_job() {
    let mut bench = Bench::new().await;
    bench.settings.max_attempts = 1;
    bench.google.rule(|_| Some(Refuse(CalendarError::NotSent(words()))));
    bench.start();
    let id = bench.submit(order()).await;
    for deferrals in 1..=5 {
        bench.until("a deferral", &id, |job| job.tally.deferrals == deferrals).await;
        bench.come_due(&id).await;
    }
    bench.until("another", &id, |job| job.tally.deferrals == 6).await;
    bench.google.recover();
    bench.come_due(&id).await;
    let job = bench.ended(&id).await;
    assert!(matches!(job.state, JobState::Succeeded { .. }));
    assert_eq!(job.tally.attempts, 0);
}
