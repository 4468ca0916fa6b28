//! What a webhook says: a public interface, with the names of `GET /api/v1/jobs/{id}`.

use common::job::{BlockReason, Effect, EventResult, Failure, Job, StateName};
use common::message::{Message, News, Notice};
use common::warning::Warning;
use serde_json::{Value, json};

/// The sealed parts of a notice, as far as they could be opened.
#[derive(Debug, Default)]
pub(super) struct Opened {
    pub(super) calendar: Option<String>,
    pub(super) result: Option<EventResult>,
    pub(super) detail: Option<String>,
}

/// `webhook-id`: the same for every repeat, and for nothing else. A job that was submitted again under its key, once
/// nothing was known of it any more, has the id that it had before.
pub(super) fn id(message: &Message, notice: Notice) -> String {
    let state = notice.news.as_type().trim_start_matches("job.");
    let Some(occurrence) = notice.occurrence else {
        // Of an older build, which may have sent it by this id.
        return format!("{}.{state}", message.job);
    };
    let job = format!("{}.{}.{occurrence}", message.job, message.submitted_at.as_millisecond());
    match notice.news {
        News::Succeeded | News::Failed | News::Updated => format!("{job}.{state}"),
        // Another reason is other news, though it be found at the same hop.
        News::Blocked { why } => format!("{job}.{state}.{}", why.as_str()),
    }
}

/// The body of a notice about the job of `message`: every field of the job's record, as it stands once the
/// news is recorded. `record` is what is recorded already, for what a message does not carry.
pub(super) fn body(message: &Message, notice: Notice, opened: Opened, record: Option<&Job>) -> String {
    let Notice { news, at, tries: _, occurrence: _ } = notice;
    let (state_now, blocked_by) = match news {
        News::Succeeded | News::Updated => (StateName::Succeeded, None),
        News::Failed => (StateName::Failed, None),
        News::Blocked { why } => (StateName::Blocked, Some(why)),
    };
    let finished_at = match news {
        News::Succeeded | News::Failed => Some(at),
        // It had ended before that.
        News::Updated => record.and_then(|job| job.finished_at).or(Some(at)),
        News::Blocked { .. } => None,
    };
    let next_attempt_at =
        record.filter(|job| job.state.name() == state_now).and_then(|job| job.next_attempt_at());
    json!({
        "type": news.as_type(),
        "timestamp": at,
        "data": {
            "jobId": message.job,
            "eventId": message.job,
            "account": message.account,
            "calendarId": opened.calendar,
            "state": state_now.as_str(),
            // No receiver is told of a job that waits by itself.
            "waitingFor": null,
            "blockedBy": blocked_by.map(BlockReason::as_str),
            "detail": blocked_by.map(BlockReason::sentence),
            "attempts": message.tally.attempts,
            "deferrals": message.tally.deferrals,
            "submittedAt": message.submitted_at,
            "updatedAt": at,
            "finishedAt": finished_at,
            "nextAttemptAt": next_attempt_at,
            "notAfter": message.not_after,
            "cancelRequested": record.is_some_and(|job| job.cancel_requested),
            "result": opened.result.map(result),
            "error": message.failure().map(|failure| error(failure, opened.detail)),
            "warnings": message.warnings.iter().map(warning).collect::<Vec<_>>(),
        },
    })
    .to_string()
}

fn result(result: EventResult) -> Value {
    json!({
        "eventLink": result.event_link,
        "meetLink": result.conference.link(),
        "conferenceStatus": result.conference.status(),
        "conferenceReason": result.conference.reason(),
        "eventId": result.event_id,
    })
}

fn warning(warning: &Warning) -> Value {
    json!({"field": warning.field, "code": warning.code.as_str(), "message": warning.message()})
}

fn error(failure: &Failure, detail: Option<String>) -> Value {
    json!({
        "type": format!("urn:calrelay:problem:{}", failure.kind.as_str()),
        "title": failure.kind.title(),
        "detail": detail,
        "googleStatus": failure.google_status,
        "googleReason": failure.google_reason,
        "retryable": failure.kind.retryable(),
        "effect": Effect::as_str(failure.effect),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use common::time::{after, minutes};

    use super::*;

    const MESSAGE: &str = include_str!("../../common/src/message/golden_v1.json");

    #[test]
    fn whatever_can_happen_to_a_job_has_an_id_of_its_own() {
        let message = Message::from_bytes(MESSAGE.as_bytes()).expect("a message");
        let at = message.submitted_at;
        let news = [News::Succeeded, News::Failed, News::Updated]
            .into_iter()
            .chain(BlockReason::ALL.map(|why| News::Blocked { why }));
        let mut ids = HashSet::new();
        let mut count = 0;
        for news in news {
            for (submitted_at, hop, reopened) in [(at, 4, 2), (at, 9, 8), (after(at, minutes(1)), 4, 2)] {
                let message = Message { submitted_at, hop, reopened, ..message.clone() };
                let notice = |tries, occurrence| Notice { news, at, tries, occurrence };
                let occurrence = Some(message.occurrence(news));
                let told = id(&message, notice(0, occurrence));
                assert_eq!(told, id(&message, notice(7, occurrence)), "the same for a repeat");
                assert_ne!(told, id(&message, notice(0, None)), "an older build's");
                ids.insert(told);
                count += 1;
            }
        }
        assert_eq!(ids.len(), count);
    }
}
