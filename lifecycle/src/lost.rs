//! A job that nothing would bring to a worker any more gets a new message.

use std::time::Duration;

use common::job::{Effect, Job, Step};
use common::message::{Message, Work};
use common::port::{Change, Lane, Shelf};

use crate::ports::Ports;
use crate::replay_error::ReplayError;

/// Publishes a new message for a job that is lost, to come after `delay`, and has the record say so. Answers whether the
/// job stood as it was seen.
///
/// # Errors
/// [`ReplayError`].
pub async fn revive(ports: &Ports, job: &Job, delay: Duration) -> Result<bool, ReplayError> {
    // Before the vault is asked: a wish that it does not know of yet comes later.
    let now = ports.clock.now();
    let Some(message) = Message::next_for(job, Work::Create) else {
        return Ok(false);
    };
    let is_cancelled =
        job.cancel_requested || ports.vault.get(Shelf::Cancellations, job.id.as_str()).await?.is_some();
    let message = Message {
        effect: message.effect.max(Effect::Unknown),
        write_began_at: message.write_began_at.max(Some(now)),
        // Two hops on: a message that is left is one ahead of its record, and is overtaken.
        hop: message.hop.saturating_add(1),
        ..message
    };
    // Published first: a record that tells of a message which was not published would have nobody look at the job for
    // as long again.
    ports.queue.publish(&message, Lane::Due, delay).await?;
    let step = Step::Revive { hop: message.hop, lost_at: (!is_cancelled).then_some(now) };
    let change = ports.store.take(&job.id, &step, ports.clock.now()).await?;
    Ok(matches!(change, Change::Taken(_)))
}
