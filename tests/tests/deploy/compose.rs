//! docker-compose.yml and its overlays: read by a real parser, and every name in them looked up where it leads.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::{Map, Value};

use crate::manual::{understands, variables};
use crate::repository::{read, root, run, with_secrets};

/// What `docker compose -f A -f B …` would start.
pub struct Compose(Value);

const BASE: &str = "docker-compose.yml";
const LIVE: &str = "docker-compose.live.yml";
const POSTGRES: &str = "docker-compose.postgres.yml";

/// Whoever runs calrelay's image.
const OURS: [&str; 4] = ["setup", "api", "worker", "sandbox"];

impl Compose {
    /// Of these files, in this order. Refused unless each, and all of them together, keep to the specification.
    pub fn of(files: &[&str]) -> Self {
        let python = std::env::var("CALRELAY_PYTHON").expect("CALRELAY_PYTHON: run ./test.sh");
        let script = root().join("tests/deploy/compose.py");
        let said =
            run(Command::new(python).arg(script).args(files).current_dir(root()).env_remove("PUBLIC_URL"));
        Self(serde_json::from_str(&said).unwrap())
    }

    /// The usual one.
    pub fn base() -> Self {
        Self::of(&[BASE])
    }

    fn all() -> [Self; 4] {
        let sets: [&[&str]; 4] = [&[BASE], &[BASE, LIVE], &[BASE, POSTGRES], &[BASE, LIVE, POSTGRES]];
        sets.map(Self::of)
    }

    fn services(&self) -> &Map<String, Value> {
        self.0["services"].as_object().unwrap()
    }

    /// A service's own part.
    pub fn service(&self, name: &str) -> &Value {
        self.services().get(name).unwrap_or_else(|| panic!("there is no service {name}"))
    }

    /// A service's variables.
    pub fn environment(&self, name: &str) -> BTreeMap<String, String> {
        let text = |value: &Value| value.as_str().expect("quoted, as everything that is no text").to_owned();
        let variables = self.service(name)["environment"].as_object();
        variables.into_iter().flatten().map(|(name, value)| (name.clone(), text(value))).collect()
    }

    /// A service's command.
    pub fn command(&self, name: &str) -> Vec<String> {
        texts(&self.service(name)["command"])
    }

    /// A service's secrets: where each is found in the container, and its file.
    pub fn secrets(&self, name: &str) -> BTreeMap<String, String> {
        let secrets = self.service(name)["secrets"].as_array();
        let found = secrets.into_iter().flatten().map(|secret| {
            let (source, target) = match secret {
                Value::String(name) => (name.as_str(), format!("/run/secrets/{name}")),
                long => (long["source"].as_str().unwrap(), long["target"].as_str().unwrap().to_owned()),
            };
            let file = self.0["secrets"][source]["file"].as_str();
            (
                target,
                file.unwrap_or_else(|| panic!("{source} is no secret")).trim_start_matches("./").to_owned(),
            )
        });
        found.collect()
    }

    /// How many of it there are.
    pub fn replicas(&self, name: &str) -> usize {
        self.service(name)["deploy"]["replicas"].as_u64().unwrap_or(1).try_into().unwrap()
    }

    /// What a service names of a kind (`networks`, `volumes`), in the short form.
    fn named(&self, service: &str, kind: &str) -> Vec<String> {
        texts(&self.service(service)[kind])
    }
}

/// A list of texts, or none.
fn texts(value: &Value) -> Vec<String> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .map(|item| item.as_str().expect("the short form").to_owned())
        .collect()
}

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
            let waits = match &service["depends_on"] {
                Value::Object(long) => long.iter().map(|(other, how)| (other.clone(), how.clone())).collect(),
                short => texts(short).into_iter().map(|other| (other, Value::Null)).collect::<Vec<_>>(),
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
