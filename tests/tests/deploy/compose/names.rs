//! Every name in them, looked up where it leads.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use super::{BASE, Compose, LIVE, OURS, texts};
use crate::manual::{understands, variables};
use crate::repository::{read, root, run, with_secrets};

#[test]
fn the_files_keep_to_the_specification_alone_and_together() {
    for compose in Compose::all() {
        for name in ["setup", "api", "worker", "rabbitmq", "redis", "nginx", "prometheus", "grafana"] {
            compose.service(name);
        }
        assert_eq!((compose.replicas("api"), compose.replicas("worker")), (2, 2));
    }
}

#[test]
fn every_image_is_pinned_and_ours_is_built_first() {
    let ours = format!(
        "calrelay:{}",
        run(Command::new(tests::program()).arg("--version")).trim().replace("calrelay ", "")
    );
    for compose in Compose::all() {
        for (name, service) in compose.services() {
            let image = service["image"].as_str().expect("an image");
            let (_, tag) = image.split_once(':').expect("a tag");
            assert!(tag.trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit()), "{image} moves");
            assert_eq!(image == ours, OURS.contains(&name.as_str()), "{name}: {image}");
            let (build, pull) = (service["build"].as_str(), service["pull_policy"].as_str());
            match name.as_str() {
                "setup" => assert_eq!((build, pull), (Some("."), Some("build"))),
                ours if OURS.contains(&ours) => assert_eq!((build, pull), (None, Some("never")), "{name}"),
                _ => assert_eq!((build, pull), (None, None), "{name}"),
            }
        }
    }
}

#[test]
fn whatever_is_named_is_there_and_whatever_is_there_is_used() {
    for compose in Compose::all() {
        for kind in ["networks", "volumes", "secrets"] {
            let mut used = BTreeSet::new();
            for (name, service) in compose.services() {
                match kind {
                    "secrets" => {
                        for secret in service[kind].as_array().into_iter().flatten() {
                            used.insert(secret.as_str().or(secret["source"].as_str()).unwrap().to_owned());
                        }
                    }
                    "volumes" => {
                        let volumes = compose.named(name, kind);
                        let source = |volume: &String| volume.split(':').next().unwrap().to_owned();
                        used.extend(volumes.iter().map(source).filter(|source| !source.starts_with('.')));
                    }
                    _ => used.extend(compose.named(name, kind)),
                }
            }
            let mut known: BTreeSet<String> = compose.0[kind].as_object().unwrap().keys().cloned().collect();
            // What belongs to the Redis that is a vault is not taken away where PostgreSQL is one.
            if compose.services().contains_key("postgres") {
                known.retain(|name| !["vault", "vault.conf"].contains(&name.as_str()));
            }
            if !compose.services().contains_key("sandbox") {
                known.remove("sandbox");
            }
            assert_eq!(used, known, "{kind}");
        }
        for (name, service) in compose.services() {
            let waits: Vec<(String, Value)> = match service["depends_on"].as_object() {
                Some(long) => long.clone().into_iter().collect(),
                None => texts(&service["depends_on"]).into_iter().map(|other| (other, Value::Null)).collect(),
            };
            for (other, how) in waits {
                let there = compose.services().contains_key(&other);
                assert!(there || how["required"] == false, "{name} waits for {other}, which is not there");
            }
        }
    }
}

#[test]
fn mounted_files_are_in_the_repository_and_secrets_are_made_by_the_script() {
    let made = with_secrets();
    for compose in Compose::all() {
        for name in compose.services().keys() {
            for volume in compose.named(name, "volumes").iter().filter(|volume| volume.starts_with("./")) {
                let parts: Vec<&str> = volume.split(':').collect();
                assert!(root().join(parts[0]).exists(), "{name}: {} is missing", parts[0]);
                assert_eq!(parts.get(2), Some(&"ro"), "{name}: {volume}");
            }
            for file in compose.secrets(name).into_values() {
                let theirs = file == "secrets/google-credentials.json";
                assert!(
                    theirs || made.path().join(&file).is_file(),
                    "{name}: deploy/secrets.sh does not make {file}"
                );
            }
        }
    }
    assert!(read(".gitignore").lines().any(|line| line == "/secrets"));
}

#[test]
fn variables_secrets_and_commands_are_those_of_the_program() {
    let known = variables();
    for compose in Compose::all() {
        for service in OURS.iter().filter(|name| compose.services().contains_key(**name)) {
            let command = compose.command(service);
            assert_eq!(command[0], *service);
            assert!(understands(&command), "{command:?}");
            let (secrets, mut used) = (compose.secrets(service), BTreeSet::new());
            for (name, value) in compose.environment(service) {
                assert!(known.contains_key(&name), "{service}: {name} is no variable of calrelay's");
                if value.starts_with("/run/secrets/") {
                    assert!(secrets.contains_key(&value), "{service}: {name} leads nowhere");
                    used.insert(value);
                } else {
                    assert!(
                        !known.contains_key(&format!("{name}_FILE")),
                        "{service}: {name} is no secret any more"
                    );
                }
            }
            assert_eq!(used, secrets.into_keys().collect(), "{service} is given what it uses");
            for name in ["PORT", "ADMIN_PORT", "DRAIN_SECONDS"] {
                if let Some(value) = compose.environment(service).get(name) {
                    assert_eq!(*value, known[name], "{name}: other files count on it");
                }
            }
        }
    }
}

#[test]
fn each_is_told_of_one_google() {
    for compose in Compose::all() {
        for name in ["setup", "api", "worker"] {
            let environment = compose.environment(name);
            let named = |name: &str| environment.get(name).filter(|value| !value.is_empty());
            match (named("SANDBOX_URL"), named("GOOGLE_CREDENTIALS")) {
                (Some(sandbox), None) => {
                    assert!(
                        compose
                            .command("sandbox")
                            .contains(&format!("--port={}", sandbox.rsplit(':').next().unwrap()))
                    );
                    assert!(sandbox.starts_with("http://sandbox:"), "{sandbox}");
                }
                (None, Some(_)) => assert!(!compose.services().contains_key("sandbox")),
                both => panic!("{name}: {both:?}"),
            }
        }
    }
    assert_ne!(
        Compose::of(&[BASE, LIVE]).0["name"],
        Compose::base().0["name"],
        "their volumes are not to mix"
    );
}
