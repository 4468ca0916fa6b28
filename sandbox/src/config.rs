//! What a sandbox is started with.
#![expect(clippy::disallowed_methods, reason = "the real time, unless a caller turns the clock")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Where the sandbox's time comes from. Every expiry, quota window, Meet delay and time stamp is read from it (plus the
/// virtual clock's offset); injected latency alone is real time.
pub type TimeSource = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Request limits, enforced over true sliding windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Quota {
    /// Quota units in any 60 seconds, all users together.
    pub project_per_minute: u32,
    /// Quota units in any 60 seconds, each user.
    pub user_per_minute: u32,
    /// Writes in any second, each calendar: the "operational limit" that Google does not publish.
    pub calendar_per_second: u32,
    /// Guests outside a user's own domain that the user may add in any 24 hours; beyond, `quotaExceeded`. Google speaks of
    /// about 10,000, and of far fewer for young accounts.
    pub invitations_per_day: u32,
}

impl Default for Quota {
    /// Google's limits for projects made since May 2026.
    fn default() -> Self {
        Self {
            project_per_minute: 10_000,
            user_per_minute: 600,
            calendar_per_second: 10,
            invitations_per_day: u32::MAX,
        }
    }
}

/// How conferences come to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Meet {
    /// How long a new conference stays `pending`, in the sandbox's time.
    #[serde(default = "Meet::default_delay")]
    pub delay_ms: u64,
    /// What it becomes then.
    #[serde(default)]
    pub outcome: MeetOutcome,
}

impl Meet {
    fn default_delay() -> u64 {
        Self::default().delay_ms
    }
}

impl Default for Meet {
    fn default() -> Self {
        Self { delay_ms: 1_000, outcome: MeetOutcome::Success }
    }
}

/// What a pending conference becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MeetOutcome {
    /// Entry points are filled in.
    #[default]
    Success,
    /// It never gets an entry point.
    Failure,
}

/// Everything a sandbox can be told at its start; [`Default`] is a sandbox on a free loopback port that forgets.
#[derive(Clone)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The origin that browsers use, without a trailing slash, when it is not `http://<listen>`.
    pub public_url: Option<String>,
    /// Names under which the pages and controls answer besides localhost, addresses and the host of `public_url`.
    pub allowed_hosts: Vec<String>,
    /// A journal of everything accepted, so that a killed process loses nothing. `None` keeps it in memory.
    pub state_file: Option<PathBuf>,
    /// Redirect URIs of the OAuth client, compared exactly. More can be added over `POST /_sandbox/credentials`.
    pub redirect_uris: Vec<String>,
    /// Request limits at the start.
    pub quota: Quota,
    /// How conferences come to be.
    pub meet: Meet,
    /// The base time.
    pub time: TimeSource,
    /// The people there are at the start; the first is the one the account `default` belongs to.
    pub users: Vec<String>,
    /// The OAuth client's id.
    pub client_id: String,
    /// The OAuth client's secret. It protects nothing: everybody may read it from `/_sandbox/credentials`.
    pub client_secret: String,
    /// How long an access token lives.
    pub access_token_lifetime: Duration,
    /// Server threads.
    pub workers: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            public_url: None,
            allowed_hosts: Vec::new(),
            state_file: None,
            redirect_uris: vec!["http://localhost:3001/oauth2callback".to_owned()],
            quota: Quota::default(),
            meet: Meet::default(),
            time: Arc::new(Timestamp::now),
            users: ["ada@example.com", "grace@example.com", "linus@example.com"].map(str::to_owned).to_vec(),
            client_id: "100000000001-sandbox.apps.googleusercontent.com".to_owned(),
            client_secret: "GOCSPX-sandbox-not-a-secret".to_owned(),
            access_token_lifetime: Duration::from_secs(3_599),
            workers: 2,
        }
    }
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config")
            .field("listen", &self.listen)
            .field("public_url", &self.public_url)
            .field("state_file", &self.state_file)
            .field("quota", &self.quota)
            .field("users", &self.users.len())
            .finish_non_exhaustive()
    }
}
