//! The real site, in Debian's nginx, before a real calrelay: only its paths and ports are others.

use std::process::Command;
use std::time::{Duration, Instant};

use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{Calrelay, ForeignServer, Launch, eventually, free_port};

use crate::repository::{read, run, with_secrets};

const PROBLEM: &str = "application/problem+json";

/// nginx, and the ports that it has in place of 443 and 80.
struct Nginx {
    server: ForeignServer,
    https: u16,
    http: u16,
    client: Client,
}

impl Nginx {
    /// Before an ingress on `upstream`.
    async fn before(upstream: u16, https: u16) -> Self {
        let (dir, http) = (with_secrets(), free_port());
        write_site(&dir, upstream, https, http);
        let config = dir.path().join("nginx.conf").to_str().unwrap().to_owned();
        let tested = Command::new("nginx").args(["-t", "-c", &config]).output().unwrap();
        let said = String::from_utf8_lossy(&tested.stderr);
        assert!(tested.status.success() && !said.contains("[warn]"), "{said}");

        let certificate = std::fs::read(dir.path().join("secrets/tls-certificate.pem")).unwrap();
        let client = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .tls_certs_only([reqwest::Certificate::from_pem(&certificate).unwrap()])
            .timeout(Duration::from_secs(60))
            .build()
            .unwrap();
        let command = ["nginx", "-c", &config, "-g", "daemon off;"].map(str::to_owned);
        let server = ForeignServer::start(&command, &[], dir, https).await;
        Self { server, https, http, client }
    }

    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.https)
    }

    async fn get(&self, path: &str) -> Response {
        self.client.get(self.url(path)).send().await.unwrap()
    }

    async fn post(&self, key: &str, event: &Value) -> String {
        let request = self.client.post(self.url("/api/v1/events")).bearer_auth(key).json(event);
        let reply = request.send().await.unwrap();
        assert_eq!(reply.status(), StatusCode::ACCEPTED);
        reply.json::<Value>().await.unwrap()["jobId"].as_str().unwrap().to_owned()
    }

    async fn cancel(&self, key: &str, job: &str) {
        let request = self.client.delete(self.url(&format!("/api/v1/jobs/{job}"))).bearer_auth(key);
        assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
    }

    /// Everything it has logged.
    fn log(&self) -> String {
        let access = std::fs::read_to_string(self.server.dir().join("access.log")).unwrap_or_default();
        access + &self.server.log()
    }
}

/// The files as a container has them, with other paths and ports.
fn write_site(dir: &TempDir, upstream: u16, https: u16, http: u16) {
    let folder = dir.path().to_str().unwrap();
    let replaced = |path: &str, pairs: &[(&str, String)]| {
        let mut text = read(path);
        for (from, to) in pairs {
            assert!(text.contains(from), "{path} has no {from}");
            text = text.replace(from, to);
        }
        text
    };
    let site = replaced(
        "deploy/nginx/calrelay.conf",
        &[
            ("listen 80;", format!("listen 127.0.0.1:{http};")),
            ("listen 443 ", format!("listen 127.0.0.1:{https} ")),
            ("/var/log/nginx/access.log", format!("{folder}/access.log")),
            ("/etc/nginx/tls/certificate.pem", format!("{folder}/secrets/tls-certificate.pem")),
            ("/etc/nginx/tls/key.pem", format!("{folder}/secrets/tls-key.pem")),
        ],
    );
    let to = ("server 127.0.0.1:3001;", format!("server 127.0.0.1:{upstream};"));
    let upstream = replaced("deploy/nginx/upstream.conf", &[to]);
    let all = replaced(
        "deploy/nginx/container/nginx.conf",
        &[("/tmp/", format!("{folder}/")), ("/etc/nginx/calrelay/", format!("{folder}/"))],
    );
    // Its processes are to come as far as this folder.
    let user = if run(Command::new("id").arg("-u")).trim() == "0" { "user root;\n" } else { "" };
    for (name, text) in
        [("calrelay.conf", site), ("upstream.conf", upstream), ("nginx.conf", format!("{user}{all}"))]
    {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
}

/// Both, knowing each other.
async fn installed(launch: Launch) -> (Calrelay, Nginx) {
    let https = free_port();
    let launch =
        launch.with("PUBLIC_URL", format!("https://localhost:{https}")).with("TRUSTED_PROXIES", "127.0.0.1");
    let calrelay = launch.start().await;
    let port = launch.url("").rsplit(':').next().unwrap().parse().unwrap();
    (calrelay, Nginx::before(port, https).await)
}

/// An event whose job waits until somebody cancels it.
fn someday() -> Value {
    json!({
        "summary": "Someday", "notBefore": "2099-01-01T00:00:00Z",
        "start": {"dateTime": "2099-02-01T10:00:00Z"}, "end": {"dateTime": "2099-02-01T11:00:00Z"},
    })
}

fn header<'a>(reply: &'a Response, name: &str) -> Vec<&'a str> {
    reply.headers().get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
}

