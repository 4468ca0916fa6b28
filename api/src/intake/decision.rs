//! What a request means whose id is already known: a pure function of the record.

use common::fingerprint::Fingerprint;
use common::job::{Job, JobState};
use common::time;
use jiff::Timestamp;

use super::CONFIRM_DEADLINE;

/// What to do with a repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// It is no repeat: another request has this key.
    Reused,
    /// Another request is publishing the job and will know the outcome by then.
    AwaitOutcome {
        /// The latest instant.
        until: Timestamp,
    },
    /// Whoever recorded the job never learned whether the queue took it.
    PublishAgain,
    /// The queue has it, or had: answer with the record.
    Replay,
}

/// Decides by the record alone. A key that was used for another request stays that request's,
/// however it ended.
pub(super) fn decide(known: &Job, fingerprint: &Fingerprint, now: Timestamp) -> Decision {
    if known.fingerprint != *fingerprint {
        return Decision::Reused;
    }
    match &known.state {
        JobState::Accepting { since } => {
            let until = time::after(*since, CONFIRM_DEADLINE);
            if until > now { Decision::AwaitOutcome { until } } else { Decision::PublishAgain }
        }
        JobState::Queued
        | JobState::Running(_)
        | JobState::Waiting { .. }
        | JobState::Blocked { .. }
        | JobState::Succeeded { .. }
        | JobState::Failed(_)
        | JobState::Cancelled => Decision::Replay,
    }
}

#[cfg(test)]
mod tests {
    use common::account::AccountId;
    use common::fingerprint::HashKey;
    use common::job::{
        BlockReason, Claim, Conference, Effect, EventResult, Failure, FailureKind, JobId, Tally, WaitReason,
        WorkerId,
    };
    use common::owner::Owner;
    use common::seal::Key;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn every_settled_state() -> Vec<JobState> {
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
            JobState::Running(Claim { worker: WorkerId::random(), until: at(0) }),
            JobState::Waiting { why: WaitReason::Retry, until: at(0) },
            JobState::Blocked { why: BlockReason::Reauthorization, until: None },
            JobState::Succeeded { result: Key::random().seal("e", &result) },
            JobState::Cancelled,
        ];
        states.extend(failures);
        states
    }

    fn job(state: JobState, fingerprint: &Fingerprint) -> Job {
        Job {
            id: JobId::random(),
            owner: Owner::local(),
            account: AccountId::default_account(),
            state,
            tally: Tally::default(),
            effect: Effect::None,
            hop: 0,
            submitted_at: at(0),
            updated_at: at(0),
            finished_at: None,
            not_before: None,
            not_after: at(1000),
            cancel_requested: false,
            fingerprint: fingerprint.clone(),
            payload: None,
        }
    }

    #[test]
    fn every_state_of_a_record_decides() {
        let hash = HashKey::new(Key::random());
        let (same, other) = (hash.fingerprint(b"same"), hash.fingerprint(b"other"));
        let mut states = every_settled_state();
        for state in states.clone() {
            assert_eq!(decide(&job(state, &same), &same, at(500)), Decision::Replay);
        }
        for (age, expected) in [
            (0, Decision::AwaitOutcome { until: at(10) }),
            (9, Decision::AwaitOutcome { until: at(10) }),
            (10, Decision::PublishAgain),
            (500, Decision::PublishAgain),
        ] {
            let state = JobState::Accepting { since: at(0) };
            assert_eq!(decide(&job(state.clone(), &same), &same, at(age)), expected, "{age} s old");
            states.push(state);
        }
        for state in states {
            assert_eq!(decide(&job(state, &same), &other, at(5)), Decision::Reused);
        }
    }
}
