//! What a webhook says: a public interface, with the names of `GET /api/v1/jobs/{id}`.

use common::job::{BlockReason, Effect, EventResult, Failure, Job, StateName};
use common::message::{Message, News, Notice};
use common::warning::Warning;
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

/// The body of a notice about the job of `message`: every field of the job's record, as it stands once the
/// news is recorded. `record` is what is recorded already, for what a message does not carry.
pub(super) fn body(message: &Message, notice: Notice, opened: Opened, record: Option<&Job>) -> String {
    let Notice { news, at, .. } = notice;
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
    let next_attempt_at = record.filter(|job| job.state.name() == state_now).and_then(Job::next_attempt_at);
    json!({
        "type": news.as_type(),
        "timestamp": at,
        "data": {
            "jobId": message.job,
            "eventId": message.job,
            "account": message.account,
            "calendarId": opened.calendar,
            "state": state_now.as_str(),
            // Nobody is told of a job that waits by itself.
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
            "error": message.failure.as_ref().map(|failure| error(failure, opened.detail)),
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
