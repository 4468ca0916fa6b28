//! A job in the hands of an attempt.

use std::sync::{Arc, OnceLock};

use common::job::{Effect, Job};
use common::message::Message;
use common::seal::Keyring;
use jiff::Timestamp;

use super::Writing;
use crate::calls::Calls;
use crate::guests::GuestProbe;
use crate::hold::Hold;

/// When a write began that no record and no message tells of: whether there was one is unknown, and Google is asked
/// once.
pub(super) const LONG_AGO: Timestamp = Timestamp::UNIX_EPOCH;

/// A job that this worker holds, with everything that is known about it.
pub(super) struct Held<'a> {
    pub(super) message: &'a Message,
    pub(super) job: Arc<Job>,
    pub(super) hold: Hold,
    pub(super) calls: Calls,
    pub(super) probe: OnceLock<GuestProbe>,
    /// What the attempt has opened, once it has.
    pub(super) opened: OnceLock<Writing>,
}

impl Held<'_> {
    /// What is known of the write by now.
    pub(super) fn effect(&self) -> Effect {
        self.hold.effect()
    }

    /// The account's seal keys, if the attempt has opened what the job carries.
    pub(super) fn keys(&self) -> Option<&Keyring> {
        self.opened.get().map(|writing| &writing.keys)
    }

    /// The message that comes after the present one.
    pub(super) fn next_message(&self) -> Message {
        // Without a time the next attempt would take what is only doubted for a write that has just begun.
        let doubted = (self.effect() == Effect::Unknown).then_some(LONG_AGO);
        Message {
            hop: self.message.hop.max(self.job.hop).saturating_add(1),
            reopened: self.job.reopened,
            effect: self.effect(),
            write_began_at: self.hold.write_began_at().or(doubted),
            tally: self.job.tally,
            failure: None,
            conference_refused: self.hold.conference_refused().cloned(),
            turn: self.hold.turn(),
            progress: self.calls.progress(),
            ..self.message.clone()
        }
    }
}
