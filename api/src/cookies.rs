//! The cookies: who is signed in to the setup pages, and which connections were begun here.

use std::borrow::Cow;
use std::time::Duration;

use actix_web::http::header::{COOKIE, HeaderMap, HeaderValue};
use url::Url;

/// A cookie of ours. Its value is always sealed by us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cookie {
    /// Who is signed in.
    Session,
    /// A connection that this browser has begun; the text names it among others. Each has a cookie of
    /// its own: what two tabs begin at once must not overwrite each other.
    Consent(String),
    /// The one connection that a browser could have begun before there were several. Read, never written.
    FormerConsent,
}

const FORMER_CONSENT: &str = "calrelay_consent";
const CONSENT: &str = "calrelay_consent_";

impl Cookie {
    fn name(&self) -> Cow<'static, str> {
        match self {
            Self::Session => Cow::Borrowed("calrelay_session"),
            Self::Consent(id) => Cow::Owned(format!("{CONSENT}{id}")),
            Self::FormerConsent => Cow::Borrowed(FORMER_CONSENT),
        }
    }

    /// Its value in a request.
    pub(crate) fn read(&self, headers: &HeaderMap) -> Option<String> {
        let wanted = self.name();
        pairs(headers).find(|(name, _)| *name == wanted).map(|(_, value)| value.to_owned())
    }

    /// The cookies of connections in a request, as many as a browser of ours can have and some more.
    pub(crate) fn consents(headers: &HeaderMap) -> Vec<(Self, &str)> {
        const MOST: usize = 32;
        let consents = pairs(headers).filter_map(|(name, value)| {
            let id = |id: &str| id.bytes().all(|b| b.is_ascii_alphanumeric()).then(|| id.to_owned());
            match name.strip_prefix(CONSENT) {
                Some(text) => Some((Self::Consent(id(text)?), value)),
                None => (name == FORMER_CONSENT).then_some((Self::FormerConsent, value)),
            }
        });
        consents.take(MOST).collect()
    }

    /// How many bytes of a request it takes with a value of this length.
    pub(crate) fn size(&self, value: usize) -> usize {
        self.name().len() + "=; ".len() + value
    }

    /// The `Set-Cookie` that keeps `value` for `age`.
    ///
    /// `Lax`, not `Strict`: Google sends the browser back from its own site.
    pub(crate) fn write(&self, value: &str, age: Duration, public_url: &Url) -> HeaderValue {
        let secure = if public_url.scheme() == "https" { "; Secure" } else { "" };
        let (name, age) = (self.name(), age.as_secs());
        let text = format!("{name}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{secure}");
        HeaderValue::from_str(&text).expect("a sealed value is base64")
    }

    /// The `Set-Cookie` that makes the browser forget it.
    pub(crate) fn forget(&self, public_url: &Url) -> HeaderValue {
        self.write("", Duration::ZERO, public_url)
    }
}

fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let values = headers.get_all(COOKIE).filter_map(|value| value.to_str().ok());
    let pairs = values.flat_map(|value| value.split(';')).filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.trim(), value.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=1; calrelay_session=x/+=; b=2"));
        headers.append(COOKIE, HeaderValue::from_static("calrelay_consent=y; calrelay_consent_ab12=z="));
        headers.append(COOKIE, HeaderValue::from_static("calrelay_consent_a-b=no; calrelay_consents=no"));
        assert_eq!(Cookie::Session.read(&headers).as_deref(), Some("x/+="));
        let consents = [(Cookie::FormerConsent, "y"), (Cookie::Consent("ab12".to_owned()), "z=")];
        assert_eq!(Cookie::consents(&headers), consents);
        assert_eq!(Cookie::Session.read(&HeaderMap::new()), None);
    }

    #[test]
    fn no_more_consents_are_looked_at_than_a_browser_can_have() {
        let many: String = (0..1_000).map(|number| format!("calrelay_consent_{number}=x; ")).collect();
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_str(&many).unwrap());
        assert_eq!(Cookie::consents(&headers).len(), 32);
    }

    #[test]
    fn cookies_are_secure_where_the_site_is() {
        let written = |url: &str| {
            let value = Cookie::Session.write("v", Duration::from_secs(60), &Url::parse(url).unwrap());
            value.to_str().unwrap().to_owned()
        };
        let plain = "calrelay_session=v; Path=/; Max-Age=60; HttpOnly; SameSite=Lax";
        assert_eq!(written("http://localhost:3001"), plain);
        assert_eq!(written("https://cal.example.com"), format!("{plain}; Secure"));
    }
}
