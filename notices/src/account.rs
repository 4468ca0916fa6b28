//! Telling that an account has to be connected again: once for each connection that has ended.
//!
//! The vault says which accounts those are and who has been told, so nothing is lost with a worker; the
//! repeats that a crash can cause have the same id.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use accounts::mirror::Mirror;
use common::account::{Account, AccountId, AccountState, Generation, ReauthorizationCause};
use common::jitter::spread_by;
use common::port::{Doc, Shelf, VaultError, Version, pause};
use common::random;
use common::time::hours;
use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use lettre::message::Mailboxes;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::letter::{self, Letter};
use super::line::PLACES;
use super::mail::NotMailed;
use super::progress::{Channel, Errand, Progress, Run};
use super::retry::{Next, decide, is_stale, wait};
use super::{Endpoint, Notices, Post, Sources};
use crate::metrics::{self, Kind, Outcome};

/// Between two looks.
const LOOK: Duration = Duration::from_secs(30);
/// No two looks are closer together.
const GAP: Duration = Duration::from_secs(1);
/// At the end of the worker.
const LAST_MOMENT: Duration = Duration::from_secs(5);
/// Accounts that are told of at a time.
const AT_A_TIME: usize = 8;
/// Names of documents that are about accounts.
const PREFIX: &str = "account.";
/// An account that cannot be read now is looked at again.
const UNREADABLE: Duration = hours(1);

/// The end of one connection.
#[derive(Debug, Clone, Copy)]
struct Ended<'a> {
    account: &'a Account,
    since: Timestamp,
    cause: ReauthorizationCause,
}

