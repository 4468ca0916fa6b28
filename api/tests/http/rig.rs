//! A running ingress, everything behind it, and a worker's hands.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use accounts::keys::{ApiKeys, Scope};
use accounts::secrets;
use accounts::{Accounts, Connection};
use adapter_embedded::{Embedded, Role};
use api::{GoogleKind, Ingress, Ports, Settings};
use common::account::AccountId;
use common::job::{Conference, Effect, EventResult, Job, JobId, JobState, Lease, Step, Tally, WorkerId};
use common::owner::Owner;
use common::port::{Change, Clock, JobQueue as _, JobStore, Shelf, TokenEndpoint as _, Vault as _};
use common::random;
use common::seal::{Key, Keyring};
use common::time;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use testing::ScaledClock;
use testing::failing::{FailingQueue, FailingStore, FailingVault};
use testing::google::{FakeTokenEndpoint, refresh_token, user};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::client::{Reply, Request, get, post};

pub const EVENTS: &str = "/api/v1/events";
pub const OLDER: &str = "/api/create-calendar-event";

/// A running ingress.
pub struct Rig {
    pub address: SocketAddr,
    pub queue: Arc<FailingQueue>,
    pub store: Arc<FailingStore>,
    pub vault: Arc<FailingVault>,
    pub accounts: Arc<Accounts>,
    pub keys: Arc<ApiKeys>,
    pub google: Arc<FakeTokenEndpoint>,
    pub clock: Arc<dyn Clock>,
    /// The key of an administrator.
    pub key: String,
    pub connected: Arc<Mutex<Vec<AccountId>>>,
    pub stop: CancellationToken,
    pub served: JoinHandle<std::io::Result<()>>,
    pub readiness: api::Readiness,
    pub embedded: Embedded,
    ports: Ports,
    dir: TempDir,
}

/// How a test's ingress differs from the usual one.
pub struct Plan {
    pub settings: Settings,
    pub speed: u32,
    pub connected: bool,
}

impl Default for Plan {
    fn default() -> Self {
        let settings = Settings {
            google: GoogleKind::Sandbox { page: None },
            threads: Some(1),
            drain: Duration::from_secs(5),
            ..Settings::default()
        };
        Self { settings, speed: 1, connected: true }
    }
}

impl Rig {
    pub async fn start() -> Self {
        Self::with(Plan::default()).await
    }

