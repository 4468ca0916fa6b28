//! What Prometheus is told: it understands it, and no alert is without its cases and its runbook.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::{Map, Value};

use crate::repository::{root, run};

/// Where it is kept.
const FOLDER: &str = "deploy/prometheus";

/// An alert's name, and the labels that tell it from others of that name.
type Alert = (String, BTreeMap<String, String>);

fn promtool(args: &[&str], files: &[String]) {
    run(Command::new("promtool").args(args).args(files).current_dir(root().join(FOLDER)));
}

/// The files with the cases.
fn cases() -> Vec<String> {
    let files = std::fs::read_dir(root().join(FOLDER).join("tests")).unwrap();
    files.map(|file| format!("tests/{}", file.unwrap().file_name().to_str().unwrap())).collect()
}

/// A file of the folder, by a real parser.
fn yaml(file: &str) -> Value {
    const TO_JSON: &str = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))";
    let python = std::env::var("CALRELAY_PYTHON").expect("CALRELAY_PYTHON: run ./test.sh");
    let said = run(Command::new(python).args(["-c", TO_JSON]).arg(root().join(FOLDER).join(file)));
    serde_json::from_str(&said).unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn labels(written: &Map<String, Value>) -> BTreeMap<String, String> {
    written.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
}

/// Every rule of `alerts.yml`.
fn rules() -> BTreeMap<Alert, Value> {
    let file = yaml("alerts.yml");
    let rules = list(&file["groups"]).iter().flat_map(|group| list(&group["rules"]));
    rules
        .map(|rule| {
            let name = rule["alert"].as_str().unwrap().to_owned();
            ((name, labels(rule["labels"].as_object().unwrap())), rule.clone())
        })
        .collect()
}

#[test]
fn prometheus_understands_its_configuration_and_its_rules() {
    promtool(&["check", "config"], &["prometheus.yml".to_owned()]);
    promtool(&["check", "rules"], &["alerts.yml".to_owned()]);
}

#[test]
fn every_alert_fires_in_its_cases_and_in_no_others() {
    promtool(&["test", "rules"], &cases());
}

#[test]
fn every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() {
    let (mut fires, mut silent) = (BTreeSet::new(), BTreeSet::new());
    let rules = rules();
    for case in cases().iter().flat_map(|file| list(&yaml(file)["tests"]).to_vec()) {
        for check in list(&case["alert_rule_test"]) {
            let name = check["alertname"].as_str().unwrap();
            assert!(rules.keys().any(|(known, _)| known == name), "{}: there is no {name}", case["name"]);
            let expected = list(&check["exp_alerts"]);
            if expected.is_empty() {
                silent.insert(name.to_owned());
            }
            for fired in expected {
                let seen = labels(fired["exp_labels"].as_object().unwrap());
                fires.extend(rules.keys().filter(|(known, own)| {
                    known == name && own.iter().all(|(label, value)| seen.get(label) == Some(value))
                }));
            }
        }
    }
    let missing: Vec<&Alert> = rules.keys().filter(|alert| !fires.contains(alert)).collect();
    assert!(missing.is_empty(), "no case in which it fires: {missing:?}");
    let missing: Vec<&Alert> = rules.keys().filter(|(name, _)| !silent.contains(name)).collect();
    assert!(missing.is_empty(), "no case in which it does not: {missing:?}");
}

#[test]
fn every_alert_says_how_urgent_it_is_and_where_its_runbook_is() {
    let rules = rules();
    assert!(rules.len() >= 20, "{}", rules.len());
    for ((name, labels), rule) in &rules {
        let text = |annotation: &str| rule["annotations"][annotation].as_str().unwrap_or_default().to_owned();
        assert!(["page", "ticket"].contains(&labels["severity"].as_str()), "{name}: {labels:?}");
        assert!(!text("summary").is_empty() && !text("description").is_empty(), "{name} says nothing");
        let section = format!("docs/OPERATIONS.md#{}", name.to_lowercase());
        assert_eq!(text("runbook_url"), section, "{name}");
    }
}
