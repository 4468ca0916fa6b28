//! What Prometheus gets: the same series from the first scrape on, whatever happens.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tests::{Calrelay, Launch, MetricsPage, Shape, event_with, eventually, free_port};

const EVENTS: &str = "/api/v1/events";
const LIMIT: Duration = Duration::from_secs(40);

fn event(extra: Value) -> Value {
    event_with("Counted", &extra)
}

fn in_seconds(seconds: i64) -> String {
    (Timestamp::now() + SignedDuration::from_secs(seconds)).to_string()
}

async fn until(calrelay: &Calrelay, id: &str, what: &str, is: impl Fn(&Value) -> bool) {
    eventually(what, LIMIT, || async { is(&calrelay.job(id).await).then_some(()) }).await;
}

/// A job whose insert is answered with this fault, once, and which comes to be like that.
async fn job(
    calrelay: &Calrelay,
    extra: Value,
    fault: Value,
    what: &str,
    is: impl Fn(&Value) -> bool,
) -> String {
    if fault != Value::Null {
        let mut all = json!({"method": "events.insert", "count": 1});
        all.as_object_mut().expect("an object").extend(fault.as_object().expect("an object").clone());
        calrelay.sandbox().fault(all).await;
    }
    let id = calrelay.submit(&event(extra), &what.replace(' ', "-")).await.expect("accepted");
    until(calrelay, &id, what, is).await;
    id
}

/// One job for every way in which a job can go.
async fn every_outcome(calrelay: &Calrelay) {
    let state = |wanted: &'static str| move |job: &Value| job["state"] == wanted;
    let deferred = |job: &Value| job["deferrals"].as_u64() >= Some(1);
    job(calrelay, json!({}), Value::Null, "success", state("succeeded")).await;
    let again = json!({"status": 503});
    job(calrelay, json!({}), again, "success at the second attempt", state("succeeded")).await;
    let throttled = json!({"status": 429, "reason": "rateLimitExceeded"});
    let at_last = |job: &Value| job["state"] == "succeeded" && deferred(job);
    job(calrelay, json!({}), throttled, "success after a throttle", at_last).await;
    let refused = json!({"status": 400, "reason": "invalid"});
    job(calrelay, json!({}), refused, "failure", state("failed")).await;
    let switched_off = json!({"status": 403, "reason": "accessNotConfigured"});
    job(calrelay, json!({}), switched_off, "a job that waits for an operator", deferred).await;

    let later = json!({"notBefore": in_seconds(3_600)});
    let id = job(calrelay, later, Value::Null, "a scheduled job", |job| job["finishedAt"].is_null()).await;
    let reply = calrelay.delete(&format!("/api/v1/jobs/{id}")).send().await.expect("an answer");
    assert_eq!(reply.status(), 200);

    // What Google may have begun is looked for long after the deadline; a throttled call was not.
    let always = json!({"status": 429, "reason": "rateLimitExceeded", "count": 1_000});
    let soon = json!({"notAfter": in_seconds(2)});
    job(calrelay, soon, always, "expiry", |job| {
        job["error"]["type"].as_str().is_some_and(|it| it.ends_with("expired"))
    })
    .await;
    calrelay.sandbox().no_faults().await;

    let ada = "/_sandbox/users/ada@example.com";
    calrelay.sandbox().control(ada, &json!({"usageLimited": true})).await;
    let guests = json!({"attendees": [{"email": "grace@example.com"}]});
    job(calrelay, guests, Value::Null, "a job that waits for Google to invite again", state("blocked")).await;
    calrelay.sandbox().control(ada, &json!({"revoked": true})).await;
    job(calrelay, json!({}), Value::Null, "a job that waits for its user", state("blocked")).await;
}

