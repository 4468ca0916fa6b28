//! The project's OAuth clients: what Google's console knows of each.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::config::Config;
use crate::grant::Scopes;
use crate::oauth::scope;

/// How long a refresh token lives that was given to an app in "Testing".
const TESTING: SignedDuration = SignedDuration::from_hours(24 * 7);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) secret: String,
    #[serde(default)]
    pub(crate) kind: ClientKind,
    #[serde(default)]
    pub(crate) publishing: Publishing,
    /// Removed in the console: nobody signs in with it, and its refresh tokens are worth nothing.
    #[serde(default)]
    pub(crate) deleted: bool,
}

/// What a credentials file is named for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ClientKind {
    /// Redirect URIs are registered and compared exactly.
    #[default]
    Web,
    /// A desktop app: any port and path of the loopback address will do.
    Installed,
}

/// The app's publishing status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Publishing {
    #[default]
    Production,
    Testing,
}

impl Client {
    /// The client of the configuration, as it is at the start.
    pub(crate) fn usual(config: &Config) -> Self {
        Self::new(config.client_id.clone(), config.client_secret.clone())
    }

    pub(crate) fn new(id: String, secret: String) -> Self {
        Self { id, secret, kind: ClientKind::default(), publishing: Publishing::default(), deleted: false }
    }

    /// Without what a test did to it.
    pub(crate) fn restored(self) -> Self {
        Self { publishing: Publishing::default(), deleted: false, ..self }
    }

    /// Whether people may be sent back to this address. `registered` is what web clients have listed.
    pub(crate) fn allows_redirect(&self, uri: &str, registered: &[String]) -> bool {
        match self.kind {
            ClientKind::Web => registered.iter().any(|known| known == uri),
            ClientKind::Installed => Url::parse(uri).is_ok_and(|url| {
                url.scheme() == "http"
                    && url.host_str().is_some_and(|host| ["localhost", "127.0.0.1", "[::1]"].contains(&host))
            }),
        }
    }

    /// How long a refresh token with these scopes lives, if its end is known from the start.
    pub(crate) fn refresh_token_lifetime(&self, scopes: &Scopes) -> Option<SignedDuration> {
        match self.publishing {
            Publishing::Testing if !scopes.iter().all(|scope| scope::is_sign_in(scope)) => Some(TESTING),
            Publishing::Testing | Publishing::Production => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_web_client_compares_exactly_and_a_desktop_app_takes_any_loopback_port() {
        let registered = ["http://localhost:3001/back".to_owned()];
        let mut client = Client::new("id".to_owned(), "secret".to_owned());
        assert!(client.allows_redirect("http://localhost:3001/back", &registered));
        assert!(!client.allows_redirect("http://localhost:3002/back", &registered));
        client.kind = ClientKind::Installed;
        for uri in ["http://localhost:9/x", "http://127.0.0.1:81", "http://[::1]:5/back"] {
            assert!(client.allows_redirect(uri, &[]), "{uri}");
        }
        for uri in ["https://localhost:9/x", "http://localhost.example/", "http://10.0.0.1/", "nonsense"] {
            assert!(!client.allows_redirect(uri, &registered), "{uri}");
        }
    }

    #[test]
    fn testing_ends_tokens_after_a_week_unless_they_only_sign_in() {
        let mut client = Client::new("id".to_owned(), "secret".to_owned());
        assert_eq!(client.refresh_token_lifetime(&scope::usual()), None);
        client.publishing = Publishing::Testing;
        assert_eq!(client.refresh_token_lifetime(&scope::usual()), Some(TESTING));
        let sign_in = scope::parse("openid email profile").unwrap();
        assert_eq!(client.refresh_token_lifetime(&sign_in), None);
    }
}
