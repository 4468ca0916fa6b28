//! The dashboard's panels as a console of Prometheus itself: the same queries, on a page that a browser can take a
//! picture of where there is no Grafana.
//!
//! Prometheus makes a page from a template in Go's language; Debian's package brings the scripts that draw.

use std::fmt::Write as _;
use std::process::Command;
use std::time::Duration;

use tests::PrometheusServer;

use super::dashboard::{Dashboard, Panel};

const HEAD: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>calrelay</title>
<link rel="stylesheet" href="/classic/static/rickshaw/rickshaw.min.css">
<link rel="stylesheet" href="/classic/static/css/prom_console.css">
<style>
body { font: 13px sans-serif; margin: 16px 20px; width: 1720px; }
h1 { font-size: 18px; margin: 0 0 2px; }
h2 { font-size: 14px; margin: 14px 0 4px; border-bottom: 1px solid #ccc; }
.row { display: flex; gap: 10px; }
.panel { width: 424px; }
.prom_graph td { padding: 0; }
.panel b { font-weight: 600; }
.number { flex: 1; text-align: center; background: #f2f4f7; padding: 6px 0; }
.number span { display: block; font-size: 24px; }
</style>
<script src="/classic/static/d3/d3.min.js"></script>
<script src="/classic/static/vendor/rickshaw/vendor/d3.layout.min.js"></script>
<script src="/classic/static/rickshaw/rickshaw.min.js"></script>
<script src="/classic/static/jquery/jquery.min.js"></script>
<script>var PATH_PREFIX = "";</script>
<script src="/classic/static/js/prom_console.js"></script>
</head>
<body>
<h1>calrelay</h1>
<p>The dashboard's queries, drawn by Prometheus.</p>
<script>
// A whole number of pixels a second: the scripts lose samples whose times are not exact.
const seconds = Number(new URLSearchParams(location.search).get("seconds"));
const pixels = seconds <= 192 ? 2 : 1;
const short = value => value === 0 ? "0" : PromConsole.NumberFormatter.humanize(value);
function graph(id, renderer, expr, name) {
  new PromConsole.Graph({ node: document.getElementById(id), expr, name, renderer, width: seconds * pixels, height: 110,
    min: 0, xTitle: "", yTitle: "", yAxisFormatter: short, duration: seconds, endTime: Math.floor(Date.now() / 1000) });
}
</script>
"#;

/// A template of the page.
pub fn page(dashboard: &Dashboard) -> String {
    let mut page = HEAD.to_owned();
    let panels = dashboard.panels();
    // A panel that draws lines does not stand beside one that shows a number.
    for (number, panels) in panels.chunk_by(|a, b| (a.row, a.graph) == (b.row, b.graph)).enumerate() {
        if panels[0].graph && number > 1 || number == 0 {
            let _ = writeln!(page, "<h2>{}</h2>", panels[0].row);
        }
        page.push_str("<div class=\"row\">\n");
        for (place, panel) in panels.iter().enumerate() {
            match panel.graph {
                true => graph(&mut page, &format!("p{number}-{place}"), panel),
                false => stat(&mut page, panel),
            }
        }
        page.push_str("</div>\n");
    }
    page + "</body></html>\n"
}

fn graph(page: &mut String, id: &str, panel: &Panel<'_>) {
    let (queries, legends): (Vec<&String>, Vec<String>) = panel
        .queries
        .iter()
        .map(|(query, legend)| (query, legend.replace("{{", "[[ ").replace("}}", " ]]")))
        .unzip();
    let (queries, legends) = (serde_json::json!(queries), serde_json::json!(legends));
    let Panel { title, unit, .. } = panel;
    let renderer = if panel.stacked { "area" } else { "line" };
    let _ = write!(
        page,
        "<div class=\"panel\"><b>{title}</b> ({unit})<div id=\"{id}\"></div>\n\
         <script>graph(\"{id}\", \"{renderer}\", {queries}, {legends});</script></div>\n"
    );
}

fn stat(page: &mut String, panel: &Panel<'_>) {
    let (query, _) = &panel.queries[0];
    let format = if panel.unit == "s" { "humanizeDuration" } else { "humanize" };
    let _ = writeln!(
        page,
        "<div class=\"number\">{}<span>{{{{ with query `{query}` }}}}{{{{ . | first | value | {format} }}}}\
         {{{{ else }}}}-{{{{ end }}}}</span></div>",
        panel.title
    );
}

/// Has a browser draw the last `span` into a PNG at `path`.
pub async fn draw(prometheus: &PrometheusServer, path: &str, span: Duration) {
    let page = prometheus.url(&format!("/consoles/calrelay.html?seconds={}", span.as_secs()));
    let profile = tempfile::tempdir().unwrap();
    let mut browser = Command::new("chromium");
    browser
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-proxy-server"])
        .args(["--virtual-time-budget=20000", "--window-size=1760,2230"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("--screenshot={path}"))
        .arg(page);
    let output = tokio::task::spawn_blocking(move || browser.output()).await.unwrap().expect("chromium runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
