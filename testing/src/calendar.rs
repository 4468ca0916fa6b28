//! The suite of the port `Calendar`.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use common::event::{CalendarId, Outline, SendUpdates};
use common::fingerprint::Fingerprint;
use common::job::JobId;
use common::port::{
    Calendar, CalendarError, Clock as _, Meeting, NewEvent, Reach, StoredEvent, ThrottledKey,
};
use secrecy::SecretString;
use serde_json::{Map, Value, json};

use super::google::NO_CONFERENCE;
use super::token_endpoint::{ADA, EndpointBench, GRACE, PATIENCE, granted};

/// A Google whose calendars can be looked into past the port, and put in trouble.
#[async_trait]
pub trait CalendarBench: EndpointBench {
    /// The adapter.
    fn calendar(&self) -> Arc<dyn Calendar>;

    /// The adapter whose next call meets this trouble.
    async fn in_trouble(&self, trouble: CalendarTrouble) -> Arc<dyn Calendar>;

    /// From now on [`ADA`]'s calendar takes no conference.
    async fn refuses_conferences(&self);

    /// From now on Google takes no guests of [`ADA`].
    async fn limits_guests(&self);

    /// The Event resource under this id as it was written; what Google and the adapter add may be there too.
    async fn written(&self, id: &JobId) -> Map<String, Value>;
}

/// What one call can meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CalendarTrouble {
    /// `userRateLimitExceeded`, for [`PATIENCE`].
    UserTooFast,
    /// `rateLimitExceeded` in the words of the project's quota.
    ProjectTooFast,
    /// `dailyLimitExceeded`.
    DailyLimit,
    /// `accessNotConfigured`.
    ApiDisabled,
    /// `insufficientPermissions`.
    ScopeMissing,
    /// `notACalendarUser`.
    NotACalendarUser,
    /// `forbidden`.
    Forbidden,
    /// 503, for [`PATIENCE`], before anything is done.
    Failing,
    /// There is no connection.
    NotSent,
    /// The connection breaks before anything is done.
    LostBefore,
    /// The connection breaks once all is done.
    LostAfter,
}

impl CalendarTrouble {
    /// Every trouble.
    pub const ALL: [Self; 11] = [
        Self::UserTooFast,
        Self::ProjectTooFast,
        Self::DailyLimit,
        Self::ApiDisabled,
        Self::ScopeMissing,
        Self::NotACalendarUser,
        Self::Forbidden,
        Self::Failing,
        Self::NotSent,
        Self::LostBefore,
        Self::LostAfter,
    ];

    /// What the port says; the words about a broken connection are each adapter's own.
    #[must_use]
    pub fn error(self) -> CalendarError {
        let throttled = |key, retry_after, reason: &str| CalendarError::Throttled {
            key,
            retry_after,
            reason: reason.to_owned(),
        };
        match self {
            Self::UserTooFast => throttled(ThrottledKey::User, Some(PATIENCE), "userRateLimitExceeded"),
            Self::ProjectTooFast => throttled(ThrottledKey::Project, None, "rateLimitExceeded"),
            Self::DailyLimit => CalendarError::DailyLimit,
            Self::ApiDisabled => CalendarError::ApiDisabled,
            Self::ScopeMissing => CalendarError::ScopeMissing,
            Self::NotACalendarUser => CalendarError::NotACalendarUser,
            Self::Forbidden => {
                let (status, reason, message) = (403, "forbidden".to_owned(), "Forbidden".to_owned());
                CalendarError::Refused { status, reason, message }
            }
            Self::Failing => CalendarError::Unavailable { status: 503, retry_after: Some(PATIENCE) },
            Self::NotSent => CalendarError::NotSent("as told".to_owned()),
            Self::LostBefore | Self::LostAfter => CalendarError::NoAnswer("as told".to_owned()),
        }
    }

    /// Whether `error` says just this.
    fn is_told_by(self, error: &CalendarError) -> bool {
        match self {
            Self::NotSent => matches!(error, CalendarError::NotSent(_)),
            Self::LostBefore | Self::LostAfter => matches!(error, CalendarError::NoAnswer(_)),
            Self::UserTooFast
            | Self::ProjectTooFast
            | Self::DailyLimit
            | Self::ApiDisabled
            | Self::ScopeMissing
            | Self::NotACalendarUser
            | Self::Forbidden
            | Self::Failing => *error == self.error(),
        }
    }

