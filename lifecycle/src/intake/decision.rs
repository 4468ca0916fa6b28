//! What a request means whose id is already known: a pure function of the record.

use common::fingerprint::Fingerprint;
use common::job::{Job, JobState};
use common::time;
use jiff::Timestamp;

use crate::ledger::CONFIRM_DEADLINE;

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
    /// The process that recorded the job never learned whether the queue took it.
    PublishAgain,
    /// The queue has it, or had: answer with the record.
    Replay,
}

/// Decides by the record alone. A key that was used for another request stays that request's,
/// however it ended.
pub(super) fn decide(known: &Job, fingerprint: &Fingerprint, now: Timestamp) -> Decision {
    if !known.fingerprint.is_same_request(fingerprint) {
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
    use common::fingerprint::HashKey;
    use common::seal::Key;

    use super::*;
    use common::sample::states::{at, every_settled_state};

    #[test]
    fn every_state_of_a_record_decides() {
        let hash = HashKey::new(Key::random());
        let (same, other) = (hash.fingerprint(b"same"), hash.fingerprint(b"other"));
        let job = |state| common::sample::states::job(state).with(|fields| fields.fingerprint = same.clone());
        let mut states = every_settled_state();
        for state in states.clone() {
            assert_eq!(decide(&job(state), &same, at(500)), Decision::Replay);
        }
        for (age, expected) in [
            (0, Decision::AwaitOutcome { until: at(10) }),
            (9, Decision::AwaitOutcome { until: at(10) }),
            (10, Decision::PublishAgain),
            (500, Decision::PublishAgain),
        ] {
            let state = JobState::Accepting { since: at(0) };
            assert_eq!(decide(&job(state.clone()), &same, at(age)), expected, "{age} s old");
            states.push(state);
        }
        for state in states {
            assert_eq!(decide(&job(state), &other, at(5)), Decision::Reused);
        }
    }
}
