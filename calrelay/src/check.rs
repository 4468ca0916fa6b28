//! `calrelay check`: reads the configuration, tries every dependency, and says of each what to do.
//!
//! It is the half of the production checklist (`docs/CHECKLIST.md`) that a machine can go through. Nothing is
//! changed, nothing secret is said, and of a folder only what is there is opened.

mod door;
mod finding;
mod folder;
mod google;
mod notices;
mod place;
mod servers;

use anyhow::bail;

use crate::config::{Config, GoogleSource, Problem, Problems};
use crate::output;
use finding::{Check, Finding, Verdict};

/// Which Google: what is a nuisance beside a sandbox is a mistake beside people's calendars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stakes {
    /// A sandbox: nothing leaves this installation.
    Sandbox,
    /// Real calendars.
    Live,
}

/// Prints a line for each check.
///
/// # Errors
/// When one of them failed.
pub async fn run() -> anyhow::Result<()> {
    let findings = match Config::for_check(|name| std::env::var(name).ok()) {
        Ok(config) => look(config).await,
        Err(problems) => told(&problems),
    };
    let lines: Vec<String> = findings.iter().map(Finding::to_string).collect();
    output::answer(&lines.join("\n"))?;
    match findings.iter().filter(|finding| finding.verdict == Verdict::Fail).count() {
        0 => Ok(()),
        failed => bail!("{failed} of {} checks failed", findings.len()),
    }
}

/// The problems, and nothing else: with half a configuration the rest would be guesswork.
fn told(problems: &Problems) -> Vec<Finding> {
    let one =
        |problem: &Problem| Check::Configuration.fails(format!("{} {}", problem.variable, problem.expected));
    problems.0.iter().map(one).collect()
}

async fn look(mut config: Config) -> Vec<Finding> {
    let notices = config.notices.take();
    let config = &config;
    let stakes = match config.google {
        GoogleSource::Credentials { .. } => Stakes::Live,
        GoogleSource::SandboxAt(_) | GoogleSource::OwnSandbox { .. } => Stakes::Sandbox,
    };
    let mut findings = vec![Check::Configuration.holds("every variable can be read")];
    findings.extend(door::look(config, stakes));
    findings.extend(folder::files(config));
    let (place, google, notices) =
        tokio::join!(place::look(config, stakes), google::look(config, stakes), notices::look(notices),);
    findings.extend(place);
    findings.extend(google);
    findings.extend(notices);
    findings
}
