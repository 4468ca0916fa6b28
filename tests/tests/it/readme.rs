//! What the README points to is there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use tests::Shape;

const README: &str = include_str!("../../../README.md");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

/// The targets of the links in `text` that lead into the project.
fn links(text: &str) -> Vec<&str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.starts_with("http")).collect()
}

/// Every Rust source below `path`.
fn sources(path: &Path) -> String {
    if path.is_file() {
        return std::fs::read_to_string(path).expect("a text");
    }
    let entries = std::fs::read_dir(path).expect("a folder");
    entries.map(|entry| entry.expect("an entry").path()).map(|path| sources(&path)).collect()
}

#[test]
fn every_link_of_the_readme_leads_somewhere() {
    let links = links(README);
    assert!(links.len() > 15, "{links:?}");
    for link in links {
        let file = link.split('#').next().expect("a path");
        assert!(root().join(file).exists(), "the README links to {link}, which is not there");
    }
}

#[test]
fn every_test_that_the_readme_names_exists_where_it_says() {
    let mut named = 0;
    for row in README.lines().filter(|line| line.starts_with("| ")) {
        let names = row
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|word| word.contains('_') && !word.contains(['{', '=', '/']));
        for name in names
            .filter(|name| name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'))
        {
            let Some(link) = links(row).last().copied() else {
                continue;
            };
            let found = sources(&root().join(link)).contains(&format!("fn {name}("));
            assert!(found, "the README names the test {name}, which is not in {link}");
            named += 1;
        }
    }
    assert!(named >= 8, "only {named} tests are named");
}

#[test]
fn the_readme_names_every_metric_and_no_other() {
    let metrics = Shape::golden("api").and(&Shape::golden("worker")).names();
    let table = README.split("| metric (prefix `calrelay_`) |").nth(1).expect("the table");
    let rows = table.lines().skip(2).take_while(|row| row.starts_with("| "));
    let mut told = BTreeSet::new();
    for name in
        rows.filter_map(|row| row.split('|').nth(1)).flat_map(|cell| cell.split('`').skip(1).step_by(2))
    {
        let (stem, labels) = name.trim_end_matches('}').split_once('{').unwrap_or((name, ""));
        // A row may be about one value of a label.
        let labels: Vec<&str> = labels.split(',').filter_map(|label| label.split('=').next()).collect();
        let labels: Vec<&str> = labels.into_iter().filter(|label| !label.is_empty()).collect();
        let whole =
            if labels.is_empty() { stem.to_owned() } else { format!("{stem}{{{}}}", labels.join(",")) };
        told.insert(format!("calrelay_{whole}"));
    }
    assert_eq!(told, metrics);
}
