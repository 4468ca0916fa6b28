//! Recording a success: the event is there, and a caller who asks must learn that.

use common::account::GuestLimit;
use common::job::{Conference, Effect, EventResult, JobState, Refusal, Step};
use common::message::{End, Message, News, Work};
use common::port::{Change, Lane, Shelf};
use common::seal::{Keyring, Sealed};
use notices::told_of;

use super::conference;
use super::lease::Arrival;
use super::planned::Call;
use super::publishing::{Abandoned, keep_trying, publish, publish_once};
use super::record::{Recording, UNRECORDED};
use super::telling::tell;
use super::{Attempts, Conclusion, Verdict, take};
use crate::attempt_error::AttemptError;
use crate::metrics;

/// Tries to record: as asked, and with the record rebuilt.
const TRIES: usize = 2;

/// What is told of an event that is there.
#[derive(Debug)]
pub(super) struct Success {
    result: Sealed<EventResult>,
    /// Google is still making its conference.
    pending: bool,
}

/// What came of recording a success.
enum Recorded {
    /// It has been, by this attempt or by another.
    Done,
    /// The caller has taken the job back: the event must go.
    TakenBack,
}

impl Call<'_> {
    /// The event is there.
    pub(super) async fn success(&self, result: EventResult) -> Conclusion {
        Conclusion::Succeeded(self.sealed(result).await)
    }

    /// The event is there: seals what is told of it while the key is at hand.
    pub(super) async fn sealed(&self, result: EventResult) -> Success {
        let over = |limit: GuestLimit| limit.until <= self.attempts.ports.clock.now();
        if self.writing.account.guest_limit.is_some_and(over) && self.writing.payload.event.guests() > 0 {
            // Google invites for this user again. A success from before the limit says nothing.
            if let Err(error) =
                self.attempts.ports.accounts.limit_guests(&self.leased.job.account, None).await
            {
                tracing::warn!("A guest limit that is over could not be lifted: {error}");
            }
        }
        Success {
            pending: result.conference == Conference::Pending,
            result: self.writing.keys.seal(self.leased.job.id.as_str(), &result),
        }
    }
}

impl Recording<'_> {
    /// Records the end of an attempt that has succeeded.
    pub(super) async fn succeed(&self, success: Success) -> Result<Verdict, Abandoned> {
        self.announce(&success).await?;
        let work = Work::Record(End::Succeeded(success.result.clone()));
        let carrying = Message { work, ..self.leased.message.clone() };
        Ok(match record_success(self.attempts, &carrying, self.keys, &success.result).await {
            Ok(Recorded::Done) => Verdict::Done,
            // A cancellation came while the event was being created: the next delivery takes the event back, as an
            // attempt of its own.
            Ok(Recorded::TakenBack) => self.leased.hand_back(self.attempts).await,
            Err(verdict) => verdict,
        })
    }

    /// The same for a job whose caller took it back after it had succeeded, which its record did not know.
    pub(super) async fn stand(&self, success: Success) -> Result<Verdict, Abandoned> {
        self.announce(&success).await?;
        // A mark that stays does nothing while the job has its record.
        if let Err(error) =
            self.attempts.ports.vault.remove(Shelf::Cancellations, self.leased.job.id.as_str()).await
        {
            tracing::warn!(job.id = %self.leased.job.id, "The cancellation mark of job {} stays: {error}", self.leased.job.id);
        }
        metrics::succeeded();
        let step = Step::Stand(self.leased.hold.lease().clone(), success.result);
        self.end(step, self.leased.next_message()).await
    }

    /// Publishes what comes of a success, before that is recorded: nothing else would ever bring it.
    async fn announce(&self, success: &Success) -> Result<(), Abandoned> {
        if success.pending {
            let follow_up =
                Message { work: Work::Conference { looks: 0, end: None }, ..self.leased.message.clone() };
            publish(self.attempts, &follow_up, self.keys, Lane::Due, conference::FIRST_LOOK).await?;
        }
        let told = Message {
            work: Work::Record(End::Succeeded(success.result.clone())),
            tally: self.leased.job.tally,
            ..self.leased.message.clone()
        };
        tell(self.attempts, told_of(told, &self.leased.job), self.keys, News::Succeeded).await
    }
}

