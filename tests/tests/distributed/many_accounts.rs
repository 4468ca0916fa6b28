//! What a process costs its servers where there are many accounts and many blocked jobs: what has changed, not what
//! there is.

use std::sync::Arc;
use std::time::{Duration, Instant};

use adapter_redis::Redis;
use common::account::{AccountId, AccountState, Generation, ReauthorizationCause};
use common::job::{BlockReason, Job, JobState};
use common::port::{JobStore, Shelf, SystemClock, Vault};
use common::sample;
use common::time::hours;
use jiff::Timestamp;
use serde_json::{Value, json};
use tests::{
    Installation, MetricsPage, Plan, RedisServer, VaultServer, accounts, connect, eventually, open_vault,
};
use tokio::task::JoinSet;

const SOON: Duration = Duration::from_secs(60);
const AT_ONCE: usize = 64;
/// The account that has to be connected again, and whose jobs are blocked.
const BLOCKED: &str = "blocked";
/// An account that was connected a moment ago too, the last by name, and of which one job was not woken.
const CUT_SHORT: &str = "zz-lately-0";

/// What there is.
struct Crowd {
    /// Accounts that were connected a moment ago.
    lately: usize,
    /// Accounts that were connected long ago.
    long_ago: usize,
    /// Blocked jobs of one account that has to be connected again.
    blocked: usize,
}

fn vault_server(calrelay: &Installation) -> &RedisServer {
    match calrelay.vault() {
        VaultServer::Redis(server) => server,
        VaultServer::Postgres(_) => panic!("it is a Redis"),
    }
}

/// Commands that a server has carried out since `CONFIG RESETSTAT`, those within scripts among them.
fn commands(server: &RedisServer) -> u64 {
    let stats = server.command(&["INFO", "commandstats"]);
    let calls = |line: &str| line.split_once(":calls=")?.1.split(',').next()?.parse::<u64>().ok();
    stats.lines().filter_map(calls).sum()
}

/// How often one command was carried out.
fn calls(server: &RedisServer, command: &str) -> u64 {
    let stats = server.command(&["INFO", "commandstats"]);
    let prefix = format!("cmdstat_{command}:calls=");
    let line = stats.lines().find_map(|line| line.strip_prefix(&prefix));
    line.and_then(|rest| rest.split(',').next()?.parse().ok()).unwrap_or(0)
}

fn bytes_out(server: &RedisServer) -> u64 {
    let stats = server.command(&["INFO", "stats"]);
    let line = stats.lines().find_map(|line| line.strip_prefix("total_net_output_bytes:"));
    line.unwrap().trim().parse().unwrap()
}

fn blocked(server: &RedisServer) -> usize {
    server.command(&["ZCARD", "calrelay:jobs:blocked"]).parse().unwrap()
}

/// Runs `work` for each number, many at once.
async fn all<F: Future<Output = ()> + Send + 'static>(count: usize, work: impl Fn(usize) -> F) {
    let mut running = JoinSet::new();
    for number in 0..count {
        if running.len() >= AT_ONCE {
            running.join_next().await.unwrap().unwrap();
        }
        running.spawn(work(number));
    }
    running.join_all().await;
}

/// The document of an account that has to be connected again; others are made of it.
async fn ended_account(calrelay: &Installation, vault: &Arc<dyn Vault>) -> Value {
    connect(calrelay, BLOCKED, "blocked@example.com", &[]).await;
    let (id, cause) = (AccountId::parse(BLOCKED).unwrap(), ReauthorizationCause::GrantEnded);
    assert!(accounts(calrelay).await.needs_reauthorization(&id, Generation(1), cause).await.unwrap());
    vault.get(Shelf::Accounts, BLOCKED).await.unwrap().unwrap().value
}

fn blocked_job(account: &str) -> Job {
    let state = JobState::Blocked { why: BlockReason::Reauthorization, until: None };
    sample::job("local", account).with(|fields| {
        fields.state = state;
        fields.hop = 1;
    })
}

impl Crowd {
    /// Makes all of it behind the back of every process.
    async fn gather(&self, calrelay: &Installation) {
        let server = vault_server(calrelay);
        let vault = open_vault(&server.url(), None).await.unwrap();
        let ended = Arc::new(ended_account(calrelay, &vault).await);
        server.command(&["CONFIG", "SET", "appendfsync", "no"]);
        for (prefix, count, at) in [
            ("lately", self.lately, Timestamp::now()),
            ("zz-lately", 1, Timestamp::now()),
            ("long-ago", self.long_ago, Timestamp::now().checked_sub(hours(240)).unwrap()),
        ] {
            all(count, |number| {
                let (vault, ended) = (Arc::clone(&vault), Arc::clone(&ended));
                async move {
                    let name = format!("{prefix}-{number}");
                    let mut account = ended.as_ref().clone();
                    account["id"] = json!(name);
                    account["state"] = serde_json::to_value(AccountState::Connected).unwrap();
                    account["connectedAt"] = json!(at);
                    vault.put(Shelf::Accounts, &name, &account, None).await.unwrap();
                }
            })
            .await;
        }
        server.command(&["CONFIG", "SET", "appendfsync", "always"]);
        let store = records(calrelay);
        all(self.blocked, |_| restored(Arc::clone(&store), blocked_job(BLOCKED))).await;
    }

