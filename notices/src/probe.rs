//! Tries for an operator whether the receivers of notices can be reached, without sending a notice.

use std::time::Duration;

use super::Notices;

/// A probe takes no longer.
const TOTAL: Duration = Duration::from_secs(20);

impl Notices {
    /// Sends a `HEAD` request to the receiver of webhooks: whether its address is allowed, and whether it answers.
    /// `None` when no receiver is configured; the error is a sentence.
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
