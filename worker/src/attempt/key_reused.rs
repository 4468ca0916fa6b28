//! A message that meets the record of another request under its key. Records were lost, so that the other one was
//! accepted too; both have one job id, and there can be one event.
//!
//! The record's request stands. The message's does not run with the other's content, nor with its own: it is kept as a
//! dead letter, and its caller is told.

use std::time::Duration;

use common::job::{Effect, Failure, FailureKind};
use common::message::{Message, News};
use common::port::Lane;
use common::seal::Sealed;

use super::{Attempts, Verdict};

/// What is told of it.
const DETAIL: &str = "Another request was accepted under the same Idempotency-Key after the record of this one had been lost. That one has the job now; this one is not carried out.";

impl Attempts {
    /// The message gives way to the request that has the record. The job itself stands as its record says.
    pub(super) async fn give_way(&self, message: &Message) -> Verdict {
        if message.failure.is_some() {
            // It has ended already, and only that could not be recorded.
            return Verdict::Done;
        }
        let failure = Failure {
            kind: FailureKind::IdempotencyKeyReused,
            google_status: None,
            google_reason: None,
            // Whatever was known beside the message is lost.
            effect: message.effect.max(Effect::Unknown),
            detail: self.sealed_for(message, DETAIL).await,
        };
        let letter = Message { effect: failure.effect, failure: Some(failure), ..message.clone() };
        if self.publish(&letter, Lane::Dead, Duration::ZERO).await.is_err()
            || self.tell(letter, News::Failed).await.is_err()
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

    /// Words about a job, sealed as the job is; `None` where the key is not at hand.
    async fn sealed_for(&self, message: &Message, words: &str) -> Option<Sealed<String>> {
        let wanted = message.payload.key_id().ok()?;
        let (_, keys) = self.ports.unlock(&message.account, wanted).await.ok()??;
        Some(keys.seal(message.job.as_str(), &words.to_owned()))
    }
}
