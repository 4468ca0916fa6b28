//! A queue that fails, and delivers twice, on demand.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use common::message::Message;
use common::port::{Delivery, DeliveryTag, Depth, JobQueue, Lane, QueueError};
use tokio::sync::Notify;

use super::AS_TOLD;
use crate::Gate;

/// A queue over a real one.
pub struct FailingQueue {
    inner: Arc<dyn JobQueue>,
    state: Mutex<State>,
    news: Notify,
}

#[derive(Default)]
struct State {
    refuses: Option<Refuses>,
    planned: VecDeque<Publishing>,
    deaf: bool,
    /// The number of second deliveries so far.
    seconds: u64,
    /// Second deliveries that wait; those that are taken are in `taken`.
    waiting: VecDeque<(DeliveryTag, Message)>,
    taken: HashMap<DeliveryTag, Message>,
    receives: usize,
    put_backs: usize,
    publishes: usize,
}

/// How one publish goes.
pub enum Publishing {
    /// The message is refused.
    Refuse(QueueError),
    /// The message is stored, but the confirmation never comes.
    LoseAnswer,
    /// The publish waits for the gate, and then goes well.
    Hold(Gate),
}

/// Which messages are not taken, and how that goes.
type Refuses = Box<dyn Fn(&Message, Lane) -> Option<QueueError> + Send>;

impl FailingQueue {
    /// A queue that goes well until it is told otherwise.
    pub fn new(inner: Arc<dyn JobQueue>) -> Self {
        Self { inner, state: Mutex::default(), news: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// From now on these messages are not taken.
    pub fn refuse(&self, refuses: impl Fn(&Message, Lane) -> Option<QueueError> + Send + 'static) {
        self.state().refuses = Some(Box::new(refuses));
    }

    /// From now on no message is taken.
    pub fn refuse_all(&self) {
        self.refuse(|_, _| Some(QueueError::Unreachable(AS_TOLD.to_owned())));
    }

    /// How the next publish goes that nothing is planned for yet.
    pub fn next(&self, publishing: Publishing) {
        self.state().planned.push_back(publishing);
    }

    /// From now on nothing can be received.
    pub fn go_deaf(&self) {
        self.state().deaf = true;
    }

    /// From now on everything goes well.
    pub fn recover(&self) {
        let mut state = self.state();
        state.refuses = None;
        state.deaf = false;
    }

    /// Delivers a message that was delivered before.
    pub fn deliver_again(&self, message: Message) {
        let mut state = self.state();
        state.seconds += 1;
        let tag = DeliveryTag(u64::MAX - state.seconds);
        state.waiting.push_back((tag, message));
        self.news.notify_one();
    }

    /// How many deliveries were asked for.
    pub fn receives(&self) -> usize {
        self.state().receives
    }

    /// How many publishes were begun.
    pub fn publishes(&self) -> usize {
        self.state().publishes
    }

    /// How many deliveries were handed back.
    pub fn put_backs(&self) -> usize {
        self.state().put_backs
    }

    fn second(&self) -> Option<Delivery> {
        let mut state = self.state();
        let (tag, message) = state.waiting.pop_front()?;
        state.taken.insert(tag, message.clone());
        Some(Delivery { tag, message: Ok(message), redelivered: true })
    }
}

#[async_trait]
impl JobQueue for FailingQueue {
    async fn publish(&self, message: &Message, lane: Lane, delay: Duration) -> Result<(), QueueError> {
        let planned = {
            let mut state = self.state();
            state.publishes += 1;
            let refused = state.refuses.as_ref().and_then(|refuses| refuses(message, lane));
            refused.map(Publishing::Refuse).or_else(|| state.planned.pop_front())
        };
        match planned {
            Some(Publishing::Refuse(error)) => return Err(error),
            Some(Publishing::LoseAnswer) => {
                self.inner.publish(message, lane, delay).await?;
                return std::future::pending().await;
            }
            Some(Publishing::Hold(gate)) => gate.pass().await,
            None => {}
        }
        self.inner.publish(message, lane, delay).await
    }

    async fn receive(&self) -> Result<Delivery, QueueError> {
        self.state().receives += 1;
        loop {
            if self.state().deaf {
                return Err(QueueError::Unreachable(AS_TOLD.to_owned()));
            }
            if let Some(second) = self.second() {
                return Ok(second);
            }
            // Both are cancel safe.
            tokio::select! {
                delivery = self.inner.receive() => return delivery,
                () = self.news.notified() => {}
            }
        }
    }

    async fn done(&self, tag: DeliveryTag) -> Result<(), QueueError> {
        if self.state().taken.remove(&tag).is_some() {
            return Ok(());
        }
        self.inner.done(tag).await
    }

    async fn put_back(&self, tag: DeliveryTag) -> Result<(), QueueError> {
        let second = {
            let mut state = self.state();
            state.put_backs += 1;
            state.taken.remove(&tag)
        };
        match second {
            Some(message) => {
                self.deliver_again(message);
                Ok(())
            }
            None => self.inner.put_back(tag).await,
        }
    }

    async fn bury(&self, tag: DeliveryTag) -> Result<(), QueueError> {
        self.inner.bury(tag).await
    }

    async fn take_dead(&self) -> Result<Option<Delivery>, QueueError> {
        self.inner.take_dead().await
    }

    async fn depth(&self) -> Result<Depth, QueueError> {
        let (waiting, taken) = {
            let state = self.state();
            (state.waiting.len() as u64, state.taken.len() as u64)
        };
        let depth = self.inner.depth().await?;
        Ok(Depth { due: depth.due + waiting, taken: depth.taken + taken, ..depth })
    }
}
