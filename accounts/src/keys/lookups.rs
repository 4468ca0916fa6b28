//! Look-ups of keys in the vault: remembered, shared by all who ask at once, and refused to whoever guesses.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::FutureExt as _;

use super::ApiKey;
use crate::remembered::{FRESH, Remembered};
use common::port::{Clock, Doc, Shelf, Vault, VaultError};

/// What is known of the keys that callers have sent.
pub(super) struct Lookups {
    /// By the hash of the key.
    seen: Remembered<ApiKey>,
    /// The hashes of all good keys.
    listed: Remembered<Arc<HashSet<String>>>,
}

/// Under which name all keys are remembered.
const ALL: &str = "";

impl Lookups {
    pub(super) fn new(vault: &Arc<dyn Vault>, clock: &Arc<dyn Clock>) -> Self {
        let (one, all) = (Arc::clone(vault), Arc::clone(vault));
        let seen = Remembered::new(Arc::clone(clock), FRESH, move |hash| {
            let (vault, hash) = (Arc::clone(&one), hash.to_owned());
            async move { Ok(vault.get(Shelf::ApiKeys, &hash).await?.and_then(good)) }.boxed()
        });
        let listed = Remembered::new(Arc::clone(clock), FRESH, move |_| {
            let vault = Arc::clone(&all);
            async move {
                let docs = vault.list(Shelf::ApiKeys).await?;
                let hashes = docs.into_iter().filter_map(|(hash, doc)| good(doc).map(|_| hash));
                Ok(Some(Arc::new(hashes.collect())))
            }
            .boxed()
        });
        Self { seen, listed }
    }

    /// Forgets what was looked up.
    pub(super) fn forget(&self) {
        self.seen.forget();
    }

    /// As [`ApiKeys::find_if`](super::ApiKeys::find_if), by the hash of the key.
    pub(super) async fn find<E>(
        &self,
        hash: &str,
        permit: impl FnOnce() -> Result<(), E>,
    ) -> Result<Result<Option<ApiKey>, VaultError>, E> {
        match self.seen.get_if(hash, permit).await {
            Ok(found) => Ok(found),
            Err(_) if self.is_listed(hash).await => Ok(self.seen.get(hash).await),
            Err(refused) => Err(refused),
        }
    }

    /// As [`ApiKeys::find_known`](super::ApiKeys::find_known), by the hash of the key.
    pub(super) async fn find_known(&self, hash: &str) -> Option<Result<Option<ApiKey>, VaultError>> {
        self.seen.get_if(hash, || Err(())).await.ok()
    }

    /// Whether a key with this hash was good when all keys were last looked through.
    async fn is_listed(&self, hash: &str) -> bool {
        matches!(self.listed.get(ALL).await, Ok(Some(listed)) if listed.contains(hash))
    }
}

/// The key, unless it was revoked.
fn good(doc: Doc) -> Option<ApiKey> {
    serde_json::from_value::<ApiKey>(doc.value).ok().filter(|key| key.revoked_at.is_none())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use secrecy::SecretString;

    use super::*;
    use crate::keys::{ApiKeys, Scope};
    use adapter_embedded::{Embedded, Role};
    use common::owner::Owner;
    use common::port::SystemClock;

    #[tokio::test]
    async fn a_look_up_needs_a_permit_unless_the_key_was_good_and_many_at_once_need_one() {
        let dir = tempfile::tempdir().expect("a folder");
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let folder = Embedded::open(dir.path(), Role::Operator, Arc::clone(&clock), None).await;
        let vault: Arc<dyn Vault> = folder.expect("it opens").vault();
        let made = ApiKeys::new(Arc::clone(&vault), Arc::clone(&clock));
        let good = made.create(Owner::local(), vec![Scope::Read], None).await.expect("the vault works");
        let keys = ApiKeys::new(vault, clock);
        let asked = Cell::new(0);
        let permit = || {
            asked.set(asked.get() + 1);
            Ok::<(), ()>(())
        };
        let all = futures_util::future::join_all((0..50).map(|_| keys.find_if(&good, permit))).await;
        assert!(all.into_iter().all(|found| found.is_ok_and(|key| key.is_ok_and(|key| key.is_some()))));
        assert_eq!(asked.get(), 1);
        let wrong = SecretString::from("crk_wrong");
        assert_eq!(keys.find_if(&wrong, || Err("no")).await, Err("no"));
        assert_eq!(keys.find_if(&wrong, permit).await, Ok(Ok(None)));
        assert_eq!(
            keys.find_if(&wrong, || Err("no")).await,
            Ok(Ok(None)),
            "that it is unknown is remembered"
        );
        assert_eq!(asked.get(), 2);
        let fresh = ApiKeys::new(Arc::clone(&keys.vault), Arc::clone(&keys.clock));
        let refused = fresh.find_if(&good, || Err("no")).await;
        assert!(refused.is_ok_and(|key| key.is_ok_and(|key| key.is_some())), "a good key needs no permit");
        assert_eq!(fresh.find_if(&SecretString::from("crk_wronger"), || Err("no")).await, Err("no"));
    }
}