/// Looks now and then whether there is an account to tell of, until `stop`.
pub async fn tell_of_accounts(sources: &Sources, notices: &Notices, stop: &CancellationToken) {
    if notices.channels().is_empty() {
        return;
    }
    let told = Mirror::new(Arc::clone(&sources.vault), Shelf::Notices, progress);
    while !stop.is_cancelled() {
        let looking = look(sources, notices, &told, stop);
        // A notice that is being sent gets a moment to its end, so that no receiver is told twice.
        let last_moment = async {
            stop.cancelled().await;
            pause(LAST_MOMENT).await;
        };
        // Left in the middle it is done again at the next start, once the claim is over.
        tokio::select! {
            looked = looking => if let Err(error) = looked {
                tracing::warn!("It was not seen whether there are accounts to tell of: {error}");
            },
            () = last_moment => return,
        }
        // Many jobs notice the same account; all three only wait.
        let next = async {
            pause(GAP).await;
            notices.prod.notified().await;
        };
        tokio::select! {
            () = next => {}
            () = sources.clock.sleep(LOOK) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// What was told of each account, by the names of the documents.
type Told = Mirror<Option<(Progress, Version)>>;

async fn look(
    sources: &Sources,
    notices: &Notices,
    told: &Told,
    stop: &CancellationToken,
) -> Result<(), VaultError> {
    // In this order: an account that is missing now has been removed, and was not just added.
    let mut known: HashMap<AccountId, Option<(Progress, Version)>> = told
        .read(Duration::ZERO, |told| {
            let of_accounts = told.iter().filter_map(|(name, progress)| {
                Some((AccountId::parse(name.strip_prefix(PREFIX)?).ok()?, progress.clone()))
            });
            of_accounts.collect()
        })
        .await?;
    let now = sources.clock.now();
    let (mut over, mut ended) = (Vec::new(), Vec::new());
    let standings = sources.accounts.standings(Duration::ZERO, |all| {
        for account in all {
            let told = known.remove(&account.id);
            match account.state {
                AccountState::NeedsReauthorization { since, .. } => {
                    let ending = Ending { generation: account.generation, since };
                    if let Some(errands) = ending.errands(told.flatten(), notices, now) {
                        ended.push((account.id.clone(), ending, errands));
                    }
                }
                AccountState::Connected | AccountState::Disconnected { .. } => {
                    let outlived = |told: &Progress| told.generation < account.generation;
                    if told.is_some_and(|told| told.is_none_or(|(told, _)| outlived(&told))) {
                        over.push(account.id.clone());
                    }
                }
            }
        }
    });
    standings.await?;
    for id in known.into_keys() {
        if matches!(sources.accounts.get_now(&id).await, Ok(None)) {
            over.push(id);
        }
    }
    for id in over {
        forget(sources, &id).await;
    }
    let telling = stream::iter(ended).take_until(stop.cancelled());
    let tell = |(id, ending, errands)| async move { tell(sources, notices, &id, ending, errands).await };
    telling.for_each_concurrent(AT_A_TIME, tell).await;
    Ok(())
}

/// The end of one connection, as far as it says whom to tell.
#[derive(Debug, Clone, Copy)]
struct Ending {
    generation: Generation,
    since: Timestamp,
}

/// What is to be done about an ending.
struct Errands {
    progress: Progress,
    due: Vec<Errand>,
    /// No receiver has taken it for so long that it is given up.
    stale: bool,
    /// The version that the progress replaces.
    seen: Option<Version>,
}

impl Ending {
    /// What is due now, after what was `told` so far.
    fn errands(
        self,
        told: Option<(Progress, Version)>,
        notices: &Notices,
        now: Timestamp,
    ) -> Option<Errands> {
        let seen = told.as_ref().map(|(_, version)| *version);
        let begun = told.map(|(progress, _)| progress).filter(|begun| begun.generation >= self.generation);
        let stale = is_stale(self.since, now);
        let progress = match begun {
            Some(begun) => begun,
            // No receiver was configured when it happened.
            None if stale => return None,
            None => Progress::new(self.generation, &notices.channels(), now),
        };
        let due = if stale { progress.left.clone() } else { progress.due(now) };
        (!due.is_empty()).then_some(Errands { progress, due, stale, seen })
    }
}

fn name(id: &AccountId) -> String {
    format!("{PREFIX}{id}")
}

fn progress(_: &str, doc: &Doc) -> Option<(Progress, Version)> {
    Some((serde_json::from_value(doc.value.clone()).ok()?, doc.version))
}

/// What was told of a connection before the present one is of no more use.
async fn forget(sources: &Sources, id: &AccountId) {
    if let Err(error) = sources.vault.remove(Shelf::Notices, &name(id)).await {
        tracing::debug!("An old notice stays in the vault: {error}");
    }
}

/// Takes the notice on, unless another worker is at it, and runs what is due.
async fn tell(sources: &Sources, notices: &Notices, id: &AccountId, ending: Ending, errands: Errands) {
    let Ok(Some(account)) = sources.accounts.get_now(id).await else {
        // Removed, or the vault is away: it is looked at again soon.
        return;
    };
    let AccountState::NeedsReauthorization { since, cause } = account.state else {
        return;
    };
    if account.generation != ending.generation {
        return;
    }
    let ended = Ended { account: &account, since, cause };
    let Errands { progress, due, stale, seen } = errands;
    let Ok(version) = put(sources, id, &progress.claimed(sources.clock.now()), seen).await else {
        // Another worker was faster, or the vault is away: it is looked at again soon.
        return;
    };
    let mut runs = Vec::new();
    for errand in due {
        let run = if stale { give_up(id, errand) } else { notices.run(sources, ended, errand).await };
        runs.push((errand.channel, run));
    }
    if let Err(error) = put(sources, id, &progress.ran(&runs, sources.clock.now()), Some(version)).await {
        tracing::warn!(account.id = %id, "Who was told of account {id} could not be kept, and may be told again: {error}");
    }
}

async fn put(
    sources: &Sources,
    id: &AccountId,
    progress: &Progress,
    seen: Option<Version>,
) -> Result<Version, VaultError> {
    let value = serde_json::to_value(progress).expect("it is plain data");
    sources.vault.put(Shelf::Notices, &name(id), &value, seen).await
}

fn give_up(id: &AccountId, errand: Errand) -> Run {
    let kind = match errand.channel {
        Channel::Webhook => Kind::Webhook,
        Channel::Operators | Channel::User => Kind::Email,
    };
    metrics::notice(kind, Outcome::GivenUp);
    tracing::error!(account.id = %id, "Gave up telling of account {id}: for days nobody has taken it");
    Run::Over
}

impl Notices {
    /// Whom to tell of accounts.
    fn channels(&self) -> Vec<Channel> {
        let mut channels = Vec::new();
        if self.webhook.is_some() {
            channels.push(Channel::Webhook);
        }
        if let Some(post) = &self.post {
            channels.extend(post.channels());
        }
        channels
    }

    async fn run(&self, sources: &Sources, ended: Ended<'_>, errand: Errand) -> Run {
        match errand.channel {
            Channel::Webhook => match &self.webhook {
                Some(endpoint) => endpoint.tell(sources, ended, errand).await,
                None => Run::Over,
            },
            Channel::Operators => match &self.post {
                Some(post) => post.tell_operators(sources, ended, errand).await,
                None => Run::Over,
            },
            Channel::User => match &self.post {
                Some(post) => post.tell_user(sources, ended, errand).await,
                None => Run::Over,
            },
        }
    }
}

impl Endpoint {
    async fn tell(&self, sources: &Sources, ended: Ended<'_>, errand: Errand) -> Run {
        let now = sources.clock.now();
        let receiver = sources.accounts.hash_key().name("webhook", self.webhook.url());
        if self.mute.holds(sources.vault.as_ref(), &receiver, now).await {
            metrics::notice(Kind::Webhook, Outcome::Dropped);
            return Run::Over;
        }
        let _place = match self.line.enter(PLACES, now) {
            Ok(place) => place,
            Err(none) => return Run::Later(none.pause()),
        };
        let began = Instant::now();
        match self.webhook.send(&ended.id(), now, ended.body()).await {
            Ok(()) => {
                self.line.answered(began.elapsed());
                metrics::notice(Kind::Webhook, Outcome::Sent);
                Run::Over
            }
            Err(error) => {
                let fraction = random::fraction();
                match decide(&error, errand.tries, fraction) {
                    Next::Again { delay } => {
                        metrics::notice(Kind::Webhook, Outcome::Retried);
                        tracing::warn!(
                            "The receiver of webhooks did not take what became of an account: {error}"
                        );
                        Run::Again(delay)
                    }
                    Next::LeaveAlone { delay, at_least } => {
                        metrics::notice(Kind::Webhook, Outcome::Retried);
                        if let Some(alone) = self.line.failed(at_least, now) {
                            tracing::warn!(
                                "The receiver of webhooks is left alone for {} s: {error}",
                                alone.as_secs()
                            );
                        }
                        Run::Again(delay)
                    }
                    Next::Mute => {
                        metrics::notice(Kind::Webhook, Outcome::Disabled);
                        self.silence(sources, &receiver, now).await;
                        Run::Over
                    }
                }
            }
        }
    }
}

impl Post {
    fn channels(&self) -> Vec<Channel> {
        let operators = self.mail.operators.as_ref().map(|_| Channel::Operators);
        let user = match self.mail.users {
            super::Users::Told => Some(Channel::User),
            super::Users::Left => None,
        };
        operators.into_iter().chain(user).collect()
    }

    async fn tell_operators(&self, sources: &Sources, ended: Ended<'_>, errand: Errand) -> Run {
        let Some(operators) = self.mail.operators.clone() else {
            return Run::Over;
        };
        let page = self.mail.setup_page.as_deref();
        let letter = letter::to_operators(&ended.account.id, ended.since, ended.cause, page);
        self.post(sources, ended, errand, operators, letter).await
    }

    async fn tell_user(&self, sources: &Sources, ended: Ended<'_>, errand: Errand) -> Run {
        let user = match ended.account.user(sources.accounts.ring()) {
            Ok(user) => user,
            Err(error) => {
                tracing::warn!("An account's user cannot be written to: {error}");
                return Run::Later(UNREADABLE);
            }
        };
        let Ok(address) = user.email.parse() else {
            metrics::notice(Kind::Email, Outcome::Dropped);
            return Run::Over;
        };
        let to = Mailboxes::new().with(address);
        self.post(sources, ended, errand, to, letter::to_user(ended.cause)).await
    }

    async fn post(
        &self,
        sources: &Sources,
        ended: Ended<'_>,
        errand: Errand,
        to: Mailboxes,
        letter: Letter,
    ) -> Run {
        let now = sources.clock.now();
        let _place = match self.line.enter(PLACES, now) {
            Ok(place) => place,
            Err(none) => return Run::Later(spread_by(none.pause(), random::fraction())),
        };
        let id = format!(
            "{}.{}",
            ended.id(),
            match errand.channel {
                Channel::Webhook | Channel::Operators => "operators",
                Channel::User => "user",
            }
        );
        let began = Instant::now();
        match self.mail.send(to, &id, letter).await {
            Ok(()) => {
                if self.line.answered(began.elapsed()) {
                    tracing::info!("The mail server takes e-mail again");
                }
                metrics::notice(Kind::Email, Outcome::Sent);
                Run::Over
            }
            Err(NotMailed::NoAddress) => {
                metrics::notice(Kind::Email, Outcome::Dropped);
                Run::Over
            }
            Err(error @ NotMailed::Refused(_)) => {
                metrics::notice(Kind::Email, Outcome::Retried);
                tracing::error!("The mail server (SMTP_HOST) refuses an e-mail: {error}");
                Run::Again(wait(errand.tries, random::fraction()))
            }
            Err(error @ NotMailed::Away(_)) => {
                metrics::notice(Kind::Email, Outcome::Retried);
                if let Some(alone) = self.line.failed(Duration::ZERO, now) {
                    tracing::error!(
                        "The mail server (SMTP_HOST) takes nothing, and is left alone for {} s: {error}",
                        alone.as_secs()
                    );
                }
                Run::Again(wait(errand.tries, random::fraction()))
            }
        }
    }
}

impl Ended<'_> {
    /// The same for every repeat, and for nothing else.
    fn id(&self) -> String {
        let Generation(generation) = self.account.generation;
        format!("{}.{generation}.needs_reauthorization", self.account.id)
    }

    fn body(&self) -> String {
        json!({
            "type": "account.needs_reauthorization",
            "timestamp": self.since,
            "data": {
                "account": self.account.id,
                "state": "needsReauthorization",
                "since": self.since,
                "cause": self.cause,
                "detail": self.cause.sentence(),
                "generation": self.account.generation,
            },
        })
        .to_string()
    }
}
