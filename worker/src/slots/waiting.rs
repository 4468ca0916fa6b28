//! Deliveries that wait in hand for a slot: a few, so that a slot that becomes free is taken at once.

use std::collections::VecDeque;
use std::sync::Arc;

use common::account::AccountId;
use common::port::Delivery;

use super::{Slot, Slots};

/// What waits.
pub(crate) struct Waiting {
    /// At most so many, and half as many of one account.
    room: usize,
    deliveries: VecDeque<(AccountId, Delivery)>,
}

impl Waiting {
    /// Room for half as many deliveries as there are slots: RabbitMQ's prefetch counts them too.
    pub(crate) fn beside(slots: usize) -> Self {
        Self { room: slots / 2, deliveries: VecDeque::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.deliveries.is_empty()
    }

    /// Keeps a delivery of `account`, or gives it back where there is no room.
    pub(crate) fn keep(&mut self, account: &AccountId, delivery: Delivery) -> Option<Delivery> {
        let of_account = self.deliveries.iter().filter(|(kept, _)| kept == account).count();
        if self.deliveries.len() >= self.room || of_account >= self.room.div_ceil(2) {
            return Some(delivery);
        }
        self.deliveries.push_back((account.clone(), delivery));
        None
    }

    /// The first delivery that may have a slot now. One must be free.
    pub(crate) fn next(&mut self, slots: &Arc<Slots>) -> Option<(Delivery, Slot)> {
        let mut refused: Vec<&AccountId> = Vec::new();
        let mut found = None;
        for (place, (account, _)) in self.deliveries.iter().enumerate() {
            if refused.contains(&account) {
                continue;
            }
            match slots.take_for(account) {
                Some(slot) => {
                    found = Some((place, slot));
                    break;
                }
                None => refused.push(account),
            }
        }
        let (place, slot) = found?;
        self.deliveries.remove(place).map(|(_, delivery)| (delivery, slot))
    }

    /// Everything, to be handed back.
    pub(crate) fn empty(&mut self) -> impl Iterator<Item = Delivery> {
        std::mem::take(&mut self.deliveries).into_iter().map(|(_, delivery)| delivery)
    }
}
