//! Steps.

use tokio::task::JoinSet;

use super::{accepted, sample, taken};
use crate::Bench;
use common::event::Priority;
use common::fingerprint::Fingerprint;
use common::job::{
    BlockReason, Effect, JobId, JobState, Lease, Pause, Place, Refusal, Step, Tally, Turn, WaitReason,
};
use common::port::{Change, JobStore};
use common::seal::{Key, Keyring};
use common::warning::{Warning, WarningCode};

fn start(lease: Lease, hop: u32) -> Step {
    Step::Start { lease, hop, tally: Tally { attempts: 1, ..Tally::default() }, effect: Effect::None }
}

/// Every state a job can be in; the running ones are held by `lease`.
fn states(lease: &Lease) -> Vec<JobState> {
    vec![
        JobState::Accepting { since: sample::noon() },
        JobState::Queued,
        JobState::Running(lease.clone()),
        JobState::Running(sample::lease(sample::at(3_600))),
        JobState::Waiting { why: WaitReason::Quota, until: sample::at(60) },
        JobState::Blocked { why: BlockReason::Paused, until: None },
        JobState::Blocked { why: BlockReason::CalendarLimits, until: Some(sample::at(60)) },
        JobState::Succeeded { result: sample::sealed() },
        JobState::Failed(sample::failure()),
        JobState::Cancelled,
    ]
}

fn turn() -> Turn {
    Turn { priority: Priority::Bulk, cost: 2, place: Place::InLine { micros: 204_082 }, yields: 1 }
}

/// Every step there is, by the holder of `lease` where somebody has to hold the job.
fn steps(lease: &Lease) -> Vec<Step> {
    let postpone = |pause| Step::Postpone {
        lease: lease.clone(),
        pause,
        tally: Tally { attempts: 2, deferrals: 3, crashes: 0 },
        effect: Effect::Unknown,
        hop: 4,
        turn: Some(turn()),
    };
    let placed = |warning| Step::Placed { turn: turn(), warning };
    vec![
        Step::Enqueued,
        placed(None),
        placed(Some(Warning { field: "notAfter".to_owned(), code: WarningCode::Late })),
        start(sample::lease(sample::at(90)), 5),
        start(sample::lease(sample::at(90)), 0),
        Step::BeginWrite(lease.clone()),
        Step::LeaveOutConference(lease.clone(), sample::sealed()),
        postpone(Pause::Queued),
        postpone(Pause::Waiting { why: WaitReason::Retry, until: sample::at(600) }),
        postpone(Pause::Blocked { why: BlockReason::Reauthorization, until: None }),
        Step::Succeed(sample::sealed()),
        Step::Fail(lease.clone(), sample::failure()),
        Step::ConfirmCancelled(lease.clone()),
        Step::Cancel,
        Step::Unblock { hop: 6 },
        Step::Replay { hop: 7, not_after: sample::at(7_200) },
        Step::TakeBack { hop: 8 },
        Step::Amend(sample::sealed()),
        Step::Recover,
        Step::Forget,
        Step::For(
            sample::job("local", "default").fingerprint.clone(),
            Box::new(start(sample::lease(sample::at(90)), 5)),
        ),
        Step::For(other_request(), Box::new(start(sample::lease(sample::at(90)), 5))),
        Step::For(other_request(), Box::new(Step::Succeed(sample::sealed()))),
    ]
}

fn other_request() -> Fingerprint {
    Fingerprint::stored("0f".repeat(16), None)
}

