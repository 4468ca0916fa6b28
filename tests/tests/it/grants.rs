//! Google refuses a token: what becomes of jobs and their account, what people are told, and that all of it ends well.

mod bench;
mod operator;
mod rows;
mod switches;
mod trading;

use futures_util::stream::{self, StreamExt as _};
use serde_json::{Value, json};

use bench::Bench;
use rows::{ROWS, Refresh, Row};

/// Jobs that meet each refusal.
const JOBS: usize = 5;
/// Rows that are tried at a time, each with a server of its own.
const AT_A_TIME: usize = 5;

/// Tries all rows that mean this, and says which went wrong.
async fn each<F>(which: impl Fn(Refresh) -> bool, meet: impl Fn(&'static Row) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let rows: Vec<&'static Row> = ROWS.iter().filter(|row| which(row.refresh)).collect();
    assert!(!rows.is_empty());
    let met = stream::iter(rows).map(|row| {
        let met = tokio::spawn(meet(row));
        async move { (row.name(), met.await.is_ok()) }
    });
    let met: Vec<(String, bool)> = met.buffer_unordered(AT_A_TIME).collect().await;
    let wrong: Vec<&String> = met.iter().filter(|(_, well)| !well).map(|(name, _)| name).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn counted(job: &Value) -> (u64, u64) {
    (job["attempts"].as_u64().expect("a number"), job["deferrals"].as_u64().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_has_ended_is_asked_once_and_its_jobs_wait_for_the_user_who_is_told_what_to_do() {
    each(|refresh| matches!(refresh, Refresh::Reconnect { .. }), reconnects).await;
}

async fn reconnects(row: &'static Row) {
    let Refresh::Reconnect { cause, says } = row.refresh else { panic!("{}", row.name()) };
    let bench = Bench::start().await;
    bench.google.fault(row.fault("token.refresh")).await;
    let ids = bench.jobs(JOBS).await;
    for id in &ids {
        let job = bench.until(id, "blocked").await;
        assert_eq!((&job["blockedBy"], &job["waitingFor"]), (&json!("reauthorization"), &Value::Null));
        let (attempts, deferrals) = counted(&job);
        assert!(attempts == 0 && deferrals <= 1, "nothing of it is the job's fault: {job}");
        let detail = job["detail"].as_str().expect("a sentence");
        assert!(detail.contains("has to connect it again"), "{detail}");
    }
    assert_eq!(bench.asked("token.refresh").await, 1, "once for all jobs");
    let account = bench.account().await;
    assert_eq!((&account["state"], &account["cause"]), (&json!("needsReauthorization"), &json!(cause)));
    let detail = account["detail"].as_str().expect("a sentence");
    assert!(detail.contains(says) && detail.contains("has to connect it again"), "{detail}");
    let page = bench.setup_page().await;
    assert!(page.contains("Needs to be connected again") && page.contains(says), "{page}");
    assert!(!page.contains("Google refuses the OAuth client"), "{page}");

    // Whom it concerns is told first: of what is over already there is nothing to tell.
    bench.notices(1).await;
    bench.google.no_faults().await;
    bench.reconnect().await;
    bench.succeeded(&ids).await;
    bench.each_once(&ids).await;
    assert_eq!(bench.asked("token.refresh").await, 2, "and once for the new connection");
    let notices = bench.notices(1).await;
    assert_eq!((notices.len(), &notices[0]["data"]["cause"]), (1, &json!(cause)), "{notices:?}");
    assert_eq!(bench.account().await["state"], "connected");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_google_refuses_is_the_operators_trouble_and_no_account_is_blamed() {
    each(|refresh| refresh == Refresh::Operator, waits_for_an_operator).await;
}

async fn waits_for_an_operator(row: &'static Row) {
    let bench = Bench::start().await;
    bench.google.fault(row.fault("token.refresh")).await;
    let ids = bench.jobs(JOBS).await;
    for id in &ids {
        let job = bench.until(id, "waiting").await;
        assert_eq!((&job["waitingFor"], &job["blockedBy"]), (&json!("operator"), &Value::Null));
        assert_eq!(counted(&job), (0, 1), "{job}");
        let detail = job["detail"].as_str().expect("a sentence");
        assert!(detail.contains("an operator has to mend"), "{detail}");
    }
    assert_eq!(bench.asked("token.refresh").await, 1, "once for all jobs");
    assert_eq!(bench.account().await["state"], "connected");
    let page = bench.setup_page().await;
    let code = format!("Google refuses the OAuth client of this server ({})", row.error);
    assert!(page.contains(&code) && page.contains("An operator has to look"), "{page}");
    let log = bench.calrelay.log();
    assert_eq!(log.matches("An operator has to act").count(), 1, "{log}");
    assert!(log.contains(row.description), "in Google's words: {log}");

    bench.google.no_faults().await;
    bench.succeeded(&ids).await;
    bench.each_once(&ids).await;
    assert_eq!(bench.asked("token.refresh").await, 2, "and once for all when it was mended");
    assert_eq!(bench.notices(0).await, Vec::<Value>::new(), "no user has to do anything");
    let page = bench.setup_page().await;
    assert!(!page.contains("Google refuses the OAuth client"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_endpoint_that_fails_is_asked_again_and_counts_against_no_job() {
    each(|refresh| refresh == Refresh::Retry, is_tried_again).await;
}

async fn is_tried_again(row: &'static Row) {
    let bench = Bench::start().await;
    let mut fault = row.fault("token.refresh");
    fault["count"] = json!(3);
    bench.google.fault(fault).await;
    let ids = bench.jobs(JOBS).await;
    bench.succeeded(&ids).await;
    bench.each_once(&ids).await;
    assert_eq!(
        bench.asked("token.refresh").await,
        4,
        "each failure is one job's, and one success is everybody's"
    );
    let mut deferrals = 0;
    for id in &ids {
        let counted = counted(&bench.calrelay.job(id).await);
        assert_eq!(counted.0, 0, "it is not the job's fault");
        deferrals += counted.1;
    }
    assert_eq!(deferrals, 3);
    assert_eq!(bench.notices(0).await, Vec::<Value>::new());
    assert_eq!(bench.account().await["state"], "connected");
}
