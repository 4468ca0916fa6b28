//! How a job moves from one state to the next: one pure function that may refuse.

use jiff::Timestamp;

use super::outcome::{EventResult, Failure};
use super::sealed_parts::SealedParts;
use super::state::{BlockReason, JobState, Lease, WaitReason};
use super::turn::Turn;
use super::{Effect, Fields, Job, Tally};
use crate::fingerprint::Fingerprint;
use crate::seal::Sealed;
use crate::warning::Warning;

/// A change that somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The queue has confirmed the message.
    Enqueued,
    /// Its place in its account's line has become known, or another one than was recorded.
    Placed {
        /// The place.
        turn: Turn,
        /// What its caller has to know of it.
        warning: Option<Warning>,
    },
    /// A delivery wants to run the job.
    Start {
        /// The attempt's hold.
        lease: Lease,
        /// What the message knows.
        hop: u32,
        /// What the message has counted.
        tally: Tally,
        /// What the message knows of the effect.
        effect: Effect,
    },
    /// The attempt is about to write. From here on the effect is unknown.
    BeginWrite(Lease),
    /// The attempt is about to take the id of a job that was taken back with an event of no content, so that no write
    /// of the job can take effect any more. That is a write too.
    SpendId(Lease),
    /// Google has refused the event's conference, in these words: from here on the event is written without it.
    LeaveOutConference(Lease, Sealed<String>),
    /// The attempt ends and the job comes back later.
    Postpone {
        /// The attempt's hold.
        lease: Lease,
        /// Where the job stands until then.
        pause: Pause,
        /// What has been counted.
        tally: Tally,
        /// What is known of the write.
        effect: Effect,
        /// The hop of the message that will bring it back, already published.
        hop: u32,
        /// Its place in line until then; `None` for the one that is recorded.
        turn: Option<Turn>,
    },
    /// The event is in the calendar, whoever wrote it.
    Succeed(Sealed<EventResult>),
    /// The attempt found that the job cannot be done.
    Fail(Lease, Failure),
    /// The attempt found that a cancelled job has left no event.
    ConfirmCancelled(Lease),
    /// A caller takes the job back.
    Cancel,
    /// Nobody is at the job, and nothing may be left that would bring it to a worker. A message with this hop has been
    /// published: it looks at Google before it writes.
    Revive {
        /// The new message's hop.
        hop: u32,
        /// As [`Fields::lost_at`].
        lost_at: Option<Timestamp>,
    },
    /// The record may be older than what was written last, which was lost with the store at this instant.
    Doubt(Timestamp),
    /// The attempt found that the event had been created before the job was taken back: it stays.
    Stand(Lease, Sealed<EventResult>),
    /// What blocked it has ended. Of several who see that, the one whose step is taken publishes its message.
    Unblock {
        /// The hop below which messages are forgotten from now on: the record's own, while no newer
        /// message has been published.
        hop: u32,
    },
    /// An operator reopens it, and a message with this hop has been published.
    Replay {
        /// The new message's hop.
        hop: u32,
        /// The new deadline.
        not_after: Timestamp,
    },
    /// A cancelled job may have left its event behind after all, written by somebody who could not reach
    /// this record. It is open again until that event is gone.
    TakeBack {
        /// The hop of the message that brings it to a worker.
        hop: u32,
    },
    /// A later look at the conference.
    Amend(Sealed<EventResult>),
    /// The keys were rotated: what the record holds, as somebody has seen it, is sealed anew.
    Reseal {
        /// What was seen.
        before: Box<SealedParts>,
        /// The same under the newest key.
        after: Box<SealedParts>,
    },
    /// The only worker there can be has just started: whoever ran it is dead.
    Recover,
    /// Its account was erased: what was sealed for the job goes, where it stands stays.
    Forget,
    /// The step, where the record is of this request. Records may have been lost, and another request accepted under the
    /// same key since: its record is not that of this one's message.
    For(Fingerprint, Box<Step>),
}

/// Where a postponed job stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pause {
    /// Back in the queue at once: our own shutdown, or to run alone.
    Queued,
    /// Back at an instant.
    Waiting {
        /// What for.
        why: WaitReason,
        /// When.
        until: Timestamp,
    },
    /// Back when the reason ends.
    Blocked {
        /// What stands in the way.
        why: BlockReason,
        /// When to look again in any case.
        until: Option<Timestamp>,
    },
}

/// Why a step was not taken. None of these is an error: each says what the asker should do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The job has ended; carries how it stands.
    Finished(Box<Job>),
    /// Another attempt may still be at it until then.
    LeasedUntil(Timestamp),
    /// A newer message of this job is on its way: forget this one.
    StaleHop,
    /// The attempt's hold was lost to another.
    NotYours,
    /// A caller asked for cancellation meanwhile.
    CancelRequested,
    /// The job does not stand where this step makes sense.
    OutOfPlace,
    /// There is no record of this job.
    Unknown,
    /// The record is of another request under the same key.
    OtherRequest,
}

