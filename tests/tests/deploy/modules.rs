//! The modules of a crate import each other in one direction, and one crate changes records.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::repository::root;

/// Which modules a module names, by the files and folders beside `lib.rs`.
type Imports = BTreeMap<String, BTreeSet<String>>;

/// Notes what the sources in `folder` name, all of them parts of `module` where that is known already.
fn note(folder: &Path, module: Option<&str>, imports: &mut Imports) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if ["lib", "main", "tests", "golden"].contains(&name.as_str()) {
            continue;
        }
        let module = module.unwrap_or(&name);
        if path.is_dir() {
            note(&path, Some(module), imports);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            imports.entry(module.to_owned()).or_default().extend(named(&text));
        }
    }
}

/// The modules of its crate that a source names outside of its comments and tests.
fn named(text: &str) -> BTreeSet<String> {
    let product = text.split("#[cfg(test)]\nmod ").next().unwrap();
    let lines = product.lines().filter(|line| !line.trim_start().starts_with("//"));
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    lines.flat_map(|line| line.split("crate::").skip(1)).map(word).collect()
}

/// Every module that `from` leads to.
fn reach(imports: &Imports, from: &str) -> BTreeSet<String> {
    let (mut found, mut left) = (BTreeSet::new(), vec![from.to_owned()]);
    while let Some(module) = left.pop() {
        for next in imports.get(&module).into_iter().flatten().filter(|next| **next != module) {
            if found.insert(next.clone()) {
                left.push(next.clone());
            }
        }
    }
    found
}

/// The modules that lead to themselves.
fn in_circles(sources: &str) -> Vec<String> {
    let mut imports = Imports::new();
    note(&root().join(sources), None, &mut imports);
    assert!(!imports.is_empty(), "{sources} has no modules");
    imports.keys().filter(|module| reach(&imports, module).contains(*module)).cloned().collect()
}

#[test]
fn no_module_imports_itself_by_way_of_others() {
    let adapters = ["embedded", "postgres", "rabbitmq", "redis"].map(|name| format!("adapters/{name}/src"));
    let others = ["accounts", "calrelay", "common", "google", "lifecycle", "notices", "testing", "worker"]
        .map(|name| format!("{name}/src"));
    for sources in adapters.into_iter().chain(others) {
        assert_eq!(in_circles(&sources), [""; 0], "{sources}");
    }
}

/// The contract lists the handlers, and one of them serves it.
#[test]
fn in_the_ingress_the_contract_and_the_routes_alone_import_each_other() {
    assert_eq!(in_circles("api/src"), ["openapi", "routes"]);
}

/// The sources in `folder` whose product code takes a step on the store itself.
fn takers(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            takers(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let product = text.split("#[cfg(test)]\nmod ").next().unwrap();
            let words: String = product.split_whitespace().collect();
            if words.contains("store.take(")
                || words.contains("store().take(")
                || words.contains("JobStore::take")
            {
                found.insert(path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
}

/// Beside the lifecycle: the records of a worker, for its attempts.
#[test]
fn a_record_is_changed_by_the_lifecycle_but_for_attempts() {
    let of = |crates: &[&str]| {
        let mut found = BTreeSet::new();
        crates.iter().for_each(|name| takers(&root().join(name).join("src"), &mut found));
        found
    };
    let others = ["accounts", "api", "bench", "calrelay", "common", "google", "notices", "sandbox", "worker"];
    assert_eq!(of(&others), BTreeSet::from(["worker/src/records.rs".to_owned()]));
    assert!(of(&["lifecycle"]).len() > 5, "the lifecycle's own steps are seen");
}
