//! One attempt's hold on its job: every step that only the holder may take, and how far a write came.
//!
//! A hold outlives its record. Where records are away the attempt goes on without them, and where the
//! record has vanished, or never knew of the attempt, it is put right before the next step.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use common::job::{Effect, Job, LastKnown, Lease, Refusal, Step, Turn, next_look};
use common::port::{Change, StoreError};
use common::seal::Sealed;
use jiff::Timestamp;

use crate::attempt_error::AttemptError;
use crate::metrics;
use crate::records::Records;

/// Tries of a step: as asked, with the record put back, and with the job leased anew.
const TRIES: usize = 3;

/// One attempt's hold on its job.
pub(crate) struct Hold {
    records: Arc<Records>,
    /// As it was when it was taken.
    job: Arc<Job>,
    lease: Lease,
    /// When the write began that was not refused.
    began: Mutex<Option<Timestamp>>,
    absent: AtomicBool,
    /// Google's words, once it has refused the conference.
    conference_refused: OnceLock<Sealed<String>>,
    /// Its place in its account's line.
    turn: Mutex<Option<Turn>>,
}

/// What has to be done before a step can be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mending {
    /// Nothing: this is the answer.
    Nothing,
    /// The record has vanished.
    PutBack,
    /// The record knows nothing of this hold: it was rebuilt by another process, or away at the start.
    Lease,
}

impl Hold {
    /// The hold that `lease` has taken on `job`.
    pub(crate) fn new(records: Arc<Records>, job: Arc<Job>, lease: Lease) -> Self {
        let conference_refused = job.conference_refused.clone().map(OnceLock::from).unwrap_or_default();
        let (began, absent) = Default::default();
        let turn = Mutex::new(job.turn);
        Self { records, job, lease, began, absent, conference_refused, turn }
    }

    /// Takes a step, having put the record right where that is needed.
    ///
    /// # Errors
    /// When the step could not be recorded now: the store, or the vault, is away.
    pub(crate) async fn take(&self, step: &Step) -> Result<Change, AttemptError> {
        let step = self.of_this_request(step.clone());
        for _ in 0..TRIES {
            let change = self.records.take(&self.job.id, &step).await.map_err(AttemptError::Store)?;
            match mending(&change) {
                Mending::Nothing => return Ok(change),
                Mending::PutBack => self.put_back().await?,
                Mending::Lease => {
                    if let Change::Refused(refusal) = self.claim_again().await? {
                        return Ok(Change::Refused(refusal));
                    }
                }
            }
        }
        Err(AttemptError::Store(StoreError("the record was lost as often as it was written".to_owned())))
    }

    /// Records that a write begins. After this a crash leaves the effect `unknown` in the record; where the record
    /// is away, the next delivery takes the effect for unknown because it is not the first.
    ///
    /// # Errors
    /// [`AttemptError::Lost`] when the job is no longer this attempt's to write: cancelled, ended, taken.
    pub(crate) async fn begin_write(&self) -> Result<(), AttemptError> {
        self.begin(Step::BeginWrite(self.lease.clone())).await
    }

    /// The same for the write that uses up the id of a job that was taken back.
    ///
    /// # Errors
    /// As [`Self::begin_write`].
    pub(crate) async fn begin_spending(&self) -> Result<(), AttemptError> {
        self.begin(Step::SpendId(self.lease.clone())).await
    }

    async fn begin(&self, step: Step) -> Result<(), AttemptError> {
        self.must_take(&step).await?;
        *self.began() = Some(self.records.now());
        Ok(())
    }

    /// Takes a step without which the attempt does not go on, where there are records.
    async fn must_take(&self, step: &Step) -> Result<(), AttemptError> {
        match self.take(step).await {
            Ok(Change::Taken(_)) | Err(AttemptError::Store(_)) => Ok(()),
            Ok(Change::Refused(refusal)) => Err(AttemptError::Lost(refusal)),
            Err(trouble) => Err(trouble),
        }
    }

    /// Google refused the write: it had no effect after all.
    pub(crate) fn refused(&self) {
        *self.began() = None;
    }

    /// Google was asked and does not have the event. That settles it once no write can take effect any more.
    pub(crate) fn found_nothing(&self) {
        if self.looks_again_at().is_none() {
            self.absent.store(true, Ordering::Relaxed);
        }
    }

