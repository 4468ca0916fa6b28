//! The port `Throttle` on Redis: what all processes take is counted in one place, by Redis' own clock.
//!
//! With Redis away a worker goes on at once with its share of every limit; one that starts then does so as soon as it
//! knows how many there are, and the others know of it. No window sees more than its
//! limit on the way there or back: lines begin as full as they can be, days are told from memory, and for a
//! moment after Redis has come back a call needs the permission of both.

mod alone;
mod scripts;
mod totals;
mod workers;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tracing::{info, warn};

use super::Redis;
use super::link::{LinkError, Live, REFUSED};
use alone::Alone;
use common::memory::MemoryThrottle;
use common::port::{Clock, Limit, Line, Take, Throttle, ThrottleKey, Turn, Window};
use common::time;
use scripts::{Answer, Asked, Scripts};
use totals::{Spent, Totals};
pub use workers::CountedWorker;
use workers::Workers;

/// All workers have found out that Redis is back after this, and the shortest window is over in which one of them went
/// on without it.
const BOTH: Duration = REFUSED.saturating_add(Duration::from_secs(2));
/// A call finds a new mark so often before it goes on without Redis.
const TRIES: u32 = 5;
/// So many keys are looked at to tell the busiest.
const BUSIEST: usize = 8;

/// The throttle that many processes share.
pub struct RedisThrottle {
    redis: Arc<Redis>,
    clock: Arc<dyn Clock>,
    scripts: Scripts,
    workers: Arc<Workers>,
    state: Mutex<State>,
    /// Whoever holds this tells Redis what it missed.
    resuming: tokio::sync::Mutex<()>,
    /// Lines to join while Redis is away.
    lines: MemoryThrottle,
}

#[derive(Default)]
struct State {
    standing: Mode,
    known: Option<Known>,
    totals: Totals,
}

/// The state of Redis that was last taken from.
#[derive(Clone, PartialEq, Eq)]
struct Known {
    /// How the server named its run.
    run: String,
    /// What its meters went by.
    mark: String,
}

/// How this process stands with Redis.
#[derive(Default, Clone)]
enum Mode {
    /// Redis decides.
    #[default]
    Together,
    /// Redis is away.
    Alone(Arc<Alone>),
    /// Redis is back; until then both decide.
    Both(Arc<Alone>, Timestamp),
}

impl Redis {
    /// The throttle that all processes on this Redis share.
    #[must_use]
    pub fn throttle(self: &Arc<Self>) -> Arc<RedisThrottle> {
        let clock = self.clock.clone();
        Arc::new(RedisThrottle {
            redis: self.clone(),
            scripts: Scripts::new(),
            workers: Arc::default(),
            state: Mutex::default(),
            resuming: tokio::sync::Mutex::default(),
            lines: MemoryThrottle::new(clock.clone()),
            clock,
        })
    }
}

