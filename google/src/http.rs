//! The one HTTP client behind both adapters: a request, a whole answer or how it broke.

use std::error::Error;
use std::pin::Pin;
use std::time::{Duration, Instant};

use http::{HeaderMap, StatusCode};
use oauth2::{AsyncHttpClient, HttpRequest, HttpResponse};
use reqwest::redirect::Policy;
use url::Url;

use crate::credentials::is_loopback;

/// Far above any answer that Google gives to what is asked here.
const LONGEST_ANSWER: usize = 8 << 20;

/// How long a call may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until there is a connection: name lookup, TCP and TLS.
    pub connect: Duration,
    /// Until the answer's last byte, the connection included.
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), total: Duration::from_secs(20) }
    }
}

/// Pooled connections, shared by its clones.
#[derive(Debug, Clone)]
pub(crate) struct Http {
    client: reqwest::Client,
}

/// An answer, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// How a request came to have no answer. The texts never hold an address.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Broken {
    /// There was no connection to send it over.
    #[error("{0}")]
    NotSent(String),
    /// It may have arrived.
    #[error("{0}")]
    NoAnswer(String),
    /// The answer does not end.
    #[error("the answer is longer than {LONGEST_ANSWER} bytes")]
    TooLong,
}

impl Http {
    /// A client for these endpoints.
    pub(crate) fn new(timeouts: Timeouts, endpoints: &[&Url]) -> Result<Self, String> {
        let mut builder = reqwest::Client::builder()
            // Google compresses only for agents that also say so here.
            .user_agent(concat!("calrelay/", env!("CARGO_PKG_VERSION"), " (gzip)"))
            // A redirect would carry tokens to an address nobody configured.
            .redirect(Policy::none())
            .connect_timeout(timeouts.connect)
            .timeout(timeouts.total)
            // Below the four minutes after which Google and common firewalls forget a connection.
            .pool_idle_timeout(Duration::from_secs(60))
            .http2_keep_alive_interval(Duration::from_secs(20))
            .http2_keep_alive_timeout(Duration::from_secs(10))
            .tcp_nodelay(true);
        // The only repeats are the client's default: HTTP/2 streams that the server refused unseen.
        if endpoints.iter().all(|url| is_loopback(url)) {
            // A company's proxy does not lead to this machine.
            builder = builder.no_proxy();
        }
        if endpoints.iter().all(|url| url.scheme() == "http") {
            // Without this a system that has no certificate authorities could not run the sandbox.
            builder = builder.tls_certs_only([]);
        }
        match builder.build() {
            Ok(client) => Ok(Self { client }),
            Err(error) => Err(causes(&error)),
        }
    }

    /// Sends a request and reads the whole answer; `name` is Google's name for the call.
    pub(crate) async fn send(&self, name: &'static str, request: reqwest::Request) -> Result<Answer, Broken> {
        let started = Instant::now();
        let result = self.answer(request).await;
        let elapsed = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        match &result {
            Ok(answer) => tracing::debug!(
                google.method = name,
                http.status = answer.status.as_u16(),
                google.duration_ms = elapsed,
                "Google answered {name} with {}",
                answer.status.as_u16()
            ),
            Err(broken) => tracing::debug!(
                google.method = name,
                google.duration_ms = elapsed,
                "Google did not answer {name}: {broken}"
            ),
        }
        result
    }

    async fn answer(&self, request: reqwest::Request) -> Result<Answer, Broken> {
        let mut response = self.client.execute(request).await.map_err(Broken::from)?;
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        let mut body = Vec::new();
        // Once a status has come the request has arrived: whatever breaks now, it may have been done.
        while let Some(chunk) =
            response.chunk().await.map_err(|error| Broken::NoAnswer(causes(&error.without_url())))?
        {
            if body.len() + chunk.len() > LONGEST_ANSWER {
                return Err(Broken::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, headers, body })
    }
}

impl From<reqwest::Error> for Broken {
    fn from(error: reqwest::Error) -> Self {
        let never_left = error.is_connect() || error.is_builder();
        let text = causes(&error.without_url());
        if never_left { Self::NotSent(text) } else { Self::NoAnswer(text) }
    }
}

/// An error with what is under it; the top alone says only that sending failed.
fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

/// Why the crate `oauth2` gets no answer from [`Http`].
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoToken {
    /// There was none.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// It was a refusal. It goes around `oauth2`, which would drop its status and headers.
    #[error("refused with {}", .0.status)]
    Refused(Box<Answer>),
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = NoToken;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, NoToken>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let request = reqwest::Request::try_from(request).map_err(Broken::from)?;
            let answer = self.send("token", request).await?;
            if answer.status != StatusCode::OK {
                return Err(NoToken::Refused(Box::new(answer)));
            }
            let mut response = HttpResponse::new(answer.body);
            *response.headers_mut() = answer.headers;
            Ok(response)
        })
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;

    const SHORT: Timeouts = Timeouts { connect: Duration::from_millis(300), total: Duration::from_secs(60) };

    /// How a request to `url` breaks, over a client that needs neither a proxy nor authorities.
    async fn broken(timeouts: Timeouts, url: &str) -> Broken {
        let here = Url::parse("http://127.0.0.1/").unwrap();
        let http = Http::new(timeouts, &[&here]).unwrap();
        let request = reqwest::Request::new(Method::GET, Url::parse(url).unwrap());
        http.send("events.get", request).await.unwrap_err()
    }

    #[tokio::test]
    async fn a_name_that_does_not_resolve_means_that_nothing_was_sent() {
        let broken = broken(Timeouts::default(), "http://google.invalid/calendars/ada@example.com").await;
        let Broken::NotSent(text) = broken else { panic!("{broken:?}") };
        assert!(!text.contains("ada@example.com"), "{text}");
    }

    #[tokio::test]
    async fn a_handshake_that_stalls_means_that_nothing_was_sent() {
        // Connections are taken and nobody speaks.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}/", listener.local_addr().unwrap());
        let broken = broken(SHORT, &url).await;
        assert!(matches!(broken, Broken::NotSent(_)), "{broken:?}");
    }
}
