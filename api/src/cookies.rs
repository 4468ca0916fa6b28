//! The two cookies: who is signed in to the setup pages, and which connection was begun here.

use std::time::Duration;

use actix_web::http::header::{COOKIE, HeaderMap, HeaderValue};
use url::Url;

/// A cookie of ours. Its value is always sealed by us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cookie {
    /// Who is signed in.
    Session,
    /// The connection that this browser has begun.
    Consent,
}

impl Cookie {
    fn name(self) -> &'static str {
        match self {
            Self::Session => "calrelay_session",
            Self::Consent => "calrelay_consent",
        }
    }

    /// Its value in a request.
    pub(crate) fn read(self, headers: &HeaderMap) -> Option<String> {
        let values = headers.get_all(COOKIE).filter_map(|value| value.to_str().ok());
        let mut pairs = values.flat_map(|value| value.split(';')).filter_map(|pair| pair.split_once('='));
        pairs.find(|(name, _)| name.trim() == self.name()).map(|(_, value)| value.trim().to_owned())
    }

    /// The `Set-Cookie` that keeps `value` for `age`; zero forgets it.
    ///
    /// `Lax`, not `Strict`: Google sends the browser back from its own site.
    pub(crate) fn write(self, value: &str, age: Duration, public_url: &Url) -> HeaderValue {
        let secure = if public_url.scheme() == "https" { "; Secure" } else { "" };
        let (name, age) = (self.name(), age.as_secs());
        let text = format!("{name}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{secure}");
        HeaderValue::from_str(&text).expect("a sealed value is base64")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=1; calrelay_session=x/+=; b=2"));
        headers.append(COOKIE, HeaderValue::from_static("calrelay_consent=y"));
        assert_eq!(Cookie::Session.read(&headers).as_deref(), Some("x/+="));
        assert_eq!(Cookie::Consent.read(&headers).as_deref(), Some("y"));
        assert_eq!(Cookie::Session.read(&HeaderMap::new()), None);
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
