//! Notices: telling whoever wants to know what became of their jobs.
//!
//! A notice about a job is a message in the queue, published before the job's end is recorded and as
//! durable as the job itself; one about an account is a document in the vault. Receivers tell repeats by
//! their id, so a notice may come twice and is never lost.

mod account;
mod body;
mod delivery;
#[cfg(test)]
mod golden;
mod guard;
mod letter;
mod line;
mod mail;
mod mute;
mod probe;
mod progress;
mod retry;
mod signer;
mod webhook;

use std::fmt;

use common::port::Vault;
use jiff::Timestamp;
use tokio::sync::Notify;

pub(crate) use account::tell_of_accounts;
pub(crate) use delivery::told_of;
pub use guard::{Networks, NotNetworks};
pub use mail::{Encryption, Mail, MailSettings, NoMail, Users};
pub use mute::{muted_since, unmute};
pub use signer::{NotASecret, Signer};
pub use webhook::{NoClient, Webhook};

use line::Line;
pub(crate) use line::places;
use mute::Mute;

/// Whom to tell, and how it goes. Nobody unless told otherwise.
#[derive(Default)]
pub struct Notices {
    webhook: Option<Endpoint>,
    post: Option<Post>,
    /// There may be an account to tell of.
    prod: Notify,
}

/// The receiver of webhooks, as this process knows it.
struct Endpoint {
    webhook: Webhook,
    line: Line,
    mute: Mute,
}

/// The mail server, as this process knows it.
struct Post {
    mail: Mail,
    line: Line,
}

impl Notices {
    /// Nobody is told.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Notices are sent to this receiver.
    #[must_use]
    pub fn to(self, webhook: Webhook) -> Self {
        let endpoint = Endpoint { webhook, line: Line::default(), mute: Mute::default() };
        Self { webhook: Some(endpoint), ..self }
    }

    /// E-mail is sent this way.
    #[must_use]
    pub fn by(self, mail: Mail) -> Self {
        Self { post: Some(Post { mail, line: Line::default() }), ..self }
    }

    /// An account may just have lost its connection.
    pub(crate) fn look_now(&self) {
        self.prod.notify_one();
    }

    /// Whether anybody wants to hear of jobs.
    async fn wanted(&self, vault: &dyn Vault, name: impl Fn(&str) -> String, now: Timestamp) -> bool {
        match &self.webhook {
            Some(endpoint) => !endpoint.mute.holds(vault, &name(endpoint.webhook.url()), now).await,
            None => false,
        }
    }
}

impl fmt::Debug for Notices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Notices(webhook: {}, mail: {})", self.webhook.is_some(), self.post.is_some())
    }
}