#[tokio::test]
async fn jobs_are_posted_waited_for_and_followed_over_tls() {
    let (calrelay, nginx) = installed(Launch::new()).await;
    let key = calrelay.key();

    // A long poll is held for as long as it asks for, while nothing changes.
    let job = nginx.post(&key, &someday()).await;
    let began = Instant::now();
    let poll = nginx.client.get(nginx.url(&format!("/api/v1/jobs/{job}?wait=2"))).bearer_auth(&key);
    let told: Value = poll.send().await.unwrap().json().await.unwrap();
    assert_eq!(told["state"], "waiting");
    assert!(began.elapsed() >= Duration::from_secs(2), "it was not waited for");

    // A stream tells what is known at once, while it goes on.
    let request = nginx.client.get(nginx.url(&format!("/api/v1/jobs/{job}"))).bearer_auth(&key);
    let mut stream = request.header("Accept", "text/event-stream").send().await.unwrap();
    assert_eq!(stream.status(), StatusCode::OK);
    let mut read = async |until: &str| {
        let mut text = String::new();
        while !text.contains(until) {
            let piece = tokio::time::timeout(Duration::from_secs(20), stream.chunk()).await;
            text += &String::from_utf8_lossy(&piece.expect(until).expect("no break").expect(until));
        }
    };
    read("\"state\":\"waiting\"").await;
    nginx.cancel(&key, &job).await;
    read("\"state\":\"cancelled\"").await;
}

/// No test waits that long; whoever changes one of these changes the other.
#[test]
fn nginx_waits_longer_than_calrelay_takes() {
    let site = read("deploy/nginx/calrelay.conf");
    let timeout = site.lines().find_map(|line| line.trim().strip_prefix("proxy_read_timeout ")).unwrap();
    let timeout: u32 = timeout.trim_end_matches("s;").parse().unwrap();
    assert!(timeout > 25 + 10, "a reply may be waited for for 25 s");
    for (location, what) in [
        ("location /api/v1/jobs/ {", "proxy_buffering off;"),
        ("location = /api/v1/events/batch {", "client_max_body_size 4m;"),
    ] {
        let (_, rest) = site.split_once(location).expect(location);
        assert!(rest.split_once('}').unwrap().0.contains(what), "{location}");
    }
}

#[tokio::test]
async fn browsers_are_sent_to_tls_and_get_each_header_once() {
    let (calrelay, nginx) = installed(Launch::new()).await;
    let plain = nginx.client.get(format!("http://localhost:{}/google-calendar-setup?account=a", nginx.http));
    let plain = plain.send().await.unwrap();
    assert_eq!(plain.status(), StatusCode::PERMANENT_REDIRECT);
    assert_eq!(header(&plain, "location"), ["https://localhost/google-calendar-setup?account=a"]);

    let page = nginx.get("/google-calendar-setup").await;
    let direct = calrelay.http().get(calrelay.url("/google-calendar-setup")).send().await.unwrap();
    for name in ["content-security-policy", "x-frame-options", "x-content-type-options", "referrer-policy"] {
        assert_eq!(header(&page, name).len(), 1, "{name}: {:?}", page.headers());
        assert_eq!(header(&page, name), header(&direct, name), "{name}");
    }
    for path in ["/google-calendar-setup", "/api/openapi.json", "/nowhere", "/metrics", "/api/v1/jobs/x"] {
        let reply = nginx.get(path).await;
        let lasting = header(&reply, "strict-transport-security");
        assert!(lasting.len() == 1 && lasting[0].starts_with("max-age="), "{path}: {:?}", reply.headers());
        assert_eq!(header(&reply, "server"), ["nginx"], "{path}: its version is nobody's business");
    }
}