/// Whatever the state and the step, the store does what `Job::take` says, and keeps it.
pub async fn every_step_goes_by_the_rules(bench: &mut impl Bench<dyn JobStore>) {
    let store = bench.open().await;
    let lease = sample::lease(sample::at(30));
    let old = Key::random();
    let keys = Keyring::new(Key::random(), vec![old.clone()]);
    let (mut changed, mut refused) = (0, 0);
    for state in states(&lease) {
        for step in steps(&lease).into_iter().map(Some).chain([None]) {
            let finished_at = state.is_finished().then(sample::noon);
            let job = sample::job("o", "a").with(|fields| {
                fields.state = state.clone();
                fields.finished_at = finished_at;
                fields.hop = 1;
            });
            let job = job.with(|fields| fields.payload = Some(sample::sealed_with(&old, job.id.as_str())));
            // The last step depends on the job: what its record holds is sealed anew.
            let step = step.unwrap_or_else(|| job.reseal(&keys).unwrap());
            store.restore(&job).await.unwrap();
            let outcome = store.take(&job.id, &step, sample::at(10)).await.unwrap();
            let kept = store.get(&job.id).await.unwrap().unwrap();
            match job.take(&step, sample::at(10)) {
                Ok(after) => {
                    assert_eq!(outcome, Change::Taken(Box::new(after.clone())));
                    assert_eq!(kept, after);
                    changed += 1;
                }
                Err(refusal) => {
                    assert_eq!(outcome, Change::Refused(refusal));
                    assert_eq!(kept, job, "what was refused changed nothing");
                    refused += 1;
                }
            }
        }
    }
    assert!(changed > 20 && refused > 20, "{changed} changed, {refused} were refused");
}

/// Of fifty workers that start one job, one runs it.
pub async fn one_of_fifty_starts_wins(bench: &mut impl Bench<dyn JobStore>) {
    let store = bench.open().await;
    let job = sample::job("o", "a");
    accepted(&store, &job).await;
    let mut starting = JoinSet::new();
    for _ in 0..50 {
        let (store, id) = (store.clone(), job.id.clone());
        starting.spawn(async move {
            let lease = sample::lease(sample::at(60));
            (lease.clone(), store.take(&id, &start(lease, 1), sample::at(1)).await.unwrap())
        });
    }
    let mut winners = Vec::new();
    for (lease, outcome) in starting.join_all().await {
        match outcome {
            Change::Taken(_) => winners.push(lease),
            Change::Refused(refusal) => assert_eq!(refusal, Refusal::LeasedUntil(sample::at(60))),
        }
    }
    assert_eq!(winners.len(), 1);
    let kept = store.get(&job.id).await.unwrap().unwrap();
    assert_eq!(kept.state, JobState::Running(winners.remove(0)));
}

/// A job nobody knows has no record, and takes no step.
pub async fn nothing_is_known_of_an_unknown_job(bench: &mut impl Bench<dyn JobStore>) {
    let store = bench.open().await;
    let id = JobId::random();
    assert_eq!(store.get(&id).await, Ok(None));
    let outcome = store.take(&id, &Step::Cancel, sample::noon()).await;
    assert_eq!(outcome, Ok(Change::Refused(Refusal::Unknown)));
    assert_eq!(store.get(&id).await, Ok(None));
}

/// A record is rebuilt where there is none, and left as it is where there is one.
pub async fn a_restored_record_replaces_nothing(bench: &mut impl Bench<dyn JobStore>) {
    let store = bench.open().await;
    let job = sample::job("o", "a");
    accepted(&store, &job).await;
    let queued = taken(&store, &job.id, Step::Enqueued).await;
    let rebuilt = job.with(|fields| {
        fields.hop = 9;
        fields.effect = Effect::Unknown;
    });
    assert_eq!(store.restore(&rebuilt).await, Ok(queued.clone()));
    assert_eq!(store.get(&rebuilt.id).await, Ok(Some(queued)));
    let lost = sample::job("o", "a").with(|fields| fields.state = JobState::Queued);
    assert_eq!(store.restore(&lost).await, Ok(lost.clone()));
    assert_eq!(store.get(&lost.id).await, Ok(Some(lost)));
}

/// What is recorded is there after a restart, to the last field.
pub async fn a_record_survives_a_restart(bench: &mut impl Bench<dyn JobStore>) {
    let store = bench.open().await;
    let mut kept = Vec::new();
    for state in states(&sample::lease(sample::at(30))) {
        // A running one is the next worker's to recover, where there is only one worker.
        if matches!(state, JobState::Running(_)) {
            continue;
        }
        let job = sample::job("o", "a").with(|fields| {
            fields.state = state;
            fields.tally = Tally { attempts: 1, deferrals: 2, crashes: 3 };
            fields.effect = Effect::Unknown;
            fields.hop = 4;
            fields.not_before = Some(sample::at(5));
            fields.cancel_requested = true;
        });
        store.restore(&job).await.unwrap();
        kept.push(job);
    }
    drop(store);
    let store = bench.restart().await;
    for job in kept {
        assert_eq!(store.get(&job.id).await, Ok(Some(job)));
    }
}
