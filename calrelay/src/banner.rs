//! What a newcomer sees first.

use common::port::ClientRef;
use url::Url;

/// Everything the first lines tell.
pub struct Banner<'a> {
    /// Where the API and the setup page are.
    pub public_url: &'a Url,
    /// Where metrics and health are.
    pub admin: std::net::SocketAddr,
    /// The sandbox's page, when it is one.
    pub sandbox: Option<&'a str>,
    /// The live client otherwise.
    pub client: &'a ClientRef,
    /// The key made at this start, if one was.
    pub new_key: Option<&'a str>,
    /// Whether callers need a key at all.
    pub needs_key: bool,
}

impl Banner<'_> {
    /// The lines.
    #[must_use]
    pub fn text(&self) -> String {
        let base = self.public_url.as_str().trim_end_matches('/');
        let google = match self.sandbox {
            Some(page) => format!("SANDBOX, nothing leaves this machine\n  calendar  {page}/"),
            None => format!("live, as {}", self.client.client_id),
        };
        let key = match (self.new_key, self.needs_key) {
            (Some(key), _) => format!("\n  admin key {key}\n            shown this once; `calrelay keys create --scope admin` makes another"),
            (None, true) => "\n  admin key the one shown at the first start; `calrelay keys create --scope admin` makes another".to_owned(),
            (None, false) => "\n  admin key none needed (DEV_NO_AUTH=1)".to_owned(),
        };
        let header = match (self.new_key, self.needs_key) {
            (Some(key), _) => format!(" -H 'Authorization: Bearer {key}'"),
            (None, true) => " -H \"Authorization: Bearer $CALRELAY_KEY\"".to_owned(),
            (None, false) => String::new(),
        };
        format!(
            "\ncalrelay {version}\n  Google    {google}\n  setup     {base}/google-calendar-setup\n  API       {base}/api/openapi.json\n  metrics   http://{admin}/metrics{key}\n\nTry it:\n\ncurl -X POST {base}/api/create-calendar-event{header} -H 'Content-Type: application/json' -d '{body}'\n",
            version = env!("CARGO_PKG_VERSION"),
            admin = self.admin,
            body = EXAMPLE,
        )
    }
}

const EXAMPLE: &str = r#"{"summary":"Production Test Event","description":"Testing calendar integration","startDateTime":"2026-12-30T14:00:00","endDateTime":"2026-12-30T15:00:00","attendeeEmail":"test@example.com","timeZone":"Asia/Kolkata"}"#;
