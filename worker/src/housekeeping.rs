//! What a worker does beside its jobs: it forgets old records, wakes blocked jobs whose account is connected again,
//! revives jobs whose message was lost, and sets the gauges.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use accounts::{AtGoogle, Standing};
use common::account::{AccountId, AccountState, Generation};
use common::job::JobId;
use common::port::{StoreError, Throttle, VaultError, Window, pause};
use common::time::{hours, minutes, until};
use jiff::Timestamp;
use lifecycle::{Wakeups, compact_records, forget_ended, unmark, wake_jobs};
use notices::tell_of_accounts;
use tokio_util::sync::CancellationToken;

use crate::attempt::Attempts;
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
/// Between two updates of gauges.
const GAUGES: Duration = Duration::from_secs(5);

/// Runs until `stop`.
pub(crate) async fn maintain(
    ports: Ports,
    settings: Settings,
    attempts: Arc<Attempts>,
    stop: CancellationToken,
) {
    let jobs = lifecycle::Ports::from(&ports);
    let work = async {
        tokio::join!(
            sweep(&ports, &settings),
            forget_ended(&jobs, settings.retention),
            unmark(&jobs, settings.retention),
            compact_records(&jobs),
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