    /// Starts a worker among all of it: how long it took until it had woken the job that was to be woken, and how
    /// many commands that were.
    async fn start_worker(&self, calrelay: &mut Installation) -> (Duration, u64) {
        calrelay.worker(0).terminate().await;
        self.gather(calrelay).await;
        self.start_among_them(calrelay).await
    }

    /// The same, once all of it is there.
    async fn start_among_them(&self, calrelay: &mut Installation) -> (Duration, u64) {
        restored(records(calrelay), blocked_job(CUT_SHORT)).await;
        assert_eq!(blocked(calrelay.redis()), self.blocked + 1);
        let servers = |calrelay: &Installation| {
            [calrelay.redis(), vault_server(calrelay)].map(|server| (commands(server), bytes_out(server)))
        };
        for server in [calrelay.redis(), vault_server(calrelay)] {
            server.command(&["CONFIG", "RESETSTAT"]);
        }
        let began = Instant::now();
        calrelay.worker(0).start().await;
        eventually("the job to be woken", SOON, || async {
            (blocked(calrelay.redis()) == self.blocked).then_some(())
        })
        .await;
        let (took, stats) = (began.elapsed(), servers(calrelay));
        let [(of_redis, out_of_redis), (of_vault, out_of_vault)] = stats;
        eprintln!(
            "{} + {} accounts, {} blocked jobs: {took:?} to start and wake; Redis {of_redis} commands, {} kB; \
             vault {of_vault} commands, {} kB",
            self.lately,
            self.long_ago,
            self.blocked,
            out_of_redis / 1_000,
            out_of_vault / 1_000
        );
        (took, of_redis + of_vault)
    }
}

fn records(calrelay: &Installation) -> Arc<dyn JobStore> {
    Redis::start(&calrelay.redis().url(), Arc::new(SystemClock)).unwrap().store(hours(24 * 7))
}

async fn restored(store: Arc<dyn JobStore>, job: Job) {
    store.restore(&job).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_starts_among_many_accounts_and_blocked_jobs_reads_them_once_by_page() {
    let mut calrelay = Plan::new(0, 1).start().await;
    calrelay.vhost().leaves_anything();
    let crowd = Crowd { lately: 300, long_ago: 200, blocked: 5_000 };
    let (_, commands) = crowd.start_worker(&mut calrelay).await;
    assert!(commands < 1_000, "{commands} commands");
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_run_among_many_accounts_read_what_has_changed() {
    let calrelay = Plan::new(1, 1).start().await;
    calrelay.vhost().leaves_anything();
    let crowd = Crowd { lately: 0, long_ago: 2_000, blocked: 0 };
    crowd.gather(&calrelay).await;
    let vault = vault_server(&calrelay);
    // Each has seen them all by now.
    for member in calrelay.members() {
        eventually("the accounts to be counted", SOON, || async {
            let page = MetricsPage::of(member.process()).await;
            (page.value("accounts{state=\"connected\"}") >= 2_000.0).then_some(())
        })
        .await;
    }
    vault.command(&["CONFIG", "RESETSTAT"]);
    let name = "long-ago-7";
    assert!(accounts(&calrelay).await.disconnect(&AccountId::parse(name).unwrap()).await.is_ok());
    for member in calrelay.members() {
        eventually("the change to be seen", SOON, || async {
            let page = MetricsPage::of(member.process()).await;
            (page.value("accounts{state=\"disconnected\"}") == 1.0).then_some(())
        })
        .await;
    }
    let (commands, bytes) = (commands(vault), bytes_out(vault));
    eprintln!(
        "two processes, 2,000 accounts, one change: {commands} commands and {} kB of the vault",
        bytes / 1_000
    );
    // The first minute's looks read what was written last once more: 256 accounts, and not 2,000.
    let looks = calls(vault, "zrangebyscore");
    assert!(bytes < looks * 500_000, "{bytes} bytes in {looks} looks; all are about 1,800,000");
}

/// Minutes, not seconds.
mod rarely {
    use super::*;

    const STARTS: usize = 5;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_worker_starts_among_ten_thousand_accounts_and_fifty_thousand_blocked_jobs() {
        for lately in [0, 300] {
            let mut calrelay = Plan::new(0, 1).start().await;
            calrelay.vhost().leaves_anything();
            let crowd = Crowd { lately, long_ago: 10_000, blocked: 50_000 };
            let mut starts = vec![crowd.start_worker(&mut calrelay).await];
            while starts.len() < STARTS {
                calrelay.worker(0).terminate().await;
                starts.push(crowd.start_among_them(&mut calrelay).await);
            }
            starts.sort();
            let (took, _) = starts[STARTS / 2];
            eprintln!(
                "{STARTS} starts: {took:?} in the middle, {:?} to {:?}",
                starts[0].0,
                starts[STARTS - 1].0
            );
            let commands = starts.iter().map(|(_, commands)| *commands).max().unwrap();
            assert!(commands < 1_000, "{commands} commands");
            assert!(
                took < Duration::from_secs(20),
                "{took:?}, though it is 2 s on a machine that does nothing else"
            );
        }
    }
}
