//! Which kind of Google a folder or vault was used with. Jobs and accounts of the real Google never go to a sandbox,
//! nor the other way round.

use anyhow::bail;
use common::account::Account;
use common::port::{ClientRef, Shelf, Vault, VaultError};
use google::Credentials;
use serde_json::{Value, json};

use crate::config::GoogleSource;

/// The document of [`Shelf::Secrets`] that says that the real Google was here. Persisted: never renamed.
const MARK: &str = "google";

/// What is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A sandbox, ours or another's.
    Sandbox,
    /// A sandbox that passes for the real Google, by a credentials file: for tests.
    Disguised,
    /// The real Google.
    Live,
}

impl Kind {
    /// What `source` leads to; `None` when its credentials file cannot be read.
    #[must_use]
    pub fn of(source: &GoogleSource) -> Option<Self> {
        match source {
            GoogleSource::OwnSandbox { .. } | GoogleSource::SandboxAt(_) => Some(Self::Sandbox),
            GoogleSource::Credentials { file, .. } => {
                let credentials = Credentials::from_file(file).ok()?;
                Some(Self::by(credentials.token_uri.as_str()))
            }
        }
    }

    /// What a credentials file leads to. The real Google speaks HTTPS alone; a sandbox never does.
    #[must_use]
    pub fn by(token_uri: &str) -> Self {
        if token_uri.starts_with("http://") { Self::Disguised } else { Self::Live }
    }
}

/// Refuses a folder or vault that was used with the other kind of Google.
///
/// # Errors
/// A sentence that says what to do, or that the vault cannot be used.
pub async fn guard(kind: Kind, vault: &dyn Vault, accounts: &[Account]) -> anyhow::Result<()> {
    for account in accounts {
        match (kind, is_sandbox(&account.client)) {
            (Kind::Sandbox, false) => bail!(
                "this data folder or vault holds the account {}, which is connected to the real Google; put google-credentials.json back (GOOGLE_CREDENTIALS), or set DATA_DIR to another folder, VAULT_URL to another vault, to try the sandbox",
                account.id
            ),
            (Kind::Live, true) => bail!(
                "this data folder or vault holds the account {}, which belongs to a sandbox; set DATA_DIR to another folder, or VAULT_URL to another vault, for the real Google",
                account.id
            ),
            (Kind::Sandbox, true) | (Kind::Live, false) | (Kind::Disguised, _) => {}
        }
    }
    // Nobody may be connected yet, or any more.
    if kind == Kind::Sandbox && vault.get(Shelf::Secrets, MARK).await?.is_some_and(|doc| is_live(&doc.value))
    {
        bail!(
            "this data folder or vault was started with the real Google; put google-credentials.json back (GOOGLE_CREDENTIALS), or set DATA_DIR to another folder, VAULT_URL to another vault, to try the sandbox"
        );
    }
    Ok(())
}

/// Remembers that the real Google was here.
///
/// # Errors
/// When the vault cannot be written.
pub async fn remember(kind: Kind, vault: &dyn Vault) -> Result<(), VaultError> {
    if kind != Kind::Live || vault.get(Shelf::Secrets, MARK).await?.is_some() {
        return Ok(());
    }
    match vault.put(Shelf::Secrets, MARK, &mark(), None).await {
        // Another process was faster.
        Ok(_) | Err(VaultError::Changed) => Ok(()),
        Err(error @ (VaultError::Unusable(_) | VaultError::Unreadable(_))) => Err(error),
    }
}

fn mark() -> Value {
    json!({ "kind": "live" })
}

fn is_live(value: &Value) -> bool {
    value["kind"] == "live"
}

/// Whether an account was connected to a sandbox.
#[must_use]
pub fn is_sandbox(client: &ClientRef) -> bool {
    Kind::by(&client.token_uri) == Kind::Disguised
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use adapter_embedded::{Embedded, Role};
    use common::port::SystemClock;

    use super::*;

    #[test]
    fn the_mark_is_written_as_it_always_was() {
        assert_eq!((MARK, mark().to_string().as_str()), ("google", r#"{"kind":"live"}"#));
        assert!(is_live(&json!({"kind": "live", "since": "later builds"})));
        assert!(!is_live(&json!({"kind": "sandbox"})) && !is_live(&Value::Null));
    }

    #[tokio::test]
    async fn where_the_real_google_was_no_sandbox_starts_though_nobody_is_connected() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Embedded::open(dir.path(), Role::Operator, Arc::new(SystemClock), None).await.unwrap();
        let vault = folder.vault();
        for kind in [Kind::Sandbox, Kind::Disguised] {
            remember(kind, vault.as_ref()).await.unwrap();
            guard(Kind::Sandbox, vault.as_ref(), &[]).await.unwrap();
        }
        remember(Kind::Live, vault.as_ref()).await.unwrap();
        remember(Kind::Live, vault.as_ref()).await.unwrap();
        let refused = guard(Kind::Sandbox, vault.as_ref(), &[]).await.unwrap_err().to_string();
        assert!(refused.contains("GOOGLE_CREDENTIALS") && refused.contains("DATA_DIR"), "{refused}");
        guard(Kind::Live, vault.as_ref(), &[]).await.unwrap();
        folder.close().await;
    }
}
