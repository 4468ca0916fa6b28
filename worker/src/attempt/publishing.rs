//! Publishing what must not be lost, however long that takes.
//!
//! While the queue takes nothing the delivery is kept, not handed back: it would only come again, to
//! the same end. What Google has answered is kept with it, so Google is not asked again.

use std::time::{Duration, Instant};

use common::backoff::Schedule;
use common::message::Message;
use common::port::{DeliveryTag, Lane, QueueError, pause};
use common::random;
use common::seal::Keyring;

use super::{Attempts, Verdict};
use crate::metrics;

/// Between two tries.
const AGAIN: Schedule = Schedule { first: Duration::from_secs(1), longest: Duration::from_secs(5) };
/// Tries to keep a dead letter before the message goes back: its delivery may be gone.
const BURIALS: u32 = 5;
/// A worker that must end waits so long for the queue.
const LAST_MOMENT: Duration = Duration::from_secs(2);

/// The worker must end, and the queue did not take the message before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Abandoned;

/// Publishes, sealed with the newest of the account's `keys`, and tries again until the queue has taken it. Who does
/// not have the keys in hand has the account read for them.
pub(crate) async fn publish(
    attempts: &Attempts,
    message: &Message,
    keys: Option<&Keyring>,
    lane: Lane,
    delay: Duration,
) -> Result<(), Abandoned> {
    let mut failures = 0;
    while let Err(error) = publish_once(attempts, message, keys, lane, delay).await {
        failures += 1;
        keep_trying(attempts, failures, &error).await?;
    }
    Ok(())
}

/// Publishes what comes back after `delay`, and says what to tell the queue of the message before.
pub(super) async fn publish_later(
    attempts: &Attempts,
    message: &Message,
    keys: Option<&Keyring>,
    delay: Duration,
) -> Verdict {
    match publish(attempts, message, keys, Lane::Due, delay).await {
        Ok(()) => Verdict::Done,
        Err(Abandoned) => Verdict::PutBack,
    }
}

/// Publishes, or says why not.
pub(super) async fn publish_once(
    attempts: &Attempts,
    message: &Message,
    keys: Option<&Keyring>,
    lane: Lane,
    delay: Duration,
) -> Result<(), QueueError> {
    // Dropped half-way the message may be there all the same, which the job's hops make harmless.
    tokio::select! {
        published = async {
            let message = match keys {
                Some(keys) => message.resealed(keys),
                None => attempts.ports.resealed(message).await,
            };
            let began = Instant::now();
            let published = attempts.ports.queue.publish(&message, lane, delay).await;
            metrics::publish_confirmed(began.elapsed());
            published
        } => published,
        () = last_moment(attempts) => Err(QueueError::Unconfirmed),
    }
}

/// Waits for the next try, the `failures` before having failed.
pub(super) async fn keep_trying(
    attempts: &Attempts,
    failures: u32,
    error: &QueueError,
) -> Result<(), Abandoned> {
    if failures == 1 {
        tracing::warn!("The queue takes nothing; a job is kept in hand until it does: {error}");
    }
    let pause = AGAIN.jittered(failures, random::fraction());
    // Both only wait.
    tokio::select! {
        () = attempts.ports.clock.sleep(pause) => Ok(()),
        () = attempts.abandon.cancelled() => Err(Abandoned),
    }
}

/// Keeps what cannot be read as a dead letter.
pub(super) async fn bury(attempts: &Attempts, tag: DeliveryTag) {
    for failures in 1..=BURIALS {
        let Err(error) = attempts.ports.queue.bury(tag).await else {
            return;
        };
        if keep_trying(attempts, failures, &error).await.is_err() {
            break;
        }
    }
    // Should even that fail, it comes back once the connection is gone, if it is not gone already.
    let _ = attempts.ports.queue.put_back(tag).await;
}

async fn last_moment(attempts: &Attempts) {
    attempts.abandon.cancelled().await;
    pause(LAST_MOMENT).await;
}
