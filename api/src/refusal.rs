//! What a caller is told whose job is not accepted.

use std::time::Duration;

use lifecycle::Refusal;

use crate::idempotency;
use crate::paths::{job_path, setup_path};
use crate::problem::{Kind, Problem};

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let soon = Duration::from_secs(5);
        let later = Duration::from_secs(60);
        match refusal {
            Refusal::NotConnected(account) => Self::new(
                Kind::AccountNotConnected,
                "The account is not connected to a Google calendar. Connect it at setupUrl, then send this again.",
            )
            .with("setupUrl", setup_path(account.as_str())),
            Refusal::AlreadyPast => Self::field("notAfter", "past", "it must be later than now"),
            Refusal::KeyReused(id) => Self::new(
                Kind::IdempotencyKeyReused,
                "This key was used for a request with another body. Use a new key for a new event.",
            )
            .naming(idempotency::NAME, "reused", "it belongs to another request")
            .with("jobId", id.as_str())
            .with("statusUrl", job_path(&id)),
            Refusal::AccountFull => Self::new(
                Kind::BacklogFull,
                "This account has too many unfinished jobs. Send more when some have ended.",
            )
            .retry_after(later),
            Refusal::OwnerFull => {
                Self::new(Kind::BacklogFull, "You have too many unfinished jobs. Send more when some have ended.")
                    .retry_after(later)
            }
            Refusal::QueueFull => {
                Self::new(Kind::QueueFull, "Nothing was stored. Send the request again.").retry_after(soon)
            }
            Refusal::QueueUnreachable => {
                Self::new(Kind::QueueUnavailable, "Nothing was stored. Send the request again.").retry_after(soon)
            }
            Refusal::StorageUnusable => Self::storage_unavailable(),
            Refusal::OutcomeUnknown(id) => Self::new(
                Kind::OutcomeUnknown,
                "The queue did not confirm in time. Look at statusUrl, or send the request again with the same Idempotency-Key; without one, a repeat may create a second event.",
            )
            .with("jobId", id.as_str())
            .with("statusUrl", job_path(&id))
            .retry_after(soon),
            Refusal::Interrupted => Self::internal(),
        }
    }
}