/// Records a success that its message has carried here.
pub(super) async fn record_carried_success(
    attempts: &Attempts,
    message: &Message,
    result: &Sealed<EventResult>,
    arrival: Arrival,
) -> Verdict {
    // A caller who took the job back while its record was away is known to the vault alone.
    if let Ok(true) = attempts.records.is_taken_back(&message.job).await {
        let step = Step::For(message.fingerprint.clone(), Box::new(Step::Cancel));
        let _ = attempts.records.take(&message.job, &step).await;
    }
    match record_success(attempts, message, None, result).await {
        Ok(Recorded::Done) => Verdict::Done,
        Ok(Recorded::TakenBack) => {
            take(attempts, &Message { work: Work::Create, ..message.clone() }, arrival).await
        }
        Err(verdict) => verdict,
    }
}

/// Records a success that `message` carries, unless the job was taken back meanwhile. Where it cannot be recorded it
/// travels on with its message, and where not even that is possible it is kept in hand; `Err` says
/// what to do with the delivery then.
async fn record_success(
    attempts: &Attempts,
    message: &Message,
    keys: Option<&Keyring>,
    result: &Sealed<EventResult>,
) -> Result<Recorded, Verdict> {
    let carrying = Message { effect: Effect::Done, hop: message.hop.saturating_add(1), ..message.clone() };
    let mut failures = 0;
    loop {
        match try_to_record(attempts, message, result).await {
            Ok(recorded) => return Ok(recorded),
            Err(trouble) => tracing::debug!(
                job.id = %message.job,
                "The success of job {} travels with its message: {}", message.job, trouble.summary()
            ),
        }
        let Err(error) = publish_once(attempts, &carrying, keys, Lane::Due, UNRECORDED).await else {
            return Err(Verdict::Done);
        };
        failures += 1;
        if keep_trying(attempts, failures, &error).await.is_err() {
            return Err(Verdict::PutBack);
        }
    }
}

async fn try_to_record(
    attempts: &Attempts,
    message: &Message,
    result: &Sealed<EventResult>,
) -> Result<Recorded, AttemptError> {
    let step = Step::For(message.fingerprint.clone(), Box::new(Step::Succeed(result.clone())));
    for _ in 0..TRIES {
        match attempts.records.take(&message.job, &step).await.map_err(AttemptError::Store)? {
            Change::Taken(job) => {
                metrics::succeeded();
                metrics::finished(&job);
                return Ok(Recorded::Done);
            }
            Change::Refused(Refusal::CancelRequested) => return Ok(Recorded::TakenBack),
            // Cancelled by a process that could not know of the event.
            Change::Refused(Refusal::Finished(job)) if job.state == JobState::Cancelled => {
                let step = Step::TakeBack { hop: message.hop };
                attempts.records.take(&message.job, &step).await.map_err(AttemptError::Store)?;
                return Ok(Recorded::TakenBack);
            }
            Change::Refused(Refusal::Unknown) => {
                let rebuilt = attempts.records.rebuilt(message).await.map_err(AttemptError::Vault)?;
                attempts.records.restore(&rebuilt).await.map_err(AttemptError::Store)?;
            }
            Change::Refused(Refusal::OtherRequest) => {
                // Its event stands, and has been told of. The other request will find it at Google.
                tracing::error!(
                    job.id = %message.job,
                    "The event of job {} was created, while its record is of another request under the same key, accepted since records were lost", message.job
                );
                return Ok(Recorded::Done);
            }
            Change::Refused(_) => return Ok(Recorded::Done),
        }
    }
    Err(AttemptError::Store(common::port::StoreError(
        "the record was lost as often as it was written".to_owned(),
    )))
}
