//! What was read from the vault and is used again: without asking for a while, and for much longer while the vault
//! is slow or away. Who asks for the same thing at once shares one question, and a vault that hangs is left alone.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use jiff::Timestamp;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use common::port::{Clock, VaultError};
use common::time;

/// How long a key or an account that was read counts as up to date.
pub const FRESH: Duration = Duration::from_secs(30);
/// How long it is still used while the vault cannot be read.
pub(crate) const STALE: Duration = time::hours(1);
/// An answer is waited for so long by those who have an older one.
const PATIENCE: Duration = Duration::from_millis(500);
/// A vault that has failed is asked again after so long.
const RETRY: Duration = Duration::from_secs(2);
/// More names of what is not there are not remembered: whoever sends so many makes them up.
const MISSING: usize = 10_000;

/// Remembers what was found, and for a while what was not, by name.
pub(crate) struct Remembered<V: Clone> {
    inner: Arc<Inner<V>>,
    fetch: Fetch<V>,
    clock: Arc<dyn Clock>,
    /// How long it is remembered that there is nothing of a name.
    missing_for: Duration,
    /// The questions under way: they go on when those who asked do not wait.
    tasks: Mutex<JoinSet<()>>,
}

struct Inner<V: Clone> {
    kept: Mutex<Kept<V>>,
    asking: Mutex<UnderWay<V>>,
    vault: Mutex<Condition>,
    /// Numbers questions and writes: an answer never replaces what was asked or written after its question.
    turn: AtomicU64,
}

struct Kept<V> {
    found: HashMap<String, Entry<V>>,
    /// Apart: those who make names up push out nothing that is there.
    missing: HashMap<String, Entry<()>>,
}

#[derive(Clone)]
struct Entry<V> {
    value: V,
    at: Timestamp,
    turn: u64,
}

type Question<V> = BoxFuture<'static, Result<Option<V>, VaultError>>;
type Asking<V> = Shared<Question<V>>;
type Fetch<V> = Box<dyn Fn(&str) -> Question<V> + Send + Sync>;
/// The questions under way, by name.
type UnderWay<V> = HashMap<String, WeakShared<Question<V>>>;

/// How the vault was last met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    Well,
    /// It has let somebody wait, and has not answered since. Those who have an older answer do not wait for it, and
    /// one of them asks every [`RETRY`].
    Slow {
        asked: Instant,
    },
    /// It has failed. One asks every [`RETRY`].
    Away {
        asked: Instant,
    },
}

/// How an answer is come by.
enum Step<V: Clone> {
    /// It is here.
    Known(Result<Option<V>, VaultError>),
    /// It is asked for; and what was found before, if that may still be used.
    Ask { asking: Asking<V>, value: Option<V>, course: Course },
}

/// What to do about a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    /// What is remembered is good.
    Use,
    /// What is remembered is used at once, and asked for behind it.
    UseAndAsk,
    /// What is remembered is used if there is no answer soon.
    AskForAMoment,
    /// There is nothing to go by.
    Ask,
}

/// `age` is that of what was found before, if anything was.
fn course(age: Option<Duration>, vault: Condition) -> Course {
    match age {
        Some(age) if age < FRESH => Course::Use,
        Some(age) if age < STALE => match vault {
            Condition::Well => Course::AskForAMoment,
            Condition::Slow { .. } | Condition::Away { .. } => Course::UseAndAsk,
        },
        Some(_) | None => Course::Ask,
    }
}

