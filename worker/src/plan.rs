//! What is to be done with a job that a worker has just taken: one pure decision.

use common::account::{Account, AccountState};
use common::job::{BlockReason, Effect, FailureKind, Job, WaitReason};
use jiff::Timestamp;

/// A job that killed this many workers is not tried again. From the fourth death on it has died alone.
pub(crate) const POISON: u32 = 5;

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Plan {
    /// Create the event.
    Create,
    /// The job must end; where its effect is unknown, Google is asked first.
    Settle(Ending),
    /// Not yet.
    Wait { why: WaitReason, until: Timestamp },
    /// Not until something changes.
    Block { why: BlockReason, until: Option<Timestamp> },
}

/// Why a job must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The caller took it back.
    Cancel,
    /// It has failed, in this way.
    Fail(FailureKind),
}

/// Decides for `job`, which writes for `account` and invites so many `guests`.
pub(crate) fn plan(
    job: &Job,
    account: Option<&Account>,
    guests: usize,
    max_attempts: u32,
    now: Timestamp,
) -> Plan {
    if let Some(ending) = ending(job, account, max_attempts, now) {
        return Plan::Settle(ending);
    }
    if job.cancel_requested {
        return reauthorization();
    }
    if let Some(start) = job.not_before.filter(|start| *start > now) {
        return Plan::Wait { why: WaitReason::Schedule, until: start };
    }
    let Some(account) = account else {
        return reauthorization();
    };
    match account.state {
        AccountState::NeedsReauthorization { .. } | AccountState::Disconnected { .. } => {
            return reauthorization();
        }
        AccountState::Connected => {}
    }
    match account.guest_limit {
        Some(limit) if guests > 0 && limit.until > now => {
            Plan::Block { why: BlockReason::CalendarLimits, until: Some(limit.until) }
        }
        Some(_) | None => Plan::Create,
    }
}

/// Why the job must end at `now`, if it must.
pub(crate) fn ending(
    job: &Job,
    account: Option<&Account>,
    max_attempts: u32,
    now: Timestamp,
) -> Option<Ending> {
    if job.cancel_requested {
        let connected = account.is_some_and(|account| account.state == AccountState::Connected);
        // Where nothing was written Google need not be asked; at the deadline the job ends in any case.
        let settles = connected || job.effect == Effect::None || now >= job.not_after;
        return settles.then_some(Ending::Cancel);
    }
    if now >= job.not_after {
        return Some(Ending::Fail(FailureKind::Expired));
    }
    if job.tally.crashes >= POISON {
        return Some(Ending::Fail(FailureKind::Poison));
    }
    (job.tally.attempts >= max_attempts).then_some(Ending::Fail(FailureKind::AttemptsExhausted))
}

fn reauthorization() -> Plan {
    Plan::Block { why: BlockReason::Reauthorization, until: None }
}

#[cfg(test)]
mod tests {
    use common::account::{AccountId, Generation, GuestLimit, ReauthorizationCause};
    use common::job::{JobState, Tally};
    use common::port::{ClientRef, GoogleUser};
    use common::sample;
    use common::seal::Key;
    use common::time::{after, minutes};

    use super::*;

    fn now() -> Timestamp {
        "2027-01-01T00:00:00Z".parse().expect("an instant")
    }

    fn job() -> Job {
        sample::states::job(JobState::Queued).with(|fields| {
            fields.hop = 1;
            (fields.submitted_at, fields.updated_at) = (now(), now());
            fields.not_after = after(now(), minutes(60));
        })
    }

    fn account(state: AccountState) -> Account {
        let key = Key::random();
        Account {
            id: AccountId::default_account(),
            generation: Generation(1),
            state,
            seal_key: key.seal("default", &key),
            older_seal_keys: Vec::new(),
            user: key.seal("default", &GoogleUser { sub: "1".to_owned(), email: String::new() }),
            user_key: String::new(),
            refresh_token: None,
            client: ClientRef { token_uri: String::new(), client_id: String::new() },
            scopes: Vec::new(),
            connected_at: now(),
            guest_limit: None,
        }
    }

    fn needs_reauthorization() -> AccountState {
        AccountState::NeedsReauthorization { since: now(), cause: ReauthorizationCause::GrantEnded }
    }

