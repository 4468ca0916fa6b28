//! After Google's limit on an account's guests: one job asks whether it is over.
//!
//! All of the account's jobs with guests come back about then. Each would be refused by Google if the limit still
//! held, and every refusal counts against the user.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use common::account::AccountId;

/// The account's other jobs look again after so long.
pub(crate) const ASKED: Duration = Duration::from_secs(30);

/// The accounts for which a job of this worker asks.
#[derive(Default)]
pub(crate) struct GuestProbes(Mutex<HashSet<AccountId>>);

/// The right to ask; given up when dropped.
pub(crate) struct GuestProbe {
    probes: Arc<GuestProbes>,
    account: AccountId,
}

impl GuestProbes {
    /// The right to ask for `account`, unless another job has it.
    pub(crate) fn begin(self: &Arc<Self>, account: &AccountId) -> Option<GuestProbe> {
        let first = self.accounts().insert(account.clone());
        first.then(|| GuestProbe { probes: Arc::clone(self), account: account.clone() })
    }

    fn accounts(&self) -> MutexGuard<'_, HashSet<AccountId>> {
        self.0.lock().expect("nothing panics holding it")
    }
}

impl Drop for GuestProbe {
    fn drop(&mut self) {
        self.probes.accounts().remove(&self.account);
    }
}
