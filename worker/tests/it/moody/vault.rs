//! A vault that is away when told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use common::port::{Changes, Doc, Shelf, Vault, VaultError, Version};
use serde_json::Value;

pub struct MoodyVault {
    inner: Arc<dyn Vault>,
    away: AtomicBool,
    listings: AtomicUsize,
}

impl MoodyVault {
    pub fn new(inner: Arc<dyn Vault>) -> Self {
        Self { inner, away: AtomicBool::new(false), listings: AtomicUsize::new(0) }
    }

    /// From now on everything fails.
    pub fn go_away(&self) {
        self.away.store(true, Ordering::Relaxed);
    }

    pub fn recover(&self) {
        self.away.store(false, Ordering::Relaxed);
    }

    /// How often all cancellation marks were read.
    pub fn marks_read(&self) -> usize {
        self.listings.load(Ordering::Relaxed)
    }

    fn there(&self) -> Result<&dyn Vault, VaultError> {
        if self.away.load(Ordering::Relaxed) {
            return Err(VaultError::Unusable("as told".to_owned()));
        }
        Ok(self.inner.as_ref())
    }
}

#[async_trait]
impl Vault for MoodyVault {
    async fn get(&self, shelf: Shelf, name: &str) -> Result<Option<Doc>, VaultError> {
        self.there()?.get(shelf, name).await
    }

    async fn put(
        &self,
        shelf: Shelf,
        name: &str,
        value: &Value,
        seen: Option<Version>,
    ) -> Result<Version, VaultError> {
        self.there()?.put(shelf, name, value, seen).await
    }

    async fn remove(&self, shelf: Shelf, name: &str) -> Result<(), VaultError> {
        self.there()?.remove(shelf, name).await
    }

    async fn list(&self, shelf: Shelf) -> Result<Vec<(String, Doc)>, VaultError> {
        if shelf == Shelf::Cancellations {
            self.listings.fetch_add(1, Ordering::Relaxed);
        }
        self.there()?.list(shelf).await
    }

    async fn changes(&self, shelf: Shelf, since: Version, most: u32) -> Result<Changes, VaultError> {
        self.there()?.changes(shelf, since, most).await
    }
}
