//! Running a job again from its dead letter, which is all that may be left of it.

use std::time::Duration;

use common::job::{Job, JobState};
use common::message::{Message, Work};
use common::port::Lane;
use common::quotas::Quotas;

use crate::line::note_place;
use crate::ports::Ports;
use crate::replay::{Replayed, left_alone, refreshed, replay};
use crate::replay_error::ReplayError;

/// What is to be done for a dead letter, given the job's record.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Use {
    /// The record knows that the job has ended, and can be opened again.
    Replay(Box<Job>),
    /// The letter is the job's only message.
    Publish,
    /// Nothing.
    Leave(Replayed),
}

/// Runs the job of a dead letter again, at its account's pace, with a fresh tally and deadline, unless
/// it is under way or has ended well. Once this has answered `Ok` the letter is of no more use, but for
/// [`Replayed::OtherRequest`].
///
/// # Errors
/// [`ReplayError`]; the letter has to be kept then.
pub async fn replay_letter(ports: &Ports, quotas: &Quotas, dead: &Message) -> Result<Replayed, ReplayError> {
    let now = ports.clock.now();
    match dead.work {
        Work::Create | Work::Record(_) | Work::Conference { .. } => {}
        // Nothing but a notice that the queue itself has given up on: it says how the job ended.
        Work::Notice { .. } => {
            ports.queue.publish(dead, Lane::Due, Duration::ZERO).await?;
            return Ok(Replayed::Again { not_after: dead.not_after });
        }
    }
    let record = ports.store.get(&dead.job).await?;
    let hop = record.as_ref().map_or(0, |job| job.hop).max(dead.hop).saturating_add(1);
    match decide(record, dead) {
        Use::Leave(as_it_is) => Ok(as_it_is),
        Use::Replay(job) => replay(ports, quotas, &job, now).await,
        Use::Publish => {
            // A message that the queue itself has given up on does not reopen its job.
            let reopened = if dead.failure().is_some() { hop } else { dead.reopened };
            // A cancellation stays: the attempt looks for its mark.
            let again = Message { hop, reopened, ..dead.clone() };
            let (message, delay) = refreshed(ports, quotas, again, now).await;
            ports.queue.publish(&message, Lane::Due, delay).await?;
            note_place(ports, &message).await;
            Ok(Replayed::Again { not_after: message.not_after })
        }
    }
}

fn decide(record: Option<Job>, dead: &Message) -> Use {
    let Some(job) = record else {
        return Use::Publish;
    };
    if job.fingerprint.is_other_request(&dead.fingerprint) {
        return Use::Leave(Replayed::OtherRequest);
    }
    match &job.state {
        JobState::Failed(_) => Use::Replay(Box::new(job)),
        JobState::Succeeded { .. } | JobState::Cancelled => Use::Leave(left_alone(&job.state)),
        JobState::Accepting { .. }
        | JobState::Queued
        | JobState::Running(_)
        | JobState::Waiting { .. }
        | JobState::Blocked { .. } => {
            // A letter that says no failure is a message that the queue itself has given up on.
            if dead.failure().is_none() && dead.hop >= job.hop {
                Use::Publish
            } else {
                Use::Leave(Replayed::UnderWay)
            }
        }
    }
}
