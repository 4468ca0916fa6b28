//! Every refusal that the Calendar API is known to give, status by status, in the layouts it comes in.
//!
//! Sources: Google's page on Calendar API errors, and what clients have reported of the rest. What an insert cannot meet
//! at Google (`fullSyncRequired`, `conditionNotMet`, …) is sent to one all the same: whatever comes, the outcome is honest.

use serde_json::{Value, json};

use super::row::{End, Pause, Row, Trouble, told};

/// Calendar's own layout, and that of the servers in front of it.
const BOTH: [&str; 2] = ["backend", "frontend"];
/// What the servers in front answer may come without `errors[]` too.
const OF_THE_FRONT: [&str; 3] = ["backend", "frontend", "bare"];
/// What Google's load balancers answer is often a page.
const PAGES_TOO: [&str; 3] = ["html", "backend", "frontend"];

/// Status, reason, words: for good, whoever asks and however often.
const FOR_GOOD: [(u16, &str, &str); 22] = [
    (400, "required", "Missing end time."),
    (400, "required", "Missing time zone definition for start time."),
    (400, "required", "Missing attendee email."),
    (400, "invalid", "Invalid resource id value."),
    (400, "invalid", "Invalid attendee email."),
    (400, "invalid", "Invalid start time."),
    (400, "invalid", "Start and end times must either both be date or both be dateTime."),
    (400, "invalid", "Invalid time zone definition for start time."),
    (400, "timeRangeEmpty", "The specified time range is empty."),
    (400, "badRequest", "Bad Request"),
    (400, "parseError", "Parse Error"),
    (400, "eventDurationExceedsLimit", "The event duration exceeds the limit."),
    (400, "malformedWorkingLocationEvent", "The working location event is malformed."),
    (400, "cannotChangeOrganizer", "Cannot change the organizer of an event."),
    (400, "cannotChangeOrganizerOfInstance", "Cannot change the organizer of an instance."),
    (403, "requiredAccessLevel", "You need to have writer access to this calendar."),
    (403, "forbiddenForNonOrganizer", "Shared properties can only be changed by the organizer of the event."),
    (
        403,
        "forbiddenForServiceAccounts",
        "Service accounts cannot invite attendees without Domain-Wide Delegation of Authority.",
    ),
    (403, "forbidden", "Forbidden"),
    (410, "fullSyncRequired", "Sync token is no longer valid, a full sync is required."),
    (410, "updatedMinTooLongAgo", "The requested minimum modification time lies too far in the past."),
    // Google thinks of new reasons.
    (403, "somethingNew", "Nobody has seen this one yet."),
];

/// The same of the conference alone, which the event does without.
const ABOUT_THE_CONFERENCE: [(u16, &str, &str); 4] = [
    (400, "invalid", "Invalid conference type value."),
    (400, "invalid", "Invalid conference data"),
    (400, "badRequest", "conferenceData.createRequest: Bad Request"),
    (403, "forbidden", "The user may not create Google Meet conferences."),
];

const SCOPE: &str = "The permission does not include the calendar. Tick its box this time.";
const TOKEN: &str = "Google no longer takes what it has given us.";
const NO_CALENDAR: &str = "This Google user has no Google Calendar. An administrator of the organisation can turn it on, which has to come first.";

/// Somebody else's calendar.
const SHARED: &str = "shared@group.calendar.google.com";

fn guests() -> Value {
    json!({"attendees": [{"email": "guest@elsewhere.example"}]})
}

fn once(status: u16, reason: &str, layout: &str) -> Value {
    json!({"status": status, "reason": reason, "layout": layout, "count": 1})
}

fn named(status: u16, reason: &str, layout: &str) -> Row {
    Row::new(format!("{status} {reason} ({layout})"))
}

/// The rows about one user at a time: they disturb nobody else.
pub fn of_one_user() -> Vec<Row> {
    // Those in which Google seems to be down come first, while many others have just been answered.
    let refused = [for_good(), about_the_conference(), conflicts()].into_iter().flatten().collect();
    [failing(), transport(), looks(), tokens(), paces(), limits(), grants(), refused]
        .into_iter()
        .flatten()
        .collect()
}

