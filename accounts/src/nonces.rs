//! What may be used once: the marks that say so lie in the vault, so that they count for every process.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use common::port::{Clock, Doc, Shelf, Vault, VaultError, Version};
use common::time;

/// Uses up nonces: random names that nobody can guess, each good until a time of its own.
pub struct Nonces {
    vault: Arc<dyn Vault>,
    clock: Arc<dyn Clock>,
    swept_at: Mutex<Option<Timestamp>>,
}

/// What is known of a nonce that somebody has begun to use. Persisted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mark {
    /// From then on the nonce itself is refused, so that its mark may go.
    until: Timestamp,
    /// Who alone may go on with it; a hash.
    #[serde(default)]
    holder: Option<String>,
    /// Whether it is used up.
    spent: bool,
    /// What came of using it up, once that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    succeeded: Option<bool>,
}

/// Whose a nonce is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// The claimant's, from now on or since before.
    Yours,
    /// Somebody else has begun to use it.
    Anothers,
    /// It is used up.
    Spent,
    /// It is used up, after the claimant had claimed it.
    SpentByYou,
}

/// What has become of a nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is not used up.
    Unspent,
    /// It is used up, and what came of that is not written down: it is under way, or its process died.
    Open,
    /// What it was used for succeeded.
    Succeeded,
    /// What it was used for failed.
    Failed,
}

/// Expired marks are looked for this often by each process that makes new ones.
const SWEEP_EVERY: Duration = time::minutes(15);
/// A mark outlives its nonce by this much: clocks differ between machines.
const LEEWAY: Duration = time::minutes(10);

impl Nonces {
    /// The marks in `vault`.
    #[must_use]
    pub fn new(vault: Arc<dyn Vault>, clock: Arc<dyn Clock>) -> Self {
        Self { vault, clock, swept_at: Mutex::new(None) }
    }

    /// Uses the nonce up, which is good until `until`; answers whether this was the first time. Of
    /// many that ask at once, in whatever processes, one is told `true`.
    ///
    /// # Errors
    /// The vault's trouble: then it is not known.
    pub async fn spend(&self, nonce: &str, until: Timestamp) -> Result<bool, VaultError> {
        let mut spent = Mark { until, holder: None, spent: true, succeeded: None };
        loop {
            let seen = match self.put(nonce, &spent, None).await {
                Ok(_) => break,
                Err(VaultError::Changed) => match self.read(nonce).await? {
                    Some((mark, _)) if mark.spent => return Ok(false),
                    Some((mark, version)) => {
                        spent.holder = mark.holder;
                        version
                    }
                    None => continue,
                },
                Err(error @ (VaultError::Unusable(_) | VaultError::Unreadable(_))) => return Err(error),
            };
            match self.put(nonce, &spent, Some(seen)).await {
                Ok(_) => break,
                Err(VaultError::Changed) => {}
                Err(error @ (VaultError::Unusable(_) | VaultError::Unreadable(_))) => return Err(error),
            }
        }
        self.sweep().await;
        Ok(true)
    }

    /// Claims the nonce for `holder`, who may claim it again until it is used up; nobody else may.
    ///
    /// # Errors
    /// The vault's trouble: then nobody has been told that it is theirs.
    pub async fn claim(&self, nonce: &str, holder: &str, until: Timestamp) -> Result<Claim, VaultError> {
        let mark = Mark { until, holder: Some(holder.to_owned()), spent: false, succeeded: None };
        loop {
            match self.put(nonce, &mark, None).await {
                Ok(_) => {
                    self.sweep().await;
                    return Ok(Claim::Yours);
                }
                Err(VaultError::Changed) => {}
                Err(error @ (VaultError::Unusable(_) | VaultError::Unreadable(_))) => return Err(error),
            }
            if let Some(claim) = self.claimed(nonce, holder).await? {
                return Ok(claim);
            }
        }
    }

    /// Whose the nonce is, seen by `holder`; `None` when nobody has begun to use it.
    ///
    /// # Errors
    /// The vault's trouble.
    pub async fn claimed(&self, nonce: &str, holder: &str) -> Result<Option<Claim>, VaultError> {
        Ok(self.read(nonce).await?.map(|(mark, _)| match mark.holder {
            Some(first) if first == holder && mark.spent => Claim::SpentByYou,
            Some(first) if first == holder => Claim::Yours,
            Some(_) | None if mark.spent => Claim::Spent,
            Some(_) | None => Claim::Anothers,
        }))
    }

    /// Writes down what came of using the nonce up.
    ///
    /// # Errors
    /// The vault's trouble: then [`Outcome::Open`] stays.
    pub async fn conclude(&self, nonce: &str, succeeded: bool) -> Result<(), VaultError> {
        while let Some((mark, version)) = self.read(nonce).await? {
            let concluded = Mark { succeeded: Some(succeeded), ..mark };
            match self.put(nonce, &concluded, Some(version)).await {
                Ok(_) => break,
                Err(VaultError::Changed) => {}
                Err(error @ (VaultError::Unusable(_) | VaultError::Unreadable(_))) => return Err(error),
            }
        }
        Ok(())
    }

    /// What has become of the nonce.
    ///
    /// # Errors
    /// The vault's trouble.
    pub async fn outcome(&self, nonce: &str) -> Result<Outcome, VaultError> {
        Ok(match self.read(nonce).await? {
            Some((Mark { spent: true, succeeded: Some(true), .. }, _)) => Outcome::Succeeded,
            Some((Mark { spent: true, succeeded: Some(false), .. }, _)) => Outcome::Failed,
            Some((Mark { spent: true, succeeded: None, .. }, _)) => Outcome::Open,
            Some((Mark { spent: false, .. }, _)) | None => Outcome::Unspent,
        })
    }

    /// Whether the nonce is used up.
    ///
    /// # Errors
    /// The vault's trouble.
    pub async fn is_spent(&self, nonce: &str) -> Result<bool, VaultError> {
        Ok(self.read(nonce).await?.is_some_and(|(mark, _)| mark.spent))
    }

    async fn put(&self, nonce: &str, mark: &Mark, seen: Option<Version>) -> Result<Version, VaultError> {
        let value = serde_json::to_value(mark).expect("a mark is plain data");
        self.vault.put(Shelf::Nonces, nonce, &value, seen).await
    }

    async fn read(&self, nonce: &str) -> Result<Option<(Mark, Version)>, VaultError> {
        self.vault.get(Shelf::Nonces, nonce).await?.map(read).transpose()
    }

    /// Removes the marks of nonces that are refused for their age by now. What does not succeed, the
    /// next one does.
    async fn sweep(&self) {
        let now = self.clock.now();
        {
            let mut swept_at = self.swept_at.lock().expect("nothing panics holding it");
            if swept_at.is_some_and(|at| time::until(at, now) < SWEEP_EVERY) {
                return;
            }
            *swept_at = Some(now);
        }
        let Ok(docs) = self.vault.list(Shelf::Nonces).await else {
            return;
        };
        for (nonce, doc) in docs {
            let old = read(doc).is_ok_and(|(mark, _)| time::after(mark.until, LEEWAY) <= now);
            if old && self.vault.remove(Shelf::Nonces, &nonce).await.is_err() {
                return;
            }
        }
    }
}

fn read(doc: Doc) -> Result<(Mark, Version), VaultError> {
    let mark = serde_json::from_value(doc.value)
        .map_err(|_| VaultError::Unreadable("the mark of a nonce".to_owned()))?;
    Ok((mark, doc.version))
}

#[cfg(test)]
mod golden;
#[cfg(test)]
mod tests;
