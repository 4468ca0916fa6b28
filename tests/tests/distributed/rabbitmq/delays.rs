//! Delays: through one queue of fixed length after another, never early, in nobody's way.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use common::port::{JobQueue as _, Lane};
use common::sample;
use lapin::types::AMQPValue;
use tests::shared_rabbit;

use super::raw::{Raw, due_after, headers};
use super::{ingress, job, message, nothing_comes, publish, publish_later, receive, worker};

#[tokio::test(flavor = "multi_thread")]
async fn a_delay_is_kept_over_several_tiers() {
    let vhost = shared_rabbit().await.vhost().await;
    let worker = worker(&vhost.url(), 4).await;
    // 5 s, 1 s, 1 s and the rest in hand.
    let delay = Duration::from_millis(7_600);
    let sent = sample::message();
    let published = Instant::now();
    worker.publish(&sent, Lane::Fresh, delay).await.unwrap();
    let delivery = receive(&worker).await;
    assert!(published.elapsed() >= delay, "after {:?}", published.elapsed());
    assert_eq!(message(&delivery), &sent, "as it was published");
    assert!(!delivery.redelivered, "nobody has seen it");
    worker.done(delivery.tag).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_delay_waits_in_the_longest_queue_that_fits() {
    let vhost = shared_rabbit().await.vhost().await;
    let queue = ingress(&vhost.url()).await;
    let raw = Raw::connect(&vhost.url()).await;
    for (seconds, tier) in
        [(2, "1s"), (29, "5s"), (90, "30s"), (599, "2m"), (601, "10m"), (3_610, "1h"), (90_000, "6h")]
    {
        let before = jiff::Timestamp::now();
        let delay = Duration::from_secs(seconds);
        let id = publish_later(&queue, Lane::Fresh, delay).await.unwrap();
        let waiting = raw.get(&format!("calrelay.delay.{tier}")).await;
        let table = waiting.properties.headers().as_ref().unwrap();
        let Some(AMQPValue::LongLongInt(due_at)) = table.inner().get("calrelay-due-at") else {
            panic!("{table:?}");
        };
        let due_at = jiff::Timestamp::from_millisecond(*due_at).unwrap();
        assert!(due_at >= before + delay && due_at <= jiff::Timestamp::now() + delay * 2);
        assert_eq!(waiting.properties.message_id().as_ref().unwrap().as_str(), id.as_str());
        assert_eq!(*waiting.properties.delivery_mode(), Some(2), "on disk");
        assert!(!String::from_utf8_lossy(&waiting.data).is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_early_is_sent_on_with_our_headers_alone() {
    let vhost = shared_rabbit().await.vhost().await;
    let worker = worker(&vhost.url(), 4).await;
    let raw = Raw::connect(&vhost.url()).await;
    let sent = sample::message();
    let early = headers([
        due_after(Duration::from_secs(3_900)),
        ("calrelay-job", AMQPValue::LongString(sent.job.as_str().into())),
        ("x-death", AMQPValue::LongString("…".into())),
        ("x-delivery-count", AMQPValue::LongLongInt(3)),
        ("somebody-s", AMQPValue::LongString("secret".into())),
    ]);
    raw.publish(Lane::Due, early, &sent.to_bytes()).await;
    let waiting = raw.get("calrelay.delay.1h").await;
    let table = waiting.properties.headers().as_ref().unwrap().inner();
    let names: Vec<&str> = table.keys().map(lapin::types::ShortString::as_str).collect();
    // The last one is the queue's own count.
    assert_eq!(names, ["calrelay-due-at", "calrelay-job", "x-delivery-count"]);
    assert_ne!(table["x-delivery-count"], AMQPValue::LongLongInt(3));
    assert_eq!(waiting.data, sent.to_bytes());
    nothing_comes(&worker).await;
}

/// The worker has one place in each lane; a hundred messages wait their last second in hand.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_its_last_second_in_hand_takes_nobody_s_place() {
    let vhost = shared_rabbit().await.vhost().await;
    let (queue, worker) = (ingress(&vhost.url()).await, worker(&vhost.url(), 1).await);
    let delay = Duration::from_millis(990);
    let mut early = HashMap::new();
    for _ in 0..100 {
        let earliest = Instant::now() + delay;
        early.insert(publish_later(&queue, Lane::Due, delay).await.unwrap(), earliest);
    }
    let now = publish(&queue, Lane::Due).await.unwrap();
    let mut order = Vec::new();
    while order.len() < 101 {
        let delivery = receive(&worker).await;
        let id = job(&delivery);
        if let Some(earliest) = early.get(&id) {
            assert!(Instant::now() >= *earliest);
        }
        order.push(id);
        worker.done(delivery.tag).await.unwrap();
    }
    assert_ne!(order.last(), Some(&now), "it did not wait for those before it");
    nothing_comes(&worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_seen_a_delivery_is_not_forgotten_on_the_way_through_a_tier() {
    let vhost = shared_rabbit().await.vhost().await;
    let worker = worker(&vhost.url(), 4).await;
    let raw = Raw::connect(&vhost.url()).await;
    let seen = headers([
        due_after(Duration::from_millis(2_500)),
        ("calrelay-redelivered", AMQPValue::Boolean(true)),
    ]);
    raw.publish(Lane::Due, seen, &sample::message().to_bytes()).await;
    let delivery = receive(&worker).await;
    assert!(delivery.redelivered);
    worker.done(delivery.tag).await.unwrap();
}
