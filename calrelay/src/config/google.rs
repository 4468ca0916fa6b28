//! Which Google: a credentials file, a sandbox elsewhere, or a sandbox of our own.

use std::path::{Path, PathBuf};

use url::Url;

use super::problems::Reader;
use super::variables::{GOOGLE_API_URL, GOOGLE_CREDENTIALS, SANDBOX_PORT, SANDBOX_URL};

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
    /// What `run` speaks to. Only when nothing is named, and the usual file is not there, is it our
    /// own sandbox.
    pub(super) fn or_own_sandbox<L: Fn(&str) -> Option<String>>(env: &mut Reader<L>) -> Self {
        let port = env.value(&SANDBOX_PORT);
        // Looked at whether it is used or not: a sandbox now may be the real Google tomorrow.
        let api_url = env.optional(&GOOGLE_API_URL);
        if let Some(named) = Self::named(env, api_url.clone()) {
            return named;
        }
        let usual = Path::new(USUAL_FILE);
        if usual.is_dir() {
            env.add(
                &GOOGLE_CREDENTIALS,
                "./google-credentials.json is a directory; put the downloaded file in its place or remove it",
            );
        }
        if usual.is_file() {
            Self::Credentials { file: usual.to_owned(), api_url }
        } else {
            Self::OwnSandbox { port }
        }
    }

    /// What one of many processes speaks to: it has to be said, since all have to speak to the same.
    pub(super) fn one<L: Fn(&str) -> Option<String>>(env: &mut Reader<L>) -> Self {
        let api_url = env.optional(&GOOGLE_API_URL);
        Self::named(env, api_url).unwrap_or_else(|| {
            env.add(
                &GOOGLE_CREDENTIALS,
                "set it to the OAuth client's JSON file, or SANDBOX_URL to a sandbox's address; only `run` brings a sandbox of its own",
            );
            Self::OwnSandbox { port: 0 }
        })
    }

    fn named<L: Fn(&str) -> Option<String>>(env: &mut Reader<L>, api_url: Option<String>) -> Option<Self> {
        let file = env.optional(&GOOGLE_CREDENTIALS);
        let sandbox_named = env.text(&SANDBOX_URL).is_some();
        let sandbox = env.optional(&SANDBOX_URL);
        if file.is_some() && sandbox_named {
            env.add(&SANDBOX_URL, "set it or GOOGLE_CREDENTIALS, not both: jobs go to one Google");
        }
        if let Some(file) = &file
            && !file.is_file()
        {
            env.add(&GOOGLE_CREDENTIALS, "must name a readable file");
        }
        match (sandbox, file) {
            (Some(url), _) => Some(Self::SandboxAt(url)),
            (None, Some(file)) => Some(Self::Credentials { file, api_url }),
            // It is named, and told to be malformed: not a reason to name something else.
            (None, None) if sandbox_named => Some(Self::OwnSandbox { port: 0 }),
            (None, None) => None,
        }
    }
}
