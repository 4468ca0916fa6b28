//! Every refusal Google is known to give can be injected, in its own words and either layout.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, World, event, world};

/// Status, reason, domain, message: facts on Google's errors, row by row.
const ROWS: &[(u16, &str, &str, &str)] = &[
    (400, "required", "global", "Missing end time."),
    (400, "required", "global", "Missing time zone definition for start time."),
    (400, "required", "global", "Missing attendee email."),
    (400, "invalid", "global", "Invalid resource id value."),
    (400, "invalid", "global", "Invalid attendee email."),
    (400, "invalid", "global", "Invalid start time."),
    (400, "invalid", "global", "Invalid conference type value."),
    (400, "invalid", "global", "Start and end times must either both be date or both be dateTime."),
    (400, "invalid", "global", "Invalid time zone definition for start time."),
    (400, "timeRangeEmpty", "calendar", "The specified time range is empty."),
    (400, "badRequest", "global", "Bad Request"),
    (400, "parseError", "global", "Parse Error"),
    (400, "eventDurationExceedsLimit", "calendar", "The event duration exceeds the limit."),
    (400, "malformedWorkingLocationEvent", "calendar", "The working location event is malformed."),
    (400, "cannotChangeOrganizer", "calendar", "Cannot change the organizer of an event."),
    (401, "authError", "global", "Invalid Credentials"),
    (403, "rateLimitExceeded", "usageLimits", "Rate Limit Exceeded"),
    (403, "userRateLimitExceeded", "usageLimits", "User Rate Limit Exceeded"),
    (403, "quotaExceeded", "usageLimits", "Calendar usage limits exceeded."),
    (403, "dailyLimitExceeded", "usageLimits", "Daily Limit Exceeded"),
    (
        403,
        "accessNotConfigured",
        "usageLimits",
        "Google Calendar API has not been used in project 1 before or it is disabled",
    ),
    (403, "insufficientPermissions", "global", "Request had insufficient authentication scopes."),
    (403, "requiredAccessLevel", "calendar", "You need to have writer access to this calendar."),
    (
        403,
        "forbiddenForNonOrganizer",
        "calendar",
        "Shared properties can only be changed by the organizer of the event.",
    ),
    (
        403,
        "forbiddenForServiceAccounts",
        "calendar",
        "Service accounts cannot invite attendees without Domain-Wide Delegation of Authority.",
    ),
    (403, "notACalendarUser", "calendar", "The user must be signed up for Google Calendar."),
    (403, "forbidden", "global", "Forbidden"),
    (404, "notFound", "global", "Not Found"),
    (409, "duplicate", "global", "The requested identifier already exists."),
    (409, "conflict", "global", "Conflict"),
    (410, "deleted", "global", "Resource has been deleted"),
    (410, "fullSyncRequired", "calendar", "Sync token is no longer valid, a full sync is required."),
    (
        410,
        "updatedMinTooLongAgo",
        "calendar",
        "The requested minimum modification time lies too far in the past.",
    ),
    (412, "conditionNotMet", "global", "Precondition Failed"),
    (429, "rateLimitExceeded", "usageLimits", "Rate Limit Exceeded"),
    (500, "backendError", "global", "Backend Error"),
    (502, "badGateway", "global", "Bad Gateway"),
    (503, "backendError", "global", "Backend Error"),
    (504, "gatewayTimeout", "global", "Gateway Timeout"),
];

async fn injected(world: &World, fault: Value) -> Answer {
    world.control("faults", fault).await;
    world.insert(event("never0")).await
}

#[tokio::test]
async fn every_row_of_the_catalogue_can_be_injected_in_both_layouts() {
    let world = world().await;
    world.control("quota", json!({"userPerMinute": 1000, "calendarPerSecond": 1000})).await;
    for (status, reason, domain, message) in ROWS {
        for layout in ["backend", "frontend"] {
            let fault = json!({"method": "events.insert", "status": status, "reason": reason, "message": message, "layout": layout, "count": 1});
            let answer = injected(&world, fault).await;
            answer.refused(*status, reason, message);
            assert_eq!(answer.json["error"]["code"], *status);
            assert_eq!(answer.json["error"]["errors"][0]["domain"], *domain, "{reason}");
            assert_eq!(answer.json["error"].get("status").is_some(), layout == "frontend");
            assert_eq!(answer.header("content-type"), "application/json; charset=UTF-8");
            assert_eq!(
                (answer.header("server"), answer.header("vary")),
                ("ESF", "Origin, X-Origin, Referer")
            );
            assert!(answer.header("cache-control").starts_with("no-cache, no-store"));
        }
    }
    let events = world.look("events").await;
    assert!(events["events"].as_array().unwrap().is_empty(), "an injected refusal has no effect");
}

