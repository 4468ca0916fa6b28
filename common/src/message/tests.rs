//! The message outlives deployments: what it looks like is pinned by a golden file.

use super::*;
use crate::fingerprint::{Fingerprint, HashKey};
use crate::seal::Key;
use crate::warning::WarningCode;

const GOLDEN: &str = include_str!("golden_v1.json");

fn sealed<T>(text: &str) -> Sealed<T> {
    serde_json::from_value(text.into()).expect("base64")
}

fn message() -> Message {
    Message {
        job: JobId::parse("0mkbjdms6pa5a1hqhtr8nka50p").expect("an id"),
        work: Work::Create,
        owner: Owner::local(),
        account: AccountId::default_account(),
        hop: 3,
        reopened: 0,
        tally: Tally { attempts: 1, deferrals: 2, crashes: 0 },
        effect: Effect::Unknown,
        write_began_at: None,
        submitted_at: "2027-01-01T00:00:00Z".parse().expect("an instant"),
        not_before: Some("2027-01-02T00:00:00Z".parse().expect("an instant")),
        not_after: "2027-01-08T00:00:00Z".parse().expect("an instant"),
        fingerprint: Fingerprint::stored("00112233445566778899aabbccddeeff".to_owned(), None),
        payload: sealed("AAECAwQFBgcICQoLDA0ODw=="),
        conference_refused: None,
        turn: None,
        told: None,
        trace: None,
        warnings: Vec::new(),
        progress: Progress::default(),
    }
}

#[test]
fn what_is_written_today_is_what_the_golden_file_says() {
    let golden: serde_json::Value = serde_json::from_str(GOLDEN).expect("JSON");
    let written: serde_json::Value = serde_json::from_slice(&message().to_bytes()).expect("JSON");
    assert_eq!(written, golden);
}

#[test]
fn what_the_golden_file_says_is_still_understood() {
    assert_eq!(Message::from_bytes(GOLDEN.as_bytes()), Ok(message()));
}

#[test]
fn both_versions_of_the_fingerprint_travel_where_the_build_before_finds_its_own() {
    let fingerprint = Fingerprint::stored("f00d".to_owned(), Some("cafe".to_owned()));
    let sent = Message { fingerprint: fingerprint.clone(), ..message() };
    let written: serde_json::Value = serde_json::from_slice(&sent.to_bytes()).expect("JSON");
    let record = serde_json::to_value(sent.rebuild(sent.submitted_at)).expect("JSON");
    for stored in [&written, &record] {
        assert_eq!((&stored["fingerprint"], &stored["fingerprint2"]), (&"f00d".into(), &"cafe".into()));
    }
    assert_eq!(Message::from_bytes(&sent.to_bytes()), Ok(sent));
    // What that build writes back has its own alone.
    let mut former = record;
    former.as_object_mut().expect("an object").remove("fingerprint2");
    let former: Job = serde_json::from_value(former).expect("a record");
    assert!(former.fingerprint.is_same_request(&fingerprint));
}

fn failure() -> Failure {
    Failure {
        kind: crate::job::FailureKind::Refused,
        google_status: Some(400),
        google_reason: None,
        effect: Effect::None,
        detail: None,
    }
}

#[test]
fn every_kind_of_work_and_every_end_survive_the_journey() {
    let at = message().submitted_at;
    let news =
        [News::Succeeded, News::Failed, News::Blocked { why: BlockReason::CalendarLimits }, News::Updated];
    let ends = [
        None,
        Some(End::Succeeded(sealed("AAEC"))),
        Some(End::Failed(failure())),
        Some(End::Both(sealed("AAEC"), failure())),
    ];
    for end in ends {
        let notices = news.map(|news| Notice { news, at, tries: 3, occurrence: Some(7) });
        let notices = notices.map(|notice| Work::Notice { notice, end: end.clone() });
        let create = end.clone().map_or(Work::Create, Work::Record);
        let works = [create, Work::Conference { looks: 2, end: end.clone() }];
        for work in works.into_iter().chain(notices) {
            let sent = Message { work, ..message() };
            assert_eq!(Message::from_bytes(&sent.to_bytes()), Ok(sent));
        }
    }
}

