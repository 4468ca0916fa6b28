//! What the record of a job holds.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Effect, JobId, JobState, Tally, Turn};
use crate::account::AccountId;
use crate::fingerprint::Fingerprint;
use crate::owner::Owner;
use crate::payload::Payload;
use crate::seal::Sealed;
use crate::trace::TraceContext;
use crate::warning::Warning;

/// What the record of a job holds. Persisted: fields may be added with a default, never renamed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fields {
    /// Its name, which is also the event's id.
    pub id: JobId,
    /// Who may see it.
    pub owner: Owner,
    /// Whose calendar it writes to.
    pub account: AccountId,
    /// Where it stands.
    pub state: JobState,
    /// What has been counted so far.
    pub tally: Tally,
    /// Whether its write may have reached Google.
    pub effect: Effect,
    /// While its effect is unknown: when the last write began, or when that could last have been. Until
    /// [`next_look`](super::next_look) says otherwise it may take effect although it was not found. `None` where no write is known of;
    /// in what older builds wrote it is missing, and the next attempt sets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write_began_at: Option<Timestamp>,
    /// When it was found that the last change of the record may be missing, and that nobody was at the job. An event
    /// that was created earlier may be a success that no record tells of. `None` where nothing is missing, and where
    /// the job had been taken back before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost_at: Option<Timestamp>,
    /// The highest hop of its message that was seen.
    pub hop: u32,
    /// The hop of the message with which it was last reopened; zero for a job that never was.
    #[serde(default, skip_serializing_if = "never")]
    pub reopened: u32,
    /// When it was accepted.
    pub submitted_at: Timestamp,
    /// When this record last changed.
    pub updated_at: Timestamp,
    /// When it ended, if it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// It must not start earlier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// It fails as expired once this is past.
    pub not_after: Timestamp,
    /// A caller asked for its cancellation while its effect was unknown.
    pub cancel_requested: bool,
    /// Keyed hashes of the request: tell a repeat from another request under the same key.
    #[serde(flatten)]
    pub fingerprint: Fingerprint,
    /// What to write, kept until it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Sealed<Payload>>,
    /// Google's words, once it has refused the event's conference: the event is written without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conference_refused: Option<Sealed<String>>,
    /// Its place in its account's line. `None` in the records of older builds, which placed every job as they accepted
    /// it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<Turn>,
    /// The trace of the request that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceContext>,
    /// What was changed in the request before it was accepted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

/// Whether a job was never reopened.
pub(crate) fn never(reopened: &u32) -> bool {
    *reopened == 0
}
