//! What an attempt needs to write the event: the account and the opened payload.

use std::sync::Arc;

use common::account::{Account, AccountState};
use common::job::Job;
use common::payload::Payload;
use common::seal::{Keyring, OpenError, Sealed};

use super::Attempts;
use super::bounds::Bounds;
use super::leased::Leased;
use crate::attempt_error::AttemptError;

/// Whose calendar, what to write, and the keys that seal both.
pub(super) struct Writing {
    pub(super) account: Arc<Account>,
    pub(super) keys: Keyring,
    pub(super) payload: Payload,
}

/// An attempt that has opened what its job carries, if its account is there and the keys are.
pub(super) struct Opened<'a> {
    pub(super) leased: Leased<'a>,
    /// `None` when the account is gone.
    pub(super) writing: Result<Option<Writing>, AttemptError>,
    /// Begun before the account was read.
    pub(super) bounds: Bounds<'a>,
}

impl<'a> Leased<'a> {
    /// Reads the account and opens the payload, which the attempt then has in hand until its end.
    pub(super) async fn open(self, attempts: &'a Attempts) -> Opened<'a> {
        let mut bounds = Bounds::of(attempts);
        let writing = bounds.hold(&self.calls, open_lately(attempts, &self.job)).await;
        Opened { leased: self, writing, bounds }
    }
}

/// The account and the payload. An account that cannot be used is read anew on purpose: it may have been connected since
/// it was read, and the process that connected it is waking its jobs now.
async fn open_lately(attempts: &Attempts, job: &Job) -> Result<Option<Writing>, AttemptError> {
    let writing = open(attempts, job).await?;
    let usable = writing.as_ref().is_some_and(|one| one.account.state == AccountState::Connected);
    if usable || attempts.ports.accounts.get_recent(&job.account).await.is_err() {
        return Ok(writing);
    }
    open(attempts, job).await
}

/// The account and the payload; `None` when the account is gone.
async fn open(attempts: &Attempts, job: &Job) -> Result<Option<Writing>, AttemptError> {
    let Some(sealed) = &job.payload else {
        return Ok(None);
    };
    let wanted = sealed.key_id().map_err(AttemptError::Sealed)?;
    let Some((account, keys)) = attempts.ports.unlock(&job.account, wanted).await? else {
        return Ok(None);
    };
    let writing = match keys.open(job.id.as_str(), sealed) {
        Ok(payload) => Writing { account, keys, payload },
        Err(OpenError::UnknownKey(_)) => match open_anew(attempts, job, sealed).await? {
            Some(writing) => writing,
            None => return Ok(None),
        },
        Err(error @ OpenError::Damaged) => return Err(AttemptError::Sealed(error)),
    };
    attempts.missing_keys.found([wanted, writing.account.seal_key.key_id().map_err(AttemptError::Sealed)?]);
    Ok(Some(writing))
}

/// The same with the account as it is at this moment, on purpose: its keys may have been rotated. Or why
/// it does not have the key that the job is sealed with.
async fn open_anew(
    attempts: &Attempts,
    job: &Job,
    sealed: &Sealed<Payload>,
) -> Result<Option<Writing>, AttemptError> {
    let accounts = &attempts.ports.accounts;
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