    /// When to look for the event once more that was not found; `None` where it can be believed not to be there.
    pub(crate) fn looks_again_at(&self) -> Option<Timestamp> {
        next_look(self.write_began_at(), self.records.now())
    }

    /// When the last write began whose outcome is not known.
    pub(crate) fn write_began_at(&self) -> Option<Timestamp> {
        match self.effect() {
            Effect::Unknown => self.began().or(self.job.write_began_at),
            Effect::None | Effect::Done => None,
        }
    }

    fn began(&self) -> MutexGuard<'_, Option<Timestamp>> {
        self.began.lock().expect("nothing panics holding it")
    }

    /// Notes that Google refuses the conference, in these words, before the event is written without it:
    /// should the answer to that write be lost, the reason is not.
    ///
    /// # Errors
    /// When the job is no longer this attempt's. Where records are away the words travel with the message.
    pub(crate) async fn leave_out_conference(&self, words: Sealed<String>) -> Result<(), AttemptError> {
        let words = self.conference_refused.get_or_init(|| words).clone();
        self.must_take(&Step::LeaveOutConference(self.lease.clone(), words)).await
    }

    /// Takes over what a message says of a refused conference.
    pub(crate) fn note_refused_conference(&self, words: &Sealed<String>) {
        self.conference_refused.get_or_init(|| words.clone());
    }

    /// Google's words, once it has refused the conference.
    pub(crate) fn conference_refused(&self) -> Option<&Sealed<String>> {
        self.conference_refused.get()
    }

    /// The job's place in its account's line.
    pub(crate) fn turn(&self) -> Option<Turn> {
        *self.turn.lock().expect("nothing panics holding it")
    }

    /// The job has another place in its account's line, recorded with how the attempt ends.
    pub(crate) fn stand(&self, turn: Option<Turn>) {
        *self.turn.lock().expect("nothing panics holding it") = turn;
    }

    /// What is known of the write by now.
    pub(crate) fn effect(&self) -> Effect {
        if self.began().is_some() {
            Effect::Unknown
        } else if self.absent.load(Ordering::Relaxed) {
            Effect::None
        } else {
            self.job.effect
        }
    }

    /// What names this hold.
    pub(crate) fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Writes the record anew, as this hold knows the job. Should another process have done so meanwhile,
    /// theirs stays.
    async fn put_back(&self) -> Result<(), AttemptError> {
        let taken_back = self.records.is_taken_back(&self.job.id).await.map_err(AttemptError::Vault)?;
        let known = LastKnown {
            effect: self.effect(),
            write_began_at: self.write_began_at(),
            conference_refused: self.conference_refused.get().cloned(),
            turn: self.turn(),
        };
        let job = self.job.as_last_known(known).with_wish_to_cancel(taken_back);
        self.records.restore(&job).await.map_err(AttemptError::Store)?;
        Ok(())
    }

    /// A record that was lost may be that of another request by now.
    fn of_this_request(&self, step: Step) -> Step {
        Step::For(self.job.fingerprint.clone(), Box::new(step))
    }

    /// Takes hold of a job that no attempt holds; refused when another does, or when the job has gone on without us.
    async fn claim_again(&self) -> Result<Change, AttemptError> {
        let start = Step::Start {
            lease: self.lease.clone(),
            hop: self.job.hop,
            tally: self.job.tally,
            effect: self.effect(),
        };
        let step = self.of_this_request(start);
        let change = self.records.take(&self.job.id, &step).await.map_err(AttemptError::Store)?;
        if let Change::Taken(job) = &change
            && !job.cancel_requested
            && self.records.is_taken_back(&job.id).await.map_err(AttemptError::Vault)?
        {
            let cancelled = self.records.take(&job.id, &Step::Cancel).await.map_err(AttemptError::Store)?;
            if let Change::Taken(job) = cancelled {
                metrics::finished(&job);
            }
        }
        Ok(change)
    }
}

fn mending(change: &Change) -> Mending {
    match change {
        Change::Refused(Refusal::Unknown) => Mending::PutBack,
        Change::Refused(Refusal::NotYours) => Mending::Lease,
        Change::Taken(_)
        | Change::Refused(
            Refusal::Finished(_)
            | Refusal::LeasedUntil(_)
            | Refusal::StaleHop
            | Refusal::CancelRequested
            | Refusal::OutOfPlace
            | Refusal::OtherRequest,
        ) => Mending::Nothing,
    }
}
