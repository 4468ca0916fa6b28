//! Somebody who posts jobs and asks after them, over HTTP and nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::Value;

use crate::launch::Launch;

/// Uses several ingresses in turn. Knows nothing of the processes behind their addresses.
#[derive(Clone)]
pub struct Caller {
    origins: Arc<[String]>,
    key: Option<String>,
    next: Arc<AtomicUsize>,
    refused: Arc<AtomicUsize>,
    http: reqwest::Client,
}

/// What an ingress said.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u64>,
    /// Whether it said `Idempotency-Replayed: true`.
    pub replayed: bool,
    /// The body: JSON, or null.
    pub body: Value,
}

/// What it took until a job was accepted.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// The job.
    pub id: String,
    /// How often it was posted in vain before.
    pub refusals: usize,
    /// From the first attempt to the acceptance.
    pub took: Duration,
}

impl Caller {
    pub(crate) fn of<'a>(apis: impl Iterator<Item = &'a Launch>) -> Self {
        let apis: Vec<&Launch> = apis.collect();
        let http =
            reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(40)).build().expect("a client");
        Self {
            origins: apis.iter().map(|launch| launch.url("")).collect(),
            key: apis.first().and_then(|launch| launch.key()),
            next: Arc::default(),
            refused: Arc::default(),
            http,
        }
    }

    /// A request to the ingress whose turn it is, with the key.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.origins.len();
        let request = self.http.request(method, format!("{}{path}", self.origins[turn]));
        match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    /// The same with another key.
    pub fn request_with(&self, key: &str, method: Method, path: &str) -> RequestBuilder {
        Self { key: Some(key.to_owned()), ..self.clone() }.request(method, path)
    }

    /// Posts an event once; `Err` when nobody answered.
    ///
    /// # Errors
    /// When the connection was refused or broke.
    pub async fn post(&self, event: &Value, key: Option<&str>) -> Result<Answer, reqwest::Error> {
        let request = self.request(Method::POST, "/api/v1/events").json(event);
        answer(match key {
            Some(key) => request.header("Idempotency-Key", key),
            None => request,
        })
        .await
    }

    /// Posts an event again and again, as a caller should, until it is accepted.
    ///
    /// # Panics
    /// When that takes longer than `limit`, or the answer is one that posting again does not help against.
    pub async fn submit(&self, event: &Value, key: &str, limit: Duration) -> Accepted {
        let began = Instant::now();
        for refusals in 0.. {
            let told = match self.post(event, Some(key)).await {
                Ok(answer) if answer.status == StatusCode::ACCEPTED => {
                    let id = answer.body["jobId"].as_str().expect("a job's id").to_owned();
                    return Accepted { id, refusals, took: began.elapsed() };
                }
                Ok(answer) => {
                    assert!(
                        answer.status.is_server_error() || answer.status == StatusCode::TOO_MANY_REQUESTS,
                        "{key}: {answer:?}"
                    );
                    assert!(answer.retry_after.is_some(), "{key}: when to try again? {answer:?}");
                    self.refused.fetch_add(1, Ordering::Relaxed);
                    format!("{answer:?}")
                }
                Err(error) => error.to_string(),
            };
            assert!(began.elapsed() < limit, "{key} was never accepted: {told}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        unreachable!("the loop ends by itself")
    }

    /// How often this caller and its clones were told to post again later.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.refused.load(Ordering::Relaxed)
    }

    /// Asks after a job once.
    ///
    /// # Errors
    /// When the connection was refused or broke.
    pub async fn job(&self, id: &str) -> Result<Answer, reqwest::Error> {
        answer(self.request(Method::GET, &format!("/api/v1/jobs/{id}"))).await
    }

    /// Cancels a job.
    ///
    /// # Errors
    /// When the connection was refused or broke.
    pub async fn cancel(&self, id: &str) -> Result<Answer, reqwest::Error> {
        answer(self.request(Method::DELETE, &format!("/api/v1/jobs/{id}"))).await
    }
}

async fn answer(request: RequestBuilder) -> Result<Answer, reqwest::Error> {
    let reply = request.send().await?;
    let header = |name| reply.headers().get(name).and_then(|value| value.to_str().ok());
    let retry_after = header("Retry-After").and_then(|seconds| seconds.parse().ok());
    let replayed = header("Idempotency-Replayed") == Some("true");
    let status = reply.status();
    let body = reply.bytes().await?;
    Ok(Answer { status, retry_after, replayed, body: serde_json::from_slice(&body).unwrap_or(Value::Null) })
}
