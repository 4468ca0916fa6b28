//! One overlay, rendered.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

use super::selectors::Labels;
use crate::repository::root;

/// The oldest and the newest Kubernetes that k8s/README.md promises.
pub const VERSIONS: [&str; 2] = ["1.30", "1.37"];

/// Every object of an overlay.
pub struct Overlay(Vec<Value>);

/// A pod that there will be: of a workload, or of an operator.
pub struct Pod<'a> {
    /// Whose it is, such as `Deployment api`.
    pub owner: String,
    /// Its labels.
    pub labels: Labels,
    /// Its specification, where we write it.
    pub spec: Option<&'a Value>,
}

/// A copy of k8s/, with secrets made as its README says.
pub fn copy() -> TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let [k8s, deploy] = ["k8s", "deploy"].map(|folder| root().join(folder));
    let copied = Command::new("cp").arg("-R").args([k8s, deploy]).arg(dir.path()).status();
    assert!(copied.expect("cp runs").success());
    let folder = dir.path().join("k8s/overlays/dev/secrets");
    // Somebody may have tried the overlay here.
    if folder.exists() {
        std::fs::remove_dir_all(&folder).expect("it is a copy");
    }
    let made = Command::new(dir.path().join("k8s/secrets.sh")).arg(&folder).output();
    assert!(made.expect("it runs").status.success());
    dir
}

/// Renders and validates an overlay of a [`copy`].
///
/// # Errors
/// What is wrong with it, a line each.
pub fn render(copy: &Path, name: &str) -> Result<Overlay, String> {
    let python = std::env::var("CALRELAY_PYTHON").expect(
        "CALRELAY_PYTHON must name a Python that has kubernetes-validate: run ./test.sh, which makes one",
    );
    let output = Command::new(python)
        .arg(root().join("tests/k8s/render.py"))
        .arg(copy.join("k8s/overlays").join(name))
        .args(VERSIONS)
        .output()
        .expect("Python runs");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(Overlay(serde_json::from_slice(&output.stdout).expect("an array")))
}

impl Overlay {
    /// As it is for production.
    pub fn production() -> &'static Self {
        static ONCE: OnceLock<Overlay> = OnceLock::new();
        ONCE.get_or_init(|| render(copy().path(), "production").unwrap_or_else(|wrong| panic!("{wrong}")))
    }

    /// As it is for a laptop.
    pub fn dev() -> &'static Self {
        static ONCE: OnceLock<Overlay> = OnceLock::new();
        ONCE.get_or_init(|| render(copy().path(), "dev").unwrap_or_else(|wrong| panic!("{wrong}")))
    }

    /// Both, with their names.
    pub fn both() -> [(&'static str, &'static Self); 2] {
        [("production", Self::production()), ("dev", Self::dev())]
    }

    /// The objects of a kind.
    pub fn all(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.0.iter().filter(move |object| object["kind"] == kind)
    }

    /// Every object.
    pub fn objects(&self) -> &[Value] {
        &self.0
    }

    /// An object that must be there.
    pub fn one(&self, kind: &str, name: &str) -> &Value {
        self.find(kind, name).unwrap_or_else(|| panic!("there is no {kind} {name}"))
    }

    /// An object, if it is there.
    pub fn find(&self, kind: &str, name: &str) -> Option<&Value> {
        self.all(kind).find(|object| object["metadata"]["name"] == name)
    }

    /// What the generated ConfigMap says.
    pub fn settings(&self) -> BTreeMap<String, String> {
        // Behind its name there may be a hash.
        let named = |map: &&Value| text(&map["metadata"]["name"]).split('-').next() == Some("calrelay");
        let map = self.all("ConfigMap").find(named).expect("there is one");
        serde_json::from_value(map["data"].clone()).expect("texts")
    }

    /// Every pod that there will be.
    pub fn pods(&self) -> Vec<Pod<'_>> {
        let mut pods = Vec::new();
        for object in &self.0 {
            let owner = title(object);
            let template = &object["spec"]["template"];
            if template.is_object() {
                let labels = labels(&template["metadata"]["labels"]);
                pods.push(Pod { owner, labels, spec: Some(&template["spec"]) });
            } else if object["kind"] == "RabbitmqCluster" {
                // As its operator labels them.
                let name = object["metadata"]["name"].as_str().expect("a name").to_owned();
                let labels = Labels::from([
                    ("app.kubernetes.io/name".to_owned(), name),
                    ("app.kubernetes.io/component".to_owned(), "rabbitmq".to_owned()),
                    ("app.kubernetes.io/part-of".to_owned(), "rabbitmq".to_owned()),
                ]);
                pods.push(Pod { owner, labels, spec: None });
            }
        }
        pods
    }

    /// The pods that run calrelay, by role, with their only container.
    pub fn calrelays(&self) -> Vec<(String, &Value, &Value)> {
        let pods = self.pods().into_iter().filter_map(|pod| pod.spec);
        let ours = pods.filter_map(|spec| {
            let container = &spec["containers"][0];
            let image = container["image"].as_str().expect("an image");
            let role = container["args"][0].as_str()?;
            image.contains("calrelay").then(|| (role.to_owned(), spec, container))
        });
        ours.collect()
    }
}

/// Kind and name.
pub fn title(object: &Value) -> String {
    format!(
        "{} {}",
        object["kind"].as_str().expect("a kind"),
        object["metadata"]["name"].as_str().expect("a name")
    )
}

/// Labels as they are written.
pub fn labels(value: &Value) -> Labels {
    serde_json::from_value(value.clone()).expect("labels")
}

/// The items of a list that may be missing.
pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A text that must be there.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}
