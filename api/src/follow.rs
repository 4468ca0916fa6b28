//! Who follows which job: all who follow the same one share its looks, and a caller follows so many at a time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

use common::job::{Job, JobId};
use common::port::Clock;
use futures_util::FutureExt as _;
use futures_util::future::select;
use lifecycle::Ledger;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::caller::Caller;
use crate::problem::{Kind, Problem};

/// A change made by a process that announces nothing here (an operator's command) is seen after so long.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Never look more often, however much is announced.
const BREATH: Duration = Duration::from_millis(10);
/// A caller may wait for and follow so many jobs at a time, here.
const MOST: usize = 1_000;
/// When it is worth asking for one more.
const AGAIN: Duration = Duration::from_secs(5);

/// The jobs that are followed.
pub(crate) struct Follows {
    ledger: Arc<Ledger>,
    clock: Arc<dyn Clock>,
    jobs: Mutex<Jobs>,
    seats: Seats,
}

/// How many jobs each caller follows.
#[derive(Default)]
struct Seats(Arc<Mutex<HashMap<String, usize>>>);

#[derive(Default)]
struct Jobs {
    of: HashMap<JobId, Weak<Followed>>,
    /// With so many, those that no request follows any more are thrown out.
    sweep_at: usize,
}

/// Fewer jobs than this are not looked through.
const FEW: usize = 64;

/// What a look has seen of a job.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// Looks are numbered from one; zero is before the first.
    pub(crate) look: u64,
    /// `None` while there was no look, or the store is away.
    pub(crate) job: Option<Option<Job>>,
}

/// One job, looked at for as long as anybody holds this.
pub(crate) struct Followed {
    seen: watch::Receiver<Seen>,
    begun: Arc<AtomicU64>,
    _looking: AbortOnDropHandle<()>,
}

/// A caller's right to follow one more job, until it is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    who: String,
    seats: Arc<Mutex<HashMap<String, usize>>>,
}

impl Follows {
    pub(crate) fn new(ledger: Arc<Ledger>, clock: Arc<dyn Clock>) -> Self {
        Self { ledger, clock, jobs: Mutex::default(), seats: Seats::default() }
    }

    /// Follows a job, together with the requests that do already.
    pub(crate) fn follow(&self, id: &JobId) -> Arc<Followed> {
        let mut jobs = lock(&self.jobs);
        if let Some(followed) = jobs.of.get(id).and_then(Weak::upgrade) {
            return followed;
        }
        if jobs.of.len() >= jobs.sweep_at.max(FEW) {
            jobs.of.retain(|_, followed| followed.strong_count() > 0);
            jobs.sweep_at = 2 * jobs.of.len();
        }
        let (tell, seen) = watch::channel(Seen::default());
        let begun = Arc::new(AtomicU64::new(0));
        let ports = (Arc::clone(&self.ledger), Arc::clone(&self.clock));
        let looking = look(ports, id.clone(), Arc::clone(&begun), tell);
        let looking = AbortOnDropHandle::new(tokio::spawn(looking));
        let followed = Arc::new(Followed { seen, begun, _looking: looking });
        jobs.of.insert(id.clone(), Arc::downgrade(&followed));
        followed
    }

    /// # Errors
    /// When the caller follows as many jobs as they may.
    pub(crate) fn seat(&self, caller: &Caller) -> Result<Seat, Problem> {
        self.seats.take(caller.name())
    }
}

impl Seats {
    fn take(&self, who: &str) -> Result<Seat, Problem> {
        let mut seats = lock(&self.0);
        let taken = seats.entry(who.to_owned()).or_default();
        if *taken >= MOST {
            let detail =
                format!("At most {MOST} jobs can be waited for and followed at a time with one key.");
            return Err(Problem::new(Kind::RateLimited, detail).retry_after(AGAIN));
        }
        *taken += 1;
        drop(seats);
        Ok(Seat { who: who.to_owned(), seats: Arc::clone(&self.0) })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = lock(&self.seats);
        if let Some(taken) = seats.get_mut(&self.who) {
            *taken -= 1;
            if *taken == 0 {
                seats.remove(&self.who);
            }
        }
    }
}

impl Followed {
    /// What is seen, beginning with what is known already; and the number of the last look that had begun by now: what
    /// later ones see is not older than this call.
    pub(crate) fn seen(&self) -> (watch::Receiver<Seen>, u64) {
        let mut seen = self.seen.clone();
        seen.mark_changed();
        (seen, self.begun.load(Ordering::SeqCst))
    }
}

/// Looks at a job after each change and now and then, until it is dropped.
async fn look(
    (ledger, clock): (Arc<Ledger>, Arc<dyn Clock>),
    id: JobId,
    begun: Arc<AtomicU64>,
    tell: watch::Sender<Seen>,
) {
    loop {
        // Watch before reading: a change in between is then not missed.
        let mut watch = ledger.watch(&id);
        let look = begun.fetch_add(1, Ordering::SeqCst) + 1;
        let job = ledger.get(&id).await.ok();
        tell.send_replace(Seen { look, job });
        clock.sleep(BREATH).await;
        // Nothing is lost by dropping either.
        select(watch.changed().boxed(), clock.sleep(LOOK_AGAIN)).await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nothing panics holding it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_follows_so_many_jobs_and_others_are_not_held_up_by_it() {
        let seats = Seats::default();
        let mut taken: Vec<Seat> = (0..MOST).map(|_| seats.take("one").unwrap()).collect();
        let refused = seats.take("one").unwrap_err();
        assert_eq!(refused.to_string(), "rate-limited");
        drop(seats.take("other").unwrap());
        taken.pop();
        drop(seats.take("one").unwrap());
        taken.clear();
        assert!(lock(&seats.0).is_empty());
    }
}
