//! A server of raw TCP: it records requests and gives the planned answers, whole or broken.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// What happens after a request has come in.
#[derive(Debug, Clone)]
pub enum Plan {
    /// These bytes; the connection stays open.
    Send(Vec<u8>),
    /// These bytes, then the end of the connection.
    SendAndClose(Vec<u8>),
    /// These bytes, then nothing for ever.
    SendAndStall(Vec<u8>),
    /// The connection is reset.
    Reset,
}

/// A request as it came in.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub query: HashMap<String, String>,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

impl Seen {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn form(&self) -> HashMap<String, String> {
        url::form_urlencoded::parse(&self.body).into_owned().collect()
    }
}

#[derive(Debug, Default)]
struct State {
    plans: VecDeque<Plan>,
    seen: Vec<Seen>,
    connections: usize,
}

#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    running: JoinHandle<()>,
}

impl Server {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let running = tokio::spawn(accept(listener, Arc::clone(&state)));
        Self { address, state, running }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn plan(&self, plan: Plan) {
        self.state.lock().unwrap().plans.push_back(plan);
    }

    pub fn answer(&self, status: u16, headers: &[(&str, &str)], body: &str) {
        self.plan(Plan::Send(whole(status, headers, body)));
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.state.lock().unwrap().seen.clone()
    }

    /// The only request so far.
    pub fn only(&self) -> Seen {
        let mut seen = self.seen();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen.remove(0)
    }

    pub fn connections(&self) -> usize {
        self.state.lock().unwrap().connections
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.running.abort();
    }
}

/// An answer with its length announced.
pub fn whole(status: u16, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
    let json = ("content-type", "application/json; charset=UTF-8");
    let typed = headers.iter().any(|(name, _)| *name == json.0);
    for (name, value) in headers.iter().chain((!typed).then_some(&json)) {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text.push_str(body);
    text.into_bytes()
}

async fn accept(listener: TcpListener, state: Arc<Mutex<State>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        state.lock().unwrap().connections += 1;
        connections.spawn(serve(stream, Arc::clone(&state)));
    }
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) -> io::Result<()> {
    while let Some(seen) = read(&mut stream).await? {
        let plan = {
            let mut state = state.lock().unwrap();
            state.seen.push(seen);
            state.plans.pop_front().unwrap_or_else(|| Plan::Send(whole(418, &[], "nothing planned")))
        };
        match plan {
            Plan::Send(bytes) => stream.write_all(&bytes).await?,
            Plan::SendAndClose(bytes) => return stream.write_all(&bytes).await,
            Plan::SendAndStall(bytes) => {
                stream.write_all(&bytes).await?;
                std::future::pending::<()>().await;
            }
            Plan::Reset => return stream.set_zero_linger(),
        }
    }
    Ok(())
}

/// Reads one request; `None` when the client has hung up.
async fn read(stream: &mut TcpStream) -> io::Result<Option<Seen>> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    };
    let text = String::from_utf8(bytes[..head].to_vec()).unwrap();
    let (first, rest) = text.split_once("\r\n").unwrap();
    let headers: HashMap<String, String> = rest
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    while bytes.len() < head + length {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    }
    let mut words = first.split(' ');
    let method = words.next().unwrap().to_owned();
    let (path, query) =
        words.next().unwrap().split_once('?').unwrap_or((first.split(' ').nth(1).unwrap(), ""));
    Ok(Some(Seen {
        method,
        path: path.to_owned(),
        query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        headers,
        body: bytes[head..head + length].to_vec(),
    }))
}
