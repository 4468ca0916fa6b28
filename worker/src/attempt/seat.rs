//! Leasing a job together with a seat: a job that may have killed workers runs in a small group, or alone.

use common::job::{Effect, JobState};
use common::message::Message;

use super::aside::{put_aside, stand_back};
use super::lease::{Arrival, lease};
use super::leased::Leased;
use super::{Attempts, Verdict};
use crate::suspects::Seat;

/// Takes hold of the job with a seat for it, or says what to do with the delivery.
pub(super) async fn seated<'a>(
    attempts: &'a Attempts,
    message: &'a Message,
    arrival: Arrival,
) -> Result<(Leased<'a>, Option<Seat<'a>>), Verdict> {
    // Looked up before the job is leased: what is leased is charged with the worker's death.
    let (known, seen) = deaths(attempts, message, arrival).await;
    let seat = match attempts.suspects.enter(known) {
        Ok(seat) => seat,
        Err(pause) => {
            let effect = arrival.effect(message.effect);
            return Err(stand_back(attempts, &Message { effect, ..message.clone() }, seen, pause).await);
        }
    };
    let leased = lease(attempts, message, arrival).await?;
    let crashes = leased.job.tally.crashes;
    if crashes <= known {
        return Ok((leased, seat));
    }
    // Nothing told of its last death before.
    drop(seat);
    match attempts.suspects.enter(crashes) {
        Ok(seat) => Ok((leased, seat)),
        Err(pause) => {
            leased.release(attempts).await;
            let known = Message { tally: leased.job.tally, effect: leased.effect(), ..message.clone() };
            Err(put_aside(attempts, &known, pause).await)
        }
    }
}

/// How many deaths the job is charged with, the one that left it behind included; and what is known of a
/// delivery's arrival after a look at the record.
pub(super) async fn deaths(attempts: &Attempts, message: &Message, arrival: Arrival) -> (u32, Arrival) {
    let said = message.tally.crashes;
    // Nobody has had the others before.
    if arrival == Arrival::First && message.effect == Effect::None {
        return (said, arrival);
    }
    let Ok(Some(job)) = attempts.records.get(&message.job).await else { return (said, arrival) };
    let known = job.tally.crashes.max(said);
    if job.was_left_behind(message.hop, attempts.ports.clock.now()) {
        return (known.saturating_add(1), Arrival::First);
    }
    let running = matches!(job.state, JobState::Running(_)) || attempts.records.were_away_lately();
    (known, if running { arrival } else { Arrival::First })
}
