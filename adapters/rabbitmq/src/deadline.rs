//! No await on the broker is without an end.

use std::time::Duration;

use tokio::time::timeout;

use super::trouble;

/// The broker answers a question within this, or the connection is taken for lost.
pub(super) const REPLY: Duration = Duration::from_secs(5);

/// The answer, or a sentence on why there is none.
pub(super) async fn within<T>(asking: impl Future<Output = lapin::Result<T>>) -> Result<T, String> {
    match timeout(REPLY, asking).await {
        Ok(answer) => answer.map_err(|error| trouble::using(&error)),
        Err(_) => Err(format!("RabbitMQ did not answer within {} s", REPLY.as_secs())),
    }
}
