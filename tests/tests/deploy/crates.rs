//! The crates of the workspace and their dependencies are those that docs/ARCHITECTURE.md draws.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use crate::repository::{read, root, run};

/// Who depends on whom.
type Arrows = BTreeSet<(String, String)>;

fn drawn() -> Arrows {
    let text = read("docs/ARCHITECTURE.md");
    let drawing = text.split("```mermaid\nflowchart TD\n").nth(1).expect("a drawing of the crates");
    let drawing = drawing.split("```").next().unwrap();
    let mut arrows = Arrows::new();
    for line in drawing.lines() {
        let (from, to) = line.split_once(" --> ").unwrap_or_else(|| panic!("no arrow: {line}"));
        for from in from.split(" & ") {
            for to in to.split(" & ") {
                let arrow = (from.trim().to_owned(), to.trim().to_owned());
                assert!(arrows.insert(arrow), "drawn twice: {line}");
            }
        }
    }
    arrows
}

/// Of the kind that `[dependencies]` is, or `dev` for `[dev-dependencies]`.
fn real(kind: Option<&str>) -> Arrows {
    let mut cargo = Command::new("cargo");
    cargo.args(["metadata", "--format-version", "1", "--no-deps", "--offline"]).current_dir(root());
    let metadata: Value = serde_json::from_str(&run(&mut cargo)).unwrap();
    let mut arrows = Arrows::new();
    for package in metadata["packages"].as_array().unwrap() {
        for dependency in package["dependencies"].as_array().unwrap() {
            if dependency["path"].is_string() && dependency["kind"].as_str() == kind {
                let name = |value: &Value| value["name"].as_str().unwrap().to_owned();
                arrows.insert((name(package), name(dependency)));
            }
        }
    }
    arrows
}

#[test]
fn crates_depend_on_each_other_as_drawn() {
    let (drawn, real) = (drawn(), real(None));
    assert!(real.len() > 10, "{real:?}");
    let missing: Vec<_> = real.difference(&drawn).collect();
    let gone: Vec<_> = drawn.difference(&real).collect();
    assert!(missing.is_empty() && gone.is_empty(), "not drawn: {missing:?}; drawn and not there: {gone:?}");
}

#[test]
fn the_domain_knows_no_server_and_the_ingress_and_the_worker_no_adapter() {
    let manifest = read("common/Cargo.toml");
    for library in ["lapin", "redis", "rusqlite", "postgres", "actix", "reqwest"] {
        assert!(!manifest.contains(library), "common knows {library}");
    }
    for (from, to) in real(None) {
        let is_free = match from.as_str() {
            "common" => false,
            "lifecycle" | "notices" => to == "common" || to == "accounts",
            "api" => ["common", "accounts", "lifecycle"].contains(&to.as_str()),
            "worker" => ["common", "accounts", "lifecycle", "notices"].contains(&to.as_str()),
            adapter if adapter.starts_with("adapter-") => to == "common",
            _ => true,
        };
        assert!(is_free, "{from} must not depend on {to}");
    }
    // Their tests may use adapters, but never each other.
    let tests = real(Some("dev"));
    for pair in [("api", "worker"), ("worker", "api")] {
        assert!(!tests.contains(&(pair.0.to_owned(), pair.1.to_owned())), "{pair:?}");
    }
}
