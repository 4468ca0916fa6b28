//! A receiver that has answered 410 is sent nothing more, by no process, until another one is configured or an
//! operator lifts that.

use std::sync::Mutex;
use std::time::Duration;

use common::port::{Shelf, Vault, VaultError};
use common::time::until;
use jiff::Timestamp;
use serde_json::json;

/// The document that says so.
const NAME: &str = "webhook";
/// Other processes are heard of this late.
const FRESH: Duration = Duration::from_secs(30);

/// Since when a receiver is sent nothing more; `None` where none is muted. It may be one that is configured no more.
///
/// # Errors
/// When the vault cannot be read.
pub async fn muted_since(vault: &dyn Vault) -> Result<Option<Timestamp>, VaultError> {
    let Some(doc) = vault.get(Shelf::Notices, NAME).await? else {
        return Ok(None);
    };
    let since = serde_json::from_value(doc.value["at"].clone());
    since.map(Some).map_err(|_| VaultError::Unreadable(NAME.to_owned()))
}

/// The receiver is sent notices again: by every process within half a minute. What was to be told meanwhile is not.
///
/// # Errors
/// When the vault cannot be used.
pub async fn unmute(vault: &dyn Vault) -> Result<(), VaultError> {
    vault.remove(Shelf::Notices, NAME).await
}

/// Whether the receiver is muted, as far as this process knows.
#[derive(Default)]
pub(super) struct Mute(Mutex<Option<Known>>);

#[derive(Debug, Clone, Copy)]
struct Known {
    muted: bool,
    at: Timestamp,
}

impl Mute {
    /// Whether nothing more may be sent to `receiver`, a keyed hash of its URL. While the vault is away the
    /// last answer counts.
    pub(super) async fn holds(&self, vault: &dyn Vault, receiver: &str, now: Timestamp) -> bool {
        let known = *self.known();
        if let Some(known) = known.filter(|known| until(known.at, now) < FRESH) {
            return known.muted;
        }
        let before = known.is_some_and(|known| known.muted);
        let muted = match vault.get(Shelf::Notices, NAME).await {
            Ok(doc) => doc.is_some_and(|doc| doc.value["receiver"] == receiver),
            Err(_) => before,
        };
        *self.known() = Some(Known { muted, at: now });
        muted
    }

    /// Mutes `receiver`; answers whether it was not muted before.
    ///
    /// # Errors
    /// When the vault could not keep that: the receiver says it again.
    pub(super) async fn set(
        &self,
        vault: &dyn Vault,
        receiver: &str,
        now: Timestamp,
    ) -> Result<bool, VaultError> {
        let doc = vault.get(Shelf::Notices, NAME).await?;
        let news = doc.as_ref().is_none_or(|doc| doc.value["receiver"] != receiver);
        if news {
            let value = json!({ "receiver": receiver, "at": now });
            match vault.put(Shelf::Notices, NAME, &value, doc.map(|doc| doc.version)).await {
                // Another process was answered the same.
                Ok(_) | Err(VaultError::Changed) => {}
                Err(error @ (VaultError::Unusable(_) | VaultError::Unreadable(_))) => return Err(error),
            }
        }
        *self.known() = Some(Known { muted: true, at: now });
        Ok(news)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Option<Known>> {
        self.0.lock().expect("nothing panics holding it")
    }
}
