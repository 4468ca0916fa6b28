//! Deliveries that the broker has given this process and that are not settled.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use lapin::Acker;
use tokio::sync::Notify;

use super::outgoing::Headers;
use common::message::Message;
use common::port::{Delivery, DeliveryTag, Lane, Turns};

/// A delivery.
pub(super) struct Arrived {
    pub(super) acker: Acker,
    pub(super) lane: Lane,
    pub(super) headers: Headers,
    pub(super) body: Vec<u8>,
}

/// A delivery that somebody received.
pub(super) struct Received {
    pub(super) acker: Acker,
    pub(super) lane: Lane,
    pub(super) headers: Headers,
    /// Kept where the message could not be read: it has to be buried as it is.
    pub(super) body: Option<Vec<u8>>,
}

/// A delivery before its time.
struct Early {
    arrived: Arrived,
    /// A copy is on its way to a tier.
    leaving: bool,
}

#[derive(Default)]
struct Deliveries {
    due: VecDeque<Arrived>,
    fresh: VecDeque<Arrived>,
    turns: Turns,
    early: HashMap<u64, Early>,
    received: HashMap<u64, Received>,
    /// Dead letters that were looked at and stay where they are.
    seen: Vec<Acker>,
    last: u64,
}

/// What this process holds; what came over a connection that is gone is not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Holding {
    pub(super) taken: u64,
    pub(super) early: u64,
    pub(super) dead: u64,
}

/// What one process has in hand.
#[derive(Default)]
pub(super) struct Unacknowledged {
    cards: Mutex<Deliveries>,
    arrivals: Notify,
}

impl Unacknowledged {
    /// Something that may be received.
    pub(super) fn put(&self, arrived: Arrived) {
        self.cards().put(arrived);
        self.arrivals.notify_waiters();
    }

    /// The next delivery, of the lane whose turn it is. Waits for one; cancel safe.
    pub(super) async fn next(&self) -> Delivery {
        loop {
            let mut arrivals = std::pin::pin!(self.arrivals.notified());
            // From here on no arrival is missed.
            arrivals.as_mut().enable();
            if let Some(delivery) = self.cards().next() {
                return delivery;
            }
            arrivals.await;
        }
    }

    /// A dead letter, given to an operator.
    pub(super) fn give(&self, arrived: Arrived) -> Delivery {
        self.cards().give(arrived)
    }

    /// What was received under this tag; it is settled by whoever asks.
    pub(super) fn settle(&self, tag: DeliveryTag) -> Option<Received> {
        self.cards().received.remove(&tag.0)
    }

    /// What was received under this tag and could not be read.
    pub(super) fn unreadable(&self, tag: DeliveryTag) -> Option<(Headers, Vec<u8>)> {
        let cards = self.cards();
        let received = cards.received.get(&tag.0)?;
        Some((received.headers.clone(), received.body.clone()?))
    }

    /// Keeps the lease on a dead letter without acknowledging it: the broker gives it to nobody until
    /// this process is gone, so it is not given twice to the same one.
    pub(super) fn leave(&self, acker: Acker) {
        self.cards().seen.push(acker);
    }

    /// Holds a delivery until its time. Answers its number.
    pub(super) fn hold(&self, arrived: Arrived) -> u64 {
        let mut cards = self.cards();
        let number = cards.number();
        cards.early.insert(number, Early { arrived, leaving: false });
        number
    }

    /// When a held delivery is due; `None` when it is not held any more.
    pub(super) fn due_at(&self, number: u64) -> Option<Timestamp> {
        let mut cards = self.cards();
        let due_at = cards.early.get(&number).filter(|early| early.arrived.acker.usable());
        let due_at = due_at.and_then(|early| early.arrived.headers.due_at);
        if due_at.is_none() {
            cards.early.remove(&number);
        }
        due_at
    }

    /// What to publish on for a held delivery, which nobody returns meanwhile.
    pub(super) fn leaving(&self, number: u64) -> Option<(Headers, Vec<u8>)> {
        let mut cards = self.cards();
        let early = cards.early.get_mut(&number)?;
        early.leaving = true;
        Some((early.arrived.headers.clone(), early.arrived.body.clone()))
    }

