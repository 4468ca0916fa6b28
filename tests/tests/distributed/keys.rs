//! Keys that are replaced while jobs wait, and vaults that are lost and restored.

use std::sync::Arc;
use std::time::Duration;

use accounts::backup::{Backup, BackupError, Present};
use adapter_embedded::{Embedded, Role};
use common::port::{Shelf, SystemClock, Vault};
use common::seal::{Key, Keyring};
use jiff::Timestamp;
use serde_json::{Value, json};
use tests::{
    Calrelay, Durability, Launch, Plan, RedisServer, SandboxProcess, VaultServer, Vhost, all_succeeded,
    connect, each_once, event, event_of, eventually, open_vault, shared_postgres, shared_rabbit,
};

const SOON: Duration = Duration::from_secs(30);

/// An installation whose processes are started with the keys that a test gives them.
struct Office {
    _redis: RedisServer,
    vault: RedisServer,
    sandbox: SandboxProcess,
    vhost: Vhost,
    launch: Launch,
}

impl Office {
    /// Made with `key`.
    async fn new(key: &str) -> Self {
        let redis = RedisServer::start(Durability::Nothing).await;
        let vault = RedisServer::start(Durability::Always).await;
        let sandbox = SandboxProcess::start().await;
        let vhost = shared_rabbit().await.vhost().await;
        let launch = Launch::new()
            .unlimited()
            .with("DEV_NO_AUTH", 1)
            .with("AMQP_URL", vhost.url())
            .with("REDIS_URL", redis.url())
            .with("VAULT_URL", vault.url())
            .with_sandbox(&sandbox.view());
        let office = Self { _redis: redis, vault, sandbox, vhost, launch };
        office.operator(key).another("setup").prepare();
        office
    }

    /// Somebody with these keys.
    fn operator(&self, keys: &str) -> Launch {
        self.launch.another("operator").with("ENCRYPTION_KEY", keys)
    }

    async fn start(&self, role: &'static str, keys: &str) -> Calrelay {
        self.operator(keys).another(role).start().await
    }

    /// All that the vault holds.
    async fn vault(&self) -> Vec<(Shelf, String, Value)> {
        contents(open_vault(&self.vault.url(), None).await.unwrap().as_ref()).await
    }
}

async fn contents(vault: &dyn Vault) -> Vec<(Shelf, String, Value)> {
    let mut all = Vec::new();
    for shelf in Shelf::ALL {
        all.extend(vault.list(shelf).await.unwrap().into_iter().map(|(name, doc)| (shelf, name, doc.value)));
    }
    all
}

fn key() -> String {
    Key::random().to_base64().to_string()
}

async fn submit(api: &Calrelay, prefix: &str, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..count {
        let name = format!("{prefix}-{number}");
        // An ingress is ready before it has reached the broker.
        let accepted = || async { api.submit(&event(&name), &name).await.ok() };
        ids.push(eventually("a job to be accepted", SOON, accepted).await);
    }
    ids
}

