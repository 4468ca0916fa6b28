//! After the calls: a failure is judged by what is known, [`retry::decide`](crate::retry::decide) decides, and what that
//! means for the account, the quotas and the operator is carried out.

use std::time::Duration;

use common::account::{Account, AccountState, GuestLimit, ReauthorizationCause};
use common::jitter::{lengthened_by, shortened_by, spread_by};
use common::job::{BlockReason, Failure, Pause, WaitReason};
use common::port::{ThrottleKey, ThrottledKey};
use common::random;
use common::seal::OpenError;
use common::time::{after, hours};
use jiff::Timestamp;

use super::leased::Leased;
use super::opened::Writing;
use super::record::{Return, Settled};
use super::{Attempts, Conclusion};
use crate::attempt_error::AttemptError;
use crate::plan::ending;
use crate::retry::{Deferral, Disposition, RetryContext, decide};
use crate::{grant, metrics};

/// Blocked jobs are looked at this often or somewhat oftener, also when no worker has woken them.
const BLOCKED_RECHECK: Duration = hours(1);

/// When a blocked job is looked at again: thousands that were blocked together come apart.
pub(super) fn blocked_recheck() -> Duration {
    shortened_by(BLOCKED_RECHECK, random::fraction())
}

/// An attempt whose calls are over.
pub(super) struct Called<'a> {
    pub(super) leased: Leased<'a>,
    pub(super) writing: Option<Writing>,
    pub(super) outcome: Result<Conclusion, AttemptError>,
}

impl<'a> Called<'a> {
    /// Settles what becomes of the job.
    pub(super) async fn settle(self, attempts: &Attempts) -> Settled<'a> {
        let Self { leased, writing, outcome } = self;
        let conclusion = match outcome {
            Ok(conclusion) => conclusion,
            Err(trouble) => {
                Failed { attempts, leased: &leased, writing: writing.as_ref(), trouble }.judged().await
            }
        };
        let keys = writing.map(|writing| writing.keys);
        Settled { leased, keys, conclusion }
    }
}

/// An attempt that met trouble.
struct Failed<'a> {
    attempts: &'a Attempts,
    leased: &'a Leased<'a>,
    /// `None` also where the trouble was met before the account could be read.
    writing: Option<&'a Writing>,
    trouble: AttemptError,
}

