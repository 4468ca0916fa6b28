//! Taking hold of a job: with its record, with one rebuilt from the message, or without any.
//!
//! A job without a record may be running elsewhere and nobody could tell. It is run from its message
//! when that comes for the first time; a message that may have been delivered before is put aside for
//! as long as an attempt can last.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use common::jitter::spread_by;
use common::job::{Effect, Job, JobState, Lease, Refusal, Step, next_look};
use common::message::{Message, Progress};
use common::port::{Change, StoreError, pause};
use common::random;
use common::time::{after, until};
use jiff::Timestamp;

use super::aside::put_aside;
use super::key_reused::give_way;
use super::leased::{LONG_AGO, Leased};
use super::telling::tell_again;
use super::{Attempts, Verdict};
use crate::attempt_error::AttemptError;
use crate::calls::Calls;
use crate::hold::Hold;
use crate::metrics;
use crate::records::CLAIM;

/// A job that cannot even be looked at comes back after so long, or a little longer.
const NOTHING_KNOWN: Duration = Duration::from_secs(15);
/// A lease that is all but over is waited for so long.
const SHORTEST: Duration = Duration::from_secs(1);
/// What an attempt takes from publishing a job's next message to recording it, where its store is near; and so often as
/// much again, each time twice as long, where that is far away.
const MOMENT: Duration = Duration::from_millis(100);
const MOMENTS: u32 = 4;
/// Tries to take hold: as asked, a moment later, with the record rebuilt, and should it vanish again.
const TRIES: usize = 4;

/// Whether a message was delivered before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// Never.
    First,
    /// It may have been, and its attempt may still be running.
    Again,
}

/// What is to be found of a job's record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Record {
    /// All that was done is in it.
    Sound,
    /// Records were away lately: attempts may be missing.
    Doubtful,
    /// There is none.
    Gone,
    /// It is not known.
    Away,
}

/// How to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beginning {
    /// By the record.
    Recorded,
    /// By the record, rebuilt first.
    Rebuilt,
    /// From the message alone.
    Unrecorded,
    /// Not before whatever may be running is over.
    PutAside,
}

fn beginning(arrival: Arrival, record: Record) -> Beginning {
    match (arrival, record) {
        (Arrival::First | Arrival::Again, Record::Sound) | (Arrival::First, Record::Doubtful) => {
            Beginning::Recorded
        }
        (Arrival::First, Record::Gone) => Beginning::Rebuilt,
        (Arrival::First, Record::Away) => Beginning::Unrecorded,
        (Arrival::Again, Record::Doubtful | Record::Gone | Record::Away) => Beginning::PutAside,
    }
}

impl Arrival {
    /// What is known of the write, given what the message says: whoever had the message before may
    /// have written, whatever is recorded.
    pub(super) fn effect(self, said: Effect) -> Effect {
        match self {
            Self::First => said,
            Self::Again => said.max(Effect::Unknown),
        }
    }
}

/// A message that may have written tells of a job that was cancelled as one that had not.
fn may_have_left_its_event(cancelled: &Job, message: &Message) -> bool {
    // One whose cancellation had to be asked for was looked for at Google before it ended; a write that was not known
    // of then may have been on its way.
    let known_then = Some(cancelled.write_began_at.unwrap_or(LONG_AGO));
    let unknown_then = !cancelled.cancel_requested || message.write_began_at > known_then;
    cancelled.state == JobState::Cancelled
        && unknown_then
        && message.effect != Effect::None
        && message.hop >= cancelled.hop
}

/// When the write began that a message tells of, about which the record may say nothing: records were away. A message
/// that tells of one without its time is of an older build, or was put aside: that may have been a moment ago.
fn known_write(effect: Effect, began: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    match effect {
        Effect::None | Effect::Done => None,
        Effect::Unknown => Some(began.unwrap_or(now)),
    }
}

/// What an attempt goes on from. That Google had nothing under the job's id is forgotten where a write may have taken
/// effect since: one of an earlier delivery of this message, or one that had begun not long before.
fn known_progress(said: Progress, arrival: Arrival, began: Option<Timestamp>) -> Progress {
    let stands = |looked: &Timestamp| match arrival {
        Arrival::First => next_look(began, *looked).is_none(),
        Arrival::Again => false,
    };
    Progress { looked: said.looked.filter(stands), ..said }
}

/// What came of trying to take hold.
enum Taken {
    /// The record says so.
    Recorded(Box<Job>, Lease),
    /// Nothing does.
    Unrecorded(Box<Job>, Lease),
    /// Not now.
    PutAside,
}

