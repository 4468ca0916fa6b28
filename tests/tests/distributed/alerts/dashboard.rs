//! The dashboard as it is delivered, and its queries.

use std::time::Duration;

use serde_json::Value;
use tests::PrometheusServer;

use super::scaled;

/// `deploy/grafana/dashboards/calrelay.json`
pub struct Dashboard(Value);

/// A panel that is no row.
pub struct Panel<'a> {
    /// What it says above it.
    pub title: &'a str,
    /// What Grafana calls the unit.
    pub unit: &'a str,
    /// The row that it is in.
    pub row: &'a str,
    /// Whether it draws lines over time.
    pub graph: bool,
    /// Whether it draws one upon the other.
    pub stacked: bool,
    /// What it asks, its variables filled in, and how each answer is named.
    pub queries: Vec<(String, &'a str)>,
}

impl Dashboard {
    /// Reads the file.
    pub fn read() -> Self {
        let text = include_str!("../../../../deploy/grafana/dashboards/calrelay.json");
        Self(serde_json::from_str(text).unwrap())
    }

    /// Its panels, in its order.
    pub fn panels(&self) -> Vec<Panel<'_>> {
        let mut row = "";
        let mut panels = Vec::new();
        for panel in self.0["panels"].as_array().unwrap() {
            let title = panel["title"].as_str().expect("a title");
            if panel["type"] == "row" {
                row = title;
                continue;
            }
            let queries = panel["targets"].as_array().unwrap().iter().map(|target| {
                let legend = target["legendFormat"].as_str().filter(|legend| !legend.is_empty());
                (
                    filled_in(target["expr"].as_str().unwrap()),
                    legend.unwrap_or_else(|| panic!("{title}: no legend")),
                )
            });
            panels.push(Panel {
                title,
                unit: panel["fieldConfig"]["defaults"]["unit"]
                    .as_str()
                    .unwrap_or_else(|| panic!("{title}: no unit")),
                row,
                graph: panel["type"] == "timeseries",
                stacked: panel["fieldConfig"]["defaults"]["custom"]["stacking"]["mode"] == "normal",
                queries: queries.collect(),
            });
        }
        panels
    }

    /// Fails unless every query is understood and had something to show within `span`, which saw every trouble.
    pub async fn every_query_has_an_answer(&self, prometheus: &PrometheusServer, span: Duration) {
        let mut wrong = Vec::new();
        let mut asked = 0;
        for panel in self.panels() {
            for (query, _) in &panel.queries {
                asked += 1;
                match prometheus.query_range(query, span, Duration::from_secs(1)).await {
                    Ok(series) if series.iter().any(has_numbers) => {}
                    Ok(_) => wrong.push(format!("{}: no data: {query}", panel.title)),
                    Err(told) => wrong.push(format!("{}: {told}: {query}", panel.title)),
                }
            }
        }
        for variable in self.0["templating"]["list"].as_array().unwrap() {
            if variable["type"] == "query" {
                asked += 1;
                let query = variable["query"]["query"].as_str().unwrap();
                let (metric, label) = query
                    .strip_prefix("label_values(")
                    .and_then(|rest| rest.strip_suffix(')')?.split_once(", "))
                    .unwrap();
                let series = prometheus.query(metric).await.unwrap();
                if !series.iter().any(|series| series["metric"][label].is_string()) {
                    wrong.push(format!("no values: {query}"));
                }
            }
        }
        eprintln!("the dashboard asked {asked} things");
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}

/// As Grafana fills the variables in: all workers, and four scrapes for a rate.
fn filled_in(query: &str) -> String {
    let rate = format!("{}ms", scaled::span(Duration::from_secs(4 * 15)).as_millis() * 2);
    let query = query.replace("$__rate_interval", &rate).replace("$instance", ".+");
    assert!(!query.contains('$'), "a variable that this test does not know: {query}");
    query
}

fn has_numbers(series: &Value) -> bool {
    let values = series["values"].as_array().unwrap();
    values.iter().any(|value| value[1].as_str().unwrap().parse::<f64>().is_ok_and(f64::is_finite))
}
