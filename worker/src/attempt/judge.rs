//! After a failure: gather what is known, let [`retry::decide`](crate::retry::decide) decide, carry it out.

use common::account::{Account, AccountState, GuestLimit, ReauthorizationCause};
use common::jitter::{lengthened_by, shortened_by, spread_by};
use common::job::{BlockReason, Failure, Pause, Tally, WaitReason};
use common::port::{ThrottleKey, ThrottledKey};
use common::random;
use common::seal::OpenError;
use common::time::{after, hours};
use jiff::Timestamp;

use super::record::Return;
use super::{Attempts, Held, Verdict};
use crate::attempt_error::AttemptError;
use crate::plan::ending;
use crate::retry::{Deferral, Disposition, RetryContext, decide};
use crate::{grant, metrics};

/// Blocked jobs are looked at this often or somewhat oftener, also when no worker has woken them.
const BLOCKED_RECHECK: std::time::Duration = hours(1);

/// When a blocked job is looked at again: thousands that were blocked together come apart.
pub(super) fn blocked_recheck() -> std::time::Duration {
    shortened_by(BLOCKED_RECHECK, random::fraction())
}

impl Attempts {
    pub(super) async fn judge(&self, held: &Held<'_>, trouble: &AttemptError) -> Verdict {
        let now = self.ports.clock.now();
        let opened = held.opened.get();
        let account = opened.map(|writing| writing.account.as_ref());
        let standing = RetryContext {
            attempts: held.job.tally.attempts,
            deferrals: held.job.tally.deferrals,
            throttles: account.map_or(0, |account| self.throttles(account)),
            guest_strikes: account
                .and_then(|account| account.guest_limit)
                .map_or(0, |limit| strikes_before(limit, now)),
            has_guests: opened.is_some_and(|writing| writing.payload.event.guests() > 0),
            fraction: random::fraction(),
            now,
        };
        let disposition = decide(trouble, &standing);
        metrics::decided(&disposition);
        // The deadline may have passed since the attempt was planned.
        if let Some(ending) = ending(&held.job, account, self.settings.max_attempts, now)
            && !ending.asks_again(held.effect(), &disposition, held.job.not_after, now)
        {
            return self.conclude(held, ending.unanswered(held.effect())).await;
        }
        // Not as Rust prints it: Google's words may repeat what was sent.
        tracing::debug!(job.id = %held.job.id, "Job {} met trouble: {}", held.job.id, trouble.summary());
        self.carry_out(held, trouble, disposition).await
    }

    async fn carry_out(&self, held: &Held<'_>, trouble: &AttemptError, disposition: Disposition) -> Verdict {
        let now = self.ports.clock.now();
        let tally = held.job.tally;
        let wait = |why, delay| Pause::Waiting { why, until: after(now, delay) };
        match disposition {
            Disposition::Retry { delay } => {
                tracing::warn!(
                    job.id = %held.job.id, job.attempts = tally.attempts + 1,
                    "Attempt {} of job {} failed, next in {} s: {}",
                    tally.attempts + 1, held.job.id, delay.as_secs(), trouble.summary()
                );
                self.come_back(
                    held,
                    Return { pause: wait(WaitReason::Retry, delay), delay, tally: tally.attempted() },
                )
                .await
            }
            Disposition::Defer { why, delay } => {
                self.alarm(held, trouble, why);
                metrics::deferred(why);
                let delay = self.in_line(held, why, delay).await;
                self.come_back(
                    held,
                    Return { pause: wait(why.wait_reason(), delay), delay, tally: tally.deferred() },
                )
                .await
            }
            Disposition::PushBack { key, pause } => {
                metrics::deferred(Deferral::Throttled);
                self.push_back(held, key, pause).await;
                let delay = spread_by(pause, random::fraction());
                self.come_back(
                    held,
                    Return { pause: wait(WaitReason::Quota, delay), delay, tally: tally.deferred() },
                )
                .await
            }
            Disposition::BlockAccount(cause) => self.block_account(held, cause, trouble).await,
            Disposition::BlockGuests { pause, strikes } => {
                let until = after(now, pause);
                let limit = GuestLimit { until, strikes };
                if let Err(error) = self.ports.accounts.limit_guests(&held.job.account, Some(limit)).await {
                    tracing::warn!("A guest limit could not be kept: {error}");
                }
                let pause_state = Pause::Blocked { why: BlockReason::CalendarLimits, until: Some(until) };
                let delay = lengthened_by(pause, random::fraction());
                self.come_back(held, Return { pause: pause_state, delay, tally: tally.deferred() }).await
            }
            Disposition::Fail { kind, status, reason, detail } => {
                let detail =
                    detail.zip(held.keys()).map(|(text, keys)| keys.seal(held.job.id.as_str(), &text));
                let failure = Failure {
                    kind,
                    google_status: status,
                    google_reason: reason,
                    effect: held.effect(),
                    detail,
                };
                self.record_failure(held, failure).await
            }
            Disposition::LetGo => Verdict::Done,
            Disposition::HandBack => self.hand_back(held).await,
        }
    }

