//! Every kind of trouble, and what it means.

use common::account::Generation;
use common::port::StoreError;

use super::*;

fn standing() -> RetryContext {
    RetryContext {
        attempts: 0,
        deferrals: 0,
        throttles: 0,
        guest_strikes: 0,
        has_guests: true,
        fraction: 1.0,
        now: "2027-01-01T00:00:00Z".parse().expect("an instant"),
    }
}

fn google(error: CalendarError) -> AttemptError {
    AttemptError::Calendar { error, circuit: Circuit::Closed, generation: Generation(1) }
}

fn endpoint(error: TokenError) -> AttemptError {
    AttemptError::Token(error, Generation(1))
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn every_kind_of_trouble_has_its_meaning() {
    let refused = CalendarError::Refused {
        status: 400,
        reason: "required".to_owned(),
        message: "Missing end time.".to_owned(),
    };
    let throttled = |key, retry_after| CalendarError::Throttled { key, retry_after, reason: String::new() };
    let words = || "words".to_owned();
    let defer = |why, delay| Disposition::Defer { why, delay };
    let block = Disposition::BlockAccount;
    let failed = |kind| Disposition::Fail { kind, status: None, reason: None, detail: None };
    let table = vec![
        (
            google(throttled(ThrottledKey::User, None)),
            Disposition::PushBack { key: ThrottledKey::User, pause: seconds(2) },
        ),
        (
            google(throttled(ThrottledKey::Project, Some(seconds(17)))),
            Disposition::PushBack { key: ThrottledKey::Project, pause: seconds(17) },
        ),
        (
            google(throttled(ThrottledKey::User, Some(hours(9)))),
            Disposition::PushBack { key: ThrottledKey::User, pause: minutes(5) },
        ),
        (
            google(CalendarError::DailyLimit),
            Disposition::PushBack { key: ThrottledKey::Project, pause: hours(8) },
        ),
        (google(CalendarError::UsageLimits), Disposition::BlockGuests { pause: hours(1), strikes: 1 }),
        (google(CalendarError::TokenRefused), block(ReauthorizationCause::TokenRefused)),
        (google(CalendarError::ScopeMissing), block(ReauthorizationCause::ScopeMissing)),
        (google(CalendarError::NotACalendarUser), block(ReauthorizationCause::NotACalendarUser)),
        (google(CalendarError::ApiDisabled), defer(Deferral::Operator, seconds(750))),
        (google(CalendarError::NotFound), Disposition::Retry { delay: seconds(1) }),
        (google(CalendarError::Duplicate), Disposition::Retry { delay: seconds(1) }),
        (google(CalendarError::Conflict), Disposition::Retry { delay: seconds(1) }),
        (google(CalendarError::Deleted), failed(FailureKind::DeletedByUser)),
        (
            google(refused),
            Disposition::Fail {
                kind: FailureKind::Refused,
                status: Some(400),
                reason: Some("required".to_owned()),
                detail: Some("Missing end time.".to_owned()),
            },
        ),
        (
            google(CalendarError::Unavailable { status: 503, retry_after: None }),
            Disposition::Retry { delay: seconds(1) },
        ),
        (
            google(CalendarError::Unavailable { status: 503, retry_after: Some(seconds(40)) }),
            Disposition::Retry { delay: seconds(40) },
        ),
        (google(CalendarError::NoAnswer(words())), Disposition::Retry { delay: seconds(1) }),
        (google(CalendarError::Unintelligible(words())), Disposition::Retry { delay: seconds(1) }),
        (google(CalendarError::NotSent(words())), defer(Deferral::NoConnection, seconds(2))),
        (AttemptError::TokenRefusedTwice(Generation(1)), block(ReauthorizationCause::TokenRefused)),
        (AttemptError::Disconnected(Generation(1)), block(ReauthorizationCause::GrantEnded)),
        (
            endpoint(TokenError::InvalidGrant { description: words() }),
            block(ReauthorizationCause::GrantEnded),
        ),
        (endpoint(TokenError::Denied { description: words() }), block(ReauthorizationCause::AdminForbids)),
        (
            endpoint(TokenError::LoginRequired { description: words() }),
            block(ReauthorizationCause::LoginRequired),
        ),
        (endpoint(TokenError::NoSuchUser { description: words() }), block(ReauthorizationCause::NoSuchUser)),
        (
            endpoint(TokenError::InvalidClient { error: words(), description: words() }),
            defer(Deferral::Operator, Duration::from_millis(18_750)),
        ),
        (
            endpoint(TokenError::InvalidClient { error: "client_changed".to_owned(), description: words() }),
            block(ReauthorizationCause::ClientChanged),
        ),
        (
            endpoint(TokenError::Refused { error: words(), description: words() }),
            defer(Deferral::Operator, Duration::from_millis(18_750)),
        ),
        (
            endpoint(TokenError::Throttled { retry_after: Some(seconds(30)) }),
            defer(Deferral::TokenEndpoint, seconds(30)),
        ),
        (endpoint(TokenError::Unavailable { status: 500 }), defer(Deferral::TokenEndpoint, seconds(2))),
        (endpoint(TokenError::Transport(words())), defer(Deferral::TokenEndpoint, seconds(2))),
        (AttemptError::Quota { retry_in: seconds(4), booked: false }, defer(Deferral::Quota, seconds(5))),
        (AttemptError::Quota { retry_in: seconds(4), booked: true }, defer(Deferral::Quota, seconds(4))),
        (AttemptError::TokenAwaited, defer(Deferral::TokenEndpoint, seconds(2))),
        (AttemptError::Late, defer(Deferral::OwnStorage, seconds(2))),
        (AttemptError::CircuitOpen { retry_in: seconds(8) }, defer(Deferral::CircuitOpen, seconds(10))),
        (AttemptError::Sealed(OpenError::Damaged), failed(FailureKind::Unreadable)),
        (AttemptError::FormerAccount, failed(FailureKind::Unreadable)),
        (AttemptError::Store(StoreError(words())), defer(Deferral::OwnStorage, seconds(2))),
        (AttemptError::Lost(Refusal::NotYours), Disposition::LetGo),
        (AttemptError::Lost(Refusal::StaleHop), Disposition::LetGo),
        (AttemptError::Lost(Refusal::OtherRequest), Disposition::HandBack),
        (AttemptError::Lost(Refusal::CancelRequested), Disposition::HandBack),
        (AttemptError::Lost(Refusal::Unknown), Disposition::HandBack),
        (AttemptError::Deadline, Disposition::Retry { delay: seconds(1) }),
        (AttemptError::Panicked, Disposition::Retry { delay: seconds(1) }),
        (AttemptError::Stopping, Disposition::HandBack),
    ];
    for (trouble, expected) in table {
        assert_eq!(decide(&trouble, &standing()), expected, "{trouble:?}");
    }
}

#[test]
fn an_unknown_sealing_key_waits_for_the_operator() {
    let sealed = common::seal::Key::random().seal("job", &1_u8);
    let unknown = common::seal::Key::random().open("job", &sealed).expect_err("another key");
    let expected = Disposition::Defer { why: Deferral::Operator, delay: hours(1) };
    assert_eq!(decide(&AttemptError::Sealed(unknown), &standing()), expected);
}

#[test]
fn a_calendar_that_stays_away_does_not_exist() {
    let not_found = google(CalendarError::NotFound);
    let at = |attempts| decide(&not_found, &RetryContext { attempts, ..standing() });
    assert!(matches!(at(1), Disposition::Retry { .. }));
    assert!(matches!(at(2), Disposition::Fail { kind: FailureKind::CalendarNotFound, .. }));
}

#[test]
fn a_probe_that_fails_counts_nothing_against_its_job() {
    for error in [
        CalendarError::Unavailable { status: 500, retry_after: None },
        CalendarError::NoAnswer(String::new()),
        CalendarError::Unintelligible(String::new()),
    ] {
        let trouble = AttemptError::Calendar { error, circuit: Circuit::Probing, generation: Generation(1) };
        assert!(matches!(
            decide(&trouble, &standing()),
            Disposition::Defer { why: Deferral::CircuitOpen, .. }
        ));
    }
}

#[test]
fn without_guests_quota_exceeded_only_waits() {
    let standing = RetryContext { has_guests: false, ..standing() };
    let meaning = decide(&google(CalendarError::UsageLimits), &standing);
    assert!(matches!(meaning, Disposition::Defer { why: Deferral::Throttled, .. }));
}

#[test]
fn guest_pauses_grow_to_a_day() {
    let pause = |guest_strikes| {
        let meaning =
            decide(&google(CalendarError::UsageLimits), &RetryContext { guest_strikes, ..standing() });
        let Disposition::BlockGuests { pause, strikes } = meaning else { panic!("{meaning:?}") };
        (pause, strikes)
    };
    assert_eq!(pause(1), (hours(2), 2));
    assert_eq!(pause(3), (hours(8), 4));
    assert_eq!(pause(9), (hours(24), 10));
}

#[test]
fn retries_grow_with_attempts_alone_and_never_pass_an_hour() {
    let delay = |attempts, deferrals| {
        let standing = RetryContext { attempts, deferrals, ..standing() };
        let meaning = decide(&AttemptError::Deadline, &standing);
        let Disposition::Retry { delay } = meaning else { panic!("{meaning:?}") };
        delay
    };
    assert_eq!(delay(3, 0), seconds(8));
    assert_eq!(delay(3, 500), seconds(8));
    assert_eq!(delay(40, 0), hours(1));
}