    /// It stays after all.
    pub(super) fn stays(&self, number: u64) {
        if let Some(early) = self.cards().early.get_mut(&number) {
            early.leaving = false;
        }
    }

    /// It has left.
    pub(super) fn left(&self, number: u64) -> Option<Acker> {
        self.cards().early.remove(&number).map(|early| early.arrived.acker)
    }

    /// The time of a held delivery has come.
    pub(super) fn ripen(&self, number: u64) {
        let mut cards = self.cards();
        if let Some(early) = cards.early.remove(&number) {
            cards.put(early.arrived);
            self.arrivals.notify_waiters();
        }
    }

    /// Everything that nobody received, to be returned to the broker.
    pub(super) fn let_go(&self) -> Vec<Acker> {
        let mut cards = self.cards();
        let mut ackers: Vec<Acker> = Vec::new();
        ackers
            .extend(cards.early.extract_if(|_, early| !early.leaving).map(|(_, early)| early.arrived.acker));
        let Deliveries { due, fresh, .. } = &mut *cards;
        ackers.extend(due.drain(..).chain(fresh.drain(..)).map(|arrived| arrived.acker));
        ackers.retain(Acker::usable);
        ackers
    }

    /// Drops what nobody received of a lane whose channel is gone: the broker gives it to somebody
    /// again. lapin may not know yet that these cannot be acknowledged.
    pub(super) fn forget(&self, lane: Lane) {
        let mut cards = self.cards();
        match lane {
            Lane::Fresh => cards.fresh.clear(),
            Lane::Due => cards.due.clear(),
            Lane::Dead => {}
        }
        cards.early.retain(|_, early| early.leaving || early.arrived.lane != lane);
        cards.seen.retain(Acker::usable);
    }

    pub(super) fn holding(&self) -> Holding {
        let cards = self.cards();
        let count =
            |ackers: &mut dyn Iterator<Item = &Acker>| ackers.filter(|acker| acker.usable()).count() as u64;
        let received = |dead: bool| {
            let of_lane = move |received: &&Received| (received.lane == Lane::Dead) == dead;
            count(&mut cards.received.values().filter(of_lane).map(|received| &received.acker))
        };
        let waiting = count(&mut cards.due.iter().chain(&cards.fresh).map(|arrived| &arrived.acker));
        Holding {
            taken: waiting + received(false),
            early: count(&mut cards.early.values().map(|early| &early.arrived.acker)),
            dead: received(true) + count(&mut cards.seen.iter()),
        }
    }

    fn cards(&self) -> MutexGuard<'_, Deliveries> {
        self.cards.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deliveries {
    fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn put(&mut self, arrived: Arrived) {
        match arrived.lane {
            Lane::Fresh => self.fresh.push_back(arrived),
            Lane::Due | Lane::Dead => self.due.push_back(arrived),
        }
    }

    fn next(&mut self) -> Option<Delivery> {
        // What came over a connection that is gone is given to somebody again.
        for lane in [&mut self.due, &mut self.fresh] {
            while lane.front().is_some_and(|arrived| !arrived.acker.usable()) {
                lane.pop_front();
            }
        }
        let arrived = match self.turns.next(!self.due.is_empty(), !self.fresh.is_empty())? {
            Lane::Due | Lane::Dead => self.due.pop_front(),
            Lane::Fresh => self.fresh.pop_front(),
        }?;
        Some(self.give(arrived))
    }

    fn give(&mut self, arrived: Arrived) -> Delivery {
        let Arrived { acker, lane, headers, body } = arrived;
        let tag = DeliveryTag(self.number());
        let message = Message::from_bytes(&body);
        let redelivered = headers.redelivered;
        let body = message.is_err().then_some(body);
        self.received.insert(tag.0, Received { acker, lane, headers, body });
        Delivery { tag, message, redelivered }
    }
}