#[tokio::test]
async fn what_is_too_large_stays_outside_and_operators_pages_stay_inside() {
    let (calrelay, nginx) = installed(Launch::new()).await;
    let send = async |path: &str, bytes: usize| {
        let body = format!("{{\"summary\":\"{}\"}}", "x".repeat(bytes - 14));
        let request = nginx.client.post(nginx.url(path)).bearer_auth(calrelay.key());
        request.header("Content-Type", "application/json").body(body).send().await.unwrap()
    };
    let fits = send("/api/v1/events", 64 * 1024).await;
    assert_eq!(fits.status(), StatusCode::UNPROCESSABLE_ENTITY, "calrelay has read it");
    for (path, bytes) in [("/api/v1/events", 64 * 1024 + 1), ("/api/v1/events/batch", 4 * 1024 * 1024 + 1)] {
        let reply = send(path, bytes).await;
        assert_eq!(reply.status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(header(&reply, "content-type"), [PROBLEM]);
        let direct = calrelay.http().post(calrelay.url("/api/v1/events")).bearer_auth(calrelay.key());
        let direct = direct.header("Content-Type", "application/json").body("x".repeat(65 * 1024));
        let (here, there): (Value, Value) =
            (reply.json().await.unwrap(), direct.send().await.unwrap().json().await.unwrap());
        assert_eq!((&here["type"], &here["title"]), (&there["type"], &there["title"]));
        assert!(
            here["detail"].as_str().unwrap().contains("that of a batch"),
            "{here}: nginx lets it through"
        );
    }
    // Even with an operators' port for an upstream.
    let admin = calrelay.admin("").rsplit(':').next().unwrap().parse().unwrap();
    let wrong = Nginx::before(admin, free_port()).await;
    for path in ["/metrics", "/livez", "/readyz", "/metrics/", "//metrics"] {
        let reply = wrong.get(path).await;
        assert_eq!(reply.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(header(&reply, "content-type"), [PROBLEM], "{path}");
    }
}

#[tokio::test]
async fn where_a_request_comes_from_is_what_nginx_says_and_never_what_its_sender_claims() {
    let (calrelay, nginx) = installed(Launch::new().with("DEV_NO_AUTH", 1).with("RATE_LIMIT", "4/15m")).await;
    let claiming = async |request: reqwest::RequestBuilder, number: u8| {
        let from = format!("203.0.113.{number}");
        let request = request.header("X-Forwarded-For", &from).header("Forwarded", format!("for={from}"));
        request.send().await.unwrap().status()
    };
    // A proxy that is trusted is believed: each of these is somebody else.
    for number in 1..=6 {
        let direct = calrelay.http().get(calrelay.url("/api/v1/jobs/unknown"));
        assert_ne!(claiming(direct, number).await, StatusCode::TOO_MANY_REQUESTS);
    }
    let mut answers = Vec::new();
    for number in 11..=16 {
        answers.push(claiming(nginx.client.get(nginx.url("/api/v1/jobs/unknown")), number).await);
    }
    assert!(!answers[..4].contains(&StatusCode::TOO_MANY_REQUESTS), "{answers:?}");
    assert_eq!(answers[4..], [StatusCode::TOO_MANY_REQUESTS; 2], "they are one");
}

#[tokio::test]
async fn who_sends_too_much_without_a_key_is_turned_away_by_nginx_and_key_holders_are_not() {
    let (calrelay, nginx) = installed(Launch::new().with("RATE_LIMIT", "100000/1m")).await;
    let key = calrelay.key();
    // Ten a second and sixty at once: whatever the machine, this many do not all pass.
    let burst = futures_util::future::join_all((0..400).map(|_| nginx.get("/api/v1/jobs/unknown"))).await;
    let refused: Vec<_> =
        burst.into_iter().filter(|reply| reply.status() == StatusCode::TOO_MANY_REQUESTS).collect();
    assert!(!refused.is_empty());
    for reply in refused {
        assert_eq!(header(&reply, "content-type"), [PROBLEM]);
        assert_eq!(header(&reply, "retry-after"), ["5"]);
        assert_eq!(header(&reply, "ratelimit").len(), 0, "calrelay has not seen it");
        let told: Value = reply.json().await.unwrap();
        assert_eq!(told["type"], "urn:calrelay:problem:rate-limited");
    }
    let held = (0..200).map(|_| nginx.client.get(nginx.url("/api/v1/jobs/unknown")).bearer_auth(&key).send());
    for reply in futures_util::future::join_all(held).await {
        assert_eq!(reply.unwrap().status(), StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn without_an_ingress_callers_are_told_to_come_back_and_logs_hold_no_secret() {
    let (calrelay, nginx) = installed(Launch::new()).await;
    let secrets = ["/oauth2callback?code=hunter2&state=hunter2", "/google-calendar-link/hunter2"];
    for path in secrets {
        nginx.get(path).await;
    }
    calrelay.kill();
    for path in secrets.into_iter().chain(["/api/openapi.json?it=hunter3"]) {
        let reply = nginx.get(path).await;
        assert_eq!(reply.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(header(&reply, "content-type"), [PROBLEM]);
        assert_eq!(header(&reply, "retry-after"), ["5"]);
        assert_eq!(header(&reply, "strict-transport-security").len(), 1);
        assert_eq!(reply.json::<Value>().await.unwrap()["status"], 503);
    }
    let log = eventually("the log of all requests", Duration::from_secs(10), || async {
        let log = nginx.log();
        (log.contains("GET /api/openapi.json HTTP/2.0") && log.contains("hunter3")).then_some(log)
    })
    .await;
    assert!(log.contains("GET /google-calendar-link/- "), "{log}");
    assert!(!log.contains("hunter2"), "{log}");
}
