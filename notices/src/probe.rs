//! Whether whoever is to be told could be, tried for an operator: nobody is told anything.

use std::time::Duration;

use super::Notices;

/// A probe takes no longer.
const TOTAL: Duration = Duration::from_secs(20);

impl Notices {
    /// Asks the receiver of webhooks for nothing (`HEAD`): that it may be gone to, and answers. `None` when
    /// there is none; the error is a sentence.
    pub async fn try_webhook(&self) -> Option<Result<(), String>> {
        let endpoint = self.webhook.as_ref()?;
        Some(endpoint.webhook.probe().await.map_err(|error| error.to_string()))
    }

    /// Connects to the mail server, encrypted and logged in as for a letter, and sends none. `None` when no
    /// e-mail is sent; the error is a sentence.
    pub async fn try_mail(&self) -> Option<Result<(), String>> {
        let post = self.post.as_ref()?;
        let probing = tokio::time::timeout(TOTAL, post.mail.probe()).await;
        Some(match probing {
            Ok(probed) => probed.map_err(|error| error.to_string()),
            Err(_elapsed) => Err("it takes too long".to_owned()),
        })
    }
}
