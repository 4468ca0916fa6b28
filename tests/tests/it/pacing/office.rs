//! calrelay in one process, as `calrelay run` wires it, but on a clock of the test's own.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use accounts::keys::ApiKeys;
use accounts::{Accounts, Connection};
use adapter_embedded::{Embedded, Role};
use api::{Access, Ingress};
use common::account::AccountId;
use common::port::{Clock, GoogleUser, ListFilter, Page, RefreshToken, Vault};
use common::seal::{Key, Keyring};
use serde_json::{Value, json};
use tests::SandboxView;
use tokio::task::JoinHandle;
use worker::{Stop, Worker};

use super::fast_clock::FastClock;
use super::under_way::{Arriving, Leaving};

/// The sandbox, on the test's clock, with Google's usual quotas.
pub async fn google(clock: &Arc<FastClock>) -> (sandbox::Running, SandboxView) {
    let time = Arc::clone(clock);
    let config = sandbox::Config { time: Arc::new(move || time.now()), ..sandbox::Config::default() };
    let running = sandbox::start(config).await.expect("the sandbox starts");
    let view = SandboxView::new(running.url.clone());
    (running, view)
}

/// One start of calrelay.
pub struct Office {
    folder: Embedded,
    ports: worker::Ports,
    keys: Arc<ApiKeys>,
    stop: Stop,
    tasks: Vec<JoinHandle<()>>,
    http: reqwest::Client,
    url: String,
}

impl Office {
    /// Opens `dir` with the master key `key`, and takes jobs in; nobody works on them yet.
    pub async fn open(dir: &Path, key: &str, google: &SandboxView, clock: &Arc<FastClock>) -> Self {
        let under_way = clock.under_way();
        let clock: Arc<dyn Clock> = Arc::<FastClock>::clone(clock);
        let folder = Embedded::open(dir, Role::Worker, Arc::clone(&clock), None).await.expect("it opens");
        let ring = Keyring::new(Key::parse(key).expect("a key"), Vec::new());
        let vault: Arc<dyn Vault> = folder.vault();
        let hash_key = accounts::secrets::open(vault.as_ref(), &ring).await.expect("the same key");
        let accounts = Accounts::new(Arc::clone(&vault), ring, hash_key, Arc::clone(&clock));
        let credentials = google.read("/_sandbox/credentials").await.to_string();
        let credentials = google::Credentials::parse(&credentials).expect("credentials");
        let redirect = "http://localhost:3001/oauth2callback".to_owned();
        let (calendar, oauth) = google::connect(credentials, redirect, None).expect("adapters");
        let ports = worker::Ports {
            queue: folder.queue(),
            store: folder.store(),
            vault: Arc::clone(&vault),
            accounts: Arc::new(accounts),
            tokens: folder.tokens(),
            throttle: Arc::new(Leaving {
                throttle: folder.throttle(),
                clock: clock.clone(),
                under_way: Arc::clone(&under_way),
            }),
            calendar: Arc::new(Arriving { calendar: Arc::new(calendar), under_way }),
            endpoint: Arc::new(oauth.clone()),
            clock: Arc::clone(&clock),
        };
        let keys = Arc::new(ApiKeys::new(vault, clock));
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        let mut office =
            Self { folder, ports, keys, stop: Stop::default(), tasks: Vec::new(), http, url: String::new() };
        office.listen();
        office
    }

    fn listen(&mut self) {
        let ports = api::Ports {
            jobs: (&self.ports).into(),
            keys: Arc::clone(&self.keys),
            google: Arc::clone(&self.ports.endpoint),
            allowances: None,
        };
        let settings = api::Settings {
            access: Access::Open,
            rate_limit: "1000000/1m".parse().expect("a rate limit"),
            threads: Some(1),
            ..api::Settings::default()
        };
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let ingress = Ingress::new(ports, settings, Arc::new(|_| {})).bind(&[anywhere]).expect("a free port");
        self.url = format!("http://localhost:{}", ingress.addresses()[0].port());
        let stop = self.stop.taking.clone();
        self.tasks.push(tokio::spawn(async move { ingress.serve(stop).await.expect("it serves") }));
    }

    /// From now on somebody works.
    pub fn work(&mut self) {
        let worker = Worker::new(self.ports.clone(), worker::Settings::default(), self.stop.clone());
        self.tasks.push(tokio::spawn(async move {
            let _ = worker.run().await;
        }));
    }

    /// Connects `account` to the sandbox's `user`, who has these calendars besides their own.
    pub async fn connect(&self, google: &SandboxView, account: &str, user: &str, calendars: &[String]) {
        google.control(&format!("/_sandbox/users/{user}"), &json!({"calendars": calendars})).await;
        let grant = google.control("/_sandbox/tokens", &json!({"user": user})).await;
        let text = |name: &str| grant[name].as_str().expect("a text").to_owned();
        let connection = Connection {
            user: GoogleUser { sub: text("sub"), email: text("email") },
            refresh_token: RefreshToken(text("refresh_token").into()),
            client: self.ports.endpoint.client(),
            scopes: text("scope").split(' ').map(str::to_owned).collect(),
        };
        let account = AccountId::parse(account).expect("an account id");
        self.ports.accounts.connect(&account, &connection).await.expect("connected");
    }

    /// Posts an event without a conference, so that the job is one request; answers the job's id.
    pub async fn post(&self, account: &str, calendar: &str) -> String {
        let body = json!({
            "account": account, "calendarId": calendar, "conference": false, "summary": "One of many",
            "startDateTime": "2027-03-02T10:00:00Z", "endDateTime": "2027-03-02T11:00:00Z",
        });
        let reply = self.http.post(format!("{}/api/v1/events", self.url)).json(&body).send().await;
        let reply = reply.expect("an answer");
        assert_eq!(reply.status(), 202);
        let reply: Value = reply.json().await.expect("JSON");
        reply["jobId"].as_str().expect("an id").to_owned()
    }

    /// The job as callers see it.
    pub async fn job(&self, id: &str) -> Value {
        let reply = self.http.get(format!("{}/api/v1/jobs/{id}", self.url)).send().await.expect("an answer");
        reply.json().await.expect("JSON")
    }

    /// How many jobs there are, by state.
    pub async fn states(&self) -> std::collections::BTreeMap<String, usize> {
        let page = Page { after: None, limit: 100_000 };
        let jobs = self.ports.store.list(&ListFilter::default(), page).await.expect("a list");
        let mut counts = std::collections::BTreeMap::new();
        for job in jobs {
            *counts.entry(job.state.name().as_str().to_owned()).or_default() += 1;
        }
        counts
    }

    /// Stops as SIGTERM does.
    pub async fn close(self) {
        self.stop.taking.cancel();
        for task in self.tasks {
            task.await.expect("no panic");
        }
        self.folder.close().await;
    }
}