#[test]
fn every_combination_of_parts_is_read_as_its_work_and_written_as_it_was() {
    let notice = serde_json::json!({
        "kind": "notice", "news": {"is": "failed"}, "at": "2027-01-01T00:00:00Z", "tries": 1,
    });
    let read = Notice { news: News::Failed, at: message().submitted_at, tries: 1, occurrence: None };
    let kinds = [
        serde_json::json!({"kind": "create"}),
        serde_json::json!({"kind": "conference", "looks": 2}),
        notice,
    ];
    for bits in 0..8_u8 {
        let [outcome, failed, told] = [4, 2, 1].map(|bit| bits & bit != 0);
        let end = match (outcome, failed) {
            (false, false) => None,
            (true, false) => Some(End::Succeeded(sealed("AAEC"))),
            (false, true) => Some(End::Failed(failure())),
            (true, true) => Some(End::Both(sealed("AAEC"), failure())),
        };
        let works = [
            end.clone().map_or(Work::Create, Work::Record),
            Work::Conference { looks: 2, end: end.clone() },
            Work::Notice { notice: read, end },
        ];
        for (kind, work) in kinds.iter().zip(works) {
            let mut wire: serde_json::Value = serde_json::from_str(GOLDEN).expect("JSON");
            wire["work"] = kind.clone();
            if outcome {
                wire["outcome"] = "AAEC".into();
            }
            if failed {
                wire["failure"] = serde_json::to_value(failure()).expect("JSON");
            }
            if told {
                wire["told"] = "paused".into();
            }
            let told = told.then_some(BlockReason::Paused);
            let message = Message::from_bytes(wire.to_string().as_bytes());
            assert_eq!(message, Ok(Message { work, told, ..self::message() }), "{wire}");
            let written: serde_json::Value =
                serde_json::from_slice(&message.expect("it is read").to_bytes()).expect("JSON");
            assert_eq!(written, wire);
        }
    }
}

#[test]
fn a_message_without_its_failure_is_worked_on_again_and_a_success_stays() {
    let success = || End::Succeeded(sealed("AAEC"));
    for (end, kept) in [
        (success(), Work::Record(success())),
        (End::Failed(failure()), Work::Create),
        (End::Both(sealed("AAEC"), failure()), Work::Record(success())),
    ] {
        assert_eq!(Work::Record(end.clone()).without_failure(), kept, "{end:?}");
    }
    assert_eq!(Work::Create.without_failure(), Work::Create);
}

#[test]
fn a_refused_conference_goes_along_and_comes_back_with_a_rebuilt_record() {
    let sent = Message { conference_refused: Some(sealed("AAEC")), ..message() };
    let written: serde_json::Value = serde_json::from_slice(&sent.to_bytes()).expect("JSON");
    assert_eq!(written["conferenceRefused"], "AAEC");
    let received = Message::from_bytes(&sent.to_bytes()).expect("it is understood");
    let job = received.rebuild(received.submitted_at);
    let next = Message::next_for(&job, Work::Create).expect("it has its payload");
    assert_eq!(next.conference_refused, sent.conference_refused);
}

