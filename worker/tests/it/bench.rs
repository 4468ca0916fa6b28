//! A worker on the embedded adapters, with a Google and a clock that do as they are told.

mod intake;
mod look;
mod pass;

use std::sync::Arc;
use std::time::Duration;

use accounts::{Accounts, Connection};
use adapter_embedded::{Embedded, Role};
use common::account::{Account, AccountId};
use common::port::{ClientRef, Clock, GoogleUser};
use common::quotas::Quotas;
use common::seal::{Key, Keyring};
use tempfile::TempDir;
use testing::ManualClock;
use testing::failing::{FailingQueue, FailingStore, FailingVault};
use testing::google::{FakeCalendar, FakeTokenEndpoint, client, refresh_token};
use tokio::task::JoinHandle;
use worker::{Ports, Settings, Stop, Worker};

use crate::wait::{eventually, soon};

pub use intake::message;

pub struct Bench {
    pub folder: TempDir,
    pub clock: Arc<ManualClock>,
    pub google: Arc<FakeCalendar>,
    pub endpoint: Arc<FakeTokenEndpoint>,
    pub settings: Settings,
    pub store: Arc<FailingStore>,
    pub accounts: Arc<Accounts>,
    pub queue: Arc<FailingQueue>,
    pub vault: Arc<FailingVault>,
    embedded: Embedded,
    ring: Keyring,
    running: Option<Running>,
    /// Beside the one that is spoken to.
    second: Option<Running>,
    /// Records since the last time they were lost.
    new_records: Option<(Embedded, TempDir)>,
}

