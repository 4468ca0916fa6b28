//! Accepting jobs: what is promised, and what is not when something fails.

use std::time::Duration;

use common::account::{AccountId, ReauthorizationCause};
use common::event::Priority;
use common::job::{BlockReason, Effect, JobState, Pause, Step, Tally};
use common::port::{Backlog, JobQueue as _, QueueError, Throttle as _};
use common::quotas::Quotas;
use common::time;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use testing::failing::Publishing;
use testing::{Gate, wait_until};

use crate::client::{Reply, get, post};
use crate::reading::read_until;
use crate::rig::{EVENTS, OLDER, Plan, Rig, event};

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_event_is_in_the_queue_under_its_final_id() {
    let rig = Rig::start().await;
    let reply = rig.ask(post(EVENTS, &event())).await;
    assert_eq!(reply.status, 202, "{}", reply.text());
    let body = reply.json();
    let id = body["jobId"].as_str().unwrap();
    let path = format!("/api/v1/jobs/{id}");
    assert_eq!(
        body,
        json!({"jobId": id, "eventId": id, "state": "queued", "statusUrl": path, "warnings": []})
    );
    assert_eq!(reply.header("location"), Some(path.as_str()));
    assert_eq!(reply.header("vary"), Some("Prefer"));
    assert_eq!(reply.header("calrelay-google"), Some("sandbox"));
    assert!(reply.header("ratelimit").is_some() && reply.header("ratelimit-policy").is_some());
    let delivery = rig.queue.receive().await.unwrap();
    assert_eq!(delivery.message.unwrap().job.as_str(), id);
    rig.eventually(id, |job| job.state == JobState::Queued).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_must_not_start_yet_waits_in_the_queue() {
    let rig = Rig::start().await;
    let mut body = event();
    body["notBefore"] = json!("2036-12-01T00:00:00Z");
    let request = post(EVENTS, &body).header("Idempotency-Key", "later");
    let reply = rig.ask(request.clone()).await;
    assert_eq!((reply.status, &reply.json()["state"]), (202, &json!("waiting")), "{}", reply.text());
    assert_eq!(rig.queue.depth().await.unwrap().delayed, 1);
    let id = reply.json()["jobId"].as_str().unwrap().to_owned();
    // At once, and once the confirmation has been written behind the answer's back.
    for written in [false, true] {
        if written {
            rig.eventually(&id, |job| matches!(job.state, JobState::Waiting { .. })).await;
        }
        let record = rig.record(&id).await;
        assert_eq!((&record["state"], &record["waitingFor"]), (&json!("waiting"), &json!("schedule")));
        assert_eq!(record["nextAttemptAt"], "2036-12-01T00:00:00Z");
        assert_eq!((&record["detail"], &record["deferrals"]), (&json!("It is not due yet."), &json!(0)));
    }
    let again = rig.ask(request).await;
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.json()["state"], "waiting");
    let stream = get(&format!("/api/v1/jobs/{id}")).header("Accept", "text/event-stream").key(&rig.key);
    let mut stream = stream.open(rig.address).await;
    read_until(&mut stream, &mut String::new(), "\"waitingFor\":\"schedule\"").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_start_now_is_queued_whatever_its_not_before_was() {
    let rig = Rig::start().await;
    let mut body = event();
    body["notBefore"] = json!("2020-01-01T00:00:00Z");
    let reply = rig.ask(post(EVENTS, &body)).await;
    assert_eq!((reply.status, &reply.json()["state"]), (202, &json!("queued")), "{}", reply.text());
    let id = reply.json()["jobId"].as_str().unwrap().to_owned();
    rig.eventually(&id, |job| job.state == JobState::Queued).await;
    let record = rig.record(&id).await;
    assert_eq!((&record["waitingFor"], &record["nextAttemptAt"]), (&json!(null), &json!(null)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_must_not_start_yet_waits_for_that_first_where_its_account_needs_its_user_too() {
    let rig = Rig::start().await;
    let id = AccountId::default_account();
    let account = rig.accounts.get(&id).await.unwrap().unwrap();
    let cause = ReauthorizationCause::GrantEnded;
    assert!(rig.accounts.needs_reauthorization(&id, account.generation, cause).await.unwrap());
    let mut body = event();
    body["notBefore"] = json!("2036-12-01T00:00:00Z");
    let reply = rig.ask(post(EVENTS, &body)).await;
    assert_eq!(reply.json()["state"], "waiting", "as its record says");
    let record = rig.record(reply.json()["jobId"].as_str().unwrap()).await;
    assert_eq!((&record["state"], &record["waitingFor"]), (&json!("waiting"), &json!("schedule")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_about_to_end_has_two_hours_and_the_callers_deadline_is_obeyed() {
    let rig = Rig::start().await;
    let now = Timestamp::now();
    let at = |seconds: i64| (now + SignedDuration::from_secs(seconds)).to_string();
    for (more, least, most) in [
        (json!({}), 7_200, 7_230),
        (json!({"notBefore": at(3_600), "end": {"dateTime": at(3_601)}}), 10_800, 10_801),
        (json!({"notAfter": at(30)}), 30, 30),
        // A series has no end of its own, and this one has ended already.
        (json!({"timeZone": "Etc/UTC", "recurrence": ["RRULE:FREQ=DAILY"]}), 604_800, 604_830),
        (json!({"end": {"dateTime": at(-5)}}), 604_800, 604_830),
    ] {
        let mut body = json!({
            "summary": "It is nearly over", "conference": false,
            "start": {"dateTime": at(-3_600)}, "end": {"dateTime": at(5)},
        });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let reply = rig.ask(post(EVENTS, &body)).await;
        assert_eq!(reply.status, 202, "{}", reply.text());
        let record = rig.record(reply.json()["jobId"].as_str().unwrap()).await;
        let not_after: Timestamp = record["notAfter"].as_str().unwrap().parse().unwrap();
        let left = not_after.duration_since(now).as_secs();
        assert!((least..=most).contains(&left), "{body}: {left} s");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_that_is_past_is_refused_by_its_name() {
    let rig = Rig::start().await;
    let mut body = event();
    body["notAfter"] = json!("2020-01-01T00:00:00Z");
    let problem = rig.ask(post(EVENTS, &body)).await.problem(422, "invalid-fields");
    assert_eq!(problem["errors"][0]["field"], "notAfter");
    assert_eq!(rig.queued().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_was_never_connected_or_no_longer_is_gets_no_jobs() {
    let rig = Rig::with(Plan { connected: false, ..Plan::default() }).await;
    let problem = rig.ask(post(EVENTS, &event())).await.problem(409, "account-not-connected");
    assert_eq!(problem["setupUrl"], "/google-calendar-setup");
    // Connected meanwhile, as another process would have done it: noticed at once.
    rig.connect("default", "ada").await;
    rig.accepted().await;
    rig.accounts.disconnect(&AccountId::default_account()).await.unwrap();
    rig.ask(post(EVENTS, &event())).await.problem(409, "account-not-connected");
    assert_eq!(rig.queued().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_needs_its_user_still_takes_jobs_and_says_so() {
    let rig = Rig::start().await;
    let id = AccountId::default_account();
    let account = rig.accounts.get(&id).await.unwrap().unwrap();
    let cause = ReauthorizationCause::GrantEnded;
    assert!(rig.accounts.needs_reauthorization(&id, account.generation, cause).await.unwrap());
    let reply = rig.ask(post(EVENTS, &event())).await;
    assert_eq!(reply.status, 202, "{}", reply.text());
    assert_eq!(reply.json()["state"], "blocked");
    assert_eq!(rig.queued().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_or_absent_queue_leaves_nothing_behind() {
    let rig = Rig::start().await;
    for (error, slug) in
        [(QueueError::Full, "queue-full"), (QueueError::Unreachable("away".to_owned()), "queue-unavailable")]
    {
        rig.queue.next(Publishing::Refuse(error));
        let request = post(EVENTS, &event()).header("Idempotency-Key", slug);
        let reply = rig.ask(request.clone()).await;
        let problem = reply.problem(503, slug);
        assert_eq!(problem["retryable"], true);
        assert!(reply.header("retry-after").is_some());
        let again = rig.ask(request).await;
        assert_eq!(again.status, 202, "{}", again.text());
        assert_eq!(again.header("idempotency-replayed"), None, "it is a new job");
    }
    assert_eq!(rig.queued().await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_or_an_owner_with_too_many_unfinished_jobs_is_refused() {
    for (per_account, per_owner) in [(1, 9), (9, 1)] {
        let mut plan = Plan::default();
        plan.settings.backlog = Backlog { per_account, per_owner };
        let rig = Rig::with(plan).await;
        let first = rig.accepted().await;
        let reply = rig.ask(post(EVENTS, &event())).await;
        assert!(reply.header("retry-after").is_some());
        reply.problem(429, "backlog-full");
        assert_eq!(rig.queued().await, 1, "what is refused is not published");
        rig.succeed(&first).await;
        rig.accepted().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unconfirmed_publish_is_told_as_such_and_keeps_its_record() {
    let rig = Rig::with(Plan { speed: 50, ..Plan::default() }).await;
    rig.queue.next(Publishing::LoseAnswer);
    let problem = rig.ask(post(EVENTS, &event())).await.problem(503, "outcome-unknown");
    let id = problem["jobId"].as_str().unwrap();
    assert_eq!(problem["statusUrl"], format!("/api/v1/jobs/{id}"));
    assert_eq!(rig.record(id).await["state"], "queued");
    assert_eq!(rig.queued().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_vault_only_what_was_lately_read_of_it_can_be_used() {
    let rig = Rig::start().await;
    rig.accepted().await;
    rig.vault.go_away();
    rig.accepted().await;
    let mut other = event();
    other["account"] = json!("other");
    rig.ask(post(EVENTS, &other)).await.problem(503, "storage-unavailable");
    assert_eq!(rig.queued().await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_queue_refuses_keeps_no_place_in_its_accounts_line() {
    let rig = Rig::start().await;
    for away in [false, true] {
        if away {
            rig.store.go_away();
        }
        for _ in 0..100 {
            rig.queue.next(Publishing::Refuse(QueueError::Full));
            rig.ask(post(EVENTS, &event())).await.problem(503, "queue-full");
        }
    }
    let account = rig.accounts.get(&AccountId::default_account()).await.unwrap().unwrap();
    let line = Quotas::default().line(&account, Priority::Normal, 1);
    // Each would have moved it by a fifth of a second.
    assert_eq!(rig.embedded.throttle().place(&line).await, Duration::ZERO);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_hangs_up_does_not_cut_the_job_in_half() {
    let rig = Rig::start().await;
    let gate = Gate::new();
    rig.queue.next(Publishing::Hold(gate.clone()));
    let request = post(EVENTS, &event()).key(&rig.key).header("Idempotency-Key", "hang-up");
    let connection = request.open(rig.address).await;
    wait_until(|| rig.queue.publishes() > 0).await;
    drop(connection);
    gate.open();
    let reply = rig.send(&request).await;
    assert_eq!(reply.status, 202, "{}", reply.text());
    assert_eq!(reply.header("idempotency-replayed"), Some("true"));
    rig.eventually(reply.json()["jobId"].as_str().unwrap(), |job| job.state == JobState::Queued).await;
    assert_eq!((rig.queue.publishes(), rig.queued().await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_changed_in_a_body_is_told_in_every_answer_about_the_job() {
    let rig = Rig::start().await;
    let mut body = event();
    body["reminders"] = json!({"overrides": [{"method": "popup", "minutes": 10}]});
    let reply = rig.ask(post(EVENTS, &body).header("Idempotency-Key", "k")).await;
    let warnings = reply.json()["warnings"].clone();
    assert_eq!(warnings[0]["field"], "reminders.useDefault");
    assert_eq!(warnings[0]["code"], "completed");
    assert!(warnings[0]["message"].as_str().unwrap().starts_with("reminders.useDefault: "));
    assert_eq!(warnings.as_array().unwrap().len(), 1);
    let again = rig.ask(post(EVENTS, &body).header("Idempotency-Key", "k")).await.json();
    assert_eq!(again["warnings"], warnings);
    let record = rig.record(again["jobId"].as_str().unwrap()).await;
    assert_eq!(record["warnings"], warnings);
    let older = post("/api/create-calendar-event", &body).header("Prefer", "respond-async");
    assert_eq!(rig.ask(older).await.json()["warnings"], warnings);
}

/// What these callers are ready to wait: it must not run out.
const THE_WAIT: Duration = Duration::from_secs(25);

/// Posts with `Prefer: wait=25` and answers the reply and how long it took on the test's clock.
async fn waited(rig: &Rig, path: &str, body: &Value) -> (Reply, Duration) {
    let began = rig.clock.now();
    let reply = rig.ask(post(path, body).header("Prefer", "wait=25")).await;
    assert_eq!(reply.status, 202, "{}", reply.text());
    (reply, time::until(began, rig.clock.now()))
}

async fn needs_its_user(rig: &Rig) {
    let id = AccountId::default_account();
    let account = rig.accounts.get(&id).await.unwrap().unwrap();
    let cause = ReauthorizationCause::GrantEnded;
    assert!(rig.accounts.needs_reauthorization(&id, account.generation, cause).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_a_job_that_is_blocked_when_it_is_accepted() {
    let rig = Rig::start().await;
    needs_its_user(&rig).await;
    for path in [EVENTS, OLDER] {
        let (reply, waited) = waited(&rig, path, &event()).await;
        assert!(waited < THE_WAIT, "{path}: {waited:?}");
        assert_eq!(reply.header("preference-applied"), Some("wait=25"));
        if path == EVENTS {
            assert_eq!(reply.json()["state"], "blocked");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_ends_when_the_job_becomes_blocked_and_the_answer_says_so() {
    let rig = Rig::start().await;
    for (path, why, until) in [
        (EVENTS, BlockReason::Reauthorization, None),
        (EVENTS, BlockReason::CalendarLimits, Some(time::after(rig.clock.now(), Duration::from_secs(1)))),
        (OLDER, BlockReason::Reauthorization, None),
    ] {
        let before = rig.queue.publishes();
        let body = event();
        let ((reply, waited), ()) = tokio::join!(waited(&rig, path, &body), async {
            wait_until(|| rig.queue.publishes() > before).await;
            let delivery = rig.queue.receive().await.unwrap();
            let id = delivery.message.unwrap().job.to_string();
            rig.eventually(&id, |job| job.state == JobState::Queued).await;
            let lease = rig.begin(&id).await;
            let (tally, effect) = (Tally::default(), Effect::None);
            let pause = Pause::Blocked { why, until };
            rig.take(&id, Step::Postpone { lease, pause, tally, effect, hop: 2, turn: None }).await;
        });
        assert!(waited < THE_WAIT, "{path}: {waited:?}");
        if path == EVENTS {
            assert_eq!(reply.json()["state"], "blocked", "{why:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_a_job_that_starts_after_the_wait_is_over() {
    let rig = Rig::start().await;
    let mut body = event();
    body["notBefore"] = json!("2036-12-01T00:00:00Z");
    for path in [EVENTS, OLDER] {
        let (_, waited) = waited(&rig, path, &body).await;
        assert!(waited < THE_WAIT, "{path}: {waited:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_wait_the_answer_tells_where_the_job_stands() {
    let rig = Rig::with(Plan { speed: 50, ..Plan::default() }).await;
    let request = post(EVENTS, &event()).header("Prefer", "wait=20");
    let (reply, ()) = tokio::join!(rig.ask(request), async {
        let delivery = rig.queue.receive().await.unwrap();
        let id = delivery.message.unwrap().job.to_string();
        rig.eventually(&id, |job| job.state == JobState::Queued).await;
        rig.begin(&id).await;
    });
    assert_eq!(reply.status, 202, "{}", reply.text());
    assert_eq!(reply.json()["state"], "running");
}
