//! Who reaches whom: nobody but those who have to.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::overlay::{Overlay, list, text};
use super::selectors::selects;

/// The rules of a direction that hold for the pod of `owner`.
fn rules<'a>(overlay: &'a Overlay, owner: &str, direction: &str) -> Vec<&'a Value> {
    let pods = overlay.pods();
    let pod = pods.iter().find(|pod| pod.owner == owner).unwrap_or_else(|| panic!("there is no {owner}"));
    let policies = overlay.all("NetworkPolicy").filter(|policy| {
        let types = list(&policy["spec"]["policyTypes"]);
        types.iter().any(|one| text(one).eq_ignore_ascii_case(direction))
            && selects(&policy["spec"]["podSelector"], &pod.labels)
    });
    policies.flat_map(|policy| list(&policy["spec"][direction])).collect()
}

/// Who of this namespace may connect to `owner`'s port.
fn callers(overlay: &Overlay, owner: &str, port: u16) -> BTreeSet<String> {
    let peers = peers(overlay, owner, "ingress", port);
    let pods = overlay.pods();
    let mut found = BTreeSet::new();
    for peer in peers {
        let elsewhere = &peer["namespaceSelector"];
        if elsewhere.is_null() {
            let some = pods.iter().filter(|pod| selects(&peer["podSelector"], &pod.labels));
            found.extend(some.map(|pod| pod.owner.clone()));
        } else {
            found.insert(namespaces(elsewhere));
        }
    }
    found
}

fn namespaces(selector: &Value) -> String {
    let name = &selector["matchLabels"]["kubernetes.io/metadata.name"];
    let names = list(&selector["matchExpressions"][0]["values"]).iter().map(text);
    name.as_str().map_or_else(|| names.collect::<Vec<_>>().join(" "), str::to_owned)
}

fn peers<'a>(overlay: &'a Overlay, owner: &str, direction: &str, port: u16) -> Vec<&'a Value> {
    let side = if direction == "ingress" { "from" } else { "to" };
    let rules = rules(overlay, owner, direction).into_iter();
    let fitting = rules.filter(|rule| list(&rule["ports"]).iter().any(|one| one["port"] == port));
    fitting
        .flat_map(|rule| {
            let peers = list(&rule[side]);
            assert!(!peers.is_empty() || direction == "egress", "anybody may connect to {owner}: {rule}");
            peers
        })
        .collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[test]
fn what_is_not_allowed_is_denied() {
    for (name, overlay) in Overlay::both() {
        let deny = overlay.one("NetworkPolicy", "default-deny");
        assert_eq!(deny["spec"], json!({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}), "{name}");
        for pod in overlay.pods() {
            for rule in rules(overlay, &pod.owner, "ingress") {
                assert!(!list(&rule["ports"]).is_empty(), "{name}: all ports of {}", pod.owner);
            }
        }
    }
}

#[test]
fn only_prometheus_reaches_the_operators_port_and_only_ingress_controllers_the_public_one() {
    for (name, overlay) in Overlay::both() {
        for owner in ["Deployment api", "Deployment worker"] {
            assert_eq!(callers(overlay, owner, 9464), set(&["monitoring"]), "{name}, {owner}");
        }
        assert_eq!(callers(overlay, "Deployment api", 3001), set(&["ingress-nginx nginx-ingress"]), "{name}");
        let scrapers = peers(overlay, "Deployment api", "ingress", 9464);
        assert!(scrapers.iter().all(|peer| peer["podSelector"].is_object()), "{name}: any pod of monitoring");
    }
}

#[test]
fn the_public_service_and_the_ingress_have_no_way_to_the_operators_port() {
    for (name, overlay) in Overlay::both() {
        for service in overlay.all("Service") {
            let admin = list(&service["spec"]["ports"]).iter().any(|port| port["targetPort"] == "admin");
            if admin {
                assert_eq!(service["spec"]["clusterIP"], "None", "{name}: {service}");
            }
            assert!(service["spec"]["type"].is_null(), "{name}: reachable from outside: {service}");
        }
    }
    let ingress = Overlay::production().one("Ingress", "calrelay");
    for rule in list(&ingress["spec"]["rules"]) {
        let hosts = list(&ingress["spec"]["tls"]).iter().flat_map(|tls| list(&tls["hosts"]));
        assert!(hosts.into_iter().any(|host| *host == rule["host"]), "{rule} without TLS");
        for path in list(&rule["http"]["paths"]) {
            assert_eq!(path["backend"]["service"], json!({"name": "api", "port": {"name": "http"}}));
        }
    }
    let url = &Overlay::production().settings()["PUBLIC_URL"];
    assert_eq!(*url, format!("https://{}", text(&ingress["spec"]["rules"][0]["host"])));
}

#[test]
fn the_roles_reach_their_servers_and_nobody_else_does() {
    let ours = ["Deployment api", "Deployment worker", "Job setup"];
    for (name, overlay) in Overlay::both() {
        let rabbitmq = if name == "dev" { "StatefulSet rabbitmq" } else { "RabbitmqCluster rabbitmq" };
        let servers = [(rabbitmq, 5672), ("Deployment redis", 6379), ("StatefulSet vault", 6379)];
        for (server, port) in servers {
            assert_eq!(callers(overlay, server, port), set(&ours), "{name}, {server}");
            let pods = overlay.pods();
            let labels = &pods.iter().find(|pod| pod.owner == server).expect("it is there").labels;
            for owner in ours {
                let allowed = peers(overlay, owner, "egress", port);
                let reaches = allowed
                    .iter()
                    .any(|peer| peer["podSelector"].is_object() && selects(&peer["podSelector"], labels));
                assert!(reaches, "{name}: {owner} cannot reach {server}");
            }
        }
        for owner in overlay.pods().iter().map(|pod| pod.owner.as_str()) {
            assert!(!peers(overlay, owner, "egress", 53).is_empty(), "{name}: {owner} finds no names");
        }
    }
}

#[test]
fn google_is_reached_in_production_and_nothing_private_with_it() {
    for owner in ["Deployment api", "Deployment worker"] {
        let allowed = peers(Overlay::production(), owner, "egress", 443);
        assert_eq!(allowed.len(), 2, "{owner}: IPv4 and IPv6");
        for block in allowed {
            let except: Vec<&str> = list(&block["ipBlock"]["except"]).iter().map(text).collect();
            let private: &[&str] = match text(&block["ipBlock"]["cidr"]) {
                "0.0.0.0/0" => &["10.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"],
                _ => &["fc00::/7", "fe80::/10"],
            };
            assert!(private.iter().all(|network| except.contains(network)), "{owner}: {block}");
        }
        assert!(peers(Overlay::dev(), owner, "egress", 443).is_empty(), "{owner}: there is a sandbox");
    }
    let sandbox = callers(Overlay::dev(), "Deployment sandbox", 8090);
    assert_eq!(sandbox, set(&["Deployment api", "Deployment worker", "Job setup"]));
}
