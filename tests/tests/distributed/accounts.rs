//! Grants that end and come back, and tokens that everybody needs at once, with several ingresses and workers.

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use serde_json::json;
use tests::{
    Caller, Installation, Plan, SandboxView, all_succeeded, connect, each_once, event_of, eventually,
    succeeded,
};

use crate::links::{Page, Visitor, install, link};

const LIMIT: Duration = Duration::from_secs(120);
const USER: &str = "ada@example.com";

/// Posts so many events of `account`, many at a time.
async fn posted(caller: &Caller, account: &str, what: &str, count: usize) -> Vec<String> {
    let posts = (0..count).map(|number| {
        let title = format!("{what}-{number}");
        async move { caller.submit(&event_of(account, "primary", &title), &title, LIMIT).await.id }
    });
    stream::iter(posts).buffer_unordered(32).collect().await
}

/// How many jobs there are in this state, as an operator counts them.
fn count(calrelay: &Installation, state: &str) -> usize {
    let listed = calrelay.apis()[0].launch().run(&["jobs", "list", "--state", state, "--limit", "5000"]);
    listed.lines().filter(|line| line.contains(state)).count()
}

/// Every line of every process that holds `text`.
fn said(calrelay: &Installation, text: &str) -> Vec<String> {
    let logs: Vec<String> = calrelay.members().map(|member| member.process().log()).collect();
    logs.iter().flat_map(|log| log.lines()).filter(|line| line.contains(text)).map(str::to_owned).collect()
}

/// Goes through a connect link of `account`, and consents as `user`.
async fn consent(calrelay: &Installation, account: &str, user: &str) -> Page {
    let path = link(calrelay, account).await;
    let mut visitor = Visitor::new();
    let csrf = visitor.open(calrelay, 0, &path).await;
    let google = visitor.send(calrelay, 1, &path, Some(&csrf)).await;
    let back = visitor.consent(calrelay, &google.location, user).await;
    visitor.send(calrelay, 0, &back, None).await
}

async fn refreshes(google: &SandboxView) -> u64 {
    google.read("/_sandbox/stats").await["refreshes"].as_u64().unwrap()
}

