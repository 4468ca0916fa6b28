//! Several processes use one Redis.

use std::sync::Arc;
use std::time::Duration;

use common::job::{
    BlockReason, Effect, Job, JobId, JobState, Lease, Pause, Refusal, StateName, Step, Tally, WaitReason,
};
use common::port::{Accepted, Backlog, Change, JobStore, ListFilter, Page};
use common::sample;
use common::time;
use tokio::task::JoinSet;

use super::{accepted, process, server, store, taken};

#[tokio::test(flavor = "multi_thread")]
async fn one_of_fifty_processes_starts_a_job() {
    let server = server().await;
    let job = sample::job("o", "a");
    accepted(&store(&server), &job, Backlog::default()).await;
    let mut starting = JoinSet::new();
    for _ in 0..50 {
        let (store, id) = (store(&server), job.id.clone());
        starting.spawn(async move {
            let lease = sample::lease(sample::at(60));
            let (tally, effect) = (Tally::default(), Effect::None);
            let start = Step::Start { lease: lease.clone(), hop: 1, tally, effect };
            match store.take(&id, &start, sample::at(1)).await.unwrap() {
                Change::Taken(_) => Some(lease),
                Change::Refused(refusal) => {
                    assert_eq!(refusal, Refusal::LeasedUntil(sample::at(60)));
                    None
                }
            }
        });
    }
    let winners: Vec<_> = starting.join_all().await.into_iter().flatten().collect();
    let kept = store(&server).get(&job.id).await.unwrap().unwrap();
    assert_eq!(winners.len(), 1);
    assert_eq!(kept.state, JobState::Running(winners[0].clone()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_late_never_overwrites_what_was_done_meanwhile() {
    let server = server().await;
    let (ingress, worker) = (store(&server), store(&server));
    let job = sample::job("o", "a");
    accepted(&ingress, &job, Backlog::default()).await;
    let done = taken(&worker, &job.id, Step::Succeed(sample::sealed())).await;
    // The ingress still remembers the record as it has written it.
    let late = ingress.take(&job.id, &Step::Enqueued, sample::at(2)).await;
    assert_eq!(late, Ok(Change::Refused(Refusal::OutOfPlace)));
    ingress.withdraw(&job.id).await.unwrap();
    assert_eq!(ingress.get(&job.id).await, Ok(Some(done)));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_remembers_a_record_hears_what_others_did_to_it() {
    let server = server().await;
    let (worker, ingress) = (store(&server), store(&server));
    let job = sample::job("o", "a");
    accepted(&ingress, &job, Backlog::default()).await;
    let lease = sample::lease(sample::at(60));
    let (tally, effect) = (Tally::default(), Effect::Unknown);
    taken(&worker, &job.id, Step::Start { lease: lease.clone(), hop: 1, tally, effect }).await;
    taken(&ingress, &job.id, Step::Cancel).await;
    let begun = worker.take(&job.id, &Step::BeginWrite(lease), sample::at(2)).await;
    assert_eq!(begun, Ok(Change::Refused(Refusal::CancelRequested)));
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_by_other_processes_wake_those_who_watch() {
    let server = server().await;
    let (ingress, worker) = (store(&server), store(&server));
    let job = sample::job("o", "a");
    accepted(&ingress, &job, Backlog::default()).await;
    let mut watch = ingress.watch(&job.id);
    // The first wake is the subscription's own: what was before it may have been missed.
    tokio::time::timeout(Duration::from_secs(20), watch.changed()).await.expect("subscribed");
    let mut other = ingress.watch(&sample::job("o", "a").id);
    taken(&worker, &job.id, Step::Enqueued).await;
    tokio::time::timeout(Duration::from_secs(20), watch.changed()).await.expect("woken");
    let waited = tokio::time::timeout(Duration::from_millis(300), other.changed()).await;
    assert!(waited.is_err(), "another job's watcher sleeps on");
    taken(&worker, &job.id, Step::Cancel).await;
    tokio::time::timeout(Duration::from_secs(20), watch.changed()).await.expect("woken again");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_line_and_the_backlog_are_all_processes_own() {
    let server = server().await;
    let stores: Vec<_> = (0..4).map(|_| store(&server)).collect();
    let most = Backlog { per_account: 40, per_owner: 1_000 };
    let mut accepting = JoinSet::new();
    for number in 0..100 {
        let store = Arc::clone(&stores[number % 4]);
        accepting.spawn(async move {
            let job = sample::job("o", "a");
            match store.accept(&job, most, &sample::line("a")).await.unwrap() {
                Accepted::New { delay, .. } => Some(delay),
                Accepted::AccountFull => None,
                other @ (Accepted::Known(_) | Accepted::OwnerFull) => panic!("{other:?}"),
            }
        });
    }
    let mut delays: Vec<_> = accepting.join_all().await.into_iter().flatten().collect();
    delays.sort_unstable();
    assert_eq!(delays.len(), 40);
    // Each has a turn of its own, a tenth of a second after the last, less what passed meanwhile.
    assert!(delays.windows(2).all(|pair| pair[0] < pair[1]), "{delays:?}");
    assert!(delays[39] > Duration::from_secs(2) && delays[39] < Duration::from_secs(5), "{delays:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn databases_of_one_server_know_nothing_of_each_other() {
    let server = server().await;
    let here = store(&server);
    let there: Arc<dyn JobStore> = process(&format!("{}/3", server.url())).store(time::days(7));
    let job = sample::job("o", "a");
    accepted(&here, &job, Backlog::default()).await;
    assert_eq!(there.get(&job.id).await, Ok(None));
    let mut watch = there.watch(&job.id);
    tokio::time::timeout(Duration::from_secs(20), watch.changed()).await.expect("subscribed");
    taken(&here, &job.id, Step::Cancel).await;
    let waited = tokio::time::timeout(Duration::from_millis(300), watch.changed()).await;
    assert!(waited.is_err(), "another database's change");
}

/// All that a filter gives.
async fn listed(store: &Arc<dyn JobStore>, filter: &ListFilter, limit: u32) -> Vec<JobId> {
    let mut listed = Vec::new();
    let mut after = None;
    loop {
        let page = store.list(filter, Page { after, limit }).await.unwrap();
        let Some(last) = page.last() else {
            return listed;
        };
        after = Some((last.submitted_at, last.id.clone()));
        listed.extend(page.into_iter().map(|job| job.id.clone()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rare_job_is_found_among_thousands() {
    let server = server().await;
    let store = store(&server);
    let mut making = JoinSet::new();
    for number in 0..4_000u64 {
        let store = Arc::clone(&store);
        making.spawn(async move {
            let account = if number % 1_000 == 999 { "rare" } else { "a" };
            let state = match number % 4 {
                0 => JobState::Queued,
                1 => JobState::Running(sample::lease(sample::at(60))),
                2 => JobState::Failed(sample::failure()),
                _ => JobState::Succeeded { result: sample::sealed() },
            };
            let job = sample::job("o", account).with(|fields| {
                fields.state = state;
                fields.submitted_at = sample::at(number / 10);
            });
            store.restore(&job).await.unwrap();
            (job.submitted_at, job)
        });
    }
    let mut all: Vec<Job> = making.join_all().await.into_iter().map(|(_, job)| job).collect();
    all.sort_by_key(|job| (job.submitted_at, job.id.clone()));
    let ids = |wanted: &dyn Fn(&Job) -> bool| -> Vec<JobId> {
        all.iter().filter(|job| wanted(job)).map(|job| job.id.clone()).collect()
    };
    let any = ListFilter::default();
    assert_eq!(listed(&store, &any, 700).await, ids(&|_| true));
    let rare = ListFilter { account: Some(sample::account("rare")), ..any.clone() };
    assert_eq!(listed(&store, &rare, 3).await, ids(&|job| job.account.as_str() == "rare"));
    for state in [StateName::Running, StateName::Failed, StateName::Succeeded, StateName::Cancelled] {
        for owner in [None, Some(sample::owner("o")), Some(sample::owner("p"))] {
            let filter = ListFilter { state: Some(state), owner: owner.clone(), ..any.clone() };
            let expected =
                ids(&|job| job.state.name() == state && owner.as_ref().is_none_or(|of| *of == job.owner));
            assert_eq!(listed(&store, &filter, 333).await, expected, "{filter:?}");
        }
    }
}

/// A sequence of numbers that look random, the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

/// Does something to one of the jobs, whatever comes of it.
async fn meddle(store: &Arc<dyn JobStore>, job: &Job, lease: &Lease, dice: &mut Dice) {
    let (tally, effect) = (Tally::default(), Effect::None);
    let paused = || Pause::Blocked { why: BlockReason::Paused, until: None };
    let waiting = || Pause::Waiting { why: WaitReason::Retry, until: sample::at(300) };
    let postpone = |pause| Step::Postpone { lease: lease.clone(), pause, tally, effect, hop: 1, turn: None };
    let step = match dice.below(13) {
        0 => return drop(store.accept(job, Backlog::default(), &sample::line("a")).await.unwrap()),
        1 => return drop(store.restore(job).await.unwrap()),
        2 => return store.withdraw(&job.id).await.unwrap(),
        3 => {
            store.forget_finished(sample::at(1)).await.unwrap();
            return;
        }
        4 => Step::Enqueued,
        5 | 6 => Step::Start { lease: lease.clone(), hop: 1, tally, effect },
        7 => postpone(paused()),
        8 => postpone(waiting()),
        9 => Step::Fail(lease.clone(), sample::failure()),
        10 => Step::Cancel,
        11 => Step::Replay { hop: 1, not_after: sample::at(dice.below(9_000) as u64) },
        _ => Step::Succeed(sample::sealed()),
    };
    let now = sample::at(dice.below(3) as u64);
    store.take(&job.id, &step, now).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn records_and_the_sets_they_are_found_by_agree_whatever_happened() {
    let server = server().await;
    let jobs: Vec<(Job, Lease)> = (0..60)
        .map(|number| {
            let owner = ["o", "p"][number % 2];
            let job =
                sample::job(owner, "a").with(|fields| fields.submitted_at = sample::at(number as u64 / 5));
            (job, sample::lease(sample::at(60)))
        })
        .collect();
    let jobs = Arc::new(jobs);
    let mut meddling = JoinSet::new();
    for process in 0..8 {
        let (store, jobs) = (store(&server), jobs.clone());
        meddling.spawn(async move {
            let mut dice = Dice(process);
            for _ in 0..600 {
                let (job, lease) = &jobs[dice.below(jobs.len())];
                meddle(&store, job, lease, &mut dice).await;
            }
        });
    }
    meddling.join_all().await;
    let mut known = Vec::new();
    let store = store(&server);
    for (job, _) in jobs.iter() {
        known.extend(store.get(&job.id).await.unwrap());
    }
    let members = |set: &str| -> Vec<String> {
        let text = server.command(&["ZRANGE", &format!("calrelay:{set}"), "0", "-1"]);
        let ids = text.lines().filter_map(|entry| entry.get(16..42));
        let mut ids: Vec<String> = ids.map(str::to_owned).collect();
        ids.sort();
        ids
    };
    let records = |wanted: &dyn Fn(&Job) -> bool| -> Vec<String> {
        let mut ids: Vec<_> = known.iter().filter(|job| wanted(job)).map(|job| job.id.to_string()).collect();
        ids.sort();
        ids
    };
    for (set, states) in [
        ("open", [StateName::Queued, StateName::Running, StateName::Waiting].as_slice()),
        ("blocked", &[StateName::Blocked]),
        ("succeeded", &[StateName::Succeeded]),
        ("failed", &[StateName::Failed]),
        ("cancelled", &[StateName::Cancelled]),
    ] {
        let expected = records(&|job| states.contains(&job.state.name()));
        assert_eq!(members(&format!("jobs:{set}")), expected, "{set}");
    }
    for owner in ["o", "p"] {
        assert_eq!(members(&format!("owner:{owner}")), records(&|job| job.owner.as_str() == owner));
        let open = records(&|job| job.owner.as_str() == owner && !job.is_finished());
        assert_eq!(members(&format!("backlog:{owner}")), open);
        assert_eq!(members(&format!("backlog:{owner}:a")), open);
    }
    assert_eq!(members("ended"), records(&|job| job.is_finished()));
    let waits_for_somebody = |job: &Job| matches!(job.state, JobState::Blocked { until: None, .. });
    let due = records(&|job| !job.is_finished() && !waits_for_somebody(job));
    assert_eq!(members("due"), due);
    assert!(known.len() > 20, "{} are left", known.len());
}
