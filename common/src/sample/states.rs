//! Jobs in every state.

use crate::account::AccountId;
use crate::fingerprint::HashKey;
use crate::job::{
    BlockReason, Conference, Effect, EventResult, Failure, FailureKind, Fields, Job, JobId, JobState, Lease,
    Tally, WaitReason, WorkerId,
};
use crate::owner::Owner;
use crate::seal::Key;
use jiff::Timestamp;

/// So many seconds after the epoch.
#[must_use]
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

/// A job of its own.
#[must_use]
pub fn job(state: JobState) -> Job {
    Job::from(Fields {
        id: JobId::random(),
        owner: Owner::local(),
        account: AccountId::default_account(),
        state,
        tally: Tally::default(),
        effect: Effect::None,
        write_began_at: None,
        lost_at: None,
        hop: 0,
        reopened: 0,
        submitted_at: at(0),
        updated_at: at(0),
        finished_at: None,
        not_before: None,
        not_after: at(1000),
        cancel_requested: false,
        trace: None,
        warnings: Vec::new(),
        fingerprint: HashKey::new(Key::random()).fingerprint(b"request"),
        payload: None,
        conference_refused: None,
        turn: None,
    })
}

/// One of each, and of every failure.
#[must_use]
pub fn every_state() -> Vec<JobState> {
    let mut states = vec![JobState::Accepting { since: at(0) }];
    states.extend(every_settled_state());
    states
}

/// All but the first.
#[must_use]
pub fn every_settled_state() -> Vec<JobState> {
    let result = EventResult {
        event_id: "e".to_owned(),
        event_link: "l".to_owned(),
        conference: Conference::NotAsked,
        calendar_id: "primary".to_owned(),
    };
    let failures = FailureKind::ALL.map(|kind| {
        JobState::Failed(Failure {
            kind,
            google_status: None,
            google_reason: None,
            effect: Effect::None,
            detail: None,
        })
    });
    let mut states = vec![
        JobState::Queued,
        JobState::Running(Lease { worker: WorkerId::random(), until: at(0) }),
        JobState::Waiting { why: WaitReason::Retry, until: at(0) },
        JobState::Blocked { why: BlockReason::Reauthorization, until: None },
        JobState::Succeeded { result: Key::random().seal("e", &result) },
        JobState::Cancelled,
    ];
    states.extend(failures);
    states
}
