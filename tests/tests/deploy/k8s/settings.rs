//! Variables, ports, images and paths are those that the program has.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;
use tests::Launch;

use super::overlay::{Overlay, list, text, title};
use crate::manual::{understands, variables};
use crate::repository::read;

#[test]
fn every_variable_is_one_that_the_program_knows() {
    let known = variables();
    assert!(known.len() > 30, "{known:?}");
    for (name, overlay) in Overlay::both() {
        for variable in overlay.settings().keys() {
            assert!(known.contains_key(variable), "{name}: {variable}");
        }
        for (role, _, container) in overlay.calrelays() {
            for variable in list(&container["env"]) {
                assert!(known.contains_key(text(&variable["name"])), "{name}, {role}: {variable}");
            }
        }
    }
}

#[test]
fn every_port_is_one_that_the_program_listens_on() {
    for (name, overlay) in Overlay::both() {
        let settings = overlay.settings();
        let ports = [("http", &settings["PORT"]), ("admin", &settings["ADMIN_PORT"])];
        let roles = overlay.calrelays();
        for (role, wanted) in [("api", &ports[..]), ("worker", &ports[1..])] {
            let (_, _, container) = roles.iter().find(|(found, ..)| found == role).expect("it is there");
            let written: Vec<_> = list(&container["ports"])
                .iter()
                .map(|port| (text(&port["name"]), port["containerPort"].to_string()))
                .collect();
            let wanted: Vec<_> = wanted.iter().map(|(name, port)| (*name, (*port).clone())).collect();
            assert_eq!(written, wanted, "{name}, {role}");
        }
        assert_eq!(settings["BIND"], "0.0.0.0", "{name}: nobody else could reach it");
        named_ports_are_there(overlay);
    }
}

/// Services and probes call ports by the names that containers give them.
fn named_ports_are_there(overlay: &Overlay) {
    let pods = overlay.pods();
    for service in overlay.all("Service") {
        let selector = serde_json::json!({"matchLabels": service["spec"]["selector"]});
        let pod = pods.iter().find(|pod| super::selectors::selects(&selector, &pod.labels)).expect("a pod");
        let named = names(pod.spec.expect("ours"));
        for port in list(&service["spec"]["ports"]) {
            assert!(named.contains(text(&port["targetPort"])), "{}: {port}", title(service));
        }
    }
    for pod in &pods {
        let Some(spec) = pod.spec else { continue };
        for container in list(&spec["containers"]) {
            for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
                for way in ["httpGet", "tcpSocket"] {
                    if let Some(port) = container[probe][way]["port"].as_str() {
                        assert!(names(spec).contains(port), "{}: {probe} asks {port}", pod.owner);
                    }
                }
            }
        }
    }
}

fn names(spec: &Value) -> BTreeSet<&str> {
    let containers = list(&spec["containers"]).iter();
    containers.flat_map(|container| list(&container["ports"])).map(|port| text(&port["name"])).collect()
}

#[tokio::test]
async fn probes_ask_what_the_program_answers() {
    let calrelay = Launch::new().with("DEV_NO_AUTH", 1).start().await;
    for (name, overlay) in Overlay::both() {
        for (role, _, container) in overlay.calrelays() {
            if !["api", "worker"].contains(&role.as_str()) {
                continue;
            }
            for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
                let question = &container[probe]["httpGet"];
                assert_eq!(question["port"], "admin", "{name}, {role}: {probe}");
                let path = text(&question["path"]);
                let reply = calrelay.http().get(calrelay.admin(path)).send().await.expect("an answer");
                assert_eq!(reply.status(), 200, "{name}, {role}: {probe} asks {path}");
            }
            let readiness = text(&container["readinessProbe"]["httpGet"]["path"]);
            assert_eq!(readiness, "/readyz", "{name}, {role}: nothing else turns when it drains");
        }
    }
}

