//! Accepting and withdrawing.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::{accepted, sample, taken};
use crate::Bench;
use common::event::Priority;
use common::job::{Job, JobState, Step};
use common::port::{Accepted, Backlog, JobStore, Line};

const SMALL: Backlog = Backlog { per_account: 3, per_owner: 5 };

async fn accept(store: &Arc<dyn JobStore>, job: &Job) -> Accepted {
    store.accept(job, SMALL, &sample::line(job.account.as_str())).await.unwrap()
}

fn is_new(outcome: &Accepted) -> bool {
    matches!(outcome, Accepted::New { .. })
}

/// Of fifty that accept one job at once one records it, and the others are told what it recorded.
pub async fn the_same_job_is_accepted_once(bench: &mut impl Bench<dyn JobStore>) {
    let store = bench.open().await;
    let job = sample::job("o", "a");
    let mut accepting = JoinSet::new();
    for _ in 0..50 {
        let (store, job) = (store.clone(), job.clone());
        accepting.spawn(async move { accept(&store, &job).await });
    }
    let outcomes = accepting.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| is_new(outcome)).count(), 1);
    let known = Accepted::Known(Box::new(job.clone()));
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == known).count(), 49);
    assert_eq!(store.get(&job.id).await.unwrap(), Some(job.clone()));
    let queued = taken(&store, &job.id, Step::Enqueued).await;
    assert_eq!(accept(&store, &job).await, Accepted::Known(Box::new(queued)), "as it stands now");
}

/// An account's line and an owner's are each full on their own, and for nobody else.
pub async fn a_full_backlog_refuses(bench: &mut impl Bench<dyn JobStore>) {
    let store = bench.open().await;
    for _ in 0..3 {
        assert!(is_new(&accept(&store, &sample::job("o", "a")).await));
    }
    let refused = sample::job("o", "a");
    assert_eq!(accept(&store, &refused).await, Accepted::AccountFull);
    assert_eq!(store.get(&refused.id).await.unwrap(), None);
    for _ in 0..2 {
        assert!(is_new(&accept(&store, &sample::job("o", "b")).await));
    }
    assert_eq!(accept(&store, &sample::job("o", "b")).await, Accepted::OwnerFull);
    assert_eq!(accept(&store, &sample::job("o", "c")).await, Accepted::OwnerFull);
    assert!(is_new(&accept(&store, &sample::job("another", "a")).await));
    drop(store);
    let store = bench.restart().await;
    assert_eq!(accept(&store, &sample::job("o", "c")).await, Accepted::OwnerFull, "after a restart too");
}

/// A job that ends or is withdrawn or forgotten makes room once; one that is reopened takes it.
pub async fn an_ended_job_makes_room(bench: &mut impl Bench<dyn JobStore>) {
    let store = bench.open().await;
    let jobs: Vec<Job> = (0..3).map(|_| sample::job("o", "a")).collect();
    for job in &jobs {
        assert!(is_new(&accept(&store, job).await));
    }
    let full = async || accept(&store, &sample::job("o", "a")).await == Accepted::AccountFull;
    taken(&store, &jobs[0].id, Step::Cancel).await;
    let next = sample::job("o", "a");
    assert!(is_new(&accept(&store, &next).await), "a cancelled job made room");
    assert!(full().await);
    taken(&store, &jobs[1].id, Step::Succeed(sample::sealed())).await;
    taken(&store, &jobs[1].id, Step::Amend(sample::sealed())).await;
    store.withdraw(&jobs[2].id).await.unwrap();
    taken(&store, &jobs[0].id, Step::Replay { hop: 2, not_after: sample::at(60) }).await;
    assert!(is_new(&accept(&store, &sample::job("o", "a")).await), "two ended, one was reopened");
    assert!(full().await);
    store.forget_finished(sample::at(1_000)).await.unwrap();
    assert!(full().await, "forgetting what had ended makes no room");
}

/// Whoever asked for a job that is new is told since when nothing has been lost.
pub async fn a_new_job_comes_with_the_age_of_the_records(bench: &mut impl Bench<dyn JobStore>) {
    let store = bench.open().await;
    let Accepted::New { whole_since, .. } = accept(&store, &sample::job("o", "a")).await else {
        panic!("it is new");
    };
    assert_eq!(store.whole_since().await, Ok(whole_since));
}

