//! Who can reach whom, and on which port.

use std::collections::BTreeSet;

use super::Compose;
use crate::repository::read;

#[test]
fn only_nginx_is_published_and_ports_lead_to_who_listens() {
    for compose in Compose::all() {
        let listening = |name: &str| -> Vec<String> {
            match name {
                "nginx" => vec!["80".to_owned(), "443".to_owned()],
                "sandbox" => vec!["8090".to_owned()],
                "prometheus" => vec!["9090".to_owned()],
                "grafana" => vec!["3000".to_owned()],
                _ => Vec::new(),
            }
        };
        for name in compose.services().keys() {
            let mut targets = Vec::new();
            for port in compose.named(name, "ports") {
                let parts: Vec<&str> = port.split(':').collect();
                assert!(name == "nginx" || parts[0] == "127.0.0.1", "{name} can be reached from elsewhere");
                targets.push((*parts.last().unwrap()).to_owned());
            }
            assert_eq!(targets, listening(name), "{name}");
            let networks = compose.named(name, "networks");
            let outside = networks.iter().any(|network| compose.0["networks"][network]["internal"] != true);
            assert!(targets.is_empty() || outside, "{name}: an internal network publishes nothing");
        }
        let site = read("deploy/nginx/calrelay.conf");
        assert!(site.contains("listen 80;") && site.contains("listen 443 ssl"));
        let port = &compose.environment("api")["PORT"];
        assert!(
            read("deploy/nginx/container/upstream.conf").contains(&format!("server api:{port} resolve;"))
        );
        let scraped = read("deploy/prometheus/prometheus.yml");
        for name in ["api", "worker"] {
            assert!(scraped.contains(&format!("names: [\"{name}\"]")), "{name} is not scraped");
        }
        let admin: BTreeSet<&str> =
            scraped.lines().filter_map(|line| line.trim().strip_prefix("port: ")).collect();
        assert_eq!(admin, BTreeSet::from([compose.environment("worker")["ADMIN_PORT"].as_str()]));
    }
}

#[test]
fn what_talks_to_each_other_has_a_network_in_common_and_the_servers_have_no_way_out() {
    for compose in Compose::all() {
        let shared = |one: &str, other: &str| {
            let others = compose.named(other, "networks");
            compose.named(one, "networks").iter().any(|network| others.contains(network))
        };
        let vault = if compose.services().contains_key("postgres") { "postgres" } else { "vault" };
        for one in ["setup", "api", "worker"] {
            for server in ["rabbitmq", "redis", vault] {
                assert!(shared(one, server), "{one} cannot reach {server}");
            }
            let out = compose.named(one, "networks").contains(&"google".to_owned());
            assert!(out && compose.0["networks"]["google"]["internal"] != true, "{one} cannot reach Google");
        }
        for (one, other) in [
            ("nginx", "api"),
            ("prometheus", "api"),
            ("prometheus", "worker"),
            ("prometheus", "rabbitmq"),
            ("grafana", "prometheus"),
        ] {
            assert!(shared(one, other), "{one} cannot reach {other}");
        }
        for server in ["rabbitmq", "redis", vault] {
            assert!(!shared("nginx", server), "nginx has no business with {server}");
            for network in compose.named(server, "networks") {
                assert_eq!(compose.0["networks"][&network]["internal"], true, "{server} has a way out");
            }
        }
        // Whose word about callers' addresses counts: nginx alone shares that network.
        let trusted = &compose.environment("api")["TRUSTED_PROXIES"];
        let (name, _) = compose.0["networks"]
            .as_object()
            .unwrap()
            .iter()
            .find(|(_, network)| network["ipam"]["config"][0]["subnet"] == trusted.as_str())
            .expect("a network with these addresses");
        let members: Vec<&String> = compose
            .services()
            .keys()
            .filter(|service| compose.named(service, "networks").contains(name))
            .collect();
        assert_eq!(members, ["api", "nginx"]);
    }
}
