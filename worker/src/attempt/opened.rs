//! What an attempt needs to write the event: the account and the opened payload.

use std::sync::Arc;

use common::account::{Account, AccountState};
use common::job::Job;
use common::payload::Payload;
use common::seal::{Keyring, OpenError, Sealed};

use super::Attempts;
use crate::attempt_error::AttemptError;

/// Whose calendar, what to write, and the keys that seal both.
pub(super) struct Writing {
    pub(super) account: Arc<Account>,
    pub(super) keys: Keyring,
    pub(super) payload: Payload,
}

impl Attempts {
    /// The same, with an account that cannot be used as it was a moment ago: it may have been connected since it
    /// was read, and the process that connected it is waking its jobs now.
    pub(super) async fn open_lately(&self, job: &Job) -> Result<Option<Writing>, AttemptError> {
        let writing = self.open(job).await?;
        let usable = writing.as_ref().is_some_and(|one| one.account.state == AccountState::Connected);
        if usable || self.ports.accounts.get_recent(&job.account).await.is_err() {
            return Ok(writing);
        }
        self.open(job).await
    }

    /// The account and the payload; `None` when the account is gone.
    pub(super) async fn open(&self, job: &Job) -> Result<Option<Writing>, AttemptError> {
        let Some(sealed) = &job.payload else {
            return Ok(None);
        };
        let wanted = sealed.key_id().map_err(AttemptError::Sealed)?;
        let Some((account, keys)) = self.ports.unlock(&job.account, wanted).await? else {
            return Ok(None);
        };
        let writing = match keys.open(job.id.as_str(), sealed) {
            Ok(payload) => Writing { account, keys, payload },
            Err(OpenError::UnknownKey(_)) => match self.open_anew(job, sealed).await? {
                Some(writing) => writing,
                None => return Ok(None),
            },
            Err(error @ OpenError::Damaged) => return Err(AttemptError::Sealed(error)),
        };
        self.missing_keys.found([wanted, writing.account.seal_key.key_id().map_err(AttemptError::Sealed)?]);
        Ok(Some(writing))
    }

    /// The account as it is at this moment, or why it does not have the key that the job is sealed with.
    async fn open_anew(&self, job: &Job, sealed: &Sealed<Payload>) -> Result<Option<Writing>, AttemptError> {
        let accounts = &self.ports.accounts;
        let Some(account) = accounts.get_now(&job.account).await.map_err(AttemptError::Vault)? else {
            return Ok(None);
        };
        let keys = account.seal_keys(accounts.ring()).map_err(AttemptError::Sealed)?;
        match keys.open(job.id.as_str(), sealed) {
            Ok(payload) => Ok(Some(Writing { account, keys, payload })),
            Err(OpenError::UnknownKey(_))
                if accounts.was_removed(&job.account).await.map_err(AttemptError::Vault)? =>
            {
                Err(AttemptError::FormerAccount)
            }
            Err(error @ (OpenError::UnknownKey(_) | OpenError::Damaged)) => Err(AttemptError::Sealed(error)),
        }
    }
}
