//! The README is short and its links lead somewhere; the promises name tests that exist, and the metrics are all told.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use tests::Shape;

const README: &str = include_str!("../../../README.md");
const PROMISES: &str = include_str!("../../../docs/PROMISES.md");
const OPERATIONS: &str = include_str!("../../../docs/OPERATIONS.md");

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
fn the_readme_is_read_in_minutes() {
    assert!(README.len() <= 10 * 1024, "{} bytes: details go to docs/", README.len());
}

#[test]
fn every_promise_links_to_what_holds_it() {
    let rows = PROMISES.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| promise |"));
    let mut held = 0;
    for row in rows {
        let links = links(row);
        assert!(!links.is_empty(), "no test is linked: {row}");
        for link in links {
            assert!(root().join("docs").join(link).exists(), "docs/PROMISES.md links to {link}");
        }
        held += 1;
    }
    assert!(held >= 93, "only {held} promises");
}

#[test]
fn every_test_that_a_promise_names_exists_where_it_says() {
    let mut named = 0;
    for row in PROMISES.lines().filter(|line| line.starts_with("| ")) {
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
            let found = sources(&root().join("docs").join(link)).contains(&format!("fn {name}("));
            assert!(found, "docs/PROMISES.md names the test {name}, which is not in {link}");
            named += 1;
        }
    }
    assert!(named >= 90, "only {named} tests are named");
}

#[test]
fn the_table_of_metrics_names_every_metric_and_no_other() {
    let metrics = Shape::golden("api").and(&Shape::golden("worker")).names();
    let table = OPERATIONS.split("| metric (prefix `calrelay_`) |").nth(1).expect("the table");
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
