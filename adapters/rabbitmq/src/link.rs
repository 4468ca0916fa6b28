//! Whether messages can be published.

use tokio::sync::watch;

use common::port::QueueError;

/// The state of the connection that publishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// There is none; it is being made again.
    Down {
        /// A sentence for an operator.
        why: String,
    },
    /// It takes messages.
    Up,
    /// The broker has raised an alarm and takes no messages.
    Blocked {
        /// The broker's words.
        why: String,
    },
}

impl Link {
    pub(super) fn is_up(&self) -> bool {
        matches!(self, Self::Up)
    }

    /// Why nothing can be published now.
    pub(super) fn refusal(&self) -> Option<QueueError> {
        match self {
            Self::Up => None,
            Self::Down { why } => Some(QueueError::Unreachable(why.clone())),
            Self::Blocked { why } => Some(QueueError::Unreachable(format!(
                "RabbitMQ has raised an alarm ({why}) and takes nothing"
            ))),
        }
    }
}

/// Returns once the link is up.
pub(super) async fn up(link: &mut watch::Receiver<Link>) {
    if link.wait_for(Link::is_up).await.is_err() {
        // The queue is closed: it will never be up again.
        std::future::pending::<()>().await;
    }
}

/// Returns once the link is not up.
pub(super) async fn lost(link: &mut watch::Receiver<Link>) {
    // A closed queue publishes nothing.
    let _ = link.wait_for(|link| !link.is_up()).await;
}
