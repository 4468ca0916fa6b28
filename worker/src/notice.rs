//! Notices: telling whoever wants to know what became of their jobs.
//!
//! A notice about a job is a message in the queue, published before the job's end is recorded and as
//! durable as the job itself. Receivers tell repeats by their id, so a notice may come twice and is
//! never lost.

mod body;
mod delivery;
mod guard;
mod line;
mod mute;
mod retry;
mod signer;
mod webhook;

use std::fmt;

use common::message::News;
use common::port::Vault;
use jiff::Timestamp;

pub use guard::{Networks, NotNetworks};
pub use signer::{NotASecret, Signer};
pub use webhook::{NoClient, Webhook};

use line::Line;
use mute::Mute;

/// Whom to tell, and how it goes. Nobody unless told otherwise.
#[derive(Default)]
pub struct Notices {
    webhook: Option<Endpoint>,
}

/// The receiver of webhooks, as this process knows it.
struct Endpoint {
    webhook: Webhook,
    line: Line,
    mute: Mute,
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
        Self { webhook: Some(endpoint) }
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
        write!(f, "Notices(webhook: {})", self.webhook.is_some())
    }
}

/// The `type` of a webhook, which is also the end of its id.
fn state(news: News) -> &'static str {
    match news {
        News::Succeeded => "succeeded",
        News::Failed => "failed",
        News::Blocked { .. } => "blocked",
        News::Updated => "updated",
    }
}
