//! Whose `X-Forwarded-For` counts (`TRUSTED_PROXIES`).

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// The proxies in front of us: addresses and networks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

/// The text is not a list of proxies.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected IP addresses and networks, such as 10.0.0.0/8, separated by commas")]
pub struct NotProxies;

impl TrustedProxies {
    /// The address a request really comes from: the last in `forwarded` (one or more header values,
    /// in order) that is not itself a trusted proxy, believed only as far as the proxies go.
    #[must_use]
    pub fn client<'a>(&self, peer: IpAddr, forwarded: impl IntoIterator<Item = &'a str>) -> IpAddr {
        let mut client = peer.to_canonical();
        if !self.trusts(client) {
            return client;
        }
        let hops: Vec<&str> = forwarded.into_iter().flat_map(|value| value.split(',')).collect();
        for hop in hops.into_iter().rev() {
            let Some(address) = address(hop.trim()) else {
                break;
            };
            client = address;
            if !self.trusts(client) {
                break;
            }
        }
        client
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// An address as proxies write it: bare, or with a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.parse().ok();
    let with_port = || text.parse().ok().map(|socket: std::net::SocketAddr| socket.ip());
    bare.or_else(with_port).map(|address: IpAddr| address.to_canonical())
}

impl FromStr for TrustedProxies {
    type Err = NotProxies;

    fn from_str(text: &str) -> Result<Self, NotProxies> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let network = |part: &str| match part.parse::<IpNet>() {
            Ok(network) => Ok(network),
            Err(_) => part.parse::<IpAddr>().map(IpNet::from).map_err(|_| NotProxies),
        };
        parts.map(network).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn forwarded_addresses_count_only_behind_trusted_proxies() {
        let proxies: TrustedProxies = "10.0.0.0/8, 192.0.2.7,2001:db8::/32".parse().unwrap();
        for (peer, forwarded, expected) in [
            ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
            ("10.1.2.3", "198.51.100.1", "198.51.100.1"),
            ("10.1.2.3", "198.51.100.1, 203.0.113.9", "203.0.113.9"),
            ("10.1.2.3", "203.0.113.9, 192.0.2.7", "203.0.113.9"),
            ("10.1.2.3", "203.0.113.9:4711", "203.0.113.9"),
            ("10.1.2.3", "10.9.9.9", "10.9.9.9"),
            ("10.1.2.3", "203.0.113.9, garbage", "10.1.2.3"),
            ("10.1.2.3", "", "10.1.2.3"),
            ("2001:db8::1", "203.0.113.9", "203.0.113.9"),
            ("::ffff:10.1.2.3", "203.0.113.9", "203.0.113.9"),
        ] {
            assert_eq!(proxies.client(ip(peer), [forwarded]), ip(expected), "{peer} {forwarded}");
        }
    }

    #[test]
    fn several_headers_read_as_one_list() {
        let proxies: TrustedProxies = "10.0.0.0/8".parse().unwrap();
        assert_eq!(proxies.client(ip("10.0.0.1"), ["203.0.113.9", "10.0.0.2"]), ip("203.0.113.9"));
    }

    #[test]
    fn the_widest_and_the_narrowest_networks_hold() {
        assert!(TrustedProxies::from_str("0.0.0.0/0").unwrap().trusts(ip("203.0.113.9")));
        assert!(TrustedProxies::from_str("::/0").unwrap().trusts(ip("2001:db8::1")));
        assert!(!TrustedProxies::from_str("203.0.113.8/32").unwrap().trusts(ip("203.0.113.9")));
        assert!(!TrustedProxies::from_str("").unwrap().trusts(ip("203.0.113.9")));
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["localhost", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/x", "::/129"] {
            assert_eq!(TrustedProxies::from_str(text), Err(NotProxies), "{text}");
        }
    }
}
