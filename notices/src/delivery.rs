//! Notices about jobs: into the queue, and from the queue to their receivers.

use std::time::{Duration, Instant};

use accounts::{AccountError, Accounts};
use common::jitter::spread_by;
use common::job::{Job, JobState};
use common::message::{End, Message, News, Notice, Work};
use common::port::VaultError;
use common::random;
use common::seal::{Keyring, OpenError, Sealed};
use common::time::hours;
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use super::body::{self, Opened};
use super::line::NoPlace;
use super::retry::{Next, decide, is_stale, wait};
use super::webhook::NotTaken;
use super::{Endpoint, Notices, Sources};
use crate::metrics::{self, Kind, Outcome};

/// The key that a notice is sealed with is missing: an operator has to act.
const KEY_MISSING: Duration = hours(1);

/// A message that tells of `job`: of two messages that were accepted under one id, both tell of it by one name.
#[must_use]
pub fn told_of(message: Message, job: &Job) -> Message {
    Message { submitted_at: job.submitted_at, reopened: job.reopened, ..message }
}

/// What is to be done with a notice after it was tried.
#[derive(Debug)]
pub enum Sent {
    /// Nothing: it was taken, or is of no more use.
    Over,
    /// It is to be tried again: this message after so long.
    Later(Box<Message>, Duration),
    /// The process ends: it is to be tried elsewhere.
    Abandoned,
}

/// The news of how the job of `message` has ended, with the message to tell them by: a process that recorded the end may
/// have died before it told of it, or been told that nobody listens. Receivers know the repeat by its id.
#[must_use]
pub fn news_again(message: &Message, job: &Job) -> Option<(Message, News)> {
    // An older copy of the message did not end the job.
    if message.hop < job.hop {
        return None;
    }
    let told = told_of(Message { tally: job.tally, ..message.clone() }, job);
    match &job.state {
        JobState::Succeeded { result } => {
            Some((Message { work: Work::Record(End::Succeeded(result.clone())), ..told }, News::Succeeded))
        }
        JobState::Failed(failure) => {
            Some((Message { work: Work::Record(End::Failed(failure.clone())), ..told }, News::Failed))
        }
        JobState::Accepting { .. }
        | JobState::Queued
        | JobState::Running(_)
        | JobState::Waiting { .. }
        | JobState::Blocked { .. }
        | JobState::Cancelled => None,
    }
}

impl Notices {
    /// The message that tells `news` of the job of `message`; `None` where nobody wants to hear of jobs. Once it is
    /// published, it will be told.
    pub async fn about(&self, sources: &Sources, message: Message, news: News) -> Option<Message> {
        let now = sources.clock.now();
        if !self.anybody_listens(sources, now).await {
            return None;
        }
        let occurrence = Some(message.occurrence(news));
        let notice = Notice { news, at: now, tries: 0, occurrence };
        let work = Work::Notice { notice, end: message.work.end().cloned() };
        Some(Message { work, ..message })
    }

    async fn anybody_listens(&self, sources: &Sources, now: Timestamp) -> bool {
        let (vault, hash_key) = (sources.vault.as_ref(), sources.accounts.hash_key());
        self.wanted(vault, |url| hash_key.name("webhook", url), now).await
    }

    /// Sends a notice that the queue has delivered, one of at most `places` at a time; left in the middle when
    /// `abandoned` is over.
    pub async fn send(
        &self,
        sources: &Sources,
        message: &Message,
        notice: Notice,
        places: usize,
        abandoned: impl Future<Output = ()>,
    ) -> Sent {
        let now = sources.clock.now();
        let Some(endpoint) = &self.webhook else {
            // A receiver was configured when it was published.
            return count(Outcome::Dropped);
        };
        if !self.anybody_listens(sources, now).await {
            return count(Outcome::Dropped);
        }
        if is_stale(notice.at, now) {
            tracing::error!(job.id = %message.job, "Gave up telling of job {}: the receiver of webhooks has not taken it for days", message.job);
            return count(Outcome::GivenUp);
        }
        let _place = match endpoint.line.enter(places, now) {
            Ok(place) => place,
            Err(none) => return no_place(message, notice, none),
        };
        // What cannot be looked up is told: a notice that misleads is better than none.
        let record = sources.store.get(&message.job).await.ok().flatten();
        // That of another request under the same key says nothing about this one.
        let record = record.filter(|job| !job.fingerprint.is_other_request(&message.fingerprint));
        if record.as_ref().is_some_and(|job| supersedes(job, notice.news)) {
            return count(Outcome::Dropped);
        }
        let opened = match opened(&sources.accounts, message).await {
            Ok(opened) => opened,
            Err(error) => {
                tracing::warn!("A notice cannot be read, again later: {error}");
                return Sent::Later(Box::new(message.clone()), KEY_MISSING);
            }
        };
        let id = body::id(message, notice);
        let body = body::body(message, notice, opened, record.as_ref());
        let began = Instant::now();
        // Dropped half-way it may have arrived all the same: it then comes again under its id.
        let sent = tokio::select! {
            sent = endpoint.webhook.send(&id, now, body) => sent,
            () = abandoned => return Sent::Abandoned,
        };
        match sent {
            Ok(()) => {
                if endpoint.line.answered(began.elapsed()) {
                    tracing::info!("The receiver of webhooks answers again");
                }
                count(Outcome::Sent)
            }
            Err(error) => endpoint.not_taken(sources, message, notice, &error).await,
        }
    }
}

