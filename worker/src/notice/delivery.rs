//! Notices about jobs: into the queue, and from the queue to their receivers.

use std::time::{Duration, Instant};

use common::job::{Job, JobState};
use common::message::{Message, News, Notice, Work};
use common::port::Lane;
use common::seal::{Keyring, OpenError, Sealed};
use common::time::hours;
use jiff::Timestamp;
use rand::RngExt as _;
use serde::de::DeserializeOwned;

use super::body::{self, Opened};
use super::line::NoPlace;
use super::retry::{Next, decide, is_stale, wait};
use super::webhook::NotTaken;
use super::{Endpoint, Notices};
use crate::Ports;
use crate::attempt::{Abandoned, Attempts, Verdict};
use crate::metrics::{self, NoticeKind, NoticeResult};
use crate::retry::spread_by;
use crate::trouble::Trouble;

/// The key that a notice is sealed with is missing: an operator has to act.
const KEY_MISSING: Duration = hours(1);

/// A message that tells of `job`: of two messages that were accepted under one id, both tell of it by one name.
pub(crate) fn told_of(message: Message, job: &Job) -> Message {
    Message { submitted_at: job.submitted_at, reopened: job.reopened, ..message }
}

impl Attempts {
    /// Publishes what there is to tell of the job of `message`, if anybody wants to hear it; `Ok` means
    /// that it will be told.
    pub(crate) async fn tell(&self, message: Message, news: News) -> Result<(), Abandoned> {
        let now = self.ports().clock.now();
        if !self.anybody_listens(self.notices(), now).await {
            return Ok(());
        }
        let occurrence = Some(message.occurrence(news));
        let work = Work::Notice(Notice { news, at: now, tries: 0, occurrence });
        self.publish(&Message { work, ..message }, Lane::Due, Duration::ZERO).await
    }

    /// Tells again how a job has ended: whoever recorded that may have died before, or been told of nobody
    /// to tell. Receivers know the repeat by its id.
    pub(crate) async fn tell_again(&self, message: &Message, job: &Job) -> Result<(), Abandoned> {
        // An older copy of the message did not end the job.
        if message.hop < job.hop {
            return Ok(());
        }
        let told = told_of(Message { tally: job.tally, ..message.clone() }, job);
        match &job.state {
            JobState::Succeeded { result } => {
                let told = Message { outcome: Some(result.clone()), ..told };
                self.tell(told, News::Succeeded).await
            }
            JobState::Failed(failure) => {
                let told = Message { failure: Some(failure.clone()), ..told };
                self.tell(told, News::Failed).await
            }
            JobState::Accepting { .. }
            | JobState::Queued
            | JobState::Running(_)
            | JobState::Waiting { .. }
            | JobState::Blocked { .. }
            | JobState::Cancelled => Ok(()),
        }
    }

    async fn anybody_listens(&self, notices: &Notices, now: Timestamp) -> bool {
        let (vault, hash_key) = (self.ports().vault.as_ref(), self.ports().accounts.hash_key());
        notices.wanted(vault, |url| hash_key.name("webhook", url), now).await
    }

    /// Sends a notice that the queue has delivered.
    pub(crate) async fn send_notice(&self, message: &Message, notice: Notice) -> Verdict {
        let now = self.ports().clock.now();
        let Some(endpoint) = &self.notices().webhook else {
            // A receiver was configured when it was published.
            return count(NoticeResult::Dropped);
        };
        if !self.anybody_listens(self.notices(), now).await {
            return count(NoticeResult::Dropped);
        }
        if is_stale(notice.at, now) {
            tracing::error!(job.id = %message.job, "Gave up telling of job {}: the receiver of webhooks has not taken it for days", message.job);
            return count(NoticeResult::GivenUp);
        }
        let _place = match endpoint.line.enter(self.notice_places(), now) {
            Ok(place) => place,
            Err(none) => return self.no_place(message, notice, none).await,
        };
        // What cannot be looked up is told: a notice that misleads is better than none.
        let record = self.ports().store.get(&message.job).await.ok().flatten();
        // That of another request under the same key says nothing about this one.
        let record = record.filter(|job| !job.fingerprint.is_other_request(&message.fingerprint));
        if record.as_ref().is_some_and(|job| supersedes(job, notice.news)) {
            return count(NoticeResult::Dropped);
        }
        let opened = match self.opened(message).await {
            Ok(opened) => opened,
            Err(trouble) => {
                tracing::warn!("A notice cannot be read, again later: {}", trouble.summary());
                return self.tell_later(message, KEY_MISSING).await;
            }
        };
        let id = body::id(message, notice);
        let body = body::body(message, notice, opened, record.as_ref());
        let began = Instant::now();
        // Dropped half-way it may have arrived all the same: it then comes again under its id.
        let sent = tokio::select! {
            sent = endpoint.webhook.send(&id, now, body) => sent,
            () = self.abandoned() => return Verdict::PutBack,
        };
        match sent {
            Ok(()) => {
                if endpoint.line.answered(began.elapsed()) {
                    tracing::info!("The receiver of webhooks answers again");
                }
                count(NoticeResult::Sent)
            }
            Err(error) => self.not_taken(message, notice, endpoint, &error).await,
        }
    }

