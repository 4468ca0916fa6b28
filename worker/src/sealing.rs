//! Opening what jobs carry, and keeping in mind which keys were missing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use accounts::AccountError;
use common::account::{Account, AccountId};
use common::message::Message;
use common::seal::{KeyId, Keyring};
use common::time::{hours, until};
use jiff::Timestamp;

use crate::attempt_error::AttemptError;
use crate::ports::Ports;

/// A job that waits for a key asks again every hour: a key that no job asks for is missed no more.
const MISSED: std::time::Duration = hours(2);

impl Ports {
    /// An account and its seal keys, for opening what the key `wanted` has sealed; `None` when the
    /// account is gone.
    pub(crate) async fn unlock(
        &self,
        id: &AccountId,
        wanted: KeyId,
    ) -> Result<Option<(Arc<Account>, Keyring)>, AttemptError> {
        match self.accounts.unlock(id, wanted).await {
            Ok(unlocked) => Ok(unlocked),
            Err(AccountError::NeverConnected | AccountError::OtherUser { .. }) => Ok(None),
            Err(AccountError::Sealed(error)) => Err(AttemptError::Sealed(error)),
            Err(AccountError::Vault(error)) => Err(AttemptError::Vault(error)),
        }
    }

    /// The message sealed with its account's newest key; as it is where that cannot be done now.
    pub(crate) async fn resealed(&self, message: &Message) -> Message {
        let account = self.accounts.get(&message.account).await.ok().flatten();
        let keys = account.and_then(|account| account.seal_keys(self.accounts.ring()).ok());
        keys.map_or_else(|| message.clone(), |keys| message.resealed(&keys))
    }
}

/// The keys that were asked for in vain, and when.
#[derive(Debug, Default)]
pub(crate) struct MissingKeys(Mutex<HashMap<KeyId, Timestamp>>);

impl MissingKeys {
    /// There was none.
    pub(crate) fn missed(&self, id: KeyId, now: Timestamp) {
        self.0.lock().expect("nothing panics holding it").insert(id, now);
    }

    /// These are there.
    pub(crate) fn found(&self, ids: [KeyId; 2]) {
        let mut missing = self.0.lock().expect("nothing panics holding it");
        for id in ids {
            missing.remove(&id);
        }
    }

    /// How many are missing.
    pub(crate) fn count(&self, now: Timestamp) -> usize {
        let mut missing = self.0.lock().expect("nothing panics holding it");
        missing.retain(|_, at| until(*at, now) < MISSED);
        missing.len()
    }
}

#[cfg(test)]
mod tests {
    use common::seal::Key;

    use super::*;

    #[test]
    fn a_key_is_missed_until_it_is_found_or_nobody_asks_for_it_any_more() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let (one, other) = (Key::random().id(), Key::random().id());
        let missing = MissingKeys::default();
        missing.missed(one, at("2027-01-01T00:00:00Z"));
        missing.missed(other, at("2027-01-01T01:00:00Z"));
        assert_eq!(missing.count(at("2027-01-01T01:30:00Z")), 2);
        assert_eq!(missing.count(at("2027-01-01T02:00:00Z")), 1, "nobody has asked for the first again");
        missing.found([other, one]);
        assert_eq!(missing.count(at("2027-01-01T02:00:00Z")), 0);
    }
}
