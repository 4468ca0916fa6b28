//! What happens to users and clients at Google, as far as there is a switch for it: nothing is injected here.

use common::time::{days, hours};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use testing::ManualClock;
use tests::{Launch, SandboxProcess, eventually};

use super::bench::{Bench, LIMIT, USER};
use crate::accounts::connect_at;

const CALENDAR: &str = "https://www.googleapis.com/auth/calendar.events";

/// Something that happens to a user, and how it ends.
struct Happening {
    what: Value,
    /// Before the user can connect again.
    mended: Value,
    cause: &'static str,
    /// What the setup page says of it.
    says: &'static str,
    /// Requests for a token until the account was given up.
    refreshes: usize,
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_ends_a_connection_is_told_once_and_its_jobs_go_on_after_the_next() {
    let scopes = |scopes: &[&str]| json!({"scopes": scopes});
    let happenings = [
        (json!({"revoked": true}), json!({}), "grantEnded", "the permission has ended", 1),
        (json!({"deleted": true}), json!({"deleted": false}), "noSuchUser", "restore a deleted one", 1),
        (json!({"sessionEnded": true}), json!({}), "loginRequired", "log in to Google again", 1),
        (
            json!({"adminBlocked": true}),
            json!({"adminBlocked": false}),
            "adminForbids",
            "Ask them to allow it",
            1,
        ),
        (
            scopes(&["openid", "email"]),
            scopes(&["openid", "email", CALENDAR]),
            "scopeMissing",
            "Tick its box this time",
            1,
        ),
        (
            json!({"calendarUser": false}),
            json!({"calendarUser": true}),
            "notACalendarUser",
            "has no Google Calendar",
            1,
        ),
    ];
    for (what, mended, cause, says, refreshes) in happenings {
        ends(Happening { what, mended, cause, says, refreshes }).await;
    }
}

async fn ends(happening: Happening) {
    let Happening { what, mended, cause, says, refreshes } = happening;
    let bench = Bench::start().await;
    bench.user(what).await;
    let ids = bench.jobs(5).await;
    for id in &ids {
        let job = bench.until(id, "blocked").await;
        assert_eq!((&job["blockedBy"], &job["attempts"]), (&json!("reauthorization"), &json!(0)), "{cause}");
    }
    assert_eq!(bench.asked("token.refresh").await, refreshes, "{cause}");
    assert_eq!(bench.account().await["cause"], cause);
    let page = bench.setup_page().await;
    assert!(page.contains(says), "{cause}: {page}");
    bench.notices(1).await;
    bench.user(mended).await;
    bench.reconnect().await;
    bench.succeeded(&ids).await;
    bench.each_once(&ids).await;
    let notices = bench.notices(1).await;
    assert_eq!((notices.len(), &notices[0]["data"]["cause"]), (1, &json!(cause)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_gone_or_has_another_secret_now_blames_no_account() {
    for (change, back, code) in [
        (json!({"deleted": true}), json!({"deleted": false}), "deleted_client"),
        (json!({"secret": "GOCSPX-another"}), Value::Null, "invalid_client"),
    ] {
        let bench = Bench::start().await;
        let file = bench.google.read("/_sandbox/credentials").await;
        let id = file["web"]["client_id"].as_str().expect("a client's id");
        let path = format!("/_sandbox/clients/{id}");
        let back = if back.is_null() { json!({"secret": file["web"]["client_secret"]}) } else { back };
        bench.google.control(&path, &change).await;
        let ids = bench.jobs(5).await;
        for id in &ids {
            assert_eq!(bench.until(id, "waiting").await["waitingFor"], "operator", "{code}");
        }
        assert_eq!(bench.asked("token.refresh").await, 1, "{code}");
        assert_eq!(bench.account().await["state"], "connected");
        let page = bench.setup_page().await;
        assert!(page.contains(&format!("refuses the OAuth client of this server ({code})")), "{page}");
        bench.google.control(&path, &back).await;
        bench.succeeded(&ids).await;
        bench.each_once(&ids).await;
        assert_eq!(bench.notices(0).await, Vec::<Value>::new(), "{code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_may_invite_nobody_for_now_holds_up_jobs_with_guests_alone() {
    let bench = Bench::start().await;
    bench.user(json!({"usageLimited": true})).await;
    let guests = json!({"attendees": [{"email": "grace@example.com"}]});
    let first = bench.submit(&guests, "first").await;
    bench.until(&first, "blocked").await;
    let asked = bench.asked("events.insert").await;
    let others = [bench.submit(&guests, "second").await, bench.submit(&guests, "third").await];
    let plain = bench.jobs(5).await;
    bench.succeeded(&plain).await;
    for id in others.iter().chain([&first]) {
        let job = bench.until(id, "blocked").await;
        assert_eq!((&job["blockedBy"], &job["attempts"]), (&json!("calendarLimits"), &json!(0)));
        assert!(job["detail"].as_str().expect("a sentence").contains("no more guests for now"), "{job}");
        let next: Timestamp = job["nextAttemptAt"].as_str().expect("when").parse().expect("an instant");
        let in_minutes = next.duration_since(Timestamp::now()).as_secs() / 60;
        assert!((55..=60).contains(&in_minutes), "in {in_minutes} min");
    }
    assert_eq!(bench.asked("events.insert").await, asked + plain.len(), "the others did not ask");
    let account = bench.account().await;
    assert_eq!(account["state"], "connected");
    assert!(account["guestsLimitedUntil"].is_string(), "{account}");
    assert_eq!(bench.notices(0).await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_refusal_of_the_old_grant_leaves_the_new_connection_alone() {
    let bench = Bench::start().await;
    let late = json!({"method": "token.refresh", "reason": "invalid_grant", "latencyMs": 6000, "count": 1});
    bench.google.fault(late).await;
    let ids = bench.jobs(3).await;
    eventually("the request for a token", LIMIT, || async {
        let faults = bench.google.read("/_sandbox/faults").await;
        (faults["faults"] == json!([])).then_some(())
    })
    .await;
    bench.reconnect().await;
    assert_eq!(bench.asked("token.refresh").await, 0, "it has not been answered yet");
    bench.succeeded(&ids).await;
    bench.each_once(&ids).await;
    assert_eq!(bench.asked("token.refresh").await, 2);
    let account = bench.account().await;
    assert_eq!((&account["state"], &account["generation"]), (&json!("connected"), &json!(2)));
    assert_eq!(bench.notices(0).await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_week_after_which_google_ends_permissions_of_an_app_in_testing_is_named_on_the_page() {
    let sandbox = SandboxProcess::start().await;
    let google = sandbox.view();
    let file = google.read("/_sandbox/credentials").await;
    let client = file["web"]["client_id"].as_str().expect("a client's id");
    google.control(&format!("/_sandbox/clients/{client}"), &json!({"publishing": "testing"})).await;
    let launch = Launch::new();
    // The account's first start makes the folder; then it is connected as if that were a week ago.
    launch.with_sandbox(&google).start().await.terminate().await;
    let last_week = Timestamp::now() - SignedDuration::try_from(days(7) + hours(1)).expect("a week");
    connect_at(&launch, &google, "default", USER, ManualClock::at(last_week)).await;
    let callback = json!({"redirect_uris": [launch.url("/oauth2callback")]});
    google.control("/_sandbox/credentials", &callback).await;
    google.control("/_sandbox/clock", &json!({"advanceSeconds": 7 * 24 * 3600 + 3600})).await;

    let mut bench = Bench::of(launch.with_sandbox(&google)).await;
    bench.google = sandbox.view();
    let ids = bench.jobs(3).await;
    for id in &ids {
        bench.until(id, "blocked").await;
    }
    let page = bench.setup_page().await;
    assert!(page.contains("It was connected for seven days"), "{page}");
    assert!(page.contains("Publish the app, or this will happen again in a week"), "{page}");
    bench.notices(1).await;
    bench.reconnect().await;
    bench.succeeded(&ids).await;
    bench.each_once(&ids).await;
    assert_eq!(bench.notices(1).await.len(), 1);
    let page = bench.setup_page().await;
    assert!(!page.contains("It was connected for seven days"), "{page}");
}
