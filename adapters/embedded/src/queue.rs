//! The port `JobQueue` on a table.
//!
//! Deliveries are taken from the table a handful at a time, so that a worker pays one transaction
//! for many. Taken rows stay in the table, marked; the next worker to open the folder unmarks them.
//!
//! Rows hold instants. When the machine's clock is set back they are moved by as much: otherwise every delay
//! would last longer by that, and after a clock that was ahead for a moment, until it is there again.

mod owed;
mod room;
mod rows;
mod unacknowledged;

use std::future;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Mutex, Notify, OwnedMutexGuard};

use super::column::{instant, nanos};
use super::database::{Database, DatabaseError};
use common::message::Message;
use common::port::{Clock, Delivery, DeliveryTag, Depth, JobQueue, Lane, QueueError, pause};
use common::time;
use owed::{End, Owed};
use room::Room;
use rows::{DeadPlace, Due, NewRow};
use unacknowledged::Unacknowledged;

/// Taken from the table at once, at most. What is in hand stands before whatever comes due later.
const HANDFUL: usize = 32;

/// Another process's messages are noticed within this (of real time: it is no part of the schedule).
const LOOK: Duration = Duration::from_secs(1);

/// A clock that is set back by less is waited for, in nanoseconds.
const CORRECTION: i64 = 1_000_000_000;

/// The right to fill the hand.
type Turn = OwnedMutexGuard<()>;

/// The embedded queue.
pub struct SqliteQueue {
    database: Arc<Database>,
    clock: Arc<dyn Clock>,
    unacknowledged: Arc<Unacknowledged>,
    room: Arc<Room>,
    /// There is something new in the table.
    news: Arc<Notify>,
    /// Held by whoever fills the hand, and while it is being filled for somebody who has gone away.
    filling: Arc<Mutex<()>>,
    /// The latest instant that the clock has shown.
    latest: AtomicI64,
    /// Held by whoever moves the rows. An operator's process moves none: the worker beside it does.
    moving: Mutex<()>,
    is_workers: AtomicBool,
    /// Deliveries whose end the table does not know yet.
    owed: Arc<Owed>,
    /// The dead letter that was given out last.
    last_dead: std::sync::Mutex<Option<DeadPlace>>,
}

impl SqliteQueue {
    pub(super) fn new(database: Arc<Database>, clock: Arc<dyn Clock>, fresh_capacity: Option<u64>) -> Self {
        Self {
            database,
            clock,
            unacknowledged: Arc::default(),
            room: Arc::new(Room::new(fresh_capacity)),
            news: Arc::default(),
            filling: Arc::default(),
            latest: AtomicI64::new(i64::MIN),
            moving: Mutex::default(),
            is_workers: AtomicBool::new(false),
            owed: Arc::default(),
            last_dead: std::sync::Mutex::default(),
        }
    }

    /// Unmarks what the worker before this one had taken, and counts the fresh lane.
    pub(super) async fn take_over(&self) -> Result<(), QueueError> {
        self.is_workers.store(true, Ordering::Relaxed);
        let fresh = self.database.write(rows::untake_all).await?;
        self.room.count(fresh);
        Ok(())
    }

    /// Puts back what nobody received. For a clean end: the next worker need not ask whether these
    /// were delivered before.
    pub(super) async fn let_go(&self) {
        let ids: Vec<i64> = self.unacknowledged.empty().iter().map(|row| row.id).collect();
        // Otherwise the next worker unmarks them.
        let _ = self.database.write(move |db| rows::untake(db, &ids)).await;
    }

