//! Requests that are no HTTP.

use std::time::Duration;

use tests::Launch;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_http_is_no_error_of_ours() {
    let calrelay = Launch::new().start().await;
    let url = reqwest::Url::parse(&calrelay.url("/")).expect("a URL");
    let address = ("127.0.0.1", url.port().expect("a port"));
    for n in 0..20 {
        let mut connection = TcpStream::connect(address).await.expect("a connection");
        let nonsense = [
            "hello\r\n\r\n",
            "GET / HTTP/9.9\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        ];
        connection.write_all(nonsense[n % 3].as_bytes()).await.expect("it is heard");
        let mut answer = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(20), connection.read_to_end(&mut answer)).await;
        read.expect("an end").expect("an answer");
        assert!(answer.starts_with(b"HTTP/1.1 400"), "{}", String::from_utf8_lossy(&answer));
    }
    let (status, _, log) = calrelay.terminate().await;
    assert!(status.success());
    for said in ["ERROR", "parse error", "stream error"] {
        assert!(!log.contains(said), "{said}: {log}");
    }
}