    async fn block_account(
        &self,
        held: &Held<'_>,
        cause: ReauthorizationCause,
        trouble: &AttemptError,
    ) -> Verdict {
        let id = &held.job.account;
        // The connection that was refused, which need not be the one that stands now.
        let generation = trouble.generation().unwrap_or_default();
        grant::give_up(&self.ports, id, generation, cause, &trouble.summary()).await;
        self.notices().look_now();
        // A late refusal of an old token says nothing about a newer connection: the account is read again.
        let now_connected = match self.ports.accounts.get_now(id).await {
            Ok(Some(account)) => account.state == AccountState::Connected && account.generation > generation,
            Ok(None) | Err(_) => false,
        };
        let (pause, delay) = if now_connected {
            let delay = std::time::Duration::from_secs(1);
            (Pause::Waiting { why: WaitReason::Retry, until: after(self.ports.clock.now(), delay) }, delay)
        } else {
            (Pause::Blocked { why: BlockReason::Reauthorization, until: None }, blocked_recheck())
        };
        metrics::deferred(Deferral::Blocked);
        self.come_back(held, Return { pause, delay, tally: held.job.tally }).await
    }

    fn throttles(&self, account: &Account) -> u32 {
        let user = ThrottleKey::User(account.user_key.clone());
        self.gateway.quota_gate.throttles(&user).max(self.gateway.quota_gate.throttles(&ThrottleKey::Project))
    }

    async fn push_back(&self, held: &Held<'_>, key: ThrottledKey, pause: std::time::Duration) {
        let key = match key {
            ThrottledKey::Project => ThrottleKey::Project,
            ThrottledKey::User => match held.opened.get() {
                Some(writing) => ThrottleKey::User(writing.account.user_key.clone()),
                None => return,
            },
        };
        tracing::warn!("Google throttles; nothing more for {} s", pause.as_secs());
        self.gateway.quota_gate.push_back(key, pause).await;
    }

    /// A job without room under the quotas takes a new place in its account's line, unless it has a turn.
    async fn in_line(
        &self,
        held: &Held<'_>,
        why: Deferral,
        at_least: std::time::Duration,
    ) -> std::time::Duration {
        if why != Deferral::Quota || held.calls.turn(self.ports.clock.now()).is_some() {
            return at_least;
        }
        match held.opened.get() {
            Some(writing) => self.join(held, &writing.account, held.hold.turn()).await.max(at_least),
            None => at_least,
        }
    }

    fn alarm(&self, held: &Held<'_>, trouble: &AttemptError, why: Deferral) {
        match why {
            Deferral::Operator => {
                if let AttemptError::Sealed(OpenError::UnknownKey(id)) = trouble {
                    self.missing_keys.missed(*id, self.ports.clock.now());
                }
                // The request that met it has logged a refused client, once for all jobs.
                if !matches!(trouble, AttemptError::Token(..)) {
                    tracing::error!(job.id = %held.job.id, "An operator has to act, jobs wait: {}", trouble.summary());
                }
            }
            Deferral::OwnStorage => {
                tracing::error!("Our own storage fails, jobs wait: {}", trouble.summary())
            }
            Deferral::Quota
            | Deferral::Throttled
            | Deferral::CircuitOpen
            | Deferral::NoConnection
            | Deferral::TokenEndpoint
            | Deferral::NotDue
            | Deferral::Blocked => {}
        }
    }

    /// A fresh tally for a job that only waited.
    pub(super) fn waited(tally: Tally, why: Deferral) -> Tally {
        metrics::deferred(why);
        tally.deferred()
    }
}

/// Strikes before this one. Calls that were under way when Google said so are told the same again.
fn strikes_before(limit: GuestLimit, now: Timestamp) -> u32 {
    if limit.until > now { limit.strikes.saturating_sub(1) } else { limit.strikes }
}
