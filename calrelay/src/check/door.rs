//! How callers and browsers get in. Nothing is asked of anybody: the configuration tells.

use std::net::{IpAddr, Ipv4Addr};

use api::{Access, TrustedProxies};
use url::{Host, Url};

use super::Stakes;
use super::finding::{Check, Finding};
use crate::config::Config;

/// Addresses that nobody has (RFC 5737): whoever believes them believes everybody.
const NOBODY: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 77));
const NOBODY_ELSE: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 77));

pub(super) fn look(config: &Config, stakes: Stakes) -> Vec<Finding> {
    vec![
        match config.exposed() {
            Some(exposed) => Check::PublicUrl.warns(exposed),
            None => public_url(config.public_url.as_ref(), stakes),
        },
        access(config.access, stakes),
        proxies(config.public_url.as_ref(), &config.trusted_proxies),
    ]
}

fn public_url(url: Option<&Url>, stakes: Stakes) -> Finding {
    let check = Check::PublicUrl;
    let Some(url) = url else {
        return match stakes {
            Stakes::Sandbox => check.holds("not set: browsers on this machine alone"),
            Stakes::Live => check.warns(
                "not set: only people at this machine can connect their calendars; set PUBLIC_URL to the https \
                 address that browsers use",
            ),
        };
    };
    match (url.scheme() == "https", is_local(url), stakes) {
        (true, _, _) => check.holds(format!("browsers come by {url}")),
        (false, true, _) => check.holds(format!("{url}: browsers on this machine alone")),
        (false, false, Stakes::Live) => check.fails(
            "PUBLIC_URL is not https, and Google sends nobody back to such an address: put TLS in front",
        ),
        (false, false, Stakes::Sandbox) => {
            check.warns("PUBLIC_URL is not https: keys and sessions travel unencrypted")
        }
    }
}

fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn access(access: Access, stakes: Stakes) -> Finding {
    match (access, stakes) {
        (Access::Keys, _) => Check::Access.holds("callers need a key"),
        (Access::Open, Stakes::Sandbox) => {
            Check::Access.warns("DEV_NO_AUTH lets everybody on this machine in: for development alone")
        }
        (Access::Open, Stakes::Live) => Check::Access
            .fails("DEV_NO_AUTH lets everybody on this machine write to people's calendars: unset it"),
    }
}

fn proxies(url: Option<&Url>, trusted: &TrustedProxies) -> Finding {
    let check = Check::Proxies;
    let behind_one = url.is_some_and(|url| url.scheme() == "https");
    if trusted.client(NOBODY, [NOBODY_ELSE.to_string().as_str()]) == NOBODY_ELSE {
        return check.fails(
            "TRUSTED_PROXIES believes everybody: any caller could pass for another; name your proxies' network",
        );
    }
    match (*trusted == TrustedProxies::default(), behind_one) {
        (true, true) => check.warns(
            "TRUSTED_PROXIES is not set, and TLS ends somewhere in front: everybody there counts as one address; \
             name the proxy's network",
        ),
        (true, false) => check.holds("none is trusted, and none seems to be in front"),
        (false, _) => check.holds("X-Forwarded-For counts from the named networks"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn browsers_of_others_come_by_https() {
        for (url, sandbox, live) in [
            (None, Verdict::Ok, Verdict::Warn),
            (Some("https://cal.example.com"), Verdict::Ok, Verdict::Ok),
            (Some("http://localhost:3001"), Verdict::Ok, Verdict::Ok),
            (Some("http://127.0.0.1:3001"), Verdict::Ok, Verdict::Ok),
            (Some("http://cal.example.com"), Verdict::Warn, Verdict::Fail),
            (Some("http://localhost.example.com"), Verdict::Warn, Verdict::Fail),
        ] {
            let url = url.map(|url| Url::parse(url).unwrap());
            assert_eq!(public_url(url.as_ref(), Stakes::Sandbox).verdict, sandbox, "{url:?}");
            assert_eq!(public_url(url.as_ref(), Stakes::Live).verdict, live, "{url:?}");
        }
    }

    #[test]
    fn people_s_calendars_need_a_key() {
        assert_eq!(access(Access::Keys, Stakes::Live).verdict, Verdict::Ok);
        assert_eq!(access(Access::Open, Stakes::Sandbox).verdict, Verdict::Warn);
        assert_eq!(access(Access::Open, Stakes::Live).verdict, Verdict::Fail);
    }

    #[test]
    fn who_is_in_front_is_named_and_not_everybody() {
        let https = Url::parse("https://cal.example.com").unwrap();
        for (trusted, alone, behind_one) in [
            ("", Verdict::Ok, Verdict::Warn),
            ("10.0.0.0/8, ::1", Verdict::Ok, Verdict::Ok),
            ("0.0.0.0/0", Verdict::Fail, Verdict::Fail),
        ] {
            let trusted =
                if trusted.is_empty() { TrustedProxies::default() } else { trusted.parse().unwrap() };
            assert_eq!(proxies(None, &trusted).verdict, alone, "{trusted:?}");
            assert_eq!(proxies(Some(&https), &trusted).verdict, behind_one, "{trusted:?}");
        }
    }
}