    /// Removes dead letters that were buried before `before`; answers how many.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn forget_dead(&self, before: jiff::Timestamp) -> Result<u64, QueueError> {
        let before = nanos(before);
        let mut forgotten = 0;
        loop {
            let some = self.database.write(move |db| rows::forget_dead(db, before)).await?;
            if some == 0 {
                return Ok(forgotten);
            }
            forgotten += some;
        }
    }

    /// Puts any bytes in a lane, as another build might have written them.
    ///
    /// # Errors
    /// As [`publish`](JobQueue::publish).
    pub async fn publish_bytes(
        &self,
        job: Option<&str>,
        body: Vec<u8>,
        lane: Lane,
        delay: Duration,
    ) -> Result<(), QueueError> {
        let held = match lane {
            Lane::Fresh => Some(Room::hold(&self.room)?),
            Lane::Due | Lane::Dead => None,
        };
        let now = self.now().await;
        let available_at = if delay.is_zero() { now } else { nanos(time::after(instant(now), delay)) };
        let row = NewRow { job: job.map(str::to_owned), lane, available_at, body };
        let news = self.news.clone();
        let written = self.database.write_then(
            move |db| rows::insert(db, &row),
            move |outcome| {
                // The place is given back unless the message may be there.
                match (&outcome, held) {
                    (Ok(()) | Err(DatabaseError::Uncertain(_)), Some(held)) => held.keep(),
                    (_, None) | (Err(_), Some(_)) => {}
                }
                news.notify_one();
                outcome
            },
        );
        Ok(written.await?)
    }

    /// The clock. Where it was set back, what is in the table has been moved by as much.
    async fn now(&self) -> i64 {
        if let Some(now) = self.steady_now() {
            return now;
        }
        let _moving = self.moving.lock().await;
        loop {
            // Somebody else may have moved the rows meanwhile.
            if let Some(now) = self.steady_now() {
                return now;
            }
            let (now, latest) = (nanos(self.clock.now()), self.latest.load(Ordering::Relaxed));
            let back = latest.saturating_sub(now);
            if !self.is_workers.load(Ordering::Relaxed) {
                self.latest.store(now, Ordering::Relaxed);
                return now;
            }
            if let Err(error) = self.database.write(move |db| rows::move_back(db, back)).await {
                // Late is better than not at all: what is published now is not hidden.
                tracing::debug!("Delays last longer, because the clock was set back: {error}");
                return latest;
            }
            tracing::warn!("The clock was set back by {} s; delays are kept", back / 1_000_000_000);
            self.latest.store(now, Ordering::Relaxed);
        }
    }

    /// The clock, unless it was set back. Small corrections are waited out: what was just published must not be hidden
    /// by them.
    fn steady_now(&self) -> Option<i64> {
        let now = nanos(self.clock.now());
        let latest = self.latest.fetch_max(now, Ordering::Relaxed).max(now);
        (latest.saturating_sub(now) < CORRECTION).then_some(latest)
    }

    /// Settles what could not be settled before.
    async fn settle_owed(&self) {
        let Some(owed) = self.owed.some() else { return };
        let (count, room, paid) = (owed.len(), self.room.clone(), self.owed.clone());
        let settling = owed.clone();
        let settled = self.database.write_then(
            move |db| rows::settle(db, &settling),
            move |outcome| {
                for _ in 0..outcome? {
                    room.taken_back();
                }
                paid.settled(&owed);
                Ok(())
            },
        );
        if settled.await.is_ok() {
            tracing::info!(
                "The queue knows of the end of {count} deliveries that it could not be told of before"
            );
        }
    }

    /// Takes a handful from the table. Answers when more is due, if anything is.
    async fn fill(&self, turn: Turn) -> Result<(Option<i64>, Turn), DatabaseError> {
        self.settle_owed().await;
        let now = self.now().await;
        let (unacknowledged, room) = (self.unacknowledged.clone(), self.room.clone());
        // The rows go into the hand, and the turn ends, from the writer's thread: so whoever asked
        // may go away without losing rows, and without a second handful being taken meanwhile.
        let taking = self.database.write_then(
            move |db| rows::take(db, now, HANDFUL),
            move |outcome| {
                let Due { taken, next } = outcome?;
                let fresh = taken.iter().filter(|row| row.lane == Lane::Fresh).count();
                room.freed(fresh as u64);
                unacknowledged.fill(taken);
                Ok((next, turn))
            },
        );
        taking.await
    }

    async fn wait(&self, next: Option<i64>) {
        let coming = async {
            match next {
                Some(next) => {
                    let now = instant(self.now().await);
                    self.clock.sleep(time::until(now, instant(next))).await;
                }
                None => future::pending().await,
            }
        };
        // All of these may be dropped half-way: none takes anything.
        tokio::select! {
            () = self.news.notified() => {}
            () = coming => {}
            () = pause(LOOK) => {}
        }
    }
}

#[async_trait]
impl JobQueue for SqliteQueue {
    async fn publish(&self, message: &Message, lane: Lane, delay: Duration) -> Result<(), QueueError> {
        self.publish_bytes(Some(message.job.as_str()), message.to_bytes(), lane, delay).await
    }

    async fn receive(&self) -> Result<Delivery, QueueError> {
        loop {
            if let Some(row) = self.unacknowledged.next() {
                return Ok(row.into_delivery());
            }
            // One fills and waits; the others wait for it, and look into the hand when it is gone.
            let turn = self.filling.clone().lock_owned().await;
            if self.unacknowledged.is_empty() {
                let (next, _turn) = self.fill(turn).await?;
                if self.unacknowledged.is_empty() {
                    self.wait(next).await;
                }
            }
        }
    }

    async fn done(&self, tag: DeliveryTag) -> Result<(), QueueError> {
        let id = rows::id(tag);
        let done = self.database.write(move |db| rows::delete(db, id)).await;
        Ok(done.inspect_err(|_| self.owed.owe(End::Done(id)))?)
    }

    async fn put_back(&self, tag: DeliveryTag) -> Result<(), QueueError> {
        let id = rows::id(tag);
        let (room, news) = (self.room.clone(), self.news.clone());
        let written = self.database.write_then(
            move |db| rows::put_back(db, id),
            move |outcome| {
                if let Some(Lane::Fresh) = outcome? {
                    room.taken_back();
                }
                news.notify_one();
                Ok(())
            },
        );
        Ok(written.await.inspect_err(|_| self.owed.owe(End::PutBack(id)))?)
    }

    async fn bury(&self, tag: DeliveryTag) -> Result<(), QueueError> {
        let (id, now) = (rows::id(tag), self.now().await);
        let buried = self.database.write(move |db| rows::bury(db, id, now)).await?;
        if buried { Ok(()) } else { Err(QueueError::Unreachable("there is no such delivery".to_owned())) }
    }

    async fn take_dead(&self) -> Result<Option<Delivery>, QueueError> {
        let last = *self.last_dead.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((place, row)) = self.database.read(move |db| rows::next_dead(db, last)).await? else {
            return Ok(None);
        };
        *self.last_dead.lock().unwrap_or_else(PoisonError::into_inner) = Some(place);
        Ok(Some(row.into_delivery()))
    }

    async fn depth(&self) -> Result<Depth, QueueError> {
        let now = self.now().await;
        // Whoever looks at the queue is told that nothing can be put into it.
        self.database.is_writable().await?;
        Ok(self.database.read(move |db| rows::depth(db, now)).await?)
    }
}

impl From<DatabaseError> for QueueError {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Uncertain(_) => Self::Unconfirmed,
            DatabaseError::NotDone(_)
            | DatabaseError::Unreadable(_)
            | DatabaseError::Newer { .. }
            | DatabaseError::Outdated => Self::Unreachable(error.to_string()),
        }
    }
}
