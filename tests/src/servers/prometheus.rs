//! A private Prometheus.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::daemon::Daemon;
use crate::{eventually, free_port};

/// A Prometheus on a port of its own, with what it scrapes and its rules. Killed when dropped.
pub struct PrometheusServer {
    dir: TempDir,
    port: u16,
    daemon: Daemon,
    http: reqwest::Client,
}

impl PrometheusServer {
    /// Starts one with this configuration. `files` lie beside it, by name: rules, and consoles (`consoles/…`).
    /// `lookback` is for how long a sample speaks (Prometheus' own default is 5 minutes).
    ///
    /// # Panics
    /// When it is not installed, or does not like what it is given.
    pub async fn start(config: &str, files: &[(&str, &str)], lookback: Duration) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        write(&dir.path().join("prometheus.yml"), config);
        for (name, text) in files {
            write(&dir.path().join(name), text);
        }
        let port = free_port();
        let daemon = Daemon::start(
            &[
                "prometheus",
                "--config.file=prometheus.yml",
                "--storage.tsdb.path=data",
                "--web.console.templates=consoles",
                &format!("--web.listen-address=127.0.0.1:{port}"),
                &format!("--query.lookback-delta={}ms", lookback.as_millis()),
            ],
            &[],
            dir.path(),
            &dir.path().join("log"),
        );
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        let server = Self { dir, port, daemon, http };
        eventually("Prometheus", Duration::from_secs(30), || async {
            assert!(server.daemon.is_running(), "Prometheus ended at once:\n{}", server.log());
            let ready = server.http.get(server.url("/-/ready")).send().await;
            ready.is_ok_and(|reply| reply.status() == 200).then_some(())
        })
        .await;
        server
    }

    /// A URL of it.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The alerts that are pending or firing: `{labels, annotations, state, activeAt, value}` each.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn alerts(&self) -> Vec<Value> {
        let mut data = self.ask("/api/v1/alerts", &[]).await.expect("its alerts");
        data["alerts"].as_array_mut().map(std::mem::take).expect("a list of alerts")
    }

    /// What an expression is now: one `{metric, value: [time, text]}` a series.
    ///
    /// # Errors
    /// Prometheus' own words, when it does not understand the expression.
    pub async fn query(&self, expression: &str) -> Result<Vec<Value>, String> {
        let mut data = self.ask("/api/v1/query", &[("query", expression)]).await?;
        Ok(data["result"].as_array_mut().map(std::mem::take).unwrap_or_default())
    }

    /// What an expression was over the last `span`, every `step`: one `{metric, values: [[time, text], …]}` a series.
    ///
    /// # Errors
    /// Prometheus' own words, when it does not understand the expression.
    pub async fn query_range(
        &self,
        expression: &str,
        span: Duration,
        step: Duration,
    ) -> Result<Vec<Value>, String> {
        let now = jiff::Timestamp::now();
        let start = now.checked_sub(span).expect("a time").to_string();
        let (now, step) = (now.to_string(), step.as_secs_f64().to_string());
        let asked = [("query", expression), ("start", &start), ("end", &now), ("step", &step)];
        let mut data = self.ask("/api/v1/query_range", &asked).await?;
        Ok(data["result"].as_array_mut().map(std::mem::take).unwrap_or_default())
    }

    async fn ask(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, String> {
        let reply = self.http.get(self.url(path)).query(query).send().await.expect("Prometheus answers");
        let mut reply: Value = reply.json().await.expect("JSON");
        match reply["status"].as_str() {
            Some("success") => Ok(reply["data"].take()),
            Some(_) | None => Err(reply["error"].as_str().unwrap_or_default().to_owned()),
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().expect("a file in our folder")).expect("our own folder");
    std::fs::write(path, text).expect("our own folder");
}