impl RedisThrottle {
    /// Whether this process goes on without Redis, with its share of the limits.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        matches!(self.state().standing, Mode::Alone(_))
    }

    /// How many workers there are, as last counted.
    #[must_use]
    pub fn workers(&self) -> u32 {
        self.workers.count()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As all together may.
    async fn ask_together(&self, limits: &[Limit], asked: Asked) -> Result<Answer, LinkError> {
        for _ in 0..TRIES {
            let live = self.redis.link.live().await?;
            let (standing, known) = self.standing();
            match (standing, asked) {
                (Mode::Together, _) | (Mode::Both(..), Asked::Book { .. }) => {}
                (Mode::Alone(_), _) => {
                    self.resume(&live, known).await?;
                    continue;
                }
                // What Redis then refuses was taken from this share for nothing: a little less, for a moment.
                (Mode::Both(alone, _), Asked::Take(_)) => match alone.permit(limits, Turn::Now).await {
                    Take::Refused { retry_in } => return Ok(Answer::Refused { retry_in }),
                    Take::Granted | Take::Reserved { .. } | Take::Booked { .. } => {}
                },
            }
            if known.as_ref().is_some_and(|known| known.run != live.run_id()) {
                // A server that was started again may lack what was written last.
                self.resume(&live, known).await?;
                continue;
            }
            let mark = known.as_ref().map(|known| known.mark.as_str());
            let answer = self.scripts.take(&live, mark, limits, asked).await?;
            match &answer {
                Answer::Granted { mark, within, .. } => self.note(&live, mark.clone(), limits, within),
                Answer::Booked { .. } | Answer::Refused { .. } | Answer::Near => {}
                Answer::Lost => {
                    self.resume(&live, known).await?;
                    continue;
                }
            }
            return Ok(answer);
        }
        Err(LinkError::Refused("the throttle's mark keeps changing".to_owned()))
    }

    async fn take_together(&self, limits: &[Limit], turn: Turn) -> Result<Take, LinkError> {
        Ok(match self.ask_together(limits, Asked::Take(turn)).await? {
            Answer::Granted { after: Duration::ZERO, .. } => Take::Granted,
            Answer::Granted { after, .. } => Take::Reserved { after },
            Answer::Booked { turn, limit } => Take::Booked { turn, key: limits[limit].key.clone() },
            Answer::Refused { retry_in } => Take::Refused { retry_in },
            Answer::Near | Answer::Lost => {
                return Err(LinkError::Refused("an answer to another question".to_owned()));
            }
        })
    }

    fn standing(&self) -> (Mode, Option<Known>) {
        let now = self.clock.now();
        let mut state = self.state();
        if matches!(&state.standing, Mode::Both(_, until) if *until <= now) {
            state.standing = Mode::Together;
        }
        (state.standing.clone(), state.known.clone())
    }

    fn note(&self, live: &Live, mark: String, limits: &[Limit], within: &[u64]) {
        let now = self.clock.now();
        let mut state = self.state();
        state.known.get_or_insert_with(|| Known { run: live.run_id().to_owned(), mark });
        for (limit, units) in limits.iter().zip(within) {
            state.totals.note(limit, *units, now);
        }
    }

    /// Tells Redis what it missed while it was away, or what it has lost, and goes on by the mark that it
    /// then has; `seen` is the one that proved void.
    async fn resume(&self, live: &Live, seen: Option<Known>) -> Result<(), LinkError> {
        let _one_at_a_time = self.resuming.lock().await;
        let (standing, known) = self.standing();
        if known != seen {
            return Ok(());
        }
        let alone = match standing {
            Mode::Alone(alone) => Some(alone),
            Mode::Together | Mode::Both(..) => None,
        };
        let days = match &alone {
            Some(alone) => alone.days(),
            None => self.state().totals.days(self.clock.now()).into_iter().map(Spent::of_all).collect(),
        };
        let mark = self.scripts.resume(live, known.as_ref().map(|known| known.mark.as_str()), &days).await?;
        if let Some(alone) = alone {
            alone.told(&days);
            for (key, left) in alone.throttle.pauses() {
                self.scripts.pause(live, &key, left).await?;
            }
            info!("The throttle counts together with the other workers again");
            self.state().standing = Mode::Both(alone, time::after(self.clock.now(), BOTH));
        }
        self.state().known = Some(Known { run: live.run_id().to_owned(), mark });
        Ok(())
    }

    /// As this process may without Redis.
    fn go_alone(&self, trouble: &LinkError) -> Arc<Alone> {
        let now = self.clock.now();
        let mut state = self.state();
        let alone = match &state.standing {
            Mode::Alone(alone) => return alone.clone(),
            Mode::Both(alone, _) => alone.clone(),
            Mode::Together => {
                let share = match self.workers.sharing(now) {
                    Ok(workers) => format!("with a share of the limits that is one of {workers}"),
                    Err(_) => "with a share of the limits once all workers are counted".to_owned(),
                };
                warn!(error = %trouble, "The throttle goes on alone, {share}: {trouble}");
                Arc::new(Alone::new(self.clock.clone(), Arc::clone(&self.workers), state.totals.days(now)))
            }
        };
        state.standing = Mode::Alone(alone.clone());
        alone
    }

    async fn used_together(&self, window: Window) -> Result<f64, LinkError> {
        let busiest = self.state().totals.busiest(window, self.clock.now(), BUSIEST);
        if busiest.is_empty() {
            return Ok(0.0);
        }
        let live = self.redis.link.live().await?;
        let (lines, allowed): (Vec<_>, Vec<_>) = busiest.into_iter().unzip();
        let within = self.scripts.used(&live, window, &lines).await?;
        let shares =
            within.iter().zip(allowed).map(|(units, allowed)| *units as f64 / f64::from(allowed.max(1)));
        Ok(shares.fold(0.0, f64::max).min(1.0))
    }
}

