//! Records that are not read from the store: of a job that is new, and of one whose record was lost or cannot be
//! reached, as far as it is known otherwise.

use jiff::Timestamp;

use super::{Effect, EventResult, Fields, Job, JobId, JobState, Tally, Turn};
use crate::account::AccountId;
use crate::fingerprint::Fingerprint;
use crate::owner::Owner;
use crate::payload::Payload;
use crate::seal::Sealed;
use crate::trace::TraceContext;
use crate::warning::Warning;

/// A job as it is asked for; each field is that of [`Fields`].
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each field is described where the record has it")]
pub struct Asked {
    pub id: JobId,
    pub owner: Owner,
    pub account: AccountId,
    pub payload: Sealed<Payload>,
    pub turn: Option<Turn>,
    pub not_before: Option<Timestamp>,
    pub not_after: Timestamp,
    pub fingerprint: Fingerprint,
    pub trace: Option<TraceContext>,
    pub warnings: Vec<Warning>,
}

/// What an attempt knows better than the record that it began with.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each field is described where the record has it")]
pub struct LastKnown {
    pub effect: Effect,
    pub write_began_at: Option<Timestamp>,
    pub conference_refused: Option<Sealed<String>>,
    pub turn: Option<Turn>,
}

impl Job {
    /// A job that is being accepted at `now`.
    #[must_use]
    pub fn accepting(asked: Asked, now: Timestamp) -> Self {
        Self(Fields {
            id: asked.id,
            owner: asked.owner,
            account: asked.account,
            state: JobState::Accepting { since: now },
            tally: Tally::default(),
            effect: Effect::None,
            write_began_at: None,
            lost_at: None,
            hop: 0,
            reopened: 0,
            submitted_at: now,
            updated_at: now,
            finished_at: None,
            not_before: asked.not_before,
            not_after: asked.not_after,
            cancel_requested: false,
            fingerprint: asked.fingerprint,
            payload: Some(asked.payload),
            conference_refused: None,
            turn: asked.turn,
            trace: asked.trace,
            warnings: asked.warnings,
        })
    }

    /// The same job, accepted at `now` instead: what was recorded before is gone.
    #[must_use]
    pub fn accepting_again(self, now: Timestamp) -> Self {
        let state = JobState::Accepting { since: now };
        Self(Fields { state, submitted_at: now, updated_at: now, ..self.0 })
    }

    /// The job, with the wish to cancel it where there is one.
    #[must_use]
    pub fn with_wish_to_cancel(self, wish: bool) -> Self {
        Self(Fields { cancel_requested: self.cancel_requested || wish, ..self.0 })
    }

    /// The job, where it is not known what became of its message: its event may have been written.
    #[must_use]
    pub fn in_doubt(self) -> Self {
        Self(Fields { effect: self.effect.max(Effect::Unknown), ..self.0 })
    }

    /// The job as an earlier request had left it, which had the same id and this fingerprint: cancelled.
    #[must_use]
    pub fn cancelled_as(self, earlier: Fingerprint) -> Self {
        Self(Fields { fingerprint: earlier, state: JobState::Cancelled, ..self.0 })
    }

    /// The job as its message tells of it besides: when it was last reopened, and when its last write began.
    #[must_use]
    pub fn as_told(self, reopened: u32, written: Option<Timestamp>) -> Self {
        let (reopened, write_began_at) = (self.reopened.max(reopened), self.write_began_at.max(written));
        Self(Fields { reopened, write_began_at, ..self.0 })
    }

    /// The job as its attempt knows it.
    #[must_use]
    pub fn as_last_known(&self, known: LastKnown) -> Self {
        let LastKnown { effect, write_began_at, conference_refused, turn } = known;
        Self(Fields { effect, write_began_at, conference_refused, turn, ..self.0.clone() })
    }

    /// The job, which has succeeded, with its result sealed in another form.
    #[must_use]
    pub fn with_result(&self, result: Sealed<EventResult>) -> Self {
        Self(Fields { state: JobState::Succeeded { result }, ..self.0.clone() })
    }
}

/// For tests: any record at all.
#[cfg(any(test, feature = "sample"))]
impl From<Fields> for Job {
    fn from(fields: Fields) -> Self {
        Self(fields)
    }
}

#[cfg(any(test, feature = "sample"))]
impl Job {
    /// For tests: the job with something changed that no step changes.
    #[must_use]
    pub fn with(&self, change: impl FnOnce(&mut Fields)) -> Self {
        let mut fields = self.0.clone();
        change(&mut fields);
        Self(fields)
    }
}
