//! Redis behind TLS.

use std::process::Command;
use std::sync::Arc;

use common::port::{Backlog, JobStore};
use common::sample;
use common::time;
use tests::{Durability, RedisServer, free_port};

use super::{accepted, process};
use crate::certificate;

/// Tells this test, when it is run by itself, which server to use.
const SERVER: &str = "TEST_TLS_REDIS_URL";
const NAME: &str = "redis::tls::a_server_is_used_whose_certificate_is_trusted_and_no_other";

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_used_whose_certificate_is_trusted_and_no_other() {
    if let Ok(url) = std::env::var(SERVER) {
        let store: Arc<dyn JobStore> = process(&url).store(time::days(7));
        let job = sample::job("o", "a");
        let mut watch = store.watch(&job.id);
        accepted(&store, &job, Backlog::default()).await;
        tokio::time::timeout(std::time::Duration::from_secs(20), watch.changed()).await.expect("subscribed");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    certificate::make(dir.path());
    let port = free_port().to_string();
    let file = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (key, trusted) = (file("key.pem"), file("certificate.pem"));
    let options = ["--tls-port", &port, "--tls-auth-clients", "no", "--tls-key-file", &key];
    let options = [options.as_slice(), &["--tls-cert-file", &trusted]].concat();
    let _server = RedisServer::start_with(Durability::Nothing, &options).await;
    let url = format!("rediss://localhost:{port}");
    let store: Arc<dyn JobStore> = process(&url).store(time::days(7));
    let refused = store.whole_since().await.unwrap_err().to_string();
    assert!(refused.contains("certificate"), "{refused}");
    // What a process trusts is decided once, so another one is needed that trusts it.
    let again = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", NAME])
        .env(SERVER, &url)
        .env("SSL_CERT_FILE", &trusted)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&again.stdout);
    assert!(again.status.success() && said.contains("1 passed"), "{said}");
}
