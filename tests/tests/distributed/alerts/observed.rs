//! An installation as Prometheus sees it, and what it is told of.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::Value;
use tests::{Installation, Member, PrometheusServer, eventually};

use super::dashboard::Dashboard;
use super::{LIMIT, console, scaled};

/// A Prometheus that scrapes all of an installation.
pub struct Observed {
    prometheus: PrometheusServer,
    began: Instant,
}

/// A time in which faults are made.
pub struct Phase<'a> {
    observed: &'a Observed,
    name: &'static str,
    began: Instant,
    expected: Mutex<BTreeSet<String>>,
}

impl Observed {
    /// Starts Prometheus with the delivered rules, faster.
    pub async fn start(calrelay: &Installation, rabbit: u16, dashboard: &Dashboard) -> Self {
        let rate = scaled::span(Duration::from_secs(15)).as_millis();
        let delivered = include_str!("../../../../deploy/prometheus/prometheus.yml");
        assert!(delivered.contains("scrape_interval: 15s") && delivered.contains("evaluation_interval: 15s"));
        let mut config = format!(
            "global:\n  scrape_interval: {rate}ms\n  scrape_timeout: {rate}ms\n  evaluation_interval: {rate}ms\n\
             rule_files: [alerts.yml]\nscrape_configs:\n"
        );
        let mut job = |role: &str, targets: Vec<(String, String)>| {
            let line = format!("job_name: calrelay-{role}\n");
            assert!(delivered.contains(&line), "the delivered configuration has no {line}");
            config.push_str(&format!("- {line}  static_configs:\n"));
            for (name, address) in targets {
                config.push_str(&format!("  - {{targets: [\"{address}\"], labels: {{instance: {name}}}}}\n"));
            }
        };
        job("api", targets("api", calrelay.apis()));
        job("worker", targets("worker", calrelay.workers()));
        job("rabbitmq", vec![("rabbitmq".to_owned(), format!("127.0.0.1:{rabbit}"))]);
        let (rules, console) = (scaled::rules(), console::page(dashboard));
        let files = [("alerts.yml", rules.as_str()), ("consoles/calrelay.html", &console)];
        let lookback = scaled::span(Duration::from_secs(5 * 60));
        let prometheus = PrometheusServer::start(&config, &files, lookback).await;
        let mut observed = Self { prometheus, began: Instant::now() };
        observed.until_all_are_seen().await;
        observed.began = Instant::now();
        observed
    }

    /// Prometheus takes five seconds to begin with its targets, in its own time; until then it misses them all.
    async fn until_all_are_seen(&self) {
        eventually("every target to be scraped", LIMIT, || async {
            let seen = self.prometheus.query("count(up == 1) == 5").await.unwrap();
            (!seen.is_empty() && self.prometheus.alerts().await.is_empty()).then_some(())
        })
        .await;
    }

    /// The server.
    pub fn prometheus(&self) -> &PrometheusServer {
        &self.prometheus
    }

    /// How long it has looked.
    pub fn span(&self) -> Duration {
        self.began.elapsed()
    }

    /// Looks for so long at an installation with traffic and no faults.
    pub async fn healthy_for(&self, span: Duration) {
        let done = "sum(increase(calrelay_jobs_finished_total{outcome=\"succeeded\"}[10s])) > 100";
        eventually("jobs that succeed", LIMIT, || async {
            (!self.prometheus.query(done).await.unwrap().is_empty()).then_some(())
        })
        .await;
        let began = Instant::now();
        eventually("a quiet time", span + LIMIT, || async { (began.elapsed() >= span).then_some(()) }).await;
        let fired = self.fired_since(self.began).await;
        let seen = self.prometheus.query("avg_over_time(up[1h])").await;
        assert_eq!(fired, BTreeSet::new(), "in a healthy run; how often each was scraped: {seen:#?}");
    }

    /// A time begins in which alerts are expected.
    pub async fn phase(&self, name: &'static str) -> Phase<'_> {
        // What has not ended yet is no surprise.
        let expected =
            Mutex::new(self.firing().await.iter().map(|alert| name_of(&alert["labels"])).collect());
        Phase { observed: self, name, began: Instant::now(), expected }
    }

    /// Returns once no other alert fires.
    pub async fn nothing_fires_but(&self, alert: &str) {
        let silent = || async {
            self.firing().await.iter().all(|firing| name_of(&firing["labels"]) == alert).then_some(())
        };
        eventually("silence", 2 * LIMIT, silent).await;
        eprintln!("{:6.1} s  silence", self.began.elapsed().as_secs_f64());
    }

    /// Has a browser take a picture of the console.
    pub async fn draw(&self, path: &str) {
        console::draw(&self.prometheus, path, self.span()).await;
    }

    async fn fired_since(&self, start: Instant) -> BTreeSet<String> {
        let ago = start.elapsed().as_millis();
        let asked =
            format!("count by (alertname) (count_over_time(ALERTS{{alertstate=\"firing\"}}[{ago}ms]))");
        let fired = self.prometheus.query(&asked).await.unwrap();
        fired.iter().map(|series| name_of(&series["metric"])).collect()
    }

    async fn firing(&self) -> Vec<Value> {
        self.prometheus.alerts().await.into_iter().filter(|alert| alert["state"] == "firing").collect()
    }

    async fn fires(&self, name: &str, labels: &[(&str, &str)]) -> bool {
        self.firing().await.iter().any(|alert| {
            alert["labels"]["alertname"] == name
                && labels.iter().all(|(label, value)| alert["labels"][label] == *value)
        })
    }
}

impl Phase<'_> {
    /// Returns once the alert fires with these labels.
    pub async fn fires(&self, alert: &str, labels: &[(&str, &str)]) {
        self.expected.lock().unwrap().insert(alert.to_owned());
        let what = format!("{}: {alert} {labels:?} to fire", self.name);
        eventually(&what, LIMIT, || async { self.observed.fires(alert, labels).await.then_some(()) }).await;
        self.tell(alert, labels, "fires");
    }

    /// Returns once it does not any more.
    pub async fn ends(&self, alert: &str, labels: &[(&str, &str)]) {
        let what = format!("{}: {alert} {labels:?} to end", self.name);
        eventually(&what, LIMIT, || async { (!self.observed.fires(alert, labels).await).then_some(()) })
            .await;
        self.tell(alert, labels, "has ended");
    }

    /// Nothing else has fired, but for what may linger or follow.
    pub async fn over(self, besides: &[&str]) {
        let mut surprises = self.observed.fired_since(self.began).await;
        let expected = self.expected.into_inner().unwrap();
        surprises.retain(|name| !expected.contains(name) && !besides.contains(&name.as_str()));
        assert_eq!(surprises, BTreeSet::new(), "{}", self.name);
    }

    fn tell(&self, alert: &str, labels: &[(&str, &str)], what: &str) {
        eprintln!(
            "{:6.1} s  {}: {alert} {labels:?} {what}",
            self.observed.began.elapsed().as_secs_f64(),
            self.name
        );
    }
}

fn name_of(labels: &Value) -> String {
    labels["alertname"].as_str().unwrap().to_owned()
}

fn targets(role: &str, members: &[Member]) -> Vec<(String, String)> {
    let address = |member: &Member| member.process().admin("").trim_start_matches("http://").to_owned();
    (1..).zip(members).map(|(number, member)| (format!("{role}-{number}"), address(member))).collect()
}
