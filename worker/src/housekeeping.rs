//! What a worker does beside its jobs: forget old records, wake what nobody woke, say how it stands.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use common::account::{AccountId, AccountState, Generation};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::attempt::Attempts;
use crate::resume::resume;
use crate::{Ports, Settings, metrics};

/// Between two looks at the accounts.
const SWEEP: Duration = Duration::from_secs(30);
/// Between two clean-ups.
const FORGET: Duration = Duration::from_secs(60);
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
        tokio::join!(sweep(&ports, &settings), forget(&ports, settings.retention), gauges(&attempts));
    };
    // Every step is safe to leave in the middle: it is done again at the next start.
    tokio::select! {
        () = work => {}
        () = stop.cancelled() => {}
    }
}

/// Accounts are connected by other processes too: whatever turned to connected since the last look
/// has its jobs woken. The first look covers what was cut short by a crash.
async fn sweep(ports: &Ports, settings: &Settings) {
    let mut woken: HashMap<AccountId, Generation> = HashMap::new();
    loop {
        match ports.accounts.list().await {
            Ok(accounts) => {
                for account in accounts {
                    if account.state != AccountState::Connected {
                        woken.remove(&account.id);
                    } else if woken.get(&account.id) != Some(&account.generation) {
                        match resume(ports, &settings.quotas, &account).await {
                            Ok(count) => {
                                if count > 0 {
                                    tracing::info!(account.id = %account.id, "Woke {count} jobs of account {}", account.id);
                                }
                                woken.insert(account.id.clone(), account.generation);
                            }
                            Err(error) => {
                                tracing::warn!("Blocked jobs could not be woken, again soon: {error}")
                            }
                        }
                    }
                }
            }
            Err(error) => tracing::warn!("Accounts could not be looked at: {error}"),
        }
        ports.clock.sleep(SWEEP).await;
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

async fn gauges(attempts: &Attempts) {
    loop {
        metrics::circuits(attempts.gateway.open_circuits());
        tokio::time::sleep(GAUGES).await;
    }
}