/// What is refused at the door of a server whose callers have keys; each with its reason.
fn refusals(calrelay: &Calrelay) -> Vec<(&'static str, RequestBuilder)> {
    let operator = calrelay.launch();
    let key = |scope: &str, accounts: &str| {
        let owner = ["keys", "create", "--owner", "somebody", "--scope", scope, "--accounts", accounts];
        operator.run(&owner)
    };
    let (reader, elsewhere) = (key("read", "*"), key("submit", "other-*"));
    let good = event(json!({}));
    let post = || calrelay.http().post(calrelay.url(EVENTS)).bearer_auth(calrelay.key());
    vec![
        ("malformed-body", post().header("Content-Type", "application/json").body("{")),
        ("invalid-header", post().header("Idempotency-Key", "a, b").json(&good)),
        ("invalid-query", calrelay.post(&format!("{EVENTS}?dry=1"), &good)),
        ("invalid-fields", post().json(&json!({"summary": 1}))),
        ("body-too-large", post().json(&event(json!({"description": "x".repeat(70_000)})))),
        ("unsupported-media-type", post().body("hello")),
        ("unauthenticated", calrelay.http().post(calrelay.url(EVENTS)).json(&good)),
        ("insufficient-scope", calrelay.http().post(calrelay.url(EVENTS)).bearer_auth(reader).json(&good)),
        (
            "account-not-allowed",
            calrelay.http().post(calrelay.url(EVENTS)).bearer_auth(elsewhere).json(&good),
        ),
        ("account-not-connected", post().json(&event(json!({"account": "nobody"})))),
        (
            "idempotency-key-reused",
            post().header("Idempotency-Key", "success").json(&event(json!({"summary": "Another"}))),
        ),
    ]
}

