//! Whatever points to something else in the overlay points to something that is there.

use std::collections::BTreeMap;

use serde_json::Value;

use super::overlay::{Overlay, labels, list, text, title};

/// Labels.
pub type Labels = BTreeMap<String, String>;

/// Whether a label selector selects what is labelled so. An empty one selects everything.
pub fn selects(selector: &Value, labels: &Labels) -> bool {
    let known = ["matchLabels", "matchExpressions"];
    let fields = selector.as_object().unwrap_or_else(|| panic!("{selector} is no selector"));
    assert!(fields.keys().all(|field| known.contains(&field.as_str())), "{selector}");
    let equal = selector["matchLabels"].as_object().into_iter().flatten();
    let among = list(&selector["matchExpressions"]).iter();
    equal.into_iter().all(|(name, value)| labels.get(name).is_some_and(|label| value == label))
        && among.into_iter().all(|expression| {
            assert_eq!(expression["operator"], "In", "{expression}");
            let label = labels.get(text(&expression["key"]));
            label.is_some_and(|label| list(&expression["values"]).iter().any(|value| value == label))
        })
}

fn pod_selectors(object: &Value) -> Vec<&Value> {
    let spec = &object["spec"];
    let spread = list(&spec["template"]["spec"]["topologySpreadConstraints"]).iter();
    let mut found: Vec<&Value> = spread.map(|constraint| &constraint["labelSelector"]).collect();
    let apart = &spec["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    found.extend(list(apart).iter().map(|term| &term["labelSelector"]));
    match text(&object["kind"]) {
        "PodDisruptionBudget" => found.push(&spec["selector"]),
        "NetworkPolicy" => {
            found.push(&spec["podSelector"]);
            let rules = list(&spec["ingress"]).iter().map(|rule| &rule["from"]);
            for peers in rules.chain(list(&spec["egress"]).iter().map(|rule| &rule["to"])) {
                let ours = list(peers).iter().filter(|peer| peer["namespaceSelector"].is_null());
                found.extend(ours.map(|peer| &peer["podSelector"]).filter(|selector| selector.is_object()));
            }
        }
        _ => {}
    }
    found
}

#[test]
fn every_selector_selects_a_pod_that_there_will_be() {
    for (name, overlay) in Overlay::both() {
        let pods = overlay.pods();
        let mut seen = 0;
        for object in overlay.objects() {
            for selector in pod_selectors(object) {
                let selected = pods.iter().filter(|pod| selects(selector, &pod.labels)).count();
                assert!(selected > 0, "{name}: {} selects nobody with {selector}", title(object));
                seen += 1;
            }
        }
        assert!(seen > 15, "{name}: only {seen}");
    }
}

#[test]
fn workloads_and_services_select_their_own_pods_and_no_others() {
    for (name, overlay) in Overlay::both() {
        let pods = overlay.pods();
        for object in overlay.objects() {
            let selected = |selector: &Value| -> Vec<&str> {
                pods.iter()
                    .filter(|pod| selects(selector, &pod.labels))
                    .map(|pod| pod.owner.as_str())
                    .collect()
            };
            match text(&object["kind"]) {
                "Deployment" | "StatefulSet" => {
                    assert_eq!(selected(&object["spec"]["selector"]), [title(object)], "{name}");
                }
                "Service" => {
                    let found = selected(&serde_json::json!({"matchLabels": object["spec"]["selector"]}));
                    assert_eq!(found.len(), 1, "{name}: {} selects {found:?}", title(object));
                }
                _ => {}
            }
        }
    }
}

#[test]
fn what_scales_or_is_scraped_is_there() {
    let overlay = Overlay::production();
    for kind in ["HorizontalPodAutoscaler", "ScaledObject"] {
        let scaler = overlay.all(kind).next().expect("there is one");
        let target = &scaler["spec"]["scaleTargetRef"];
        let workload = overlay.one(text(&target["kind"]), text(&target["name"]));
        // A number of its own would undo what the scaler did, at every `kubectl apply`.
        assert!(workload["spec"]["replicas"].is_null(), "{} has two masters", title(workload));
    }
    for route in overlay.all("Ingress").flat_map(|ingress| list(&ingress["spec"]["rules"])) {
        for path in list(&route["http"]["paths"]) {
            let backend = &path["backend"]["service"];
            let service = overlay.one("Service", text(&backend["name"]));
            let ports = list(&service["spec"]["ports"]);
            assert!(ports.iter().any(|port| port["name"] == backend["port"]["name"]), "{backend}");
        }
    }
    let mut services: Vec<(Labels, Vec<&str>)> = overlay
        .all("Service")
        .map(|service| {
            let ports = list(&service["spec"]["ports"]).iter().map(|port| text(&port["name"])).collect();
            (labels(&service["metadata"]["labels"]), ports)
        })
        .collect();
    // As RabbitMQ's operator makes it.
    let rabbitmq = overlay.pods().into_iter().find(|pod| pod.spec.is_none()).expect("RabbitMQ").labels;
    services.push((rabbitmq, vec!["amqp", "management", "prometheus"]));
    for monitor in overlay.all("ServiceMonitor") {
        for endpoint in list(&monitor["spec"]["endpoints"]) {
            let scraped = services.iter().filter(|(labels, ports)| {
                selects(&monitor["spec"]["selector"], labels) && ports.contains(&text(&endpoint["port"]))
            });
            assert!(scraped.count() > 0, "{} finds no service", title(monitor));
        }
    }
}

#[test]
fn a_selector_selects_what_has_all_of_its_labels() {
    let labels = Labels::from([("a".to_owned(), "1".to_owned()), ("b".to_owned(), "2".to_owned())]);
    let one = |selector: Value| selects(&selector, &labels);
    assert!(one(serde_json::json!({})));
    assert!(one(serde_json::json!({"matchLabels": {"a": "1", "b": "2"}})));
    assert!(!one(serde_json::json!({"matchLabels": {"a": "1", "b": "3"}})));
    assert!(one(
        serde_json::json!({"matchExpressions": [{"key": "a", "operator": "In", "values": ["0", "1"]}]})
    ));
    assert!(!one(serde_json::json!({"matchExpressions": [{"key": "c", "operator": "In", "values": ["1"]}]})));
}