async fn until(api: &Calrelay, id: &str, state: &str) -> Value {
    eventually(state, SOON, || async {
        let job = api.job(id).await;
        (job["state"] == state).then_some(job)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_replaced_while_jobs_wait_in_the_broker_and_none_fails() {
    let (old, new) = (key(), key());
    let office = Office::new(&old).await;
    let google = office.sandbox.view();

    // One that has succeeded, one that has failed, and many that no worker has taken.
    let (api, worker) = (office.start("api", &old).await, office.start("worker", &old).await);
    let done = submit(&api, "done", 1).await.remove(0);
    until(&api, &done, "succeeded").await;
    google.fault(json!({"method": "events.insert", "status": 400, "reason": "invalid", "count": 1})).await;
    let refused = submit(&api, "refused", 1).await.remove(0);
    let words = until(&api, &refused, "failed").await["error"]["detail"].clone();
    worker.terminate().await;
    let mut waiting = submit(&api, "old-key", 30).await;
    api.terminate().await;

    // The new key goes to every process first, and seals from then on.
    let both = format!("{new},{old}");
    let api = office.start("api", &both).await;
    waiting.extend(submit(&api, "both-keys", 10).await);
    let said = office.operator(&both).run(&["vault", "rotate"]);
    println!("{said}");
    for expected in ["1 accounts, 1 secrets, 42 records, 1 dead letters", "40 jobs", "may go at 20"] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    let again = office.operator(&both).run(&["vault", "rotate"]);
    assert!(again.contains("0 accounts, 0 secrets, 0 records, 0 dead letters"), "{again}");
    waiting.extend(submit(&api, "rotated", 10).await);
    api.terminate().await;

    // From then on the new key is enough, and the old one is nothing.
    let (api, worker) = (office.start("api", &new).await, office.start("worker", &new).await);
    for id in &waiting {
        until(&api, id, "succeeded").await;
    }
    assert!(api.job(&done).await["result"]["eventLink"].is_string(), "what had ended is still readable");
    assert_eq!(api.job(&refused).await["error"]["detail"], words);
    let operator = office.operator(&new);
    assert!(operator.run(&["jobs", "restore", &refused]).contains("1 brought back"));
    until(&api, &refused, "succeeded").await;
    each_once(&google, waiting.iter().chain([&done, &refused])).await;
    let alone = operator.run(&["vault", "rotate"]);
    assert!(alone.contains("is the only one"), "{alone}");

    let before = office.vault().await;
    for command in [&["setup"] as &[&str], &["api"], &["worker"], &["vault", "rotate"], &["jobs", "list"]] {
        let said = office.operator(&old).refused(command);
        let sentence = said.lines().last().expect("something was said");
        assert!(sentence.starts_with("calrelay: "), "{command:?}: {said}");
        assert!(sentence.contains("ENCRYPTION_KEY"), "{command:?}: {said}");
        assert!(!said.contains(&old), "{said}");
    }
    assert_eq!(office.vault().await, before, "a wrong key changes nothing");
    drop((api, worker));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_was_not_given_the_new_key_lets_jobs_wait_and_says_so() {
    let (old, new) = (key(), key());
    let office = Office::new(&old).await;
    let worker = office.start("worker", &old).await;
    let both = format!("{new},{old}");
    let _ = office.operator(&both).run(&["vault", "rotate"]);
    let api = office.start("api", &both).await;
    let id = submit(&api, "unreadable", 1).await.remove(0);
    let job = until(&api, &id, "waiting").await;
    assert_eq!((&job["attempts"], &job["deferrals"]), (&json!(0), &json!(1)), "{job}");
    eventually("the gauge", SOON, || async {
        (worker.metric("calrelay_sealing_key_missing").await == 1.0).then_some(())
    })
    .await;
    let told = worker.log();
    let missing = Key::parse(&new).unwrap().id().to_string();
    assert!(told.contains(&missing), "the log says which: {told}");
    assert_eq!(office.vhost.messages().await["calrelay.delay.1h"], 1);
    office.vhost.leaves("calrelay.delay.1h", 1);
    drop((api, worker));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_that_was_lost_comes_back_from_its_backup_and_nobody_connects_again() {
    for plan in [Plan::new(1, 1), Plan::new(1, 1).on_postgres()] {
        lose_and_restore(plan.unlimited()).await;
    }
}

async fn lose_and_restore(plan: Plan) {
    let mut all = plan.start().await;
    connect(&all, "second", "bob@example.com", &[]).await;
    let operator = all.apis()[0].launch().another("operator");
    let file = operator.dir().join("vault.backup");
    let file = file.to_str().unwrap();
    let said = operator.run(&["vault", "backup", file]);
    assert!(said.contains("2 accounts"), "{said}");
    let text = std::fs::read_to_string(file).unwrap();
    assert!(!text.contains("bob@example.com") && !text.contains("second"), "{text}");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    assert!(operator.refused(&["vault", "backup", file]).contains("already"), "no backup is overwritten");

    // Jobs wait in the broker while the vault is lost.
    all.worker(0).terminate().await;
    let caller = all.caller();
    let mut ids = Vec::new();
    for number in 0..20 {
        let account = if number % 2 == 0 { "default" } else { "second" };
        let body = event_of(account, "primary", "Waits");
        ids.push(caller.submit(&body, &format!("waits-{number}"), SOON).await.id);
    }
    all.api(0).terminate().await;
    let untouched = operator.refused(&["vault", "restore", file]);
    assert!(untouched.contains("not empty") && untouched.contains("--replace"), "{untouched}");
    wipe(all.vault());
    assert!(operator.refused(&["jobs", "list"]).contains("calrelay setup"), "the vault is empty");

    // A wrong key and a damaged file are refused before anything is touched.
    let wrong = operator.clone().with("ENCRYPTION_KEY", key());
    assert!(wrong.refused(&["vault", "restore", file]).contains("ENCRYPTION_KEY"));
    let damaged = operator.dir().join("damaged");
    std::fs::write(&damaged, &text[..text.len() - 9]).unwrap();
    assert!(operator.refused(&["vault", "restore", damaged.to_str().unwrap()]).contains("damaged"));
    let vault = open_vault(&all.vault().url(), None).await.unwrap();
    assert_eq!(contents(vault.as_ref()).await, []);

    let said = operator.run(&["vault", "restore", file]);
    assert!(said.contains("2 accounts"), "{said}");
    all.api(0).start().await;
    all.worker(0).start().await;
    let caller = all.caller();
    all_succeeded(&caller, &ids, SOON).await;
    let after = caller.submit(&event_of("second", "primary", "After"), "after", SOON).await.id;
    all_succeeded(&caller, std::slice::from_ref(&after), SOON).await;
    each_once(&all.sandbox().view(), ids.iter().chain([&after])).await;
}

fn wipe(vault: &VaultServer) {
    match vault {
        VaultServer::Redis(server) => server.wipe(),
        VaultServer::Postgres(server) => {
            let _ = server.sql(&server.url(), "DROP TABLE calrelay_docs");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_any_kind_of_vault_fills_every_other_kind() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Embedded::open(dir.path(), Role::Operator, Arc::new(SystemClock), None).await.unwrap();
    let redis = RedisServer::start(Durability::Always).await;
    let vaults: [Arc<dyn Vault>; 3] = [
        folder.vault(),
        open_vault(&shared_postgres().await.database(), None).await.unwrap(),
        open_vault(&redis.url(), None).await.unwrap(),
    ];
    let ring = Keyring::new(Key::random(), Vec::new());
    accounts::secrets::open(vaults[0].as_ref(), &ring).await.unwrap();
    for shelf in Shelf::ALL {
        if shelf != Shelf::Accounts {
            let value = json!({"of": shelf.as_str(), "text": "Ünï\u{0}codé\n"});
            vaults[0].put(shelf, "a document", &value, None).await.unwrap();
        }
    }
    for (from, to) in [(0, 1), (1, 2), (2, 0), (0, 2), (2, 1), (1, 0)] {
        let (from, to) = (&vaults[from], &vaults[to]);
        let backup = Backup::of(from.as_ref(), &ring, Timestamp::now()).await.unwrap().to_text(&ring);
        let backup = Backup::from_text(&backup, &ring).unwrap();
        if contents(to.as_ref()).await.is_empty() {
            backup.restore(to.as_ref(), Present::Keep, Timestamp::now()).await.unwrap();
        } else {
            let refused = backup.restore(to.as_ref(), Present::Keep, Timestamp::now()).await;
            assert_eq!(refused, Err(BackupError::NotEmpty { accounts: 0, keys: 1 }));
            backup.restore(to.as_ref(), Present::Replace, Timestamp::now()).await.unwrap();
        }
        assert_eq!(contents(to.as_ref()).await, contents(from.as_ref()).await);
    }
}
