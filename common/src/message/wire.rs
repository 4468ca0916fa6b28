//! How a message is written: [`Work`] in three parts, as the first build did. That order stays, byte for byte.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{End, Message, Notice, Progress, VERSION, Work};
use crate::account::AccountId;
use crate::fingerprint::Fingerprint;
use crate::job::{BlockReason, Effect, EventResult, Failure, JobId, Tally, Turn, never};
use crate::owner::Owner;
use crate::payload::Payload;
use crate::seal::Sealed;
use crate::trace::TraceContext;
use crate::warning::Warning;

/// A message as JSON.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Wire {
    v: u32,
    job: JobId,
    work: Kind,
    owner: Owner,
    account: AccountId,
    hop: u32,
    #[serde(default, skip_serializing_if = "never")]
    reopened: u32,
    tally: Tally,
    effect: Effect,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    write_began_at: Option<Timestamp>,
    submitted_at: Timestamp,
    not_before: Option<Timestamp>,
    not_after: Timestamp,
    #[serde(flatten)]
    fingerprint: Fingerprint,
    payload: Sealed<Payload>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outcome: Option<Sealed<EventResult>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    conference_refused: Option<Sealed<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    turn: Option<Turn>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    told: Option<BlockReason>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trace: Option<TraceContext>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Warning>,
    #[serde(default, skip_serializing_if = "Progress::is_nothing")]
    progress: Progress,
}

/// What is to be done. Persisted: variants may be added, never renamed.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
enum Kind {
    Create,
    Conference { looks: u32 },
    Notice(Notice),
}

impl From<Message> for Wire {
    fn from(message: Message) -> Self {
        let (work, end) = match message.work {
            Work::Create => (Kind::Create, None),
            Work::Record(end) => (Kind::Create, Some(end)),
            Work::Conference { looks, end } => (Kind::Conference { looks }, end),
            Work::Notice { notice, end } => (Kind::Notice(notice), end),
        };
        let (outcome, failure) = match end {
            None => (None, None),
            Some(End::Succeeded(result)) => (Some(result), None),
            Some(End::Failed(failure)) => (None, Some(failure)),
            Some(End::Both(result, failure)) => (Some(result), Some(failure)),
        };
        Self {
            v: VERSION,
            job: message.job,
            work,
            owner: message.owner,
            account: message.account,
            hop: message.hop,
            reopened: message.reopened,
            tally: message.tally,
            effect: message.effect,
            write_began_at: message.write_began_at,
            submitted_at: message.submitted_at,
            not_before: message.not_before,
            not_after: message.not_after,
            fingerprint: message.fingerprint,
            payload: message.payload,
            outcome,
            failure,
            conference_refused: message.conference_refused,
            turn: message.turn,
            told: message.told,
            trace: message.trace,
            warnings: message.warnings,
            progress: message.progress,
        }
    }
}

impl From<Wire> for Message {
    fn from(wire: Wire) -> Self {
        let end = match (wire.outcome, wire.failure) {
            (None, None) => None,
            (Some(result), None) => Some(End::Succeeded(result)),
            (None, Some(failure)) => Some(End::Failed(failure)),
            (Some(result), Some(failure)) => Some(End::Both(result, failure)),
        };
        let work = match wire.work {
            Kind::Create => end.map_or(Work::Create, Work::Record),
            Kind::Conference { looks } => Work::Conference { looks, end },
            Kind::Notice(notice) => Work::Notice { notice, end },
        };
        Self {
            job: wire.job,
            work,
            owner: wire.owner,
            account: wire.account,
            hop: wire.hop,
            reopened: wire.reopened,
            tally: wire.tally,
            effect: wire.effect,
            write_began_at: wire.write_began_at,
            submitted_at: wire.submitted_at,
            not_before: wire.not_before,
            not_after: wire.not_after,
            fingerprint: wire.fingerprint,
            payload: wire.payload,
            conference_refused: wire.conference_refused,
            turn: wire.turn,
            told: wire.told,
            trace: wire.trace,
            warnings: wire.warnings,
            progress: wire.progress,
        }
    }
}
