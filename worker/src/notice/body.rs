//! What a webhook says: a public interface, with the names of `GET /api/v1/jobs/{id}`.

use common::job::{Effect, EventResult, Failure};
use common::message::{Message, News, Notice};
use serde_json::{Value, json};

use super::state;

/// The sealed parts of a notice, as far as they could be opened.
#[derive(Debug, Default)]
pub(super) struct Opened {
    pub(super) calendar: Option<String>,
    pub(super) result: Option<EventResult>,
    pub(super) detail: Option<String>,
}

/// `webhook-id`: the same for every repeat.
pub(super) fn id(message: &Message, news: News) -> String {
    format!("{}.{}", message.job, state(news))
}

/// The body of a notice about the job of `message`.
pub(super) fn body(message: &Message, Notice { news, at, .. }: Notice, opened: Opened) -> String {
    let (state_now, blocked_by) = match news {
        News::Succeeded | News::Updated => ("succeeded", None),
        News::Failed => ("failed", None),
        News::Blocked { why } => ("blocked", Some(why.as_str())),
    };
    json!({
        "type": format!("job.{}", state(news)),
        "timestamp": at,
        "data": {
            "jobId": message.job,
            "eventId": message.job,
            "account": message.account,
            "calendarId": opened.calendar,
            "state": state_now,
            "blockedBy": blocked_by,
            "attempts": message.tally.attempts,
            "deferrals": message.tally.deferrals,
            "submittedAt": message.submitted_at,
            "notAfter": message.not_after,
            "result": opened.result.map(result),
            "error": message.failure.as_ref().map(|failure| error(failure, opened.detail)),
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