    fn planned(job: &Job, account: &Account) -> Plan {
        plan(job, Some(account), 1, 12, now())
    }

    #[test]
    fn an_ordinary_job_is_done() {
        assert_eq!(planned(&job(), &account(AccountState::Connected)), Plan::Create);
    }

    #[test]
    fn what_must_end_ends_before_anything_else_is_considered() {
        let connected = account(AccountState::Connected);
        let blocked = account(needs_reauthorization());
        let fail = |kind| Plan::Settle(Ending::Fail(kind));
        let early = Some(after(now(), minutes(5)));
        let expired = job().with(|fields| {
            fields.not_after = now();
            fields.not_before = early;
        });
        assert_eq!(planned(&expired, &blocked), fail(FailureKind::Expired));
        let poison = job().with(|fields| fields.tally = Tally { crashes: POISON, ..Tally::default() });
        assert_eq!(planned(&poison, &blocked), fail(FailureKind::Poison));
        let exhausted = job().with(|fields| fields.tally = Tally { attempts: 12, ..Tally::default() });
        assert_eq!(planned(&exhausted, &blocked), fail(FailureKind::AttemptsExhausted));
        let nearly =
            job().with(|fields| fields.tally = Tally { attempts: 11, deferrals: 9_999, crashes: POISON - 1 });
        assert_eq!(planned(&nearly, &connected), Plan::Create);
        let cancelled = job().with(|fields| {
            fields.cancel_requested = true;
            fields.not_after = now();
        });
        assert_eq!(planned(&cancelled, &connected), Plan::Settle(Ending::Cancel));
    }

    #[test]
    fn a_cancellation_waits_for_the_account_until_the_job_expires() {
        let cancelled = job().with(|fields| {
            fields.cancel_requested = true;
            fields.effect = Effect::Unknown;
        });
        let blocked = account(needs_reauthorization());
        assert_eq!(planned(&cancelled, &blocked), reauthorization());
        let expired = cancelled.with(|fields| fields.not_after = now());
        assert_eq!(planned(&expired, &blocked), Plan::Settle(Ending::Cancel));
        assert_eq!(plan(&expired, None, 0, 12, now()), Plan::Settle(Ending::Cancel));
    }

    #[test]
    fn a_cancellation_of_what_was_not_written_waits_for_nothing() {
        let cancelled = job().with(|fields| {
            fields.cancel_requested = true;
            fields.effect = Effect::None;
        });
        let blocked = account(needs_reauthorization());
        assert_eq!(planned(&cancelled, &blocked), Plan::Settle(Ending::Cancel));
        assert_eq!(plan(&cancelled, None, 0, 12, now()), Plan::Settle(Ending::Cancel));
    }

    #[test]
    fn a_job_never_starts_early() {
        let connected = account(AccountState::Connected);
        let at = |start| planned(&job().with(|fields| fields.not_before = Some(start)), &connected);
        let soon = after(now(), std::time::Duration::from_millis(1));
        assert_eq!(at(soon), Plan::Wait { why: WaitReason::Schedule, until: soon });
        assert_eq!(at(now()), Plan::Create);
    }

    #[test]
    fn without_a_connection_jobs_wait_for_one() {
        assert_eq!(planned(&job(), &account(needs_reauthorization())), reauthorization());
        assert_eq!(planned(&job(), &account(AccountState::Disconnected { since: now() })), reauthorization());
        assert_eq!(plan(&job(), None, 0, 12, now()), reauthorization());
    }

    #[test]
    fn a_guest_limit_holds_back_jobs_with_guests_only() {
        let until = after(now(), minutes(1));
        let limited = Account {
            guest_limit: Some(GuestLimit { until, strikes: 1 }),
            ..account(AccountState::Connected)
        };
        let held_back = Plan::Block { why: BlockReason::CalendarLimits, until: Some(until) };
        assert_eq!(plan(&job(), Some(&limited), 1, 12, now()), held_back);
        assert_eq!(plan(&job(), Some(&limited), 0, 12, now()), Plan::Create);
        assert_eq!(plan(&job(), Some(&limited), 1, 12, until), Plan::Create);
    }
}
