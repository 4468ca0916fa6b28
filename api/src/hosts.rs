//! Which host names and origins a loopback server answers to, on the public port and on the operators'.
//!
//! A page on the internet can point its own name at 127.0.0.1 (DNS rebinding) or send simple
//! requests there; neither gets past a check of `Host` and `Origin`.

use actix_web::http::header::{HOST, HeaderMap, HeaderName, ORIGIN};
use url::{Origin, Url};

use crate::problem::{Kind, Problem};

/// The names that count.
#[derive(Debug, Clone)]
pub(crate) struct Hosts {
    /// Only a server on loopback checks: one behind a proxy has its names checked there.
    loopback: bool,
    /// Where browsers reach it, if that is known.
    public: Option<Url>,
    origins: Vec<String>,
}

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

impl Hosts {
    pub(crate) fn new(loopback: bool, public: Option<Url>, origins: Vec<String>) -> Self {
        Self { loopback, public, origins }
    }

    /// Refuses a request that was not meant for this server.
    pub(crate) fn admit(&self, headers: &HeaderMap) -> Result<(), Problem> {
        if !self.loopback {
            return Ok(());
        }
        let host = text(headers, &HOST).unwrap_or_default();
        if !self.ours(host) {
            return Err(Problem::new(
                Kind::Misdirected,
                "Use localhost, 127.0.0.1 or [::1], or set PUBLIC_URL to the name that you use.",
            ));
        }
        match text(headers, &ORIGIN) {
            Some(origin) if !self.same_origin(origin, host) && !self.allowed(origin) => Err(Problem::new(
                Kind::ForeignOrigin,
                "The request comes from a page of another origin. Call from a server: pages cannot read the answers, \
                 since there is no CORS. (While this server listens on a loopback address, ALLOWED_ORIGINS names \
                 origins whose requests are not refused.)",
            )),
            Some(_) | None => Ok(()),
        }
    }

    /// Refuses a form that another site's page has sent.
    pub(crate) fn own_form(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let host = text(headers, &HOST).unwrap_or_default();
        let site = text(headers, &SEC_FETCH_SITE);
        let foreign_site = site.is_some_and(|site| !matches!(site, "same-origin" | "none"));
        let foreign_origin = text(headers, &ORIGIN).is_some_and(|origin| !self.same_origin(origin, host));
        if foreign_site || foreign_origin {
            return Err(Problem::new(Kind::ForeignOrigin, "This form was sent by another site."));
        }
        Ok(())
    }

    /// Whether browsers may be sent to `url`: a page of ours, or of an origin that was named to us.
    pub(crate) fn may_return_to(&self, url: &Url) -> bool {
        self.is_public(&url.origin()) || self.allowed(&url.origin().ascii_serialization())
    }

    /// Whether a page of `origin` is one of ours, as the browser that asks for `host` sees it.
    fn same_origin(&self, origin: &str, host: &str) -> bool {
        let Ok(origin) = Url::parse(origin) else {
            return false;
        };
        let authority = origin.host_str().map(|name| match origin.port() {
            Some(port) => format!("{name}:{port}"),
            None => name.to_owned(),
        });
        authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
            || self.is_public(&origin.origin())
    }

    fn is_public(&self, origin: &Origin) -> bool {
        self.public.as_ref().is_some_and(|public| public.origin() == *origin)
    }

    fn allowed(&self, origin: &str) -> bool {
        self.origins.iter().any(|allowed| allowed == origin)
    }

    fn ours(&self, host: &str) -> bool {
        let name = without_port(host);
        ["localhost", "127.0.0.1", "[::1]"].iter().any(|ours| name.eq_ignore_ascii_case(ours))
            || self
                .public
                .as_ref()
                .and_then(Url::host_str)
                .is_some_and(|public| name.eq_ignore_ascii_case(public))
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    // What is not ASCII is no host's name: it fits nothing below.
    headers.get(name).map(|value| value.to_str().unwrap_or("\u{fffd}"))
}

fn without_port(host: &str) -> &str {
    match (host.rfind(':'), host.rfind(']')) {
        (Some(colon), Some(bracket)) if colon < bracket => host,
        (Some(colon), _) => &host[..colon],
        (None, _) => host,
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    fn hosts(loopback: bool) -> Hosts {
        let public = Url::parse("https://cal.example.com").unwrap();
        Hosts::new(loopback, Some(public), vec!["http://localhost:5173".to_owned()])
    }

    #[test]
    fn a_loopback_server_answers_to_loopback_names_and_its_public_one() {
        for (host, admitted) in [
            ("localhost:3001", true),
            ("LOCALHOST", true),
            ("127.0.0.1:3001", true),
            ("[::1]:3001", true),
            ("[::1]", true),
            ("cal.example.com", true),
            ("cal.example.com:443", true),
            ("evil.example", false),
            ("localhost.evil.example:3001", false),
            ("127.0.0.1.evil.example", false),
            ("", false),
        ] {
            let headers = headers(&[(HOST, host)]);
            assert_eq!(hosts(true).admit(&headers).is_ok(), admitted, "{host}");
            assert!(hosts(false).admit(&headers).is_ok(), "{host}");
        }
        assert!(hosts(true).admit(&HeaderMap::new()).is_err());
    }

    #[test]
    fn pages_of_other_origins_are_refused_on_loopback() {
        for (origin, admitted) in [
            ("http://localhost:3001", true),
            ("https://cal.example.com", true),
            ("http://localhost:5173", true),
            ("http://localhost:8080", false),
            ("https://evil.example", false),
            ("null", false),
        ] {
            let headers = headers(&[(HOST, "localhost:3001"), (ORIGIN, origin)]);
            assert_eq!(hosts(true).admit(&headers).is_ok(), admitted, "{origin}");
        }
    }

    #[test]
    fn browsers_are_sent_back_to_named_origins_alone() {
        for (url, may) in [
            ("http://localhost:5173/settings?tab=1", true),
            ("https://cal.example.com/x", true),
            ("http://localhost:5174/", false),
            ("https://localhost:5173/", false),
            ("data:text/html,x", false),
        ] {
            assert_eq!(hosts(false).may_return_to(&Url::parse(url).unwrap()), may, "{url}");
        }
    }

    #[test]
    fn forms_count_only_from_our_own_pages_everywhere() {
        for (name, value, admitted) in [
            (SEC_FETCH_SITE, "same-origin", true),
            (SEC_FETCH_SITE, "none", true),
            (SEC_FETCH_SITE, "same-site", false),
            (SEC_FETCH_SITE, "cross-site", false),
            (ORIGIN, "https://cal.example.com", true),
            (ORIGIN, "https://evil.example", false),
            (ORIGIN, "null", false),
        ] {
            let headers = headers(&[(HOST, "cal.example.com"), (name, value)]);
            assert_eq!(hosts(false).own_form(&headers).is_ok(), admitted, "{value}");
        }
    }
}