#[test]
fn the_place_in_line_goes_along_and_comes_back_with_a_rebuilt_record() {
    let turn = Turn {
        priority: crate::event::Priority::Bulk,
        cost: 2,
        place: crate::job::Place::InLine { micros: 255_103 },
        yields: 0,
    };
    let sent = Message { turn: Some(turn), ..message() };
    let written: serde_json::Value = serde_json::from_slice(&sent.to_bytes()).expect("JSON");
    let place = serde_json::json!({"is": "inLine", "micros": 255_103});
    assert_eq!(written["turn"], serde_json::json!({"priority": "bulk", "cost": 2, "place": place}));
    let received = Message::from_bytes(&sent.to_bytes()).expect("it is understood");
    let job = received.rebuild(received.submitted_at);
    assert_eq!(Message::next_for(&job, Work::Create).expect("it has its payload").turn, Some(turn));
    // The build before drops it from what it writes.
    let mut former = serde_json::to_value(&job).expect("JSON");
    former.as_object_mut().expect("an object").remove("turn");
    assert_eq!(serde_json::from_value::<Job>(former).expect("a record").turn, None);
}

#[test]
fn the_progress_goes_along_and_the_build_before_leaves_it_out() {
    let at = |text: &str| Some(text.parse().expect("an instant"));
    let progress = Progress {
        turn: at("2027-01-02T00:00:01Z"),
        invited: at("2027-01-02T00:00:02Z"),
        looked: at("2027-01-02T00:00:03Z"),
    };
    let sent = Message { progress, ..message() };
    let mut written: serde_json::Value = serde_json::from_slice(&sent.to_bytes()).expect("JSON");
    let golden = serde_json::json!({
        "turn": "2027-01-02T00:00:01Z", "invited": "2027-01-02T00:00:02Z", "looked": "2027-01-02T00:00:03Z",
    });
    assert_eq!(written["progress"], golden);
    assert_eq!(Message::from_bytes(&sent.to_bytes()), Ok(sent));
    written.as_object_mut().expect("an object").remove("progress");
    assert_eq!(Message::from_bytes(written.to_string().as_bytes()), Ok(message()));
}

#[test]
fn a_rebuilt_record_waits_for_its_not_before() {
    let job = message().rebuild(message().submitted_at);
    assert_eq!((job.state_name().as_str(), job.next_attempt_at()), ("waiting", message().not_before));
    let job = message().rebuild(message().not_before.expect("it has one"));
    assert_eq!(job.state, JobState::Queued);
}

#[test]
fn the_trace_goes_along_and_comes_back_with_a_rebuilt_record() {
    let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let sent = Message { trace: Some(TraceContext::parse(text).expect("one")), ..message() };
    let written: serde_json::Value = serde_json::from_slice(&sent.to_bytes()).expect("JSON");
    assert_eq!(written["trace"], text);
    let received = Message::from_bytes(&sent.to_bytes()).expect("it is understood");
    let job = received.rebuild(received.submitted_at);
    assert_eq!(Message::next_for(&job, Work::Create).expect("it has its payload").trace, sent.trace);
}

#[test]
fn the_warnings_go_along_and_come_back_with_a_rebuilt_record() {
    let warnings = vec![Warning { field: "end.date".to_owned(), code: WarningCode::OneDay }];
    let sent = Message { warnings: warnings.clone(), ..message() };
    let written: serde_json::Value = serde_json::from_slice(&sent.to_bytes()).expect("JSON");
    assert_eq!(written["warnings"], serde_json::json!([{"field": "end.date", "code": "one-day"}]));
    let received = Message::from_bytes(&sent.to_bytes()).expect("it is understood");
    let job = received.rebuild(received.submitted_at);
    assert_eq!(job.warnings, warnings);
    assert_eq!(Message::next_for(&job, Work::Create).expect("it has its payload").warnings, warnings);
}

#[test]
fn other_versions_and_garbage_are_told_apart() {
    let newer = GOLDEN.replace("\"v\": 1", "\"v\": 2");
    assert_ne!(newer, GOLDEN);
    assert_eq!(Message::from_bytes(newer.as_bytes()), Err(Unreadable::Version(2)));
    for garbage in ["", "{}", "null", "{\"v\":1}", "\u{0}", "[1]"] {
        assert_eq!(Message::from_bytes(garbage.as_bytes()), Err(Unreadable::Garbled), "{garbage}");
    }
}

