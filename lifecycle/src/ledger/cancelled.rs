//! Jobs that their callers cancelled before the records were lost: they stay cancelled.
//!
//! Such a job looks new. It is recorded, found to have a mark, and ended by the step that had ended it
//! before; nothing is published in between.

use common::fingerprint::Fingerprint;
use common::job::{Effect, Job, JobId, Refusal, Step};
use common::port::Change;
use jiff::Timestamp;

use super::marks::{Mark, Unreadable};
use super::{Entry, Identity, Keeper, Ledger};

/// What a mark means for a request that has just made its job anew.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Meaning {
    /// There is none: the job is wanted.
    Wanted,
    /// It was this very job.
    Cancelled,
    /// It was another request's, with this fingerprint.
    Reused(Fingerprint),
}

impl Ledger {
    /// What a job that has just been recorded as new is instead, if its caller cancelled it before its
    /// record was lost.
    pub(super) async fn cancelled_before(
        &self,
        job: &Job,
        identity: Identity,
        whole_since: Timestamp,
    ) -> Option<Entry> {
        match identity {
            Identity::Derived => {}
            Identity::Random => return None,
        }
        let mark = self.marks.on(&job.id, whole_since, self.clock.now()).await;
        match mark.map(|mark| meaning(mark, &job.fingerprint)) {
            Ok(Meaning::Wanted) => None,
            Ok(Meaning::Cancelled) => Some(match self.end_cancelled(&job.id).await {
                Ok(job) => Entry::Known { job: Box::new(job), keeper: Keeper::Store },
                Err(Unreadable) => Entry::Undecided,
            }),
            Ok(Meaning::Reused(fingerprint)) => {
                self.withdraw(job, Keeper::Store).await;
                let job = job.clone().cancelled_as(fingerprint);
                Some(Entry::Known { job: Box::new(job), keeper: Keeper::Store })
            }
            Err(Unreadable) => {
                self.withdraw(job, Keeper::Store).await;
                Some(Entry::Undecided)
            }
        }
    }

    /// The record of a job that was cancelled, made anew: answers how it stands. Should it fail and leave
    /// the record `accepting`, [`Self::reconsidered`] comes before anything is published.
    async fn end_cancelled(&self, id: &JobId) -> Result<Job, Unreadable> {
        // It was counted when it ended first.
        match self.take(id, &Step::Cancel).await {
            // A worker that met a message from before the loss may have been faster.
            Ok(Change::Taken(job) | Change::Refused(Refusal::Finished(job))) => Ok(*job),
            Ok(Change::Refused(
                Refusal::Unknown
                | Refusal::LeasedUntil(_)
                | Refusal::StaleHop
                | Refusal::NotYours
                | Refusal::CancelRequested
                | Refusal::OutOfPlace
                | Refusal::OtherRequest,
            ))
            | Err(_) => Err(Unreadable),
        }
    }

    /// How a recorded job stands that is about to be published once more; `None` if that cannot be told.
    /// The process that recorded it may have ended before it saw that the caller had cancelled the job.
    pub(crate) async fn reconsidered(&self, known: Job, keeper: Keeper) -> Option<Job> {
        self.refused.forget(&known.id);
        match (keeper, known.effect) {
            // A worker that is told that the job may have written, or meets it without a record, looks
            // for the mark.
            (Keeper::Memory, _) | (Keeper::Store, Effect::Unknown | Effect::Done) => return Some(known),
            (Keeper::Store, Effect::None) => {}
        }
        let whole_since = self.reach.noted(self.store.whole_since().await).ok()?;
        match self.marks.on(&known.id, whole_since, self.clock.now()).await {
            Ok(None) => Some(known),
            Ok(Some(_)) => self.end_cancelled(&known.id).await.ok(),
            Err(Unreadable) => None,
        }
    }
}

/// What a mark, or that there is none, means for a request with this fingerprint.
fn meaning(mark: Option<Mark>, fingerprint: &Fingerprint) -> Meaning {
    match mark {
        None => Meaning::Wanted,
        Some(Mark { fingerprint: Some(other) }) if !other.is_same_request(fingerprint) => {
            Meaning::Reused(other)
        }
        Some(Mark { fingerprint: _ }) => Meaning::Cancelled,
    }
}

#[cfg(test)]
mod tests {
    use common::fingerprint::HashKey;
    use common::seal::Key;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_mark_takes_back_the_request_that_it_names_or_any_if_it_names_none() {
        let hash = HashKey::new(Key::random());
        let (same, other) = (hash.fingerprint(b"same"), hash.fingerprint(b"other"));
        let mark = |value| Some(Mark::read(&value));
        for (mark, expected) in [
            (None, Meaning::Wanted),
            (mark(serde_json::to_value(&same).unwrap()), Meaning::Cancelled),
            (mark(serde_json::to_value(&other).unwrap()), Meaning::Reused(other)),
            (mark(json!({"at": "2027-01-01T00:00:00Z"})), Meaning::Cancelled),
            // An operator's, of an older build.
            (
                mark(json!({"at": "2027-01-01T00:00:00Z", "until": "2027-01-08T00:00:00Z"})),
                Meaning::Cancelled,
            ),
            (mark(json!(null)), Meaning::Cancelled),
        ] {
            assert_eq!(meaning(mark.clone(), &same), expected, "{mark:?}");
        }
    }
}
