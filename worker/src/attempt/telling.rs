//! Telling what became of jobs: a notice is a message like others, and is published before the end that it tells of is
//! recorded.

use std::time::Duration;

use common::job::Job;
use common::message::{Message, News, Notice};
use common::port::Lane;
use common::seal::Keyring;
use notices::{Sent, news_again, places};

use super::publishing::{Abandoned, publish, publish_later};
use super::{Attempts, Verdict};

/// Publishes the news of the job of `message`, where a receiver wants to hear them; `Ok` means that it will be
/// told.
pub(crate) async fn tell(
    attempts: &Attempts,
    message: Message,
    keys: Option<&Keyring>,
    news: News,
) -> Result<(), Abandoned> {
    match attempts.settings.notices.about(&attempts.sources, message, news).await {
        Some(notice) => publish(attempts, &notice, keys, Lane::Due, Duration::ZERO).await,
        None => Ok(()),
    }
}

/// Tells again how a job has ended.
pub(crate) async fn tell_again(attempts: &Attempts, message: &Message, job: &Job) -> Result<(), Abandoned> {
    match news_again(message, job) {
        Some((message, news)) => tell(attempts, message, None, news).await,
        None => Ok(()),
    }
}

/// Sends a notice that the queue has delivered.
pub(super) async fn send_notice(attempts: &Attempts, message: &Message, notice: Notice) -> Verdict {
    let places = places(attempts.settings.concurrency);
    match attempts
        .settings
        .notices
        .send(&attempts.sources, message, notice, places, attempts.abandon.cancelled())
        .await
    {
        Sent::Over => Verdict::Done,
        Sent::Later(message, delay) => publish_later(attempts, &message, None, delay).await,
        Sent::Abandoned => Verdict::PutBack,
    }
}
