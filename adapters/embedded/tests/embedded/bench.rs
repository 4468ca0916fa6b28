//! An empty folder for each test, opened by one worker after another.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use adapter_embedded::{Embedded, OpenError, Role};
use async_trait::async_trait;
use common::port::{JobQueue, JobStore, Lane, SystemClock, Vault};
use tempfile::TempDir;
use testing::Bench;
use testing::queue::QueueBench;

pub struct Folder {
    dir: TempDir,
    open: Option<Embedded>,
}

impl Folder {
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), open: None }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// As the worker, the one before having died.
    pub async fn worker(&mut self) -> &Embedded {
        self.lose();
        self.open.insert(open(self.dir.path(), Role::Worker).await.unwrap())
    }

    /// The worker is dropped, not closed: nothing is put back, nothing is said.
    pub fn lose(&mut self) {
        self.open = None;
    }

    /// The worker stops as it should.
    pub async fn close(&mut self) {
        self.open.take().unwrap().close().await;
    }

    async fn opened(&mut self) -> &Embedded {
        if self.open.is_none() {
            self.worker().await;
        }
        self.open.as_ref().unwrap()
    }
}

pub async fn open(dir: &Path, role: Role) -> Result<Embedded, OpenError> {
    Embedded::open(dir, role, Arc::new(SystemClock), None).await
}

#[async_trait]
impl Bench<dyn JobQueue> for Folder {
    async fn open(&mut self) -> Arc<dyn JobQueue> {
        self.opened().await.queue()
    }

    async fn restart(&mut self) -> Arc<dyn JobQueue> {
        self.worker().await.queue()
    }
}

#[async_trait]
impl QueueBench for Folder {
    async fn publish_bytes(&mut self, body: Vec<u8>) {
        let queue = self.opened().await.queue();
        queue.publish_bytes(None, body, Lane::Fresh, Duration::ZERO).await.unwrap();
    }
}

#[async_trait]
impl Bench<dyn JobStore> for Folder {
    async fn open(&mut self) -> Arc<dyn JobStore> {
        self.opened().await.store()
    }

    async fn restart(&mut self) -> Arc<dyn JobStore> {
        self.worker().await.store()
    }
}

#[async_trait]
impl Bench<dyn Vault> for Folder {
    async fn open(&mut self) -> Arc<dyn Vault> {
        self.opened().await.vault()
    }

    async fn restart(&mut self) -> Arc<dyn Vault> {
        self.worker().await.vault()
    }
}
