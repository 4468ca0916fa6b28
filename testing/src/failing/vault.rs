//! A vault that fails on demand.

use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use common::port::{Changes, Doc, Shelf, Vault, VaultError, Version};
use serde_json::Value;

use super::AS_TOLD;

/// A vault over a real one.
pub struct FailingVault {
    inner: Arc<dyn Vault>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    away: bool,
    gets: Vec<Shelf>,
    lists: Vec<Shelf>,
}

impl FailingVault {
    /// A vault that goes well until it is told otherwise.
    pub fn new(inner: Arc<dyn Vault>) -> Self {
        Self { inner, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// From now on every call fails.
    pub fn go_away(&self) {
        self.state().away = true;
    }

    /// From now on every call goes well.
    pub fn recover(&self) {
        self.state().away = false;
    }

    /// How many documents were asked for.
    pub fn gets(&self) -> usize {
        self.state().gets.len()
    }

    /// How many documents of this shelf were asked for.
    pub fn gets_of(&self, shelf: Shelf) -> usize {
        self.state().gets.iter().filter(|asked| **asked == shelf).count()
    }

    /// How often a whole shelf was asked for, whichever it was.
    pub fn lists(&self) -> usize {
        self.state().lists.len()
    }

    /// How often the whole of this shelf was asked for.
    pub fn lists_of(&self, shelf: Shelf) -> usize {
        self.state().lists.iter().filter(|listed| **listed == shelf).count()
    }

    fn there(&self) -> Result<&dyn Vault, VaultError> {
        if self.state().away {
            return Err(VaultError::Unusable(AS_TOLD.to_owned()));
        }
        Ok(self.inner.as_ref())
    }
}

#[async_trait]
impl Vault for FailingVault {
    async fn get(&self, shelf: Shelf, name: &str) -> Result<Option<Doc>, VaultError> {
        self.state().gets.push(shelf);
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
        self.state().lists.push(shelf);
        self.there()?.list(shelf).await
    }

    async fn changes(&self, shelf: Shelf, since: Version, most: u32) -> Result<Changes, VaultError> {
        self.there()?.changes(shelf, since, most).await
    }
}
