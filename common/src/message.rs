//! The queue message: what the queue holds of a job, enough to rebuild its record.
//!
//! Versioned, and it outlives deployments: [`VERSION`] is the first and the only one so far. A message of
//! another version is kept as a dead letter, never dropped. Nothing personal is in the clear.

mod wire;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::account::AccountId;
use crate::fingerprint::Fingerprint;
use crate::job::{BlockReason, Effect, EventResult, Failure, Fields, Job, JobId, JobState, Tally, Turn};
use crate::owner::Owner;
use crate::payload::Payload;
use crate::seal::{Keyring, Sealed, reseal};
use crate::trace::TraceContext;
use crate::warning::Warning;
use wire::Wire;

/// The version this build writes.
pub const VERSION: u32 = 1;

/// A job on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The job.
    pub job: JobId,
    /// What is to be done, with what it takes.
    pub work: Work,
    /// Whose job it is.
    pub owner: Owner,
    /// Whose calendar.
    pub account: AccountId,
    /// One higher on every publish, so that of two copies the older dies out.
    pub hop: u32,
    /// As [`Fields::reopened`].
    pub reopened: u32,
    /// Counted so far.
    pub tally: Tally,
    /// What is known of the write.
    pub effect: Effect,
    /// As [`Fields::write_began_at`].
    pub write_began_at: Option<Timestamp>,
    /// When the job was accepted.
    pub submitted_at: Timestamp,
    /// It must not start earlier.
    pub not_before: Option<Timestamp>,
    /// It expires then.
    pub not_after: Timestamp,
    /// Keyed hashes of the request.
    pub fingerprint: Fingerprint,
    /// What to write.
    pub payload: Sealed<Payload>,
    /// Google's words, once it has refused the event's conference: the event is written without one.
    pub conference_refused: Option<Sealed<String>>,
    /// The job's place in its account's line.
    pub turn: Option<Turn>,
    /// What blocks the job, once somebody has been told: a job that stays blocked tells of it once.
    pub told: Option<BlockReason>,
    /// The trace of the request that made the job; in the header `traceparent` too, where there are headers.
    pub trace: Option<TraceContext>,
    /// What was changed in the request before it was accepted.
    pub warnings: Vec<Warning>,
    /// What the job's earlier attempts have of Google's quotas, and saw at Google.
    pub progress: Progress,
}

/// What one attempt leaves to the next. A hint: a job whose message has lost it waits, pays or looks once more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// A turn is booked for this instant, and was not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<Timestamp>,
    /// The event's guests were counted against the day's invitations then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invited: Option<Timestamp>,
    /// Google had nothing under the job's id then, and no attempt has begun to write since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked: Option<Timestamp>,
}

impl Progress {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// What is to be done, with what it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// Create the event.
    Create,
    /// Record the job's end: it has ended, and that could not be recorded when it happened. A dead letter says so too.
    Record(End),
    /// Look whether Google has finished the conference of an event that stands.
    Conference {
        /// Looks already taken.
        looks: u32,
        /// No build writes one; one that is read goes along.
        end: Option<End>,
    },
    /// Tell whoever asked to be told.
    Notice {
        /// What.
        notice: Notice,
        /// What came of the job, where that is what is told.
        end: Option<End>,
    },
}

/// How a job has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The event is in the calendar: what is told of it.
    Succeeded(Sealed<EventResult>),
    /// Why it is not.
    Failed(Failure),
    /// The event is in the calendar, and a failure is said beside it, which goes along. No build writes that.
    Both(Sealed<EventResult>, Failure),
}

/// Something to be told. Persisted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// What.
    pub news: News,
    /// When it happened.
    pub at: Timestamp,
    /// Tries so far that failed.
    pub tries: u32,
    /// Tells it from the same news of the job at another time ([`Message::occurrence`]). `None` in what older builds
    /// published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurrence: Option<u32>,
}

/// What there is to tell of a job. Persisted: variants may be added, never renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "is")]
pub enum News {
    /// The event is in the calendar.
    Succeeded,
    /// It will not be done, unless it is replayed.
    Failed,
    /// It waits for something that somebody may have to see to.
    Blocked {
        /// What stands in the way.
        why: BlockReason,
    },
    /// More has become known of the event: its conference.
    Updated,
}

impl News {
    /// Every `type` of a webhook about a job.
    pub const TYPES: [&str; 4] = ["job.succeeded", "job.failed", "job.blocked", "job.updated"];

    /// The `type` of the webhook that tells it.
    #[must_use]
    pub fn as_type(self) -> &'static str {
        match self {
            Self::Succeeded => "job.succeeded",
            Self::Failed => "job.failed",
            Self::Blocked { .. } => "job.blocked",
            Self::Updated => "job.updated",
        }
    }
}

/// A message this build cannot read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Written by a newer or much older build.
    #[error("the message has version {0}, this build reads {VERSION}")]
    Version(u32),
    /// Not a message at all.
    #[error("the message cannot be parsed")]
    Garbled,
}

#[derive(Deserialize)]
struct Version {
    v: u32,
}

impl Work {
    /// The end that it brings, if it brings one.
    #[must_use]
    pub fn end(&self) -> Option<&End> {
        match self {
            Self::Create => None,
            Self::Record(end) => Some(end),
            Self::Conference { end, .. } | Self::Notice { end, .. } => end.as_ref(),
        }
    }

