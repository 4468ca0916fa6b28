//! calrelay as an operator installs it: ingresses and workers, each a process, on RabbitMQ, Redis, a vault and Google.

mod caller;
mod member;

pub use caller::{Accepted, Answer, Caller};
pub use member::Member;

use futures_util::future::join_all;

use crate::before::{Broker, QueuedMessage, moved, replay_redis};
use crate::launch::Launch;
use crate::sandbox_process::SandboxProcess;
use crate::servers::{Cluster, Durability, PostgresServer, Proxy, RedisServer, Vhost, shared_rabbit};

/// Only tests seal with it: 32 zero bytes.
const ENCRYPTION_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// What is to be installed.
pub struct Plan {
    apis: usize,
    workers: usize,
    postgres: bool,
    before: Option<Before>,
    launch: Launch,
}

/// What an earlier build has left on the servers; the vault's SQL and the sandbox's state name a port of the sandbox.
pub struct Before {
    /// The sandbox's port.
    pub port: u16,
    /// The sandbox's state file.
    pub sandbox: Vec<u8>,
    /// SQL that makes PostgreSQL's database.
    pub vault: String,
    /// Commands that fill Redis.
    pub redis: Vec<Vec<String>>,
    /// The messages in the broker.
    pub messages: Vec<QueuedMessage>,
}

/// Where an installation keeps what cannot be rebuilt.
pub enum VaultServer {
    /// A second Redis, which appends always.
    Redis(RedisServer),
    /// PostgreSQL.
    Postgres(PostgresServer),
}

/// All of it. Each process has ways of its own to RabbitMQ, Redis and the vault, which can be cut.
pub struct Installation {
    // Dropped in this order: the processes before what they use, and the vhost, which looks whether messages were
    // left behind, last.
    apis: Vec<Member>,
    workers: Vec<Member>,
    setup: Member,
    sandbox: SandboxProcess,
    redis: RedisServer,
    vault: VaultServer,
    vhost: Vhost,
}

impl Plan {
    /// So many ingresses and workers, with the keys, quotas and limits that a newcomer gets.
    #[must_use]
    pub fn new(apis: usize, workers: usize) -> Self {
        let launch = Launch::new().with("ENCRYPTION_KEY", ENCRYPTION_KEY);
        Self { apis, workers, postgres: false, before: None, launch }
    }

    /// With a variable set in every process.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.launch = self.launch.with(name, value);
        self
    }

    /// Without keys, and with quotas and rate limits that no test comes near.
    #[must_use]
    pub fn unlimited(mut self) -> Self {
        self.launch = self.launch.unlimited().with("DEV_NO_AUTH", 1);
        self
    }

    /// With the vault in PostgreSQL instead of a second Redis.
    #[must_use]
    pub fn on_postgres(mut self) -> Self {
        self.postgres = true;
        self
    }

    /// With what a process is started with changed in some way.
    #[must_use]
    pub fn launched(mut self, change: impl FnOnce(Launch) -> Launch) -> Self {
        self.launch = change(self.launch);
        self
    }

    /// On PostgreSQL, with what an earlier build has left on the servers.
    #[must_use]
    pub fn taking_over(self, before: Before) -> Self {
        Self { before: Some(before), ..self.on_postgres() }
    }

    /// Installs it on the broker that all tests share.
    pub async fn start(self) -> Installation {
        self.start_first(|_| {}).await
    }

    /// The same, after a look at what was prepared: `look` is given what operators' commands are run with.
    pub async fn start_first(self, look: impl FnOnce(&Launch)) -> Installation {
        let vhost = shared_rabbit().await.vhost().await;
        let port = vhost.server().port();
        self.install(vhost, &[port], look).await
    }

    /// Installs it in `vhost`: on a broker of the test's own, which it may hurt.
    pub async fn start_in(self, vhost: Vhost) -> Installation {
        let port = vhost.server().port();
        self.install(vhost, &[port], |_| {}).await
    }

    /// Installs it on a cluster: a process that loses its node connects to another.
    pub async fn start_on(self, cluster: &Cluster) -> Installation {
        let ports: Vec<u16> = cluster.nodes().iter().map(crate::servers::RabbitServer::port).collect();
        self.install(cluster.vhost().await, &ports, |_| {}).await
    }

    async fn install(self, vhost: Vhost, broker: &[u16], look: impl FnOnce(&Launch)) -> Installation {
        let redis = RedisServer::start(Durability::Nothing).await;
        let vault = match self.postgres {
            true => VaultServer::Postgres(PostgresServer::start().await),
            false => VaultServer::Redis(RedisServer::start(Durability::Always).await),
        };
        let sandbox = match &self.before {
            Some(before) => SandboxProcess::start_on(|port| moved(&before.sandbox, before.port, port)).await,
            None => SandboxProcess::start().await,
        };
        if let (Some(before), VaultServer::Postgres(vault)) = (&self.before, &vault) {
            let sql = moved(before.vault.as_bytes(), before.port, sandbox.port());
            let _ = vault.sql(&vault.url(), &String::from_utf8(sql).expect("SQL"));
            replay_redis(&redis.url(), &before.redis);
        }
        let launch = self.launch.with_sandbox(&sandbox.view());
        let join = |role: &'static str| {
            let (vhost, redis, vault, launch) = (&vhost, &redis, &vault, &launch);
            async move {
                let ways = (
                    Proxy::balancing(broker).await,
                    Proxy::to(redis.port()).await,
                    Proxy::to(vault.port()).await,
                );
                let launch = launch
                    .another(role)
                    .with("AMQP_URL", ways.0.in_place_of(vhost.server().port(), &vhost.url()))
                    .with("REDIS_URL", ways.1.in_place_of(redis.port(), &redis.url()))
                    .with("VAULT_URL", ways.2.in_place_of(vault.port(), &vault.url()));
                Member::new(launch, ways)
            }
        };
        let setup = join("setup").await;
        setup.launch().prepare();
        look(setup.launch());
        if let Some(before) = &self.before {
            let broker = Broker::connect(&vhost).await;
            for message in &before.messages {
                broker.put(message).await;
            }
            broker.close().await;
        }
        let mut apis = join_all((0..self.apis).map(|_| join("api"))).await;
        let mut workers = join_all((0..self.workers).map(|_| join("worker"))).await;
        join_all(apis.iter_mut().chain(&mut workers).map(Member::start)).await;
        Installation { apis, workers, setup, sandbox, redis, vault, vhost }
    }
}

