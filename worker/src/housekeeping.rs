//! What a worker does beside its jobs: forget old records, wake what nobody woke, say how it stands.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use common::account::{Account, AccountId, AccountState, Generation};
use common::accounts::AtGoogle;
use common::port::{Shelf, Throttle, Window};
use common::time::{after, minutes, until};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::attempt::Attempts;
use crate::compaction::compact_records;
use crate::notice::tell_of_accounts;
use crate::resume::{Resumed, resume};
use crate::{Ports, Settings, metrics};

/// Between two looks at the accounts.
const SWEEP: Duration = Duration::from_secs(30);
/// So long after an account was connected, attempts from before may still block their jobs.
const STILL_BLOCKING: Duration = minutes(2);
/// Between two clean-ups.
const FORGET: Duration = Duration::from_secs(60);
/// Between two looks at the cancellation marks.
const UNMARK: Duration = common::time::hours(1);
/// Between two updates of gauges.
const GAUGES: Duration = Duration::from_secs(5);

/// Runs until `stop`.
pub(crate) async fn keep_house(
    ports: Ports,
    settings: Settings,
    attempts: Arc<Attempts>,
    stop: CancellationToken,
) {
    let work = async {
        tokio::join!(
            sweep(&ports, &settings),
            forget(&ports, settings.retention),
            unmark(&ports, settings.retention),
            compact_records(&ports),
            attempts.records().watch(),
            gauges(&attempts),
            quotas_used(ports.throttle.as_ref())
        );
    };
    // Every step is safe to leave in the middle: it is done again at the next start.
    let keeping = async {
        tokio::select! {
            () = work => {}
            () = stop.cancelled() => {}
        }
    };
    tokio::join!(keeping, tell_of_accounts(&ports, &settings.notices, &stop));
}

/// Accounts are connected and disconnected by other processes too. Of those that turned to connected since
/// the last look the jobs are woken; where Google was not told of an end it is told now. The first look covers
/// what was cut short by a crash.
async fn sweep(ports: &Ports, settings: &Settings) {
    let mut woken: HashMap<AccountId, Generation> = HashMap::new();
    loop {
        match ports.accounts.list().await {
            Ok(accounts) => {
                for account in accounts {
                    match account.state {
                        AccountState::Connected => wake(ports, settings, &mut woken, &account).await,
                        AccountState::Disconnected { .. } if account.refresh_token.is_some() => {
                            end_grant(ports, &account.id).await;
                        }
                        AccountState::NeedsReauthorization { .. } | AccountState::Disconnected { .. } => {
                            woken.remove(&account.id);
                        }
                    }
                }
            }
            Err(error) => tracing::warn!("Accounts could not be looked at: {error}"),
        }
        ports.clock.sleep(SWEEP).await;
    }
}

async fn wake(
    ports: &Ports,
    settings: &Settings,
    woken: &mut HashMap<AccountId, Generation>,
    account: &Account,
) {
    let long_ago = until(account.connected_at, ports.clock.now()) >= STILL_BLOCKING;
    if long_ago && woken.get(&account.id) == Some(&account.generation) {
        return;
    }
    match resume(ports, &settings.quotas, account).await {
        Ok(Resumed { woken: count, elsewhere }) => {
            if count > 0 {
                tracing::info!(account.id = %account.id, "Woke {count} jobs of account {}", account.id);
            }
            // What others were waking is looked at once more: they may not have come to it.
            if elsewhere == 0 {
                woken.insert(account.id.clone(), account.generation);
            }
        }
        Err(error) => tracing::warn!("Blocked jobs could not be woken, again soon: {error}"),
    }
}

/// Nobody uses the account's grant any more, and Google does not know yet.
async fn end_grant(ports: &Ports, id: &AccountId) {
    match ports.accounts.revoke(id, ports.endpoint.as_ref()).await {
        Ok(AtGoogle::Untold(why)) => {
            tracing::warn!(account.id = %id, "Google does not know yet that account {id} was disconnected: {why}");
        }
        Ok(at_google) => {
            tracing::info!(account.id = %id, ?at_google, "Google was told that account {id} was disconnected");
        }
        Err(error) => tracing::warn!("A disconnected account could not be looked at: {error}"),
    }
}

async fn forget(ports: &Ports, retention: Duration) {
    loop {
        let before = ports.clock.now().checked_sub(retention).unwrap_or(Timestamp::MIN);
        match ports.store.forget_finished(before).await {
            Ok(0) => {}
            Ok(count) => tracing::info!("Forgot {count} jobs that ended before {before}"),
            Err(error) => tracing::warn!("Old records could not be removed: {error}"),
        }
        ports.clock.sleep(FORGET).await;
    }
}

/// Cancellation marks outlive their job's last message, and no longer.
async fn unmark(ports: &Ports, retention: Duration) {
    loop {
        let now = ports.clock.now();
        match ports.vault.list(Shelf::Cancellations).await {
            Ok(marks) => {
                for (job, mark) in marks {
                    if outlived(&mark.value, retention, now)
                        && let Err(error) = ports.vault.remove(Shelf::Cancellations, &job).await
                    {
                        tracing::warn!("An old cancellation mark could not be removed: {error}");
                    }
                }
            }
            Err(error) => tracing::warn!("Cancellation marks could not be looked at: {error}"),
        }
        ports.clock.sleep(UNMARK).await;
    }
}

/// Whether the job of this mark has expired for longer than anything of it is kept.
fn outlived(mark: &serde_json::Value, retention: Duration, now: Timestamp) -> bool {
    let until = mark["until"].as_str().and_then(|text| text.parse::<Timestamp>().ok());
    until.is_some_and(|until| after(until, retention) < now)
}

async fn gauges(attempts: &Attempts) {
    loop {
        metrics::circuits(attempts.gateway.open_circuits());
        metrics::sealing_keys_missing(attempts.missing_keys());
        tokio::time::sleep(GAUGES).await;
    }
}

/// What one worker knows of the shared limits: the busiest keys of those that it takes from itself.
async fn quotas_used(throttle: &dyn Throttle) {
    loop {
        for window in Window::ALL {
            metrics::quota_used(window, throttle.used(window).await);
        }
        tokio::time::sleep(GAUGES).await;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_mark_is_kept_as_long_as_anything_of_its_job() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let mark = json!({ "at": "2027-01-01T00:00:00Z", "until": "2027-01-08T00:00:00Z" });
        let week = common::time::days(7);
        assert!(!outlived(&mark, week, at("2027-01-15T00:00:00Z")));
        assert!(outlived(&mark, week, at("2027-01-15T00:00:01Z")));
        assert!(!outlived(&json!({}), week, at("2099-01-01T00:00:00Z")), "an unreadable mark is left alone");
    }
}
