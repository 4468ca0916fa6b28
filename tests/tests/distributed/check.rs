//! `calrelay check` on real servers.

use std::time::Duration;

use adapter_rabbitmq::{Link, Part, RabbitQueue};
use common::port::Lane;
use common::seal::Key;
use tests::{
    Durability, Launch, PostgresServer, RabbitServer, RedisServer, SandboxProcess, Vhost, free_port,
    shared_rabbit,
};

/// Servers, and what every process of the installation on them is told.
struct Servers {
    redis: RedisServer,
    vault: RedisServer,
    _sandbox: SandboxProcess,
    vhost: Vhost,
    launch: Launch,
}

impl Servers {
    async fn start_in(vhost: Vhost) -> Self {
        let redis = RedisServer::start(Durability::Nothing).await;
        let vault = RedisServer::start(Durability::Always).await;
        let sandbox = SandboxProcess::start().await;
        let launch = Launch::new()
            .with("ENCRYPTION_KEY", Key::random().to_base64().as_str())
            .with("AMQP_URL", vhost.url())
            .with("REDIS_URL", redis.url())
            .with("VAULT_URL", vault.url())
            .with_sandbox(&sandbox.view());
        Self { redis, vault, _sandbox: sandbox, vhost, launch }
    }

    async fn prepared() -> Self {
        let servers = Self::start_in(shared_rabbit().await.vhost().await).await;
        servers.launch.another("setup").prepare();
        servers.redis.command(&["CONFIG", "SET", "maxmemory", "768mb"]);
        servers
    }

    fn with(&self, name: &str, value: impl ToString) -> Launch {
        self.launch.clone().with(name, value)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_that_was_set_up_has_nothing_to_complain_of_but_the_sandbox() {
    let servers = Servers::prepared().await;
    let checked = servers.launch.check();
    assert!(checked.passed, "{}", checked.said);
    assert_eq!(checked.with("warn"), ["google", "google-redirect"], "{}", checked.said);
    let seen = checked.with("ok");
    for name in
        ["rabbitmq", "rabbitmq-release", "rabbitmq-topology", "rabbitmq-rights", "redis", "redis-eviction"]
    {
        assert!(seen.contains(&name), "{name} is missing:\n{}", checked.said);
    }
    for name in [
        "redis-memory",
        "clock",
        "vault",
        "vault-durable",
        "vault-apart",
        "encryption-key",
        "api-keys",
        "accounts",
    ] {
        assert!(seen.contains(&name), "{name} is missing:\n{}", checked.said);
    }
    for secret in ["guest:guest", "crk_", "GOCSPX", "redis://"] {
        assert!(!checked.said.contains(secret), "{secret}:\n{}", checked.said);
    }
    assert!(checked.said.contains("RabbitMQ 3.") || checked.said.contains("RabbitMQ 4."), "{}", checked.said);

    let postgres = PostgresServer::start().await;
    let on_postgres = servers.with("VAULT_URL", postgres.url());
    on_postgres.check().fails(&["vault"], "calrelay setup");
    on_postgres.another("setup").prepare();
    assert!(on_postgres.check().passed);
}

#[tokio::test(flavor = "multi_thread")]
async fn before_setup_it_says_so() {
    let servers = Servers::start_in(shared_rabbit().await.vhost().await).await;
    servers.launch.check().fails(&["rabbitmq-topology", "vault"], "calrelay setup");
    assert!(servers.vhost.messages().await.is_empty(), "looking declares nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_trouble_with_a_server_has_its_line() {
    let servers = Servers::prepared().await;
    let wrong = Key::random().to_base64();
    servers
        .with("ENCRYPTION_KEY", wrong.as_str())
        .check()
        .fails(&["encryption-key"], "was sealed with the key");

    let both = RedisServer::start(Durability::Always).await;
    let same = servers.with("REDIS_URL", both.url()).with("VAULT_URL", format!("{}/1", both.url()));
    same.check().fails(&["vault-apart"], "must survive");
    let lazy = RedisServer::start(Durability::EverySecond).await;
    servers.with("VAULT_URL", lazy.url()).check().fails(&["vault-durable"], "appendfsync");
    servers.redis.command(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    servers.launch.check().fails(&["redis-eviction"], "noeviction");
    servers.redis.command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    let info = servers.redis.command(&["INFO", "memory"]);
    let used = info.lines().find_map(|line| line.strip_prefix("used_memory:")?.trim().parse::<u64>().ok());
    let nearly = (used.unwrap() * 100 / 88).to_string();
    for (most, says) in [(nearly.as_str(), "%)"), ("0", "no `maxmemory`")] {
        servers.redis.command(&["CONFIG", "SET", "maxmemory", most]);
        let told = servers.launch.check();
        assert!(told.passed && told.with("warn").contains(&"redis-memory"), "{}", told.said);
        assert!(told.said.contains(says), "{}", told.said);
    }
    let replica = RedisServer::start_with(
        Durability::Nothing,
        &["--replicaof", &format!("127.0.0.1 {}", servers.redis.port())],
    )
    .await;
    servers.with("REDIS_URL", replica.url()).check().fails(&["redis"], "replica");

    let url = servers.vhost.url();
    servers
        .with("AMQP_URL", url.replace("guest:guest", "guest:wrong"))
        .check()
        .fails(&["rabbitmq"], "password");
    let port = servers.vhost.server().port().to_string();
    let nobody = url.replace(&port, &free_port().to_string());
    servers.with("AMQP_URL", nobody).check().fails(&["rabbitmq"], "no connection");
    let own = "^calrelay\\..*";
    let worker = servers.vhost.add_user("worker", "^$", own, own).await;
    assert!(servers.with("AMQP_URL", worker).check().passed, "it needs no more than a worker does");
    for (name, write, read) in [("reader", "^$", own), ("half", "^calrelay\\.jobs$", own)] {
        let user = servers.vhost.add_user(name, "^$", write, read).await;
        servers.with("AMQP_URL", user).check().fails(&["rabbitmq-rights"], "rights");
    }
    let writer = servers.vhost.add_user("writer", "^$", own, "^$").await;
    let told = servers.with("AMQP_URL", writer).check();
    assert!(told.passed && told.with("warn").contains(&"rabbitmq-rights"), "{}", told.said);
    servers.vhost.server().ctl(&["delete_queue", "-p", servers.vhost.name(), "calrelay.delay.5s"]).await;
    servers.launch.check().fails(&["rabbitmq-topology"], "calrelay.delay.5s");

    servers.redis.kill();
    servers.vault.kill();
    servers.launch.check().fails(&["rabbitmq-topology", "redis", "vault"], "calrelay setup");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_with_an_alarm_is_told_of_and_dead_letters_stay() {
    let rabbit = RabbitServer::start().await;
    let servers = Servers::start_in(rabbit.vhost().await).await;
    servers.launch.another("setup").prepare();
    let queue = RabbitQueue::start(&servers.vhost.url(), Part::Operator, Duration::from_secs(3_600)).unwrap();
    queue.link().wait_for(|link| *link == Link::Up).await.unwrap();
    queue.publish_bytes(None, b"unreadable".to_vec(), Lane::Dead, Duration::ZERO).await.unwrap();
    queue.close().await;
    for _ in 0..3 {
        assert!(servers.launch.check().passed);
    }
    servers.vhost.leaves("calrelay.dead", 1);
    rabbit.alarm(true).await;
    servers.launch.check().fails(&["rabbitmq-rights"], "alarm");
    rabbit.alarm(false).await;
}
