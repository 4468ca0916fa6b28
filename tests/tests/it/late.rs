//! Google carries an insert out long after calrelay was cut off: no job that says there is no event leaves one behind.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tests::{Calrelay, Launch, eventually};

use crate::accounts::connect;

/// Two minutes after its last write a job looks for it again.
const ENDED: Duration = Duration::from_secs(240);

/// How a job comes to its end while its insert is on its way. Each has an account of its own, so that it has faults
/// of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Ending {
    Cancelled,
    Expired,
    Exhausted,
}

impl Ending {
    const ALL: [Self; 3] = [Self::Cancelled, Self::Expired, Self::Exhausted];

    fn account(self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Exhausted => "exhausted",
        }
    }

    fn user(self) -> String {
        format!("{}@example.com", self.account())
    }

    fn body(self) -> Value {
        let mut body = json!({
            "account": self.account(), "summary": "Late", "conference": false,
            "start": {"dateTime": "2027-03-01T09:00:00Z"}, "end": {"dateTime": "2027-03-01T10:00:00Z"},
            "attendees": [{"email": "guest@example.net"}],
        });
        if self == Self::Expired {
            body["notAfter"] = json!((Timestamp::now() + SignedDuration::from_secs(3)).to_string());
        }
        body
    }
}

/// What a run has come to, by how it ended and what was said.
type Tally = HashMap<(Ending, String), usize>;

/// Accounts whose jobs go well. There are so many that the breaker sees that Google is not down: otherwise it leaves
/// most of the first tries out.
const WELL: [&str; 4] = ["well-1", "well-2", "well-3", "well-4"];

/// Submits so many jobs, each beside one that goes well.
async fn submit(calrelay: &Calrelay, ending: Ending, count: usize) -> Vec<String> {
    let posts = (0..count).map(|number| async move {
        let mut well = ending.body();
        well["account"] = json!(WELL[number % WELL.len()]);
        let title = format!("{ending:?}-{number}");
        calrelay.submit(&well, &format!("{title}-well")).await.expect("accepted");
        calrelay.submit(&ending.body(), &title).await.expect("accepted")
    });
    join_all(posts).await
}

async fn until_all(
    calrelay: &Calrelay,
    ids: &[String],
    what: &str,
    is: impl Fn(&Value) -> bool,
) -> Vec<Value> {
    eventually(what, ENDED, || async {
        let jobs = join_all(ids.iter().map(|id| calrelay.job(id))).await;
        jobs.iter().all(&is).then_some(jobs)
    })
    .await
}

/// Cancels each job right after its first attempt has failed, when its write may have taken effect and cannot have yet.
async fn cancel_each(calrelay: &Calrelay, ids: &[String]) {
    join_all(ids.iter().map(|id| async move {
        eventually("a failed attempt", ENDED, || async {
            (calrelay.job(id).await["attempts"].as_u64() >= Some(1)).then_some(())
        })
        .await;
        let reply = calrelay.delete(&format!("/api/v1/jobs/{id}")).send().await.expect("an answer");
        assert_eq!(reply.status(), 202, "{id}: it may have written");
    }))
    .await;
}

/// Ends so many jobs of each kind while their inserts are carried out `late` after calrelay was cut off. Answers what
/// they said, and how many of them said that there is no event and left one behind.
async fn run(late: Duration, endings: &[Ending], count: usize) -> (Tally, usize) {
    let launch = Launch::new().unlimited().with("MAX_ATTEMPTS", 4);
    let calrelay = launch.start().await;
    let sandbox = calrelay.sandbox();
    sandbox.no_quotas().await;
    for account in WELL {
        connect(&launch, &sandbox, account, &format!("{account}@example.com")).await;
    }
    for ending in endings {
        connect(&launch, &sandbox, ending.account(), &ending.user()).await;
        let inserts =
            json!({"method": "events.insert", "user": ending.user(), "commitAfterMs": late.as_millis()});
        sandbox.fault(inserts).await;
    }
    let ids = join_all(endings.iter().map(|ending| submit(&calrelay, *ending, count))).await;
    for (ending, ids) in endings.iter().zip(&ids) {
        if *ending == Ending::Cancelled {
            cancel_each(&calrelay, ids).await;
        }
    }
    let mut said = Vec::new();
    for (ending, ids) in endings.iter().zip(&ids) {
        let jobs = until_all(&calrelay, ids, "every job's end", |job| !job["finishedAt"].is_null()).await;
        said.extend(jobs.into_iter().map(|job| (*ending, job)));
    }
    // What was sent last is carried out by then.
    let last = Timestamp::now() + SignedDuration::try_from(late).expect("a short time");
    eventually("the last late insert", ENDED, || async { (Timestamp::now() > last).then_some(()) }).await;
    let events = sandbox.events().await;
    let (mut tally, mut left_behind) = (Tally::new(), 0);
    for (ending, job) in said {
        let id = job["jobId"].as_str().expect("an id");
        let stands = events.get(id).is_some_and(|stored| stored.event["status"] != "cancelled");
        let says_none = job["state"] == "cancelled" || job["error"]["effect"] == "none";
        left_behind += usize::from(says_none && stands);
        assert!(job["state"] != "succeeded" || stands, "{job}");
        *tally.entry((ending, format!("{} {}", job["state"], job["error"]["effect"]))).or_default() += 1;
    }
    assert!(events.values().all(|stored| stored.inserts <= 1), "an event was made twice");
    (tally, left_behind)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_job_leaves_no_event_however_late_google_carries_its_insert_out() {
    let (tally, left_behind) = run(Duration::from_secs(4), &[Ending::Cancelled], 5).await;
    println!("{tally:?}");
    assert_eq!(left_behind, 0, "{tally:?}");
    assert_eq!(tally[&(Ending::Cancelled, "\"cancelled\" null".to_owned())], 5, "{tally:?}");
}

/// Minutes of real time; `./test.sh --long` alone runs it.
mod rarely {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn in_three_hundred_runs_no_job_that_says_there_is_no_event_leaves_one() {
        let runs = [10, 25, 40].map(|late| run(Duration::from_secs(late), &Ending::ALL, 34));
        let runs = join_all(runs).await;
        for (tally, left_behind) in &runs {
            println!("{tally:?}: {left_behind} left behind");
        }
        assert_eq!(runs.iter().map(|(tally, _)| tally.values().sum::<usize>()).sum::<usize>(), 306);
        assert_eq!(runs.iter().map(|(_, left_behind)| left_behind).sum::<usize>(), 0);
    }
}
