//! What of a job is sealed, for sealing it anew when keys are rotated.

use super::outcome::EventResult;
use super::state::JobState;
use super::{Fields, Step};
use crate::payload::Payload;
use crate::seal::{Keyring, Sealed, reseal};

/// The sealed parts of a job's record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedParts {
    payload: Option<Sealed<Payload>>,
    result: Option<Sealed<EventResult>>,
    detail: Option<Sealed<String>>,
    conference_refused: Option<Sealed<String>>,
}

impl Fields {
    /// The step that seals what the record holds with the newest of these keys; `None` where that is so, or
    /// none of the keys opens what is not.
    #[must_use]
    pub fn reseal(&self, keys: &Keyring) -> Option<Step> {
        let before = self.sealed_parts();
        let after = before.resealed(keys, self.id.as_str());
        (before != after).then(|| Step::Reseal { before: Box::new(before), after: Box::new(after) })
    }

    pub(super) fn sealed_parts(&self) -> SealedParts {
        let (result, detail) = match &self.state {
            JobState::Succeeded { result } => (Some(result.clone()), None),
            JobState::Failed(failure) => (None, failure.detail.clone()),
            JobState::Accepting { .. }
            | JobState::Queued
            | JobState::Running(_)
            | JobState::Waiting { .. }
            | JobState::Blocked { .. }
            | JobState::Cancelled => (None, None),
        };
        SealedParts {
            payload: self.payload.clone(),
            result,
            detail,
            conference_refused: self.conference_refused.clone(),
        }
    }

    pub(super) fn put_sealed_parts(&mut self, parts: &SealedParts) {
        self.payload.clone_from(&parts.payload);
        self.conference_refused.clone_from(&parts.conference_refused);
        match (&mut self.state, &parts.result) {
            (JobState::Succeeded { result }, Some(sealed)) => result.clone_from(sealed),
            (JobState::Failed(failure), _) => failure.detail.clone_from(&parts.detail),
            (
                JobState::Succeeded { .. }
                | JobState::Accepting { .. }
                | JobState::Queued
                | JobState::Running(_)
                | JobState::Waiting { .. }
                | JobState::Blocked { .. }
                | JobState::Cancelled,
                _,
            ) => {}
        }
    }
}

impl SealedParts {
    fn resealed(&self, keys: &Keyring, context: &str) -> Self {
        Self {
            payload: self.payload.as_ref().map(|payload| reseal(keys, context, payload)),
            result: self.result.as_ref().map(|result| reseal(keys, context, result)),
            detail: self.detail.as_ref().map(|detail| reseal(keys, context, detail)),
            conference_refused: self.conference_refused.as_ref().map(|words| reseal(keys, context, words)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Failure, FailureKind, Job, Refusal};
    use super::*;
    use crate::sample;
    use crate::seal::Key;

    fn record(state: JobState, key: &Key) -> Job {
        let job = sample::job("o", "a");
        // What is inside does not matter here.
        let payload = Sealed::try_from(String::from(key.seal(job.id.as_str(), &1_u8))).unwrap();
        job.with(|fields| {
            fields.payload = Some(payload);
            fields.state = state;
            fields.finished_at = Some(sample::noon());
        })
    }

    #[test]
    fn every_sealed_part_is_sealed_anew_and_nothing_else_changes() {
        let (old, new) = (Key::random(), Key::random());
        let keys = Keyring::new(new.clone(), vec![old.clone()]);
        let any = record(JobState::Queued, &old);
        let context = any.id.as_str();
        let any = any.with(|fields| fields.conference_refused = Some(old.seal(context, &"words".to_owned())));
        let result = || Sealed::try_from(String::from(old.seal(context, &2_u8))).unwrap();
        let failure = Failure {
            kind: FailureKind::Refused,
            detail: Some(old.seal(context, &"words".to_owned())),
            ..sample::failure()
        };
        for state in [JobState::Queued, JobState::Succeeded { result: result() }, JobState::Failed(failure)] {
            let before = any.with(|fields| fields.state = state);
            let step = before.reseal(&keys).expect("an older key has sealed it");
            let after = before.take(&step, sample::at(9)).unwrap();
            let parts = after.sealed_parts();
            let sealed_by = [
                parts.payload.as_ref().map(|part| part.key_id()),
                parts.result.as_ref().map(|part| part.key_id()),
                parts.detail.as_ref().map(|part| part.key_id()),
                parts.conference_refused.as_ref().map(|part| part.key_id()),
            ];
            assert!(sealed_by.iter().flatten().all(|id| *id == Ok(new.id())), "{sealed_by:?}");
            assert_eq!(after.reseal(&keys), None, "there is nothing more to do");
            let restored = after.with(|fields| fields.put_sealed_parts(&before.sealed_parts()));
            assert_eq!(restored, before, "the rest is as it was, the time of its last change too");
        }
    }

    #[test]
    fn a_record_that_has_changed_meanwhile_is_left_alone() {
        let (old, new) = (Key::random(), Key::random());
        let before = record(JobState::Queued, &old);
        let step = before.reseal(&Keyring::new(new, vec![old])).expect("an older key has sealed it");
        let changed = before.with(|fields| fields.payload = None);
        assert_eq!(changed.take(&step, sample::noon()), Err(Refusal::OutOfPlace));
    }

    #[test]
    fn what_no_key_opens_stays_as_it_is() {
        let before = record(JobState::Queued, &Key::random());
        assert_eq!(before.reseal(&Keyring::new(Key::random(), Vec::new())), None);
    }
}
