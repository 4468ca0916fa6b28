//! That Google refuses this installation's OAuth client: workers note it, and whoever looks at the setup page is told.
//!
//! A note that nobody renews has lost its meaning after a while: then nobody needed a token, or got one.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::port::{Shelf, Vault, VaultError};
use crate::time::{minutes, until};

const NAME: &str = "oauth-client";
/// Jobs that wait for an operator ask again within 12.5 minutes of each other, and renew it.
const LASTS: Duration = minutes(15);

/// Google's refusal. Persisted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedClient {
    /// Google's code, such as `invalid_client`.
    pub error: String,
    /// When it was last said.
    pub at: Timestamp,
}

impl RefusedClient {
    /// Writes it down, in place of an earlier one.
    ///
    /// # Errors
    /// When the vault cannot be used, or somebody else was writing it down.
    pub async fn note(&self, vault: &dyn Vault) -> Result<(), VaultError> {
        let seen = vault.get(Shelf::Notices, NAME).await?.map(|doc| doc.version);
        vault.put(Shelf::Notices, NAME, &json!(self), seen).await?;
        Ok(())
    }

    /// The last that was noted, as far as it still says something at `now`.
    ///
    /// # Errors
    /// When the vault cannot be used.
    pub async fn noted(vault: &dyn Vault, now: Timestamp) -> Result<Option<Self>, VaultError> {
        let doc = vault.get(Shelf::Notices, NAME).await?;
        let noted = doc.and_then(|doc| serde_json::from_value::<Self>(doc.value).ok());
        Ok(noted.filter(|noted| until(noted.at, now) < LASTS))
    }

    /// Google takes the client again.
    ///
    /// # Errors
    /// When the vault cannot be used.
    pub async fn forget(vault: &dyn Vault) -> Result<(), VaultError> {
        vault.remove(Shelf::Notices, NAME).await
    }
}

#[cfg(test)]
mod golden;
