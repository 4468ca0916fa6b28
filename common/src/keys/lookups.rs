//! Look-ups of keys in the vault: remembered, shared by all who ask at once, and refused to whoever guesses.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use jiff::Timestamp;

use super::{ApiKey, FRESH, STALE};
use crate::port::{Clock, Doc, Shelf, Vault, VaultError};
use crate::time;

/// What is known of the keys that callers have sent, by the hash of the key.
pub(super) struct Lookups {
    vault: Arc<dyn Vault>,
    clock: Arc<dyn Clock>,
    seen: Arc<Mutex<HashMap<String, Seen>>>,
    /// The look-ups under way: those who ask meanwhile wait for the same one.
    asking: Mutex<HashMap<String, WeakShared<Asking>>>,
    /// The hashes of all good keys, and when they were looked through.
    listed: tokio::sync::Mutex<(HashSet<String>, Option<Timestamp>)>,
}

/// What there is to do for a key that a caller has sent.
enum Step {
    /// Nothing: it was looked up lately.
    Known(Option<ApiKey>),
    /// A look-up; and what the one before has said.
    Ask(Shared<Asking>, Option<Seen>),
}

/// What a look-up has said, and when.
type Seen = (Option<ApiKey>, Timestamp);
/// A look-up of a key in the vault.
type Asking = BoxFuture<'static, Result<Option<ApiKey>, VaultError>>;

/// More remembered keys than this means that somebody is guessing.
const REMEMBERED: usize = 10_000;

impl Lookups {
    pub(super) fn new(vault: Arc<dyn Vault>, clock: Arc<dyn Clock>) -> Self {
        Self {
            vault,
            clock,
            seen: Arc::default(),
            asking: Mutex::default(),
            listed: tokio::sync::Mutex::default(),
        }
    }

    /// Forgets what was looked up.
    pub(super) fn forget(&self) {
        self.seen.lock().expect("nothing panics holding it").clear();
    }

    /// As [`ApiKeys::find_if`](super::ApiKeys::find_if), by the hash of the key.
    pub(super) async fn find<E>(
        &self,
        hash: &str,
        permit: impl FnOnce() -> Result<(), E>,
    ) -> Result<Result<Option<ApiKey>, VaultError>, E> {
        let step = match self.step(hash, permit) {
            Ok(step) => step,
            Err(refused) if self.is_listed(hash).await => self.step(hash, || Ok(())).map_err(|()| refused)?,
            Err(refused) => return Err(refused),
        };
        let (asking, seen) = match step {
            Step::Known(key) => return Ok(Ok(key)),
            Step::Ask(asking, seen) => (asking, seen),
        };
        let found = asking.await;
        self.asking.lock().expect("nothing panics holding it").remove(hash);
        Ok(match (found, seen) {
            (Ok(key), _) => Ok(key),
            (Err(_), Some((key, at))) if time::until(at, self.clock.now()) < STALE => Ok(key),
            (Err(error), Some(_) | None) => Err(error),
        })
    }

    /// What there is to do for a key with this hash.
    fn step<E>(&self, hash: &str, permit: impl FnOnce() -> Result<(), E>) -> Result<Step, E> {
        // Taken first: a look-up that has ended meanwhile is remembered by the time it is not here.
        let mut under_way = self.asking.lock().expect("nothing panics holding it");
        let seen = self.seen.lock().expect("nothing panics holding it").get(hash).cloned();
        if let Some((key, at)) = &seen
            && time::until(*at, self.clock.now()) < FRESH
        {
            return Ok(Step::Known(key.clone()));
        }
        if let Some(asking) = under_way.get(hash).and_then(WeakShared::upgrade) {
            return Ok(Step::Ask(asking, seen));
        }
        if !matches!(seen, Some((Some(_), _))) {
            permit()?;
        }
        let asking = self.ask(hash.to_owned()).shared();
        // Those whose askers have all gone away are forgotten.
        under_way.retain(|_, asking| asking.upgrade().is_some());
        under_way.extend(asking.downgrade().map(|asking| (hash.to_owned(), asking)));
        Ok(Step::Ask(asking, seen))
    }

    /// Whether a key with this hash was good when all keys were last looked through.
    async fn is_listed(&self, hash: &str) -> bool {
        let mut listed = self.listed.lock().await;
        let now = self.clock.now();
        if listed.1.is_none_or(|at| time::until(at, now) >= FRESH) {
            listed.1 = Some(now);
            if let Ok(docs) = self.vault.list(Shelf::ApiKeys).await {
                let good = |doc: Doc| {
                    serde_json::from_value::<ApiKey>(doc.value).is_ok_and(|key| key.revoked_at.is_none())
                };
                listed.0 = docs.into_iter().filter_map(|(hash, doc)| good(doc).then_some(hash)).collect();
            }
        }
        listed.0.contains(hash)
    }

    /// Looks a key up in the vault, and remembers what came of it.
    fn ask(&self, hash: String) -> Asking {
        let (vault, clock, seen) = (Arc::clone(&self.vault), Arc::clone(&self.clock), Arc::clone(&self.seen));
        async move {
            let doc = vault.get(Shelf::ApiKeys, &hash).await?;
            let key: Option<ApiKey> = doc.and_then(|doc| serde_json::from_value(doc.value).ok());
            let key = key.filter(|key| key.revoked_at.is_none());
            let mut seen = seen.lock().expect("nothing panics holding it");
            if seen.len() >= REMEMBERED {
                // Those that were guessed go first.
                seen.retain(|_, (key, _)| key.is_some());
            }
            if seen.len() >= REMEMBERED {
                seen.clear();
            }
            seen.insert(hash, (key.clone(), clock.now()));
            Ok(key)
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use secrecy::SecretString;

    use super::*;
    use crate::embedded::{Embedded, Role};
    use crate::keys::{ApiKeys, Scope};
    use crate::owner::Owner;
    use crate::port::SystemClock;

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
        assert!(keys.lookups.asking.lock().expect("no panics").is_empty());
    }
}
