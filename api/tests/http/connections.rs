//! What becomes of a connection after a reply.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::rig::{EVENTS, Rig, event};

/// Nothing here takes longer, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection that is kept.
struct Kept(TcpStream);

/// A reply's head and body, read by its length.
struct Answer {
    head: String,
    body: String,
}

impl Kept {
    async fn open(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    async fn say(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    async fn answer(&mut self) -> Answer {
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            self.more(&mut bytes).await;
        };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.map_or(0, |length| length.parse().unwrap());
        while bytes.len() < end + length {
            self.more(&mut bytes).await;
        }
        Answer { head, body: String::from_utf8(bytes[end..end + length].to_vec()).unwrap() }
    }

    async fn more(&mut self, bytes: &mut Vec<u8>) {
        let read = timeout(PATIENCE, self.0.read_buf(bytes)).await.expect("an answer").unwrap();
        assert!(read > 0, "closed after {:?}", String::from_utf8_lossy(bytes));
    }

    /// Whether the server hangs up, having said nothing more.
    async fn is_closed(&mut self) -> bool {
        let mut rest = Vec::new();
        match timeout(PATIENCE, self.0.read_to_end(&mut rest)).await {
            Ok(Ok(_)) => rest.is_empty(),
            Ok(Err(_)) => true,
            Err(_) => false,
        }
    }
}

fn head(method: &str, path: &str, key: &str, more: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n{more}\r\n")
}

/// What clients send that would rather speak another protocol.
const OFFERS: [&str; 5] = [
    "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n",
    "Connection: upgrade\r\nUpgrade: h2c\r\n",
    "Connection: keep-alive, Upgrade\r\nUpgrade: TLS/1.0, HTTP/2.0\r\n",
    "Connection: Upgrade\r\n",
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
];

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_of_another_protocol_is_left_and_the_reply_says_that_the_connection_ends() {
    let rig = Rig::start().await;
    let body = event().to_string();
    let posting = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    for offer in OFFERS {
        for (method, path, more, body, status) in [
            ("GET", "/api/calendar-status", "", "", 200),
            ("GET", "/nowhere", "", "", 404),
            ("POST", EVENTS, posting.as_str(), body.as_str(), 202),
            ("POST", "/api/v1/jobs/x", posting.as_str(), body.as_str(), 405),
        ] {
            // What follows the head of a WebSocket has no end that HTTP knows of.
            if method == "POST" && offer.contains("websocket") {
                continue;
            }
            let mut kept = Kept::open(rig.address).await;
            kept.say(&head(method, path, &rig.key, &format!("{offer}{more}"))).await;
            kept.say(body).await;
            let answer = kept.answer().await;
            assert!(answer.head.starts_with(&format!("http/1.1 {status} ")), "{offer}: {}", answer.head);
            assert!(!answer.head.contains("upgrade"), "{offer}: {}", answer.head);
            assert!(answer.head.contains("connection: close"), "{offer}: {}", answer.head);
            assert!(kept.is_closed().await, "{offer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_without_an_offer_is_kept() {
    let rig = Rig::start().await;
    let mut kept = Kept::open(rig.address).await;
    for more in ["", "Connection: keep-alive\r\n", "Upgrade: h2c\r\n", "Connection: HTTP2-Settings\r\n"] {
        kept.say(&head("GET", "/api/calendar-status", &rig.key, more)).await;
        let answer = kept.answer().await;
        assert!(
            answer.head.starts_with("http/1.1 200") && !answer.head.contains("connection:"),
            "{}",
            answer.head
        );
    }
}

/// A body that is refused by its size says what it then does.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_body_that_is_too_large_the_connection_does_what_the_reply_says() {
    let rig = Rig::start().await;
    for size in [65_537, 70_000, 200_000] {
        for arrived in [true, false] {
            let mut kept = Kept::open(rig.address).await;
            let more = format!("Content-Type: application/json\r\nContent-Length: {size}\r\n");
            kept.say(&head("POST", EVENTS, &rig.key, &more)).await;
            if arrived {
                // The server may hang up before it has read everything.
                let _ = kept.0.write_all(&vec![b' '; size]).await;
            }
            let answer = kept.answer().await;
            assert!(answer.head.starts_with("http/1.1 413"), "{}", answer.head);
            assert!(answer.body.contains("65536"), "{}", answer.body);
            assert!(answer.head.contains("connection: close"), "{size} {arrived}: {}", answer.head);
            // It may be too late to say anything.
            let _ = kept.0.write_all(head("GET", "/api/calendar-status", &rig.key, "").as_bytes()).await;
            assert!(kept.is_closed().await, "{size} {arrived}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_http_is_answered_and_the_next_connection_served() {
    let rig = Rig::start().await;
    for nonsense in [
        "hello\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "POST /api/v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n folded: b\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\r\n\r\n",
    ] {
        let mut kept = Kept::open(rig.address).await;
        kept.say(nonsense).await;
        let answer = kept.answer().await;
        assert!(answer.head.starts_with("http/1.1 400"), "{nonsense:?}: {}", answer.head);
        assert!(kept.is_closed().await, "{nonsense:?}");
    }
    rig.accepted().await;
}
