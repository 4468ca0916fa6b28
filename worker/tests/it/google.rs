//! A Google that remembers events and grants, and fails when told.

mod calendar;
mod endpoint;
mod ledger;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use common::account::AccountId;
use common::event::{Outline, SendUpdates};
use common::fingerprint::Fingerprint;
use common::job::JobId;
use common::port::{CalendarError, ClientRef, Clock, Meeting, TokenError};
use jiff::Timestamp;
use serde_json::{Map, Value};
use tokio::sync::Semaphore;

use ledger::Ledger;

pub use calendar::link;
pub use endpoint::refresh_token;
pub use ledger::Call;

pub struct Google {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    events: HashMap<JobId, Event>,
    /// Inserts that were sent and have not taken effect yet.
    on_their_way: Vec<(JobId, Event)>,
    /// Whom Google was to mail of which deletion.
    deletions: Vec<(JobId, SendUpdates)>,
    ledger: Ledger,
    orders: HashMap<Method, VecDeque<Behaviour>>,
    rule: Option<Box<Rule>>,
    /// What successive looks at a new event's conference say; the last one stays.
    meetings: Vec<Meeting>,
    /// Calendars take no conference: Google refuses the insert of an event that has one.
    refuses_conferences: bool,
    /// Whose an access token is, and until when it is good.
    access: HashMap<String, (String, Timestamp)>,
    dead_grants: HashSet<String>,
    grants: VecDeque<Granting>,
    refreshes: u32,
    tokens_hang: bool,
}

/// What a rule says of a call: nothing means that it goes well.
pub type Rule = dyn Fn(&Call) -> Option<Behaviour> + Send;

/// An event at Google.
#[derive(Clone)]
pub struct Event {
    pub calendar: String,
    pub user: String,
    pub fingerprint: Option<Fingerprint>,
    pub cancelled: bool,
    pub created: Timestamp,
    pub guests: usize,
    /// Whether it was inserted with a conference, asked for or brought.
    pub conference: bool,
    /// What was written, without what calrelay adds.
    pub resource: Map<String, Value>,
    outline: Outline,
    meetings: VecDeque<Meeting>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    Insert,
    Get,
    Delete,
}

/// How a call goes.
#[derive(Clone)]
pub enum Behaviour {
    /// Google says no, or nothing ever reached it.
    Refuse(CalendarError),
    /// It takes effect, but no answer comes.
    LoseAnswer,
    /// No answer comes, and an insert takes effect when it is told to ([`Google::land`]).
    Late,
    /// It never ends and has no effect.
    Hang,
    /// It takes effect, and never ends.
    HangAfterEffect,
    Panic,
    /// It goes well once the gate is open.
    Hold(Gate),
    /// As the other says, once the gate is open.
    HoldThen(Gate, Box<Behaviour>),
}

impl Behaviour {
    /// Whether it comes to [`Behaviour::Late`].
    fn is_late(&self) -> bool {
        match self {
            Self::Late => true,
            Self::HoldThen(_, then) => then.is_late(),
            Self::Refuse(_)
            | Self::LoseAnswer
            | Self::Hang
            | Self::HangAfterEffect
            | Self::Panic
            | Self::Hold(_) => false,
        }
    }
}

/// How a request for an access token goes.
pub enum Granting {
    Refuse(TokenError),
    /// As the other says, or well, once the gate is open.
    Hold(Gate, Option<TokenError>),
}

/// Closed until it is opened, for good.
#[derive(Clone)]
pub struct Gate(Arc<Semaphore>);

impl Gate {
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    pub fn open(&self) {
        self.0.close();
    }

    pub fn is_open(&self) -> bool {
        self.0.is_closed()
    }

    async fn pass(&self) {
        let closed = self.0.acquire().await;
        assert!(closed.is_err(), "no permits are ever given out");
    }
}

/// Google's words when a calendar takes no conference.
pub const NO_CONFERENCE: &str = "Invalid conference type value.";

/// Google refuses the conference alone.
pub fn conference_refused() -> CalendarError {
    let (status, reason) = (400, "invalid".to_owned());
    CalendarError::ConferenceRefused { status, reason, message: NO_CONFERENCE.to_owned() }
}

/// The one OAuth client.
pub fn client() -> ClientRef {
    ClientRef { token_uri: "https://google.test/token".to_owned(), client_id: "client".to_owned() }
}

impl Google {
    pub fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { clock, state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics holding it")
    }

    /// How the next call of `method` that no order is out for goes.
    pub fn next(&self, method: Method, behaviour: Behaviour) {
        self.state().orders.entry(method).or_default().push_back(behaviour);
    }

