//! A receiver of webhooks that answers as it is told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use notices::{Notices, Webhook};
use serde_json::Value;
use standardwebhooks::Webhook as Verifier;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::wait::eventually;

pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// What it answers.
#[derive(Debug, Clone)]
pub enum Answer {
    Status(u16),
    /// A status with one more header.
    With(u16, &'static str),
    /// Nothing: the connection ends.
    Hangup,
    /// Nothing: the connection stays.
    Never,
}

/// A webhook that has come.
#[derive(Debug, Clone)]
pub struct Call {
    pub id: String,
    pub kind: String,
    pub timestamp: i64,
    pub body: Value,
    pub genuine: bool,
}

#[derive(Default)]
struct State {
    /// What is answered next; 204 when nothing is left.
    answers: VecDeque<Answer>,
    calls: Vec<Call>,
}

pub struct Receiver {
    port: u16,
    state: Arc<Mutex<State>>,
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state: Arc<Mutex<State>> = Arc::default();
        let serving = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&serving)));
            }
        });
        Self { port, state }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    /// Notices that go here, to this machine.
    pub fn notices(&self) -> Arc<Notices> {
        self.notices_within("127.0.0.0/8")
    }

    /// Notices that go here, if one of these networks holds it.
    pub fn notices_within(&self, networks: &str) -> Arc<Notices> {
        let (signer, networks) = (SECRET.parse().unwrap(), networks.parse().unwrap());
        let webhook = Webhook::new(self.url().parse().unwrap(), signer, networks).unwrap();
        Arc::new(Notices::none().to(webhook))
    }

    pub fn answer(&self, answers: impl IntoIterator<Item = Answer>) {
        self.state.lock().unwrap().answers.extend(answers);
    }

    /// From now on it takes everything.
    pub fn recover(&self) {
        self.state.lock().unwrap().answers.clear();
    }

    /// Every webhook that has come, refused ones too.
    pub fn calls(&self) -> Vec<Call> {
        self.state.lock().unwrap().calls.clone()
    }

    /// Waits until so many webhooks have come.
    pub async fn heard(&self, count: usize) -> Vec<Call> {
        eventually("webhooks", async || {
            let calls = self.calls();
            (calls.len() >= count).then_some(calls)
        })
        .await
    }
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    while let Some(call) = read(&mut stream).await {
        let answer = {
            let mut state = state.lock().unwrap();
            state.calls.push(call);
            state.answers.pop_front().unwrap_or(Answer::Status(204))
        };
        let (status, header) = match answer {
            Answer::Status(status) => (status, String::new()),
            Answer::With(status, header) => (status, format!("{header}\r\n")),
            Answer::Hangup => return,
            Answer::Never => std::future::pending().await,
        };
        let text = format!("HTTP/1.1 {status} Said\r\n{header}content-length: 0\r\n\r\n");
        stream.write_all(text.as_bytes()).await.unwrap();
    }
}

async fn read(stream: &mut TcpStream) -> Option<Call> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|part| part == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8(bytes[..head].to_vec()).unwrap();
    assert!(text.starts_with("POST /hook "), "{text}");
    let header = |name: &str| {
        let line = text.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).split_once(':').unwrap().1.trim().to_owned()
    };
    let length: usize = header("content-length").parse().unwrap();
    while bytes.len() < head + 4 + length {
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "a body that is cut off");
    }
    let body = &bytes[head + 4..];
    let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp").parse().unwrap());
    let signature = Verifier::new(SECRET).unwrap().sign(&id, timestamp, body).unwrap();
    let parsed: Value = serde_json::from_slice(body).unwrap();
    Some(Call {
        genuine: header("webhook-signature") == signature,
        kind: parsed["type"].as_str().unwrap().to_owned(),
        body: parsed,
        id,
        timestamp,
    })
}
