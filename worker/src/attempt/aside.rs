//! Putting aside a delivery that is not begun: its message comes back, and nothing is counted.

use std::time::Duration;

use common::message::Message;
use common::port::Delivery;
use common::time::until;

use super::lease::Arrival;
use super::publishing::publish_later;
use super::seat::deaths;
use super::{Attempts, Verdict, answer};
use crate::metrics;
use crate::records::CLAIM;
use crate::retry::Deferral;

/// Puts aside a message at the same hop: should a running attempt publish, this copy dies out.
pub(super) async fn put_aside(attempts: &Attempts, message: &Message, pause: Duration) -> Verdict {
    publish_later(attempts, message, None, pause).await
}

/// Defers a delivery whose account may have no slot of this worker now. Nothing is counted, and the record
/// stays as it is.
pub(crate) async fn defer(attempts: &Attempts, delivery: Delivery, pause: Duration) {
    let Ok(message) = &delivery.message else {
        return answer(attempts, delivery.tag, Verdict::PutBack).await;
    };
    metrics::deferred(Deferral::Quota);
    let left = until(attempts.ports.clock.now(), message.not_after);
    // A job is back in time to expire.
    let pause = if left.is_zero() { pause } else { pause.min(left) };
    let arrival = if delivery.redelivered { Arrival::Again } else { Arrival::First };
    let (_, seen) = deaths(attempts, message, arrival).await;
    let effect = arrival.effect(message.effect);
    let verdict = stand_back(attempts, &Message { effect, ..message.clone() }, seen, pause).await;
    answer(attempts, delivery.tag, verdict).await;
}

/// Returns a delivery that was not looked at, as it came: one that is put back may have been begun, for all that
/// the next worker knows, and costs Google a question.
pub(crate) async fn return_unbegun(attempts: &Attempts, delivery: Delivery) {
    let verdict = match &delivery.message {
        Ok(message) if !delivery.redelivered => put_aside(attempts, message, Duration::ZERO).await,
        Ok(_) | Err(_) => Verdict::PutBack,
    };
    answer(attempts, delivery.tag, verdict).await;
}

/// Puts aside a delivery that has not been looked at.
pub(super) async fn stand_back(
    attempts: &Attempts,
    message: &Message,
    arrival: Arrival,
    pause: Duration,
) -> Verdict {
    match arrival {
        Arrival::First => put_aside(attempts, message, pause).await,
        // The attempt that had it before may still run, and where records are away nothing else tells of that.
        Arrival::Again => {
            let effect = arrival.effect(message.effect);
            put_aside(attempts, &Message { effect, ..message.clone() }, pause.max(CLAIM)).await
        }
    }
}