impl Failed<'_> {
    async fn judged(&self) -> Conclusion {
        let (job, now) = (&self.leased.job, self.attempts.ports.clock.now());
        let account = self.writing.map(|writing| writing.account.as_ref());
        let disposition = decide(&self.trouble, &self.context(account, now));
        metrics::decided(&disposition);
        let effect = self.leased.effect();
        // The deadline may have passed since the attempt was planned.
        if let Some(ending) = ending(job, account, self.attempts.settings.max_attempts, now)
            && !ending.asks_again(effect, &disposition, job.not_after, now)
        {
            return ending.conclusion(effect);
        }
        // Not as Rust prints it: Google's words may repeat what was sent.
        tracing::debug!(job.id = %job.id, "Job {} met trouble: {}", job.id, self.trouble.summary());
        self.carried_out(disposition).await
    }

    fn context(&self, account: Option<&Account>, now: Timestamp) -> RetryContext {
        let tally = self.leased.job.tally;
        RetryContext {
            attempts: tally.attempts,
            deferrals: tally.deferrals,
            throttles: account.map_or(0, |account| self.throttles(account)),
            guest_strikes: account
                .and_then(|account| account.guest_limit)
                .map_or(0, |limit| strikes_before(limit, now)),
            has_guests: self.writing.is_some_and(|writing| writing.payload.event.guests() > 0),
            fraction: random::fraction(),
            now,
        }
    }

    async fn carried_out(&self, disposition: Disposition) -> Conclusion {
        let (job, now) = (&self.leased.job, self.attempts.ports.clock.now());
        let tally = job.tally;
        let back = |why, delay, tally| {
            let pause = Pause::Waiting { why, until: after(now, delay) };
            Conclusion::Return(Return { pause, delay, tally })
        };
        match disposition {
            Disposition::Retry { delay } => {
                tracing::warn!(
                    job.id = %job.id, job.attempts = tally.attempts + 1,
                    "Attempt {} of job {} failed, next in {} s: {}",
                    tally.attempts + 1, job.id, delay.as_secs(), self.trouble.summary()
                );
                back(WaitReason::Retry, delay, tally.attempted())
            }
            Disposition::Defer { why, delay } => {
                self.alarm(why);
                metrics::deferred(why);
                let delay = self.in_line(why, delay).await;
                back(why.wait_reason(), delay, tally.deferred())
            }
            Disposition::PushBack { key, pause } => {
                metrics::deferred(Deferral::Throttled);
                self.push_back(key, pause).await;
                back(WaitReason::Quota, spread_by(pause, random::fraction()), tally.deferred())
            }
            Disposition::BlockAccount(cause) => self.block_account(cause).await,
            Disposition::BlockGuests { pause, strikes } => {
                let until = after(now, pause);
                let limit = GuestLimit { until, strikes };
                if let Err(error) = self.attempts.ports.accounts.limit_guests(&job.account, Some(limit)).await
                {
                    tracing::warn!("A guest limit could not be kept: {error}");
                }
                let delay = lengthened_by(pause, random::fraction());
                let pause = Pause::Blocked { why: BlockReason::CalendarLimits, until: Some(until) };
                Conclusion::Return(Return { pause, delay, tally: tally.deferred() })
            }
            Disposition::Fail { kind, status, reason, detail } => Conclusion::Failed(Failure {
                kind,
                google_status: status,
                google_reason: reason,
                effect: self.leased.effect(),
                detail: detail
                    .zip(self.writing)
                    .map(|(text, writing)| writing.keys.seal(job.id.as_str(), &text)),
            }),
            Disposition::LetGo => Conclusion::LetGo,
            Disposition::HandBack => Conclusion::HandBack,
        }
    }

    async fn block_account(&self, cause: ReauthorizationCause) -> Conclusion {
        let (ports, id) = (&self.attempts.ports, &self.leased.job.account);
        // The connection that was refused, which need not be the one that stands now.
        let generation = self.trouble.generation().unwrap_or_default();
        grant::give_up(ports, id, generation, cause, &self.trouble.summary()).await;
        self.attempts.settings.notices.look_now();
        // Read anew on purpose: a late refusal of an old token says nothing about a newer connection.
        let now_connected = match ports.accounts.get_now(id).await {
            Ok(Some(account)) => account.state == AccountState::Connected && account.generation > generation,
            Ok(None) | Err(_) => false,
        };
        let (pause, delay) = if now_connected {
            let delay = Duration::from_secs(1);
            (Pause::Waiting { why: WaitReason::Retry, until: after(ports.clock.now(), delay) }, delay)
        } else {
            (Pause::Blocked { why: BlockReason::Reauthorization, until: None }, blocked_recheck())
        };
        metrics::deferred(Deferral::Blocked);
        Conclusion::Return(Return { pause, delay, tally: self.leased.job.tally })
    }

    fn throttles(&self, account: &Account) -> u32 {
        let gate = &self.attempts.gateway.quota_gate;
        let user = ThrottleKey::User(account.user_key.clone());
        gate.throttles(&user).max(gate.throttles(&ThrottleKey::Project))
    }

    async fn push_back(&self, key: ThrottledKey, pause: Duration) {
        let key = match (key, self.writing) {
            (ThrottledKey::Project, _) => ThrottleKey::Project,
            (ThrottledKey::User, Some(writing)) => ThrottleKey::User(writing.account.user_key.clone()),
            (ThrottledKey::User, None) => return,
        };
        tracing::warn!("Google throttles; nothing more for {} s", pause.as_secs());
        self.attempts.gateway.quota_gate.push_back(key, pause).await;
    }

    /// A job without room under the quotas takes a new place in its account's line, unless it has a turn.
    async fn in_line(&self, why: Deferral, at_least: Duration) -> Duration {
        let (attempts, leased) = (self.attempts, self.leased);
        if why != Deferral::Quota || leased.calls.turn(attempts.ports.clock.now()).is_some() {
            return at_least;
        }
        match self.writing {
            Some(writing) => leased.join(attempts, &writing.account, leased.hold.turn()).await.max(at_least),
            None => at_least,
        }
    }

    fn alarm(&self, why: Deferral) {
        let (job, trouble) = (&self.leased.job, &self.trouble);
        match why {
            Deferral::Operator => {
                if let AttemptError::Sealed(OpenError::UnknownKey(id)) = trouble {
                    self.attempts.missing_keys.missed(*id, self.attempts.ports.clock.now());
                }
                // The request that met it has logged a refused client, once for all jobs.
                if !matches!(trouble, AttemptError::Token(..)) {
                    tracing::error!(job.id = %job.id, "An operator has to act, jobs wait: {}", trouble.summary());
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
}

/// Strikes before this one. Calls that were under way when Google said so are told the same again.
fn strikes_before(limit: GuestLimit, now: Timestamp) -> u32 {
    if limit.until > now { limit.strikes.saturating_sub(1) } else { limit.strikes }
}
