//! Deliveries come again when their connection is gone, and consumers stand again by themselves.

use adapter_rabbitmq::{Part, set_up};
use common::job::JobId;
use common::port::{JobQueue as _, Lane, WorkerCount as _};
use std::collections::HashSet;
use tests::{Proxy, RabbitServer, eventually, shared_rabbit};

use super::raw::Raw;
use super::{SOON, ingress, job, nothing_comes, publish, receive, start, until_consuming, until_up, worker};

/// Publishes one in each lane, and sees them come and go.
async fn works(queue: &adapter_rabbitmq::RabbitQueue, worker: &adapter_rabbitmq::RabbitQueue) {
    let mut published = HashSet::new();
    for lane in [Lane::Fresh, Lane::Due] {
        let told = eventually("a message that is taken", SOON, || async { publish(queue, lane).await.ok() });
        published.insert(told.await);
    }
    while !published.is_empty() {
        let delivery = receive(worker).await;
        published.remove(&job(&delivery));
        worker.done(delivery.tag).await.unwrap();
    }
}

/// Takes what is there until each of these has come.
async fn until_all_come(worker: &adapter_rabbitmq::RabbitQueue, mut expected: HashSet<JobId>) {
    while !expected.is_empty() {
        let delivery = receive(worker).await;
        expected.remove(&job(&delivery));
        let _ = worker.done(delivery.tag).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_broker_tells_a_worker_how_many_take_jobs() {
    let vhost = shared_rabbit().await.vhost().await;
    let (ingress, one, other) =
        (ingress(&vhost.url()).await, worker(&vhost.url(), 4).await, worker(&vhost.url(), 4).await);
    let told = |count: u32| {
        let one = &one;
        async move { (one.workers().await == Some(count)).then_some(()) }
    };
    eventually("two workers", SOON, || told(2)).await;
    assert_eq!(ingress.workers().await, None, "it takes none");
    other.stop_receiving().await;
    eventually("one worker", SOON, || told(1)).await;
    assert_eq!(other.workers().await, None, "it takes none any more");
    let third = worker(&vhost.url(), 4).await;
    eventually("two again", SOON, || told(2)).await;
    drop(third);
    eventually("one again", SOON, || told(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_whose_connection_is_cut_consumes_again() {
    let rabbit = shared_rabbit().await;
    let vhost = rabbit.vhost().await;
    let proxy = Proxy::to(rabbit.port()).await;
    let queue = ingress(&vhost.url()).await;
    let worker = worker(&proxy.in_place_of(rabbit.port(), &vhost.url()), 4).await;
    for _ in 0..3 {
        let mut unfinished = HashSet::new();
        for _ in 0..10 {
            unfinished.insert(publish(&queue, Lane::Fresh).await.unwrap());
        }
        let held = receive(&worker).await;
        proxy.cut().await;
        eventually("consumers that are gone", SOON, || async { (!worker.is_consuming()).then_some(()) })
            .await;
        // What was held is somebody else's now: an acknowledgement is refused, or goes nowhere while the cut is not known.
        let _ = worker.done(held.tag).await;
        assert!(tokio::time::timeout(super::QUIET, worker.receive()).await.is_err(), "nothing to be had");
        proxy.heal().await;
        let again = receive(&worker).await;
        assert_eq!(job(&again), job(&held), "it comes first, as it was first");
        assert!(again.redelivered);
        worker.done(again.tag).await.unwrap();
        unfinished.remove(&job(&again));
        until_all_come(&worker, unfinished).await;
        works(&queue, &worker).await;
    }
    nothing_comes(&worker).await;
    // What was acknowledged has then gone through the proxy.
    worker.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_consumes_again_after_the_broker_s_restart() {
    let rabbit = RabbitServer::start().await;
    let vhost = rabbit.vhost().await;
    let (queue, worker) = (ingress(&vhost.url()).await, worker(&vhost.url(), 4).await);
    works(&queue, &worker).await;
    for kill in [false, true] {
        let kept = publish(&queue, Lane::Fresh).await.unwrap();
        if kill {
            rabbit.kill();
        } else {
            rabbit.stop();
        }
        eventually("a refusal", SOON, || async { publish(&queue, Lane::Fresh).await.err() }).await;
        rabbit.start_again().await;
        until_all_come(&worker, HashSet::from([kept])).await;
        works(&queue, &worker).await;
    }
    until_up(&queue).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_consumes_again_after_an_operator_closed_its_connections() {
    let vhost = shared_rabbit().await.vhost().await;
    let (queue, worker) = (ingress(&vhost.url()).await, worker(&vhost.url(), 4).await);
    for _ in 0..2 {
        vhost.close_connections().await;
        works(&queue, &worker).await;
    }
}

/// The broker then ends the consumer without an error.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_consumes_again_from_a_queue_that_was_deleted_and_declared() {
    let vhost = shared_rabbit().await.vhost().await;
    let (queue, worker) = (ingress(&vhost.url()).await, worker(&vhost.url(), 4).await);
    let raw = Raw::connect(&vhost.url()).await;
    for name in ["calrelay.due", "calrelay.jobs"] {
        raw.delete_queue(name).await;
        eventually("a consumer that is gone", SOON, || async { (!worker.is_consuming()).then_some(()) })
            .await;
        set_up(&vhost.url()).await.unwrap();
        until_consuming(&worker).await;
        works(&queue, &worker).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_stops_returns_what_nobody_received_and_keeps_what_somebody_did() {
    let vhost = shared_rabbit().await.vhost().await;
    let queue = ingress(&vhost.url()).await;
    let stopping = worker(&vhost.url(), 8).await;
    let mut published = HashSet::new();
    for lane in [Lane::Fresh, Lane::Due, Lane::Fresh, Lane::Due] {
        published.insert(publish(&queue, lane).await.unwrap());
    }
    eventually("four in hand", SOON, || async { (stopping.depth().await.unwrap().taken == 4).then_some(()) })
        .await;
    let held = receive(&stopping).await;
    stopping.stop_receiving().await;
    assert!(!stopping.is_consuming());
    assert!(tokio::time::timeout(super::QUIET, stopping.receive()).await.is_err(), "it takes no more");
    published.remove(&job(&held));
    let other = worker(&vhost.url(), 8).await;
    while !published.is_empty() {
        let delivery = receive(&other).await;
        assert!(published.remove(&job(&delivery)), "only what the other one let go");
        other.done(delivery.tag).await.unwrap();
    }
    // It still can publish, and finish.
    let last = publish(&stopping, Lane::Due).await.unwrap();
    stopping.done(held.tag).await.unwrap();
    stopping.close().await;
    until_all_come(&other, HashSet::from([last])).await;
    nothing_comes(&other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_closes_leaves_what_it_did_not_finish() {
    let vhost = shared_rabbit().await.vhost().await;
    let queue = ingress(&vhost.url()).await;
    let closing = worker(&vhost.url(), 8).await;
    let published = publish(&queue, Lane::Fresh).await.unwrap();
    let held = receive(&closing).await;
    assert_eq!(job(&held), published);
    closing.close().await;
    assert!(closing.done(held.tag).await.is_err());
    let other = worker(&vhost.url(), 8).await;
    let again = receive(&other).await;
    assert_eq!((job(&again), again.redelivered), (published, true));
    other.done(again.tag).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_starts_before_its_broker_and_its_queues() {
    let rabbit = shared_rabbit().await;
    let vhost = rabbit.vhost().await;
    // It may use what is there, and declare nothing.
    let url = vhost.add_user("worker", "^$", "^calrelay\\..*", "^calrelay\\..*").await;
    let proxy = Proxy::to(rabbit.port()).await;
    proxy.cut().await;
    let queue = start(&proxy.in_place_of(rabbit.port(), &url), Part::Worker { prefetch: 4 });
    super::until_link(
        &queue,
        "a missing broker",
        |link| matches!(link, adapter_rabbitmq::Link::Down { why } if why.contains("no connection")),
    )
    .await;
    proxy.heal().await;
    super::until_link(
        &queue,
        "missing queues",
        |link| matches!(link, adapter_rabbitmq::Link::Down { why } if why.contains("calrelay setup")),
    )
    .await;
    set_up(&vhost.url()).await.unwrap();
    until_consuming(&queue).await;
    works(&queue, &queue).await;
    queue.close().await;
}

/// So often a message may come back: it is a dead letter the next time.
const RETURNS: usize = 1_000;

/// What a consumer was given and had not begun when it died is counted, too. What the broker gives up is not lost.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_held_by_a_thousand_that_died_becomes_a_dead_letter() {
    let vhost = shared_rabbit().await.vhost().await;
    let queue = ingress(&vhost.url()).await;
    let raw = Raw::connect(&vhost.url()).await;
    for (lane, name) in [(Lane::Fresh, "calrelay.jobs"), (Lane::Due, "calrelay.due")] {
        let mut published = HashSet::new();
        for _ in 0..5 {
            published.insert(publish(&queue, lane).await.unwrap());
        }
        raw.die_holding(name, 5, RETURNS + 1).await;
        let operator = start(&vhost.url(), Part::Operator);
        while !published.is_empty() {
            let dead =
                eventually("a dead letter", SOON, || async { operator.take_dead().await.ok().flatten() })
                    .await;
            assert!(published.remove(&job(&dead)));
            operator.done(dead.tag).await.unwrap();
        }
    }
}

/// Else workers that die again and again would make dead letters of jobs that nobody had begun.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_publishes_anew_what_came_back_often_before_the_broker_gives_it_up() {
    const MESSAGES: u16 = 20;
    let vhost = shared_rabbit().await.vhost().await;
    let queue = ingress(&vhost.url()).await;
    let raw = Raw::connect(&vhost.url()).await;
    let mut published = HashSet::new();
    for _ in 0..MESSAGES {
        published.insert(publish(&queue, Lane::Fresh).await.unwrap());
    }
    let mut queue_now = "calrelay.jobs";
    for _ in 0..3 {
        raw.die_holding(queue_now, MESSAGES, RETURNS / 2).await;
        // It is given them, and never has the time to begin one.
        let dying = worker(&vhost.url(), MESSAGES).await;
        queue_now = "calrelay.due";
        eventually("what is published anew", SOON, || async {
            let messages = vhost.messages().await;
            (messages["calrelay.jobs"] == 0 && messages[queue_now] == u64::from(MESSAGES)).then_some(())
        })
        .await;
        drop(dying);
        eventually("it has died", SOON, || async {
            (queue.depth().await.unwrap().due == u64::from(MESSAGES)).then_some(())
        })
        .await;
    }
    assert_eq!(queue.depth().await.unwrap().dead, 0);
    let worker = worker(&vhost.url(), MESSAGES).await;
    while !published.is_empty() {
        let delivery = receive(&worker).await;
        // One that may have been begun is looked for before it is.
        assert!(delivery.redelivered);
        published.remove(&job(&delivery));
        worker.done(delivery.tag).await.unwrap();
    }
}

/// A worker that returns a message without end does not lose it either.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_worker_returns_a_thousand_times_still_comes() {
    let vhost = shared_rabbit().await.vhost().await;
    let worker = worker(&vhost.url(), 1).await;
    for lane in [Lane::Fresh, Lane::Due] {
        let id = publish(&worker, lane).await.unwrap();
        for _ in 0..=RETURNS {
            let delivery = receive(&worker).await;
            worker.put_back(delivery.tag).await.unwrap();
        }
        let delivery = receive(&worker).await;
        assert_eq!(job(&delivery), id);
        worker.done(delivery.tag).await.unwrap();
        nothing_comes(&worker).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ingress_takes_no_jobs() {
    let vhost = shared_rabbit().await.vhost().await;
    let queue = ingress(&vhost.url()).await;
    assert!(queue.receive().await.is_err());
    assert!(!queue.is_consuming());
}
