//! Who may use the sandbox's own pages and controls: not the web pages that the developer visits.
//!
//! Such a page can send simple requests to this machine, and can point its own name at 127.0.0.1 (DNS rebinding). `Host`
//! and `Origin` tell; a body that has to be called JSON cannot be sent by a form. What Google has too (`/calendar/v3`,
//! `/token`, `/o/oauth2`, …) is not asked for a name: clients come under several, and it wants a token or a person.

use std::net::{IpAddr, Ipv6Addr};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{
    CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderName, ORIGIN, TRANSFER_ENCODING,
};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpResponse};
use serde_json::json;
use url::Url;

use crate::config::Config;
use crate::sandbox::Sandbox;

/// Why a request is not for the pages and controls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Foreign {
    Host,
    Origin,
    Content,
}

/// For `from_fn`: lets through what is meant for these pages and controls.
pub(crate) async fn guard(
    sandbox: Data<Sandbox>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let judged = admit(&sandbox.config, request.headers());
    match judged {
        Ok(()) => next.call(request).await.map(ServiceResponse::map_into_boxed_body),
        Err(foreign) => Ok(request.into_response(foreign.into_response())),
    }
}

impl Foreign {
    fn into_response(self) -> HttpResponse {
        let (status, sentence) = match self {
            Self::Host => (
                StatusCode::MISDIRECTED_REQUEST,
                "The sandbox answers here under localhost and its address; --allow-host NAME of `calrelay sandbox` adds a name.",
            ),
            Self::Origin => (StatusCode::FORBIDDEN, "The request comes from a page of another origin."),
            Self::Content => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "A control's body is JSON: send Content-Type: application/json.",
            ),
        };
        HttpResponse::build(status).json(json!({"error": sentence}))
    }
}

fn admit(config: &Config, headers: &HeaderMap) -> Result<(), Foreign> {
    let public = config.public_url.as_deref().and_then(|url| Url::parse(url).ok());
    let host = text(headers, &HOST).unwrap_or_default();
    if !is_ours(config, public.as_ref(), host) {
        return Err(Foreign::Host);
    }
    if text(headers, &ORIGIN).is_some_and(|origin| !is_own(origin, host, public.as_ref())) {
        return Err(Foreign::Origin);
    }
    if has_body(headers) && !is_json(headers) {
        return Err(Foreign::Content);
    }
    Ok(())
}

/// A name of this machine's loopback, the one in the public URL, or one that was allowed. Where others can reach the
/// sandbox, any address too: a rebound name is a name.
fn is_ours(config: &Config, public: Option<&Url>, host: &str) -> bool {
    let name = without_port(host);
    let is = |other: &str| name.eq_ignore_ascii_case(other);
    let address = address(name);
    is("localhost")
        || address.is_some_and(|address| address.is_loopback() || !config.listen.ip().is_loopback())
        || public.and_then(Url::host_str).is_some_and(is)
        || config.allowed_hosts.iter().any(|allowed| is(allowed))
}

/// Whether a page of `origin` is one of the sandbox's, as the browser that asks for `host` sees it.
fn is_own(origin: &str, host: &str, public: Option<&Url>) -> bool {
    let Ok(origin) = Url::parse(origin) else {
        return false;
    };
    let authority = origin.host_str().map(|name| match origin.port() {
        Some(port) => format!("{name}:{port}"),
        None => name.to_owned(),
    });
    authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
        || public.is_some_and(|public| origin.origin() == public.origin())
}

fn has_body(headers: &HeaderMap) -> bool {
    headers.contains_key(TRANSFER_ENCODING)
        || text(headers, &CONTENT_LENGTH).is_some_and(|length| length.trim() != "0")
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = text(headers, &CONTENT_TYPE).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    // What is not ASCII is nobody's name.
    headers.get(name).map(|value| value.to_str().unwrap_or("\u{fffd}"))
}

fn address(name: &str) -> Option<IpAddr> {
    match name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => name.parse().ok().filter(IpAddr::is_ipv4),
    }
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

    fn judged(config: &Config, pairs: &[(HeaderName, &str)]) -> Result<(), Foreign> {
        let headers =
            pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect();
        admit(config, &headers)
    }

    fn anywhere() -> Config {
        Config {
            listen: ([0, 0, 0, 0], 8090).into(),
            public_url: Some("http://127.0.0.1:8090".to_owned()),
            allowed_hosts: vec!["sandbox".to_owned()],
            ..Config::default()
        }
    }

    #[test]
    fn on_loopback_its_names_and_addresses_count() {
        for (host, admitted) in [
            ("localhost:8090", true),
            ("LOCALHOST", true),
            ("127.0.0.1:8090", true),
            ("127.0.0.2", true),
            ("[::1]:8090", true),
            ("[::1]", true),
            ("evil.example", false),
            ("localhost.evil.example:8090", false),
            ("127.0.0.1.evil.example", false),
            ("sandbox:8090", false),
            ("192.0.2.7:8090", false),
            ("[2001:db8::1]", false),
            ("::1", false),
            ("", false),
        ] {
            let told = judged(&Config::default(), &[(HOST, host)]);
            assert_eq!(told, if admitted { Ok(()) } else { Err(Foreign::Host) }, "{host}");
        }
        assert_eq!(judged(&Config::default(), &[]), Err(Foreign::Host));
    }

    #[test]
    fn elsewhere_addresses_and_allowed_names_count_and_no_other_name() {
        for (host, admitted) in [
            ("sandbox:8090", true),
            ("Sandbox", true),
            ("10.1.2.3:8090", true),
            ("[2001:db8::1]:8090", true),
            ("localhost:8090", true),
            ("evil.example:8090", false),
            ("sandbox.evil.example", false),
            ("10.1.2.3.evil.example", false),
        ] {
            let told = judged(&anywhere(), &[(HOST, host)]);
            assert_eq!(told, if admitted { Ok(()) } else { Err(Foreign::Host) }, "{host}");
        }
    }

    #[test]
    fn pages_of_other_origins_are_foreign() {
        for (origin, admitted) in [
            ("http://sandbox:8090", true),
            ("http://127.0.0.1:8090", true),
            ("http://localhost:8090", false),
            ("http://sandbox:3001", false),
            ("https://evil.example", false),
            ("null", false),
        ] {
            let told = judged(&anywhere(), &[(HOST, "sandbox:8090"), (ORIGIN, origin)]);
            assert_eq!(told, if admitted { Ok(()) } else { Err(Foreign::Origin) }, "{origin}");
        }
    }

    #[test]
    fn a_body_is_called_json() {
        let local = (HOST, "localhost");
        for (length, kind, admitted) in [
            ("2", "application/json", true),
            ("2", "application/json; charset=utf-8", true),
            ("2", "text/plain", false),
            ("2", "application/x-www-form-urlencoded", false),
            ("2", "", false),
            ("0", "", true),
        ] {
            let told =
                judged(&Config::default(), &[local.clone(), (CONTENT_LENGTH, length), (CONTENT_TYPE, kind)]);
            assert_eq!(told, if admitted { Ok(()) } else { Err(Foreign::Content) }, "{kind}");
        }
        let chunked = judged(&Config::default(), &[local, (TRANSFER_ENCODING, "chunked")]);
        assert_eq!(chunked, Err(Foreign::Content));
    }
}
