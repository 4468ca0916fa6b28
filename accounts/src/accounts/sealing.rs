//! The seal keys of accounts: finding the right one, and giving each account a new one.

use std::sync::Arc;
use std::time::Duration;

use super::{AccountError, Accounts};
use common::account::{Account, AccountId};
use common::port::VaultError;
use common::seal::{KeyId, Keyring};

/// An account is not read again so soon for a key that it did not have.
const AGAIN: Duration = Duration::from_secs(1);

impl Accounts {
    /// An account and its seal keys, for opening what the key `wanted` has sealed. An account that is
    /// remembered without that key is read anew: its keys may have been rotated since. Whether the key
    /// is among them now, opening tells.
    ///
    /// # Errors
    /// When the account cannot be read, or its newest seal key not be opened.
    pub async fn unlock(
        &self,
        id: &AccountId,
        wanted: KeyId,
    ) -> Result<Option<(Arc<Account>, Keyring)>, AccountError> {
        let opened = |account: Arc<Account>| {
            let keys = account.seal_keys(&self.ring)?;
            Ok(Some((account, keys)))
        };
        let Some(account) = self.get(id).await? else {
            return Ok(None);
        };
        if self.was_just_read(id) || account.seal_keys(&self.ring).is_ok_and(|keys| keys.has(wanted)) {
            return opened(account);
        }
        match self.get_now(id).await {
            Ok(Some(current)) => opened(current),
            Ok(None) => Ok(None),
            Err(VaultError::Changed | VaultError::Unusable(_) | VaultError::Unreadable(_)) => opened(account),
        }
    }

    /// Gives the account a new seal key, if the one that it has is not sealed with the newest master
    /// key; answers whether it was so. Its tokens are sealed with the new one at once, and what was sealed
    /// before stays readable without any older master key.
    ///
    /// # Errors
    /// The vault's trouble, or a master key that is missing.
    pub async fn rotate(&self, id: &AccountId) -> Result<bool, AccountError> {
        let changed = self
            .change(id, |current| match current {
                Some(account) => Ok(account.rotated(&self.ring)?),
                None => Ok(None),
            })
            .await?;
        Ok(changed.is_some())
    }

    pub(super) fn was_just_read(&self, id: &AccountId) -> bool {
        self.seen.recall(id.as_str()).is_some_and(|(_, age)| age < AGAIN)
    }
}

#[cfg(test)]
mod tests {
    use secrecy::{ExposeSecret as _, SecretString};

    use super::*;
    use crate::accounts::Connection;
    use adapter_embedded::{Embedded, Role};
    use common::fingerprint::HashKey;
    use common::port::{ClientRef, Clock, GoogleUser, RefreshToken, SystemClock, Vault};
    use common::seal::{Key, OpenError};

    /// A vault, and processes with different master keys on it.
    struct Office {
        vault: Arc<dyn Vault>,
        clock: Arc<dyn Clock>,
        _dir: tempfile::TempDir,
    }

    impl Office {
        async fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let clock: Arc<dyn Clock> = Arc::new(SystemClock);
            let folder = Embedded::open(dir.path(), Role::Operator, Arc::clone(&clock), None).await.unwrap();
            Self { vault: folder.vault(), clock, _dir: dir }
        }