struct Running {
    stop: Stop,
    task: JoinHandle<usize>,
    ready: Arc<dyn Fn() -> bool + Send + Sync>,
    google_answers: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl Bench {
    /// The account `default` is connected; nobody works yet.
    pub async fn new() -> Self {
        crate::logs::prepare();
        let folder = tempfile::tempdir().unwrap();
        let clock = ManualClock::new();
        let endpoint = Arc::new(FakeTokenEndpoint::new(clock.clone()));
        let google = Arc::new(FakeCalendar::new(clock.clone(), endpoint.clone()));
        let ring = Keyring::new(Key::random(), Vec::new());
        let settings = Settings { drain: Duration::from_secs(10), quotas: plenty(), ..Settings::default() };
        let bench = Self::open(folder, clock, (google, endpoint), settings, ring).await;
        bench.connect(&AccountId::default_account()).await;
        bench
    }

    async fn open(
        folder: TempDir,
        clock: Arc<ManualClock>,
        (google, endpoint): (Arc<FakeCalendar>, Arc<FakeTokenEndpoint>),
        settings: Settings,
        ring: Keyring,
    ) -> Self {
        let embedded = Embedded::open(folder.path(), Role::Worker, clock.clone(), None).await.unwrap();
        let hash_key = accounts::secrets::open(embedded.vault().as_ref(), &ring).await.unwrap();
        let accounts = Arc::new(Accounts::new(embedded.vault(), ring.clone(), hash_key, clock.clone()));
        let store = Arc::new(FailingStore::new(embedded.store()));
        let queue = Arc::new(FailingQueue::new(embedded.queue()));
        let vault = Arc::new(FailingVault::new(embedded.vault()));
        let (running, second, new_records) = (None, None, None);
        Self {
            folder,
            clock,
            google,
            endpoint,
            settings,
            store,
            accounts,
            queue,
            vault,
            embedded,
            ring,
            running,
            second,
            new_records,
        }
    }

    /// The same folder in the hands of a new process.
    pub async fn reopen(self) -> Self {
        assert!(self.running.is_none(), "stop the worker first");
        self.embedded.close().await;
        drop((self.store, self.accounts, self.queue, self.vault));
        Self::open(self.folder, self.clock, (self.google, self.endpoint), self.settings, self.ring).await
    }

    pub fn ports(&self) -> Ports {
        Ports {
            queue: self.queue.clone(),
            store: self.store.clone(),
            vault: self.vault.clone(),
            accounts: self.accounts.clone(),
            tokens: self.embedded.tokens(),
            throttle: self.embedded.throttle(),
            calendar: self.google.clone(),
            endpoint: self.endpoint.clone(),
            clock: self.clock.clone(),
        }
    }

    /// Sets a worker to work.
    pub fn start(&mut self) {
        self.running = Some(self.started());
    }

    /// Sets another worker to work beside it.
    pub fn start_second(&mut self) {
        let second = self.started();
        self.second.replace(second);
    }

    fn started(&self) -> Running {
        let stop = Stop::default();
        let worker = Worker::new(self.ports(), self.settings.clone(), stop.clone());
        let (ready, google_answers) = (worker.readiness(), worker.google_answers());
        let task = tokio::spawn(worker.run());
        Running { stop, task, ready, google_answers }
    }

    /// All records are lost.
    pub async fn wipe(&mut self) {
        let folder = tempfile::tempdir().unwrap();
        let embedded = Embedded::open(folder.path(), Role::Worker, self.clock.clone(), None).await.unwrap();
        self.store.wipe(embedded.store());
        self.new_records.replace((embedded, folder));
    }

    fn running(&self) -> &Running {
        self.running.as_ref().expect("a worker runs")
    }

    /// Whether the worker takes work.
    pub fn is_ready(&self) -> bool {
        (self.running().ready)()
    }

    /// Whether Google answers, as far as the worker knows.
    pub fn google_answers(&self) -> bool {
        (self.running().google_answers)()
    }

    /// The two ways to stop the worker.
    pub fn stop(&self) -> &Stop {
        &self.running().stop
    }

    /// Waits for a worker that was told to stop; answers how many jobs it handed back.
    pub async fn stopped(&mut self) -> usize {
        let running = self.running.take().expect("a worker runs");
        soon("the worker's end", running.task).await.unwrap()
    }

    /// Connects an account (again), as the Google user of the same name.
    pub async fn connect(&self, id: &AccountId) -> Arc<Account> {
        self.connect_with(id, client()).await
    }

    pub async fn connect_with(&self, id: &AccountId, client: ClientRef) -> Arc<Account> {
        self.connected(&self.accounts, id, client).await
    }

    /// Connects an account where the worker does not see it.
    pub async fn connect_elsewhere(&self, id: &AccountId) -> Arc<Account> {
        let hash_key = accounts::secrets::open(self.embedded.vault().as_ref(), &self.ring).await.unwrap();
        let accounts = Accounts::new(self.embedded.vault(), self.ring.clone(), hash_key, self.clock.clone());
        self.connected(&accounts, id, client()).await
    }

    async fn connected(&self, accounts: &Accounts, id: &AccountId, client: ClientRef) -> Arc<Account> {
        let before = accounts.get_now(id).await.unwrap();
        let generation = before.map_or(1, |account| account.generation.0 + 1);
        let connection = Connection {
            user: GoogleUser { sub: id.to_string(), email: format!("{id}@example.com") },
            refresh_token: refresh_token(id.as_str(), generation),
            client,
            scopes: Vec::new(),
        };
        accounts.connect(id, &connection).await.unwrap()
    }

    pub async fn account(&self, id: &AccountId) -> Arc<Account> {
        self.accounts.get_now(id).await.unwrap().expect("an account that was connected")
    }

    /// Wakes what waited for an account, as whoever connected it does; answers how many jobs that were.
    pub async fn resume(&self, account: &Account) -> u64 {
        let woken = lifecycle::wake_account(&(&self.ports()).into(), &self.settings.quotas, account)
            .await
            .unwrap()
            .woken;
        // They come back in line, one after the other.
        self.turn(Duration::from_secs(1));
        woken
    }

    pub fn turn(&self, span: Duration) {
        self.clock.turn(span);
    }

    /// Waits until somebody sleeps for `span`.
    pub async fn sleeping_for(&self, span: Duration) {
        eventually("sleep", async || self.clock.is_slept_for(span).then_some(())).await;
    }

    pub fn now(&self) -> jiff::Timestamp {
        self.clock.now()
    }
}

/// Quotas that stand in nobody's way while the clock stands still.
fn plenty() -> Quotas {
    Quotas {
        project_per_minute: 100_000_000,
        project_per_day: 100_000_000,
        account_per_minute: 100_000_000,
        calendar_per_second: 1_000_000,
        invites_per_day: 100_000_000,
    }
}

/// So many other accounts' names.
pub fn accounts(count: usize) -> Vec<AccountId> {
    (0..count).map(|number| AccountId::parse(&format!("team-{number}")).unwrap()).collect()
}