#[tokio::test]
async fn a_reason_alone_brings_googles_status_and_words() {
    let world = world().await;
    for (reason, status, message) in [
        ("quotaExceeded", 403, "Calendar usage limits exceeded."),
        ("rateLimitExceeded", 403, "Rate Limit Exceeded"),
        ("backendError", 500, "Backend Error"),
        ("requiredAccessLevel", 403, "You need to have writer access to this calendar."),
    ] {
        let answer = injected(&world, json!({"reason": reason, "count": 1})).await;
        answer.refused(status, reason, message);
    }
}

#[tokio::test]
async fn a_status_alone_brings_a_usual_reason() {
    let world = world().await;
    for (status, reason) in [
        (503, "backendError"),
        (429, "rateLimitExceeded"),
        (404, "notFound"),
        (401, "authError"),
        (403, "forbidden"),
    ] {
        let answer = injected(&world, json!({"status": status, "count": 1})).await;
        assert_eq!((answer.status, answer.reason()), (status, reason));
    }
}

#[tokio::test]
async fn retry_after_and_html_are_as_asked() {
    let world = world().await;
    let answer =
        injected(&world, json!({"status": 503, "layout": "html", "retryAfter": 7, "count": 1})).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("retry-after"), "7");
    assert!(answer.header("content-type").starts_with("text/html"));
    assert!(answer.text.contains("That’s an error."));
    let answer = injected(&world, json!({"status": 429, "count": 1})).await;
    assert_eq!(answer.header("retry-after"), "");
}

#[tokio::test]
async fn locations_point_where_googles_do() {
    let world = world().await;
    for (reason, kind, place) in [
        ("authError", "header", "Authorization"),
        ("timeRangeEmpty", "parameter", "timeMax"),
        ("conditionNotMet", "header", "If-Match"),
        ("fullSyncRequired", "parameter", "syncToken"),
    ] {
        let answer = injected(&world, json!({"reason": reason, "count": 1})).await;
        let item = &answer.json["error"]["errors"][0];
        assert_eq!((item["locationType"].as_str(), item["location"].as_str()), (Some(kind), Some(place)));
    }
}

#[tokio::test]
async fn bad_tokens_and_missing_scopes_come_from_the_front_end() {
    let world = world().await;
    let path = "/calendar/v3/calendars/primary/events";
    let none = world.send(world.request(Method::GET, path)).await;
    assert_eq!((none.status, none.reason()), (401, "required"));
    assert_eq!(none.json["error"]["status"], "UNAUTHENTICATED");
    let wrong = world.send(world.request(Method::GET, path).bearer_auth("ya29.wrong")).await;
    assert_eq!((wrong.status, wrong.reason()), (401, "authError"));
    assert!(wrong.header("www-authenticate").contains("error=\"invalid_token\""));
    let reader = world.control("tokens", json!({"scopes": ["calendar.readonly"]})).await;
    let reader = reader["access_token"].as_str().unwrap();
    let refused =
        world.send(world.request(Method::POST, path).bearer_auth(reader).json(&event("never0"))).await;
    refused.refused(403, "insufficientPermissions", "Request had insufficient authentication scopes.");
    assert_eq!(refused.json["error"]["errors"][0]["message"], "Insufficient Permission");
    let details = &refused.json["error"]["details"][0];
    assert_eq!(details["reason"], "ACCESS_TOKEN_SCOPE_INSUFFICIENT");
    assert_eq!(details["metadata"]["method"], "calendar.v3.Events.Insert");
    assert!(refused.header("www-authenticate").contains("insufficient_scope"));
    let read = world.send(world.request(Method::GET, path).bearer_auth(reader)).await;
    assert_eq!(read.status, 200);
}

