//! The closed list of things that can be wrong, each with its slug, its status and its sentence.

use actix_web::http::StatusCode;
use common::job::FailureKind;

/// What is wrong. Slugs are a public interface: kinds are added, never renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    MalformedBody,
    InvalidHeader,
    InvalidQuery,
    InvalidFields,
    BodyTooLarge,
    BodyTooSlow,
    UnsupportedMediaType,
    Unauthenticated,
    InsufficientScope,
    AccountNotAllowed,
    ForeignOrigin,
    Misdirected,
    NotFound,
    JobNotFound,
    JobUnknown,
    MethodNotAllowed,
    AccountNotConnected,
    AccountNotFound,
    JobFinished,
    IdempotencyKeyReused,
    RateLimited,
    BacklogFull,
    QueueFull,
    QueueUnavailable,
    StorageUnavailable,
    OutcomeUnknown,
    Internal,
    Cancelled,
    /// The job that the caller waited for has failed.
    Job(FailureKind),
}

impl Kind {
    /// Every kind, for tables and metrics.
    pub(crate) const ALL: [Self; 37] = [
        Self::MalformedBody,
        Self::InvalidHeader,
        Self::InvalidQuery,
        Self::InvalidFields,
        Self::BodyTooLarge,
        Self::BodyTooSlow,
        Self::UnsupportedMediaType,
        Self::Unauthenticated,
        Self::InsufficientScope,
        Self::AccountNotAllowed,
        Self::ForeignOrigin,
        Self::Misdirected,
        Self::NotFound,
        Self::JobNotFound,
        Self::JobUnknown,
        Self::MethodNotAllowed,
        Self::AccountNotConnected,
        Self::AccountNotFound,
        Self::JobFinished,
        Self::IdempotencyKeyReused,
        Self::RateLimited,
        Self::BacklogFull,
        Self::QueueFull,
        Self::QueueUnavailable,
        Self::StorageUnavailable,
        Self::OutcomeUnknown,
        Self::Internal,
        Self::Cancelled,
        Self::Job(FailureKind::Refused),
        Self::Job(FailureKind::CalendarNotFound),
        Self::Job(FailureKind::IdempotencyKeyReused),
        Self::Job(FailureKind::DeletedByUser),
        Self::Job(FailureKind::AttemptsExhausted),
        Self::Job(FailureKind::Expired),
        Self::Job(FailureKind::Poison),
        Self::Job(FailureKind::Unreadable),
        Self::Job(FailureKind::CancellationUnconfirmed),
    ];

    /// Why a job can be refused at the door.
    pub(crate) const REJECTIONS: [Self; 19] = [
        Self::MalformedBody,
        Self::InvalidHeader,
        Self::InvalidQuery,
        Self::InvalidFields,
        Self::BodyTooLarge,
        Self::BodyTooSlow,
        Self::UnsupportedMediaType,
        Self::Unauthenticated,
        Self::InsufficientScope,
        Self::AccountNotAllowed,
        Self::AccountNotConnected,
        Self::IdempotencyKeyReused,
        Self::RateLimited,
        Self::BacklogFull,
        Self::QueueFull,
        Self::QueueUnavailable,
        Self::StorageUnavailable,
        Self::OutcomeUnknown,
        Self::Internal,
    ];

