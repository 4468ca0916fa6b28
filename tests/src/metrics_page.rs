//! A page of metrics: what is on it, apart from the numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::process::Calrelay;

/// Set, it writes the golden files anew instead of comparing with them.
const REGENERATE: &str = "CALRELAY_REGENERATE";

/// A page, as Prometheus gets it.
pub struct MetricsPage(String);

/// The names, types, helps, labels and buckets of a page, one line for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape(BTreeSet<String>);

impl MetricsPage {
    /// Scrapes a process.
    ///
    /// # Panics
    /// When it does not answer with what Prometheus reads.
    pub async fn of(process: &Calrelay) -> Self {
        let reply = process.http().get(process.admin("/metrics")).send().await.expect("an answer");
        let content_type = reply.headers()["content-type"].to_str().expect("text").to_owned();
        assert!(content_type.starts_with("text/plain; version=0.0.4"), "{content_type}");
        Self(reply.text().await.expect("text"))
    }

    /// The value of one series, written as on the page but without its prefix `calrelay_`.
    ///
    /// # Panics
    /// When there is no such series.
    #[must_use]
    pub fn value(&self, series: &str) -> f64 {
        let name = format!("calrelay_{series} ");
        let value =
            self.0.lines().find_map(|line| line.strip_prefix(&name)).and_then(|text| text.parse().ok());
        value.unwrap_or_else(|| panic!("there is no {series} in\n{}", self.0))
    }

    /// Fails unless Prometheus' own tool has nothing to object to.
    ///
    /// # Panics
    /// When it has.
    pub fn lint(&self) {
        let mut promtool = Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("promtool, of Debian's package prometheus, is there");
        promtool.stdin.take().expect("piped").write_all(self.0.as_bytes()).expect("it reads");
        let output = promtool.wait_with_output().expect("it ends");
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success() && said.is_empty(), "{}", String::from_utf8_lossy(&said));
    }

    /// What is on the page.
    ///
    /// # Panics
    /// When it cannot be read.
    #[must_use]
    pub fn shape(&self) -> Shape {
        let (mut helps, mut buckets) = (BTreeMap::new(), BTreeMap::<String, BTreeSet<Bound>>::new());
        let mut histograms = BTreeSet::new();
        let mut lines = BTreeSet::new();
        for line in self.0.lines().filter(|line| !line.is_empty()) {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, help) = help.split_once(' ').expect("a help");
                helps.insert(name.to_owned(), help.to_owned());
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').expect("a type");
                if kind == "histogram" {
                    histograms.insert(name.to_owned());
                }
                lines.insert(format!("{name}: {kind}: {}", helps[name]));
            } else {
                let (series, _) = line.rsplit_once(' ').expect("a value");
                let (name, labels) = series.split_once('{').unwrap_or((series, ""));
                let (labels, bound) = without_bound(labels.trim_end_matches('}'));
                let stem = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
                let name = stem.filter(|stem| histograms.contains(*stem)).unwrap_or(name);
                lines.insert(format!("{name}{{{}}}", without_version(&labels)));
                buckets.entry(name.to_owned()).or_default().extend(bound.map(Bound));
            }
        }
        for (name, bounds) in buckets.into_iter().filter(|(_, bounds)| !bounds.is_empty()) {
            let bounds: Vec<String> = bounds.into_iter().map(|bound| bound.0).collect();
            lines.insert(format!("{name}: buckets: {}", bounds.join(" ")));
        }
        Shape(lines)
    }
}

/// The upper bound of a bucket, in the order of numbers.
#[derive(PartialEq, Eq)]
struct Bound(String);

impl Ord for Bound {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let number =
            |bound: &Self| bound.0.trim_start_matches('+').to_lowercase().parse::<f64>().expect("a number");
        number(self).total_cmp(&number(other))
    }
}

impl PartialOrd for Bound {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Labels without `le`, which comes last, and that.
fn without_bound(labels: &str) -> (String, Option<String>) {
    match labels.rsplit_once("le=\"") {
        Some((before, bound)) if before.is_empty() || before.ends_with(',') => {
            (before.trim_end_matches(',').to_owned(), Some(bound.trim_end_matches('"').to_owned()))
        }
        Some(_) | None => (labels.to_owned(), None),
    }
}

/// A new release is no new series.
fn without_version(labels: &str) -> String {
    labels.replace(env!("CARGO_PKG_VERSION"), "…")
}

impl Shape {
    /// What is written in `tests/golden/<name>.metrics`.
    ///
    /// # Panics
    /// When there is no such file.
    #[must_use]
    pub fn golden(name: &str) -> Self {
        let text = std::fs::read_to_string(golden(name)).expect("a golden file");
        Self(text.lines().map(str::to_owned).collect())
    }

    /// Fails unless this is what is written in `tests/golden/<name>.metrics`: names and labels are a public interface.
    ///
    /// # Panics
    /// When it is not.
    pub fn is_golden(&self, name: &str) {
        if std::env::var_os(REGENERATE).is_some() {
            let text: String = self.0.iter().map(|line| format!("{line}\n")).collect();
            std::fs::write(golden(name), text).expect("the file can be written");
        }
        self.is(&Self::golden(name), &format!("tests/golden/{name}.metrics; {REGENERATE}=1 writes it anew"));
    }

    /// Fails unless both are the same, and tells the difference.
    ///
    /// # Panics
    /// When they differ.
    pub fn is(&self, other: &Self, what: &str) {
        let missing: Vec<&String> = other.0.difference(&self.0).collect();
        let new: Vec<&String> = self.0.difference(&other.0).collect();
        assert!(
            missing.is_empty() && new.is_empty(),
            "compared with {what}: missing {missing:#?}, new {new:#?}"
        );
    }

    /// What is in either.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0).cloned().collect())
    }

    /// The names of the metrics, each with the names of its labels.
    ///
    /// # Panics
    /// When a line is none.
    #[must_use]
    pub fn names(&self) -> BTreeSet<String> {
        let series = self.0.iter().filter_map(|line| line.split_once('{'));
        let names = series.map(|(name, labels)| {
            let labels =
                labels.trim_end_matches('}').split("\",").filter_map(|label| Some(label.split_once('=')?.0));
            let labels: Vec<&str> = labels.collect();
            if labels.is_empty() { name.to_owned() } else { format!("{name}{{{}}}", labels.join(",")) }
        });
        names.collect()
    }
}

fn golden(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(format!("{name}.metrics"))
}
