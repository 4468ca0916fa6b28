//! Later looks at a conference that Google had not finished when its event was created.

use std::time::Duration;

use common::job::{Conference, Refusal, Step};
use common::message::{End, Message, News, Work};
use common::port::Change;
use common::time::{hours, minutes};

use super::bounds::Bounds;
use super::create::{Wish, event_result};
use super::publishing::publish_later;
use super::telling::tell;
use super::{Attempts, Verdict};
use crate::attempt_error::AttemptError;
use crate::calls::Calls;
use crate::request::Get;

/// The first of the later looks.
pub(crate) const FIRST_LOOK: Duration = minutes(2);

/// When to look again after so many looks; `None` when the conference stays pending.
fn next_look(looks: u32) -> Option<Duration> {
    match looks {
        0 => Some(minutes(10)),
        1 => Some(hours(1)),
        _ => None,
    }
}

/// Looks once, and plans the next look if there is still nothing to say.
pub(crate) async fn look_at_conference(attempts: &Attempts, message: &Message, looks: u32) -> Verdict {
    let calls = Calls::further();
    match Bounds::of(attempts).hold(&calls, finished_conference(attempts, message, &calls)).await {
        Ok(true) => Verdict::Done,
        Ok(false) => look_later(attempts, message, looks).await,
        Err(AttemptError::Stopping) => Verdict::PutBack,
        Err(trouble) => {
            tracing::debug!("A conference could not be looked at: {}", trouble.summary());
            look_later(attempts, message, looks).await
        }
    }
}

async fn look_later(attempts: &Attempts, message: &Message, looks: u32) -> Verdict {
    let Some(delay) = next_look(looks) else {
        return Verdict::Done;
    };
    let work = Work::Conference { looks: looks + 1, end: message.work.end().cloned() };
    let next = Message { work, hop: message.hop.saturating_add(1), ..message.clone() };
    publish_later(attempts, &next, None, delay).await
}

/// Whether there is nothing more to look for.
async fn finished_conference(
    attempts: &Attempts,
    message: &Message,
    calls: &Calls,
) -> Result<bool, AttemptError> {
    let ports = &attempts.ports;
    let wanted = message.payload.key_id().map_err(AttemptError::Sealed)?;
    let Some((account, keys)) = ports.unlock(&message.account, wanted).await? else {
        return Ok(true);
    };
    let payload = keys.open(message.job.as_str(), &message.payload).map_err(AttemptError::Sealed)?;
    let get = Get { calendar: &payload.calendar, id: &message.job };
    let event = attempts.gateway.ask(&account, &get, None, calls).await?;
    if event.cancelled {
        return Ok(true);
    }
    let result = event_result(event, Wish::of(&payload), payload.calendar.as_str());
    if result.conference == Conference::Pending {
        return Ok(false);
    }
    let result = keys.seal(message.job.as_str(), &result);
    let told = Message { work: Work::Record(End::Succeeded(result.clone())), ..message.clone() };
    tell(attempts, told, Some(&keys), News::Updated).await.map_err(|_abandoned| AttemptError::Stopping)?;
    let step = Step::For(message.fingerprint.clone(), Box::new(Step::Amend(result)));
    match attempts.records.take(&message.job, &step).await.map_err(AttemptError::Store)? {
        // Its success may not have been recorded yet.
        Change::Refused(Refusal::OutOfPlace | Refusal::Unknown) => Ok(false),
        Change::Taken(_) | Change::Refused(_) => Ok(true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_end() {
        let all: Vec<_> = (0..10).map_while(next_look).collect();
        assert_eq!(all, [minutes(10), hours(1)]);
    }
}
