//! docker-compose.yml and its overlays, read by a real parser.

mod names;
mod reach;
mod rights;

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::{Map, Value};

use crate::repository::{root, run};

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
            let (source, target) = match secret.as_str() {
                Some(name) => (name, format!("/run/secrets/{name}")),
                None => (secret["source"].as_str().unwrap(), secret["target"].as_str().unwrap().to_owned()),
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
