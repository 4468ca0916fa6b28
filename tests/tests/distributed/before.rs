//! RabbitMQ, Redis and PostgreSQL that an earlier build has filled are taken over, jobs in every state included.

use std::sync::Arc;
use std::time::Duration;

use adapter_redis::Redis;
use common::job::JobId;
use common::port::{JobStore as _, SystemClock};
use serde_json::json;
use tests::before::{
    Broker, Fixture, QueuedMessage, RETENTION_DAYS, Scene, WEBHOOK, comes_to_its_end, fill, fixture, lasting,
    over, redis_commands,
};
use tests::{Before, Installation, Plan, VaultServer, connect, eventually};

use crate::receiver::Receiver;

const KNOWN: &str = "servers.json";
const SANDBOX: &str = "sandbox.jsonl";
const VAULT: &str = "vault.sql";
const REDIS: &str = "redis.jsonl";
const MESSAGES: &str = "messages.jsonl";
/// Dead letters in the fixture, but for the one that is brought back.
const DEAD: u64 = 3;

fn plan() -> Plan {
    Plan::new(1, 1).with("JOB_RETENTION_DAYS", RETENTION_DAYS)
}

/// The servers' state, as it is replayed; for files that a person can read.
fn lines(lines: impl IntoIterator<Item = String>) -> String {
    lines.into_iter().fold(String::new(), |text, line| text + &line + "\n")
}

fn stored(name: &str) -> String {
    std::fs::read_to_string(fixture(name)).unwrap()
}

/// The record of a job as it is long after it has succeeded.
async fn compacted(all: &Installation, id: &str) {
    let redis = Redis::start(&all.redis().url(), Arc::new(SystemClock)).unwrap();
    let store = redis.store(Duration::from_secs(u64::from(RETENTION_DAYS) * 86_400));
    let job = store.get(&JobId::parse(id).unwrap()).await.unwrap().unwrap();
    store.compact(&job, &job).await.unwrap();
    let record = all.redis().command(&["GET", &format!("calrelay:job:{id}")]);
    assert!(record.starts_with('\u{2}'), "the mark of compact records");
}

#[ignore = "makes the fixture anew, by this build"]
#[tokio::test(flavor = "multi_thread")]
async fn make_the_servers() {
    let plan = plan()
        .on_postgres()
        .with("WEBHOOK_URL", WEBHOOK)
        .with("WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        .with("WEBHOOK_NETWORKS", "127.0.0.0/8");
    let mut all = plan.start().await;
    all.vhost().leaves_anything();
    for account in ["busy", "away", "guests", "gone", "erased"] {
        connect(&all, account, &format!("{account}@example.com"), &[]).await;
    }
    let operator = all.setup().clone();
    let reader = operator.run(&["keys", "create", "--scope", "read", "--accounts", "def*"]);
    let revoked = operator.run(&["keys", "create", "--scope", "admin"]);
    let named: String = revoked.chars().take(12).collect();
    let _ = operator.run(&["keys", "revoke", &named]);
    let keys = [("admin", operator.key().unwrap()), ("reader", reader), ("revoked", revoked)];
    let scene = Scene { caller: all.caller(), operator: operator.clone(), google: all.sandbox().view() };
    let jobs = fill(&scene, async || all.worker(0).kill()).await;
    let _ = all.api(0).terminate().await;
    compacted(&all, &jobs[0].id).await;
    // A replay has set a deadline of its own.
    let again = jobs.iter().find(|job| job.name == "again").unwrap();
    let key = format!("calrelay:job:{}", again.id);
    let record = lasting(&all.redis().command(&["GET", &key]), "notAfter");
    all.redis().command(&["SET", &key, &record, "KEEPTTL"]);
    Fixture::keep(KNOWN, &jobs, &operator, &keys, all.sandbox().port());

    let sandbox = std::fs::read_to_string(all.sandbox().state()).unwrap();
    std::fs::write(fixture(SANDBOX), lasting(&sandbox, "used")).unwrap();
    let VaultServer::Postgres(vault) = all.vault() else { panic!("it is PostgreSQL") };
    // A limit on guests lasts for an hour.
    let account = |line: &str| {
        if line.contains("'accounts'") { over(&lasting(line, "since"), "until") } else { line.to_owned() }
    };
    let sql = vault.dump(&vault.url());
    std::fs::write(fixture(VAULT), lines(sql.lines().map(account))).unwrap();
    let commands = redis_commands(&all.redis().url());
    std::fs::write(fixture(REDIS), lines(commands.iter().map(|command| json!(command).to_string()))).unwrap();
    let broker = Broker::connect(all.vhost()).await;
    let messages = broker.take_all(all.vhost()).await;
    let messages = messages.into_iter().map(|message| message.lasting().to_line());
    std::fs::write(fixture(MESSAGES), lines(messages)).unwrap();
    broker.close().await;
}

fn before(known: &Fixture) -> Before {
    Before {
        port: known.port(),
        sandbox: stored(SANDBOX).into_bytes(),
        vault: stored(VAULT),
        redis: stored(REDIS).lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
        messages: stored(MESSAGES).lines().map(QueuedMessage::of_line).collect(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_an_earlier_build_has_filled_are_taken_over_with_jobs_in_every_state() {
    let (known, receiver) = (Fixture::read(KNOWN), Receiver::start());
    let plan = plan().launched(|launch| receiver.told_by(launch).with_key(known.key("admin")));
    let all = plan.taking_over(before(&known)).start_first(|setup| known.stands_as_it_was_left(setup)).await;
    // What is far away, and the look at a blocked job's account that came to nothing.
    all.vhost().leaves_anything();
    let (operator, google) = (all.setup(), all.sandbox().view());
    let again = async || connect(&all, "away", "away@example.com", &[]).await;
    comes_to_its_end(&known, &all.caller(), operator, &google, again, || receiver.taken()).await;
    eventually("nothing to be left that is due", Duration::from_secs(30), || async {
        let left = all.vhost().messages().await;
        let left = ["calrelay.jobs", "calrelay.due", "calrelay.dead"].map(|queue| left[queue]);
        (left == [0, 0, DEAD]).then_some(())
    })
    .await;
}
