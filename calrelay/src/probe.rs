//! `calrelay probe`: asks a process beside this one how it is. What health checks of containers call.

use std::time::Duration;

use anyhow::{Context as _, bail};
use url::Url;

use crate::cli::ProbeArgs;
use crate::config::AdminPort;

/// Shorter than what health checks wait for us.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Asks once.
///
/// # Errors
/// When it is not well, or does not answer.
pub async fn run(args: ProbeArgs) -> anyhow::Result<()> {
    let url = match args.url {
        Some(url) => url,
        None => {
            let AdminPort(address) = AdminPort::from_env(|name| std::env::var(name).ok())?;
            let path = if args.ready { "readyz" } else { "livez" };
            Url::parse(&format!("http://{address}/{path}")).context("the operators' port")?
        }
    };
    let http = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build().context("no HTTP client")?;
    let answer = http.get(url.clone()).send().await.with_context(|| format!("{url} does not answer"))?;
    if !answer.status().is_success() {
        bail!("{url} answered {}", answer.status().as_u16());
    }
    Ok(())
}