/// Google fails, and may have done it all the same: the job looks before it writes again.
fn failing() -> Vec<Row> {
    let mut rows = Vec::new();
    for layout in OF_THE_FRONT {
        rows.push(named(500, "backendError", layout).insert(once(500, "backendError", layout)));
    }
    for (status, reason) in [(502, "badGateway"), (503, "backendError"), (504, "gatewayTimeout")] {
        for layout in PAGES_TOO {
            rows.push(named(status, reason, layout).insert(once(status, reason, layout)));
        }
        let row = named(status, "backendError", "in JSON, with Retry-After");
        let fault = json!({"status": status, "reason": "backendError", "retryAfter": 2, "count": 1});
        rows.push(row.insert(fault).pauses(Pause::Waiting("retry", 1.1..=2.1)));
    }
    // GAM repeats these whatever their status.
    for reason in ["internalError", "transientError", "serviceNotAvailable"] {
        rows.push(named(403, reason, "backend").insert(once(403, reason, "backend")));
    }
    let mut rows: Vec<Row> = rows.into_iter().map(|row| row.tally(1, 0).asked(2, 1, 1)).collect();
    let always = json!({"status": 503});
    // The last write may yet take effect: the job looks again two minutes after it. How it ends then is shown with a
    // clock that turns (`failures::a_job_whose_attempts_are_used_up_fails_once_google_says_that_there_is_nothing`).
    rows.push(
        Row::new("503 for ever, and nothing has come of it yet")
            .insert(always.clone())
            .pauses(Pause::Waiting("retry", 100.0..=120.1))
            .ends(End::Waits)
            .tally(3, 1)
            .asked(3, 3, 1),
    );
    rows.push(
        Row::new("503 for ever, and Google cannot be asked what came of it")
            .fault("events.*", always)
            .fails(told::attempts_exhausted("unknown"))
            .tally(3, 0)
            .asked(1, 3, 1),
    );
    rows
}

/// There is no answer.
fn transport() -> Vec<Row> {
    vec![
        Row::new("cut before it took effect")
            .insert(json!({"drop": "before", "count": 1}))
            .tally(1, 0)
            .asked(2, 1, 1),
        Row::new("cut after it took effect")
            .insert(json!({"drop": "after", "count": 1}))
            .tally(1, 0)
            .asked(1, 1, 1),
        // It is given up after 20 s, having taken effect in the middle.
        Row::new("no answer in time")
            .insert(json!({"latencyMs": 21_000, "count": 1}))
            .tally(1, 0)
            .asked(1, 1, 1),
        Row::new("slow, but in time").insert(json!({"latencyMs": 3_000, "count": 1})),
    ]
}

/// Google refuses the look that follows a lost answer.
fn looks() -> Vec<Row> {
    let lost = |name: &str, drop: &str| {
        Row::new(format!("{name}, when it is asked what came of a lost insert"))
            .insert(json!({"drop": drop, "count": 1}))
    };
    let get = |row: Row, status: u16, reason: &str| row.fault("events.get", once(status, reason, "backend"));
    vec![
        // It is there, which the repeat brings to light.
        get(lost("404 notFound", "after"), 404, "notFound").tally(1, 0).asked(2, 2, 1),
        get(lost("410 deleted", "after"), 410, "deleted")
            .fails(told::deleted_by_user())
            .tally(1, 0)
            .asked(1, 1, 1),
        get(lost("403 forbidden", "before"), 403, "forbidden")
            .fails(told::refused(403, "forbidden", "Forbidden", "unknown"))
            .tally(1, 0)
            .asked(1, 1, 1),
        get(lost("412 conditionNotMet", "after"), 412, "conditionNotMet").tally(2, 0).asked(1, 2, 1),
        get(lost("500 backendError", "after"), 500, "backendError").tally(2, 0).asked(1, 2, 1),
        get(lost("401 authError", "after"), 401, "authError").tally(1, 0).asked(1, 2, 2),
        get(lost("429 rateLimitExceeded", "after"), 429, "rateLimitExceeded")
            .pauses(Pause::Waiting("quota", 1.1..=2.6))
            .tally(1, 1)
            .asked(1, 2, 1),
    ]
}

/// A token is refused: once asks for a fresh one, twice for the user.
fn tokens() -> Vec<Row> {
    let mut rows = Vec::new();
    for layout in OF_THE_FRONT {
        let fault = |count| json!({"status": 401, "reason": "authError", "layout": layout, "count": count});
        rows.push(named(401, "authError", layout).insert(fault(1)).asked(2, 0, 2));
        rows.push(
            Row::new(format!("401 authError ({layout}), for the fresh token too"))
                .insert(fault(2))
                .pauses(Pause::Reauthorization("tokenRefused", TOKEN))
                .asked(3, 0, 3),
        );
    }
    rows
}

