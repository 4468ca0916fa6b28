//! Calendar's refusals as Google sends them, each over the wire, in both layouts.

use std::time::Duration;

use common::port::{CalendarError, Reach, ThrottledKey};
use serde_json::json;

use crate::setting::Setting;

/// What an insert becomes when Google refuses it.
async fn told(status: u16, headers: &[(&str, &str)], body: &str) -> CalendarError {
    let setting = Setting::new().await;
    setting.server.answer(status, headers, body);
    let error = setting.insert().await.unwrap_err();
    assert_eq!(setting.server.seen().len(), 1, "one call, one request");
    error
}

/// Sends one reason in Calendar's layout and in the front's.
async fn refused(status: u16, domain: &str, reason: &str, message: &str) -> CalendarError {
    let item = json!({"domain": domain, "reason": reason, "message": message});
    let own = json!({"error": {"errors": [item], "code": status, "message": message}});
    let front = json!({"error": {
        "code": status, "message": message, "errors": [item], "status": "PERMISSION_DENIED",
        "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "domain": "googleapis.com"}],
    }});
    let first = told(status, &[], &own.to_string()).await;
    let second = told(status, &[], &format!("{front:#}")).await;
    assert_eq!(first, second, "both layouts say the same");
    first
}

/// For good, with Google's own words.
async fn is_for_good(status: u16, domain: &str, reason: &str, message: &str) {
    let error = CalendarError::Refused { status, reason: reason.to_owned(), message: message.to_owned() };
    assert_eq!(error.reach(), Reach::NoEffect);
    assert_eq!(refused(status, domain, reason, message).await, error);
}

fn throttled(key: ThrottledKey, reason: &str) -> CalendarError {
    CalendarError::Throttled { key, retry_after: None, reason: reason.to_owned() }
}

#[tokio::test]
async fn a_400_is_for_good_with_googles_words() {
    for (domain, reason, message) in [
        ("global", "required", "Missing end time."),
        ("global", "required", "Missing time zone definition for start time."),
        ("global", "required", "Missing attendee email."),
        ("global", "invalid", "Invalid resource id value."),
        ("global", "invalid", "Invalid attendee email."),
        ("global", "invalid", "Invalid start time."),
        ("global", "invalid", "Start and end times must either both be date or both be dateTime."),
        ("global", "invalid", "Invalid time zone definition for start time."),
        ("calendar", "timeRangeEmpty", "The specified time range is empty."),
        ("global", "badRequest", "Bad Request"),
        ("global", "parseError", "Parse Error"),
        ("calendar", "eventDurationExceedsLimit", "The event is too long."),
        ("calendar", "malformedWorkingLocationEvent", "Malformed."),
        ("calendar", "cannotChangeOrganizer", "Cannot change the organizer."),
        ("calendar", "somethingNew", "Google thinks of new reasons."),
    ] {
        is_for_good(400, domain, reason, message).await;
    }
}

/// A refusal of the conference alone, in these words.
fn without_conference(status: u16, reason: &str, message: &str) -> CalendarError {
    CalendarError::ConferenceRefused { status, reason: reason.to_owned(), message: message.to_owned() }
}

#[tokio::test]
async fn what_is_about_the_conference_is_told_apart_by_googles_words() {
    for (status, reason, message) in [
        (400, "invalid", "Invalid conference type value."),
        (400, "invalid", "Invalid conference data"),
        (400, "badRequest", "Invalid value for: hangoutsMeet is not a supported conference solution"),
        (403, "forbidden", "The user is not allowed to create Google Meet meetings."),
        (403, "conferenceNotAllowed", "Not allowed."),
        (400, "invalidParameter", "Invalid value of conferenceDataVersion."),
    ] {
        let error = without_conference(status, reason, message);
        assert_eq!(error.reach(), Reach::NoEffect);
        assert_eq!(refused(status, "global", reason, message).await, error);
    }
    // A reason that asks for something else keeps its meaning, whatever the words.
    let pace = refused(403, "usageLimits", "rateLimitExceeded", "Too many conference requests").await;
    assert_eq!(pace, throttled(ThrottledKey::User, "rateLimitExceeded"));
    let limits = refused(403, "usageLimits", "quotaExceeded", "Conference limit").await;
    assert_eq!(limits, CalendarError::UsageLimits);
}