impl Job {
    /// Takes `step` at `now`, or says why not. The job is unchanged when it is refused.
    ///
    /// # Errors
    /// The [`Refusal`].
    pub fn take(&self, step: &Step, now: Timestamp) -> Result<Self, Refusal> {
        self.0.taken(step, now).map(Self)
    }
}

impl Fields {
    /// How they are after the step.
    fn taken(&self, step: &Step, now: Timestamp) -> Result<Self, Refusal> {
        let mut job = self.clone();
        job.updated_at = now;
        match step {
            Step::Enqueued => match self.state {
                JobState::Accepting { .. } => job.state = self.in_queue(now),
                JobState::Queued
                | JobState::Running(_)
                | JobState::Waiting { .. }
                | JobState::Blocked { .. }
                | JobState::Succeeded { .. }
                | JobState::Failed(_)
                | JobState::Cancelled => return Err(Refusal::OutOfPlace),
            },
            Step::Placed { turn, warning } => {
                self.still_open()?;
                job.turn = Some(*turn);
                job.warnings.extend(warning.clone().filter(|warning| !self.warnings.contains(warning)));
                // Nothing that anybody waits for has changed.
                job.updated_at = self.updated_at;
            }
            Step::Start { lease, hop, tally, effect } => {
                self.still_open()?;
                if *hop < self.hop {
                    return Err(Refusal::StaleHop);
                }
                job.tally = self.tally.merged(*tally);
                job.effect = self.effect.max(*effect);
                if let JobState::Running(last) = &self.state {
                    if last.until > now {
                        return Err(Refusal::LeasedUntil(last.until));
                    }
                    // Where its holder published a newer message it did not die: it could not record that.
                    job.abandoned(last.until, self.was_left_behind(*hop, now));
                }
                job.hop = *hop;
                job.turn = self.turn.map(Turn::come);
                job.state = JobState::Running(lease.clone());
            }
            Step::BeginWrite(lease) => {
                self.held_by(lease)?;
                if self.cancel_requested {
                    return Err(Refusal::CancelRequested);
                }
                job.effect = Effect::Unknown;
                job.write_began_at = Some(now);
            }
            Step::SpendId(lease) => {
                self.held_by(lease)?;
                job.effect = Effect::Unknown;
                job.write_began_at = Some(now);
            }
            Step::LeaveOutConference(lease, words) => {
                self.held_by(lease)?;
                job.conference_refused = Some(words.clone());
            }
            Step::Postpone { lease, pause, tally, effect, hop, turn } => {
                self.held_by(lease)?;
                job.turn = turn.or(self.turn);
                job.tally = *tally;
                job.known(*effect);
                job.hop = self.hop.max(*hop);
                job.state = match pause.clone() {
                    Pause::Queued => self.in_queue(now),
                    Pause::Waiting { why, until } => JobState::Waiting { why, until },
                    Pause::Blocked { why, until } => JobState::Blocked { why, until },
                };
                // Taken back during a write that was then refused: there is nothing to undo. When that write began
                // stays: a copy of the message that tells of it as of one on its way knows no more than this.
                if job.cancel_requested && job.effect == Effect::None {
                    job.write_began_at = self.write_began_at;
                    job.end(JobState::Cancelled, now);
                }
            }
            Step::Succeed(result) => {
                // Whoever knows that the event exists is believed, with or without a lease.
                self.still_open()?;
                if self.cancel_requested {
                    return Err(Refusal::CancelRequested);
                }
                job.succeed(result, now);
            }
            Step::Stand(lease, result) => {
                self.held_by(lease)?;
                job.succeed(result, now);
            }
            Step::Fail(lease, failure) => {
                self.held_by(lease)?;
                job.known(failure.effect);
                job.end(JobState::Failed(failure.clone()), now);
            }
            Step::ConfirmCancelled(lease) => {
                self.held_by(lease)?;
                // When the write began that this answers stays: a message may tell of a later one.
                job.effect = Effect::None;
                job.end(JobState::Cancelled, now);
            }
            Step::Cancel => {
                self.still_open()?;
                if self.is_left_alone(now) && !self.cancel_requested {
                    job.may_have_written(now, Some(now));
                }
                match job.effect {
                    Effect::None => job.end(JobState::Cancelled, now),
                    Effect::Unknown | Effect::Done => job.cancel_requested = true,
                }
            }
            Step::Revive { hop, lost_at } => {
                self.still_open()?;
                if let JobState::Running(last) = &self.state
                    && last.until > now
                {
                    return Err(Refusal::LeasedUntil(last.until));
                }
                if *hop <= self.hop {
                    return Err(Refusal::StaleHop);
                }
                job.hop = *hop;
                job.may_have_written(now, *lost_at);
                job.state = self.in_queue(now);
            }
            Step::Doubt(then) => {
                self.still_open()?;
                job.may_have_written(*then, (!self.cancel_requested).then_some(now));
                job.updated_at = self.updated_at;
            }
            Step::Unblock { hop } => {
                let JobState::Blocked { .. } = self.state else {
                    return Err(Refusal::OutOfPlace);
                };
                job.hop = self.hop.max(*hop);
                job.state = self.in_queue(now);
            }
            Step::Replay { hop, not_after } => {
                let (JobState::Failed(_) | JobState::Cancelled) = self.state else {
                    return Err(Refusal::OutOfPlace);
                };
                job.tally = Tally::default();
                job.hop = self.hop.max(*hop);
                job.reopened = *hop;
                job.not_after = *not_after;
                job.cancel_requested = false;
                job.lost_at = None;
                // The calendar may take a conference by now.
                job.conference_refused = None;
                job.finished_at = None;
                job.state = self.in_queue(now);
            }
            Step::TakeBack { hop } => {
                let JobState::Cancelled = self.state else {
                    return Err(Refusal::OutOfPlace);
                };
                job.effect = Effect::Unknown;
                job.write_began_at = Some(now);
                job.hop = self.hop.max(*hop);
                job.cancel_requested = true;
                job.finished_at = None;
                job.state = JobState::Queued;
            }
            Step::Amend(result) => {
                let JobState::Succeeded { .. } = self.state else {
                    return Err(Refusal::OutOfPlace);
                };
                job.state = JobState::Succeeded { result: result.clone() };
            }
            Step::Reseal { before, after } => {
                if self.sealed_parts() != **before {
                    return Err(Refusal::OutOfPlace);
                }
                job.put_sealed_parts(after);
                // Nothing that anybody asks after has changed.
                job.updated_at = self.updated_at;
            }
            Step::Recover => {
                let JobState::Running(last) = &self.state else {
                    return Err(Refusal::OutOfPlace);
                };
                job.abandoned(last.until.min(now), true);
                job.state = self.in_queue(now);
            }
            Step::Forget => {
                job.payload = None;
                job.conference_refused = None;
                if let JobState::Failed(failure) = &mut job.state {
                    failure.detail = None;
                }
            }
            Step::For(request, step) => {
                if self.fingerprint.is_other_request(request) {
                    return Err(Refusal::OtherRequest);
                }
                return self.taken(step, now);
            }
        }
        Ok(job)
    }

