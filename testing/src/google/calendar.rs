//! A calendar that remembers its events and its calls, and fails on demand.

mod port;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use common::account::AccountId;
use common::event::{Outline, SendUpdates};
use common::fingerprint::Fingerprint;
use common::job::JobId;
use common::port::{Clock, Meeting};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::ledger::Ledger;
use super::{Behaviour, Call, FakeTokenEndpoint, Method, Rule};

/// Google Calendar. It takes the access tokens of its token endpoint, and no others.
pub struct FakeCalendar {
    clock: Arc<dyn Clock>,
    endpoint: Arc<FakeTokenEndpoint>,
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
}

/// An event at Google.
#[derive(Clone)]
pub struct Event {
    /// The id of the calendar that it is in.
    pub calendar: String,
    /// The user whose access token wrote it.
    pub user: String,
    /// As it was written.
    pub fingerprint: Option<Fingerprint>,
    /// It was deleted.
    pub cancelled: bool,
    /// When the insert took effect.
    pub created: Timestamp,
    /// How many guests it has.
    pub guests: usize,
    /// Whether it was inserted with a conference, asked for or brought.
    pub conference: bool,
    /// What was written, without what calrelay adds.
    pub resource: Map<String, Value>,
    outline: Outline,
    meetings: VecDeque<Meeting>,
}

impl FakeCalendar {
    /// An empty calendar for each user of `endpoint`.
    pub fn new(clock: Arc<dyn Clock>, endpoint: Arc<FakeTokenEndpoint>) -> Self {
        Self { clock, endpoint, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics holding it")
    }

    /// How the next call of `method` goes that no order is out for.
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

    /// What successive looks at a conference say, from the insert's answer on.
    pub fn meetings(&self, looks: &[Meeting]) {
        self.state().meetings = looks.to_vec();
    }

    /// From now on no calendar takes a conference.
    pub fn refuse_conferences(&self) {
        self.state().refuses_conferences = true;
    }

    /// The event under the job's id, whichever calendar it is in.
    pub fn event(&self, id: &JobId) -> Option<Event> {
        self.state().events.get(id).cloned()
    }

    /// Puts an event under an id, as another program or an earlier life of calrelay may have.
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
        let (landing, others): (Vec<_>, _) = on_their_way.into_iter().partition(|(of, _)| of == id);
        state.on_their_way = others;
        assert!(!landing.is_empty(), "nothing of {id} is on its way");
        let taken = state.events.contains_key(id);
        let created = self.clock.now();
        let landing = landing.into_iter().map(|(id, event)| (id, Event { created, ..event }));
        state.events.extend(landing.take(usize::from(!taken)));
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
}