#[tokio::test]
async fn what_is_about_the_conference_is_told_apart_by_the_field_and_among_several() {
    let field = json!({"error": {"code": 400, "message": "Invalid Value", "errors": [{
        "domain": "global", "reason": "invalid", "message": "Invalid Value",
        "location": "conferenceData.createRequest.conferenceSolutionKey.type", "locationType": "parameter",
    }]}});
    let error = without_conference(400, "invalid", "Invalid Value");
    assert_eq!(told(400, &[], &field.to_string()).await, error);
    let bad_request = json!({"error": {
        "code": 400, "message": "Request contains an invalid argument.", "status": "INVALID_ARGUMENT",
        "details": [{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [
            {"field": "event.summary", "description": "Odd."},
            {"field": "event.conference_data.create_request", "description": "Not available."},
        ]}],
    }});
    let error = without_conference(400, "INVALID_ARGUMENT", "Not available.");
    assert_eq!(told(400, &[], &bad_request.to_string()).await, error);
    let several = json!({"error": {"code": 400, "message": "Invalid attendee email.", "errors": [
        {"domain": "global", "reason": "invalid", "message": "Invalid attendee email."},
        {"domain": "global", "reason": "invalid", "message": "Invalid conference type value."},
    ]}});
    let error = CalendarError::Refused {
        status: 400,
        reason: "invalid".to_owned(),
        message: "Invalid attendee email.".to_owned(),
    };
    assert_eq!(told(400, &[], &several.to_string()).await, error, "without a conference it is refused too");
}

#[tokio::test]
async fn a_401_is_the_tokens_fault() {
    assert_eq!(refused(401, "global", "authError", "Invalid Credentials").await, CalendarError::TokenRefused);
    assert_eq!(refused(401, "global", "required", "Login Required.").await, CalendarError::TokenRefused);
    let front = json!({"error": {
        "code": 401, "status": "UNAUTHENTICATED",
        "message": "Request had invalid authentication credentials. Expected OAuth 2 access token",
    }});
    assert_eq!(told(401, &[], &front.to_string()).await, CalendarError::TokenRefused);
    let challenge = "Bearer realm=\"https://accounts.google.com/\", error=\"invalid_token\"";
    let bare = told(401, &[("www-authenticate", challenge)], "").await;
    assert_eq!(bare, CalendarError::TokenRefused);
}

#[tokio::test]
async fn a_403_about_pace_throttles_the_user_or_the_project() {
    let quota = |whose: &str| {
        format!(
            "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute{whose}' of service \
             'calendar-json.googleapis.com' for consumer 'project_number:17'."
        )
    };
    let limit = "rateLimitExceeded";
    for (reason, message, key) in [
        (limit, "Rate Limit Exceeded", ThrottledKey::User),
        (limit, &*quota(""), ThrottledKey::Project),
        (limit, &*quota(" per user"), ThrottledKey::User),
        ("userRateLimitExceeded", "User Rate Limit Exceeded", ThrottledKey::User),
    ] {
        assert_eq!(refused(403, "usageLimits", reason, message).await, throttled(key, reason), "{message}");
    }
}

#[tokio::test]
async fn a_403_about_limits_and_grants_keeps_its_kind() {
    for (domain, reason, message, error) in [
        ("usageLimits", "quotaExceeded", "Calendar usage limits exceeded.", CalendarError::UsageLimits),
        ("usageLimits", "dailyLimitExceeded", "Daily Limit Exceeded", CalendarError::DailyLimit),
        (
            "usageLimits",
            "accessNotConfigured",
            "Google Calendar API has not been used",
            CalendarError::ApiDisabled,
        ),
        ("global", "insufficientPermissions", "Insufficient Permission", CalendarError::ScopeMissing),
        (
            "calendar",
            "notACalendarUser",
            "The user must be signed up for Google Calendar.",
            CalendarError::NotACalendarUser,
        ),
    ] {
        assert_eq!(refused(403, domain, reason, message).await, error, "{reason}");
    }
}

