//! Where webhooks may go: never to an address that only this machine or its network can reach, unless
//! the operator has named the network.
//!
//! The address is judged after the name was looked up, by the very lookup that connects: a name that
//! means another address a moment later gains nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Networks that webhooks may go to although they are not public.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks(Vec<IpNet>);

/// The text is not a list of networks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected IP addresses and networks, such as 10.0.0.0/8, separated by commas")]
pub struct NotNetworks;

/// Decides for one URL.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    named: Arc<Networks>,
    /// What travels unencrypted stays inside the named networks.
    public: bool,
}

/// Every address of the receiver is one that webhooks may not go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("WEBHOOK_URL leads to a private address; WEBHOOK_NETWORKS would have to name its network")]
pub(super) struct Forbidden;

impl Networks {
    /// Whether any is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn hold(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl FromStr for Networks {
    type Err = NotNetworks;

    fn from_str(text: &str) -> Result<Self, NotNetworks> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let network = |part: &str| match part.parse::<IpNet>() {
            Ok(network) => Ok(network),
            Err(_) => part.parse::<IpAddr>().map(IpNet::from).map_err(|_| NotNetworks),
        };
        parts.map(network).collect::<Result<_, _>>().map(Self)
    }
}

impl Guard {
    pub(super) fn new(url: &Url, named: Networks) -> Self {
        Self { named: Arc::new(named), public: url.scheme() == "https" }
    }

    fn allows(&self, address: IpAddr) -> bool {
        // An IPv4 address in IPv6 clothes is that IPv4 address.
        let address = address.to_canonical();
        self.named.hold(address) || (self.public && is_public(address))
    }

    /// Judges a URL that names an address: no look-up follows.
    ///
    /// # Errors
    /// When it may not be gone to.
    pub(super) fn check(&self, url: &Url) -> Result<(), Forbidden> {
        let allowed = match url.host() {
            Some(Host::Ipv4(address)) => self.allows(address.into()),
            Some(Host::Ipv6(address)) => self.allows(address.into()),
            Some(Host::Domain(_)) => true,
            None => false,
        };
        if allowed { Ok(()) } else { Err(Forbidden) }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found.filter(|found| guard.allows(found.ip())).collect();
            if allowed.is_empty() {
                return Err(Forbidden.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Whether this address is the same host from everywhere on the Internet (IANA's special-purpose registries).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let special = match address.octets() {
        // "This network"; private; loopback; link-local, where clouds keep their machines' credentials.
        [0 | 10 | 127, ..] | [172, 16..=31, ..] | [192, 168, ..] | [169, 254, ..] => true,
        // Carriers' NAT, where some clouds keep their metadata.
        [100, 64..=127, ..] => true,
        // Protocol assignments, documentation, the old 6to4 relay, benchmarks.
        [192, 0, 0 | 2, _] | [192, 88, 99, _] | [198, 18 | 19, ..] | [198, 51, 100, _] | [203, 0, 113, _] => {
            true
        }
        // Multicast, reserved, broadcast.
        [224..=255, ..] => true,
        _ => false,
    };
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        // NAT64: the IPv4 address in it is where it leads.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => is_public_v4(embedded(high, low)),
        // 6to4: likewise.
        [0x2002, high, low, ..] => is_public_v4(embedded(high, low)),
        // Protocol assignments with Teredo and ORCHID; documentation.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // Outside of global unicast there is nothing public: loopback, link-local, unique local, …
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

fn embedded(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(url: &str, named: &str) -> (Guard, Url) {
        let url = Url::parse(url).expect("a URL");
        (Guard::new(&url, named.parse().expect("networks")), url)
    }

    fn allows(url: &str, named: &str) -> bool {
        let (guard, url) = guard(url, named);
        guard.check(&url).is_ok()
    }

    const PRIVATE: [&str; 36] = [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::7f00:1",
        "64:ff9b::a00:1",
        "64:ff9b:1::1",
        "2002:a00:1::1",
        "2001::1",
        "2001:db8::1",
        "3fff::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ];

    #[test]
    fn what_only_this_network_can_reach_is_refused() {
        for address in PRIVATE {
            let address: IpAddr = address.parse().expect("an address");
            let (guard, _) = guard("https://example.com/", "");
            assert!(!guard.allows(address), "{address}");
        }
    }

    #[test]
    fn what_everybody_can_reach_is_not() {
        for address in [
            "1.1.1.1",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.1.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
            "2001:4860:4860::8888",
            "2606:4700::1111",
            "2a00:1450::1",
        ] {
            let (guard, _) = guard("https://example.com/", "");
            assert!(guard.allows(address.parse().expect("an address")), "{address}");
        }
    }

    #[test]
    fn addresses_in_the_url_are_judged_however_they_are_written() {
        for host in ["127.0.0.1", "2130706433", "0x7f.1", "0177.0.0.1", "[::1]", "[::ffff:7f00:1]", "127.1"] {
            assert!(!allows(&format!("https://{host}/hook"), ""), "{host}");
            assert!(allows(&format!("https://{host}/hook"), "127.0.0.0/8, ::1"), "{host}");
        }
        assert!(allows("https://1.1.1.1/hook", ""));
    }

    #[test]
    fn what_travels_in_the_clear_stays_in_the_named_networks() {
        assert!(!allows("http://1.1.1.1/hook", ""));
        assert!(!allows("http://1.1.1.1/hook", "10.0.0.0/8"));
        assert!(allows("http://10.1.2.3/hook", "10.0.0.0/8"));
    }

    #[tokio::test]
    async fn names_are_judged_by_what_they_mean() {
        let name = || "localhost".parse::<Name>().expect("a name");
        let (closed, _) = guard("https://localhost/", "");
        let refused = closed.resolve(name()).await.err().expect("a refusal");
        assert_eq!(refused.downcast_ref(), Some(&Forbidden));
        let (open, _) = guard("https://localhost/", "127.0.0.0/8,::1");
        assert!(open.resolve(name()).await.is_ok());
    }

    #[test]
    fn networks_are_parsed_or_refused() {
        for good in ["", "10.0.0.0/8", "10.1.2.3, fd00::/8"] {
            assert!(good.parse::<Networks>().is_ok(), "{good}");
        }
        for bad in ["everywhere", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/8;::1"] {
            assert_eq!(bad.parse::<Networks>(), Err(NotNetworks), "{bad}");
        }
    }
}
