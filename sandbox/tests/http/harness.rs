//! A sandbox on its own port with a clock that the test moves, and a client for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use reqwest::{Method, RequestBuilder, Response};
use sandbox::{Config, Running};
use serde_json::{Value, json};

/// 2026-11-20T12:00:00Z, a Friday.
pub const NOON: i64 = 1_795_176_000_000;

pub const ADA: &str = "ada@example.com";
pub const GRACE: &str = "grace@example.com";

/// Time stands still unless the test moves it.
#[derive(Clone)]
pub struct Hands(Arc<AtomicI64>);

impl Hands {
    pub fn advance_ms(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

pub struct World {
    pub running: Running,
    pub http: reqwest::Client,
    pub hands: Hands,
    pub token: String,
}

/// What came back, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
    pub json: Value,
}

impl Answer {
    pub async fn read(response: Response) -> Self {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response.text().await.unwrap();
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self { status, headers, text, json }
    }

    pub fn reason(&self) -> &str {
        self.json["error"]["errors"][0]["reason"].as_str().unwrap_or_default()
    }

    pub fn message(&self) -> &str {
        self.json["error"]["message"].as_str().unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[track_caller]
    pub fn refused(&self, status: u16, reason: &str, message: &str) {
        let got = (self.status, self.reason(), self.message());
        assert_eq!(got, (status, reason, message), "{}", self.text);
    }

    #[track_caller]
    pub fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        self.json
    }
}

/// A frozen clock to start sandboxes with.
pub fn hands() -> (Hands, Config) {
    let hands = Hands(Arc::new(AtomicI64::new(NOON)));
    let read = hands.clone();
    let config = Config {
        time: Arc::new(move || Timestamp::from_millisecond(read.0.load(Ordering::SeqCst)).unwrap()),
        ..Config::default()
    };
    (hands, config)
}

pub async fn world() -> World {
    let (hands, config) = hands();
    world_of(hands, config).await
}

pub async fn world_of(hands: Hands, config: Config) -> World {
    let running = sandbox::start(config).await.unwrap();
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let mut world = World { running, http, hands, token: String::new() };
    world.token = world.token_of(ADA).await;
    world
}

impl World {
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.running.url))
    }

    pub async fn control(&self, path: &str, body: Value) -> Value {
        let request = self.request(Method::POST, &format!("/_sandbox/{path}"));
        Answer::read(request.json(&body).send().await.unwrap()).await.ok()
    }

    pub async fn look(&self, path: &str) -> Value {
        let request = self.request(Method::GET, &format!("/_sandbox/{path}"));
        Answer::read(request.send().await.unwrap()).await.ok()
    }

    pub async fn token_of(&self, user: &str) -> String {
        let tokens = self.control("tokens", json!({"user": user})).await;
        tokens["access_token"].as_str().unwrap().to_owned()
    }

    /// A call on Ada's primary calendar; `path` follows `events`.
    pub fn call(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, &format!("/calendar/v3/calendars/primary/events{path}")).bearer_auth(&self.token)
    }

    pub async fn send(&self, request: RequestBuilder) -> Answer {
        Answer::read(request.send().await.unwrap()).await
    }

    pub async fn insert(&self, body: Value) -> Answer {
        self.send(self.call(Method::POST, "").json(&body)).await
    }

    pub async fn get(&self, id: &str) -> Answer {
        self.send(self.call(Method::GET, &format!("/{id}"))).await
    }

    pub async fn list(&self, query: &str) -> Answer {
        self.send(self.call(Method::GET, &format!("?{query}"))).await
    }

    pub async fn delete(&self, id: &str) -> Answer {
        self.send(self.call(Method::DELETE, &format!("/{id}"))).await
    }

    pub async fn patch(&self, id: &str, body: Value) -> Answer {
        self.send(self.call(Method::PATCH, &format!("/{id}")).json(&body)).await
    }

    pub async fn update(&self, id: &str, body: Value) -> Answer {
        self.send(self.call(Method::PUT, &format!("/{id}")).json(&body)).await
    }
}

/// An hour in a month's time, under this id.
pub fn event(id: &str) -> Value {
    json!({
        "id": id,
        "summary": "Lunch",
        "start": {"dateTime": "2026-12-30T14:00:00", "timeZone": "Asia/Kolkata"},
        "end": {"dateTime": "2026-12-30T15:00:00", "timeZone": "Asia/Kolkata"},
    })
}