#[test]
fn a_rebuilt_record_does_not_know_whether_the_write_happened() {
    let now = "2027-01-03T00:00:00Z".parse().expect("an instant");
    let fresh = Message { effect: Effect::None, ..message() };
    let job = fresh.rebuild(now);
    assert_eq!(job.effect, Effect::Unknown);
    assert_eq!((job.hop, job.tally, job.not_after), (fresh.hop, fresh.tally, fresh.not_after));
    let again = Message::next_for(&job, Work::Create).expect("it has its payload");
    assert_eq!(again, Message { hop: fresh.hop + 1, effect: Effect::Unknown, ..fresh });
}

#[test]
fn nothing_of_the_payload_is_in_the_clear() {
    let key = Key::random();
    let hash = HashKey::new(Key::random()).fingerprint(b"secret title");
    let payload = key.seal("job", &"secret title".to_owned());
    let carrying = Message { payload: sealed(&String::from(payload)), fingerprint: hash, ..message() };
    assert!(!String::from_utf8_lossy(&carrying.to_bytes()).contains("secret"));
}

#[test]
fn what_happened_has_the_same_name_however_often_it_is_told_and_another_the_next_time() {
    let blocked = News::Blocked { why: BlockReason::Reauthorization };
    let first = message();
    let replayed = Message { hop: 9, reopened: 8, ..message() };
    for news in [News::Succeeded, News::Failed, News::Updated] {
        assert_eq!((first.occurrence(news), replayed.occurrence(news)), (0, 8), "{news:?}");
        assert_eq!(Message { hop: 11, ..replayed.clone() }.occurrence(news), 8, "another delivery of it");
    }
    assert_eq!((first.occurrence(blocked), replayed.occurrence(blocked)), (3, 9));
}

#[test]
fn when_a_job_was_reopened_goes_along_and_the_build_before_leaves_it_out() {
    let notice = Notice { news: News::Failed, at: message().submitted_at, tries: 3, occurrence: Some(8) };
    let work = Work::Notice { notice, end: None };
    let sent = Message { reopened: 8, work, ..message() };
    let mut written: serde_json::Value = serde_json::from_slice(&sent.to_bytes()).expect("JSON");
    assert_eq!((&written["reopened"], &written["work"]["occurrence"]), (&8.into(), &8.into()));
    assert_eq!(Message::from_bytes(&sent.to_bytes()), Ok(sent.clone()));
    let job = sent.rebuild(sent.submitted_at);
    assert_eq!(Message::next_for(&job, Work::Create).expect("it has its payload").reopened, 8);
    let record = serde_json::to_value(&job).expect("JSON");
    assert_eq!(record["reopened"], 8);
    // What that build writes back has neither.
    written.as_object_mut().expect("an object").remove("reopened");
    written["work"].as_object_mut().expect("an object").remove("occurrence");
    let former = Message::from_bytes(written.to_string().as_bytes()).expect("it is understood");
    let Work::Notice { notice, .. } = former.work else { panic!("{:?}", former.work) };
    assert_eq!((former.reopened, notice.occurrence), (0, None));
    let never = serde_json::to_value(message().rebuild(sent.submitted_at)).expect("JSON");
    assert_eq!(never.get("reopened"), None);
}

#[test]
fn a_notice_is_written_as_it_always_was() {
    let news = News::Blocked { why: BlockReason::Reauthorization };
    let notice = Notice { news, at: message().submitted_at, tries: 3, occurrence: None };
    let work = Work::Notice { notice, end: None };
    let written: serde_json::Value =
        serde_json::from_slice(&Message { work, told: Some(BlockReason::Paused), ..message() }.to_bytes())
            .expect("JSON");
    let golden = serde_json::json!({
        "kind": "notice",
        "news": { "is": "blocked", "why": "reauthorization" },
        "at": "2027-01-01T00:00:00Z",
        "tries": 3,
    });
    assert_eq!(written["work"], golden);
    assert_eq!(written["told"], "paused");
}
