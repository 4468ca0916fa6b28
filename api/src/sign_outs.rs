//! Sessions that a browser has signed out of before their time.
//!
//! A session is a cookie, and a cookie can be copied: forgetting it in one browser ends nothing. The mark
//! that ends it lies in the vault, so that it counts in every process, until the session would have
//! ended by itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use accounts::nonces::Nonces;
use common::port::VaultError;
use jiff::Timestamp;

use crate::session::Session;

/// The sessions that were ended.
pub(crate) struct SignOuts {
    nonces: Arc<Nonces>,
    /// Those that this process has met: they need no look-up.
    met: Mutex<HashMap<String, Timestamp>>,
}

impl SignOuts {
    pub(crate) fn new(nonces: Arc<Nonces>) -> Self {
        Self { nonces, met: Mutex::default() }
    }

    /// Ends `session` everywhere.
    ///
    /// # Errors
    /// The vault's trouble: then the session goes on.
    pub(crate) async fn end(&self, session: &Session) -> Result<(), VaultError> {
        self.nonces.spend(&session.name(), session.until()).await?;
        self.meet(session);
        Ok(())
    }

    /// Whether `session` is known to have been ended, without a look-up.
    pub(crate) fn known(&self, session: &Session) -> bool {
        self.met.lock().expect("nothing panics holding it").contains_key(&session.name())
    }

    /// Whether `session` was ended.
    ///
    /// # Errors
    /// The vault's trouble: then it is not known.
    pub(crate) async fn ended(&self, session: &Session) -> Result<bool, VaultError> {
        if self.known(session) {
            return Ok(true);
        }
        let ended = self.nonces.is_spent(&session.name()).await?;
        if ended {
            self.meet(session);
        }
        Ok(ended)
    }

    fn meet(&self, session: &Session) {
        let mut met = self.met.lock().expect("nothing panics holding it");
        let until = session.until();
        // Sessions last equally long: what ends before the oldest that may still come is over.
        met.retain(|_, other| *other + jiff::SignedDuration::from_hours(24) > until);
        met.insert(session.name(), until);
    }
}