/// Takes hold of the job, or says what to do with the delivery.
pub(super) async fn lease<'a>(
    attempts: &Attempts,
    message: &'a Message,
    arrival: Arrival,
) -> Result<Leased<'a>, Verdict> {
    match start(attempts, message, arrival).await {
        Ok(Taken::Recorded(job, lease)) => {
            with_cancellation(attempts, leased(attempts, message, arrival, *job, lease)).await
        }
        Ok(Taken::Unrecorded(job, lease)) => Ok(leased(attempts, message, arrival, *job, lease)),
        Ok(Taken::PutAside) => {
            let effect = Arrival::Again.effect(message.effect);
            Err(put_aside(attempts, &Message { effect, ..message.clone() }, CLAIM).await)
        }
        Err(AttemptError::Lost(Refusal::LeasedUntil(then))) => {
            let left = until(attempts.ports.clock.now(), then).clamp(SHORTEST, CLAIM);
            Err(put_aside(attempts, message, left).await)
        }
        Err(AttemptError::Lost(Refusal::Finished(job))) => match tell_again(attempts, message, &job).await {
            Ok(()) => Err(Verdict::Done),
            Err(_abandoned) => Err(Verdict::PutBack),
        },
        Err(AttemptError::Lost(Refusal::OtherRequest)) => Err(give_way(attempts, message).await),
        // A newer message of it is on its way.
        Err(AttemptError::Lost(_)) => Err(Verdict::Done),
        Err(trouble) => {
            if attempts.out_of_sight.is_due(attempts.ports.clock.now()) {
                tracing::warn!("Jobs cannot be looked at, again in a moment: {}", trouble.summary());
            }
            let pause = spread_by(NOTHING_KNOWN, random::fraction());
            Err(put_aside(attempts, message, pause).await)
        }
    }
}

fn leased<'a>(
    attempts: &Attempts,
    message: &'a Message,
    arrival: Arrival,
    job: Job,
    lease: Lease,
) -> Leased<'a> {
    let now = attempts.ports.clock.now();
    let written = known_write(message.effect, message.write_began_at, now);
    let job = Arc::new(job.as_told(message.reopened, written));
    let hold = Hold::new(Arc::clone(&attempts.records), Arc::clone(&job), lease);
    if let Some(words) = &message.conference_refused {
        hold.note_refused_conference(words);
    }
    let calls = Calls::after(known_progress(message.progress, arrival, job.write_began_at), job.not_after);
    Leased { message, job, hold, calls, probe: OnceLock::new() }
}

async fn start(attempts: &Attempts, message: &Message, arrival: Arrival) -> Result<Taken, AttemptError> {
    let lately = if attempts.records.were_away_lately() { Record::Doubtful } else { Record::Sound };
    if beginning(arrival, lately) == Beginning::PutAside {
        return Ok(Taken::PutAside);
    }
    let mut moments = if arrival == Arrival::First { 0..MOMENTS } else { 0..0 };
    let mut tries = 0..TRIES;
    while tries.next().is_some() {
        let now = attempts.ports.clock.now();
        let lease = Lease { worker: attempts.worker.clone(), until: after(now, CLAIM) };
        let start = Step::Start {
            lease: lease.clone(),
            hop: message.hop,
            tally: message.tally,
            effect: arrival.effect(message.effect),
        };
        let step = Step::For(message.fingerprint.clone(), Box::new(start));
        let record = match attempts.records.take(&message.job, &step).await {
            Ok(Change::Taken(job)) => return Ok(Taken::Recorded(job, lease)),
            Ok(Change::Refused(Refusal::Unknown)) => Record::Gone,
            Ok(Change::Refused(Refusal::Finished(job))) if may_have_left_its_event(&job, message) => {
                match attempts.records.take(&message.job, &Step::TakeBack { hop: message.hop }).await {
                    Ok(_) => continue,
                    Err(_) => Record::Away,
                }
            }
            Ok(Change::Refused(refusal @ Refusal::LeasedUntil(_))) => match moments.next() {
                Some(waited) => {
                    // Its holder may have published it a moment ago, and be about to record that.
                    pause(MOMENT * 2_u32.pow(waited)).await;
                    tries = 0..TRIES;
                    continue;
                }
                None => return Err(AttemptError::Lost(refusal)),
            },
            Ok(Change::Refused(refusal)) => return Err(AttemptError::Lost(refusal)),
            Err(_) => Record::Away,
        };
        match beginning(arrival, record) {
            Beginning::PutAside => return Ok(Taken::PutAside),
            Beginning::Recorded => {}
            Beginning::Rebuilt => {
                let rebuilt = attempts.records.rebuilt(message).await.map_err(AttemptError::Vault)?;
                // A store that answers reads and takes no writes is away: the record would never stay.
                if attempts.records.restore(&rebuilt).await.is_err() {
                    return unrecorded(&rebuilt, &step, lease, now);
                }
            }
            Beginning::Unrecorded => {
                let rebuilt = attempts.records.rebuilt(message).await.map_err(AttemptError::Vault)?;
                return unrecorded(&rebuilt, &step, lease, now);
            }
        }
    }
    Err(AttemptError::Store(StoreError("the record was lost as often as it was written".to_owned())))
}