    /// What holds for every call without an order of its own, from now on.
    pub fn rule(&self, rule: impl Fn(&Call) -> Option<Behaviour> + Send + 'static) {
        self.state().rule = Some(Box::new(rule));
    }

    /// Every call goes well again.
    pub fn recover(&self) {
        let mut state = self.state();
        state.rule = None;
        state.orders.clear();
    }

    /// How the next request for an access token goes.
    pub fn next_grant(&self, granting: Granting) {
        self.state().grants.push_back(granting);
    }

    /// What successive looks at a conference say, from the insert's answer on.
    pub fn meetings(&self, looks: &[Meeting]) {
        self.state().meetings = looks.to_vec();
    }

    /// Access tokens that are out are not taken any more.
    pub fn refuse_access_tokens(&self) {
        self.state().access.clear();
    }

    /// The user ends the grant behind a refresh token.
    pub fn end_grant(&self, refresh_token: &str) {
        self.state().dead_grants.insert(refresh_token.to_owned());
    }

    /// The event under the job's id, whichever calendar it is in.
    pub fn event(&self, id: &JobId) -> Option<Event> {
        self.state().events.get(id).cloned()
    }

    /// Puts an event under an id, as somebody else or an earlier life of ours may have.
    pub fn plant(&self, id: &JobId, account: &AccountId, fingerprint: Option<&str>) {
        self.plant_with(id, account, fingerprint.map(|v1| Fingerprint::stored(v1.to_owned(), None)));
    }

    /// The same, with every version of its fingerprint.
    pub fn plant_with(&self, id: &JobId, account: &AccountId, fingerprint: Option<Fingerprint>) {
        let event = Event {
            calendar: "primary".to_owned(),
            user: account.to_string(),
            fingerprint,
            cancelled: false,
            created: self.clock.now(),
            guests: 0,
            conference: false,
            resource: Map::new(),
            outline: Outline::default(),
            meetings: VecDeque::new(),
        };
        self.state().events.insert(id.clone(), event);
    }

    /// The same, an event that bears no fingerprint and says this.
    pub fn plant_unmarked(&self, id: &JobId, account: &AccountId, event: &Map<String, Value>) {
        self.plant(id, account, None);
        self.state().events.get_mut(id).expect("it was planted").outline = Outline::of(event);
    }

    /// Carries out every insert of this job that is on its way; answers whether one of them has made the event.
    pub fn land(&self, id: &JobId) -> bool {
        let mut state = self.state();
        let on_their_way = std::mem::take(&mut state.on_their_way);
        let (landing, others) = on_their_way.into_iter().partition(|(of, _)| of == id);
        state.on_their_way = others;
        let created = self.clock.now();
        let landing: Vec<(JobId, Event)> = landing;
        let landing = landing.into_iter().map(|(id, event)| (id, Event { created, ..event }));
        let landing: Vec<_> = landing.collect();
        assert!(!landing.is_empty(), "nothing of {id} is on its way");
        let taken = state.events.contains_key(id);
        state.events.extend(landing.into_iter().take(usize::from(!taken)));
        !taken
    }

    /// Whom Google was to mail of the deletions of the job's event.
    pub fn told_of_deletions(&self, id: &JobId) -> Vec<SendUpdates> {
        self.state().deletions.iter().filter(|(of, _)| of == id).map(|(_, told)| *told).collect()
    }

    /// From now on the event's conference is this.
    pub fn hold_meeting(&self, id: &JobId, meeting: Meeting) {
        self.state().events.get_mut(id).expect("an event").meetings = VecDeque::from([meeting]);
    }

    /// From now on no calendar takes a conference.
    pub fn refuse_conferences(&self) {
        self.state().refuses_conferences = true;
    }

    /// The user deletes the event in the calendar.
    pub fn delete_by_user(&self, id: &JobId) {
        self.state().events.get_mut(id).expect("an event").cancelled = true;
    }

    /// How many events there are.
    pub fn count(&self) -> usize {
        self.state().events.len()
    }

    /// Every call so far.
    pub fn calls(&self) -> Vec<Call> {
        self.state().ledger.calls().to_vec()
    }

    /// The methods called for a job, in order.
    pub fn methods(&self, id: &JobId) -> Vec<Method> {
        self.calls().iter().filter(|call| call.id == *id).map(|call| call.method).collect()
    }

    /// Calls that have not ended.
    pub fn in_progress(&self) -> usize {
        self.state().ledger.in_progress()
    }

    /// Requests for access tokens so far.
    /// The token endpoint takes requests and answers none.
    pub fn hang_tokens(&self, hang: bool) {
        self.state().tokens_hang = hang;
    }

    pub fn refreshes(&self) -> u32 {
        self.state().refreshes
    }
}
