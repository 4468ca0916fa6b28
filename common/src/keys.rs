//! API keys: who may call, on whose behalf, and to do what.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use jiff::Timestamp;
use rand::Rng as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::account::AccountId;
use crate::owner::Owner;
use crate::port::{Clock, Doc, Shelf, Vault, VaultError};
use crate::time;

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Post jobs and take them back.
    Submit,
    /// Read jobs.
    Read,
    /// Everything, the setup pages too.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 3] = [Self::Submit, Self::Read, Self::Admin];

    /// The name in JSON and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::Read => "read",
            Self::Admin => "admin",
        }
    }
}

/// A key's record; the key itself is not in it. Persisted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiKey {
    /// Names the key to people: its first characters.
    pub name: String,
    /// On whose behalf it speaks.
    pub owner: Owner,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The accounts it may use: `*` stands for any run of characters; `None` is all.
    pub accounts: Option<String>,
    /// Requests a minute.
    pub requests_per_minute: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// From then on it is refused.
    #[serde(default)]
    pub revoked_at: Option<Timestamp>,
}

impl ApiKey {
    /// Requests a minute, unless a key says otherwise.
    pub const DEFAULT_REQUESTS_PER_MINUTE: u32 = 6_000;

    /// The name of a key.
    #[must_use]
    pub fn name_of(key: &SecretString) -> String {
        Self::name_in(key.expose_secret())
    }

    fn name_in(secret: &str) -> String {
        secret.chars().take(12).collect()
    }

    /// Whether the key may do `scope`: an admin may do everything.
    #[must_use]
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope) || self.scopes.contains(&Scope::Admin)
    }

    /// Whether the key may use `account`.
    #[must_use]
    pub fn may_use(&self, account: &AccountId) -> bool {
        self.accounts.as_deref().is_none_or(|pattern| fits(pattern, account.as_str()))
    }
}

/// Whether some account can fit `text` as a pattern: the characters of accounts' ids, and `*`.
#[must_use]
pub fn is_account_pattern(text: &str) -> bool {
    // An id that fits is what is left when each `*` stands for nothing, or, where nothing else is there, for one.
    let rest = text.replace('*', "");
    match rest.is_empty() {
        true => !text.is_empty(),
        false => AccountId::parse(&rest).is_ok(),
    }
}

/// Whether `text` fits `pattern`, in which `*` stands for any run of characters.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(tail) = text.strip_prefix(first) else {
        return false;
    };
    (0..=tail.len()).filter(|at| tail.is_char_boundary(*at)).any(|at| fits(rest, &tail[at..]))
}

/// The keys of an installation, as the vault has them; what was asked for is remembered for
/// [`FRESH`], and for an hour while the vault is away.
pub struct ApiKeys {
    vault: Arc<dyn Vault>,
    clock: Arc<dyn Clock>,
    seen: Arc<Mutex<HashMap<String, Seen>>>,
    /// The look-ups under way, by the hash of the key: whoever asks meanwhile waits for the same one.
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

/// How long a key or an account that was read counts as up to date.
pub const FRESH: Duration = Duration::from_secs(30);
/// How long it is still used while the vault cannot be read.
pub const STALE: Duration = time::hours(1);
/// More remembered keys than this means that somebody is guessing.
const REMEMBERED: usize = 10_000;

impl ApiKeys {
    /// The keys in `vault`.
    #[must_use]
    pub fn new(vault: Arc<dyn Vault>, clock: Arc<dyn Clock>) -> Self {
        Self {
            vault,
            clock,
            seen: Arc::default(),
            asking: Mutex::default(),
            listed: tokio::sync::Mutex::default(),
        }
    }

    /// Makes a key and answers it: the only time it can be seen.
    ///
    /// # Errors
    /// When the vault cannot be written.
    pub async fn create(
        &self,
        owner: Owner,
        scopes: Vec<Scope>,
        accounts: Option<String>,
    ) -> Result<SecretString, VaultError> {
        let mut bytes = [0; 32];
        rand::rng().fill_bytes(&mut bytes);
        let secret = format!("crk_{}", BASE64URL_NOPAD.encode(&bytes));
        let key = ApiKey {
            name: ApiKey::name_in(&secret),
            owner,
            scopes,
            accounts,
            requests_per_minute: ApiKey::DEFAULT_REQUESTS_PER_MINUTE,
            created_at: self.clock.now(),
            revoked_at: None,
        };
        let value = serde_json::to_value(&key).expect("a key's record is plain data");
        self.vault.put(Shelf::ApiKeys, &hashed(&secret), &value, None).await?;
        Ok(SecretString::from(secret))
    }

