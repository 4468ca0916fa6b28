//! One account's thousands: as fast as Google allows, never faster, and in nobody's way.

mod fast_clock;
mod office;
mod under_way;

use std::time::{Duration, Instant};

use common::seal::Key;
use futures_util::stream::{self, StreamExt as _};
use jiff::{SignedDuration, Timestamp};
use tests::{SandboxView, eventually, sliding_minutes};

use fast_clock::FastClock;
use office::Office;

/// Google's limit for one user.
const LIMIT: usize = 600;

/// The account with the backlog, and the account with one job.
const MANY: (&str, &str) = ("many", "ada@example.com");
const ONE: (&str, &str) = ("one", "grace@example.com");

/// Google's limit for one calendar is as high as the one for its user: with a few calendars it is the user's that counts.
fn calendars() -> Vec<String> {
    (1..=5).map(|number| format!("c{number}@group.calendar.google.com")).collect()
}

fn provider() {
    // Another test of this process may have been faster.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

async fn post_many(office: &Office, count: usize) {
    let calendars = calendars();
    stream::iter(0..count)
        .for_each_concurrent(16, |number| {
            let calendar = &calendars[number % calendars.len()];
            async move { drop(office.post(MANY.0, calendar).await) }
        })
        .await;
}

/// How long a single job took, from acceptance to its end.
#[derive(Debug, Clone, Copy)]
struct Took {
    /// By the clock that all share.
    fast: SignedDuration,
    /// By the machine's, and the test's way to look at it.
    real: Duration,
}

async fn single_job(office: &Office) -> Took {
    let began = Instant::now();
    let id = office.post(ONE.0, "primary").await;
    let job = eventually("a single job", Duration::from_secs(60), || async {
        let job = office.job(&id).await;
        (job["state"] == "succeeded").then_some(job)
    })
    .await;
    let at = |name: &str| job[name].as_str().expect("a text").parse::<Timestamp>().expect("an instant");
    Took { fast: at("finishedAt").duration_since(at("submittedAt")), real: began.elapsed() }
}

/// When requests for `user` came in, oldest first. Every one of them must have been answered with 200.
async fn requests(google: &SandboxView, user: &str) -> Vec<Timestamp> {
    let all = google.requests().await;
    let refused: Vec<_> = all.iter().filter(|request| request.status != Some(200)).collect();
    assert!(refused.is_empty(), "{} refused, such as {:?}", refused.len(), refused[0]);
    let calendar = all.iter().filter(|request| request.method.starts_with("events."));
    let of_user = calendar.filter(|request| request.user.as_deref() == Some(user));
    let mut starts: Vec<Timestamp> = of_user.map(|request| request.start).collect();
    starts.sort();
    starts
}

fn median(jobs: &[Took]) -> SignedDuration {
    let mut spans: Vec<SignedDuration> = jobs.iter().map(|took| took.fast).collect();
    spans.sort();
    spans[spans.len() / 2]
}

fn slowest(jobs: &[Took]) -> Duration {
    jobs.iter().map(|took| took.real).max().expect("there were some")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_uses_97_percent_of_its_accounts_limit_never_more_and_delays_nobody_else() {
    const JOBS: usize = 3_000;
    provider();
    let dir = tempfile::tempdir().expect("a folder");
    let clock = FastClock::start();
    let (_running, google) = office::google(&clock).await;
    let key = Key::random().to_base64();
    let mut office = Office::open(dir.path(), &key, &google, &clock).await;
    office.connect(&google, MANY.0, MANY.1, &calendars()).await;
    office.connect(&google, ONE.0, ONE.1, &[]).await;
    office.work();

    clock.run_at(20);
    let mut alone = Vec::new();
    for _ in 0..5 {
        alone.push(single_job(&office).await);
    }
    clock.run_at(1);
    post_many(&office, JOBS).await;
    clock.run_at(20);
    let mut beside = Vec::new();
    for share in [1, 2, 3, 4, 5] {
        eventually("the backlog's next sixth", Duration::from_secs(120), || async {
            (done(&google).await >= JOBS * share / 6).then_some(())
        })
        .await;
        beside.push(single_job(&office).await);
    }
    eventually("the end of the backlog", Duration::from_secs(120), || async {
        let states = office.states().await;
        (states.get("succeeded") == Some(&(JOBS + 10))).then_some(())
    })
    .await;

    let starts = requests(&google, MANY.1).await;
    let (whole, most) = sliding_minutes(&starts);
    let span = starts[starts.len() - 1].duration_since(starts[0]);
    let used = (starts.len() - 1) as f64 / span.as_secs_f64() * 60.0 / LIMIT as f64;
    let least = whole.iter().min().expect("several minutes");
    println!(
        "{} requests in {:.1} s: {:.2} % of the limit; sliding minutes from {least} to {most}; \
         a single job took {} ms alone and {} ms beside the backlog (medians; at most {} and {} ms of real time)",
        starts.len(),
        span.as_secs_f64(),
        used * 100.0,
        median(&alone).as_millis(),
        median(&beside).as_millis(),
        slowest(&alone).as_millis(),
        slowest(&beside).as_millis(),
    );
    assert_eq!(starts.len(), JOBS, "a job without a conference is one request");
    assert!(most <= LIMIT, "{most} requests in a minute");
    assert!(used >= 0.97, "{used}");
    assert!(median(&beside) <= median(&alone) + SignedDuration::from_secs(2), "{alone:?} {beside:?}");
    assert!(slowest(&beside) <= slowest(&alone) + Duration::from_secs(2), "{alone:?} {beside:?}");
    assert_each_once(&google, JOBS + 10).await;
    office.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_downtime_a_thousand_overdue_jobs_of_one_account_do_not_delay_another() {
    const JOBS: usize = 1_000;
    provider();
    let dir = tempfile::tempdir().expect("a folder");
    let clock = FastClock::start();
    let (_running, google) = office::google(&clock).await;
    let key = Key::random().to_base64();
    let office = Office::open(dir.path(), &key, &google, &clock).await;
    office.connect(&google, MANY.0, MANY.1, &calendars()).await;
    office.connect(&google, ONE.0, ONE.1, &[]).await;
    // Nobody works: the jobs wait in line, and then the line's time is long past.
    post_many(&office, JOBS).await;
    office.close().await;
    clock.advance(Duration::from_secs(3_600));

    let mut office = Office::open(dir.path(), &key, &google, &clock).await;
    office.work();
    let mut beside = Vec::new();
    for _ in 0..5 {
        beside.push(single_job(&office).await);
    }
    let overdue = JOBS - done(&google).await;
    clock.run_at(20);
    eventually("the end of the backlog", Duration::from_secs(120), || async {
        let states = office.states().await;
        (states.get("succeeded") == Some(&(JOBS + 5))).then_some(())
    })
    .await;
    clock.run_at(1);
    let mut alone = Vec::new();
    for _ in 0..5 {
        alone.push(single_job(&office).await);
    }

    let starts = requests(&google, MANY.1).await;
    let (_, most) = sliding_minutes(&starts);
    println!(
        "single jobs took {} ms of real time while {overdue} and more overdue jobs waited, and at most {} ms alone; \
         {most} requests in the busiest minute",
        beside.iter().map(|took| took.real.as_millis().to_string()).collect::<Vec<_>>().join(", "),
        slowest(&alone).as_millis(),
    );
    assert!(overdue > JOBS * 3 / 4, "the backlog was nearly over: {overdue} were left");
    assert!(slowest(&beside) <= slowest(&alone) + Duration::from_secs(3), "{alone:?} {beside:?}");
    assert!(most <= LIMIT, "{most} requests in a minute");
    assert_eq!(starts.len(), JOBS, "a job without a conference is one request");
    assert_each_once(&google, JOBS + 10).await;
    office.close().await;
}

/// How many of the backlog's events there are.
async fn done(google: &SandboxView) -> usize {
    let stats = google.read("/_sandbox/stats").await;
    let inserts = stats["requests"]["events.insert"]["ok"].as_u64().unwrap_or(0);
    usize::try_from(inserts).expect("a count")
}

async fn assert_each_once(google: &SandboxView, count: usize) {
    let events = google.events().await;
    assert_eq!(events.len(), count);
    assert!(events.values().all(|stored| stored.inserts == 1 && stored.event["status"] == "confirmed"));
}
