//! Real adapters that fail when they are told to.

mod store;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use common::message::Message;
use common::port::{
    Changes, Delivery, DeliveryTag, Depth, Doc, JobQueue, Lane, QueueError, Shelf, Vault, VaultError, Version,
};
use serde_json::Value;
use tokio::sync::Semaphore;

pub use store::FaultyStore;

/// What the next publish meets.
pub enum Publish {
    /// It is refused.
    Refused(QueueError),
    /// It is stored, but the confirmation never comes.
    Lost,
    /// It waits for a permit, and then goes through.
    Held(Arc<Semaphore>),
}

/// A queue whose publishes can fail.
pub struct FaultyQueue {
    inner: Arc<dyn JobQueue>,
    planned: Mutex<VecDeque<Publish>>,
    begun: AtomicUsize,
}

impl FaultyQueue {
    pub fn new(inner: Arc<dyn JobQueue>) -> Self {
        Self { inner, planned: Mutex::default(), begun: AtomicUsize::new(0) }
    }

    pub fn plan(&self, publish: Publish) {
        self.planned.lock().unwrap().push_back(publish);
    }

    /// How many publishes have been begun.
    pub fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl JobQueue for FaultyQueue {
    async fn publish(&self, message: &Message, lane: Lane, delay: Duration) -> Result<(), QueueError> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        let planned = self.planned.lock().unwrap().pop_front();
        match planned {
            Some(Publish::Refused(error)) => return Err(error),
            Some(Publish::Held(gate)) => gate.acquire().await.unwrap().forget(),
            Some(Publish::Lost) => {
                self.inner.publish(message, lane, delay).await?;
                return std::future::pending().await;
            }
            None => {}
        }
        self.inner.publish(message, lane, delay).await
    }

    async fn receive(&self) -> Result<Delivery, QueueError> {
        self.inner.receive().await
    }

    async fn done(&self, tag: DeliveryTag) -> Result<(), QueueError> {
        self.inner.done(tag).await
    }

    async fn put_back(&self, tag: DeliveryTag) -> Result<(), QueueError> {
        self.inner.put_back(tag).await
    }

    async fn bury(&self, tag: DeliveryTag) -> Result<(), QueueError> {
        self.inner.bury(tag).await
    }

    async fn take_dead(&self) -> Result<Option<Delivery>, QueueError> {
        self.inner.take_dead().await
    }

    async fn depth(&self) -> Result<Depth, QueueError> {
        self.inner.depth().await
    }
}

/// A vault that can be away.
pub struct FaultyVault {
    inner: Arc<dyn Vault>,
    pub away: AtomicBool,
    /// How often a shelf was listed.
    pub listed: AtomicUsize,
    /// How often a document was read.
    pub got: AtomicUsize,
}

impl FaultyVault {
    pub fn new(inner: Arc<dyn Vault>) -> Self {
        Self { inner, away: AtomicBool::new(false), listed: AtomicUsize::new(0), got: AtomicUsize::new(0) }
    }

    fn here(&self) -> Result<&dyn Vault, VaultError> {
        if self.away.load(Ordering::SeqCst) {
            Err(VaultError::Unusable("away".to_owned()))
        } else {
            Ok(&*self.inner)
        }
    }
}

#[async_trait]
impl Vault for FaultyVault {
    async fn get(&self, shelf: Shelf, name: &str) -> Result<Option<Doc>, VaultError> {
        self.got.fetch_add(1, Ordering::SeqCst);
        self.here()?.get(shelf, name).await
    }

    async fn put(
        &self,
        shelf: Shelf,
        name: &str,
        value: &Value,
        seen: Option<Version>,
    ) -> Result<Version, VaultError> {
        self.here()?.put(shelf, name, value, seen).await
    }

    async fn remove(&self, shelf: Shelf, name: &str) -> Result<(), VaultError> {
        self.here()?.remove(shelf, name).await
    }

    async fn list(&self, shelf: Shelf) -> Result<Vec<(String, Doc)>, VaultError> {
        self.listed.fetch_add(1, Ordering::SeqCst);
        self.here()?.list(shelf).await
    }

    async fn changes(&self, shelf: Shelf, since: Version, most: u32) -> Result<Changes, VaultError> {
        self.here()?.changes(shelf, since, most).await
    }
}
