//! What is asked of Calendar, and what its answers become.

use common::event::{CalendarId, Outline, SendUpdates};
use common::port::{Calendar as _, CalendarError, Meeting, NewEvent, StoredEvent};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::server::{Plan, Seen, Server};
use crate::setting::{self, REDIRECT, Setting, fingerprint, id, resource, stored, token};

/// What an insert of `event` with these choices asks.
async fn asked(event: Value, conference: bool, send_updates: SendUpdates, attachments: bool) -> Seen {
    let setting = Setting::new().await;
    setting.server.answer(200, &[], &stored().to_string());
    let event = NewEvent {
        calendar: &CalendarId::primary(),
        id: &id(),
        resource: &resource(event),
        fingerprint: Some(&fingerprint()),
        conference,
        send_updates,
        attachments,
    };
    setting.calendar.insert(&token(), &event).await.unwrap();
    setting.server.only()
}

fn query(seen: &Seen) -> Vec<(&str, &str)> {
    let mut query: Vec<_> = seen.query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    query.sort_unstable();
    query
}

#[tokio::test]
async fn insert_asks_for_the_event_under_its_own_id_with_a_meeting_and_our_property() {
    let event = json!({
        "summary": "Tea", "start": {"dateTime": "2026-12-30T14:00:00", "timeZone": "Asia/Kolkata"},
        "extendedProperties": {"private": {"order": "17"}, "shared": {"team": "a"}},
    });
    let seen = asked(event, true, SendUpdates::ExternalOnly, true).await;
    assert_eq!((seen.method.as_str(), seen.path.as_str()), ("POST", "/calendar/v3/calendars/primary/events"));
    assert_eq!(
        query(&seen),
        [("conferenceDataVersion", "1"), ("sendUpdates", "externalOnly"), ("supportsAttachments", "true")]
    );
    assert_eq!(seen.headers["authorization"], "Bearer ya29.token");
    assert_eq!(seen.headers["content-type"], "application/json");
    assert!(seen.headers["user-agent"].starts_with("calrelay/"));
    assert!(seen.headers["accept-encoding"].contains("gzip"));
    assert_eq!(
        seen.json(),
        json!({
            "id": id().as_str(),
            "summary": "Tea",
            "start": {"dateTime": "2026-12-30T14:00:00", "timeZone": "Asia/Kolkata"},
            "extendedProperties": {"private": {"order": "17", "calrelayBody": "f00d", "calrelayBody2": "cafe"}, "shared": {"team": "a"}},
            "conferenceData": {"createRequest": {
                "requestId": id().as_str(), "conferenceSolutionKey": {"type": "hangoutsMeet"},
            }},
        })
    );
}

#[tokio::test]
async fn insert_asks_for_no_meeting_and_no_attachments_unless_told() {
    let seen = asked(json!({"summary": "Tea"}), false, SendUpdates::None, false).await;
    assert_eq!(query(&seen), [("sendUpdates", "none")]);
    assert_eq!(
        seen.json(),
        json!({
            "id": id().as_str(), "summary": "Tea",
            "extendedProperties": {"private": {"calrelayBody": "f00d", "calrelayBody2": "cafe"}},
        })
    );
}

#[tokio::test]
async fn an_event_that_may_bear_no_private_property_is_sent_without_one() {
    let setting = Setting::new().await;
    setting.server.answer(200, &[], &stored().to_string());
    let birthday = json!({"summary": "Ada", "eventType": "birthday", "start": {"date": "1948-03-02"}});
    let event = NewEvent {
        calendar: &CalendarId::primary(),
        id: &id(),
        resource: &resource(birthday.clone()),
        fingerprint: None,
        conference: false,
        send_updates: SendUpdates::All,
        attachments: false,
    };
    setting.calendar.insert(&token(), &event).await.unwrap();
    let mut sent = setting.server.only().json();
    assert_eq!(sent["id"].take(), json!(id().as_str()));
    sent.as_object_mut().unwrap().remove("id");
    assert_eq!(sent, birthday, "no empty extendedProperties either");
}

#[tokio::test]
async fn a_conference_that_the_caller_brings_is_kept_and_announced() {
    let own = json!({"conferenceId": "x", "entryPoints": [{"entryPointType": "video", "uri": "https://x.example"}]});
    for conference in [true, false] {
        let seen = asked(json!({"conferenceData": own}), conference, SendUpdates::All, false).await;
        assert_eq!(query(&seen), [("conferenceDataVersion", "1"), ("sendUpdates", "all")]);
        assert_eq!(seen.json()["conferenceData"], own);
    }
}

#[tokio::test]
async fn insert_tells_what_google_stored() {
    let setting = Setting::new().await;
    setting.server.answer(200, &[], &stored().to_string());
    let told = StoredEvent {
        id: id().as_str().to_owned(),
        link: "https://www.google.com/calendar/event?eid=MDEy".to_owned(),
        meeting: Meeting::Ready("https://meet.google.com/nix-thaw-twy".to_owned()),
        cancelled: false,
        created: stored()["created"].as_str().map(|created| created.parse().unwrap()),
        fingerprint: Some(fingerprint()),
        outline: Outline::of(&resource(stored())),
    };
    assert_eq!(setting.insert().await, Ok(told));
}