    /// A receiver that is left alone is away for each of its notices: those that did not meet that themselves wait as
    /// long as those that did, or the whole backlog would come back as often as the receiver is tried.
    async fn no_place(&self, message: &Message, notice: Notice, none: NoPlace) -> Verdict {
        let fraction = rand::rng().random();
        let delay = spread_by(none.pause(), fraction);
        match none {
            NoPlace::Full(_) => self.tell_later(message, delay).await,
            NoPlace::LeftAlone(_) => {
                let delay = delay.max(wait(notice.tries, fraction));
                self.tell_once_more(message, notice, delay).await
            }
        }
    }

    async fn not_taken(
        &self,
        message: &Message,
        notice: Notice,
        endpoint: &Endpoint,
        error: &NotTaken,
    ) -> Verdict {
        let now = self.ports().clock.now();
        let fraction = rand::rng().random();
        let delay = match decide(error, notice.tries, fraction) {
            Next::Again { delay } => {
                tracing::warn!(job.id = %message.job, "The receiver of webhooks did not take what became of job {}: {error}", message.job);
                delay
            }
            Next::LeaveAlone { delay, at_least } => {
                if let Some(alone) = endpoint.line.failed(at_least, now) {
                    tracing::warn!(
                        "The receiver of webhooks is left alone for {} s: {error}",
                        alone.as_secs()
                    );
                }
                delay
            }
            Next::Mute => {
                let receiver = self.ports().accounts.hash_key().name("webhook", endpoint.webhook.url());
                endpoint.silence(self.ports(), &receiver, now).await;
                return count(NoticeResult::Disabled);
            }
        };
        metrics::notice(NoticeKind::Webhook, NoticeResult::Retried);
        self.tell_once_more(message, notice, delay).await
    }

    async fn tell_once_more(&self, message: &Message, notice: Notice, delay: Duration) -> Verdict {
        let work = Work::Notice(Notice { tries: notice.tries.saturating_add(1), ..notice });
        self.tell_later(&Message { work, ..message.clone() }, delay).await
    }

    async fn tell_later(&self, message: &Message, delay: Duration) -> Verdict {
        match self.publish(message, Lane::Due, delay).await {
            Ok(()) => Verdict::Done,
            Err(_abandoned) => Verdict::PutBack,
        }
    }

    /// What is sealed in a notice. Of an account that is gone there is nothing to open, and what is damaged
    /// is left out.
    async fn opened(&self, message: &Message) -> Result<Opened, Trouble> {
        let wanted = message.payload.key_id().map_err(Trouble::Sealed)?;
        let Some((_, keys)) = self.ports().unlock(&message.account, wanted).await? else {
            return Ok(Opened::default());
        };
        let (keys, context) = (&keys, message.job.as_str());
        let detail = message.failure.as_ref().and_then(|failure| failure.detail.as_ref());
        let payload = open(keys, context, Some(&message.payload))?;
        Ok(Opened {
            calendar: payload.map(|payload| payload.calendar.as_str().to_owned()),
            result: open(keys, context, message.outcome.as_ref())?,
            detail: open(keys, context, detail)?,
        })
    }
}

fn open<T: DeserializeOwned>(
    keys: &Keyring,
    context: &str,
    sealed: Option<&Sealed<T>>,
) -> Result<Option<T>, Trouble> {
    match sealed.map(|sealed| keys.open(context, sealed)).transpose() {
        Ok(opened) => Ok(opened),
        Err(OpenError::Damaged) => Ok(None),
        Err(error @ OpenError::UnknownKey(_)) => Err(Trouble::Sealed(error)),
    }
}

impl Endpoint {
    /// The receiver wants nothing more.
    pub(super) async fn silence(&self, ports: &Ports, receiver: &str, now: Timestamp) {
        match self.mute.set(ports.vault.as_ref(), receiver, now).await {
            Ok(true) => tracing::error!(
                "The receiver in WEBHOOK_URL answered 410: it wants nothing more, and is sent nothing more until `calrelay notices unmute`"
            ),
            Ok(false) => {}
            Err(error) => tracing::warn!("That webhooks are no longer wanted could not be kept: {error}"),
        }
    }
}

fn count(result: NoticeResult) -> Verdict {
    metrics::notice(NoticeKind::Webhook, result);
    Verdict::Done
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
