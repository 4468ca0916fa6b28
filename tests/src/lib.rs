//! calrelay from outside: starts the real program, talks to it over HTTP, kills it, starts it again.
#![expect(clippy::disallowed_methods, reason = "tests go by the machine's time")]

pub mod before;
mod checked;
mod connecting;
mod corpus;
mod drained;
mod installation;
mod jobs;
mod launch;
mod load;
mod log_lines;
mod metrics_page;
mod personal;
mod process;
mod requests;
mod sandbox;
mod sandbox_process;
mod search;
mod servers;
mod sink;
mod smtp;
mod turns;
mod vaults;

pub use checked::Checked;
pub use connecting::{accounts, connect, connect_with, connection, granted};
pub use corpus::{corpus, expanded};
pub use drained::{busy_with, each_is_done_once_and_untouched, slow_jobs};
pub use installation::{Accepted, Answer, Before, Caller, Installation, Member, Plan, VaultServer};
pub use jobs::{all_succeeded, each_once, event, event_of, event_with, succeeded};
pub use launch::{Launch, free_port, program};
pub use load::{Acceptance, Load, Outcome, outcome, outcome_of, prepare_load, quantile};
pub use log_lines::{json_lines, outcomes};
pub use metrics_page::{MetricsPage, Shape};
pub use personal::{PEOPLE, PERSONAL, jobs_at_every_place, personal_event};
pub use process::Calrelay;
pub use requests::{Request, sliding_minutes};
pub use sandbox::{SandboxView, Stored};
pub use sandbox_process::SandboxProcess;
pub use search::Search;
pub use servers::{
    Cluster, Durability, ForeignServer, PostgresServer, PrometheusServer, Proxy, RabbitServer, RedisServer,
    SentinelServer, Vhost, shared_postgres, shared_rabbit,
};
pub use sink::Sink;
pub use smtp::{LOGIN, MailServer};
pub use turns::{MANY, cancel_many, in_seconds, one_for_now, post_many};
pub use vaults::open_vault;

use std::time::{Duration, Instant};

/// Asks `question` until it answers `Some`, for `limit` at most.
///
/// # Panics
/// When the answer does not come in time: `what` says what was waited for.
pub async fn eventually<T, F>(what: &str, limit: Duration, mut question: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let began = Instant::now();
    loop {
        if let Some(answer) = question().await {
            return answer;
        }
        assert!(began.elapsed() < limit, "waited {} s in vain for {what}", limit.as_secs());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
