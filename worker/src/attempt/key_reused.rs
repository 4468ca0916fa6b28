//! A message that meets the record of another request under its key. Records were lost, so that the other one was
//! accepted too; both have one job id, and there can be one event.
//!
//! The record's request stands. The message's does not run with the other's content, nor with its own: it is kept as a
//! dead letter, and its caller is told.

use std::time::Duration;

use common::job::{Effect, Failure, FailureKind};
use common::message::{End, Message, News, Work};
use common::port::Lane;
use common::seal::Keyring;

use super::publishing::publish;
use super::telling::tell;
use super::{Attempts, Verdict};

/// What is told of it.
const DETAIL: &str = "Another request was accepted under the same Idempotency-Key after the record of this one had been lost. That one has the job now; this one is not carried out.";

/// The message gives way to the request that has the record. The job itself stands as its record says.
pub(super) async fn give_way(attempts: &Attempts, message: &Message) -> Verdict {
    if message.failure().is_some() {
        // It has ended already, and only that could not be recorded.
        return Verdict::Done;
    }
    let keys = keys_of(attempts, message).await;
    let failure = Failure {
        kind: FailureKind::IdempotencyKeyReused,
        google_status: None,
        google_reason: None,
        // Whatever was known beside the message is lost.
        effect: message.effect.max(Effect::Unknown),
        detail: keys.as_ref().map(|keys| keys.seal(message.job.as_str(), &DETAIL.to_owned())),
    };
    let (effect, work) = (failure.effect, Work::Record(End::Failed(failure)));
    let letter = Message { effect, work, ..message.clone() };
    if publish(attempts, &letter, keys.as_ref(), Lane::Dead, Duration::ZERO).await.is_err()
        || tell(attempts, letter, keys.as_ref(), News::Failed).await.is_err()
    {
        return Verdict::PutBack;
    }
    tracing::error!(
        job.id = %message.job,
        "Job {} was accepted twice, with different bodies under one key: its record was lost between them. What was accepted at {:.0} is not carried out, and is kept as a dead letter",
        message.job, message.submitted_at
    );
    Verdict::Done
}

/// The keys that seal what the job carries; `None` where they are not at hand.
async fn keys_of(attempts: &Attempts, message: &Message) -> Option<Keyring> {
    let wanted = message.payload.key_id().ok()?;
    let (_, keys) = attempts.ports.unlock(&message.account, wanted).await.ok()??;
    Some(keys)
}
