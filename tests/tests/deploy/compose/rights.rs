//! What each may do and use, and who can read its secrets.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use super::{Compose, OURS, texts};
use crate::manual::understands;
use crate::repository::{run, with_secrets};

fn seconds(text: &str) -> u32 {
    text.strip_suffix('s')
        .and_then(|number| number.parse().ok())
        .unwrap_or_else(|| panic!("{text}: in seconds"))
}

/// Redis' and Docker's sizes.
fn bytes(text: &str) -> u64 {
    let number: u64 = text.trim_end_matches(|c: char| c.is_ascii_alphabetic()).parse().unwrap();
    match text.to_ascii_lowercase().trim_start_matches(|c: char| c.is_ascii_digit()) {
        "m" | "mb" => number << 20,
        "g" | "gb" => number << 30,
        other => panic!("{text}: {other}"),
    }
}

#[test]
fn secrets_are_out_of_everybody_elses_reach_and_stay_as_they_are() {
    use std::os::unix::fs::PermissionsExt as _;
    let made = with_secrets();
    let secrets = made.path().join("secrets");
    assert_eq!(std::fs::metadata(&secrets).unwrap().permissions().mode() & 0o777, 0o700);
    let contents = || -> BTreeMap<String, Vec<u8>> {
        let files = std::fs::read_dir(&secrets).unwrap().map(Result::unwrap);
        files
            .map(|file| (file.file_name().into_string().unwrap(), std::fs::read(file.path()).unwrap()))
            .collect()
    };
    let before = contents();
    for (name, content) in &before {
        assert!(!content.is_empty(), "{name} is empty");
        let mode = std::fs::metadata(secrets.join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o444, "{name}: containers have users of their own");
    }
    run(&mut Command::new(made.path().join("deploy/secrets.sh")));
    for (name, content) in contents() {
        // Its salt is another one.
        assert!(name == "rabbitmq-definitions.json" || before[&name] == content, "{name} has changed");
    }
}

#[test]
fn nothing_has_more_rights_than_it_needs_and_everything_has_limits() {
    for compose in Compose::all() {
        for (name, service) in compose.services() {
            assert_eq!(texts(&service["cap_drop"]), ["ALL"], "{name}");
            assert_eq!(texts(&service["security_opt"]), ["no-new-privileges:true"], "{name}");
            assert_eq!(service["privileged"], Value::Null, "{name}");
            // RabbitMQ's image writes beside its data.
            assert_eq!(service["read_only"] == true, name != "rabbitmq", "{name}");
            // Ours is a number in the image.
            let user = service["user"].as_str().unwrap_or("65532:65532");
            assert!(user.split(':').next().unwrap().parse::<u32>().unwrap() > 0, "{name}: {user}");
            let limits = &service["deploy"]["resources"]["limits"];
            assert!(limits["memory"].is_string() && limits["cpus"].is_string(), "{name}: {limits}");
            let restart = if name == "setup" { "no" } else { "unless-stopped" };
            assert_eq!(service["restart"], restart, "{name}");
            let check = &service["healthcheck"];
            match texts(&check["test"]).split_first() {
                None => assert_eq!(check["disable"], true, "{name} has no health check"),
                Some((_, words)) if OURS.contains(&name.as_str()) => {
                    assert_eq!(words[0], "calrelay");
                    assert!(understands(&words[1..]), "{words:?}");
                }
                Some(_) => {}
            }
        }
        for name in ["redis", "vault"] {
            let Some(service) = compose.services().get(name) else { continue };
            let command = compose.command(name);
            let option =
                |name: &str| command.iter().position(|word| word == name).map(|at| command[at + 1].as_str());
            assert_eq!(option("--maxmemory-policy"), Some("noeviction"));
            if let Some(most) = option("--maxmemory") {
                assert!(
                    bytes(most) < bytes(service["deploy"]["resources"]["limits"]["memory"].as_str().unwrap())
                );
            }
        }
    }
}

#[test]
fn stopping_takes_no_longer_than_docker_waits() {
    for compose in Compose::all() {
        for name in ["api", "worker"] {
            let drain: u32 = compose.environment(name)["DRAIN_SECONDS"].parse().unwrap();
            let grace = seconds(compose.service(name)["stop_grace_period"].as_str().unwrap());
            assert!(grace >= drain + 20, "{name}: {grace} s");
            let nginx = seconds(compose.service("nginx")["stop_grace_period"].as_str().unwrap());
            assert!(nginx >= drain);
        }
    }
}
