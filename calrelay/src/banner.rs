//! What a newcomer sees first.

use common::port::ClientRef;
use url::Url;

/// Everything the first lines tell.
pub struct Banner<'a> {
    /// How this program was started, for commands that can be pasted.
    pub program: &'a str,
    /// Where the API and the setup page are.
    pub public_url: &'a Url,
    /// Where metrics and health are.
    pub admin: std::net::SocketAddr,
    /// The sandbox's page, when it is one.
    pub sandbox: Option<&'a str>,
    /// The live client otherwise.
    pub client: &'a ClientRef,
    /// Whether callers need a key at all.
    pub needs_key: bool,
}

/// How this program was started: by its path, as `cargo run` does, or by its name, where the shell finds it.
#[must_use]
pub fn program() -> String {
    let started = std::env::args().next().unwrap_or_default();
    match started.contains('/') {
        true => quoted(&started),
        false => "calrelay".to_owned(),
    }
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    match word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

impl Banner<'_> {
    /// The lines; with the key that was made at this start, if one was.
    #[must_use]
    pub fn text(&self, new_key: Option<&str>) -> String {
        let base = self.public_url.as_str().trim_end_matches('/');
        let google = match self.sandbox {
            Some(page) => format!("SANDBOX, nothing leaves this machine\n  calendar  {page}/"),
            None => format!("live, as {}", self.client.client_id),
        };
        format!(
            "\ncalrelay {version}\n  Google    {google}\n  setup     {base}/google-calendar-setup\n  API       \
             {base}/api/openapi.json\n  metrics   http://{admin}/metrics\n  admin key {key}\n\n{next}\n",
            version = env!("CARGO_PKG_VERSION"),
            admin = self.admin,
            key = self.key(new_key),
            next = self.next(base, new_key),
        )
    }

    fn key(&self, new_key: Option<&str>) -> String {
        let another = format!("`{} keys create --scope admin` makes another", self.program);
        match (new_key, self.needs_key) {
            (Some(key), _) => format!("{key}\n            shown this once; {another}"),
            (None, true) => format!("the one shown at the first start; {another}"),
            (None, false) => "none needed (DEV_NO_AUTH=1)".to_owned(),
        }
    }

    /// What to do next. Nothing is ever written to a real calendar by pasting it.
    fn next(&self, base: &str, new_key: Option<&str>) -> String {
        let export = new_key.map(|key| format!("export CALRELAY_KEY={key}\n")).unwrap_or_default();
        let header = match self.needs_key {
            true => " -H \"Authorization: Bearer $CALRELAY_KEY\"",
            false => "",
        };
        match self.sandbox {
            Some(_) => format!(
                "Try it:\n\n{export}curl -X POST {base}/api/create-calendar-event{header} -H 'Content-Type: \
                 application/json' -d '{EXAMPLE}'\n"
            ),
            None => format!(
                "Connect a calendar on {base}/google-calendar-setup, with the admin key. Whether one is connected:\n\n\
                 {export}curl {base}/api/calendar-status{header}\n"
            ),
        }
    }
}

const EXAMPLE: &str = r#"{"summary":"Production Test Event","description":"Testing calendar integration","startDateTime":"2026-12-30T14:00:00","endDateTime":"2026-12-30T15:00:00","attendeeEmail":"test@example.com","timeZone":"Asia/Kolkata"}"#;

#[cfg(test)]
mod tests {
    use super::*;

    fn text(sandbox: Option<&str>, new_key: Option<&str>, needs_key: bool) -> String {
        let banner = Banner {
            program: "target/release/calrelay",
            public_url: &Url::parse("http://localhost:3001/").unwrap(),
            admin: "127.0.0.1:9464".parse().unwrap(),
            sandbox,
            client: &ClientRef { token_uri: "https://t".to_owned(), client_id: "1-x".to_owned() },
            needs_key,
        };
        banner.text(new_key)
    }

    #[test]
    fn beside_a_real_calendar_nothing_is_suggested_that_writes_to_it() {
        for (key, needed) in [(Some("crk_x"), true), (None, true), (None, false)] {
            let live = text(None, key, needed);
            assert!(!live.contains("POST") && !live.contains('@'), "{live}");
            assert!(live.contains("google-calendar-setup") && live.contains("live, as 1-x"), "{live}");
            let sandbox = text(Some("http://127.0.0.1:8090"), key, needed);
            assert!(sandbox.contains("curl -X POST") && sandbox.contains("SANDBOX"), "{sandbox}");
        }
    }

    #[test]
    fn what_is_to_be_pasted_sets_what_it_uses() {
        for sandbox in [Some("http://127.0.0.1:8090"), None] {
            let first = text(sandbox, Some("crk_x"), true);
            let (export, used) = (first.find("export CALRELAY_KEY=crk_x"), first.find("$CALRELAY_KEY"));
            assert!(export.is_some() && export < used, "{first}");
            assert!(first.contains("target/release/calrelay keys create"), "{first}");
            let open = text(sandbox, None, false);
            assert!(!open.contains("CALRELAY_KEY") && !open.contains("keys create"), "{open}");
        }
    }

    #[test]
    fn a_path_is_one_word_for_a_shell() {
        for (path, word) in [
            ("target/release/calrelay", "target/release/calrelay"),
            ("/opt/my tools/calrelay", "'/opt/my tools/calrelay'"),
            ("/o'neill/calrelay", r"'/o'\''neill/calrelay'"),
            ("/a$(b)/calrelay", "'/a$(b)/calrelay'"),
        ] {
            assert_eq!(quoted(path), word);
        }
    }
}