/// Announces a body, and never sends it; returns once it is told so.
fn too_slow(url: &str, key: &str) -> String {
    let host = url.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(host).expect("it listens");
    let head = format!(
        "POST {EVENTS} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{{"
    );
    stream.write_all(head.as_bytes()).expect("it reads");
    stream.set_read_timeout(Some(LIMIT)).expect("a timeout");
    let mut status = [0; 12];
    stream.read_exact(&mut status).expect("an answer");
    String::from_utf8_lossy(&status).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_series_is_there_from_the_start_and_no_outcome_adds_one() {
    let nobody_listens = format!("http://127.0.0.1:{}/", free_port());
    let launch = Launch::new()
        .with("WEBHOOK_URL", nobody_listens)
        .with("WEBHOOK_NETWORKS", "127.0.0.1")
        .with("WEBHOOK_SECRET", "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    let calrelay = launch.start().await;
    let before = MetricsPage::of(&calrelay).await;
    before.lint();
    let both = Shape::golden("api").and(&Shape::golden("worker"));
    before.shape().is(&both, "what api and worker tell");

    let (url, key) = (calrelay.url(""), calrelay.key());
    let slow = tokio::task::spawn_blocking(move || too_slow(&url, &key));
    every_outcome(&calrelay).await;
    let refusals = refusals(&calrelay);
    let reasons: Vec<&str> = refusals.iter().map(|(reason, _)| *reason).chain(["body-too-slow"]).collect();
    for (reason, request) in refusals {
        let reply = request.send().await.expect("an answer");
        let problem: Value = reply.json().await.expect("JSON");
        assert!(problem["type"].as_str().is_some_and(|name| name.ends_with(reason)), "{reason}: {problem}");
    }
    assert_eq!(slow.await.expect("it ends"), "HTTP/1.1 408");

    let moved = [
        "jobs_accepted_total{route=\"/api/v1/events\"}",
        "jobs_finished_total{outcome=\"succeeded\"}",
        "jobs_finished_total{outcome=\"failed\"}",
        "jobs_finished_total{outcome=\"cancelled\"}",
        "job_duration_seconds_count{outcome=\"cancelled\"}",
        "job_queue_wait_seconds_count",
        "publish_confirm_seconds_count",
        "attempts_total{disposition=\"succeeded\"}",
        "attempts_total{disposition=\"retry\"}",
        "attempts_total{disposition=\"defer\"}",
        "attempts_total{disposition=\"push_back\"}",
        "attempts_total{disposition=\"fail\"}",
        "attempts_total{disposition=\"block_guests\"}",
        "attempts_total{disposition=\"block_account\"}",
        "deferrals_total{reason=\"throttled\"}",
        "deferrals_total{reason=\"operator\"}",
        "deferrals_total{reason=\"blocked\"}",
        "google_requests_total{method=\"events.insert\",result=\"ok\"}",
        "google_requests_total{method=\"events.insert\",result=\"throttled\"}",
        "google_requests_total{method=\"events.insert\",result=\"refused\"}",
        "google_requests_total{method=\"events.insert\",result=\"unavailable\"}",
        "google_requests_total{method=\"events.insert\",result=\"api_disabled\"}",
        "google_requests_total{method=\"events.insert\",result=\"usage_limits\"}",
        "google_request_duration_seconds_count{method=\"events.get\"}",
        "token_refreshes_total{result=\"ok\"}",
        "token_refreshes_total{result=\"invalid_grant\"}",
        "token_cache_total{result=\"hit\"}",
        "token_cache_total{result=\"miss\"}",
        "notices_total{kind=\"webhook\",result=\"retried\"}",
        "http_requests_total{route=\"/api/v1/events\",method=\"POST\",status=\"2xx\"}",
        "http_requests_total{route=\"/api/v1/jobs/{id}\",method=\"DELETE\",status=\"2xx\"}",
        "http_request_duration_seconds_count{route=\"/api/v1/events\"}",
    ];
    let after = MetricsPage::of(&calrelay).await;
    for series in moved {
        assert!(before.value(series) == 0.0 && after.value(series) > 0.0, "{series} did not move from 0");
    }
    for reason in reasons {
        let series = format!("jobs_rejected_total{{reason=\"{reason}\"}}");
        assert_eq!((before.value(&series), after.value(&series)), (0.0, 1.0), "{series}");
    }
    // Gauges are looked after every few seconds.
    eventually("gauges", LIMIT, || async {
        let page = MetricsPage::of(&calrelay).await;
        let shown = page.value("accounts{state=\"needs_reauthorization\"}") == 1.0
            && page.value("dead_letters") == 2.0
            && page.value("quota_used_ratio{window=\"day\"}") > 0.0
            && page.value("dependency_up{name=\"google\"}") == 1.0;
        shown.then_some(())
    })
    .await;
    after.lint();
    after.shape().is(&before.shape(), "the first page");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_callers_ask_for_makes_no_series() {
    let calrelay = Launch::new().with("DEV_NO_AUTH", 1).with("RATE_LIMIT", "1/15m").start().await;
    let before = MetricsPage::of(&calrelay).await;
    let paths = [
        "/wp-login.php",
        "/api/v1/jobs/a/b",
        "/api/v1/jobs/{id}",
        "/%00",
        "/api//v1/events",
        "/metrics",
        EVENTS,
    ];
    for path in paths.into_iter().map(str::to_owned).chain((0..50).map(|number| format!("/{number}"))) {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW", "get"] {
            let method = Method::from_bytes(method.as_bytes()).expect("a token");
            calrelay.http().request(method, calrelay.url(&path)).send().await.expect("an answer");
        }
    }
    for _ in 0..3 {
        calrelay.post(EVENTS, &event(json!({}))).send().await.expect("an answer");
    }
    let after = MetricsPage::of(&calrelay).await;
    after.shape().is(&before.shape(), "the first page");
    let unknown = "http_requests_total{route=\"other\",method=\"other\",status=\"4xx\"}";
    assert!(after.value(unknown) > 300.0, "{}", after.value(unknown));
    assert!(after.value("jobs_rejected_total{reason=\"rate-limited\"}") >= 2.0);
}
