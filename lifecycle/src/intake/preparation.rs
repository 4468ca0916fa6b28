//! What is made of a request before anything is recorded: the job, its account and its line.

use std::sync::Arc;

use common::account::{Account, AccountId, AccountState};
use common::deadline::deadline;
use common::event::Submission;
use common::fingerprint::Fingerprint;
use common::job::{Asked, Job, Place, Turn};
use common::payload::Payload;
use common::port::Line;
use jiff::Timestamp;
use tracing::error;

use super::{Ask, Intake, Refusal, vault_failed};

impl Intake {
    /// The record of a job to be, and the account that it writes with.
    pub(super) async fn prepare(
        &self,
        ask: &Ask,
        fingerprint: Fingerprint,
        now: Timestamp,
    ) -> Result<(Arc<Account>, Job), Refusal> {
        let Ask { id, submission, .. } = ask;
        let not_after =
            deadline(submission.not_after, submission.not_before, submission.event.ends_at(), now)?;
        let account = self.usable(&submission.account).await?;
        let keys = account.seal_keys(self.ports.accounts.ring()).map_err(|error| {
            error!(%error, "The seal key of an account cannot be opened: {error}");
            Refusal::StorageUnusable
        })?;
        let payload = Payload {
            calendar: submission.calendar.clone(),
            event: submission.event.clone(),
            conference: submission.conference,
            send_updates: submission.send_updates,
        };
        let asked = Asked {
            payload: keys.seal(id.as_str(), &payload),
            turn: Some(self.turn(&account, submission, now)),
            id: id.clone(),
            owner: ask.owner.clone(),
            account: submission.account.clone(),
            not_before: submission.not_before,
            not_after,
            fingerprint,
            trace: Some(ask.trace),
            warnings: submission.warnings.clone(),
        };
        let job = Job::accepting(asked, now);
        Ok((account, job))
    }

    /// The account, which must be connected or have been until Google ended it.
    async fn usable(&self, id: &AccountId) -> Result<Arc<Account>, Refusal> {
        let usable = |account: &Arc<Account>| match account.state {
            AccountState::Connected | AccountState::NeedsReauthorization { .. } => true,
            AccountState::Disconnected { .. } => false,
        };
        let vault_trouble = |error| vault_failed(&error);
        let remembered = self.ports.accounts.get(id).await.map_err(vault_trouble)?;
        if let Some(account) = remembered.filter(usable) {
            return Ok(account);
        }
        // What is remembered may be 30 s old; a refusal must not be.
        let current = self.ports.accounts.get_now(id).await.map_err(vault_trouble)?;
        current.filter(usable).ok_or_else(|| Refusal::NotConnected(id.clone()))
    }

    /// The job's turn: one request for each that Google will see. A job that can be done now takes it at once.
    fn turn(&self, account: &Account, submission: &Submission, now: Timestamp) -> Turn {
        let cost = if submission.conference { 2 } else { 1 };
        let turn = Turn { priority: submission.priority, cost, place: Place::Outside, yields: 0 };
        let due = submission.not_before.is_none_or(|start| start <= now);
        match account.state {
            AccountState::Connected if due => turn.at(self.quotas.line_of(account, Some(turn)).joined()),
            AccountState::Connected
            | AccountState::NeedsReauthorization { .. }
            | AccountState::Disconnected { .. } => turn,
        }
    }

    /// The line that the job joins as it is accepted, or only looks at.
    pub(super) fn line(&self, account: &Account, job: &Job) -> Line {
        let line = || self.quotas.line_of(account, job.turn).only_looked_at();
        self.quotas.taken_by(account, job).unwrap_or_else(line)
    }
}
