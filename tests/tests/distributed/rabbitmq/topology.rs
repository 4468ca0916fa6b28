//! What `calrelay setup` declares, and what it says when it cannot.

use adapter_rabbitmq::{Link, Part, SetUpError, set_up};
use common::port::{JobQueue as _, Lane};
use tests::{eventually, shared_rabbit};

use super::raw::Raw;
use super::{SOON, ingress, publish, refused, start, until_link, until_up};

const QUEUES: [&str; 10] = [
    "calrelay.dead",
    "calrelay.delay.10m",
    "calrelay.delay.1h",
    "calrelay.delay.1s",
    "calrelay.delay.2m",
    "calrelay.delay.30s",
    "calrelay.delay.5s",
    "calrelay.delay.6h",
    "calrelay.due",
    "calrelay.jobs",
];

#[tokio::test(flavor = "multi_thread")]
async fn setting_up_again_changes_nothing() {
    let vhost = shared_rabbit().await.vhost().await;
    set_up(&vhost.url()).await.unwrap();
    let queue = ingress(&vhost.url()).await;
    publish(&queue, Lane::Fresh).await.unwrap();
    vhost.leaves("calrelay.jobs", 1);
    set_up(&vhost.url()).await.unwrap();
    let messages = vhost.messages().await;
    assert_eq!(messages.keys().map(String::as_str).collect::<Vec<_>>(), QUEUES);
    assert_eq!(messages["calrelay.jobs"], 1);
}

/// Otherwise the broker silently dead-letters at most once, and then a full or moving target loses messages.
#[tokio::test(flavor = "multi_thread")]
async fn every_queue_is_replicated_and_loses_nothing_on_its_way() {
    let vhost = shared_rabbit().await.vhost().await;
    set_up(&vhost.url()).await.unwrap();
    let arguments = vhost
        .server()
        .ctl(&["list_queues", "-p", vhost.name(), "--silent", "name", "type", "durable", "arguments"])
        .await;
    let mut seen = 0;
    for line in arguments.lines() {
        seen += 1;
        assert!(line.contains("quorum") && line.contains("true"), "{line}");
        assert!(line.contains("x-delivery-limit"), "{line}");
        if !line.starts_with("calrelay.dead") {
            assert!(line.contains("\"at-least-once\"") && line.contains("\"reject-publish\""), "{line}");
        }
        assert_eq!(line.contains("x-message-ttl"), line.starts_with("calrelay.delay."), "{line}");
        assert!(!line.contains("x-max-length"), "a policy's matter: {line}");
    }
    assert_eq!(seen, QUEUES.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_declare_is_told_what_to_do() {
    let vhost = shared_rabbit().await.vhost().await;
    let url = vhost.add_user("poor", "^$", "^$", "^$").await;
    let refused = set_up(&url).await.unwrap_err();
    assert!(matches!(&refused, SetUpError::Forbidden { name, .. } if name == "calrelay.jobs"), "{refused:?}");
    let sentence = refused.to_string();
    assert!(sentence.contains("calrelay.jobs") && sentence.contains("set_permissions"), "{sentence}");
    assert!(!sentence.contains("guest@"), "{sentence}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_there_with_other_properties_is_named() {
    let vhost = shared_rabbit().await.vhost().await;
    let raw = Raw::connect(&vhost.url()).await;
    raw.declare_classic("calrelay.delay.2m").await;
    let refused = set_up(&vhost.url()).await.unwrap_err();
    assert!(
        matches!(&refused, SetUpError::Different { name, .. } if name == "calrelay.delay.2m"),
        "{refused:?}"
    );
    let sentence = refused.to_string();
    assert!(sentence.contains("calrelay.delay.2m") && sentence.contains("delete it"), "{sentence}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_a_missing_vhost_and_a_missing_broker_are_told_apart() {
    let rabbit = shared_rabbit().await;
    let vhost = rabbit.vhost().await;
    let wrong = |from: &str, to: &str| vhost.url().replace(from, to);
    for (url, says) in [
        (wrong("guest:guest", "guest:secret"), "password"),
        (wrong(vhost.name(), "nowhere"), "virtual host"),
        ("amqp://guest:secret@127.0.0.1:1/%2f".to_owned(), "no connection"),
        ("http://guest:secret@127.0.0.1/".to_owned(), "AMQP_URL"),
    ] {
        let sentence = set_up(&url).await.unwrap_err().to_string();
        assert!(sentence.contains(says), "{sentence}");
        assert!(!sentence.contains("secret"), "{sentence}");
    }
}

/// The rights that docs/INSTALLING.md and the deployment files give to ingresses and workers.
#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_declare_can_still_publish_and_ask() {
    let vhost = shared_rabbit().await.vhost().await;
    set_up(&vhost.url()).await.unwrap();
    let url = vhost.add_user("ingress", "^$", "^calrelay\\..*", "^calrelay\\..*").await;
    let queue = ingress(&url).await;
    publish(&queue, Lane::Fresh).await.unwrap();
    vhost.leaves("calrelay.jobs", 1);
    assert_eq!(queue.depth().await.unwrap().fresh, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_publish_is_told_so() {
    let vhost = shared_rabbit().await.vhost().await;
    set_up(&vhost.url()).await.unwrap();
    let url = vhost.add_user("reader", "^$", "^$", "^calrelay\\..*").await;
    let queue = start(&url, Part::Ingress);
    until_link(&queue, "a refusal", |link| matches!(link, Link::Down { why } if why.contains("write"))).await;
    assert!(refused(publish(&queue, Lane::Fresh).await).contains("rights"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_that_goes_missing_is_named() {
    let vhost = shared_rabbit().await.vhost().await;
    let url = vhost.add_user("ingress", "^$", "^calrelay\\..*", "^calrelay\\..*").await;
    set_up(&vhost.url()).await.unwrap();
    let queue = ingress(&url).await;
    Raw::connect(&vhost.url()).await.delete_exchange("calrelay.jobs").await;
    // The broker ends the channel over it.
    assert!(publish(&queue, Lane::Fresh).await.is_err());
    until_link(&queue, "a missing exchange", |link| {
        matches!(link, Link::Down { why } if why.contains("calrelay.jobs") && why.contains("calrelay setup"))
    })
    .await;
    set_up(&vhost.url()).await.unwrap();
    until_up(&queue).await;
    publish(&queue, Lane::Fresh).await.unwrap();
    vhost.leaves("calrelay.jobs", 1);
}

/// A broker that is killed loses what was declared in the moment before; one may also be emptied.
#[tokio::test(flavor = "multi_thread")]
async fn who_may_declare_declares_again_what_went_missing() {
    let vhost = shared_rabbit().await.vhost().await;
    let queue = ingress(&vhost.url()).await;
    let raw = Raw::connect(&vhost.url()).await;
    raw.unbind("calrelay.jobs", "calrelay.jobs", "fresh").await;
    let stored = || eventually("a queue for it", SOON, || async { publish(&queue, Lane::Fresh).await.ok() });
    stored().await;
    raw.delete_exchange("calrelay.jobs").await;
    stored().await;
    vhost.leaves("calrelay.jobs", 2);
}