/// A receiver that is left alone is away for each of its notices: those that did not meet that themselves wait as
/// long as those that did, or the whole backlog would come back as often as the receiver is tried.
fn no_place(message: &Message, notice: Notice, none: NoPlace) -> Sent {
    let fraction = random::fraction();
    let delay = spread_by(none.pause(), fraction);
    match none {
        NoPlace::Full(_) => Sent::Later(Box::new(message.clone()), delay),
        NoPlace::LeftAlone(_) => once_more(message, notice, delay.max(wait(notice.tries, fraction))),
    }
}

fn once_more(message: &Message, notice: Notice, delay: Duration) -> Sent {
    let notice = Notice { tries: notice.tries.saturating_add(1), ..notice };
    let work = Work::Notice { notice, end: message.work.end().cloned() };
    Sent::Later(Box::new(Message { work, ..message.clone() }), delay)
}

/// Why what is sealed in a notice cannot be read now.
#[derive(Debug, thiserror::Error)]
enum NotOpened {
    #[error(transparent)]
    Sealed(#[from] OpenError),
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// What is sealed in a notice. Of an account that is gone there is nothing to open, and what is damaged
/// is left out.
async fn opened(accounts: &Accounts, message: &Message) -> Result<Opened, NotOpened> {
    let wanted = message.payload.key_id()?;
    let keys = match accounts.unlock(&message.account, wanted).await {
        Ok(Some((_, keys))) => keys,
        Ok(None) | Err(AccountError::NeverConnected | AccountError::OtherUser { .. }) => {
            return Ok(Opened::default());
        }
        Err(AccountError::Sealed(error)) => return Err(error.into()),
        Err(AccountError::Vault(error)) => return Err(error.into()),
    };
    let (keys, context) = (&keys, message.job.as_str());
    let detail = message.failure().and_then(|failure| failure.detail.as_ref());
    let payload = open(keys, context, Some(&message.payload))?;
    Ok(Opened {
        calendar: payload.map(|payload| payload.calendar.as_str().to_owned()),
        result: open(keys, context, message.result())?,
        detail: open(keys, context, detail)?,
    })
}

fn open<T: DeserializeOwned>(
    keys: &Keyring,
    context: &str,
    sealed: Option<&Sealed<T>>,
) -> Result<Option<T>, OpenError> {
    match sealed.map(|sealed| keys.open(context, sealed)).transpose() {
        Ok(opened) => Ok(opened),
        Err(OpenError::Damaged) => Ok(None),
        Err(error @ OpenError::UnknownKey(_)) => Err(error),
    }
}

impl Endpoint {
    async fn not_taken(
        &self,
        sources: &Sources,
        message: &Message,
        notice: Notice,
        error: &NotTaken,
    ) -> Sent {
        let now = sources.clock.now();
        let fraction = random::fraction();
        let delay = match decide(error, notice.tries, fraction) {
            Next::Again { delay } => {
                tracing::warn!(job.id = %message.job, "The receiver of webhooks did not take what became of job {}: {error}", message.job);
                delay
            }
            Next::LeaveAlone { delay, at_least } => {
                if let Some(alone) = self.line.failed(at_least, now) {
                    tracing::warn!(
                        "The receiver of webhooks is left alone for {} s: {error}",
                        alone.as_secs()
                    );
                }
                delay
            }
            Next::Mute => {
                let receiver = sources.accounts.hash_key().name("webhook", self.webhook.url());
                self.silence(sources, &receiver, now).await;
                return count(Outcome::Disabled);
            }
        };
        metrics::notice(Kind::Webhook, Outcome::Retried);
        once_more(message, notice, delay)
    }

    /// The receiver wants nothing more.
    pub(super) async fn silence(&self, sources: &Sources, receiver: &str, now: Timestamp) {
        match self.mute.set(sources.vault.as_ref(), receiver, now).await {
            Ok(true) => tracing::error!(
                "The receiver in WEBHOOK_URL answered 410: it wants nothing more, and is sent nothing more until `calrelay notices unmute`"
            ),
            Ok(false) => {}
            Err(error) => tracing::warn!("That webhooks are no longer wanted could not be kept: {error}"),
        }
    }
}

fn count(outcome: Outcome) -> Sent {
    metrics::notice(Kind::Webhook, outcome);
    Sent::Over
}

/// Whether the job has gone on so that the news would mislead. A notice is published before its news is
/// recorded, so the record may still say what was before.
fn supersedes(job: &Job, news: News) -> bool {
    match (news, &job.state) {
        // It is being taken back: the event goes.
        (News::Succeeded | News::Updated, JobState::Cancelled) => true,
        (News::Succeeded | News::Updated, _) => job.cancel_requested,
        (News::Failed, JobState::Succeeded { .. } | JobState::Cancelled) => true,
        (News::Failed, _) => false,
        (News::Blocked { .. }, _) => job.is_finished(),
    }
}
