//! Whom workers tell.

use super::finding::{Check, Finding};
use crate::config::NoticesConfig;

pub(super) async fn look(config: Option<NoticesConfig>) -> Vec<Finding> {
    let notices = match config.map(NoticesConfig::open).transpose() {
        Ok(notices) => notices.unwrap_or_default(),
        Err(error) => return vec![Check::Webhook.fails(format!("{error:#}"))],
    };
    let (webhook, mail) = tokio::join!(notices.try_webhook(), notices.try_mail());
    vec![
        match webhook {
            None => Check::Webhook.holds("WEBHOOK_URL is not set: callers have to ask what became of jobs"),
            Some(Ok(())) => Check::Webhook.holds("the receiver answers"),
            Some(Err(why)) => Check::Webhook.fails(format!("the receiver in WEBHOOK_URL: {why}")),
        },
        match mail {
            None => Check::Mail.holds("SMTP_HOST is not set: nobody is written to about accounts"),
            Some(Ok(())) => {
                Check::Mail.holds("the mail server answers, encrypted and logged in as configured")
            }
            Some(Err(why)) => Check::Mail.fails(format!("the mail server in SMTP_HOST: {why}")),
        },
    ]
}