#[tokio::test]
async fn faults_choose_their_victims_and_end() {
    let world = world().await;
    world.control("faults", json!({"user": "grace@example.com", "status": 500})).await;
    world.control("faults", json!({"method": "events.get", "status": 500, "seconds": 5})).await;
    assert_eq!(world.insert(event("first0")).await.status, 200);
    assert_eq!(world.get("first0").await.status, 500);
    world.hands.advance_ms(5_000);
    assert_eq!(world.get("first0").await.status, 200);
    let grace = world.token_of("grace@example.com").await;
    let request = world.request(Method::GET, "/calendar/v3/calendars/primary/events").bearer_auth(grace);
    assert_eq!(world.send(request).await.status, 500);
    let listed = world.look("faults").await;
    assert_eq!(listed["faults"].as_array().unwrap().len(), 1);
    assert_eq!(listed["faults"][0]["hits"], 1);
    let cleared = world.send(world.request(Method::DELETE, "/_sandbox/faults")).await;
    assert_eq!(cleared.status, 204);
    assert!(world.look("faults").await["faults"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn an_injected_refusal_of_the_front_end_brings_what_a_real_one_does() {
    let world = world().await;
    let front = |reason: &str| json!({"reason": reason, "layout": "frontend", "count": 1});
    let scope = injected(&world, json!({"reason": "insufficientPermissions", "count": 1})).await;
    assert_eq!(scope.json["error"]["details"][0]["reason"], "ACCESS_TOKEN_SCOPE_INSUFFICIENT");
    assert_eq!(scope.json["error"]["details"][0]["metadata"]["method"], "calendar.v3.Events.Insert");
    assert!(scope.header("www-authenticate").contains("error=\"insufficient_scope\", scope=\"https://"));
    let disabled = injected(&world, json!({"reason": "accessNotConfigured", "count": 1})).await;
    assert_eq!(disabled.json["error"]["details"][0]["reason"], "SERVICE_DISABLED");
    let token = injected(&world, front("authError")).await;
    assert!(token.message().starts_with("Request had invalid authentication credentials."));
    assert_eq!(token.json["error"]["errors"][0]["message"], "Invalid Credentials");
    assert_eq!(token.json["error"]["status"], "UNAUTHENTICATED");
    assert!(token.header("www-authenticate").contains("error=\"invalid_token\""));
    let fast = injected(&world, front("rateLimitExceeded")).await;
    assert_eq!(fast.json["error"]["details"][0]["reason"], "RATE_LIMIT_EXCEEDED");
    let userinfo = world.request(Method::GET, "/v1/userinfo").bearer_auth(&world.token);
    let fault = json!({"method": "userinfo", "reason": "insufficientPermissions", "count": 1});
    world.control("faults", fault).await;
    let userinfo = world.send(userinfo).await;
    assert!(
        userinfo.header("www-authenticate").contains("openid"),
        "{}",
        userinfo.header("www-authenticate")
    );
}

#[tokio::test]
async fn errors_may_come_without_their_list() {
    let world = world().await;
    for (reason, status, canonical, detail) in [
        ("authError", 401, "UNAUTHENTICATED", Value::Null),
        ("insufficientPermissions", 403, "PERMISSION_DENIED", json!("ACCESS_TOKEN_SCOPE_INSUFFICIENT")),
        ("rateLimitExceeded", 429, "RESOURCE_EXHAUSTED", json!("RATE_LIMIT_EXCEEDED")),
        ("backendError", 503, "UNAVAILABLE", Value::Null),
    ] {
        let fault = json!({"status": status, "reason": reason, "layout": "bare", "count": 1});
        let error = injected(&world, fault).await.json["error"].clone();
        assert!(error.get("errors").is_none(), "{error}");
        assert_eq!((&error["code"], &error["status"]), (&json!(status), &json!(canonical)));
        assert_eq!(error["details"][0]["reason"], detail);
    }
}

#[tokio::test]
async fn retry_after_may_be_a_date_or_nonsense() {
    let world = world().await;
    for text in ["Fri, 20 Nov 2026 12:00:07 GMT", "soon"] {
        let answer = injected(&world, json!({"status": 429, "retryAfter": text, "count": 1})).await;
        assert_eq!(answer.header("retry-after"), text);
    }
    let (status, text) = (503, "Fri, 20 Nov 2026 12:00:07 GMT");
    let fault = json!({"method": "token.*", "status": status, "retryAfter": text, "count": 1});
    world.control("faults", fault).await;
    let answer = world.send(world.request(Method::POST, "/token")).await;
    assert_eq!((answer.status, answer.header("retry-after")), (status, text));
    let bad = json!({"status": 429, "retryAfter": "a\nb"});
    let bad = world.send(world.request(Method::POST, "/_sandbox/faults").json(&bad)).await;
    assert_eq!(bad.status, 400);
}

#[tokio::test]
async fn faults_narrow_by_calendar_chance_and_count() {
    let world = world().await;
    let team = "team@group.calendar.example.com";
    world.control("users/ada@example.com", json!({"calendars": [team]})).await;
    let on_team = async || {
        let path = format!("/calendar/v3/calendars/{team}/events");
        world.send(world.request(Method::GET, &path).bearer_auth(&world.token)).await.status
    };
    world.control("faults", json!({"calendar": team, "status": 500})).await;
    assert_eq!((on_team().await, world.list("").await.status), (500, 200));
    world.send(world.request(Method::DELETE, "/_sandbox/faults")).await;
    world.control("faults", json!({"calendar": "primary", "status": 500, "count": 2})).await;
    assert_eq!((on_team().await, world.list("").await.status), (200, 500));
    assert_eq!((world.list("").await.status, world.list("").await.status), (500, 200));
    world.control("faults", json!({"status": 500, "probability": 0})).await;
    assert_eq!(on_team().await, 200);
    world.control("faults", json!({"status": 503, "probability": 1})).await;
    assert_eq!(on_team().await, 503);
}
