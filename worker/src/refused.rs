//! What the token endpoint has refused for a reason that only an operator can mend: remembered for seconds, so that
//! of a thousand jobs one asks again.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::account::{Account, AccountId, Generation};
use common::port::{TokenError, Vault};
use common::refused_client::RefusedClient;
use common::time::until;
use jiff::Timestamp;

/// No job asks again for so long: less than the first wait of a job that was told so.
const REMEMBERED: Duration = Duration::from_secs(10);

/// What was refused lately, by this process.
#[derive(Default)]
pub(crate) struct Refused {
    lately: Mutex<HashMap<Whose, Refusal>>,
    /// Whether a note of it may stand in the vault.
    noted: AtomicBool,
}

/// Whom a refusal is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Whose {
    /// Every account: Google does not take the client at all.
    Client,
    /// This connection of this account.
    Connection(AccountId, Generation),
}

struct Refusal {
    error: TokenError,
    at: Timestamp,
}

impl Refused {
    /// What this account's token endpoint would say again.
    pub(crate) fn lately(&self, account: &Account, now: Timestamp) -> Option<TokenError> {
        let mut lately = self.lately.lock().expect("nothing panics holding it");
        lately.retain(|_, refusal| until(refusal.at, now) < REMEMBERED);
        let own = Whose::Connection(account.id.clone(), account.generation);
        lately.get(&Whose::Client).or_else(|| lately.get(&own)).map(|refusal| refusal.error.clone())
    }

    /// Remembers an answer, if it is one that only an operator can mend; says so in the log and in the vault.
    pub(crate) async fn heard(
        &self,
        vault: &dyn Vault,
        account: &Account,
        answer: Result<(), &TokenError>,
        now: Timestamp,
    ) {
        let Err(error) = answer else {
            self.lately.lock().expect("nothing panics holding it").remove(&Whose::Client);
            if self.noted.swap(false, Ordering::Relaxed)
                && let Err(error) = RefusedClient::forget(vault).await
            {
                self.noted.store(true, Ordering::Relaxed);
                tracing::debug!("That the OAuth client was refused stays noted for now: {error}");
            }
            return;
        };
        let (whose, code) = match error {
            TokenError::InvalidClient { error: code, .. } => match code.as_str() {
                "unauthorized_client" => (Whose::Connection(account.id.clone(), account.generation), code),
                _ => (Whose::Client, code),
            },
            TokenError::Refused { error: code, .. } => {
                (Whose::Connection(account.id.clone(), account.generation), code)
            }
            TokenError::InvalidGrant { .. }
            | TokenError::LoginRequired { .. }
            | TokenError::NoSuchUser { .. }
            | TokenError::Denied { .. }
            | TokenError::Throttled { .. }
            | TokenError::Unavailable { .. }
            | TokenError::Transport(_) => return,
        };
        tracing::error!(
            "An operator has to act, jobs wait: Google refuses our OAuth client, or what we ask for ({error})"
        );
        let refusal = Refusal { error: error.clone(), at: now };
        self.lately.lock().expect("nothing panics holding it").insert(whose, refusal);
        let note = RefusedClient { error: code.clone(), at: now };
        self.noted.store(true, Ordering::Relaxed);
        if let Err(error) = note.note(vault).await {
            tracing::debug!("That the OAuth client was refused could not be noted: {error}");
        }
    }
}
