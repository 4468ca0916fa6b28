//! The layouts at their oddest; every row of Google's catalogue is in tests/it/catalogue.rs.

use std::time::Duration;

use common::port::Reach;
use http::HeaderValue;
use serde_json::{Value, json};

use super::*;

fn meaning(status: u16, body: &str) -> CalendarError {
    meaning_with(status, &[], body)
}

fn meaning_with(status: u16, headers: &[(header::HeaderName, &str)], body: &str) -> CalendarError {
    let headers =
        headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect();
    refusal(StatusCode::from_u16(status).unwrap(), &headers, body.as_bytes(), SystemTime::UNIX_EPOCH)
}

fn error(error: &Value) -> String {
    json!({ "error": error }).to_string()
}

#[test]
fn without_errors_the_details_speak_and_then_the_status() {
    let missing = json!([
        {"@type": "type.googleapis.com/google.rpc.Help"},
        {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT"},
    ]);
    let disabled = json!([{"reason": "SERVICE_DISABLED"}]);
    let exhausted = CalendarError::Throttled {
        key: ThrottledKey::User,
        retry_after: None,
        reason: "RESOURCE_EXHAUSTED".to_owned(),
    };
    for (status, body, expected) in [
        (403, json!({"status": "PERMISSION_DENIED", "details": missing}), CalendarError::ScopeMissing),
        (403, json!({"status": "PERMISSION_DENIED", "details": disabled}), CalendarError::ApiDisabled),
        (401, json!({"status": "UNAUTHENTICATED"}), CalendarError::TokenRefused),
        (403, json!({"status": "UNAUTHENTICATED"}), CalendarError::TokenRefused),
        (429, json!({"status": "RESOURCE_EXHAUSTED"}), exhausted.clone()),
        (403, json!({"status": "RESOURCE_EXHAUSTED"}), exhausted),
        (404, json!({"status": "NOT_FOUND"}), CalendarError::NotFound),
        (404, json!({"code": 404, "message": "Not Found"}), CalendarError::NotFound),
        (409, json!({"status": "ALREADY_EXISTS"}), CalendarError::Duplicate),
        (409, json!({"status": "ABORTED"}), CalendarError::Conflict),
    ] {
        assert_eq!(meaning(status, &error(&body)), expected, "{status} {body}");
    }
}

#[test]
fn a_reason_that_says_nothing_leaves_the_word_to_the_next() {
    let body = json!({
        "errors": [{"reason": "forbidden"}], "status": "PERMISSION_DENIED",
        "details": [{"reason": "SERVICE_DISABLED"}],
    });
    assert_eq!(meaning(403, &error(&body)), CalendarError::ApiDisabled);
}

/// Several entries: each a reason and its words. The first one's are above, as Google puts them there.
fn several(status: u16, entries: &[(&str, &str)]) -> CalendarError {
    let errors: Vec<Value> = entries
        .iter()
        .map(|(reason, message)| json!({"domain": "global", "reason": reason, "message": message}))
        .collect();
    meaning(status, &error(&json!({"code": status, "message": entries[0].1, "errors": errors})))
}

fn refused(reason: &str, message: &str) -> CalendarError {
    CalendarError::Refused { status: 400, reason: reason.to_owned(), message: message.to_owned() }
}

const NO_CONFERENCE: (&str, &str) = ("invalid", "Invalid conference type value.");

#[test]
fn what_must_be_waited_for_or_mended_decides_over_a_refusal_in_any_order() {
    let for_good = ("invalid", "Invalid attendee email.");
    let pace =
        |key, reason: &str| CalendarError::Throttled { key, retry_after: None, reason: reason.to_owned() };
    let quota = "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute' of service 'x'.";
    for (other, expected) in [
        (
            ("userRateLimitExceeded", "User Rate Limit Exceeded"),
            pace(ThrottledKey::User, "userRateLimitExceeded"),
        ),
        (("rateLimitExceeded", quota), pace(ThrottledKey::Project, "rateLimitExceeded")),
        (("backendError", "Backend Error"), CalendarError::Unavailable { status: 400, retry_after: None }),
        (("quotaExceeded", "Calendar usage limits exceeded."), CalendarError::UsageLimits),
        (("authError", "Invalid Credentials"), CalendarError::TokenRefused),
        (("notACalendarUser", "Sign up."), CalendarError::NotACalendarUser),
    ] {
        for beside in [for_good, NO_CONFERENCE] {
            assert_eq!(several(400, &[beside, other]), expected, "{other:?}");
            assert_eq!(several(400, &[other, beside]), expected, "{other:?}");
        }
    }
}

#[test]
fn of_two_waits_the_longer_decides_and_of_two_troubles_the_one_to_mend_first() {
    let (user, project) = (("userRateLimitExceeded", "m"), ("rateLimitExceeded", "quota metric per minute"));
    let (limits, token) = (("quotaExceeded", "m"), ("authError", "m"));
    for pair in [[user, limits], [limits, user], [project, limits], [limits, project]] {
        assert_eq!(several(403, &pair), CalendarError::UsageLimits);
    }
    for pair in [[token, limits], [limits, token], [user, token]] {
        assert_eq!(several(403, &pair), CalendarError::TokenRefused);
    }
    for pair in [[user, project], [project, user]] {
        let told = several(403, &pair);
        assert!(matches!(told, CalendarError::Throttled { key: ThrottledKey::Project, .. }), "{told:?}");
    }
    let duplicate = ("duplicate", "The requested identifier already exists.");
    assert_eq!(several(409, &[("invalid", "Invalid Value"), duplicate]), CalendarError::Duplicate);
}

#[test]
fn a_conference_beside_another_refusal_is_not_what_keeps_the_event_out() {
    let attendee = ("invalid", "Invalid attendee email.");
    let rule = ("invalid", "Invalid recurrence rule.");
    for pair in [[NO_CONFERENCE, attendee], [attendee, NO_CONFERENCE]] {
        assert_eq!(several(400, &pair), refused("invalid", "Invalid attendee email."));
    }
    let three = several(400, &[attendee, NO_CONFERENCE, rule]);
    assert_eq!(three, refused("invalid", "Invalid attendee email. Invalid recurrence rule."));
    let own = ("required", "Missing end time.");
    assert_eq!(several(400, &[NO_CONFERENCE, own]), refused("required", "Missing end time."));
    // What says nothing besides is no other refusal.
    for nothing in [("badRequest", "Bad Request"), ("invalid", "Invalid Value"), ("forbidden", ""), ("", "")]
    {
        for pair in [[NO_CONFERENCE, nothing], [nothing, NO_CONFERENCE]] {
            let told = several(400, &pair);
            assert!(matches!(told, CalendarError::ConferenceRefused { .. }), "{pair:?} {told:?}");
        }
    }
    let twice = several(400, &[NO_CONFERENCE, ("invalid", "Invalid conference data.")]);
    assert!(matches!(twice, CalendarError::ConferenceRefused { .. }));
}

#[test]
fn a_refusal_for_good_tells_all_its_faults_and_each_once() {
    let color = ("invalid", "Invalid Value");
    let attendee = ("invalid", "Invalid attendee email.");
    assert_eq!(
        several(400, &[color, attendee, attendee]),
        refused("invalid", "Invalid attendee email. Invalid Value")
    );
    assert_eq!(
        several(
            400,
            &[("badRequest", "Bad Request"), ("timeRangeEmpty", "The specified time range is empty.")]
        ),
        refused("timeRangeEmpty", "The specified time range is empty. Bad Request")
    );
    let long = "w".repeat(400);
    let other = "x".repeat(400);
    let CalendarError::Refused { message, .. } = several(400, &[("a", &long), ("b", &other)]) else {
        panic!()
    };
    assert_eq!(message.len(), 500);
}

#[test]
fn a_403_without_errors_is_refused_with_what_it_has() {
    let body = json!({"code": 403, "message": "No.", "status": "PERMISSION_DENIED"});
    let refused = CalendarError::Refused {
        status: 403,
        reason: "PERMISSION_DENIED".to_owned(),
        message: "No.".to_owned(),
    };
    assert_eq!(meaning(403, &error(&body)), refused);
}

#[test]
fn the_reason_decides_whatever_the_status() {
    let with = |reason: &str| error(&json!({"errors": [{"reason": reason, "message": "m"}]}));
    for status in [400, 403, 404, 409, 429] {
        assert_eq!(meaning(status, &with("quotaExceeded")), CalendarError::UsageLimits, "{status}");
        assert_eq!(meaning(status, &with("duplicate")), CalendarError::Duplicate, "{status}");
        assert_eq!(meaning(status, &with("authError")), CalendarError::TokenRefused, "{status}");
        let failing = CalendarError::Unavailable { status, retry_after: None };
        assert_eq!(meaning(status, &with("backendError")), failing, "{status}");
    }
    assert!(matches!(meaning(404, &with("forbidden")), CalendarError::Refused { status: 404, .. }));
    assert!(matches!(meaning(410, &with("fullSyncRequired")), CalendarError::Refused { status: 410, .. }));
    assert!(matches!(meaning(401, &with("required")), CalendarError::TokenRefused));
}

#[test]
fn a_5xx_may_have_been_done_whatever_it_says() {
    for reason in ["duplicate", "notFound", "rateLimitExceeded", "quotaExceeded"] {
        let body = error(&json!({"errors": [{"reason": reason}]}));
        assert_eq!(meaning(503, &body), CalendarError::Unavailable { status: 503, retry_after: None });
    }
}

#[test]
fn a_page_never_says_anything_about_an_event() {
    for status in 300..=599 {
        for page in ["", "<!DOCTYPE html><title>Error</title>", "{\"error\":", "{\"error\":\"denied\"}", "[]"]
        {
            let told = meaning(status, page);
            match told {
                CalendarError::Unavailable { status: named, .. } => {
                    assert!(named == status && (status >= 500 || status == 408), "{status}");
                }
                CalendarError::Throttled { key: ThrottledKey::Project, .. } => assert_eq!(status, 429),
                CalendarError::Conflict => assert!(status == 409 || status == 412, "{status}"),
                CalendarError::Deleted => assert_eq!(status, 410),
                CalendarError::Unintelligible(_) => assert_eq!(told.reach(), Reach::Unknown),
                CalendarError::Throttled { .. }
                | CalendarError::DailyLimit
                | CalendarError::UsageLimits
                | CalendarError::TokenRefused
                | CalendarError::ScopeMissing
                | CalendarError::NotACalendarUser
                | CalendarError::ApiDisabled
                | CalendarError::NotFound
                | CalendarError::Duplicate
                | CalendarError::ConferenceRefused { .. }
                | CalendarError::Refused { .. }
                | CalendarError::NotSent(_)
                | CalendarError::NoAnswer(_) => panic!("{status} {page:?} taken for {told:?}"),
            }
        }
    }
}

#[test]
fn the_challenge_speaks_when_the_body_does_not() {
    let challenge = |text: &str| meaning_with(401, &[(header::WWW_AUTHENTICATE, text)], "");
    assert_eq!(
        challenge("Bearer realm=\"https://accounts.google.com/\", error=\"invalid_token\""),
        CalendarError::TokenRefused
    );
    assert!(
        matches!(challenge("Basic realm=\"proxy\""), CalendarError::Unintelligible(_)),
        "another server's 401 must not cost an account its connection"
    );
    let scope = "Bearer realm=\"x\", error=\"insufficient_scope\", scope=\"y\"";
    let told = meaning_with(403, &[(header::WWW_AUTHENTICATE, scope)], "<html>");
    assert_eq!(told, CalendarError::ScopeMissing);
}

#[test]
fn retry_after_is_kept_where_it_can_be_honoured() {
    let wait = Some(Duration::from_secs(7));
    let headers = [(header::RETRY_AFTER, "7")];
    let told = meaning_with(503, &headers, "");
    assert_eq!(told, CalendarError::Unavailable { status: 503, retry_after: wait });
    let told = meaning_with(429, &headers, "");
    let throttled =
        CalendarError::Throttled { key: ThrottledKey::Project, retry_after: wait, reason: String::new() };
    assert_eq!(told, throttled);
    let body = error(&json!({"errors": [{"reason": "userRateLimitExceeded"}]}));
    assert!(matches!(
        meaning_with(403, &headers, &body),
        CalendarError::Throttled { key: ThrottledKey::User, retry_after, .. } if retry_after == wait
    ));
}

#[test]
fn googles_words_are_kept_at_a_length_that_fits_a_record() {
    let body = error(&json!({"errors": [{"reason": "invalid", "message": "é".repeat(10_000)}]}));
    let CalendarError::Refused { message, .. } = meaning(400, &body) else { panic!() };
    assert_eq!(message, "é".repeat(500));
}

#[test]
fn a_body_of_odd_types_is_read_as_far_as_it_goes() {
    for odd in [
        json!({"errors": "x", "message": 7, "status": []}),
        json!({"errors": [], "details": [[], {"reason": 7}, {"reason": ""}]}),
        json!({"errors": [{"reason": null}], "message": null}),
    ] {
        assert!(matches!(meaning(400, &error(&odd)), CalendarError::Refused { status: 400, .. }), "{odd}");
    }
}
