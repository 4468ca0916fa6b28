//! Which Google: a credentials file, a sandbox elsewhere, or a sandbox of our own.

use std::path::{Path, PathBuf};

use url::Url;

use super::problems::Reader;

/// The credentials file that `run` looks for when none is named.
const USUAL_FILE: &str = "./google-credentials.json";

/// Where jobs go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GoogleSource {
    /// The Google that a credentials file names.
    Credentials {
        /// The file.
        file: PathBuf,
        /// `GOOGLE_API_URL`, before the file's own.
        api_url: Option<String>,
    },
    /// A sandbox that runs elsewhere.
    SandboxAt(Url),
    /// A sandbox in this process.
    OwnSandbox {
        /// Its port; 0 takes a free one.
        port: u16,
    },
}

impl GoogleSource {
    /// Reads it. Only when nothing is named, and the usual file is not there, is it our own sandbox.
    pub(super) fn read<L: Fn(&str) -> Option<String>>(env: &mut Reader<L>) -> Self {
        let port = env.parse("SANDBOX_PORT", "a port number", 8090);
        let api_url = env.text("GOOGLE_API_URL");
        let named = env.text("GOOGLE_CREDENTIALS").map(PathBuf::from);
        let sandbox = env.optional("SANDBOX_URL", "an http URL", |text| {
            Url::parse(text).ok().filter(|url| url.scheme() == "http" || url.scheme() == "https")
        });
        if named.is_some() && sandbox.is_some() {
            env.add("SANDBOX_URL", "set it or GOOGLE_CREDENTIALS, not both: jobs go to one Google");
        }
        if let Some(url) = sandbox {
            return Self::SandboxAt(url);
        }
        if let Some(file) = named {
            if !file.is_file() {
                env.add("GOOGLE_CREDENTIALS", "must name a readable file");
            }
            return Self::Credentials { file, api_url };
        }
        let usual = Path::new(USUAL_FILE);
        if usual.is_dir() {
            env.add(
                "GOOGLE_CREDENTIALS",
                "./google-credentials.json is a directory; put the downloaded file in its place or remove it",
            );
        }
        if usual.is_file() {
            Self::Credentials { file: usual.to_owned(), api_url }
        } else {
            Self::OwnSandbox { port }
        }
    }
}