    /// The last part of the problem's `type`, and the label in metrics.
    pub(crate) fn slug(self) -> &'static str {
        match self {
            Self::MalformedBody => "malformed-body",
            Self::InvalidHeader => "invalid-header",
            Self::InvalidQuery => "invalid-query",
            Self::InvalidFields => "invalid-fields",
            Self::BodyTooLarge => "body-too-large",
            Self::BodyTooSlow => "body-too-slow",
            Self::UnsupportedMediaType => "unsupported-media-type",
            Self::Unauthenticated => "unauthenticated",
            Self::InsufficientScope => "insufficient-scope",
            Self::AccountNotAllowed => "account-not-allowed",
            Self::ForeignOrigin => "foreign-origin",
            Self::Misdirected => "misdirected",
            Self::NotFound => "not-found",
            Self::JobNotFound => "job-not-found",
            Self::JobUnknown => "job-unknown",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::AccountNotConnected => "account-not-connected",
            Self::AccountNotFound => "account-not-found",
            Self::JobFinished => "job-finished",
            Self::IdempotencyKeyReused => "idempotency-key-reused",
            Self::RateLimited => "rate-limited",
            Self::BacklogFull => "backlog-full",
            Self::QueueFull => "queue-full",
            Self::QueueUnavailable => "queue-unavailable",
            Self::StorageUnavailable => "storage-unavailable",
            Self::OutcomeUnknown => "outcome-unknown",
            Self::Internal => "internal",
            Self::Cancelled => "cancelled",
            Self::Job(kind) => kind.as_str(),
        }
    }

    /// The HTTP status.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::MalformedBody | Self::InvalidHeader | Self::InvalidQuery => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::InsufficientScope | Self::AccountNotAllowed | Self::ForeignOrigin => StatusCode::FORBIDDEN,
            Self::NotFound | Self::JobNotFound | Self::AccountNotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::AccountNotConnected | Self::JobFinished | Self::Cancelled => StatusCode::CONFLICT,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Self::InvalidFields | Self::IdempotencyKeyReused => StatusCode::UNPROCESSABLE_ENTITY,
            Self::RateLimited | Self::BacklogFull => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::QueueFull
            | Self::QueueUnavailable
            | Self::StorageUnavailable
            | Self::OutcomeUnknown
            | Self::JobUnknown => StatusCode::SERVICE_UNAVAILABLE,
            Self::Job(kind) => match kind {
                FailureKind::Refused | FailureKind::CalendarNotFound | FailureKind::IdempotencyKeyReused => {
                    StatusCode::UNPROCESSABLE_ENTITY
                }
                FailureKind::DeletedByUser => StatusCode::CONFLICT,
                FailureKind::AttemptsExhausted | FailureKind::CancellationUnconfirmed => {
                    StatusCode::BAD_GATEWAY
                }
                FailureKind::Expired => StatusCode::GATEWAY_TIMEOUT,
                FailureKind::Poison | FailureKind::Unreadable => StatusCode::INTERNAL_SERVER_ERROR,
            },
        }
    }

    /// One sentence, the same for every problem of this kind.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::MalformedBody => "The body cannot be read.",
            Self::InvalidHeader => "A header cannot be accepted.",
            Self::InvalidQuery => "The query cannot be accepted.",
            Self::InvalidFields => "Some fields cannot be accepted.",
            Self::BodyTooLarge => "The body is too large.",
            Self::BodyTooSlow => "The body did not arrive in time.",
            Self::UnsupportedMediaType => "The body has a type or an encoding that is not taken.",
            Self::Unauthenticated => "A valid API key is needed.",
            Self::InsufficientScope => "This API key may not do that.",
            Self::AccountNotAllowed => "This API key may not use that account.",
            Self::ForeignOrigin => "Requests from other sites are refused.",
            Self::Misdirected => "This server does not answer to that host name.",
            Self::NotFound => "There is nothing here.",
            Self::JobNotFound => "There is no such job.",
            Self::JobUnknown => "It is not known now whether there is such a job.",
            Self::MethodNotAllowed => "That method is not supported here.",
            Self::AccountNotConnected => "Calendar integration not configured",
            Self::AccountNotFound => "There is no such account.",
            Self::JobFinished => "The job has already ended.",
            Self::IdempotencyKeyReused => "This idempotency key belongs to a different request.",
            Self::RateLimited => "Too many requests.",
            Self::BacklogFull => "Too many unfinished jobs.",
            Self::QueueFull => "The queue is full.",
            Self::QueueUnavailable => "The queue cannot be reached.",
            Self::StorageUnavailable => "Storage cannot be reached.",
            Self::OutcomeUnknown => "It is not known yet whether the job was accepted.",
            Self::Internal => "Something went wrong on our side.",
            Self::Cancelled => "The job was cancelled.",
            Self::Job(kind) => kind.title(),
        }
    }

    /// Whether the same request may succeed later.
    pub(crate) fn retryable(self) -> bool {
        match self {
            Self::BodyTooSlow
            | Self::AccountNotConnected
            | Self::RateLimited
            | Self::BacklogFull
            | Self::QueueFull
            | Self::QueueUnavailable
            | Self::StorageUnavailable
            | Self::OutcomeUnknown
            | Self::JobUnknown
            | Self::Internal => true,
            Self::MalformedBody
            | Self::InvalidHeader
            | Self::InvalidQuery
            | Self::InvalidFields
            | Self::BodyTooLarge
            | Self::UnsupportedMediaType
            | Self::Unauthenticated
            | Self::InsufficientScope
            | Self::AccountNotAllowed
            | Self::ForeignOrigin
            | Self::Misdirected
            | Self::NotFound
            | Self::JobNotFound
            | Self::AccountNotFound
            | Self::MethodNotAllowed
            | Self::JobFinished
            | Self::IdempotencyKeyReused
            | Self::Cancelled => false,
            Self::Job(kind) => kind.retryable(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_slug_always_has_the_same_status() {
        let mut seen = BTreeMap::new();
        for kind in Kind::ALL {
            let slug = kind.slug();
            assert!(slug.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{slug}");
            let status = *seen.entry(slug).or_insert(kind.status());
            assert_eq!(status, kind.status(), "{slug}");
            assert!(!status.is_success(), "{slug}");
        }
    }

    #[test]
    fn the_frontend_guide_lists_every_problem_with_its_status() {
        const GUIDE: &str = include_str!("../../../docs/INTEGRATING.md");
        for kind in Kind::ALL {
            let (slug, status) = (format!("`{}`", kind.slug()), format!("| {} |", kind.status().as_u16()));
            let mut rows = GUIDE.lines().filter(|line| line.starts_with("| ") && line.contains(&slug));
            let begins = if matches!(kind, Kind::Job(_)) { format!("| {slug} |") } else { status };
            let listed = rows.any(|row| row.starts_with(&begins));
            assert!(listed, "{slug}: a row that begins with {begins}");
        }
    }

    #[test]
    fn every_failure_of_a_job_is_listed() {
        for failure in FailureKind::ALL {
            assert!(Kind::ALL.contains(&Kind::Job(failure)), "{failure:?}");
        }
    }
}
