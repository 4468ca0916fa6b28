//! The port `Throttle`.

use std::time::Duration;

use async_trait::async_trait;

use crate::event::Priority;
use crate::job::Place;

/// Paces requests to Google's quotas.
///
/// `place` is a hint that spreads work out; `take` is the law that no request goes past.
/// Neither fails: an adapter that loses its server goes on with this process's share.
///
/// Every limit of a second or a minute has two instants: from when on its next unit is free (the law: a generic cell
/// rate algorithm), and up to when turns have been booked. A call without a turn goes behind what is booked. A booked
/// turn takes nothing yet, so that no window ever sees more than its limit, however late its call comes.
#[async_trait]
pub trait Throttle: Send + Sync {
    /// Joins a line; answers how long until the turn that was taken. A normal job stands behind normal jobs
    /// alone, a bulk job behind both kinds.
    async fn place(&self, line: &Line) -> Duration;

    /// Gives back what [`Self::place`] took: the job ended, or goes on, without its turn.
    async fn leave(&self, line: &Line);

    /// Takes from every limit at once, or from none.
    async fn take(&self, limits: &[Limit], turn: Turn) -> Take;

    /// [`Self::take`] for a call that is made now or not at all: [`Take::Granted`] or [`Take::Refused`].
    async fn try_take(&self, limits: &[Limit]) -> Take {
        self.take(limits, Turn::Now).await
    }

    /// Books a turn for the next `calls` of a job, if that is further away than `beyond`: answers how long until then,
    /// and whose limit it is. Nothing is taken.
    async fn book(&self, limits: &[Limit], calls: u32, beyond: Duration) -> Option<(Duration, ThrottleKey)>;

    /// The further call that a turn was booked for is not made: who comes after moves up.
    async fn unbook(&self, limits: &[Limit]);

    /// Gives back what a call that was not made has taken from days. What it took from a pace is lost: others have
    /// been told to wait for it.
    async fn give_back(&self, limits: &[Limit]);

    /// Google said that `key` was too fast: nothing more for it for `pause`.
    async fn push_back(&self, key: &ThrottleKey, pause: Duration);

    /// How much of each window's limit is used by the key that uses most of it, 0 to 1.
    async fn used(&self, window: Window) -> f64;
}

/// Tells how many workers there are while the server is away that counts them.
#[async_trait]
pub trait WorkerCount: Send + Sync {
    /// How many take jobs now, that of this process among them; `None` while that cannot be known.
    async fn workers(&self) -> Option<u32>;
}

/// One of a user's two lines, and what a job takes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Whose, by keyed hash.
    pub user: String,
    /// The line of normal jobs, or that of bulk jobs.
    pub priority: Priority,
    /// How long the job's turn is, in whole microseconds. Without any nobody joins: the line is only looked at.
    pub charge: Duration,
}

impl Line {
    /// The same line, only looked at.
    #[must_use]
    pub fn only_looked_at(self) -> Self {
        Self { charge: Duration::ZERO, ..self }
    }

    /// Where a job is that has joined it.
    #[must_use]
    pub fn joined(&self) -> Place {
        Place::InLine { micros: u64::try_from(self.charge.as_micros()).unwrap_or(u64::MAX) }
    }
}

/// One limit and what is to be taken from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// Whose.
    pub key: ThrottleKey,
    /// Per what.
    pub window: Window,
    /// How many units the window allows.
    pub allowed: u32,
    /// How many units are taken.
    pub cost: u32,
}

/// What is limited; never holds an address in the clear.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ThrottleKey {
    /// All requests of the project.
    Project,
    /// All requests for one Google user, by keyed hash.
    User(String),
    /// Writes to one calendar, by keyed hash.
    Calendar(String),
    /// Guests invited by one Google user, by keyed hash.
    Guests(String),
}

/// The span a limit is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Window {
    /// One second.
    Second,
    /// One minute.
    Minute,
    /// One day.
    Day,
}

impl Window {
    /// Every window.
    pub const ALL: [Self; 3] = [Self::Second, Self::Minute, Self::Day];

    /// Its length.
    #[must_use]
    pub fn span(self) -> Duration {
        match self {
            Self::Second => Duration::from_secs(1),
            Self::Minute => crate::time::minutes(1),
            Self::Day => crate::time::days(1),
        }
    }

    /// The name in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Day => "day",
        }
    }
}

/// How a call comes to the limits that it takes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It has no turn yet, and goes behind those that have one.
    New {
        /// How many calls its job is about to make, this one included: a turn that is booked is for all of them.
        calls: u32,
    },
    /// Its turn was booked and has come: only the law binds it.
    Booked,
    /// It follows a call of the same job: only the law binds it. Where that call's turn was booked for this one too, it
    /// comes as [`Self::Booked`].
    Further,
    /// As [`Self::Booked`], but it is made now or not at all.
    Now,
}

/// The answer of [`Throttle::take`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Take {
    /// Taken: call now.
    Granted,
    /// Taken for a call that is made after this span, and not before.
    Reserved {
        /// At most [`AHEAD`] for [`Turn::New`], at most [`FURTHER_AHEAD`] for the others.
        after: Duration,
    },
    /// Nothing was taken. A turn was booked: ask again, as [`Turn::Booked`], after this span.
    Booked {
        /// How long until the turn.
        turn: Duration,
        /// The key whose limit it was that made the call wait.
        key: ThrottleKey,
    },
    /// Nothing was taken or booked; not before this span has passed is it worth asking again.
    Refused {
        /// The longest wait among the limits that refused.
        retry_in: Duration,
    },
}

/// A call without a turn is reserved so far ahead: what a line may run ahead anyway (its slack), so that nobody
/// else waits for the gap.
pub const AHEAD: Duration = Duration::from_millis(600);

/// A call whose turn has come is reserved so far ahead, as long as the project's line does not wait for it for longer
/// than [`AHEAD`].
pub const FURTHER_AHEAD: Duration = Duration::from_secs(2);
