//! RabbitMQ's HTTP API, as KEDA reads it.

use serde_json::Value;

/// One vhost's queues.
pub struct Management {
    url: String,
    http: reqwest::Client,
}

impl Management {
    /// The API on this port of this machine, for `vhost`, as `guest`.
    #[must_use]
    pub fn new(port: u16, vhost: &str) -> Self {
        Self { url: format!("http://127.0.0.1:{port}/api/queues/{vhost}"), http: reqwest::Client::new() }
    }

    /// Messages in `queue`, those that consumers hold included: KEDA's figure.
    ///
    /// # Errors
    /// When the API does not answer, or does not know yet.
    pub async fn messages(&self, queue: &str) -> Result<u64, String> {
        let url = format!("{}/{queue}", self.url);
        let reply = self.http.get(url).basic_auth("guest", Some("guest")).send().await;
        let reply: Value =
            reply.map_err(told)?.error_for_status().map_err(told)?.json().await.map_err(told)?;
        reply["messages"].as_u64().ok_or_else(|| format!("{queue}: no figure yet"))
    }
}

fn told(error: reqwest::Error) -> String {
    error.to_string()
}