/// Somebody is too fast: the user alone is slowed down.
fn paces() -> Vec<Row> {
    let per_user = "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute per user' of service \
                    'calendar-json.googleapis.com' for consumer 'project_number:17'.";
    let mut rows = Vec::new();
    for (status, reason, words) in [
        (403, "rateLimitExceeded", "Rate Limit Exceeded"),
        (403, "rateLimitExceeded", per_user),
        (403, "userRateLimitExceeded", "User Rate Limit Exceeded"),
        (429, "rateLimitExceeded", "Rate Limit Exceeded"),
        (429, "rateLimitExceeded", per_user),
    ] {
        for layout in OF_THE_FRONT {
            let mut fault = once(status, reason, layout);
            fault["message"] = words.into();
            rows.push((named(status, reason, layout).insert(fault), 1.1..=2.6));
        }
        let fault =
            json!({"status": status, "reason": reason, "message": words, "retryAfter": 4, "count": 1});
        rows.push((named(status, reason, "with Retry-After").insert(fault), 3.1..=5.1));
    }
    let waits = |(row, seconds): (Row, _)| row.pauses(Pause::Waiting("quota", seconds));
    rows.into_iter().map(|row| waits(row).tally(0, 1).asked(2, 0, 1)).collect()
}

/// Limits that last for hours, and what an operator has to mend. Their ends are in the worker's own tests, which have
/// the clock in hand.
fn limits() -> Vec<Row> {
    let mut rows = Vec::new();
    let hour = 3_590.0..=3_601.0;
    let until_later = |row: Row| row.ends(End::Waits).tally(0, 1);
    for layout in BOTH {
        let said = || named(403, "quotaExceeded", layout).insert(once(403, "quotaExceeded", layout));
        let with_guests = said().order(guests()).pauses(Pause::CalendarLimits(hour.clone()));
        rows.push(with_guests.meanwhile(json!({})));
        // No guest can be left out, so it is the whole user that waits.
        rows.push(said().pauses(Pause::Waiting("quota", 3_590.0..=3_901.0)));
    }
    rows.push(
        Row::new("403 quotaExceeded: the user has invited too many")
            .user(json!({"usageLimited": true}))
            .order(guests())
            .pauses(Pause::CalendarLimits(hour))
            .meanwhile(json!({})),
    );
    for layout in OF_THE_FRONT {
        let said = named(403, "accessNotConfigured", layout);
        let operator = Pause::Waiting("operator", 590.0..=751.0);
        rows.push(said.insert(once(403, "accessNotConfigured", layout)).pauses(operator));
    }
    rows.into_iter().map(until_later).collect()
}

/// The user has to connect again.
fn grants() -> Vec<Row> {
    let mut rows = Vec::new();
    let lacks_scope = || Pause::Reauthorization("scopeMissing", SCOPE);
    let no_calendar = || Pause::Reauthorization("notACalendarUser", NO_CALENDAR);
    for layout in OF_THE_FRONT {
        let row = named(403, "insufficientPermissions", layout);
        rows.push(row.insert(once(403, "insufficientPermissions", layout)).pauses(lacks_scope()));
    }
    rows.push(
        Row::new("403 insufficientPermissions: the user took the scope back")
            .user(json!({"scopes": ["openid", "email"]}))
            .pauses(lacks_scope()),
    );
    for layout in BOTH {
        let row = named(403, "notACalendarUser", layout);
        rows.push(row.insert(once(403, "notACalendarUser", layout)).pauses(no_calendar()));
    }
    rows.push(
        Row::new("403 notACalendarUser: the user's calendar is switched off")
            .user(json!({"calendarUser": false}))
            .mended(json!({"calendarUser": true}))
            .pauses(no_calendar()),
    );
    rows.into_iter().map(|row| row.asked(2, 0, 2)).collect()
}

fn for_good() -> Vec<Row> {
    let mut rows = Vec::new();
    for (status, reason, words) in FOR_GOOD {
        for layout in BOTH {
            let mut fault = once(status, reason, layout);
            fault["message"] = words.into();
            let row = Row::new(format!("{status} {reason} ({layout}): {words}"));
            rows.push(row.insert(fault).fails(told::refused(status, reason, words, "none")));
        }
    }
    // Without `errors[]` there is the canonical name of the status in place of a reason.
    for (status, reason, canonical) in
        [(400, "invalid", "INVALID_ARGUMENT"), (403, "forbidden", "PERMISSION_DENIED")]
    {
        let mut fault = once(status, reason, "bare");
        fault["message"] = "No.".into();
        let row = named(status, reason, "bare").insert(fault);
        rows.push(row.fails(told::refused(status, canonical, "No.", "none")));
    }
    rows.push(
        Row::new("403 requiredAccessLevel: another's calendar, to read")
            .user(json!({"roles": {SHARED: "reader"}}))
            .order(json!({"calendarId": SHARED}))
            .fails(told::refused(
                403,
                "requiredAccessLevel",
                "You need to have writer access to this calendar.",
                "none",
            )),
    );
    for layout in BOTH {
        let row = named(410, "deleted", layout).insert(once(410, "deleted", layout));
        rows.push(row.fails(told::deleted_by_user()));
    }
    rows
}

