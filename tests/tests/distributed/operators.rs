//! What operators do to an installation of many processes, and what they are told when something is wrong.

use std::time::Duration;

use serde_json::json;
use tests::{
    Durability, Launch, Plan, PostgresServer, RabbitServer, RedisServer, SandboxProcess, Vhost, event,
    eventually, shared_rabbit,
};

const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// Servers that nothing was prepared on.
struct Servers {
    redis: RedisServer,
    vault: RedisServer,
    sandbox: SandboxProcess,
    vhost: Vhost,
}

impl Servers {
    async fn start() -> Self {
        Self {
            redis: RedisServer::start(Durability::Nothing).await,
            vault: RedisServer::start(Durability::Always).await,
            sandbox: SandboxProcess::start().await,
            vhost: shared_rabbit().await.vhost().await,
        }
    }

    fn launch(&self) -> Launch {
        Launch::new()
            .with("ENCRYPTION_KEY", KEY)
            .with("AMQP_URL", self.vhost.url())
            .with("REDIS_URL", self.redis.url())
            .with("VAULT_URL", self.vault.url())
            .with_sandbox(&self.sandbox.view())
    }
}

/// What was said, which must be one sentence for a person and nothing else but dated log lines: a connection may be told
/// of while the process ends.
fn one_line(said: &str) -> &str {
    let sentences: Vec<&str> = said.lines().filter(|line| !line.starts_with("20")).collect();
    assert!(sentences.len() == 1 && sentences[0].starts_with("calrelay: "), "{said}");
    sentences[0]
}

#[tokio::test(flavor = "multi_thread")]
async fn setup_prepares_the_servers_and_may_be_run_again() {
    let servers = Servers::start().await;
    let launch = servers.launch();
    // Before it, everybody says what is missing instead of making something of their own.
    let early = launch.refused(&["jobs", "list"]);
    assert!(one_line(&early).contains("calrelay setup"), "{early}");

    let first = launch.run(&["setup"]);
    let key = first.split_whitespace().find(|word| word.starts_with("crk_")).expect("an admin key");
    let second = launch.run(&["setup"]);
    assert!(!second.contains("crk_") && second.contains("keys create"), "{second}");
    let listed = launch.run(&["keys", "list"]);
    assert_eq!(listed.matches("crk_").count(), 1, "one key was made: {listed}");
    assert!(listed.contains(&key[..12]) && !listed.contains(key), "{listed}");
    assert!(launch.run(&["jobs", "list"]).contains("STATE"));
    assert!(launch.run(&["queue"]).contains("fresh"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_of_the_broker_without_rights_is_told_which_and_needs_them_for_setup_alone() {
    let servers = Servers::start().await;
    let own = "^calrelay\\..*";
    let plain = servers.vhost.add_user("plain", "^$", own, own).await;
    let unprivileged = servers.launch().with("AMQP_URL", &plain);
    let said = unprivileged.refused(&["setup"]);
    println!("{said}");
    assert!(one_line(&said).contains("calrelay.jobs") && said.contains("set_permissions"), "{said}");
    assert!(!said.contains("guest@"), "no passwords: {said}");

    servers.launch().another("setup").prepare();
    let open = unprivileged.with("DEV_NO_AUTH", 1);
    let (api, worker) = (open.another("api").start().await, open.another("worker").start().await);
    let id = api.submit(&event("Without rights"), "plain").await.expect("accepted");
    eventually("the job's success", Duration::from_secs(20), || async {
        (api.job(&id).await["state"] == "succeeded").then_some(())
    })
    .await;
    drop((api, worker));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_that_can_lose_what_it_confirms_is_refused_at_once_and_says_why() {
    let servers = Servers::start().await;
    let both = RedisServer::start(Durability::Always).await;
    let other_database = format!("{}/1", both.url().trim_end_matches('/'));
    let same = servers.launch().with("REDIS_URL", both.url()).with("VAULT_URL", other_database);
    let lazy = RedisServer::start(Durability::Nothing).await;
    let lazy = servers.launch().with("VAULT_URL", lazy.url());
    for (launch, told) in [(same, "REDIS_URL"), (lazy, "appendfsync")] {
        for role in ["setup", "api", "worker"] {
            let said = launch.refused(&[role]);
            println!("{role}: {said}");
            assert!(one_line(&said).contains(told), "{said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_encryption_key_is_refused_by_every_role() {
    let servers = Servers::start().await;
    servers.launch().another("setup").prepare();
    let wrong = servers.launch().with("ENCRYPTION_KEY", common::seal::Key::random().to_base64().as_str());
    for command in [&["setup"] as &[&str], &["api"], &["worker"], &["jobs", "list"]] {
        let said = wrong.refused(command);
        assert!(one_line(&said).contains("ENCRYPTION_KEY"), "{command:?}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_were_started_before_the_servers_work_once_these_are_there() {
    let rabbit = RabbitServer::start().await;
    let (redis, vault) = (RedisServer::start(Durability::Nothing).await, PostgresServer::start().await);
    let sandbox = SandboxProcess::start().await;
    let vhost = rabbit.vhost().await;
    let launch = Launch::new()
        .with("ENCRYPTION_KEY", KEY)
        .with("AMQP_URL", vhost.url())
        .with("REDIS_URL", redis.url())
        .with("VAULT_URL", vault.url())
        .with("DEV_NO_AUTH", 1)
        .with_sandbox(&sandbox.view());
    launch.another("setup").prepare();
    rabbit.stop();
    redis.stop();
    let api = launch.another("api").start().await;
    let posted = api.submit(&event("Too early"), "early").await.expect_err("there is no queue");
    assert!(posted.contains("503"), "{posted}");
    let worker = launch.another("worker");
    // A worker is ready when it can take jobs, so its start ends with the broker's.
    let (worker, ()) = tokio::join!(worker.start(), async {
        redis.start_again().await;
        rabbit.start_again().await;
    });
    let id = eventually("a job to be accepted", Duration::from_secs(30), || async {
        api.submit(&event("Too early"), "early").await.ok()
    })
    .await;
    eventually("the job's success", Duration::from_secs(20), || async {
        (api.job(&id).await["state"] == "succeeded").then_some(())
    })
    .await;
    drop((api, worker));
}
#[tokio::test(flavor = "multi_thread")]
async fn a_failed_job_whose_record_is_lost_comes_back_from_the_dead_letters() {
    let all = Plan::new(1, 1).unlimited().start().await;
    let (caller, operator) = (all.caller(), all.apis()[0].launch());
    let fault = json!({"method": "events.insert", "status": 400, "reason": "invalid", "count": 1});
    all.sandbox().view().fault(fault).await;
    let id = caller.submit(&event("Refused once"), "refused", Duration::from_secs(10)).await.id;
    eventually("the job's failure", Duration::from_secs(20), || async {
        (caller.job(&id).await.ok()?.body["state"] == "failed").then_some(())
    })
    .await;
    all.redis().wipe();

    let dry = operator.run(&["jobs", "restore", "--dry-run"]);
    assert!(dry.contains(&id) && dry.contains("refused") && dry.contains("1 dead letters"), "{dry}");
    assert!(operator.run(&["jobs", "restore", &id]).contains("1 brought back"));
    eventually("the job's success", Duration::from_secs(30), || async {
        (caller.job(&id).await.ok()?.body["state"] == "succeeded").then_some(())
    })
    .await;
    assert!(operator.run(&["jobs", "restore", "--dry-run"]).contains("0 dead letters"));
    assert_eq!(all.sandbox().view().events().await[&id].inserts, 1);
}
