//! Jobs full of what is personal, at every place where a job can be, and what of it may be found nowhere.

use std::time::Duration;

use serde_json::{Value, json};

use crate::eventually;
use crate::installation::Caller;
use crate::jobs::event_with;
use crate::sandbox::SandboxView;

const SOON: Duration = Duration::from_secs(40);
/// The accounts, and whose calendars they are.
pub const PEOPLE: [(&str, &str); 2] =
    [("acct-one", "ada.lovelace@victim.example"), ("acct-two", "grace.hopper@victim.example")];
const TITLE: &str = "Merger talks with Zanzibar";
const DESCRIPTION: &str = "Bring the unsigned contract";
const LOCATION: &str = "Behind the waterfall";
const GUEST: &str = "confidant@hidden-guest.example";
const CALENDAR: &str = "quiet-room@group.victim.example";
const WORDS: &str = "Google dislikes Zanzibar";
const IDEMPOTENCY: &str = "order-of-confidant@hidden-guest.example";

/// What callers and Google say in [`jobs_at_every_place`], and how every token of Google's begins.
pub const PERSONAL: [&str; 10] =
    [TITLE, DESCRIPTION, LOCATION, GUEST, CALENDAR, WORDS, IDEMPOTENCY, "Deep Throat", "ya29.", "1//0"];

/// An event of which nothing may be found anywhere.
#[must_use]
pub fn personal_event(account: &str, calendar: &str) -> Value {
    let fields = json!({
        "account": account, "calendarId": calendar, "description": DESCRIPTION, "location": LOCATION,
        "attendees": [{"email": GUEST, "displayName": "Deep Throat"}], "conference": true,
    });
    event_with(TITLE, &fields)
}

async fn until(caller: &Caller, id: &str, state: &str) -> Value {
    eventually(&format!("{id} to be {state}"), SOON, || async {
        let job = caller.job(id).await.ok()?.body;
        (job["state"] == state).then_some(job)
    })
    .await
}

/// Jobs of [`PEOPLE`], whose accounts are connected, that succeed, fail, wait, are cancelled, are refused and are
/// blocked. Answers what of their outcomes may be found nowhere, too.
///
/// # Panics
/// When a job does not come to the place where it is to be.
pub async fn jobs_at_every_place(google: &SandboxView, caller: &Caller) -> Vec<String> {
    let submit = async |body: Value, key: &str| caller.submit(&body, key, SOON).await.id;
    let [(one, ada), (two, grace)] = PEOPLE;
    google.control(&format!("/_sandbox/users/{ada}"), &json!({"calendars": [CALENDAR]})).await;

    let done = submit(personal_event(one, CALENDAR), IDEMPOTENCY).await;
    let done = until(caller, &done, "succeeded").await;
    let refuse = json!({
        "method": "events.insert", "status": 400, "reason": "invalid", "message": WORDS, "count": 1, "user": ada,
    });
    google.fault(refuse).await;
    let failed = until(caller, &submit(personal_event(one, "primary"), "failed").await, "failed").await;
    assert_eq!(failed["error"]["detail"], WORDS, "or the search is for words that nobody was told");
    google.fault(json!({"method": "events.insert", "status": 503, "user": ada})).await;
    until(caller, &submit(personal_event(one, "primary"), "retried").await, "waiting").await;
    let mut later = personal_event(one, "primary");
    later["notBefore"] = json!("2027-02-01T00:00:00Z");
    submit(later.clone(), "later").await;
    let cancelled = submit(later, "cancelled").await;
    caller.cancel(&cancelled).await.expect("an answer");
    // What people get wrong is nobody else's business either.
    let mut wrong = personal_event(one, "primary");
    wrong["start"] = json!(TITLE);
    wrong[GUEST] = json!(DESCRIPTION);
    assert_eq!(caller.post(&wrong, Some(IDEMPOTENCY)).await.expect("an answer").status, 422);
    let path = format!("/api/v1/jobs?account={one}&{GUEST}={DESCRIPTION}").replace(' ', "+");
    let _ = caller.request(reqwest::Method::GET, &path).send().await.expect("an answer");

    google.control(&format!("/_sandbox/users/{grace}"), &json!({"revoked": true})).await;
    until(caller, &submit(personal_event(two, "primary"), "blocked").await, "blocked").await;

    let text = |name: &str| done["result"][name].as_str().expect("a link").to_owned();
    vec![text("eventLink"), text("meetLink")]
}