/// The event is inserted again at once, without its conference.
fn about_the_conference() -> Vec<Row> {
    let mut rows = Vec::new();
    for (status, reason, words) in ABOUT_THE_CONFERENCE {
        for layout in BOTH {
            let mut fault = once(status, reason, layout);
            fault["message"] = words.into();
            let row = || Row::new(format!("{status} {reason} ({layout}): {words}")).insert(fault.clone());
            rows.push(row().order(json!({"conference": true})).asked(2, 0, 1));
            // There is nothing to leave out.
            rows.push(row().fails(told::refused(status, reason, words, "none")));
        }
    }
    let refused =
        json!({"status": 400, "reason": "invalid", "message": "Invalid conference data", "count": 1});
    let asks = || Row::new("the conference is refused, and then").order(json!({"conference": true}));
    let again = |fault: Value| asks().insert(refused.clone()).insert(fault);
    rows.extend([
        // The sandbox has the event, and it is found again.
        again(json!({"drop": "after", "count": 1})).tally(1, 0).asked(2, 1, 1),
        again(json!({"drop": "before", "count": 1})).tally(1, 0).asked(3, 1, 1),
        again(once(503, "backendError", "html")).tally(1, 0).asked(3, 1, 1),
        again(once(400, "timeRangeEmpty", "backend"))
            .fails(told::refused(400, "timeRangeEmpty", "The specified time range is empty.", "none"))
            .asked(2, 0, 1),
    ]);
    rows
}

/// What may be otherwise a moment later, and events that are there already.
fn conflicts() -> Vec<Row> {
    let mut rows = Vec::new();
    for layout in OF_THE_FRONT {
        rows.push(named(404, "notFound", layout).insert(once(404, "notFound", layout)));
    }
    for layout in BOTH {
        rows.push(named(409, "conflict", layout).insert(once(409, "conflict", layout)));
        rows.push(named(412, "conditionNotMet", layout).insert(once(412, "conditionNotMet", layout)));
    }
    let mut rows: Vec<Row> = rows.into_iter().map(|row| row.tally(1, 0).asked(2, 0, 1)).collect();
    rows.push(
        Row::new("404 notFound: there is no such calendar")
            .order(json!({"calendarId": "nobody@elsewhere.example"}))
            .fails(told::calendar_not_found())
            .tally(2, 0)
            .asked(3, 0, 1),
    );
    for layout in OF_THE_FRONT {
        let row = Row::new(format!("409 duplicate ({layout}), and there is no such event"));
        rows.push(row.insert(once(409, "duplicate", layout)).tally(1, 0).asked(2, 2, 1));
    }
    let other = json!({"extendedProperties": {"private": {"calrelayBody": "of another request"}}});
    rows.extend([
        Row::new("409 duplicate: the event is there").taken(Trouble::Taken(json!({}))).asked(1, 1, 1),
        Row::new("409 duplicate: the event is another request's")
            .taken(Trouble::Taken(other))
            .fails(told::key_reused())
            .asked(1, 1, 1),
        Row::new("409 duplicate: the event was deleted")
            .taken(Trouble::TakenAndDeleted)
            .fails(told::deleted_by_user())
            .asked(1, 1, 1),
    ]);
    rows
}

/// The rows about the whole project: everybody waits. The last one lasts until Google's day ends.
pub fn of_the_project() -> Vec<Row> {
    let per_minute = "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute' of service \
                      'calendar-json.googleapis.com' for consumer 'project_number:17'.";
    let mut rows = Vec::new();
    for status in [403, 429] {
        for layout in OF_THE_FRONT {
            let mut fault = once(status, "rateLimitExceeded", layout);
            fault["message"] = per_minute.into();
            let row = Row::new(format!("{status} rateLimitExceeded ({layout}): the project's minute"));
            rows.push(row.insert(fault));
        }
    }
    rows.push(named(429, "rateLimitExceeded", "html").insert(once(429, "rateLimitExceeded", "html")));
    let mut rows: Vec<Row> = rows
        .into_iter()
        .map(|row| row.pauses(Pause::Waiting("quota", 1.1..=2.6)).tally(0, 1).asked(2, 0, 1))
        .collect();
    rows.push(
        named(403, "dailyLimitExceeded", "backend")
            .insert(once(403, "dailyLimitExceeded", "backend"))
            .pauses(Pause::UntilMidnight)
            .ends(End::Waits)
            .tally(0, 1),
    );
    rows
}
