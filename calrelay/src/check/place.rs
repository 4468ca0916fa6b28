//! Where everything is kept, and what is kept there.

use std::path::Path;
use std::sync::Arc;

use accounts::Accounts;
use accounts::keys::ApiKeys;
use accounts::secrets;
use adapter_embedded::{Embedded, Role};
use common::account::{Account, AccountState};
use common::port::{SystemClock, Vault};
use common::seal::{Key, Keyring};
use secrecy::ExposeSecret as _;

use super::finding::{Check, Finding};
use super::{Stakes, folder, servers};
use crate::config::Config;
use crate::google_kind::{self, Kind};
use crate::installation::is_prepared;
use crate::keyfile::{self, Sealed};
use crate::output;

/// The key that every example shows: 32 zero bytes.
const EXAMPLE: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

pub(super) async fn look(config: &Config, stakes: Stakes) -> Vec<Finding> {
    match &config.servers {
        Some(servers) => {
            let (mut findings, vault) = servers::look(servers).await;
            if let Some(vault) = vault {
                let keys = config.encryption_keys.as_ref().map_or("", |keys| keys.expose_secret());
                match keyfile::parse(keys) {
                    Ok(ring) => findings.extend(contents(&vault, ring, config, stakes).await),
                    Err(error) => {
                        findings.push(Check::EncryptionKey.fails(format!("ENCRYPTION_KEY: {error:#}")))
                    }
                }
            }
            findings
        }
        None => in_folder(config, stakes).await,
    }
}

async fn in_folder(config: &Config, stakes: Stakes) -> Vec<Finding> {
    let dir = &config.data_dir;
    let mut findings = folder::folder(dir);
    if !Embedded::is_in(dir) {
        return findings;
    }
    let files = match Embedded::open(dir, Role::Operator, Arc::new(SystemClock), None).await {
        Ok(files) => files,
        Err(error) => {
            findings.push(Check::Vault.fails(error.to_string()));
            return findings;
        }
    };
    findings.push(Check::Vault.holds("the folder's database can be read"));
    if let Ok(false) = is_prepared(files.vault().as_ref()).await {
        files.close().await;
        findings.push(Check::EncryptionKey.holds("nothing is sealed yet: the first start makes a key"));
        return findings;
    }
    match ring(config, dir) {
        Ok(ring) => {
            let vault: Arc<dyn Vault> = files.vault();
            findings.extend(contents(&vault, ring, config, stakes).await);
        }
        Err(error) => findings.push(Check::EncryptionKey.fails(output::sentence(&error))),
    }
    files.close().await;
    findings
}

/// None is ever made here.
fn ring(config: &Config, dir: &Path) -> anyhow::Result<Keyring> {
    keyfile::keyring(config.encryption_keys.as_ref(), dir, Sealed::Something)
}

/// What the vault holds, as far as the keys open it.
async fn contents(vault: &Arc<dyn Vault>, ring: Keyring, config: &Config, stakes: Stakes) -> Vec<Finding> {
    let hash_key = match secrets::find(vault.as_ref(), &ring).await {
        Ok(Some(hash_key)) => hash_key,
        Ok(None) => {
            return vec![Check::Vault.fails("it is empty: run `calrelay setup` first, or correct VAULT_URL")];
        }
        Err(error) => return vec![Check::EncryptionKey.fails(error.to_string())],
    };
    let mut findings = vec![key(&ring, stakes)];
    let clock = Arc::new(SystemClock);
    findings.push(match ApiKeys::new(Arc::clone(vault), Arc::clone(&clock) as _).list().await {
        Ok(keys) => match keys.iter().filter(|key| key.revoked_at.is_none()).count() {
            0 => Check::ApiKeys.fails("there is none: `calrelay keys create --scope admin` makes one"),
            count => Check::ApiKeys.holds(format!("{count} can be used: `calrelay keys list` shows them")),
        },
        Err(error) => Check::ApiKeys.fails(error.to_string()),
    });
    let accounts = Accounts::new(Arc::clone(vault), ring, hash_key, clock);
    findings.push(match accounts.list().await {
        Ok(all) => match guarded(config, vault.as_ref(), &all).await {
            Ok(()) => connected(&all, stakes),
            Err(error) => Check::Accounts.fails(output::sentence(&error)),
        },
        Err(error) => Check::Accounts.fails(error.to_string()),
    });
    findings
}

/// Where `run`, `api` and `worker` refuse to start, because the accounts belong to another kind of Google.
async fn guarded(config: &Config, vault: &dyn Vault, all: &[Account]) -> anyhow::Result<()> {
    match Kind::of(&config.google) {
        Some(kind) => google_kind::guard(kind, vault, all).await,
        // What is wrong with the credentials file has a line of its own.
        None => Ok(()),
    }
}

fn key(ring: &Keyring, stakes: Stakes) -> Finding {
    let check = Check::EncryptionKey;
    let newest = ring.newest().id();
    if Key::parse(EXAMPLE).is_ok_and(|example| example.id() == newest) {
        let says = "it opens the vault, and is the key of every example: `openssl rand -base64 32` makes one, \
                    and docs/OPERATIONS.md says how to replace it";
        return match stakes {
            Stakes::Sandbox => check.warns(says),
            Stakes::Live => check.fails(says),
        };
    }
    match ring.older().len() {
        0 => check.holds(format!("{newest} opens the vault; keep it where the backups are not")),
        older => check.warns(format!(
            "{newest} seals, and {older} older may still be needed: run `calrelay vault rotate`, which says from \
             when they may go"
        )),
    }
}

fn connected(all: &[Account], stakes: Stakes) -> Finding {
    let check = Check::Accounts;
    let waiting = |account: &&Account| matches!(account.state, AccountState::NeedsReauthorization { .. });
    match (all.len(), all.iter().filter(waiting).count()) {
        (0, _) => match stakes {
            Stakes::Sandbox => check.holds("there is none yet"),
            Stakes::Live => check.warns("nobody is connected yet: open /google-calendar-setup"),
        },
        (count, 0) => check.holds(format!("{count} there, none waits for its user")),
        (count, waiting) => check.warns(format!(
            "{waiting} of {count} wait for their users to connect again: `calrelay accounts list` says which"
        )),
    }
}