        fn process(&self, newest: &Key, older: &[&Key]) -> Accounts {
            let ring = Keyring::new(newest.clone(), older.iter().copied().cloned().collect());
            let hash_key = HashKey::new(Key::random());
            Accounts::new(Arc::clone(&self.vault), ring, hash_key, Arc::clone(&self.clock))
        }
    }

    fn id() -> AccountId {
        AccountId::default_account()
    }

    fn connection() -> Connection {
        Connection {
            user: GoogleUser { sub: "ada".to_owned(), email: "ada@example.com".to_owned() },
            refresh_token: RefreshToken(SecretString::from("t1")),
            client: ClientRef {
                token_uri: "https://oauth2.example/token".to_owned(),
                client_id: "c".to_owned(),
            },
            scopes: Vec::new(),
        }
    }

    fn opened(accounts: &Accounts, account: &Account) -> (String, String) {
        let token = account.refresh_token(accounts.ring()).unwrap().expect("connected");
        (account.user(accounts.ring()).unwrap().sub, token.0.expose_secret().to_owned())
    }

    #[tokio::test]
    async fn after_a_rotation_the_new_master_key_alone_opens_all_there_is() {
        let office = Office::new().await;
        let (old, new) = (Key::random(), Key::random());
        let before = office.process(&old, &[]);
        let account = before.connect(&id(), &connection()).await.unwrap();
        let waiting = account.seal_keys(before.ring()).unwrap().seal("job", &"a title".to_owned());

        let both = office.process(&new, &[&old]);
        assert!(both.rotate(&id()).await.unwrap());
        assert!(!both.rotate(&id()).await.unwrap(), "there is nothing more to do");

        let after = office.process(&new, &[]);
        let account = after.get(&id()).await.unwrap().expect("there");
        assert_eq!(opened(&after, &account), ("ada".to_owned(), "t1".to_owned()));
        let keys = account.seal_keys(after.ring()).unwrap();
        assert_eq!(keys.open("job", &waiting), Ok("a title".to_owned()), "what waited is still readable");
        assert_ne!(keys.seal("job", &1_u8).key_id(), waiting.key_id(), "and what comes has a new key");
    }

    #[tokio::test]
    async fn two_rotations_keep_both_earlier_seal_keys() {
        let office = Office::new().await;
        let masters = [Key::random(), Key::random(), Key::random()];
        let mut sealed = Vec::new();
        office.process(&masters[0], &[]).connect(&id(), &connection()).await.unwrap();
        for at in 0..masters.len() {
            let accounts = office.process(&masters[at], &masters.iter().take(at).collect::<Vec<_>>());
            accounts.rotate(&id()).await.unwrap();
            let account = accounts.get(&id()).await.unwrap().expect("there");
            sealed.push(account.seal_keys(accounts.ring()).unwrap().seal("job", &at));
        }
        let last = office.process(&masters[2], &[]);
        let account = last.get(&id()).await.unwrap().expect("there");
        let keys = account.seal_keys(last.ring()).unwrap();
        let found: Vec<_> = sealed.iter().map(|sealed| keys.open("job", sealed)).collect();
        assert_eq!(found, [Ok(0), Ok(1), Ok(2)]);
    }

    #[tokio::test]
    async fn a_process_that_remembers_the_account_finds_its_new_seal_key() {
        let office = Office::new().await;
        let (old, new) = (Key::random(), Key::random());
        let slow = office.process(&old, &[&new]);
        slow.connect(&id(), &connection()).await.unwrap();
        let fast = office.process(&new, &[&old]);
        assert!(fast.rotate(&id()).await.unwrap());
        let account = fast.get(&id()).await.unwrap().expect("there");
        let sealed = account.seal_keys(fast.ring()).unwrap().seal("job", &7_u8);

        let remembered = slow.get(&id()).await.unwrap().expect("there");
        assert!(
            !remembered.seal_keys(slow.ring()).unwrap().has(sealed.key_id().unwrap()),
            "or this shows nothing"
        );
        // Just read: not again so soon, whatever is asked for.
        slow.seen.age(id().as_str(), AGAIN);
        let (_, keys) = slow.unlock(&id(), sealed.key_id().unwrap()).await.unwrap().expect("there");
        assert_eq!(keys.open("job", &sealed), Ok(7));
    }

    #[tokio::test]
    async fn an_account_whose_master_key_is_missing_is_left_alone() {
        let office = Office::new().await;
        let (old, new) = (Key::random(), Key::random());
        let account = office.process(&old, &[]).connect(&id(), &connection()).await.unwrap();
        let refused = office.process(&new, &[]).rotate(&id()).await;
        assert_eq!(refused, Err(AccountError::Sealed(OpenError::UnknownKey(old.id()))));
        let kept = office.process(&old, &[]).get(&id()).await.unwrap().expect("there");
        assert_eq!(kept, account);
    }
}
