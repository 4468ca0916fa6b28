//! A queue that fails, and delivers twice, on demand.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
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
    refuses: Mutex<Option<Refuses>>,
    planned: Mutex<VecDeque<Publishing>>,
    deaf: Mutex<bool>,
    seconds: Mutex<Seconds>,
    news: Notify,
    receives: AtomicUsize,
    put_backs: AtomicUsize,
    publishes: AtomicUsize,
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

/// Second deliveries.
#[derive(Default)]
struct Seconds {
    next: u64,
    waiting: VecDeque<(DeliveryTag, Message)>,
    taken: HashMap<DeliveryTag, Message>,
}

impl FailingQueue {
    /// A queue that goes well until it is told otherwise.
    pub fn new(inner: Arc<dyn JobQueue>) -> Self {
        Self {
            inner,
            refuses: Mutex::default(),
            planned: Mutex::default(),
            deaf: Mutex::default(),
            seconds: Mutex::default(),
            news: Notify::new(),
            receives: AtomicUsize::new(0),
            put_backs: AtomicUsize::new(0),
            publishes: AtomicUsize::new(0),
        }
    }

    /// From now on these messages are not taken.
    pub fn refuse(&self, refuses: impl Fn(&Message, Lane) -> Option<QueueError> + Send + 'static) {
        *self.refuses.lock().unwrap() = Some(Box::new(refuses));
    }

    /// From now on no message is taken.
    pub fn refuse_all(&self) {
        self.refuse(|_, _| Some(QueueError::Unreachable(AS_TOLD.to_owned())));
    }

    /// How the next publish goes that nothing is planned for yet.
    pub fn next(&self, publishing: Publishing) {
        self.planned.lock().unwrap().push_back(publishing);
    }

    /// From now on nothing can be received.
    pub fn go_deaf(&self) {
        *self.deaf.lock().unwrap() = true;
    }

    /// From now on everything goes well.
    pub fn recover(&self) {
        *self.refuses.lock().unwrap() = None;
        *self.deaf.lock().unwrap() = false;
    }

    /// Delivers a message that was delivered before.
    pub fn deliver_again(&self, message: Message) {
        let mut seconds = self.seconds.lock().unwrap();
        seconds.next += 1;
        let tag = DeliveryTag(u64::MAX - seconds.next);
        seconds.waiting.push_back((tag, message));
        self.news.notify_one();
    }

    /// How many deliveries were asked for.
    pub fn receives(&self) -> usize {
        self.receives.load(Ordering::SeqCst)
    }

    /// How many publishes were begun.
    pub fn publishes(&self) -> usize {
        self.publishes.load(Ordering::SeqCst)
    }

    /// How many deliveries were handed back.
    pub fn put_backs(&self) -> usize {
        self.put_backs.load(Ordering::SeqCst)
    }

    fn second(&self) -> Option<Delivery> {
        let mut seconds = self.seconds.lock().unwrap();
        let (tag, message) = seconds.waiting.pop_front()?;
        seconds.taken.insert(tag, message.clone());
        Some(Delivery { tag, message: Ok(message), redelivered: true })
    }
}

#[async_trait]
impl JobQueue for FailingQueue {
    async fn publish(&self, message: &Message, lane: Lane, delay: Duration) -> Result<(), QueueError> {
        self.publishes.fetch_add(1, Ordering::SeqCst);
        let refused = self.refuses.lock().unwrap().as_ref().and_then(|refuses| refuses(message, lane));
        if let Some(error) = refused {
            return Err(error);
        }
        let planned = self.planned.lock().unwrap().pop_front();
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
        self.receives.fetch_add(1, Ordering::SeqCst);
        loop {
            if *self.deaf.lock().unwrap() {
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
        if self.seconds.lock().unwrap().taken.remove(&tag).is_some() {
            return Ok(());
        }
        self.inner.done(tag).await
    }

    async fn put_back(&self, tag: DeliveryTag) -> Result<(), QueueError> {
        self.put_backs.fetch_add(1, Ordering::SeqCst);
        let second = self.seconds.lock().unwrap().taken.remove(&tag);
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
            let seconds = self.seconds.lock().unwrap();
            (seconds.waiting.len() as u64, seconds.taken.len() as u64)
        };
        let depth = self.inner.depth().await?;
        Ok(Depth { due: depth.due + waiting, taken: depth.taken + taken, ..depth })
    }
}