    /// Whether the call has taken effect all the same.
    fn has_effect(self) -> bool {
        self == Self::LostAfter
    }
}

/// An event of the suite, as it is asked for.
struct Ask {
    id: JobId,
    resource: Map<String, Value>,
    fingerprint: Option<Fingerprint>,
    conference: bool,
}

impl Ask {
    /// An hour in a month's time, with these fields besides.
    fn with(fields: Value) -> Self {
        let event = json!({
            "summary": "Tea",
            "start": {"dateTime": "2027-01-30T14:00:00", "timeZone": "Asia/Kolkata"},
            "end": {"dateTime": "2027-01-30T15:00:00", "timeZone": "Asia/Kolkata"},
        });
        let mut resource = event.as_object().unwrap().clone();
        resource.extend(fields.as_object().unwrap().clone());
        let fingerprint = Some(Fingerprint::stored("f00d".to_owned(), Some("cafe".to_owned())));
        Self { id: JobId::random(), resource, fingerprint, conference: false }
    }

    fn new() -> Self {
        Self::with(json!({}))
    }

    async fn insert(
        &self,
        calendar: &dyn Calendar,
        token: &SecretString,
    ) -> Result<StoredEvent, CalendarError> {
        let event = NewEvent {
            calendar: &CalendarId::primary(),
            id: &self.id,
            resource: &self.resource,
            fingerprint: self.fingerprint.as_ref(),
            conference: self.conference,
            send_updates: SendUpdates::None,
            attachments: false,
        };
        calendar.insert(token, &event).await
    }

    async fn get(&self, calendar: &dyn Calendar, token: &SecretString) -> Result<StoredEvent, CalendarError> {
        calendar.get(token, &CalendarId::primary(), &self.id).await
    }

    async fn delete(&self, calendar: &dyn Calendar, token: &SecretString) -> Result<(), CalendarError> {
        calendar.delete(token, &CalendarId::primary(), &self.id, SendUpdates::None).await
    }
}

async fn token(bench: &impl CalendarBench, email: &str) -> SecretString {
    granted(bench, email).await.access_token
}

/// What is inserted is told, and read, as it was written.
pub async fn an_event_is_read_as_it_was_written(bench: &impl CalendarBench) {
    let (calendar, token) = (bench.calendar(), token(bench, ADA).await);
    let birthday =
        json!({"summary": "A day", "start": {"date": "2027-01-30"}, "end": {"date": "2027-01-31"}});
    for ask in [Ask::new(), Ask::with(birthday)] {
        let told = ask.insert(&*calendar, &token).await.unwrap();
        assert_eq!(
            (told.id.as_str(), told.cancelled, &told.meeting),
            (ask.id.as_str(), false, &Meeting::None)
        );
        assert_eq!((&told.fingerprint, &told.outline), (&ask.fingerprint, &Outline::of(&ask.resource)));
        assert!(told.link.starts_with("http"), "{}", told.link);
        assert_eq!(told.created, Some(bench.clock().now()));
        assert_eq!(ask.get(&*calendar, &token).await, Ok(told));
    }
}

/// An id is taken once, and the second insert changes nothing.
pub async fn an_id_is_taken_once(bench: &impl CalendarBench) {
    let (calendar, token) = (bench.calendar(), token(bench, ADA).await);
    let ask = Ask::new();
    let first = ask.insert(&*calendar, &token).await;
    assert!(first.is_ok(), "{first:?}");
    assert_eq!(ask.insert(&*calendar, &token).await, Err(CalendarError::Duplicate));
    let other = Ask { id: ask.id.clone(), ..Ask::with(json!({"summary": "Coffee"})) };
    assert_eq!(other.insert(&*calendar, &token).await, Err(CalendarError::Duplicate));
    assert_eq!(ask.get(&*calendar, &token).await, first);
    assert_eq!(bench.written(&ask.id).await["summary"], "Tea");
}

/// Under an id that was never used here there is nothing to read or to delete.
pub async fn nothing_is_under_an_id_that_was_never_used(bench: &impl CalendarBench) {
    let calendar = bench.calendar();
    let (ada, grace) = (token(bench, ADA).await, token(bench, GRACE).await);
    let (never, anothers) = (Ask::new(), Ask::new());
    anothers.insert(&*calendar, &grace).await.unwrap();
    for ask in [&never, &anothers] {
        assert_eq!(ask.get(&*calendar, &ada).await, Err(CalendarError::NotFound));
        assert_eq!(ask.delete(&*calendar, &ada).await, Err(CalendarError::NotFound));
    }
    assert!(!anothers.get(&*calendar, &grace).await.unwrap().cancelled);
}