impl<V: Clone + Send + Sync + 'static> Remembered<V> {
    /// What `fetch` reads by name.
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        missing_for: Duration,
        fetch: impl Fn(&str) -> Question<V> + Send + Sync + 'static,
    ) -> Self {
        let inner = Inner {
            kept: Mutex::new(Kept { found: HashMap::new(), missing: HashMap::new() }),
            asking: Mutex::default(),
            vault: Mutex::new(Condition::Well),
            turn: AtomicU64::new(0),
        };
        Self { inner: Arc::new(inner), fetch: Box::new(fetch), clock, missing_for, tasks: Mutex::default() }
    }

    /// What there is of this name: as it was at most [`FRESH`] ago, or at most [`STALE`] while the vault is slow
    /// or away.
    ///
    /// # Errors
    /// When nothing is remembered and the vault cannot be read, or could not a moment ago.
    pub(crate) async fn get(&self, name: &str) -> Result<Option<V>, VaultError> {
        let Ok(got) = self.get_if(name, || Ok::<(), Infallible>(())).await;
        got
    }

    /// The same; but a question about what was not found before needs `permit`, which is asked once, at the
    /// beginning, and by one of all who have the same question at once.
    ///
    /// # Errors
    /// What `permit` says; inside, what [`Self::get`] says.
    pub(crate) async fn get_if<E>(
        &self,
        name: &str,
        permit: impl FnOnce() -> Result<(), E>,
    ) -> Result<Result<Option<V>, VaultError>, E> {
        let (asking, value, course) = match self.begin(name, permit)? {
            Step::Known(answer) => return Ok(answer),
            Step::Ask { asking, value, course } => (asking, value, course),
        };
        Ok(match value {
            None => asking.await,
            Some(value) if course == Course::UseAndAsk => Ok(Some(value)),
            Some(value) => match timeout(PATIENCE, asking).await {
                Ok(Ok(answer)) => Ok(answer),
                Ok(Err(_)) => Ok(Some(value)),
                Err(_) => {
                    self.inner.is_slow();
                    Ok(Some(value))
                }
            },
        })
    }

    /// What is known of this name; or the question about it, which has begun.
    fn begin<E>(&self, name: &str, permit: impl FnOnce() -> Result<(), E>) -> Result<Step<V>, E> {
        let now = self.clock.now();
        // Taken first: a question that has ended meanwhile is remembered by the time it is not here.
        let mut under_way = lock(&self.inner.asking);
        let (found, is_missing) = self.inner.recall(name, now, self.missing_for);
        if is_missing {
            return Ok(Step::Known(Ok(None)));
        }
        let course = course(found.as_ref().map(|(_, age)| *age), *lock(&self.inner.vault));
        let was_found = found.is_some();
        let value = found.filter(|(_, age)| *age < STALE).map(|(value, _)| value);
        if course == Course::Use {
            return Ok(Step::Known(Ok(value)));
        }
        if let Some(asking) = under_way.get(name).and_then(WeakShared::upgrade) {
            return Ok(Step::Ask { asking, value, course });
        }
        if !was_found {
            permit()?;
        }
        if self.inner.may_ask(value.is_some()) {
            let asking = self.ask(&mut under_way, name);
            return Ok(Step::Ask { asking, value, course });
        }
        Ok(Step::Known(match value {
            Some(value) => Ok(Some(value)),
            None => Err(VaultError::Unusable("it could not be read a moment ago".to_owned())),
        }))
    }

    /// Begins a question, which goes on whoever waits for it.
    fn ask(&self, under_way: &mut UnderWay<V>, name: &str) -> Asking<V> {
        let (inner, clock, fetch) = (Arc::clone(&self.inner), Arc::clone(&self.clock), (self.fetch)(name));
        let (name, turn) = (name.to_owned(), inner.turn.fetch_add(1, Ordering::Relaxed));
        let key = name.clone();
        let asking = async move {
            let answer = fetch.await;
            inner.answered(&name, &answer, turn, clock.now());
            lock(&inner.asking).remove(&name);
            answer
        };
        let asking: Asking<V> = asking.boxed().shared();
        under_way.extend(asking.downgrade().map(|asking| (key, asking)));
        let mut tasks = lock(&self.tasks);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(asking.clone().map(drop));
        asking
    }

    /// What was found of this name, and how long ago.
    pub(crate) fn recall(&self, name: &str) -> Option<(V, Duration)> {
        self.inner.recall(name, self.clock.now(), self.missing_for).0
    }

    /// Numbers a question that is asked elsewhere; to be drawn before it is asked.
    pub(crate) fn turn(&self) -> u64 {
        self.inner.turn.fetch_add(1, Ordering::Relaxed)
    }

    /// Remembers what an answer said, or what was written.
    pub(crate) fn remember(&self, name: &str, value: Option<V>, turn: u64) {
        self.inner.answered(name, &Ok(value), turn, self.clock.now());
    }

    /// Makes what was found of this name older.
    #[cfg(test)]
    pub(crate) fn age(&self, name: &str, by: Duration) {
        if let Some(entry) = lock(&self.inner.kept).found.get_mut(name) {
            entry.at = entry.at.checked_sub(by).expect("it is after 1970");
        }
    }

    /// Forgets everything.
    pub(crate) fn forget(&self) {
        let mut kept = lock(&self.inner.kept);
        kept.found.clear();
        kept.missing.clear();
    }
}

impl<V: Clone> Inner<V> {
    fn recall(&self, name: &str, now: Timestamp, missing_for: Duration) -> (Option<(V, Duration)>, bool) {
        let kept = lock(&self.kept);
        let found = kept.found.get(name).map(|entry| (entry.value.clone(), time::until(entry.at, now)));
        let missing = kept.missing.get(name).is_some_and(|entry| time::until(entry.at, now) < missing_for);
        (found, missing)
    }

    fn answered(&self, name: &str, answer: &Result<Option<V>, VaultError>, turn: u64, now: Timestamp) {
        let mut condition = lock(&self.vault);
        *condition = match answer {
            Err(VaultError::Unusable(_)) => Condition::Away { asked: Instant::now() },
            Ok(_) | Err(VaultError::Unreadable(_) | VaultError::Changed) => Condition::Well,
        };
        drop(condition);
        let Ok(value) = answer else {
            return;
        };
        let mut kept = lock(&self.kept);
        let last = kept.found.get(name).map(|entry| entry.turn);
        if last.max(kept.missing.get(name).map(|entry| entry.turn)) > Some(turn) {
            return;
        }
        match value {
            Some(value) => {
                kept.missing.remove(name);
                kept.found.insert(name.to_owned(), Entry { value: value.clone(), at: now, turn });
            }
            None => {
                kept.found.remove(name);
                if kept.missing.len() >= MISSING {
                    kept.missing.clear();
                }
                kept.missing.insert(name.to_owned(), Entry { value: (), at: now, turn });
            }
        }
    }

    /// Whether one more question may be asked, by somebody who has an older answer or by somebody who has none.
    fn may_ask(&self, has_answer: bool) -> bool {
        let mut condition = lock(&self.vault);
        match &mut *condition {
            Condition::Well => true,
            Condition::Slow { .. } if !has_answer => true,
            Condition::Slow { asked } | Condition::Away { asked } => {
                let due = asked.elapsed() >= RETRY;
                if due {
                    *asked = Instant::now();
                }
                due
            }
        }
    }

    fn is_slow(&self) {
        let mut condition = lock(&self.vault);
        if *condition == Condition::Well {
            *condition = Condition::Slow { asked: Instant::now() };
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nothing panics holding it")
}
