//! `calrelay vault rotate`: everything that rests is sealed with the newest keys.

use std::time::Duration;

use accounts::AccountError;
use accounts::secrets;
use anyhow::{Context as _, bail};
use common::account::AccountId;
use common::job::Job;
use common::message::Message;
use common::port::{Clock as _, Delivery, DeliveryTag, Lane, ListFilter, SystemClock};
use common::seal::{Keyring, OpenError};
use common::time::{after, hours};
use lifecycle::{Pages, reseal};

use crate::installation::Installation;

/// What a master key seals by itself lives no longer: access tokens, links, an operator's answer.
const SHORT_LIVED: Duration = hours(1);

/// Does it, and says from when the older keys may go.
///
/// Each part is safe to leave in the middle and to do again. The installation's own secret is sealed anew
/// after the accounts: until then nothing starts without the older key.
///
/// # Errors
/// When something was sealed with a key that is not configured, or a server cannot be used.
pub async fn run(installation: &Installation) -> anyhow::Result<String> {
    let accounts = accounts(installation).await?;
    let ring = installation.accounts.ring();
    let secrets = secrets::rotate(installation.vault.as_ref(), ring).await?;
    let records = records(installation).await?;
    let letters = letters(installation).await?;
    let depth = installation.queue.depth().await?;
    let waiting = depth.fresh + depth.due + depth.delayed + depth.taken;
    let done = format!(
        "Sealed with the newest keys: {accounts} accounts, {secrets} secrets, {records} records, {letters} dead letters."
    );
    Ok(match older(ring) {
        None => format!(
            "{done}\nThe key {} is the only one. To replace it, give every process a new key in front of it, as in \
             ENCRYPTION_KEY=new,old, and run this again.",
            ring.newest().id()
        ),
        Some(older) => format!(
            "{done}\nThe older keys ({older}) may go at {:.0}: take them out of ENCRYPTION_KEY then, and restart every \
             process. The {waiting} jobs that wait in the queue do not need them. Backups from before now do.",
            after(SystemClock.now(), SHORT_LIVED),
        ),
    })
}

/// The ids of the keys that only open.
fn older(ring: &Keyring) -> Option<String> {
    let ids: Vec<String> = ring.older().iter().map(|key| key.id().to_string()).collect();
    (!ids.is_empty()).then(|| ids.join(", "))
}

async fn accounts(installation: &Installation) -> anyhow::Result<usize> {
    let mut rotated = 0;
    let mut locked = Vec::new();
    for account in installation.accounts.list().await? {
        match installation.accounts.rotate(&account.id).await {
            Ok(true) => rotated += 1,
            Ok(false) | Err(AccountError::NeverConnected) => {}
            Err(AccountError::Sealed(error)) => locked.push((account.id, error)),
            Err(error @ (AccountError::Vault(_) | AccountError::OtherUser { .. })) => {
                return Err(error.into());
            }
        }
    }
    match locked.first() {
        None => Ok(rotated),
        Some((id, error)) => bail!(told(id, error, locked.len())),
    }
}

fn told(id: &AccountId, error: &OpenError, count: usize) -> String {
    match error {
        OpenError::UnknownKey(key) => format!(
            "{count} accounts, such as {id}, were sealed with the key {key}, which is not among the configured ones; \
             add it to ENCRYPTION_KEY, behind the newest, and run this again. The other accounts are done"
        ),
        OpenError::Damaged => format!(
            "{count} accounts, such as {id}, cannot be opened: they are damaged; restore the vault from a backup, or \
             erase them. The other accounts are done"
        ),
    }
}

/// The keys of a job's account; `None` when it has no account any more, or none of its keys can be had.
async fn keys(installation: &Installation, id: &AccountId) -> anyhow::Result<Option<Keyring>> {
    let account = installation.accounts.get(id).await?;
    Ok(account.and_then(|account| account.seal_keys(installation.accounts.ring()).ok()))
}

async fn records(installation: &Installation) -> anyhow::Result<usize> {
    let mut pages = Pages::of(installation.store.as_ref(), ListFilter::default());
    let mut rotated = 0;
    while let Some(jobs) = pages.next().await? {
        for job in jobs {
            if record(installation, job).await? {
                rotated += 1;
            }
        }
    }
    Ok(rotated)
}

async fn record(installation: &Installation, job: Job) -> anyhow::Result<bool> {
    match keys(installation, &job.account).await? {
        Some(keys) => Ok(reseal(&installation.operator_ports(), job, &keys).await?),
        None => Ok(false),
    }
}

async fn letters(installation: &Installation) -> anyhow::Result<usize> {
    let mut kept = Vec::new();
    let rotated = replace_letters(installation, &mut kept).await;
    // Only now: a letter that is put back may be the next one that the queue hands out.
    for tag in kept {
        installation.queue.put_back(tag).await?;
    }
    rotated
}

async fn replace_letters(installation: &Installation, kept: &mut Vec<DeliveryTag>) -> anyhow::Result<usize> {
    let mut rotated = 0;
    for _ in 0..installation.queue.depth().await?.dead {
        let Some(Delivery { tag, message, .. }) = installation.queue.take_dead().await? else {
            break;
        };
        let resealed = match &message {
            Ok(message) => resealed(installation, message).await?,
            Err(_unreadable) => None,
        };
        let Some(letter) = resealed else {
            kept.push(tag);
            continue;
        };
        if let Err(error) = installation.queue.publish(&letter, Lane::Dead, Duration::ZERO).await {
            kept.push(tag);
            return Err(error).context("a dead letter could not be replaced");
        }
        // Should this end here, there are two of it, of which a restore uses one.
        installation.queue.done(tag).await?;
        rotated += 1;
    }
    Ok(rotated)
}

/// `None` for a letter that is to stay as it is.
async fn resealed(installation: &Installation, message: &Message) -> anyhow::Result<Option<Message>> {
    let keys = keys(installation, &message.account).await?;
    Ok(keys.map(|keys| message.resealed(&keys)).filter(|letter| letter != message))
}
