//! RabbitMQ behind TLS.

use std::process::Command;

use adapter_rabbitmq::set_up;
use common::port::{JobQueue as _, Lane};
use tests::{RabbitServer, free_port};

use super::{publish, receive, worker};
use crate::certificate;

/// Tells this test, when it is run by itself, which broker to use.
const BROKER: &str = "TEST_TLS_AMQP_URL";
const NAME: &str = "rabbitmq::tls::a_broker_is_used_whose_certificate_is_trusted_and_no_other";

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_is_used_whose_certificate_is_trusted_and_no_other() {
    if let Ok(url) = std::env::var(BROKER) {
        set_up(&url).await.unwrap();
        let queue = worker(&url, 4).await;
        for _ in 0..50 {
            publish(&queue, Lane::Fresh).await.unwrap();
            queue.done(receive(&queue).await.tag).await.unwrap();
        }
        return queue.close().await;
    }
    let dir = tempfile::tempdir().unwrap();
    certificate::make(dir.path());
    let file = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (key, trusted, port) = (file("key.pem"), file("certificate.pem"), free_port());
    let rabbit = RabbitServer::start_with(&format!(
        "listeners.ssl.1 = 127.0.0.1:{port}\nssl_options.certfile = {trusted}\n\
         ssl_options.keyfile = {key}\nssl_options.verify = verify_none"
    ))
    .await;
    let url = format!("amqps://guest:guest@localhost:{port}/%2f");
    let refused = set_up(&url).await.unwrap_err().to_string();
    assert!(refused.contains("certificate"), "{refused}");
    // What a process trusts is decided once, so another one is needed that trusts it.
    let again = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", NAME])
        .env(BROKER, &url)
        .env("SSL_CERT_FILE", &trusted)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&again.stdout);
    assert!(again.status.success() && said.contains("1 passed"), "{said}");
    let plain = set_up(&url.replace(&port.to_string(), &rabbit.port().to_string())).await;
    assert!(plain.unwrap_err().to_string().contains("no connection"));
}