/// A deleted event reads as cancelled, can be deleted again, and keeps its id and its fingerprint.
pub async fn a_deleted_event_keeps_its_id(bench: &impl CalendarBench) {
    let (calendar, token) = (bench.calendar(), token(bench, ADA).await);
    let (ask, other) = (Ask::new(), Ask::new());
    for ask in [&ask, &other] {
        ask.insert(&*calendar, &token).await.unwrap();
    }
    for _ in 0..2 {
        assert_eq!(ask.delete(&*calendar, &token).await, Ok(()));
        let told = ask.get(&*calendar, &token).await.unwrap();
        assert!(told.cancelled);
        assert_eq!((told.id.as_str(), &told.fingerprint), (ask.id.as_str(), &ask.fingerprint));
    }
    assert_eq!(ask.insert(&*calendar, &token).await, Err(CalendarError::Duplicate));
    assert!(!other.get(&*calendar, &token).await.unwrap().cancelled);
}

/// A conference that is asked for is there in the end, and stays the same.
pub async fn a_conference_is_made(bench: &impl CalendarBench) {
    let (calendar, token) = (bench.calendar(), token(bench, ADA).await);
    let ask = Ask { conference: true, ..Ask::new() };
    let told = ask.insert(&*calendar, &token).await.unwrap();
    assert!(matches!(told.meeting, Meeting::Pending | Meeting::Ready(_)), "{told:?}");
    bench.clock().turn(Duration::from_secs(60));
    let made = ask.get(&*calendar, &token).await.unwrap().meeting;
    assert!(
        matches!(&made, Meeting::Ready(link) if link.starts_with("https://meet.google.com/")),
        "{made:?}"
    );
    assert_eq!(ask.get(&*calendar, &token).await.unwrap().meeting, made);
}

/// A conference that the caller brings is dropped in silence, and none is made in its place.
pub async fn a_conference_that_is_brought_is_dropped(bench: &impl CalendarBench) {
    let (calendar, token) = (bench.calendar(), token(bench, ADA).await);
    let entry = json!({"entryPointType": "video", "uri": "https://meet.example/abc-defg-hij"});
    for conference in [false, true] {
        let ask = Ask { conference, ..Ask::with(json!({"conferenceData": {"entryPoints": [entry]}})) };
        assert_eq!(ask.insert(&*calendar, &token).await.unwrap().meeting, Meeting::None);
        bench.clock().turn(Duration::from_secs(60));
        assert_eq!(ask.get(&*calendar, &token).await.unwrap().meeting, Meeting::None);
    }
}

/// A refusal of the conference alone leaves nothing, and the event is taken without it.
pub async fn a_refused_conference_is_told_apart(bench: &impl CalendarBench) {
    let (calendar, token) = (bench.calendar(), token(bench, ADA).await);
    bench.refuses_conferences().await;
    let ask = Ask { conference: true, ..Ask::new() };
    let (reason, message) = ("invalid".to_owned(), NO_CONFERENCE.to_owned());
    let refused = CalendarError::ConferenceRefused { status: 400, reason, message };
    assert_eq!(ask.insert(&*calendar, &token).await, Err(refused));
    assert_eq!(ask.get(&*calendar, &token).await, Err(CalendarError::NotFound));
    let without = Ask { conference: false, ..ask };
    assert_eq!(without.insert(&*calendar, &token).await.unwrap().meeting, Meeting::None);
}

/// Guests are written; beyond Google's limit an event is refused for its guests alone.
pub async fn guests_are_written_up_to_a_limit(bench: &impl CalendarBench) {
    let (calendar, token) = (bench.calendar(), token(bench, ADA).await);
    let guests = json!({"attendees": [{"email": "one@example.org"}, {"email": "two@example.org"}]});
    let ask = Ask::with(guests.clone());
    ask.insert(&*calendar, &token).await.unwrap();
    let written = bench.written(&ask.id).await;
    let emails: Vec<_> =
        written["attendees"].as_array().unwrap().iter().map(|guest| &guest["email"]).collect();
    assert_eq!(emails, ["one@example.org", "two@example.org"]);
    bench.limits_guests().await;
    let refused = Ask::with(guests);
    assert_eq!(refused.insert(&*calendar, &token).await, Err(CalendarError::UsageLimits));
    assert_eq!(refused.get(&*calendar, &token).await, Err(CalendarError::NotFound));
    assert!(Ask::new().insert(&*calendar, &token).await.is_ok(), "it has no guests");
}

