//! Notices: telling receivers of webhooks and readers of e-mail what became of jobs and accounts.
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
mod metrics;
mod mute;
mod probe;
mod progress;
mod retry;
mod signer;
mod webhook;

use std::fmt;
use std::sync::Arc;

use accounts::Accounts;
use common::port::{Clock, JobStore, Vault};
use jiff::Timestamp;
use tokio::sync::Notify;

pub use account::tell_of_accounts;
pub use delivery::{Sent, news_again, told_of};
pub use guard::{Networks, NotNetworks};
pub use lettre::message::{Mailbox, Mailboxes};
pub use mail::{Encryption, Mail, MailSettings, NoMail, Users};
pub use metrics::describe as describe_metrics;
pub use mute::{muted_since, unmute};
pub use signer::{NotASecret, Signer};
pub use webhook::{NoClient, Webhook};

use line::Line;
pub use line::places;
use mute::Mute;

/// What notices are made from.
#[derive(Clone)]
#[expect(missing_docs, reason = "each field is the port of that name")]
pub struct Sources {
    pub store: Arc<dyn JobStore>,
    pub vault: Arc<dyn Vault>,
    pub accounts: Arc<Accounts>,
    pub clock: Arc<dyn Clock>,
}

/// Which receivers are told, and how that goes. None by default.
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
    /// No receiver is told.
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
    pub fn look_now(&self) {
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