    /// The same without a failure: what is to be recorded of a failure alone is to be created again.
    #[must_use]
    pub fn without_failure(self) -> Self {
        self.with_end(|end| match end {
            End::Succeeded(result) | End::Both(result, _) => Some(End::Succeeded(result)),
            End::Failed(_) => None,
        })
    }

    fn resealed(&self, keys: &Keyring, context: &str) -> Self {
        self.clone().with_end(|end| {
            Some(match end {
                End::Succeeded(result) => End::Succeeded(reseal(keys, context, &result)),
                End::Failed(failure) => End::Failed(failure.resealed(keys, context)),
                End::Both(result, failure) => {
                    End::Both(reseal(keys, context, &result), failure.resealed(keys, context))
                }
            })
        })
    }

    fn with_end(self, change: impl FnOnce(End) -> Option<End>) -> Self {
        match self {
            Self::Create => Self::Create,
            Self::Record(end) => change(end).map_or(Self::Create, Self::Record),
            Self::Conference { looks, end } => Self::Conference { looks, end: end.and_then(change) },
            Self::Notice { notice, end } => Self::Notice { notice, end: end.and_then(change) },
        }
    }
}

impl Message {
    /// The message of a job, one hop after the highest its record knows.
    ///
    /// `None` for a job whose payload is gone: it has succeeded.
    #[must_use]
    pub fn next_for(job: &Job, work: Work) -> Option<Self> {
        Some(Self {
            job: job.id.clone(),
            work,
            owner: job.owner.clone(),
            account: job.account.clone(),
            hop: job.hop.saturating_add(1),
            reopened: job.reopened,
            tally: job.tally,
            effect: job.effect,
            write_began_at: job.write_began_at,
            submitted_at: job.submitted_at,
            not_before: job.not_before,
            not_after: job.not_after,
            fingerprint: job.fingerprint.clone(),
            payload: job.payload.clone()?,
            conference_refused: job.conference_refused.clone(),
            turn: job.turn,
            told: None,
            trace: job.trace,
            warnings: job.warnings.clone(),
            progress: Progress::default(),
        })
    }

    /// The record that this message can rebuild.
    ///
    /// Whatever was known beside the message is lost, so the write may have happened.
    #[must_use]
    pub fn rebuild(&self, now: Timestamp) -> Job {
        let job = Fields {
            id: self.job.clone(),
            owner: self.owner.clone(),
            account: self.account.clone(),
            state: JobState::Queued,
            tally: self.tally,
            effect: self.effect.max(Effect::Unknown),
            write_began_at: self.write_began_at,
            lost_at: None,
            hop: self.hop,
            reopened: self.reopened,
            submitted_at: self.submitted_at,
            updated_at: now,
            finished_at: None,
            not_before: self.not_before,
            not_after: self.not_after,
            cancel_requested: false,
            fingerprint: self.fingerprint.clone(),
            payload: Some(self.payload.clone()),
            conference_refused: self.conference_refused.clone(),
            turn: self.turn,
            trace: self.trace,
            warnings: self.warnings.clone(),
        };
        Job(Fields { state: job.in_queue(now), ..job })
    }

    /// Which of all the times this is at which the news can be told of the job, the same however often it is told. A
    /// job ends once each time that it is opened; it can be blocked at every hop.
    #[must_use]
    pub fn occurrence(&self, news: News) -> u32 {
        match news {
            News::Succeeded | News::Failed | News::Updated => self.reopened,
            News::Blocked { .. } => self.hop,
        }
    }

    /// What is told of the event, where the message says that the job has succeeded.
    #[must_use]
    pub fn result(&self) -> Option<&Sealed<EventResult>> {
        match self.work.end()? {
            End::Succeeded(result) | End::Both(result, _) => Some(result),
            End::Failed(_) => None,
        }
    }

    /// Why the job has failed, where the message says that.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        match self.work.end()? {
            End::Failed(failure) | End::Both(_, failure) => Some(failure),
            End::Succeeded(_) => None,
        }
    }

    /// The message with what it carries sealed with the newest of these keys; what none of them opens
    /// stays as it is.
    #[must_use]
    pub fn resealed(&self, keys: &Keyring) -> Self {
        let context = self.job.as_str();
        Self {
            payload: reseal(keys, context, &self.payload),
            work: self.work.resealed(keys, context),
            conference_refused: self.conference_refused.as_ref().map(|words| reseal(keys, context, words)),
            ..self.clone()
        }
    }

    /// The message as bytes for the queue.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(&Wire::from(self.clone())).expect("a message is plain data")
    }

    /// Reads what a queue delivered.
    ///
    /// # Errors
    /// [`Unreadable`] names the version or says that it is garbled.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Unreadable> {
        let version: Version = serde_json::from_slice(bytes).map_err(|_| Unreadable::Garbled)?;
        if version.v != VERSION {
            return Err(Unreadable::Version(version.v));
        }
        serde_json::from_slice::<Wire>(bytes).map(Self::from).map_err(|_| Unreadable::Garbled)
    }
}

#[cfg(test)]
mod golden;
#[cfg(test)]
mod tests;
