//! The port `JobQueue`.

use std::time::Duration;

use async_trait::async_trait;

use crate::message::{Message, Unreadable};

/// Holds messages until they have been dealt with.
///
/// A delivery that is neither `done` nor `put_back` comes again when its worker is gone.
#[async_trait]
pub trait JobQueue: Send + Sync {
    /// Puts `message` in `lane`, to be delivered not before `delay` has passed.
    ///
    /// `Ok` means that the message is on disk and will be delivered.
    ///
    /// # Errors
    /// [`QueueError`]; with [`QueueError::Unconfirmed`] the message may or may not be there.
    async fn publish(&self, message: &Message, lane: Lane, delay: Duration) -> Result<(), QueueError>;

    /// The next delivery that is due; waits for one. Cancel safe: a delivery is either returned or
    /// still in the queue.
    ///
    /// # Errors
    /// [`QueueError::Unreachable`] when there is no connection; ask again after a pause.
    async fn receive(&self) -> Result<Delivery, QueueError>;

    /// Forgets a delivery for good.
    ///
    /// # Errors
    /// When it is not certain that the queue has forgotten it: it may come again.
    async fn done(&self, tag: DeliveryTag) -> Result<(), QueueError>;

    /// Returns a delivery unworked, to be delivered again at once.
    ///
    /// # Errors
    /// When it could not be said; it comes again all the same once the connection is gone.
    async fn put_back(&self, tag: DeliveryTag) -> Result<(), QueueError>;

    /// Keeps a delivery that cannot be read as a dead letter, and forgets the delivery.
    ///
    /// # Errors
    /// When it could not be kept; it then comes again.
    async fn bury(&self, tag: DeliveryTag) -> Result<(), QueueError>;

    /// The oldest dead letter that this process was not given yet, for an operator to look at: `done`
    /// removes it, `put_back` leaves it where it is.
    ///
    /// # Errors
    /// When the queue cannot be asked.
    async fn take_dead(&self) -> Result<Option<Delivery>, QueueError>;

    /// How much there is.
    ///
    /// # Errors
    /// When the queue cannot be asked.
    async fn depth(&self) -> Result<Depth, QueueError>;
}

/// Which of the queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Newly accepted jobs. The only lane that may be full.
    Fresh,
    /// Jobs that come back; taken before fresh ones, but not for ever: see [`Turns`].
    Due,
    /// Copies of failed jobs; nobody takes them.
    Dead,
}

impl Lane {
    /// Every lane.
    pub const ALL: [Self; 3] = [Self::Fresh, Self::Due, Self::Dead];

    /// The name in metrics and tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Due => "due",
            Self::Dead => "dead",
        }
    }
}

/// Whose turn it is where both lanes have something: after three that come back a fresh one is taken. What comes
/// back has waited already; yet a lane that was always taken first would never let the other one through while
/// jobs of a slow account keep coming back.
#[derive(Debug, Clone, Copy, Default)]
pub struct Turns {
    /// Due ones taken in a row while a fresh one waited.
    due: u8,
}

impl Turns {
    /// Due ones for each fresh one.
    pub const DUE_FOR_ONE_FRESH: u8 = 3;

    /// The lane to take from, where `due` and `fresh` say which has something; `None` where neither has.
    pub fn next(&mut self, due: bool, fresh: bool) -> Option<Lane> {
        let lane = match (due, fresh) {
            (false, false) => return None,
            (true, false) => return Some(Lane::Due),
            (false, true) => Lane::Fresh,
            (true, true) if self.due < Self::DUE_FOR_ONE_FRESH => Lane::Due,
            (true, true) => Lane::Fresh,
        };
        self.due = if lane == Lane::Due { self.due + 1 } else { 0 };
        Some(lane)
    }
}

/// One message, handed to one worker.
#[derive(Debug)]
pub struct Delivery {
    /// Names this delivery towards the queue.
    pub tag: DeliveryTag,
    /// The message, or why it cannot be read.
    pub message: Result<Message, Unreadable>,
    /// Whether it may have been delivered before.
    pub redelivered: bool,
}

/// Names a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeliveryTag(pub u64);

/// How many messages there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depth {
    /// Fresh and due by now, not yet taken.
    pub fresh: u64,
    /// Come back and due by now, not yet taken.
    pub due: u64,
    /// Not due yet.
    pub delayed: u64,
    /// With a worker; an adapter may know of its own process alone.
    pub taken: u64,
    /// Dead letters.
    pub dead: u64,
}

/// Why the queue did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueueError {
    /// It refuses more: nothing was stored.
    #[error("the queue is full")]
    Full,
    /// It cannot be reached: nothing was stored.
    #[error("the queue cannot be reached: {0}")]
    Unreachable(String),
    /// It did not answer in time: the message may or may not be stored.
    #[error("the queue did not confirm in time")]
    Unconfirmed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_due_ones_are_taken_for_each_fresh_one_and_nothing_waits_for_an_empty_lane() {
        let mut turns = Turns::default();
        let taken: Vec<_> = (0..9).map(|_| turns.next(true, true)).collect();
        let (due, fresh) = (Some(Lane::Due), Some(Lane::Fresh));
        assert_eq!(taken, [due, due, due, fresh, due, due, due, fresh, due]);
        for _ in 0..9 {
            assert_eq!(turns.next(true, false), due);
        }
        // What was taken while no fresh one waited does not count.
        let mut turns = Turns::default();
        for _ in 0..9 {
            assert_eq!(turns.next(true, false), due);
        }
        assert_eq!(turns.next(true, true), due);
        for _ in 0..9 {
            assert_eq!(turns.next(false, true), fresh);
        }
        assert_eq!(turns.next(false, false), None);
    }
}
