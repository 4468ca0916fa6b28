//! The adapters pass the suites of their ports against the sandbox.

mod calendar;
mod token_endpoint;

use std::sync::Arc;

use async_trait::async_trait;
use common::job::JobId;
use common::port::{Calendar, Clock as _, TokenEndpoint};
use google::{Credentials, GoogleCalendar, GoogleOauth};
use serde_json::{Map, Value, json};
use testing::ManualClock;
use testing::calendar::{CalendarBench, CalendarTrouble};
use testing::token_endpoint::{ADA, EndpointBench, EndpointTrouble, PATIENCE};
use tokio::net::TcpListener;
use url::Url;

use crate::setting::{REDIRECT, SHORT, credentials};

/// A sandbox, the adapters that speak to it, and a browser.
struct Sandbox {
    running: sandbox::Running,
    clock: Arc<ManualClock>,
    calendar: Arc<GoogleCalendar>,
    oauth: Arc<GoogleOauth>,
    browser: reqwest::Client,
}

impl Sandbox {
    async fn start() -> Self {
        let clock = ManualClock::new();
        let time = clock.clone();
        let time = Arc::new(move || time.now());
        let config = sandbox::Config {
            time,
            redirect_uris: vec![REDIRECT.to_owned()],
            workers: 1,
            ..sandbox::Config::default()
        };
        let running = sandbox::start(config).await.unwrap();
        let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let file = browser.get(format!("{}/_sandbox/credentials", running.url)).send().await.unwrap();
        let credentials = Credentials::parse(&file.text().await.unwrap()).unwrap();
        let (calendar, oauth) = google::connect(credentials, REDIRECT.to_owned(), None).unwrap();
        Self { running, clock, calendar: Arc::new(calendar), oauth: Arc::new(oauth), browser }
    }

    async fn control(&self, path: &str, body: Value) {
        let request = self.browser.post(format!("{}/_sandbox/{path}", self.running.url)).json(&body);
        let reply = request.send().await.unwrap();
        assert!(reply.status().is_success(), "{path} {body}: {}", reply.text().await.unwrap());
    }

    /// The next call of these methods goes so.
    async fn fault(&self, method: &str, how: Value) {
        let mut fault = how;
        fault["method"] = json!(method);
        fault["count"] = json!(1);
        self.control("faults", fault).await;
    }
}

#[async_trait]
impl EndpointBench for Sandbox {
    fn endpoint(&self) -> Arc<dyn TokenEndpoint> {
        self.oauth.clone()
    }

    fn clock(&self) -> &ManualClock {
        &self.clock
    }

    async fn consent(&self, url: &str, email: &str) -> String {
        let mut url = Url::parse(url).unwrap();
        let mut form: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        form.extend(
            [("user", email), ("decision", "all")].map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        url.set_query(None);
        let reply = self.browser.post(url).form(&form).send().await.unwrap();
        let back = reply.headers().get("location").map(|there| there.to_str().unwrap().to_owned());
        let back = back.expect("the browser is sent back");
        let answer: Vec<(String, String)> = Url::parse(&back).unwrap().query_pairs().into_owned().collect();
        let told = |name: &str| answer.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        assert_eq!(told("state").as_deref(), Some("state"));
        told("code").unwrap_or_else(|| panic!("no code: {back}"))
    }

    async fn befalls(&self, trouble: EndpointTrouble) {
        let user = |change| self.control("users/ada@example.com", change);
        match trouble {
            EndpointTrouble::GrantEnded => user(json!({"revoked": true})).await,
            EndpointTrouble::LoginWanted => user(json!({"sessionEnded": true})).await,
            EndpointTrouble::Blocked => user(json!({"adminBlocked": true})).await,
            EndpointTrouble::UserDeleted => user(json!({"deleted": true})).await,
            EndpointTrouble::ClientDeleted => {
                let path = format!("clients/{}", self.oauth.client().client_id);
                self.control(&path, json!({"deleted": true})).await;
            }
            EndpointTrouble::Throttled => {
                let patience = PATIENCE.as_secs();
                self.fault("token.refresh", json!({"status": 429, "retryAfter": patience})).await;
            }
            EndpointTrouble::Failing => self.fault("token.refresh", json!({"status": 503})).await,
            EndpointTrouble::NoAnswer => self.fault("token.refresh", json!({"drop": "before"})).await,
        }
    }
}

/// Google's words when a project's minute is full.
const PROJECTS_QUOTA: &str = "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute' of service \
                              'calendar-json.googleapis.com' for consumer 'project_number:17'.";

#[async_trait]
impl CalendarBench for Sandbox {
    fn calendar(&self) -> Arc<dyn Calendar> {
        self.calendar.clone()
    }

    async fn in_trouble(&self, trouble: CalendarTrouble) -> Arc<dyn Calendar> {
        let patience = PATIENCE.as_secs();
        let fault = match trouble {
            CalendarTrouble::UserTooFast => {
                json!({"reason": "userRateLimitExceeded", "retryAfter": patience})
            }
            CalendarTrouble::ProjectTooFast => {
                json!({"reason": "rateLimitExceeded", "message": PROJECTS_QUOTA})
            }
            CalendarTrouble::DailyLimit => json!({"reason": "dailyLimitExceeded"}),
            CalendarTrouble::ApiDisabled => json!({"reason": "accessNotConfigured"}),
            CalendarTrouble::ScopeMissing => json!({"reason": "insufficientPermissions"}),
            CalendarTrouble::NotACalendarUser => json!({"reason": "notACalendarUser"}),
            CalendarTrouble::Forbidden => json!({"reason": "forbidden"}),
            CalendarTrouble::Failing => json!({"status": 503, "retryAfter": patience}),
            CalendarTrouble::LostBefore => json!({"drop": "before"}),
            CalendarTrouble::LostAfter => json!({"drop": "after"}),
            CalendarTrouble::NotSent => return Arc::new(unreachable_calendar().await),
        };
        self.fault("events.*", fault).await;
        self.calendar.clone()
    }

    async fn refuses_conferences(&self) {
        self.control(&format!("users/{ADA}"), json!({"allowedConferenceSolutionTypes": []})).await;
    }

    async fn limits_guests(&self) {
        self.control(&format!("users/{ADA}"), json!({"usageLimited": true})).await;
    }

    async fn written(&self, id: &JobId) -> Map<String, Value> {
        let all = self.browser.get(format!("{}/_sandbox/events", self.running.url)).send().await.unwrap();
        let mut all: Value = all.json().await.unwrap();
        let events = all["events"].as_array_mut().unwrap();
        let mine = events.iter_mut().find(|event| event["id"] == id.as_str()).expect("it is there");
        serde_json::from_value(mine.take()).unwrap()
    }
}

/// At a port that was free a moment ago.
async fn unreachable_calendar() -> GoogleCalendar {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let credentials = credentials(|path| format!("http://{address}{path}"));
    google::connect_with(credentials, REDIRECT.to_owned(), None, SHORT).unwrap().0
}
