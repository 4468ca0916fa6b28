//! The marks on jobs that their callers have cancelled, for when the records of these were lost: a
//! repeat of such a job's key must not make the job anew.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use common::fingerprint::Fingerprint;
use common::job::JobId;
use common::port::{Shelf, Vault, VaultError};
use jiff::Timestamp;
use serde_json::Value;
use tracing::{error, info};

use super::absence::{Absence, absence};

/// Finds the mark on a job that the store says is new.
///
/// The vault is asked for all marks once after each loss, so that jobs that were never cancelled,
/// nearly all of them, cost nothing; and once more for a job that is among them.
pub(super) struct Marks {
    vault: Arc<dyn Vault>,
    /// How long records are kept: who took a job back longer ago is not remembered in any case.
    retention: Duration,
    known: Mutex<Known>,
    /// The request that has it asks the vault; every other request that needs the answer waits for it.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Known {
    marked: Option<Arc<Marked>>,
    /// How often the vault could not be read.
    failures: u64,
    /// The last time among them.
    failing: bool,
}

/// The jobs that had a mark after the store had lost what is older than this.
struct Marked {
    whole_since: Timestamp,
    jobs: HashSet<String>,
}

/// The job was cancelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    /// Of the request that had made it; a mark that an operator set does not say it in an older build.
    pub(super) fingerprint: Option<Fingerprint>,
}

/// The vault could not be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unreadable;

impl Marks {
    pub(super) fn new(vault: Arc<dyn Vault>, retention: Duration) -> Self {
        Self { vault, retention, known: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }

    /// The mark on a job that has no record where nothing was lost since `whole_since`, or none from
    /// before it was made anew.
    pub(super) async fn on(
        &self,
        id: &JobId,
        whole_since: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Mark>, Unreadable> {
        match absence(whole_since, None, self.retention, now) {
            Absence::Never => return Ok(None),
            Absence::Uncertain => {}
        }
        if !self.marked(whole_since).await?.jobs.contains(id.as_str()) {
            return Ok(None);
        }
        // An operator may have reopened the job since.
        let doc = self.read(self.vault.get(Shelf::Cancellations, id.as_str()).await)?;
        Ok(doc.map(|doc| Mark::read(&doc.value)))
    }

    async fn marked(&self, whole_since: Timestamp) -> Result<Arc<Marked>, Unreadable> {
        let failures = match self.known().still_good(whole_since) {
            Ok(marked) => return Ok(marked),
            Err(failures) => failures,
        };
        let _turn = self.turn.lock().await;
        match self.known().still_good(whole_since) {
            Ok(marked) => return Ok(marked),
            // The request that had the turn was refused: a queue of requests that wait for that too helps none of them.
            Err(since) if since != failures => return Err(Unreadable),
            Err(_) => {}
        }
        let marks = self.read(self.vault.list(Shelf::Cancellations).await)?;
        let jobs: HashSet<String> = marks.into_iter().map(|(job, _)| job).collect();
        info!(
            marks = jobs.len(),
            "Records of jobs are whole since {whole_since}; {} cancellations from before that are known from the vault",
            jobs.len()
        );
        let marked = Arc::new(Marked { whole_since, jobs });
        self.known().marked = Some(Arc::clone(&marked));
        Ok(marked)
    }

    /// Takes note of whether the vault answered, and tells the log when that changes.
    fn read<T>(&self, answer: Result<T, VaultError>) -> Result<T, Unreadable> {
        let mut known = self.known();
        match answer {
            Ok(answer) => {
                known.failing = false;
                Ok(answer)
            }
            Err(error) => {
                known.failures = known.failures.wrapping_add(1);
                if !std::mem::replace(&mut known.failing, true) {
                    error!(%error, "Jobs with a key are refused until the vault tells which were cancelled: {error}");
                }
                Err(Unreadable)
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// The jobs that had a mark after that very loss; otherwise how often asking has failed.
    fn still_good(&self, whole_since: Timestamp) -> Result<Arc<Marked>, u64> {
        let marked = self.marked.as_ref().filter(|marked| marked.whole_since == whole_since);
        marked.map(Arc::clone).ok_or(self.failures)
    }
}

impl Mark {
    pub(super) fn read(value: &Value) -> Self {
        Self { fingerprint: serde_json::from_value(value.clone()).ok() }
    }
}