    /// The last attempt told of no end, which is a crash if its worker died: how far it came is unknown. It cannot have
    /// begun a write later than `then`.
    fn abandoned(&mut self, then: Timestamp, died: bool) {
        self.tally.crashes = self.tally.crashes.saturating_add(u32::from(died));
        self.effect = self.effect.max(Effect::Unknown);
        self.write_began_at = self.write_began_at.max(Some(then));
    }

    /// The last change of the record may be missing: a write may have begun, no later than `then`.
    fn may_have_written(&mut self, then: Timestamp, lost_at: Option<Timestamp>) {
        self.effect = self.effect.max(Effect::Unknown);
        self.write_began_at = self.write_began_at.max(Some(then));
        self.lost_at = lost_at.or(self.lost_at);
    }

    fn succeed(&mut self, result: &Sealed<EventResult>, now: Timestamp) {
        self.known(Effect::Done);
        self.end(JobState::Succeeded { result: result.clone() }, now);
        self.payload = None;
        self.conference_refused = None;
        self.turn = None;
        self.lost_at = None;
    }

    /// So much is known of the write. Where its outcome is, it does not matter any more when it began, except to a job
    /// that was taken back: the message that was sent then tells of this write as one that may yet take effect.
    fn known(&mut self, effect: Effect) {
        self.effect = effect;
        match effect {
            Effect::None | Effect::Done if !self.cancel_requested => self.write_began_at = None,
            Effect::None | Effect::Done | Effect::Unknown => {}
        }
    }

    fn end(&mut self, state: JobState, now: Timestamp) {
        self.state = state;
        self.finished_at = Some(now);
    }

    fn still_open(&self) -> Result<(), Refusal> {
        if self.is_finished() { Err(Refusal::Finished(Box::new(Job(self.clone())))) } else { Ok(()) }
    }

    fn held_by(&self, lease: &Lease) -> Result<(), Refusal> {
        self.still_open()?;
        match &self.state {
            JobState::Running(current) if current == lease => Ok(()),
            JobState::Running(_)
            | JobState::Accepting { .. }
            | JobState::Queued
            | JobState::Waiting { .. }
            | JobState::Blocked { .. }
            | JobState::Succeeded { .. }
            | JobState::Failed(_)
            | JobState::Cancelled => Err(Refusal::NotYours),
        }
    }
}

#[cfg(test)]
mod tests;