impl VaultServer {
    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        match self {
            Self::Redis(server) => server.port(),
            Self::Postgres(server) => server.port(),
        }
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        match self {
            Self::Redis(server) => server.url(),
            Self::Postgres(server) => server.url(),
        }
    }
}

impl Installation {
    /// The master key that every process has.
    #[must_use]
    pub fn encryption_key(&self) -> &'static str {
        ENCRYPTION_KEY
    }

    /// The ingresses.
    #[must_use]
    pub fn apis(&self) -> &[Member] {
        &self.apis
    }

    /// What `calrelay setup` was run with, and may be again.
    #[must_use]
    pub fn setup(&self) -> &Launch {
        self.setup.launch()
    }

    /// An ingress, to do something to.
    ///
    /// # Panics
    /// When there are not so many.
    pub fn api(&mut self, number: usize) -> &mut Member {
        &mut self.apis[number]
    }

    /// The workers.
    #[must_use]
    pub fn workers(&self) -> &[Member] {
        &self.workers
    }

    /// A worker, to do something to.
    ///
    /// # Panics
    /// When there are not so many.
    pub fn worker(&mut self, number: usize) -> &mut Member {
        &mut self.workers[number]
    }

    /// Every process.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.apis.iter().chain(&self.workers)
    }

    /// Google.
    #[must_use]
    pub fn sandbox(&self) -> &SandboxProcess {
        &self.sandbox
    }

    /// Google, to take away.
    pub fn sandbox_mut(&mut self) -> &mut SandboxProcess {
        &mut self.sandbox
    }

    /// The Redis that may be lost.
    #[must_use]
    pub fn redis(&self) -> &RedisServer {
        &self.redis
    }

    /// What may not be lost.
    #[must_use]
    pub fn vault(&self) -> &VaultServer {
        &self.vault
    }

    /// Its part of the broker.
    #[must_use]
    pub fn vhost(&self) -> &Vhost {
        &self.vhost
    }

    /// Somebody who uses all ingresses in turn, and goes on while processes come and go.
    #[must_use]
    pub fn caller(&self) -> Caller {
        Caller::of(self.apis.iter().map(Member::launch))
    }

    /// Cuts every process off the broker.
    pub async fn cut_broker(&self) {
        join_all(self.members().map(|member| member.broker().cut())).await;
    }

    /// Ends [`Self::cut_broker`].
    pub async fn heal_broker(&self) {
        join_all(self.members().map(|member| member.broker().heal())).await;
    }
}