/// The fingerprint is kept in each of its versions, beside the caller's own private properties.
pub async fn private_properties_stay(bench: &impl CalendarBench) {
    let (calendar, token) = (bench.calendar(), token(bench, ADA).await);
    let stored = |v2: Option<&str>| Some(Fingerprint::stored("f00d".to_owned(), v2.map(str::to_owned)));
    for fingerprint in [stored(Some("cafe")), stored(None), None] {
        let own = json!({"extendedProperties": {"private": {"order": "17"}}});
        let ask = Ask { fingerprint: fingerprint.clone(), ..Ask::with(own) };
        ask.insert(&*calendar, &token).await.unwrap();
        assert_eq!(ask.get(&*calendar, &token).await.unwrap().fingerprint, fingerprint);
        assert_eq!(bench.written(&ask.id).await["extendedProperties"]["private"]["order"], "17");
    }
}

/// An access token that was never made, has expired, or whose grant was revoked, is refused and does nothing.
pub async fn an_access_token_that_is_not_good_is_refused(bench: &impl CalendarBench) {
    let (calendar, endpoint) = (bench.calendar(), bench.endpoint());
    let revoked = granted(bench, GRACE).await;
    endpoint.revoke(&endpoint.client(), revoked.refresh_token.as_ref().unwrap()).await.unwrap();
    let expired = granted(bench, ADA).await;
    let there = Ask::new();
    there.insert(&*calendar, &expired.access_token).await.unwrap();
    bench.clock().turn_to(expired.expires_at);
    for bad in [SecretString::from("never made"), revoked.access_token, expired.access_token] {
        let ask = Ask::new();
        assert_eq!(ask.insert(&*calendar, &bad).await, Err(CalendarError::TokenRefused));
        assert_eq!(there.get(&*calendar, &bad).await, Err(CalendarError::TokenRefused));
        assert_eq!(there.delete(&*calendar, &bad).await, Err(CalendarError::TokenRefused));
        let good = token(bench, ADA).await;
        assert_eq!(ask.get(&*calendar, &good).await, Err(CalendarError::NotFound));
        assert!(!there.get(&*calendar, &good).await.unwrap().cancelled);
    }
}

/// A call in trouble says which, and whether it may have taken effect; the next one goes well.
pub async fn a_call_in_trouble_says_what_became_of_it(bench: &impl CalendarBench, trouble: CalendarTrouble) {
    let token = token(bench, ADA).await;
    let (insert, delete) = (Ask::new(), Ask::new());
    delete.insert(&*bench.calendar(), &token).await.unwrap();
    let calendar = bench.in_trouble(trouble).await;
    is_told(&insert.insert(&*calendar, &token).await.unwrap_err(), trouble);
    let there = insert.get(&*bench.calendar(), &token).await;
    assert_eq!(there.is_ok(), trouble.has_effect(), "{trouble:?}: {there:?}");
    let again = insert.insert(&*bench.calendar(), &token).await;
    let expected = if trouble.has_effect() { Some(CalendarError::Duplicate) } else { None };
    assert_eq!(again.err(), expected, "{trouble:?}");

    let calendar = bench.in_trouble(trouble).await;
    is_told(&delete.get(&*calendar, &token).await.unwrap_err(), trouble);
    let calendar = bench.in_trouble(trouble).await;
    is_told(&delete.delete(&*calendar, &token).await.unwrap_err(), trouble);
    let there = delete.get(&*bench.calendar(), &token).await.unwrap();
    assert_eq!(there.cancelled, trouble.has_effect(), "{trouble:?}");
}

fn is_told(error: &CalendarError, trouble: CalendarTrouble) {
    assert!(trouble.is_told_by(error), "{trouble:?}: {error:?}");
    if trouble.has_effect() {
        assert_eq!(error.reach(), Reach::Unknown);
    }
}
