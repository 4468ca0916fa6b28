//! The lines that builds so far have written to the state file.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Map, json};

use crate::calendar::{CalendarInfo, Role};
use crate::change::Change;
use crate::client::{Client, ClientKind, Publishing};
use crate::config::MeetOutcome;
use crate::event::{Conference, ConferenceState, Event, When};
use crate::grant::{AccessToken, RefreshToken, Scopes};
use crate::outbox::{Mail, MailKind};
use crate::user::{User, UserKind};

const STATE: &str = include_str!("golden/state.jsonl");

fn at(day: u8) -> Timestamp {
    format!("2027-01-0{day}T10:20:30.123Z").parse().unwrap()
}

fn scopes() -> Scopes {
    BTreeSet::from(["email".to_owned(), "openid".to_owned()])
}

fn users() -> [Change; 2] {
    let ada = User::new("ada@example.com");
    let robot = User {
        usage_limited: true,
        deleted: true,
        calendar_user: false,
        admin_blocked: true,
        allowed_conference_solution_types: Vec::new(),
        kind: UserKind::ServiceAccount,
        ..User::new("robot@example.com")
    };
    [ada, robot].map(Change::User)
}

fn events() -> Vec<Change> {
    let timed = When::At(at(2), Some("Europe/Berlin".to_owned()));
    let bare = Event {
        id: "0mkbjdms6pa5a1hqhtr8nka50p".to_owned(),
        position: 0,
        created: at(1),
        changed: at(1),
        main_change: None,
        creator: "ada@example.com".to_owned(),
        start: When::Date("2027-01-02".parse().unwrap()),
        end: When::Date("2027-01-03".parse().unwrap()),
        ical_uid: "0mkbjdms6pa5a1hqhtr8nka50p@google.com".to_owned(),
        sequence: 0,
        insert_count: 1,
        conference: None,
        fields: Map::new(),
    };
    let conference = |state| Some(Conference { request_id: "r".to_owned(), state });
    let pending = |outcome| conference(ConferenceState::Pending { ready: at(3), outcome });
    let full = Event {
        position: 7,
        changed: at(4),
        main_change: Some(at(3)),
        start: timed,
        end: When::At(at(3), None),
        sequence: 2,
        insert_count: 3,
        conference: pending(MeetOutcome::Success),
        fields: Map::from_iter([("summary".to_owned(), json!("Tea"))]),
        ..bare.clone()
    };
    let ways = [
        pending(MeetOutcome::Failure),
        conference(ConferenceState::Success),
        conference(ConferenceState::Failure),
    ];
    let ways = ways.map(|conference| Event { conference, ..bare.clone() });
    let event = |event| Change::Event { calendar: "ada@example.com".to_owned(), event: Box::new(event) };
    [full, bare].into_iter().chain(ways).map(event).collect()
}

fn mails() -> [Change; 3] {
    [MailKind::Invitation, MailKind::Update, MailKind::Cancellation].map(|kind| {
        Change::Mail(Mail {
            at: at(1),
            kind,
            from: "ada@example.com".to_owned(),
            to: vec!["grace@example.com".to_owned()],
            calendar: "team@example.com".to_owned(),
            event_id: "e".to_owned(),
            summary: "Tea".to_owned(),
            starts: at(2),
        })
    })
}

fn grants() -> [Change; 7] {
    let text = str::to_owned;
    let refresh = RefreshToken {
        token: text("1//0a"),
        user: text("ada@example.com"),
        client: text("c"),
        scopes: scopes(),
        issued: at(1),
        serial: 0,
        used: at(2),
        expires: None,
        session_ended: false,
    };
    let access = AccessToken {
        token: text("ya29.a"),
        user: text("ada@example.com"),
        client: text("c"),
        scopes: scopes(),
        expires: at(3),
        refresh: None,
        delegate: None,
    };
    [
        Change::Refresh(RefreshToken {
            serial: 7,
            expires: Some(at(9)),
            session_ended: true,
            ..refresh.clone()
        }),
        Change::Refresh(refresh),
        Change::Access(AccessToken {
            refresh: Some(text("1//0a")),
            delegate: Some(text("robot")),
            ..access.clone()
        }),
        Change::Access(access),
        Change::ForgetRefresh(text("1//0a")),
        Change::ForgetAccess(text("ya29.a")),
        Change::Consent { user: text("ada@example.com"), client: text("c"), scopes: scopes() },
    ]
}

fn others() -> Vec<Change> {
    let text = str::to_owned;
    let client = Client::new(text("c"), text("s"));
    let (kind, publishing) = (ClientKind::Installed, Publishing::Testing);
    let role =
        |role| Change::Role { calendar: text("team@example.com"), user: text("ada@example.com"), role };
    let roles = [Some(Role::Reader), Some(Role::Writer), Some(Role::Owner), None].map(role);
    let calendar =
        CalendarInfo { id: text("team@example.com"), owner: text("ada@example.com"), time_zone: text("UTC") };
    let mut others = vec![
        Change::Calendar(calendar),
        Change::RedirectUri(text("http://localhost/back")),
        Change::Client(Client { kind, publishing, deleted: true, ..client.clone() }),
        Change::Client(client),
        Change::Delegated(scopes()),
        Change::Clock { offset_ms: -7 },
        Change::ResetCalendars,
        Change::ResetAll,
    ];
    others.extend(roles);
    others
}

#[test]
fn lines_are_written_and_read_as_they_were() {
    let all: Vec<Change> =
        users().into_iter().chain(events()).chain(mails()).chain(grants()).chain(others()).collect();
    let written: Vec<String> = all.iter().map(|change| serde_json::to_string(change).unwrap()).collect();
    assert_eq!(written, STATE.lines().collect::<Vec<_>>(), "what is written has changed");
    for (change, line) in all.iter().zip(STATE.lines()) {
        let read: Change = serde_json::from_str(line).unwrap();
        assert_eq!(format!("{read:?}"), format!("{change:?}"), "{line}");
    }
}
