//! Which Google this process speaks to, decided once; the rest of the program cannot tell the difference.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use accounts::{Accounts, Connection};
use anyhow::{Context as _, anyhow};
use common::account::{Account, AccountId, AccountState};
use common::port::{ClientRef, GoogleUser, RefreshToken, TokenEndpoint as _, Vault};
use google::{Credentials, GoogleCalendar, GoogleOauth};
use sandbox::StartError;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;
use url::Url;

use crate::config::GoogleSource;
use crate::google_kind::{self, Kind};
use crate::patience::{Outlook, Patience};

/// Answers of a sandbox are quick or not at all.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Where nobody comes back to.
const UNVISITED: &str = "http://localhost/oauth2callback";

/// The Google that was chosen.
pub struct GoogleLink {
    /// Its calendar.
    pub calendar: GoogleCalendar,
    /// Its OAuth endpoints.
    pub oauth: GoogleOauth,
    /// The client that consent is asked for with, to show to an operator.
    pub client: api::OAuthClient,
    /// The sandbox's origin, when it is one.
    pub sandbox_url: Option<String>,
    /// The sandbox's calendar page, where browsers find it: that may be elsewhere than where we do.
    pub sandbox_page: Option<Url>,
    /// The sandbox itself, when it runs in this process.
    pub own: Option<sandbox::Running>,
}

/// Opens the link; `redirect_uri` is where Google sends browsers back to, in a process that they visit.
///
/// # Errors
/// A sentence that says what to do.
pub async fn open(
    source: &GoogleSource,
    redirect_uri: Option<&str>,
    data_dir: &Path,
) -> anyhow::Result<GoogleLink> {
    open_with(source, redirect_uri, data_dir, Patience::AMinute).await
}

/// Opens the link for an operator's command, which waits for nothing. The sandbox of a `run` that is
/// under way is used, or else started for as long as the command takes.
///
/// # Errors
/// A sentence that says what to do.
pub async fn beside(source: &GoogleSource, data_dir: &Path) -> anyhow::Result<GoogleLink> {
    if let GoogleSource::OwnSandbox { port } = source {
        let origin = format!("http://127.0.0.1:{port}");
        if sandbox_credentials(&origin).await.is_ok() {
            let origin = Url::parse(&origin).context("SANDBOX_PORT")?;
            return open_with(&GoogleSource::SandboxAt(origin), None, data_dir, Patience::None).await;
        }
    }
    open_with(source, None, data_dir, Patience::None).await
}

/// Opens the link as [`open`] does, and waits for nothing. Never for a sandbox of our own, which would be started.
///
/// # Errors
/// A sentence that says what to do.
pub async fn for_check(
    source: &GoogleSource,
    redirect_uri: &str,
    data_dir: &Path,
) -> anyhow::Result<GoogleLink> {
    open_with(source, Some(redirect_uri), data_dir, Patience::None).await
}

async fn open_with(
    source: &GoogleSource,
    redirect_uri: Option<&str>,
    data_dir: &Path,
    patience: Patience,
) -> anyhow::Result<GoogleLink> {
    let (credentials, api_url, sandbox_url, own) = match source {
        GoogleSource::Credentials { file, api_url } => {
            let credentials = Credentials::from_file(file)
                .with_context(|| format!("OAuth client not initialized: {}", file.display()))?;
            (credentials, api_url.clone(), None, None)
        }
        GoogleSource::SandboxAt(url) => {
            let url = url.as_str().trim_end_matches('/').to_owned();
            let credentials =
                patience.ask(async || sandbox_credentials(&url).await, |_| Outlook::Hopeful).await?;
            (credentials, None, Some(url), None)
        }
        GoogleSource::OwnSandbox { port } => {
            let config = sandbox::Config {
                listen: SocketAddr::from(([127, 0, 0, 1], *port)),
                state_file: Some(data_dir.join("sandbox.jsonl")),
                redirect_uris: redirect_uri.into_iter().map(str::to_owned).collect(),
                ..sandbox::Config::default()
            };
            let running = sandbox::start(config).await.map_err(not_started)?;
            let url = running.url.clone();
            (sandbox_credentials(&url).await?, None, Some(url), Some(running))
        }
    };
    // A client has to have one, even where nobody will ever be sent back to it.
    let listed = || credentials.redirect_uris.first().map_or(UNVISITED, String::as_str);
    let redirect_uri = redirect_uri.unwrap_or_else(listed).to_owned();
    let client = api::OAuthClient {
        id: credentials.client_id.clone(),
        takes_redirect: credentials.lists_redirect(&redirect_uri),
        redirect_uri: redirect_uri.clone(),
        registered: credentials.redirect_uris.clone(),
    };
    let sandbox_page = sandbox_url.as_ref().and_then(|_| credentials.auth_uri.join("/").ok());
    let (calendar, oauth) = google::connect(credentials, redirect_uri, api_url)?;
    Ok(GoogleLink { calendar, oauth, client, sandbox_url, sandbox_page, own })
}