#[test]
fn pods_have_twenty_seconds_more_than_their_drain() {
    for (name, overlay) in Overlay::both() {
        let drain: u64 = overlay.settings()["DRAIN_SECONDS"].parse().expect("seconds");
        for (role, spec, _) in overlay.calrelays() {
            if ["api", "worker"].contains(&role.as_str()) {
                let grace = spec["terminationGracePeriodSeconds"].as_u64().expect("seconds");
                assert!(grace > drain + 20, "{name}, {role}: {grace} s");
            }
        }
    }
}

#[test]
fn every_role_is_a_command_with_arguments_that_it_takes() {
    for (name, overlay) in Overlay::both() {
        let mut roles: Vec<_> = overlay.calrelays().into_iter().map(|(role, ..)| role).collect();
        roles.sort();
        let wanted: &[&str] =
            if name == "dev" { &["api", "sandbox", "setup", "worker"] } else { &["api", "setup", "worker"] };
        assert_eq!(roles, wanted, "{name}");
    }
    for (name, overlay) in Overlay::both() {
        for (role, _, container) in overlay.calrelays() {
            let arguments: Vec<String> =
                list(&container["args"]).iter().map(|argument| text(argument).to_owned()).collect();
            assert!(understands(&arguments), "{name}, {role}: {arguments:?}");
        }
    }
}

#[test]
fn images_are_pinned_and_the_same_as_elsewhere() {
    let compose = read("docker-compose.yml");
    let mut servers = BTreeSet::new();
    for (name, overlay) in Overlay::both() {
        let written = overlay.pods().into_iter().filter_map(|pod| pod.spec);
        let mut images: Vec<&str> =
            written.flat_map(|spec| list(&spec["containers"])).map(|one| text(&one["image"])).collect();
        images.extend(overlay.all("RabbitmqCluster").map(|cluster| text(&cluster["spec"]["image"])));
        for image in images {
            let (_, tag) = image.rsplit_once(':').unwrap_or_else(|| panic!("{name}: {image} has no version"));
            assert!(tag.contains('.'), "{name}: {image} may be another one tomorrow");
            if image.contains("calrelay") {
                assert_eq!(tag, env!("CARGO_PKG_VERSION"), "{name}: another version's manifests");
            } else {
                servers.insert(image);
            }
        }
    }
    assert_eq!(servers.len(), 2, "{servers:?}");
    for image in servers {
        assert!(compose.contains(&format!("image: {image}\n")), "docker-compose.yml has another {image}");
    }
}

#[test]
fn the_alerts_are_those_of_deploy_prometheus() {
    let copy = super::overlay::copy();
    let rules = copy.path().join("k8s/overlays/production/rules.yaml");
    let kept = std::fs::read_to_string(&rules).expect("a text");
    assert!(Command::new(copy.path().join("k8s/rules.sh")).status().expect("it runs").success());
    let made = std::fs::read_to_string(&rules).expect("a text");
    assert!(kept == made, "run k8s/rules.sh: deploy/prometheus/alerts.yml has changed");
    assert!(kept.matches("- alert: ").count() > 10);
}

#[test]
fn prometheus_jobs_are_called_as_the_alerts_call_them() {
    let overlay = Overlay::production();
    let scraping = read("deploy/prometheus/prometheus.yml");
    let jobs = scraping.lines().filter_map(|line| line.trim().strip_prefix("- job_name: "));
    let wanted: BTreeSet<&str> = jobs.collect();
    let mut found = BTreeSet::new();
    for monitor in overlay.all("ServiceMonitor") {
        if let Some(label) = monitor["spec"]["jobLabel"].as_str() {
            let scraped = overlay.all("Service").filter(|service| {
                let labels = super::overlay::labels(&service["metadata"]["labels"]);
                super::selectors::selects(&monitor["spec"]["selector"], &labels)
            });
            found.extend(scraped.map(|service| text(&service["metadata"]["labels"][label])));
        } else {
            let rules = list(&monitor["spec"]["endpoints"]).iter().flat_map(|one| list(&one["relabelings"]));
            let renamed = rules.filter(|rule| rule["targetLabel"] == "job");
            found.extend(renamed.map(|rule| text(&rule["replacement"])));
        }
    }
    assert_eq!(found, wanted);
}