#[tokio::test]
async fn a_calendar_id_is_one_segment_of_the_path() {
    for (calendar, segment) in [
        ("ada@example.com", "ada@example.com"),
        ("en.usa#holiday@group.v.calendar.google.com", "en.usa%23holiday@group.v.calendar.google.com"),
        ("a?b%2Fc", "a%3Fb%252Fc"),
        ("müller@example.com", "m%C3%BCller@example.com"),
    ] {
        let setting = Setting::new().await;
        setting.server.answer(200, &[], &stored().to_string());
        let calendar = CalendarId::parse(calendar).unwrap();
        setting.calendar.get(&token(), &calendar, &id()).await.unwrap();
        let path = format!("/calendar/v3/calendars/{segment}/events/{}", id());
        assert_eq!(setting.server.only().path, path);
    }
}

#[tokio::test]
async fn get_reads_a_cancelled_event() {
    let setting = Setting::new().await;
    let event = json!({"id": id().as_str(), "status": "cancelled"});
    setting.server.answer(200, &[], &event.to_string());
    let told = setting.calendar.get(&token(), &CalendarId::primary(), &id()).await.unwrap();
    assert!(told.cancelled);
    let seen = setting.server.only();
    assert_eq!((seen.method.as_str(), query(&seen), seen.body.len()), ("GET", vec![], 0));
    assert_eq!(seen.headers["authorization"], "Bearer ya29.token");
}

async fn delete(status: u16, body: &str) -> (Result<(), CalendarError>, Seen) {
    let setting = Setting::new().await;
    setting.server.answer(status, &[], body);
    let calendar = CalendarId::primary();
    let told = setting.calendar.delete(&token(), &calendar, &id(), SendUpdates::ExternalOnly).await;
    (told, setting.server.only())
}

#[tokio::test]
async fn delete_is_done_when_google_deletes_and_when_it_was_deleted_before() {
    let deleted = json!({"error": {"code": 410, "message": "Resource has been deleted",
        "errors": [{"domain": "global", "reason": "deleted", "message": "Resource has been deleted"}]}});
    for (status, body) in [(204, ""), (200, ""), (410, &*deleted.to_string()), (410, "")] {
        let (told, seen) = delete(status, body).await;
        assert_eq!(told, Ok(()), "{status}");
        assert_eq!(seen.method, "DELETE");
        assert_eq!(seen.path, format!("/calendar/v3/calendars/primary/events/{}", id()));
        assert_eq!(query(&seen), [("sendUpdates", "externalOnly")]);
    }
}

#[tokio::test]
async fn delete_is_not_done_when_google_refuses() {
    let missing = json!({"error": {"errors": [{"domain": "global", "reason": "notFound"}], "code": 404}});
    assert_eq!(delete(404, &missing.to_string()).await.0, Err(CalendarError::NotFound));
    assert!(matches!(delete(404, "<html>").await.0, Err(CalendarError::Unintelligible(_))));
}

#[tokio::test]
async fn calls_share_a_connection() {
    let setting = Setting::new().await;
    for _ in 0..5 {
        setting.server.answer(200, &[], &stored().to_string());
        setting.insert().await.unwrap();
    }
    assert_eq!((setting.server.seen().len(), setting.server.connections()), (5, 1));
}

#[tokio::test]
async fn a_token_that_cannot_be_sent_is_refused_without_a_request() {
    let setting = Setting::new().await;
    let broken = SecretString::from("line\r\nbreak");
    let told = setting.calendar.get(&broken, &CalendarId::primary(), &id()).await;
    assert_eq!(told, Err(CalendarError::TokenRefused));
    assert!(setting.server.seen().is_empty());
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let setting = Setting::new().await;
    let elsewhere = Server::start().await;
    for status in [301, 302, 307, 308] {
        let location = elsewhere.url("/calendar/v3/calendars/primary/events");
        setting.server.answer(status, &[("location", &location)], "");
        assert!(matches!(setting.insert().await, Err(CalendarError::Unintelligible(_))), "{status}");
    }
    assert_eq!((setting.server.seen().len(), elsewhere.connections()), (4, 0));
}

#[tokio::test]
async fn the_api_url_goes_before_the_files_own() {
    let file = Server::start().await;
    let api = Server::start().await;
    for path in ["/other", "/other/"] {
        let credentials = setting::credentials(|path| file.url(path));
        let (calendar, _) = google::connect(credentials, REDIRECT.to_owned(), Some(api.url(path))).unwrap();
        api.plan(Plan::Send(crate::server::whole(200, &[], &stored().to_string())));
        setting::insert(&calendar).await.unwrap();
        assert_eq!(api.seen().pop().unwrap().path, "/other/calendars/ada@example.com/events");
    }
    assert_eq!(file.connections(), 0);
}

#[test]
fn an_address_that_is_none_is_refused_by_the_variables_name() {
    let connect = |redirect: &str, api: &str| {
        let credentials = setting::credentials(|path| format!("http://localhost{path}"));
        let error = google::connect(credentials, redirect.to_owned(), Some(api.to_owned())).unwrap_err();
        error.to_string()
    };
    let api = connect(REDIRECT, "ftp://u:hunter2@example.com");
    assert_eq!(
        api,
        "the Calendar API's URL (GOOGLE_API_URL) must be a URL that begins with http:// or https://"
    );
    let redirect = connect("localhost", "http://localhost/");
    assert_eq!(redirect, "the redirect URI (GOOGLE_REDIRECT_URI) must be a URL");
}
