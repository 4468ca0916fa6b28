//! The queue message: what the queue holds of a job, enough to rebuild its record.
//!
//! Versioned, and it outlives deployments: [`VERSION`] is the first and the only one so far. A message of
//! another version is kept as a dead letter, never dropped. Nothing personal is in the clear.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::account::AccountId;
use crate::fingerprint::Fingerprint;
use crate::job::{BlockReason, Effect, EventResult, Failure, Job, JobId, JobState, Tally, Turn, never};
use crate::owner::Owner;
use crate::payload::Payload;
use crate::seal::{Keyring, Sealed, reseal};
use crate::trace::TraceContext;
use crate::warning::Warning;

/// The version this build writes.
pub const VERSION: u32 = 1;

/// A job on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// The job.
    pub job: JobId,
    /// What is to be done.
    pub work: Work,
    /// Whose job it is.
    pub owner: Owner,
    /// Whose calendar.
    pub account: AccountId,
    /// One higher on every publish, so that of two copies the older dies out.
    pub hop: u32,
    /// As [`Job::reopened`].
    #[serde(default, skip_serializing_if = "never")]
    pub reopened: u32,
    /// Counted so far.
    pub tally: Tally,
    /// What is known of the write.
    pub effect: Effect,
    /// As [`Job::write_began_at`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write_began_at: Option<Timestamp>,
    /// When the job was accepted.
    pub submitted_at: Timestamp,
    /// It must not start earlier.
    pub not_before: Option<Timestamp>,
    /// It expires then.
    pub not_after: Timestamp,
    /// Keyed hashes of the request.
    #[serde(flatten)]
    pub fingerprint: Fingerprint,
    /// What to write.
    pub payload: Sealed<Payload>,
    /// An end that could not be recorded when it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Sealed<EventResult>>,
    /// Why the job has failed: in a dead letter, and where the failure could not be recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Google's words, once it has refused the event's conference: the event is written without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conference_refused: Option<Sealed<String>>,
    /// The job's place in its account's line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<Turn>,
    /// What blocks the job, once somebody has been told: a job that stays blocked tells of it once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<BlockReason>,
    /// The trace of the request that made the job; in the header `traceparent` too, where there are headers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceContext>,
    /// What was changed in the request before it was accepted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    /// What the job's earlier attempts have of Google's quotas, and saw at Google.
    #[serde(default, skip_serializing_if = "Progress::is_nothing")]
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

/// What is to be done. Persisted: variants may be added, never renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Work {
    /// Create the event.
    Create,
    /// Look whether Google has finished the conference of an event that stands.
    Conference {
        /// Looks already taken.
        looks: u32,
    },
    /// Tell whoever asked to be told. What came of the job is in the message.
    Notice(Notice),
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

#[derive(Serialize)]
struct Envelope<'a> {
    v: u32,
    #[serde(flatten)]
    message: &'a Message,
}

#[derive(Deserialize)]
struct Version {
    v: u32,
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
            outcome: None,
            failure: None,
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
        let job = Job {
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
        Job { state: job.in_queue(now), ..job }
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

    /// The message with what it carries sealed with the newest of these keys; what none of them opens
    /// stays as it is.
    #[must_use]
    pub fn resealed(&self, keys: &Keyring) -> Self {
        let context = self.job.as_str();
        Self {
            payload: reseal(keys, context, &self.payload),
            outcome: self.outcome.as_ref().map(|outcome| reseal(keys, context, outcome)),
            failure: self.failure.as_ref().map(|failure| failure.resealed(keys, context)),
            conference_refused: self.conference_refused.as_ref().map(|words| reseal(keys, context, words)),
            ..self.clone()
        }
    }

    /// The message as bytes for the queue.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(&Envelope { v: VERSION, message: self }).expect("a message is plain data")
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
        serde_json::from_slice(bytes).map_err(|_| Unreadable::Garbled)
    }
}

#[cfg(test)]
mod golden;
#[cfg(test)]
mod tests;
