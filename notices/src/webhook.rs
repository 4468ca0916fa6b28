//! The receiver of webhooks: one signed POST, and how it went.

use std::error::Error;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};
use url::Url;

use super::guard::{Forbidden, Guard, Networks};
use super::signer::Signer;

/// Until there is a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// Until the answer's last byte that is of interest, the connection included.
const TOTAL: Duration = Duration::from_secs(15);
/// An answer's body says nothing; so much of it is read to use the connection again.
const LONGEST_ANSWER: usize = 16 << 10;

/// Where notices are sent to.
#[derive(Debug)]
pub struct Webhook {
    client: Client,
    url: Url,
    guard: Guard,
    signer: Signer,
}

/// Why a notice was not taken, in the terms a retry cares about. The texts never hold an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotTaken {
    /// The receiver wants no more, ever.
    #[error("it answered 410")]
    Gone,
    /// The receiver cannot take any now.
    #[error("it answered {status}")]
    Overloaded {
        /// Its answer.
        status: u16,
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// The receiver does not take this one.
    #[error("it answered {status}")]
    Refused {
        /// Its answer.
        status: u16,
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// It is not known whether it arrived.
    #[error("it did not answer: {0}")]
    NoAnswer(&'static str),
    /// It may not be sent there.
    #[error(transparent)]
    Forbidden(Forbidden),
}

/// There can be no HTTP client on this system.
#[derive(Debug, thiserror::Error)]
#[error("webhooks cannot be sent: {0}")]
pub struct NoClient(String);

impl Webhook {
    /// The receiver at `url`; `networks` may be gone to although they are not public.
    ///
    /// # Errors
    /// When the system lacks what TLS needs.
    pub fn new(url: Url, signer: Signer, networks: Networks) -> Result<Self, NoClient> {
        let guard = Guard::new(&url, networks);
        let mut builder = Client::builder()
            .user_agent(concat!("calrelay/", env!("CARGO_PKG_VERSION")))
            // A redirect is an answer like any other but 2xx: a failure.
            .redirect(Policy::none())
            // A proxy would look names up by itself, unguarded.
            .no_proxy()
            .dns_resolver(guard.clone())
            .connect_timeout(CONNECT)
            .timeout(TOTAL)
            .pool_idle_timeout(Duration::from_secs(30));
        if url.scheme() == "http" {
            // Not every system has certificate authorities.
            builder = builder.tls_certs_only([]);
        }
        let client = builder.build().map_err(|error| NoClient(error.without_url().to_string()))?;
        Ok(Self { client, url, guard, signer })
    }

    /// What names the receiver.
    pub(super) fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Sends once; `Ok` means that the receiver has taken it.
    pub(super) async fn send(&self, id: &str, now: Timestamp, body: String) -> Result<(), NotTaken> {
        self.guard.check(&self.url).map_err(NotTaken::Forbidden)?;
        let seconds = now.as_second();
        let request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", self.signer.sign(id, seconds, &body))
            .body(body);
        let mut answer = request.send().await.map_err(|error| no_answer(&error))?;
        drain(&mut answer).await;
        verdict(answer.status(), retry_after(answer.headers(), now))
    }

    /// Whether it may be gone to, and answers, whatever it answers to a question that is none.
    pub(super) async fn probe(&self) -> Result<(), NotTaken> {
        self.guard.check(&self.url).map_err(NotTaken::Forbidden)?;
        self.client.head(self.url.clone()).send().await.map(drop).map_err(|error| no_answer(&error))
    }
}

fn verdict(status: StatusCode, retry_after: Option<Duration>) -> Result<(), NotTaken> {
    match status.as_u16() {
        200..=299 => Ok(()),
        410 => Err(NotTaken::Gone),
        status @ (408 | 425 | 429 | 500..=599) => Err(NotTaken::Overloaded { status, retry_after }),
        status => Err(NotTaken::Refused { status, retry_after }),
    }
}

fn no_answer(error: &reqwest::Error) -> NotTaken {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(forbidden) = error.downcast_ref::<Forbidden>() {
            return NotTaken::Forbidden(*forbidden);
        }
        // As rustls says it, in whatever its error is wrapped.
        if error.to_string().starts_with("invalid peer certificate") {
            return NotTaken::NoAnswer(
                "its certificate is not trusted; SSL_CERT_FILE may name a file of authorities that are",
            );
        }
        cause = error.source();
    }
    NotTaken::NoAnswer(match (error.is_timeout(), error.is_connect()) {
        (true, true) => "no connection in time",
        (true, false) => "nothing in time",
        (false, true) => "no connection",
        (false, false) => "the connection broke",
    })
}

/// A connection can be used again once its last answer was read.
async fn drain(answer: &mut Response) {
    let mut read = 0;
    while read <= LONGEST_ANSWER
        && let Ok(Some(chunk)) = answer.chunk().await
    {
        read += chunk.len();
    }
}

/// Seconds, or an HTTP date.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    Some(until.duration_since(now.into()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_2xx_is_success_and_only_410_the_end() {
        let told = |status| verdict(StatusCode::from_u16(status).expect("a status"), None);
        for status in [200, 201, 202, 204, 299] {
            assert_eq!(told(status), Ok(()), "{status}");
        }
        assert_eq!(told(410), Err(NotTaken::Gone));
        for status in [408, 425, 429, 500, 502, 503, 504, 599] {
            assert_eq!(told(status), Err(NotTaken::Overloaded { status, retry_after: None }), "{status}");
        }
        for status in [301, 302, 307, 308, 400, 401, 404] {
            assert_eq!(told(status), Err(NotTaken::Refused { status, retry_after: None }), "{status}");
        }
    }

    #[test]
    fn retry_after_is_understood_or_ignored() {
        let now = "2026-11-22T12:00:00Z".parse().expect("an instant");
        let asked = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().expect("a value"));
            retry_after(&headers, now)
        };
        assert_eq!(asked("17"), Some(Duration::from_secs(17)));
        assert_eq!(asked("Sun, 22 Nov 2026 12:00:30 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(asked("Sun, 22 Nov 2020 12:00:30 GMT"), Some(Duration::ZERO), "already past");
        assert_eq!(asked("soon"), None);
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
