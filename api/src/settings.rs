//! What an ingress is told at start.

use std::time::Duration;

use common::port::Backlog;
use common::quotas::Quotas;
use common::time;
use url::Url;

use crate::auth::Access;
use crate::proxies::TrustedProxies;
use crate::rate::RateLimit;

/// The settings of an ingress; [`Default`] is what `calrelay run` starts with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whether callers need a key.
    pub access: Access,
    /// Where browsers reach us (`PUBLIC_URL`); `None` is `http://localhost:<port>`.
    pub public_url: Option<Url>,
    /// Which Google it is. Changes what is said, and nothing else.
    pub google: GoogleKind,
    /// The OAuth client, to show to an operator; `None` shows nothing of it.
    pub client: Option<OAuthClient>,
    /// Google's limits: the pace of each account's line.
    pub quotas: Quotas,
    /// How many unfinished jobs an owner may have.
    pub backlog: Backlog,
    /// Requests without a good key, for each address or connect link (`RATE_LIMIT`).
    pub rate_limit: RateLimit,
    /// Whose `X-Forwarded-For` counts (`TRUSTED_PROXIES`).
    pub trusted_proxies: TrustedProxies,
    /// Origins that connect links may lead back to, and whose requests a server on a loopback address
    /// does not refuse (`ALLOWED_ORIGINS`). There is no CORS.
    pub allowed_origins: Vec<String>,
    /// Server threads; `None` is one for each core.
    pub threads: Option<usize>,
    /// How long the records of finished jobs are kept (`JOB_RETENTION_DAYS`).
    pub retention: Duration,
    /// How long to go on listening once no longer ready, so that load balancers notice.
    pub linger: Duration,
    /// How long requests in flight may take to finish at the end (`DRAIN_SECONDS`).
    pub drain: Duration,
}

/// Which Google jobs go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GoogleKind {
    /// The real one.
    Live,
    /// The offline one: said on every page and in every reply.
    Sandbox {
        /// Its calendar page, to link to.
        page: Option<Url>,
    },
}

/// The OAuth client that consent is asked for with, as an operator may see it: nothing in it is secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuthClient {
    /// Its id.
    pub id: String,
    /// Where Google is asked to send browsers back to.
    pub redirect_uri: String,
    /// Where Google would, as far as the credentials file knows.
    pub registered: Vec<String>,
    /// Whether these fit, as far as the credentials file knows.
    pub takes_redirect: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            access: Access::Keys,
            public_url: None,
            google: GoogleKind::Live,
            client: None,
            quotas: Quotas::default(),
            backlog: Backlog::default(),
            rate_limit: RateLimit::default(),
            trusted_proxies: TrustedProxies::default(),
            allowed_origins: Vec::new(),
            threads: None,
            retention: time::days(7),
            linger: Duration::ZERO,
            drain: Duration::from_secs(25),
        }
    }
}