    pub async fn with(plan: Plan) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(ScaledClock::new(plan.speed));
        let embedded = Embedded::open(dir.path(), Role::Worker, Arc::clone(&clock), None).await.unwrap();
        let queue = Arc::new(FailingQueue::new(embedded.queue()));
        let store = Arc::new(FailingStore::new(embedded.store()));
        let vault = Arc::new(FailingVault::new(embedded.vault()));
        let ring = Keyring::new(Key::random(), Vec::new());
        let hash_key = secrets::open(&*vault, &ring).await.unwrap();
        let accounts = Arc::new(Accounts::new(vault.clone(), ring, hash_key, Arc::clone(&clock)));
        let keys = Arc::new(ApiKeys::new(vault.clone(), Arc::clone(&clock)));
        let key = keys.create(Owner::local(), vec![Scope::Admin], None).await.unwrap();
        let google = Arc::new(FakeTokenEndpoint::new(Arc::clone(&clock)));
        let connected: Arc<Mutex<Vec<AccountId>>> = Arc::default();
        let jobs = lifecycle::Ports {
            store: store.clone(),
            queue: queue.clone(),
            vault: vault.clone(),
            accounts: Arc::clone(&accounts),
            throttle: embedded.throttle(),
            clock: Arc::clone(&clock),
        };
        let ports = Ports { jobs, keys: Arc::clone(&keys), allowances: None, google: google.clone() };
        let hook = Arc::clone(&connected);
        let ingress = Ingress::new(
            ports.clone(),
            plan.settings,
            Arc::new(move |account| hook.lock().unwrap().push(account)),
        );
        let listening = ingress.bind(&["127.0.0.1:0".parse().unwrap()]).unwrap();
        let address = listening.addresses()[0];
        let readiness = listening.readiness();
        let stop = CancellationToken::new();
        let served = tokio::spawn(listening.serve(stop.clone()));
        let rig = Self {
            address,
            queue,
            store,
            vault,
            accounts,
            keys,
            google,
            clock,
            key: key.expose_secret().to_owned(),
            connected,
            stop,
            served,
            readiness,
            embedded,
            ports,
            dir,
        };
        if plan.connected {
            rig.connect("default", "ada").await;
        }
        rig
    }

    /// Another ingress over the same servers, for as long as the test runs.
    pub fn neighbour(&self) -> SocketAddr {
        let settings = Plan::default().settings;
        let ingress = Ingress::new(self.ports.clone(), settings, Arc::new(|_| {}));
        let listening = ingress.bind(&["127.0.0.1:0".parse().unwrap()]).unwrap();
        let address = listening.addresses()[0];
        tokio::spawn(listening.serve(self.stop.clone()));
        address
    }

    /// A store that has nothing in it.
    pub async fn empty_store(&self) -> Arc<dyn JobStore> {
        let folder = self.dir.path().join(random::name());
        let clock = Arc::clone(&self.clock);
        Embedded::open(&folder, Role::Worker, clock, None).await.unwrap().store()
    }

    /// Loses every record.
    pub async fn lose_records(&self) {
        self.store.wipe(self.empty_store().await);
        self.store.fall_back(self.clock.now());
    }

    /// Connects an account without a browser.
    pub async fn connect(&self, account: &str, name: &str) {
        let connection = Connection {
            user: user(name),
            refresh_token: refresh_token(name, 1),
            client: self.google.client(),
            scopes: self.google.scopes(),
        };
        self.accounts.connect(&AccountId::parse(account).unwrap(), &connection).await.unwrap();
    }

    /// A key with these scopes, for an owner of this name.
    pub async fn key_for(&self, owner: &str, scopes: &[Scope], accounts: Option<&str>) -> String {
        let owner = Owner::parse(owner).unwrap();
        let key = self.keys.create(owner, scopes.to_vec(), accounts.map(str::to_owned)).await.unwrap();
        key.expose_secret().to_owned()
    }

    /// Sends a request as it is.
    pub async fn send(&self, request: &Request) -> Reply {
        request.send(self.address).await
    }

    /// Sends a request with the administrator's key.
    pub async fn ask(&self, request: Request) -> Reply {
        self.send(&request.key(&self.key)).await
    }

    /// Posts a good event and answers its job id.
    pub async fn accepted(&self) -> String {
        let reply = self.ask(post(EVENTS, &event())).await;
        assert_eq!(reply.status, 202, "{}", reply.text());
        let id = reply.json()["jobId"].as_str().unwrap().to_owned();
        // `queued` is written behind the answer's back.
        self.eventually(&id, |job| job.state == JobState::Queued).await;
        id
    }

    /// A job's record as callers see it.
    pub async fn record(&self, id: &str) -> Value {
        let reply = self.ask(get(&format!("/api/v1/jobs/{id}"))).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()
    }

    /// A job's record as it is stored.
    pub async fn stored(&self, id: &str) -> Option<Job> {
        self.store.get(&JobId::parse(id).unwrap()).await.unwrap()
    }

    /// Waits until the stored record is as it should be.
    pub async fn eventually(&self, id: &str, fits: impl Fn(&Job) -> bool) -> Job {
        for _ in 0..500 {
            if let Some(job) = self.stored(id).await.filter(&fits) {
                return job;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("job {id} never got there: {:?}", self.stored(id).await);
    }

    /// Messages that are in the queue and with nobody.
    pub async fn queued(&self) -> u64 {
        let depth = self.queue.depth().await.unwrap();
        depth.fresh + depth.due + depth.delayed
    }

    /// Takes a job's step, which must be possible.
    pub async fn take(&self, id: &str, step: Step) -> Job {
        let change = self.store.take(&JobId::parse(id).unwrap(), &step, self.clock.now()).await.unwrap();
        match change {
            Change::Taken(job) => *job,
            Change::Refused(refusal) => panic!("{step:?} was refused: {refusal:?}"),
        }
    }

    /// Starts a job as a worker would.
    pub async fn begin(&self, id: &str) -> Lease {
        let until = time::after(self.clock.now(), time::hours(1));
        let lease = Lease { worker: WorkerId::random(), until };
        let (tally, effect) = (Tally::default(), Effect::None);
        self.take(id, Step::Start { lease: lease.clone(), hop: 1, tally, effect }).await;
        lease
    }

    /// Ends a job with an event, as a worker would.
    pub async fn succeed(&self, id: &str) {
        self.begin(id).await;
        let account = self.accounts.get(&AccountId::default_account()).await.unwrap().unwrap();
        let key = account.seal_keys(self.accounts.ring()).unwrap();
        let result = EventResult {
            event_id: id.to_owned(),
            event_link: "https://www.google.com/calendar/event?eid=abc".to_owned(),
            conference: Conference::Ready("https://meet.google.com/abc-defg-hij".to_owned()),
            calendar_id: "primary".to_owned(),
        };
        self.take(id, Step::Succeed(key.seal(id, &result))).await;
    }

    /// Whether a nonce of this name has been used or leased.
    pub async fn vault_has_mark(&self, nonce: &str) -> bool {
        self.vault.get(Shelf::Nonces, nonce).await.unwrap().is_some()
    }

    /// How many nonces have been used or leased.
    pub async fn marks(&self) -> usize {
        self.vault.list(Shelf::Nonces).await.unwrap().len()
    }

    /// Stops the ingress; answers how long that took.
    pub async fn stop(self) -> Duration {
        let began = Instant::now();
        self.stop.cancel();
        self.served.await.unwrap().unwrap();
        began.elapsed()
    }
}

/// A good event.
pub fn event() -> Value {
    event_named("Lunch")
}

/// Another good event for each title.
pub fn event_named(summary: &str) -> Value {
    json!({
        "summary": summary,
        "startDateTime": "2036-12-30T14:00:00",
        "endDateTime": "2036-12-30T15:00:00",
        "timeZone": "Asia/Kolkata",
        "attendeeEmail": "test@example.com",
    })
}
