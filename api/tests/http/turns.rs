//! Whose turn it is: who makes an account's other jobs wait, and who does not.

use std::time::{Duration, Instant};

use common::account::{AccountId, ReauthorizationCause};
use common::event::Priority;
use common::job::{Place, Turn};
use common::port::{JobQueue as _, Line, Throttle as _};
use common::quotas::Quotas;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::client::{post, request};
use crate::rig::{EVENTS, Rig, event};

const MINUTE: Duration = Duration::from_secs(60);

/// The usual event, with more fields.
fn with(more: &Value) -> Value {
    let mut body = event();
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn in_seconds(seconds: i64) -> String {
    (Timestamp::now() + SignedDuration::from_secs(seconds)).to_string()
}

impl Rig {
    async fn line(&self, priority: Priority) -> Line {
        let account = self.accounts.get(&AccountId::default_account()).await.unwrap().unwrap();
        Quotas::default().line(&account, priority, 1)
    }

    /// How long a job would wait in this line.
    async fn wait_in(&self, priority: Priority) -> Duration {
        self.embedded.throttle().place(&self.line(priority).await.only_looked_at()).await
    }

    /// Makes a line longer by so much.
    async fn fill(&self, priority: Priority, charge: Duration) {
        let line = self.line(priority).await;
        self.embedded.throttle().place(&Line { charge, ..line }).await;
    }

    async fn turn_of(&self, id: &str) -> Turn {
        self.stored(id).await.unwrap().turn.unwrap()
    }

    async fn posted(&self, more: &Value) -> Value {
        let reply = self.ask(post(EVENTS, &with(more))).await;
        assert_eq!(reply.status, 202, "{}", reply.text());
        reply.json()
    }
}

fn id(accepted: &Value) -> &str {
    accepted["jobId"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_cannot_be_done_yet_stand_in_no_line() {
    let rig = Rig::start().await;
    for _ in 0..50 {
        let accepted = rig.posted(&json!({"notBefore": "2036-12-01T00:00:00Z"})).await;
        assert_eq!(rig.turn_of(id(&accepted)).await.place, Place::Outside);
    }
    assert_eq!(rig.wait_in(Priority::Bulk).await, Duration::ZERO, "which is behind both lines");
    let account = AccountId::default_account();
    let generation = rig.accounts.get(&account).await.unwrap().unwrap().generation;
    let cause = ReauthorizationCause::GrantEnded;
    assert!(rig.accounts.needs_reauthorization(&account, generation, cause).await.unwrap());
    for _ in 0..50 {
        let accepted = rig.posted(&json!({"priority": "bulk"})).await;
        assert_eq!(rig.turn_of(id(&accepted)).await.place, Place::Outside);
    }
    assert_eq!(rig.wait_in(Priority::Bulk).await, Duration::ZERO);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_normal_job_never_stands_behind_bulk_jobs() {
    let rig = Rig::start().await;
    for _ in 0..50 {
        let accepted = rig.posted(&json!({"priority": "bulk", "conference": true})).await;
        let turn = rig.turn_of(id(&accepted)).await;
        assert_eq!((turn.priority, turn.cost), (Priority::Bulk, 2));
        assert_eq!(turn.place, Place::InLine { micros: 255_103 }, "two requests at four fifths of the rate");
    }
    assert_eq!(rig.wait_in(Priority::Normal).await, Duration::ZERO);
    assert!(rig.wait_in(Priority::Bulk).await > Duration::from_secs(8));
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_jobs_give_back_exactly_what_they_took() {
    let rig = Rig::start().await;
    let (normal, bulk) = (Priority::Normal, Priority::Bulk);
    rig.fill(normal, MINUTE).await;
    rig.fill(bulk, MINUTE).await;
    let began = Instant::now();
    // A bulk job waits for both lines.
    let of_bulk = async || rig.wait_in(bulk).await - rig.wait_in(normal).await;
    let (normal_before, bulk_before) = (rig.wait_in(normal).await, of_bulk().await);
    let mut ids = Vec::new();
    for number in 0..60 {
        let more = match number % 4 {
            0 => json!({"conference": true}),
            1 => json!({"conference": false}),
            2 => json!({"conference": true, "priority": "bulk"}),
            _ => json!({"conference": false, "priority": "bulk"}),
        };
        ids.push(id(&rig.posted(&more).await).to_owned());
        // They take nothing, and give nothing back.
        ids.push(id(&rig.posted(&json!({"notBefore": "2036-12-01T00:00:00Z"})).await).to_owned());
    }
    assert!(rig.wait_in(normal).await > normal_before && of_bulk().await > bulk_before);
    for id in &ids {
        // The second time changes nothing.
        for _ in 0..2 {
            let reply = rig.ask(request("DELETE", &format!("/api/v1/jobs/{id}"))).await;
            assert_eq!(reply.status, 200, "{}", reply.text());
        }
    }
    for (what, before, after) in [
        ("normal", normal_before, rig.wait_in(normal).await + began.elapsed()),
        ("bulk", bulk_before, of_bulk().await + began.elapsed()),
    ] {
        assert!(after.abs_diff(before) < Duration::from_millis(500), "{what}: {before:?}, then {after:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_turn_comes_after_its_deadline_or_its_event_says_so_when_it_is_accepted() {
    let rig = Rig::start().await;
    rig.fill(Priority::Normal, MINUTE).await;
    let late = |field: &str| vec![(field.to_owned(), "late".to_owned())];
    for (more, told) in [
        (json!({"conference": false, "notAfter": in_seconds(3_600)}), vec![]),
        (json!({"conference": false, "notAfter": in_seconds(30)}), late("notAfter")),
        (json!({"conference": false, "priority": "bulk", "notAfter": in_seconds(30)}), late("notAfter")),
        (
            json!({
                "conference": false, "startDateTime": in_seconds(-60), "endDateTime": in_seconds(30),
            }),
            late("end"),
        ),
        (json!({"conference": false, "notBefore": in_seconds(20), "notAfter": in_seconds(30)}), vec![]),
    ] {
        for away in [false, true] {
            if away {
                rig.store.go_away();
            }
            let before = rig.wait_in(Priority::Bulk).await;
            let accepted = rig.posted(&more).await;
            rig.store.recover();
            let warnings = |said: &Value| -> Vec<(String, String)> {
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                let said = said["warnings"].as_array().unwrap();
                said.iter().map(|warning| (text(&warning["field"]), text(&warning["code"]))).collect()
            };
            assert_eq!(warnings(&accepted), told, "{more}, records away: {away}");
            let job = rig.eventually(id(&accepted), |_| true).await;
            assert_eq!(warnings(&rig.record(id(&accepted)).await), told, "{more}, records away: {away}");
            if told == late("notAfter") {
                assert_eq!(job.turn.unwrap().place, Place::Past, "nobody waits for a turn that is not used");
                assert!(rig.wait_in(Priority::Bulk).await <= before);
            }
        }
    }
    // Whose deadline is near is in the queue for a little before that, and the rest for their turn.
    assert_eq!(rig.queue.depth().await.unwrap().delayed, 10);
}
