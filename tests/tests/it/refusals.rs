//! Whatever the Calendar API refuses: what becomes of the job and its account, how often Google is asked, and what
//! people are told.

mod breakers;
mod person;
mod requests;
mod row;
mod rows;
mod runner;

use tests::Launch;

use runner::Runner;

/// Without keys, so that the setup page is open; and with few attempts, so that they are soon used up.
fn launch() -> Launch {
    Launch::new().unlimited().with("DEV_NO_AUTH", 1).with("MAX_ATTEMPTS", 3)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_about_one_user_has_its_own_end_requests_and_words() {
    let runner = Runner::start(launch()).await;
    let rows = rows::of_one_user();
    println!("{} rows", rows.len());
    runner.run_together(rows).await;
    let log = runner.log();
    assert!(
        log.contains(
            "An operator has to act, jobs wait: the Calendar API is disabled in the project; enable it"
        ),
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_about_the_whole_project_makes_everybody_wait() {
    let runner = Runner::start(launch()).await;
    for row in rows::of_the_project() {
        runner.run_and_watch_another(row).await;
    }
}