/// Neither a repeat nor a refusal takes a place in the line.
pub async fn a_known_job_and_a_full_backlog_take_no_place(bench: &mut impl Bench<dyn JobStore>) {
    let store = bench.open().await;
    let job = sample::job("o", "a");
    let first = accept(&store, &job).await;
    assert!(matches!(first, Accepted::New { delay: Duration::ZERO, .. }), "{first:?}");
    for _ in 0..100 {
        accept(&store, &job).await;
        let full = Backlog { per_account: 1, per_owner: 1 };
        let line = sample::line("a");
        store.accept(&sample::job("o", "a"), full, &line).await.unwrap();
    }
    let Accepted::New { delay, .. } = accept(&store, &sample::job("o", "a")).await else {
        panic!("there is room");
    };
    assert!(delay <= Duration::from_millis(150), "{delay:?}");
}

/// An account's jobs are spread at its rate, and another account's first one has no delay.
pub async fn places_spread_the_jobs_of_an_account(bench: &mut impl Bench<dyn JobStore>) {
    let store = bench.open().await;
    let mut last = Duration::ZERO;
    for _ in 0..100 {
        let line = sample::line("a");
        match store.accept(&sample::job("o", "a"), Backlog::default(), &line).await.unwrap() {
            Accepted::New { delay, .. } => last = last.max(delay),
            refused @ (Accepted::Known(_) | Accepted::AccountFull | Accepted::OwnerFull) => {
                panic!("{refused:?}")
            }
        }
    }
    // A hundred at ten a second, less what passed meanwhile.
    assert!(last > Duration::from_secs(5) && last < Duration::from_secs(11), "{last:?}");
    let other = store.accept(&sample::job("o", "b"), Backlog::default(), &sample::line("b")).await;
    assert!(matches!(other, Ok(Accepted::New { delay: Duration::ZERO, .. })), "{other:?}");
}

/// A job that is not to join its line yet makes it no longer.
pub async fn a_job_that_takes_no_turn_yet_makes_nobody_wait(bench: &mut impl Bench<dyn JobStore>) {
    let store = bench.open().await;
    let outside = Line { charge: Duration::ZERO, ..sample::line("a") };
    for _ in 0..100 {
        let accepted = store.accept(&sample::job("o", "a"), Backlog::default(), &outside).await;
        assert!(matches!(accepted, Ok(Accepted::New { delay: Duration::ZERO, .. })), "{accepted:?}");
    }
    let first = store.accept(&sample::job("o", "a"), Backlog::default(), &sample::line("a")).await;
    assert!(matches!(first, Ok(Accepted::New { delay: Duration::ZERO, .. })), "{first:?}");
}

/// A normal job is placed as if there were no bulk jobs.
pub async fn bulk_jobs_make_no_normal_one_wait(bench: &mut impl Bench<dyn JobStore>) {
    let store = bench.open().await;
    let bulk = Line { priority: Priority::Bulk, ..sample::line("a") };
    let mut last = Duration::ZERO;
    for _ in 0..100 {
        match store.accept(&sample::job("o", "a"), Backlog::default(), &bulk).await.unwrap() {
            Accepted::New { delay, .. } => last = last.max(delay),
            refused @ (Accepted::Known(_) | Accepted::AccountFull | Accepted::OwnerFull) => {
                panic!("{refused:?}")
            }
        }
    }
    assert!(last > Duration::from_secs(5), "{last:?}");
    let first = store.accept(&sample::job("o", "a"), Backlog::default(), &sample::line("a")).await;
    assert!(matches!(first, Ok(Accepted::New { delay: Duration::ZERO, .. })), "{first:?}");
}

/// A record is withdrawn while it is accepting, and never later.
pub async fn only_an_accepting_job_is_withdrawn(bench: &mut impl Bench<dyn JobStore>) {
    let store = bench.open().await;
    let job = sample::job("o", "a");
    assert!(matches!(job.state, JobState::Accepting { .. }));
    accepted(&store, &job).await;
    store.withdraw(&job.id).await.unwrap();
    assert_eq!(store.get(&job.id).await.unwrap(), None);
    store.withdraw(&job.id).await.unwrap();
    accepted(&store, &job).await;
    let queued = taken(&store, &job.id, Step::Enqueued).await;
    store.withdraw(&job.id).await.unwrap();
    assert_eq!(store.get(&job.id).await.unwrap(), Some(queued));
}
