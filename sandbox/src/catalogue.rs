//! Google's refusals: every reason the Calendar API is known to give, with its usual status, domain and words.

/// How an error is laid out on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Layout {
    /// The Calendar backend's: `errors[]`, `code`, `message`.
    Backend,
    /// Google's front end's: adds `status` and sometimes `details[]`.
    Frontend,
    /// The front end's at its shortest: `code`, `message` and `status`, with `details[]` where it has any.
    Bare,
    /// A page, as load balancers answer.
    Html,
}

/// One reason with what goes with it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) status: u16,
    pub(crate) reason: &'static str,
    pub(crate) domain: &'static str,
    pub(crate) message: &'static str,
    /// The message inside `errors[]`, where it differs from the outer one.
    pub(crate) inner: Option<&'static str>,
    pub(crate) location: Option<Location>,
    pub(crate) layout: Layout,
}

/// What an error points at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) kind: &'static str,
    pub(crate) name: &'static str,
}

pub(crate) const AUTHORIZATION: Location = Location { kind: "header", name: "Authorization" };
const IF_MATCH: Location = Location { kind: "header", name: "If-Match" };

const fn parameter(name: &'static str) -> Location {
    Location { kind: "parameter", name }
}

const fn row(status: u16, reason: &'static str, domain: &'static str, message: &'static str) -> Row {
    Row { status, reason, domain, message, inner: None, location: None, layout: Layout::Backend }
}

impl Row {
    const fn at(mut self, location: Location) -> Self {
        self.location = Some(location);
        self
    }

    const fn front(mut self, inner: &'static str) -> Self {
        self.layout = Layout::Frontend;
        self.inner = Some(inner);
        self
    }
}

/// The first row of a reason is its usual form; a later one is found by reason and status.
pub(crate) const ROWS: &[Row] = &[
    row(400, "required", "global", "Required"),
    row(400, "invalid", "global", "Invalid Value"),
    row(400, "timeRangeEmpty", "calendar", "The specified time range is empty.").at(parameter("timeMax")),
    row(400, "badRequest", "global", "Bad Request"),
    row(400, "parseError", "global", "Parse Error"),
    row(400, "badContent", "global", "This API does not support parsing form-encoded input."),
    row(400, "cannotUseDefaultRemindersAndSpecifyOverride", "calendar", "Cannot specify both default reminders and overrides at the same time."),
    row(400, "eventRemindersCountExceedsLimit", "calendar", "The event exceeds the allowed maximum number of reminders."),
    row(400, "eventTypeRestriction", "calendar", "Attempt made to modify 'birthday' event in a way that is not valid for this event type."),
    row(400, "malformedFocusTimeEvent", "calendar", "The focus time event is malformed."),
    row(400, "malformedOutOfOfficeEvent", "calendar", "The out of office event is malformed."),
    row(400, "eventDurationExceedsLimit", "calendar", "The event duration exceeds the limit."),
    row(400, "malformedWorkingLocationEvent", "calendar", "The working location event is malformed."),
    row(400, "cannotChangeOrganizer", "calendar", "Cannot change the organizer of an event."),
    row(401, "authError", "global", "Invalid Credentials").at(AUTHORIZATION),
    row(403, "rateLimitExceeded", "usageLimits", "Rate Limit Exceeded"),
    row(403, "userRateLimitExceeded", "usageLimits", "User Rate Limit Exceeded"),
    row(403, "quotaExceeded", "usageLimits", "Calendar usage limits exceeded."),
    row(403, "dailyLimitExceeded", "usageLimits", "Daily Limit Exceeded. The quota will be reset at midnight Pacific Time (PT). You may monitor your quota usage and adjust limits in the API Console."),
    row(403, "accessNotConfigured", "usageLimits", "Google Calendar API has not been used in project 100000000001 before or it is disabled. Enable it by visiting https://console.developers.google.com/apis/api/calendar-json.googleapis.com/overview?project=100000000001 then retry.").front("Google Calendar API has not been used in project 100000000001 before or it is disabled."),
    row(403, "insufficientPermissions", "global", "Request had insufficient authentication scopes.").front("Insufficient Permission"),
    row(403, "requiredAccessLevel", "calendar", "You need to have writer access to this calendar."),
    row(403, "forbiddenForNonOrganizer", "calendar", "Shared properties can only be changed by the organizer of the event."),
    row(403, "forbiddenForServiceAccounts", "calendar", "Service accounts cannot invite attendees without Domain-Wide Delegation of Authority."),
    row(403, "notACalendarUser", "calendar", "The user must be signed up for Google Calendar."),
    row(403, "forbidden", "global", "Forbidden"),
    row(404, "notFound", "global", "Not Found"),
    row(409, "duplicate", "global", "The requested identifier already exists."),
    row(409, "conflict", "global", "Conflict"),
    row(410, "deleted", "global", "Resource has been deleted"),
    row(410, "fullSyncRequired", "calendar", "Sync token is no longer valid, a full sync is required.").at(parameter("syncToken")),
    row(410, "updatedMinTooLongAgo", "calendar", "The requested minimum modification time lies too far in the past.").at(parameter("updatedMin")),
    row(412, "conditionNotMet", "global", "Precondition Failed").at(IF_MATCH),
    row(429, "rateLimitExceeded", "usageLimits", "Rate Limit Exceeded"),
    row(500, "backendError", "global", "Backend Error"),
    row(502, "badGateway", "global", "Bad Gateway"),
    row(503, "backendError", "global", "Backend Error"),
    row(504, "gatewayTimeout", "global", "Gateway Timeout"),
];

/// The project that pays, as error details name it.
pub(crate) const CONSUMER: &str = "projects/100000000001";

/// The row for a reason, the one with this status where there are several.
pub(crate) fn by_reason(reason: &str, status: Option<u16>) -> Option<Row> {
    let mut rows = ROWS.iter().filter(|row| row.reason == reason);
    let usual = rows.clone().next().copied();
    rows.find(|row| status == Some(row.status)).copied().or(usual)
}

/// What Google most likely means by a bare status.
pub(crate) fn by_status(status: u16) -> Option<Row> {
    let usual = match status {
        400 => Some("badRequest"),
        403 => Some("forbidden"),
        _ => None,
    };
    ROWS.iter().find(|row| row.status == status && usual.is_none_or(|reason| row.reason == reason)).copied()
}

/// The canonical name the front end prints beside a status.
pub(crate) fn canonical(status: u16) -> &'static str {
    match status {
        400 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "ALREADY_EXISTS",
        412 => "FAILED_PRECONDITION",
        429 => "RESOURCE_EXHAUSTED",
        500 => "INTERNAL",
        502 | 503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        _ => "UNKNOWN",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_with_two_statuses_is_found_by_both() {
        assert_eq!(by_reason("rateLimitExceeded", None).unwrap().status, 403);
        assert_eq!(by_reason("rateLimitExceeded", Some(429)).unwrap().status, 429);
        assert_eq!(by_reason("backendError", Some(503)).unwrap().status, 503);
        assert!(by_reason("calendarLimits", None).is_none());
    }

    #[test]
    fn every_status_google_uses_has_a_usual_reason() {
        for (status, reason) in [
            (400, "badRequest"),
            (401, "authError"),
            (403, "forbidden"),
            (404, "notFound"),
            (409, "duplicate"),
            (410, "deleted"),
            (412, "conditionNotMet"),
            (429, "rateLimitExceeded"),
            (500, "backendError"),
            (503, "backendError"),
        ] {
            assert_eq!(by_status(status).unwrap().reason, reason);
        }
    }
}
