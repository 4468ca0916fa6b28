//! What a worker does beside its jobs: it forgets old records, wakes blocked jobs whose account is connected again,
//! revives jobs whose message was lost, and sets the gauges.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use accounts::{AtGoogle, Standing};
use common::account::{AccountId, AccountState, Generation};
use common::job::JobId;
use common::port::{Shelf, StoreError, Throttle, VaultError, Window, pause};
use common::random;
use common::time::{after, hours, minutes, until};
use jiff::Timestamp;
use lifecycle::{Wakeups, wake_jobs};
use notices::tell_of_accounts;
use tokio_util::sync::CancellationToken;

use crate::attempt::Attempts;
use crate::compaction::compact_records;
use crate::lost::revive_lost;
use crate::metrics;
use crate::ports::Ports;
use crate::settings::Settings;

/// Between two looks at the accounts.
const SWEEP: Duration = Duration::from_secs(30);
/// So long after an account was connected, attempts from before may still block their jobs.
const STILL_BLOCKING: Duration = minutes(2);
/// So long after it each blocked job has looked at its account again by itself, whatever befell those who wake it.
const LATELY: Duration = hours(2);
/// Between two clean-ups.
const FORGET: Duration = Duration::from_secs(60);
/// Between two looks at the cancellation marks. Each reads all of them, of two weeks and more.
const UNMARK: Duration = hours(24);
/// Between two updates of gauges.
const GAUGES: Duration = Duration::from_secs(5);

/// Runs until `stop`.
pub(crate) async fn maintain(
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
            revive_lost(&ports, &settings, &attempts),
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
    let sources = ports.sources();
    tokio::join!(keeping, tell_of_accounts(&sources, &settings.notices, &stop));
}

/// Accounts are connected and disconnected by other processes too. Of those that turned to connected since
/// the last look the jobs are woken; where Google was not told of an end it is told now. The first look covers
/// what was cut short by a crash. What has not changed costs nothing.
async fn sweep(ports: &Ports, settings: &Settings) {
    let mut woken = Woken::default();
    loop {
        if let Err(error) = look(ports, settings, &mut woken).await {
            tracing::warn!("Accounts could not be looked at: {error}");
        }
        ports.clock.sleep(SWEEP).await;
    }
}

/// The connections whose jobs were woken, as long as they are not of long ago.
type Woken = HashMap<AccountId, Generation>;

async fn look(ports: &Ports, settings: &Settings, woken: &mut Woken) -> Result<(), VaultError> {
    let now = ports.clock.now();
    let (mut lately, mut untold) = (HashMap::new(), Vec::new());
    let standings = ports.accounts.standings(Duration::ZERO, |all| {
        for it in all {
            match it.state {
                AccountState::Connected if is_of_lately(it, now) => {
                    lately.insert(it.id.clone(), (it.generation, it.connected_at));
                }
                AccountState::Disconnected { .. } if it.has_token => untold.push(it.id.clone()),
                AccountState::Connected
                | AccountState::NeedsReauthorization { .. }
                | AccountState::Disconnected { .. } => {}
            }
        }
    });
    standings.await?;
    woken.retain(|id, generation| lately.get(id).is_some_and(|(its, _)| its == generation));
    lately.retain(|id, (_, connected_at)| {
        !woken.contains_key(id) || until(*connected_at, now) < STILL_BLOCKING
    });
    let lately = lately.into_iter().map(|(id, (generation, _))| (id, generation)).collect();
    if let Err(error) = wake(ports, settings, woken, &lately).await {
        tracing::warn!("Blocked jobs could not be woken, again soon: {error}");
    }
    for id in &untold {
        end_grant(ports, id).await;
    }
    Ok(())
}

/// Whether jobs may still wait that attempts from before the connection have blocked.
fn is_of_lately(account: &Standing, now: Timestamp) -> bool {
    until(account.connected_at, now) < LATELY
}

/// Wakes the jobs of these connections: what is blocked is gone through once for all of them.
async fn wake(
    ports: &Ports,
    settings: &Settings,
    woken: &mut Woken,
    lately: &HashMap<AccountId, Generation>,
) -> Result<(), StoreError> {
    if lately.is_empty() {
        return Ok(());
    }
    let mut blocked: HashMap<AccountId, Vec<JobId>> = HashMap::new();
    for (account, job) in ports.store.blocked(&lately.keys().cloned().collect()).await? {
        blocked.entry(account).or_default().push(job);
    }
    for (id, generation) in lately {
        let Some(jobs) = blocked.remove(id) else {
            woken.insert(id.clone(), *generation);
            continue;
        };
        let account = match ports.accounts.get_now(id).await {
            Ok(account) => account.filter(|account| account.state == AccountState::Connected),
            Err(error) => {
                tracing::warn!(account.id = %id, "Jobs of account {id} could not be woken, again soon: {error}");
                continue;
            }
        };
        let Some(account) = account else {
            continue;
        };
        let Wakeups { woken: count, elsewhere } =
            wake_jobs(&ports.into(), &settings.quotas, &account, &jobs).await?;
        if count > 0 {
            tracing::info!(account.id = %id, "Woke {count} jobs of account {id}");
        }
        // What others were waking is looked at once more: they may not have come to it.
        if elsewhere == 0 {
            woken.insert(id.clone(), *generation);
        }
    }
    Ok(())
}

/// No account uses this grant any more, and Google has not been told.
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

/// Forgets what ended long ago. That it cannot is said once.
async fn forget(ports: &Ports, retention: Duration) {
    let mut works = true;
    loop {
        let before = ports.clock.now().checked_sub(retention).unwrap_or(Timestamp::MIN);
        let forgotten = ports.store.forget_finished(before).await;
        match &forgotten {
            Ok(0) => {}
            Ok(count) => tracing::info!("Forgot {count} jobs that ended before {before}"),
            Err(error) if works => tracing::warn!("Old records could not be removed: {error}"),
            Err(_) => {}
        }
        works = forgotten.is_ok();
        ports.clock.sleep(FORGET).await;
    }
}

/// Cancellation marks outlive their job's last message, and not much longer. The first look is at any time of the day:
/// workers that start together would read them all at once.
async fn unmark(ports: &Ports, retention: Duration) {
    let at_any_time = UNMARK.mul_f64(random::fraction());
    ports.clock.sleep(at_any_time).await;
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
        pause(GAUGES).await;
    }
}

/// What one worker knows of the shared limits: the busiest keys of those that it takes from itself.
async fn quotas_used(throttle: &dyn Throttle) {
    loop {
        for window in Window::ALL {
            metrics::quota_used(window, throttle.used(window).await);
        }
        pause(GAUGES).await;
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
