//! RabbitMQ's HTTP API, as KEDA reads it.

use serde_json::Value;

/// The work queues of one vhost.
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

    /// Messages in both work queues together, those that consumers hold included: what KEDA counts with
    /// `useRegex` and `operation: sum`. The API's figures are up to five seconds old.
    ///
    /// # Errors
    /// When the API does not answer, or does not know yet.
    pub async fn messages(&self) -> Result<u64, String> {
        let query = [
            ("name", "^calrelay\\.(jobs|due)$"),
            ("use_regex", "true"),
            ("pagination", "false"),
            ("page", "1"),
            ("page_size", "100"),
        ];
        let asked = self.http.get(&self.url).query(&query).basic_auth("guest", Some("guest")).send().await;
        let reply = asked.map_err(told)?.error_for_status().map_err(told)?;
        let reply: Value = reply.json().await.map_err(told)?;
        let queues = reply["items"].as_array().ok_or("no list of queues")?;
        let counts: Option<Vec<u64>> = queues.iter().map(|queue| queue["messages"].as_u64()).collect();
        match counts {
            Some(counts) if counts.len() == 2 => Ok(counts.iter().sum()),
            Some(_) | None => Err("no figures yet".to_owned()),
        }
    }
}

fn told(error: reqwest::Error) -> String {
    error.to_string()
}
