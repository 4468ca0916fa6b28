//! Putting a job off that has not begun, where it is known that it would wait for Google's quotas.
//!
//! The job is not leased for that, and its record stays as it is: a turn is booked, and the message comes back for it.

use common::account::AccountState;
use common::job::Effect;
use common::message::{Message, Progress, Work};

use super::lease::Arrival;
use super::publishing::publish_later;
use super::{Attempts, Verdict};
use crate::metrics;
use crate::retry::Deferral;

/// Books a turn for the job and puts it off until then; `None` for a job that is to be begun now.
pub(super) async fn put_off(attempts: &Attempts, message: &Message, arrival: Arrival) -> Option<Verdict> {
    let now = attempts.ports.clock.now();
    let is_fresh = arrival == Arrival::First
        && message.effect == Effect::None
        && message.progress.turn.is_none()
        && message.work == Work::Create
        && message.not_before.is_none_or(|start| start <= now)
        && message.not_after > now;
    if !is_fresh || !attempts.gateway.quota_gate.has_long_lines() {
        return None;
    }
    // Whatever stands in the way is seen to once the job is leased.
    let wanted = message.payload.key_id().ok()?;
    let (account, keys) = attempts.ports.unlock(&message.account, wanted).await.ok()??;
    let payload = keys.open(message.job.as_str(), &message.payload).ok()?;
    if account.state != AccountState::Connected {
        return None;
    }
    // A job without a record is looked for before its event is written.
    let looks = attempts.records.are_away() && message.progress.looked.is_none();
    let calls = 1 + u32::from(looks) + u32::from(payload.conference);
    let (turn, delay) = attempts.gateway.book(&account, calls, message.not_after).await?;
    metrics::deferred(Deferral::Quota);
    let progress = Progress { turn: Some(turn), ..message.progress };
    // The same hop: nothing was done, and of two copies one dies out.
    Some(publish_later(attempts, &Message { progress, ..message.clone() }, Some(&keys), delay).await)
}