#[tokio::test]
async fn a_403_of_any_other_reason_is_for_good() {
    for (domain, reason, message) in [
        ("calendar", "requiredAccessLevel", "You need to have writer access to this calendar."),
        (
            "calendar",
            "forbiddenForNonOrganizer",
            "Shared properties can only be changed by the organizer of the event.",
        ),
        (
            "calendar",
            "forbiddenForServiceAccounts",
            "Service accounts cannot invite attendees without Domain-Wide Delegation of Authority.",
        ),
        ("global", "forbidden", "Forbidden"),
    ] {
        is_for_good(403, domain, reason, message).await;
    }
}

#[tokio::test]
async fn a_404_is_not_found_only_in_googles_words() {
    assert_eq!(refused(404, "global", "notFound", "Not Found").await, CalendarError::NotFound);
    for page in ["<html>404", ""] {
        let error = told(404, &[("content-type", "text/html")], page).await;
        assert!(matches!(error, CalendarError::Unintelligible(_)), "{error:?}");
    }
}

#[tokio::test]
async fn a_409_is_a_duplicate_or_a_conflict() {
    let message = "The requested identifier already exists.";
    assert_eq!(refused(409, "global", "duplicate", message).await, CalendarError::Duplicate);
    assert_eq!(refused(409, "global", "conflict", "Conflict").await, CalendarError::Conflict);
}

#[tokio::test]
async fn a_410_is_deleted_unless_it_is_about_syncing() {
    assert_eq!(refused(410, "global", "deleted", "Resource has been deleted").await, CalendarError::Deleted);
    is_for_good(410, "calendar", "fullSyncRequired", "Sync token is no longer valid.").await;
    is_for_good(410, "calendar", "updatedMinTooLongAgo", "Too long ago.").await;
}

#[tokio::test]
async fn a_412_is_a_conflict() {
    let error = refused(412, "global", "conditionNotMet", "Precondition Failed").await;
    assert_eq!(error, CalendarError::Conflict);
}

#[tokio::test]
async fn a_429_is_its_403_twin_and_may_say_how_long() {
    let error = refused(429, "usageLimits", "rateLimitExceeded", "Rate Limit Exceeded").await;
    assert_eq!(error, throttled(ThrottledKey::User, "rateLimitExceeded"));
    let date = [("retry-after", "Sun, 22 Nov 2026 12:01:00 GMT"), ("date", "Sun, 22 Nov 2026 12:00:00 GMT")];
    for headers in [&[("retry-after", "60")][..], &date[..]] {
        let CalendarError::Throttled { retry_after, .. } = told(429, headers, "").await else { panic!() };
        assert_eq!(retry_after, Some(Duration::from_secs(60)));
    }
}

#[tokio::test]
async fn a_500_is_google_failing_and_may_have_been_done() {
    let error = refused(500, "global", "backendError", "Backend Error").await;
    assert_eq!(error, CalendarError::Unavailable { status: 500, retry_after: None });
    assert_eq!(error.reach(), Reach::Unknown);
}

#[tokio::test]
async fn a_502_503_or_504_is_google_failing_json_or_not() {
    for status in [502, 503, 504] {
        let error = refused(status, "global", "backendError", "Backend Error").await;
        assert_eq!(error, CalendarError::Unavailable { status, retry_after: None });
        for page in ["", "<html><title>502 Bad Gateway</title>"] {
            let headers = [("content-type", "text/html; charset=UTF-8"), ("retry-after", "30")];
            let error = told(status, &headers, page).await;
            let retry_after = Some(Duration::from_secs(30));
            assert_eq!(error, CalendarError::Unavailable { status, retry_after });
        }
    }
}

#[tokio::test]
async fn a_4xx_with_a_passing_reason_is_google_failing() {
    for reason in [
        "backendError",
        "badGateway",
        "gatewayTimeout",
        "internalError",
        "transientError",
        "serviceNotAvailable",
    ] {
        let error = refused(403, "global", reason, "Later").await;
        assert_eq!(error, CalendarError::Unavailable { status: 403, retry_after: None }, "{reason}");
    }
}
