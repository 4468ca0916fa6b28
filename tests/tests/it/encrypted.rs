//! Webhooks to a server behind TLS, whose certificate an authority of the organisation's own has signed.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;
use tests::{Calrelay, Launch, eventually};

use crate::receiver::tells;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A receiver of webhooks at `https://localhost`.
struct Receiver {
    port: u16,
    /// The ids of what has come.
    taken: Arc<Mutex<Vec<String>>>,
}

impl Receiver {
    /// Shows the certificate in `dir`.
    fn start(dir: &Path) -> Self {
        let chain = vec![CertificateDer::from_pem_file(dir.join("server.pem")).expect("a certificate")];
        let key = PrivateKeyDer::from_pem_file(dir.join("server.key")).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
        let config = Arc::new(config.expect("a key that fits its certificate"));
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let taken: Arc<Mutex<Vec<String>>> = Arc::default();
        let keep = Arc::clone(&taken);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let connection = ServerConnection::new(Arc::clone(&config)).expect("a connection");
                // Whoever does not trust the certificate goes away.
                if let Some(id) = answer(StreamOwned::new(connection, stream)) {
                    keep.lock().expect("no panics").push(id);
                }
            }
        });
        Self { port, taken }
    }

    fn told_by(&self, authority: &Path) -> Launch {
        Launch::new()
            .with("WEBHOOK_URL", format!("https://localhost:{}/hook", self.port))
            .with("WEBHOOK_SECRET", SECRET)
            .with("WEBHOOK_NETWORKS", "127.0.0.0/8,::1")
            .with("SSL_CERT_FILE", authority.display())
    }

    fn taken(&self) -> Vec<String> {
        self.taken.lock().expect("no panics").clone()
    }
}

/// Takes one webhook; answers its id.
fn answer(mut stream: StreamOwned<ServerConnection, TcpStream>) -> Option<String> {
    stream.sock.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    let (mut text, mut buffer) = (String::new(), [0; 4096]);
    let (head, length) = loop {
        let read = stream.read(&mut buffer).ok().filter(|read| *read > 0)?;
        text.push_str(std::str::from_utf8(&buffer[..read]).ok()?);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length: usize = header(head, "content-length").parse().expect("a length");
            if body.len() >= length {
                break (head.to_owned(), length);
            }
        }
    };
    assert!(head.starts_with("POST /hook ") && length > 0, "{head}");
    assert!(header(&head, "webhook-signature").starts_with("v1,"), "{head}");
    stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").ok()?;
    stream.conn.send_close_notify();
    stream.flush().ok()?;
    Some(header(&head, "webhook-id"))
}

fn header(head: &str, name: &str) -> String {
    let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")));
    line.and_then(|line| line.split_once(':')).expect("the header").1.trim().to_owned()
}

/// An authority, and a certificate for this machine that it has signed; answers the authority's own.
fn authority(dir: &Path) -> PathBuf {
    let openssl = |args: &str| {
        let done =
            Command::new("openssl").args(args.split(' ')).current_dir(dir).output().expect("openssl runs");
        assert!(done.status.success(), "{args}: {}", String::from_utf8_lossy(&done.stderr));
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(&format!("req -x509 {key} -days 2 -subj /CN=Acme-authority -keyout ca.key -out ca.pem"));
    openssl(&format!("req {key} -subj /CN=localhost -keyout server.key -out server.csr"));
    std::fs::write(dir.join("names"), "subjectAltName=DNS:localhost\nbasicConstraints=critical,CA:FALSE\n")
        .expect("a file");
    openssl(
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem",
    );
    dir.join("ca.pem")
}

async fn done(calrelay: &Calrelay) -> String {
    let event = json!({
        "summary": "Tea", "conference": false,
        "start": {"dateTime": "2027-03-01T09:00:00Z"}, "end": {"dateTime": "2027-03-01T10:00:00Z"},
    });
    let id = calrelay.submit(&event, "tea").await.expect("accepted");
    eventually("the job's success", Duration::from_secs(30), || async {
        (calrelay.job(&id).await["state"] == "succeeded").then_some(())
    })
    .await;
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_travel_encrypted_to_a_server_whose_authority_is_trusted_and_to_no_other() {
    let (ours, theirs) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let (trusted, other) = (authority(ours.path()), authority(theirs.path()));
    let receiver = Receiver::start(ours.path());

    let calrelay = receiver.told_by(&other).start().await;
    done(&calrelay).await;
    eventually("a complaint", Duration::from_secs(30), || async {
        let log = calrelay.log();
        (log.contains("its certificate is not trusted") && log.contains("SSL_CERT_FILE")).then_some(())
    })
    .await;
    assert_eq!(receiver.taken(), Vec::<String>::new());

    let calrelay = receiver.told_by(&trusted).start().await;
    let id = done(&calrelay).await;
    eventually("the webhook", Duration::from_secs(30), || async {
        matches!(receiver.taken().as_slice(), [told] if tells(told, &id, "succeeded")).then_some(())
    })
    .await;
}