/// What to do about a sandbox that does not start.
fn not_started(error: StartError) -> anyhow::Error {
    match error {
        StartError::Listen { .. } => anyhow!("{error}; SANDBOX_PORT chooses another port"),
        StartError::StateInUse(_) => anyhow!(
            "{error}: `calrelay run` works on this folder with another sandbox port; set SANDBOX_PORT as it was started with"
        ),
        StartError::StateFile { .. } | StartError::StateLine { .. } | StartError::Users => {
            anyhow!("the sandbox Google cannot start: {error}")
        }
    }
}

impl GoogleLink {
    /// What it is, for a log line.
    #[must_use]
    pub fn told(&self) -> String {
        match &self.sandbox_url {
            Some(url) => format!("a SANDBOX, {url}"),
            None => format!("live, as {}", self.oauth.client().client_id),
        }
    }

    /// Which kind of Google it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match &self.sandbox_url {
            Some(_) => Kind::Sandbox,
            None => Kind::by(&self.oauth.client().token_uri),
        }
    }

    /// Refuses a folder or vault that was used with the other kind of Google: its jobs and accounts belong there.
    ///
    /// # Errors
    /// A sentence that says what to do.
    pub async fn guard(&self, vault: &dyn Vault, accounts: &Accounts) -> anyhow::Result<()> {
        google_kind::guard(self.kind(), vault, &accounts.list().await?).await
    }

    /// In a sandbox the account `default` is connected without a browser, unless somebody has
    /// disconnected or erased it.
    ///
    /// # Errors
    /// When the sandbox or the vault does not answer.
    pub async fn connect_default(&self, accounts: &Accounts) -> anyhow::Result<()> {
        let Some(url) = &self.sandbox_url else {
            return Ok(());
        };
        let id = AccountId::default_account();
        let ours = self.oauth.client();
        let user = match accounts.get_now(&id).await? {
            None if accounts.was_removed(&id).await? => return Ok(()),
            None => None,
            // The sandbox has moved to another port: its users are the same.
            Some(account) if moved(&account, &ours) => Some(account.user(accounts.ring())?.email),
            Some(_) => return Ok(()),
        };
        let body = match &user {
            Some(email) => json!({ "user": email }),
            None => json!({}),
        };
        let grant: SandboxGrant = http()?
            .post(format!("{url}/_sandbox/tokens"))
            .json(&body)
            .send()
            .await
            .and_then(reqwest::Response::error_for_status)
            .context("the sandbox did not hand out a token")?
            .json()
            .await
            .context("the sandbox answered something else than a token")?;
        let connection = Connection {
            user: GoogleUser { sub: grant.sub, email: grant.email },
            refresh_token: RefreshToken(SecretString::from(grant.refresh_token)),
            client: ours,
            scopes: grant.scope.split(' ').map(str::to_owned).collect(),
        };
        accounts.connect(&id, &connection).await?;
        Ok(())
    }
}

#[derive(Deserialize)]
struct SandboxGrant {
    refresh_token: String,
    sub: String,
    email: String,
    scope: String,
}

fn moved(account: &Account, ours: &ClientRef) -> bool {
    account.state == AccountState::Connected
        && account.client.client_id == ours.client_id
        && account.client.token_uri != ours.token_uri
}

async fn sandbox_credentials(url: &str) -> anyhow::Result<Credentials> {
    let text = http()?
        .get(format!("{url}/_sandbox/credentials"))
        .send()
        .await
        .and_then(reqwest::Response::error_for_status)
        .with_context(|| {
            format!("no sandbox answers on {url} (SANDBOX_URL); start it with `calrelay sandbox`")
        })?
        .text()
        .await
        .context("the sandbox's credentials cannot be read")?;
    Credentials::parse(&text).context("the sandbox's credentials cannot be understood")
}

fn http() -> anyhow::Result<reqwest::Client> {
    // A sandbox is on this machine or beside it: never through a proxy.
    reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build().context("no HTTP client can be made")
}