/// A caller who took the job back while its record was away is known to the vault alone.
async fn with_cancellation<'a>(attempts: &Attempts, leased: Leased<'a>) -> Result<Leased<'a>, Verdict> {
    let certain = leased.job.effect == Effect::None && !attempts.records.may_be_older(&leased.job);
    if leased.job.cancel_requested || certain {
        return Ok(leased);
    }
    match attempts.records.is_taken_back(&leased.job.id).await {
        Ok(false) => Ok(leased),
        Ok(true) => cancel_leased(attempts, leased).await,
        Err(error) => {
            if attempts.perhaps_cancelled.is_due(attempts.ports.clock.now()) {
                tracing::warn!("Jobs are not run while they may have been cancelled: {error}");
            }
            leased.release(attempts).await;
            let pause = spread_by(NOTHING_KNOWN, random::fraction());
            Err(put_aside(attempts, leased.message, pause).await)
        }
    }
}

async fn cancel_leased<'a>(attempts: &Attempts, leased: Leased<'a>) -> Result<Leased<'a>, Verdict> {
    match leased.hold.take(&Step::Cancel).await {
        // Nothing was written: that was all.
        Ok(Change::Taken(job)) if job.is_finished() => {
            metrics::finished(&job);
            Err(Verdict::Done)
        }
        Ok(Change::Refused(Refusal::Finished(_))) => Err(Verdict::Done),
        Ok(Change::Taken(_) | Change::Refused(_)) | Err(_) => {
            let job = leased.job.as_ref().clone().with_wish_to_cancel(true);
            Ok(self::leased(attempts, leased.message, Arrival::Again, job, leased.hold.lease().clone()))
        }
    }
}

/// A job that is run from its message alone, as the step leaves it.
fn unrecorded(rebuilt: &Job, step: &Step, lease: Lease, now: Timestamp) -> Result<Taken, AttemptError> {
    let job = rebuilt.take(step, now).map_err(AttemptError::Lost)?;
    Ok(Taken::Unrecorded(Box::new(job), lease))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_delivery_runs_by_a_sound_record_and_by_nothing_else() {
        use Arrival::{Again, First};
        use Beginning::{PutAside, Rebuilt, Recorded, Unrecorded};
        for (record, first, again) in [
            (Record::Sound, Recorded, Recorded),
            (Record::Doubtful, Recorded, PutAside),
            (Record::Gone, Rebuilt, PutAside),
            (Record::Away, Unrecorded, PutAside),
        ] {
            assert_eq!((beginning(First, record), beginning(Again, record)), (first, again), "{record:?}");
        }
    }

    #[test]
    fn a_message_that_tells_of_a_write_without_its_time_tells_of_one_that_began_just_now() {
        let now: Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
        let then = now - jiff::SignedDuration::from_mins(1);
        assert_eq!(known_write(Effect::None, None, now), None);
        assert_eq!(known_write(Effect::Unknown, None, now), Some(now));
        assert_eq!(known_write(Effect::Unknown, Some(then), now), Some(then));
    }

    #[test]
    fn what_google_did_not_have_is_believed_while_no_write_can_have_taken_effect_since() {
        let looked: Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
        let said = Progress { turn: Some(looked), looked: Some(looked), ..Progress::default() };
        let before = |seconds| Some(looked - jiff::SignedDuration::from_secs(seconds));
        for (arrival, began, believed) in [
            (Arrival::First, None, true),
            (Arrival::First, Some(LONG_AGO), true),
            (Arrival::First, before(720), true),
            (Arrival::First, before(719), false),
            (Arrival::First, before(0), false),
            (Arrival::First, before(-1), false),
            (Arrival::Again, None, false),
            (Arrival::Again, before(720), false),
        ] {
            let expected = Progress { looked: said.looked.filter(|_| believed), ..said };
            assert_eq!(known_progress(said, arrival, began), expected, "{arrival:?} {began:?}");
        }
        assert_eq!(known_progress(Progress::default(), Arrival::First, None), Progress::default());
    }

    #[test]
    fn a_second_delivery_may_have_written() {
        for effect in [Effect::None, Effect::Unknown, Effect::Done] {
            assert_eq!(Arrival::First.effect(effect), effect);
            assert_eq!(Arrival::Again.effect(effect), effect.max(Effect::Unknown));
        }
    }
}
