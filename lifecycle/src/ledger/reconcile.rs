//! What is true of a job that both memory and store may know: pure functions.

use common::job::{Job, JobState, Step};
use common::time;
use jiff::Timestamp;

use super::CONFIRM_DEADLINE;

/// Who publishes a job has given up by then, whatever came of it.
const GIVEN_UP: std::time::Duration = CONFIRM_DEADLINE.saturating_mul(2);

/// A server that never lost anything notes since when its records are whole with the first of them, a moment after the
/// instant that this has.
const NOTED: std::time::Duration = std::time::Duration::from_secs(1);

/// The job as it stands, from what is remembered of it and what is stored.
///
/// The store hears from the workers, so it knows better; but a record that still says `accepting`
/// was written by a request that never learned of it, and a wish may not be written yet.
pub(super) fn newest(remembered: Job, stored: Job) -> Job {
    if is_accepting(&stored) {
        return remembered;
    }
    let wish = remembered.cancel_requested && !stored.is_finished();
    stored.with_wish_to_cancel(wish)
}

/// Whether it can be written down: the request that is publishing it may still withdraw it.
pub(super) fn is_settled(remembered: &Job, now: Timestamp) -> bool {
    match &remembered.state {
        JobState::Accepting { since } => time::after(*since, GIVEN_UP) <= now,
        JobState::Queued
        | JobState::Running(_)
        | JobState::Waiting { .. }
        | JobState::Blocked { .. }
        | JobState::Succeeded { .. }
        | JobState::Failed(_)
        | JobState::Cancelled => true,
    }
}

/// The record to write. One that is `accepting` stays so, for a repeat to publish the job again:
/// it is not known whether the queue has it, and therefore what became of it there.
pub(super) fn record(remembered: &Job) -> Job {
    remembered.clone().in_doubt()
}

/// What the stored record lacks of what is remembered.
pub(super) fn lacks(stored: &Job, remembered: &Job) -> Option<Step> {
    if remembered.cancel_requested && !stored.cancel_requested && !stored.is_finished() {
        return Some(Step::Cancel);
    }
    (is_accepting(stored) && !is_accepting(remembered)).then_some(Step::Enqueued)
}

/// Whether something may have been recorded of the job after this, and been lost before records were whole.
pub(super) fn may_lack(stored: &Job, whole_since: Timestamp) -> bool {
    time::after(stored.updated_at, NOTED) <= whole_since
}

fn is_accepting(job: &Job) -> bool {
    matches!(job.state, JobState::Accepting { .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::job::Effect;
    use common::sample::states::{at, every_state, job};

    fn accepting() -> Job {
        job(JobState::Accepting { since: at(0) })
    }

    #[test]
    fn the_store_knows_better_unless_it_never_learned_of_the_confirmation() {
        let remembered = job(JobState::Queued);
        for state in every_state() {
            let stored = remembered.with(|fields| fields.state = state);
            let expected = if is_accepting(&stored) { remembered.clone() } else { stored.clone() };
            assert_eq!(newest(remembered.clone(), stored), expected);
        }
    }

    #[test]
    fn a_wish_that_is_not_written_yet_is_told_until_the_job_has_ended() {
        let remembered = job(JobState::Queued).with(|fields| fields.cancel_requested = true);
        for state in every_state() {
            let stored = remembered.with(|fields| {
                fields.state = state;
                fields.cancel_requested = false;
            });
            let told = newest(remembered.clone(), stored.clone());
            assert_eq!(told.cancel_requested, !stored.is_finished(), "{:?}", stored.state);
            let step = lacks(&stored, &remembered);
            assert_eq!(step, (!stored.is_finished()).then_some(Step::Cancel), "{:?}", stored.state);
            let noted = stored.with(|fields| fields.cancel_requested = true);
            assert_ne!(lacks(&noted, &remembered), Some(Step::Cancel));
        }
    }

    #[test]
    fn only_a_record_that_is_accepting_lacks_the_confirmation() {
        let remembered = job(JobState::Queued);
        for state in every_state() {
            let stored = remembered.with(|fields| fields.state = state);
            let expected = is_accepting(&stored).then_some(Step::Enqueued);
            assert_eq!(lacks(&stored, &remembered), expected);
            assert_eq!(lacks(&stored, &accepting()), None, "nothing is known of its publish");
        }
    }

    #[test]
    fn nothing_is_written_down_while_it_may_be_withdrawn() {
        for (now, expected) in [(0, false), (10, false), (19, false), (20, true), (500, true)] {
            assert_eq!(is_settled(&accepting(), at(now)), expected, "{now} s old");
        }
        for state in every_state() {
            let job = job(state);
            assert!(is_accepting(&job) || is_settled(&job, at(0)), "{:?}", job.state);
        }
    }

    #[test]
    fn a_record_from_before_a_loss_may_lack_something() {
        let stored = job(JobState::Queued).with(|fields| fields.updated_at = at(10));
        for (whole_since, expected) in [(0, false), (10, false), (11, true), (500, true)] {
            assert_eq!(may_lack(&stored, at(whole_since)), expected, "{whole_since}");
        }
        assert!(!may_lack(&stored, Timestamp::MIN));
    }

    #[test]
    fn what_a_worker_may_have_done_unseen_is_unknown() {
        let remembered = accepting();
        let written = remembered.with(|fields| fields.effect = Effect::Unknown);
        assert_eq!(record(&remembered), written, "still accepting: a repeat publishes it again");
        let done = job(JobState::Queued).with(|fields| fields.effect = Effect::Done);
        assert_eq!(record(&done).effect, Effect::Done);
    }
}