async fn users(google: &SandboxView) -> Vec<String> {
    let events = google.events().await;
    let mut users: Vec<String> =
        events.values().map(|stored| stored.event["user"].as_str().unwrap().to_owned()).collect();
    users.sort();
    users.dedup();
    users
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_a_revoked_account_wait_for_the_same_user_and_are_each_done_once() {
    let calrelay = install(Plan::new(2, 4).unlimited()).await;
    let (caller, google) = (calrelay.caller(), calrelay.sandbox().view());
    google.no_quotas().await;
    connect(&calrelay, "crm", USER, &[]).await;
    google.control("/_sandbox/users/eve@example.com", &json!({})).await;
    let first = posted(&caller, "crm", "before", 1).await;
    all_succeeded(&caller, &first, LIMIT).await;

    google.control(&format!("/_sandbox/users/{USER}"), &json!({"revoked": true})).await;
    let ids = posted(&caller, "crm", "waiting", 500).await;
    // The messages that were to look within the hour, whoever forgot to wake these jobs, find them done.
    calrelay.vhost().leaves("calrelay.delay.10m", 500);
    eventually("every job to be blocked", LIMIT, || async {
        (count(&calrelay, "blocked") == ids.len()).then_some(())
    })
    .await;
    assert_eq!(count(&calrelay, "failed"), 0);
    let notices = said(&calrelay, "has to be connected again");
    assert_eq!(notices.len(), 1, "one notice, not one a job: {notices:#?}");

    let refused = consent(&calrelay, "crm", "eve@example.com").await;
    assert_eq!(refused.status, 409, "{}", refused.text);
    assert!(refused.text.contains(USER) && refused.text.contains("eve@example.com"), "{}", refused.text);
    assert_eq!(count(&calrelay, "blocked"), ids.len(), "nothing was woken by that");

    let done = consent(&calrelay, "crm", USER).await;
    assert_eq!(done.status, 200, "{}", done.text);
    all_succeeded(&caller, &ids, LIMIT).await;
    each_once(&google, first.iter().chain(&ids)).await;
    assert_eq!(users(&google).await, [USER]);
    let woken = said(&calrelay, "jobs of account crm");
    let number = |line: &String| {
        let count = line.split("Woke ").nth(1).and_then(|rest| rest.split(' ').next());
        count.and_then(|count| count.parse::<usize>().ok()).unwrap_or_else(|| panic!("{line}"))
    };
    assert_eq!(woken.iter().map(number).sum::<usize>(), ids.len(), "each was woken once: {woken:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_many_jobs_of_many_workers_need_is_refreshed_once() {
    let calrelay = Plan::new(2, 4).unlimited().start().await;
    let (caller, google) = (calrelay.caller(), calrelay.sandbox().view());
    google.no_quotas().await;
    connect(&calrelay, "crm", USER, &[]).await;
    let mut ids = posted(&caller, "crm", "before", 1).await;
    all_succeeded(&caller, &ids, LIMIT).await;
    // Slow enough for everybody to have called before anybody has an answer.
    google.fault(json!({"method": "events.insert", "latencyMs": 1500})).await;
    google.fault(json!({"method": "token.refresh", "latencyMs": 1000})).await;

    // Google takes it no more.
    let before = refreshes(&google).await;
    google.control(&format!("/_sandbox/users/{USER}"), &json!({"expired": true})).await;
    ids.extend(posted(&caller, "crm", "expired", 400).await);
    all_succeeded(&caller, &ids, LIMIT).await;
    assert_eq!(refreshes(&google).await, before + 1);
    let refused = google.read("/_sandbox/stats").await["requests"]["events.insert"].clone();
    println!("inserts by result: {refused}");

    // It is in no cache any more.
    calrelay.redis().command(&["DEL", "calrelay:token:crm"]);
    ids.extend(posted(&caller, "crm", "uncached", 400).await);
    all_succeeded(&caller, &ids, LIMIT).await;
    assert_eq!(refreshes(&google).await, before + 2);
    google.no_faults().await;
    each_once(&google, &ids).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_given_to_another_user_takes_none_of_its_jobs_along() {
    let calrelay = Plan::new(2, 2).unlimited().start().await;
    let (caller, google) = (calrelay.caller(), calrelay.sandbox().view());
    google.no_quotas().await;
    connect(&calrelay, "crm", USER, &[]).await;
    let done = posted(&caller, "crm", "done", 5).await;
    // Their messages find the jobs cancelled when they come.
    calrelay.vhost().leaves("calrelay.delay.6h", 20);
    all_succeeded(&caller, &done, LIMIT).await;
    // Google has taken them in, and nobody has heard so.
    google.fault(json!({"method": "events.insert", "drop": "after", "count": 3})).await;
    google.fault(json!({"method": "events.get", "status": 503, "count": 3})).await;
    let doubtful = posted(&caller, "crm", "doubtful", 3).await;
    let mut later = event_of("crm", "primary", "later");
    later["notBefore"] = json!("2027-02-01T00:00:00Z");
    let mut waiting = Vec::new();
    for number in 0..20 {
        waiting.push(caller.submit(&later, &format!("later-{number}"), LIMIT).await.id);
    }

    let operator = calrelay.apis()[0].launch();
    let told = operator.run(&["accounts", "rebind", "crm"]);
    println!("{told}");
    assert!(told.contains("bound to nobody"), "{told}");
    connect(&calrelay, "crm", "eve@example.com", &[]).await;
    let next = eventually("a job for the next user", LIMIT, || async {
        let answer = caller.post(&event_of("crm", "primary", "next"), Some("next")).await.ok()?;
        answer.body["jobId"].as_str().map(str::to_owned)
    })
    .await;
    succeeded(&caller, &next, LIMIT).await;
    for id in doubtful.iter().chain(&waiting) {
        let state = caller.job(id).await.unwrap().body["state"].clone();
        assert!(state == "cancelled" || (state == "succeeded" && doubtful.contains(id)), "{id} is {state}");
    }
    let stored = google.events().await;
    let of_eve = stored.iter().filter(|(_, stored)| stored.event["user"] == "eve@example.com");
    assert_eq!(of_eve.map(|(id, _)| id.clone()).collect::<Vec<_>>(), [next]);
    let standing = |id: &String| stored.get(id).is_some_and(|stored| stored.event["status"] == "confirmed");
    for id in &doubtful {
        let cancelled = caller.job(id).await.unwrap().body["state"] == "cancelled";
        assert_ne!(cancelled, standing(id), "{id}: cancelled is without an event, and the other way round");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_permission_is_given_back_in_an_emergency_with_the_vault_and_google_alone() {
    let calrelay = Plan::new(1, 1).unlimited().start().await;
    let google = calrelay.sandbox().view();
    for (account, user) in [("one", USER), ("two", USER), ("three", "eve@example.com")] {
        connect(&calrelay, account, user, &[]).await;
    }
    let nowhere = tests::free_port();
    let operator = calrelay.apis()[0].launch().clone();
    let operator = operator
        .with("AMQP_URL", format!("amqp://127.0.0.1:{nowhere}"))
        .with("REDIS_URL", format!("redis://127.0.0.1:{nowhere}"));
    let told = operator.run(&["accounts", "revoke", "--all"]);
    assert_eq!(told.matches("given back to Google").count(), 4, "{told}");
    let listed = operator.run(&["accounts", "list"]);
    assert_eq!(listed.matches("disconnected").count(), 4, "{listed}");
    let users = google.read("/_sandbox/users").await;
    let users = users["users"].as_array().unwrap();
    assert!(users.iter().all(|user| user["refreshTokens"] == 0), "{users:?}");
}