#[async_trait]
impl Throttle for RedisThrottle {
    async fn place(&self, line: &Line) -> Duration {
        let placed = async { self.scripts.place(self.redis.link.live().await?.as_ref(), line).await };
        match placed.await {
            Ok(delay) => delay,
            Err(_) => self.lines.place(line).await,
        }
    }

    async fn leave(&self, line: &Line) {
        let left = async { self.scripts.leave(self.redis.link.live().await?.as_ref(), line).await };
        if left.await.is_err() {
            self.lines.leave(line).await;
        }
    }

    async fn take(&self, limits: &[Limit], turn: Turn) -> Take {
        match self.take_together(limits, turn).await {
            Ok(take) => take,
            Err(trouble) => self.go_alone(&trouble).take(limits, turn).await,
        }
    }

    async fn book(&self, limits: &[Limit], calls: u32, beyond: Duration) -> Option<(Duration, ThrottleKey)> {
        match self.ask_together(limits, Asked::Book { calls, beyond }).await {
            Ok(Answer::Booked { turn, limit }) => Some((turn, limits[limit].key.clone())),
            Ok(Answer::Granted { .. } | Answer::Refused { .. } | Answer::Near | Answer::Lost) => None,
            Err(trouble) => self.go_alone(&trouble).book(limits, calls, beyond).await,
        }
    }

    async fn unbook(&self, limits: &[Limit]) {
        if let Mode::Alone(alone) = self.standing().0 {
            return alone.unbook(limits).await;
        }
        let paced: Vec<&Limit> = limits.iter().filter(|limit| limit.window != Window::Day).collect();
        // A turn that stays booked is lost, once.
        if let Ok(live) = self.redis.link.live().await {
            let _ = self.scripts.unbook(&live, &paced).await;
        }
    }

    async fn give_back(&self, limits: &[Limit]) {
        let days: Vec<&Limit> = limits.iter().filter(|limit| limit.window == Window::Day).collect();
        if let Mode::Alone(alone) = self.standing().0 {
            return alone.give_back(&days);
        }
        // Units that cannot be given back are lost for a day.
        if let Ok(live) = self.redis.link.live().await {
            let _ = self.scripts.give_back(&live, &days).await;
        }
    }

    async fn push_back(&self, key: &ThrottleKey, pause: Duration) {
        let told = async { self.scripts.pause(self.redis.link.live().await?.as_ref(), key, pause).await };
        let alone = match told.await {
            Err(trouble) => self.go_alone(&trouble),
            Ok(()) => match self.standing().0 {
                Mode::Together => return,
                Mode::Alone(alone) | Mode::Both(alone, _) => alone,
            },
        };
        alone.throttle.push_back(key, pause).await;
    }

    async fn used(&self, window: Window) -> f64 {
        match self.used_together(window).await {
            Ok(used) => used,
            Err(trouble) => self.go_alone(&trouble).throttle.used(window).await,
        }
    }
}
