//! Calendars that take no conference: every event stands, and its caller learns why there is no link.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{Calrelay, Launch, eventually};

use crate::receiver::{Receiver, tells};

/// Google's words.
const WORDS: &str = "Invalid conference type value.";

async fn no_conferences(calrelay: &Calrelay) {
    let change = json!({"allowedConferenceSolutionTypes": []});
    calrelay.sandbox().control("/_sandbox/users/ada@example.com", &change).await;
}

fn timed(more: &Value) -> Value {
    let mut body = json!({
        "summary": "Tea",
        "start": {"dateTime": "2027-03-01T09:00:00Z"}, "end": {"dateTime": "2027-03-01T10:00:00Z"},
    });
    body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    body
}

fn all_day(more: &Value) -> Value {
    let mut body = timed(more);
    body["start"] = json!({"date": "2027-03-01"});
    body["end"] = json!({"date": "2027-03-02"});
    body
}

async fn succeeded(calrelay: &Calrelay, id: &str) -> Value {
    eventually("the job's success", Duration::from_secs(30), || async {
        let job = calrelay.job(id).await;
        assert_ne!(job["state"], "failed", "{job}");
        (job["state"] == "succeeded").then_some(job)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_stands_where_google_refuses_its_conference() {
    let receiver = Receiver::start();
    let calrelay = receiver.told_by(Launch::new().unlimited()).start().await;
    let sandbox = calrelay.sandbox();
    sandbox.no_quotas().await;
    no_conferences(&calrelay).await;
    let create = json!({"conferenceData": {"createRequest": {
        "requestId": "x", "conferenceSolutionKey": {"type": "hangoutsMeet"},
    }}});
    let guests = json!({"attendees": [{"email": "grace@example.com"}]});
    let weekly = json!({"recurrence": ["RRULE:FREQ=WEEKLY"], "timeZone": "Europe/Berlin"});
    let cases = [
        ("by default", timed(&json!({}))),
        ("by default, with guests", timed(&guests)),
        ("by default, in a series", timed(&weekly)),
        ("asked for", timed(&json!({"conference": true}))),
        ("asked for in Google's way", timed(&create)),
        ("asked for, all day", all_day(&json!({"conference": true}))),
        ("asked for in Google's way, all day", all_day(&create)),
    ];
    for (number, (name, body)) in cases.iter().enumerate() {
        let mut body = body.clone();
        if let Some(zone) = body.as_object_mut().expect("an object").remove("timeZone") {
            (body["start"]["timeZone"], body["end"]["timeZone"]) = (zone.clone(), zone);
        }
        let id = calrelay.submit(&body, &format!("case-{number}")).await.expect("accepted");
        let job = succeeded(&calrelay, &id).await;
        let result = &job["result"];
        assert_eq!(
            (&result["conferenceStatus"], &result["conferenceReason"], &result["meetLink"]),
            (&json!("unavailable"), &json!(WORDS), &Value::Null),
            "{name}: {job}"
        );
        assert_eq!((&job["attempts"], &job["deferrals"]), (&json!(0), &json!(0)), "{name}: {job}");
        let stored = sandbox.events().await.remove(&id).expect("the event");
        assert_eq!((stored.inserts, &stored.event["status"]), (1, &json!("confirmed")), "{name}");
        assert_eq!(stored.event.get("conferenceData"), None, "{name}");
        let told = || async { receiver.taken().into_iter().find(|(at, _)| tells(at, &id, "succeeded")) };
        let (_, told) = eventually("the webhook", Duration::from_secs(30), told).await;
        assert_eq!(told["data"]["result"]["conferenceStatus"], "unavailable", "{name}: {told}");
        assert_eq!(told["data"]["result"]["conferenceReason"], WORDS, "{name}: {told}");
    }
    assert!(receiver.of_kind("job.failed").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_older_route_answers_200_without_a_link() {
    let calrelay = Launch::new().unlimited().start().await;
    no_conferences(&calrelay).await;
    let body = json!({
        "summary": "Tea", "startDateTime": "2027-03-01T09:00:00Z", "endDateTime": "2027-03-01T10:00:00Z",
        "timeZone": "Europe/Berlin",
    });
    let reply = calrelay.post("/api/create-calendar-event", &body).send().await.expect("an answer");
    let status = reply.status();
    let reply: Value = reply.json().await.expect("JSON");
    assert_eq!(status, 200, "{reply}");
    assert_eq!((&reply["success"], &reply["meetLink"]), (&json!(true), &Value::Null), "{reply}");
    assert!(reply["eventLink"].is_string(), "{reply}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conference_that_google_refuses_in_other_words_is_left_out_too() {
    let calrelay = Launch::new().unlimited().start().await;
    let sandbox = calrelay.sandbox();
    for (number, (status, reason, words)) in [
        (400, "invalid", "Invalid conference data"),
        (403, "forbidden", "The user may not create Google Meet conferences."),
        (400, "badRequest", "conferenceData.createRequest is not supported for this calendar."),
    ]
    .into_iter()
    .enumerate()
    {
        let fault = json!({
            "method": "events.insert", "status": status, "reason": reason, "message": words, "count": 1,
        });
        sandbox.fault(fault).await;
        let id = calrelay.submit(&timed(&json!({})), &format!("words-{number}")).await.expect("accepted");
        let result = succeeded(&calrelay, &id).await["result"].take();
        assert_eq!(result["conferenceStatus"], "unavailable", "{words}: {result}");
        assert_eq!(result["conferenceReason"], words, "{result}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_all_day_event_gets_no_conference_unless_it_asks_for_one() {
    let calrelay = Launch::new().unlimited().start().await;
    let sandbox = calrelay.sandbox();
    for (name, more, wanted) in [
        ("default", json!({}), false),
        ("series", json!({"recurrence": ["RRULE:FREQ=YEARLY"]}), false),
        ("refused", json!({"conference": false}), false),
        ("asked-for", json!({"conference": true}), true),
    ] {
        let id = calrelay.submit(&all_day(&more), name).await.expect("accepted");
        let job = succeeded(&calrelay, &id).await;
        let stored = sandbox.events().await.remove(&id).expect("the event");
        assert_eq!(stored.event.get("conferenceData").is_some(), wanted, "{name}: {job}");
        assert_eq!(job["result"]["conferenceStatus"].is_string(), wanted, "{name}: {job}");
    }
}