    /// Takes back a key that was just made and that nobody has seen.
    ///
    /// # Errors
    /// When the vault cannot be written.
    pub async fn take_back(&self, secret: &SecretString) -> Result<(), VaultError> {
        self.vault.remove(Shelf::ApiKeys, &hashed(secret.expose_secret())).await
    }

    /// The record of the key a caller sent, unless it is unknown or revoked.
    ///
    /// # Errors
    /// When the vault cannot be read and the key was not seen within the hour.
    pub async fn find(&self, secret: &SecretString) -> Result<Option<ApiKey>, VaultError> {
        let Ok(found) = self.find_if(secret, || Ok::<(), Infallible>(())).await;
        found
    }

    /// The same; but a look-up of a key that was not good when it was last looked up needs `permit`,
    /// which is asked once, at the beginning, and by one of all who ask for the same key at once.
    /// Without a permit a key is good if it is among all keys, which are looked through every
    /// [`FRESH`] at most, however many ask.
    ///
    /// # Errors
    /// What `permit` says; inside, what [`find`](Self::find) says.
    pub async fn find_if<E>(
        &self,
        secret: &SecretString,
        permit: impl FnOnce() -> Result<(), E>,
    ) -> Result<Result<Option<ApiKey>, VaultError>, E> {
        let hash = hashed(secret.expose_secret());
        let step = match self.step(&hash, permit) {
            Ok(step) => step,
            Err(refused) if self.is_listed(&hash).await => {
                self.step(&hash, || Ok(())).map_err(|()| refused)?
            }
            Err(refused) => return Err(refused),
        };
        let (asking, seen) = match step {
            Step::Known(key) => return Ok(Ok(key)),
            Step::Ask(asking, seen) => (asking, seen),
        };
        let found = asking.await;
        self.asking.lock().expect("nothing panics holding it").remove(&hash);
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

    /// All keys, revoked ones too.
    ///
    /// # Errors
    /// When the vault cannot be read.
    pub async fn list(&self) -> Result<Vec<ApiKey>, VaultError> {
        let docs = self.vault.list(Shelf::ApiKeys).await?;
        docs.into_iter()
            .map(|(name, doc)| serde_json::from_value(doc.value).map_err(|_| VaultError::Unreadable(name)))
            .collect()
    }

    /// Revokes the keys with this name; answers how many there were. Processes notice within [`FRESH`].
    ///
    /// # Errors
    /// When the vault cannot be written.
    pub async fn revoke(&self, name: &str) -> Result<usize, VaultError> {
        let mut revoked = 0;
        for (hash, doc) in self.vault.list(Shelf::ApiKeys).await? {
            let Ok(mut key) = serde_json::from_value::<ApiKey>(doc.value) else {
                continue;
            };
            if key.name == name && key.revoked_at.is_none() {
                key.revoked_at = Some(self.clock.now());
                let value = serde_json::to_value(&key).expect("a key's record is plain data");
                self.vault.put(Shelf::ApiKeys, &hash, &value, Some(doc.version)).await?;
                revoked += 1;
            }
        }
        self.seen.lock().expect("nothing panics holding it").clear();
        Ok(revoked)
    }
}

/// A key has 256 random bits, so a plain hash is as good as a slow one.
fn hashed(secret: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(secret.as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::embedded::{Embedded, Role};
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
        assert!(keys.asking.lock().expect("no panics").is_empty());
    }

    #[test]
    fn a_pattern_that_no_account_can_fit_is_none() {
        for good in ["*", "**", "default", "crm-*", "*_x", "a*b*c", &"x".repeat(64)] {
            assert!(is_account_pattern(good), "{good}");
        }
        for bad in ["", "[a-z", "a?", "a,b", "a b", "a.b", "é*", "a@b.example", "crm/*", &"x".repeat(65)] {
            assert!(!is_account_pattern(bad), "{bad}");
        }
    }

    #[test]
    fn patterns_take_any_run_for_a_star() {
        for (pattern, text, expected) in [
            ("default", "default", true),
            ("default", "defaults", false),
            ("*", "", true),
            ("team-*", "team-7", true),
            ("team-*", "tea", false),
            ("*-eu-*", "a-eu-b", true),
            ("*-eu-*", "a-us-b", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }
}
