//! Running a job again that has ended: an operator has mended what stood in its way.

use std::time::Duration;

use common::account::Account;
use common::cancellation::Mark;
use common::deadline;
use common::job::{FailureKind, Job, JobState, Place, Silence, StateName, Step, Tally, Turn};
use common::message::{Message, Work};
use common::port::{Change, Lane, Shelf, VaultError};
use common::quotas::Quotas;
use common::time::until;
use jiff::Timestamp;

use crate::line::{join, note_place};
use crate::lost::revive;
use crate::ports::Ports;
use crate::replay_error::ReplayError;

/// A message that met its job before the record is open again would be forgotten: it comes no earlier.
const LEAD: Duration = Duration::from_secs(5);

/// What became of a wish to run a job again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replayed {
    /// It is on its way again, and expires at `not_after` unless it is done by then.
    Again {
        /// Its new deadline.
        not_after: Timestamp,
    },
    /// It has not ended: nothing was done.
    UnderWay,
    /// It has ended in a way that is left as it is: nothing was done.
    Ended(StateName),
    /// Another request under its key has its record: nothing was done, and its dead letter is of use once that is gone.
    OtherRequest,
}

/// What becomes of the mark of a cancelled job that is run again.
enum Marking {
    /// The caller's wish still stands.
    Stays,
    Goes,
}

/// Runs `job` again, which has failed or was cancelled, at its account's pace, with a fresh tally and
/// a deadline counted from `now`.
///
/// A job that is long overdue and was not heard of goes on as it is, at once: its last change may have been lost, and
/// nothing else might bring it to a worker.
///
/// A job whose cancellation could not be confirmed goes on being cancelled.
///
/// # Errors
/// [`ReplayError`].
pub async fn replay(
    ports: &Ports,
    quotas: &Quotas,
    job: &Job,
    now: Timestamp,
) -> Result<Replayed, ReplayError> {
    let (Some(marking), Some(message)) = (marking(&job.state), Message::next_for(job, Work::Create)) else {
        // Whatever waits before it: the operator has named this job.
        if job.silence(job.could_start_at(), now) != Silence::Usual
            && revive(ports, job, Duration::ZERO).await?
        {
            return Ok(Replayed::Again { not_after: job.not_after });
        }
        return Ok(left_alone(&job.state));
    };
    let message = Message { reopened: message.hop, ..message };
    let (message, delay) = refreshed(ports, quotas, message, now).await;
    match marking {
        Marking::Stays => mark_cancelled(ports, &message, now).await?,
        Marking::Goes => ports.vault.remove(Shelf::Cancellations, job.id.as_str()).await?,
    }
    // Published first: should we die before the record says so, the message finds the job ended and
    // is forgotten, and the operator may ask again. The other way round the job would be lost.
    let delay = delay.max(LEAD);
    ports.queue.publish(&message, Lane::Due, delay).await?;
    let step = Step::Replay { hop: message.hop, not_after: message.not_after };
    match ports.store.take(&job.id, &step, ports.clock.now()).await? {
        Change::Taken(_) => {
            note_place(ports, &message).await;
            // It may have come while this process stood still, and have been forgotten.
            if until(now, ports.clock.now()) >= LEAD {
                ports.queue.publish(&message, Lane::Due, Duration::ZERO).await?;
            }
            Ok(Replayed::Again { not_after: message.not_after })
        }
        // Its record is gone, and the message rebuilds it; or another process was faster, and of the two
        // messages one dies out.
        Change::Refused(_) => Ok(Replayed::Again { not_after: message.not_after }),
    }
}

/// The caller's wish has to outlive the new deadline too.
async fn mark_cancelled(ports: &Ports, message: &Message, now: Timestamp) -> Result<(), VaultError> {
    let (shelf, name) = (Shelf::Cancellations, message.job.as_str());
    let seen = ports.vault.get(shelf, name).await?.map(|doc| doc.version);
    let mark = Mark { at: now, until: message.not_after, fingerprint: &message.fingerprint }.document();
    ports.vault.put(shelf, name, &mark, seen).await.map(drop)
}

/// The message with nothing counted and a new deadline, and how long its account's line is.
pub(crate) async fn refreshed(
    ports: &Ports,
    quotas: &Quotas,
    message: Message,
    now: Timestamp,
) -> (Message, Duration) {
    // Without the account it is only slower, or waits longer: the attempt says what is wrong.
    let account = ports.accounts.get(&message.account).await.ok().flatten();
    let ends = account.as_ref().and_then(|account| event_ends(ports, account, &message));
    let not_after = deadline::usual(message.not_before, ends, now);
    let turn = message.turn.map(|turn| Turn { place: Place::Outside, yields: 0, ..turn });
    let due = message.not_before.is_none_or(|start| start <= now);
    let (turn, delay) = match &account {
        Some(account) if due => join(ports.throttle.as_ref(), quotas, account, turn, not_after, now).await,
        // One that is not due joins the line when it is.
        Some(_) | None => (turn, Duration::ZERO),
    };
    // The calendar may take a conference by now.
    let fresh = Message {
        tally: Tally::default(),
        not_after,
        work: message.work.without_failure(),
        conference_refused: None,
        turn,
        ..message
    };
    (fresh, delay)
}

fn event_ends(ports: &Ports, account: &Account, message: &Message) -> Option<Timestamp> {
    let keys = account.seal_keys(ports.accounts.ring()).ok()?;
    keys.open(message.job.as_str(), &message.payload).ok()?.event.ends_at()
}

/// What becomes of the mark of a job that is run again; `None` for a job that is not.
fn marking(state: &JobState) -> Option<Marking> {
    match state {
        JobState::Failed(failure) if failure.kind == FailureKind::CancellationUnconfirmed => {
            Some(Marking::Stays)
        }
        JobState::Failed(_) | JobState::Cancelled => Some(Marking::Goes),
        JobState::Accepting { .. }
        | JobState::Queued
        | JobState::Running(_)
        | JobState::Waiting { .. }
        | JobState::Blocked { .. }
        | JobState::Succeeded { .. } => None,
    }
}

/// What is said of a job that is not run again.
pub(crate) fn left_alone(state: &JobState) -> Replayed {
    if state.is_finished() { Replayed::Ended(state.name()) } else { Replayed::UnderWay }
}
