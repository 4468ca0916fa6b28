//! `Ok` means stored, and whatever is refused is not.

use std::time::{Duration, Instant};

use adapter_rabbitmq::{Link, Part, RabbitQueue, set_up};
use common::port::{JobQueue as _, Lane, QueueError};
use tests::{RabbitServer, eventually, shared_rabbit};
use tokio::task::JoinSet;

use super::raw::Raw;
use super::{ingress, publish, receive, refused, start, until_consuming, until_link, until_up, worker};

/// lapin attaches a returned message to another one's confirm; with many in flight this shows.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_without_a_queue_is_refused_and_its_neighbours_are_not() {
    let vhost = shared_rabbit().await.vhost().await;
    set_up(&vhost.url()).await.unwrap();
    // One that may not declare what is missing.
    let queue = ingress(&vhost.add_user("ingress", "^$", ".*", ".*").await).await;
    let raw = Raw::connect(&vhost.url()).await;
    raw.unbind("calrelay.due", "calrelay.jobs", "due").await;
    let mut stored = 0;
    for round in 0..20 {
        let mut publishing = JoinSet::new();
        for number in 0..200 {
            let queue = queue.clone();
            let lane = if number % 7 == round % 7 { Lane::Due } else { Lane::Fresh };
            publishing.spawn(async move { (lane, publish(&queue, lane).await) });
        }
        for (lane, told) in publishing.join_all().await {
            match lane {
                Lane::Fresh => {
                    told.unwrap();
                    stored += 1;
                }
                Lane::Due | Lane::Dead => {
                    let why = refused(told);
                    assert!(why.contains("calrelay setup"), "{why}");
                }
            }
        }
        assert_eq!(queue.depth().await.unwrap().fresh, stored, "as many as were said to be");
    }
    assert!(stored > 3_000, "most had a queue: {stored}");
    vhost.leaves("calrelay.jobs", stored);
    set_up(&vhost.url()).await.unwrap();
    publish(&queue, Lane::Due).await.unwrap();
    vhost.leaves("calrelay.due", 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses_until_there_is_room() {
    let vhost = shared_rabbit().await.vhost().await;
    let queue = ingress(&vhost.url()).await;
    vhost.limit("calrelay.jobs", Some(10)).await;
    let mut stored = 0;
    let full = async {
        loop {
            match publish(&queue, Lane::Fresh).await {
                Ok(_) => stored += 1,
                Err(error) => return error,
            }
        }
    };
    assert_eq!(tokio::time::timeout(super::SOON, full).await.unwrap(), QueueError::Full);
    assert!(stored >= 10);
    assert_eq!(queue.depth().await.unwrap().fresh, stored);
    // What comes back, and what is dead, is never refused.
    publish(&queue, Lane::Due).await.unwrap();
    publish(&queue, Lane::Dead).await.unwrap();
    vhost.leaves("calrelay.dead", 1);
    let worker = worker(&vhost.url(), 1).await;
    for _ in 0..=stored {
        worker.done(receive(&worker).await.tag).await.unwrap();
    }
    let again = eventually("room", super::SOON, || async { publish(&queue, Lane::Fresh).await.ok() }).await;
    let delivery = receive(&worker).await;
    assert_eq!(super::job(&delivery), again);
    worker.done(delivery.tag).await.unwrap();
}

/// The broker tells a channel that it refused only when somebody takes messages, and here nobody does.
#[tokio::test(flavor = "multi_thread")]
async fn a_limit_that_is_lifted_makes_room_by_itself() {
    let vhost = shared_rabbit().await.vhost().await;
    vhost.leaves_anything();
    let queue = ingress(&vhost.url()).await;
    vhost.limit("calrelay.jobs", Some(1)).await;
    eventually("a full queue", super::SOON, || async {
        (publish(&queue, Lane::Fresh).await == Err(QueueError::Full)).then_some(())
    })
    .await;
    vhost.limit("calrelay.jobs", None).await;
    eventually("room", super::SOON, || async { publish(&queue, Lane::Fresh).await.ok() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_is_a_refusal_at_once_and_ends_by_itself() {
    let rabbit = RabbitServer::start().await;
    let vhost = rabbit.vhost().await;
    let (queue, worker) = (ingress(&vhost.url()).await, worker(&vhost.url(), 8).await);
    let first = publish(&queue, Lane::Fresh).await.unwrap();
    let held = receive(&worker).await;
    assert_eq!(super::job(&held), first);
    rabbit.alarm(true).await;

    // The broker tells only those who try; until it does, nothing is certain.
    let mut uncertain = 0;
    let (why, took) = loop {
        let began = Instant::now();
        match publish(&queue, Lane::Fresh).await {
            Ok(_) => panic!("the broker takes nothing"),
            Err(QueueError::Unconfirmed) => uncertain += 1,
            Err(QueueError::Full) => panic!("it is not full"),
            Err(QueueError::Unreachable(why)) => break (why, began.elapsed()),
        }
    };
    assert!(why.contains("alarm"), "{why}");
    assert!(took < Duration::from_secs(5), "not after a deadline: {took:?}");
    assert!(matches!(&*queue.link().borrow(), Link::Blocked { .. }));

    // A worker learns of it as soon as it publishes, and takes no more; what it holds is still its own.
    let _ = publish(&worker, Lane::Due).await;
    eventually("cancelled consumers", super::SOON, || async { (!worker.is_consuming()).then_some(()) }).await;
    worker.done(held.tag).await.unwrap();

    // Whoever starts now knows at once.
    let newcomer = start(&vhost.url(), Part::Ingress);
    until_link(&newcomer, "an alarm", |link| matches!(link, Link::Blocked { .. })).await;
    assert!(refused(publish(&newcomer, Lane::Fresh).await).contains("alarm"));

    rabbit.alarm(false).await;
    for queue in [&queue, &worker, &newcomer] {
        until_up(queue).await;
    }
    until_consuming(&worker).await;
    // What was uncertain was stored after all: the broker read it when it took messages again.
    let after = publish(&newcomer, Lane::Fresh).await.unwrap();
    let mut seen = Vec::new();
    while !seen.contains(&after) || seen.len() < uncertain + 2 {
        let delivery = receive(&worker).await;
        seen.push(super::job(&delivery));
        worker.done(delivery.tag).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_broker_a_process_starts_and_says_so() {
    let queue = start("amqp://guest:guest@127.0.0.1:1/%2f", Part::Ingress);
    let why = refused(publish(&queue, Lane::Fresh).await);
    assert!(why.contains("no connection"), "{why}");
    until_link(
        &queue,
        "a refused connection",
        |link| matches!(link, Link::Down { why } if why.contains("refused")),
    )
    .await;
    assert!(queue.depth().await.is_err());
    queue.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_queue_publishes_nothing_more() {
    let vhost = shared_rabbit().await.vhost().await;
    let queue = ingress(&vhost.url()).await;
    let published = tokio::spawn({
        let queue = queue.clone();
        async move { publish(&queue, Lane::Fresh).await }
    });
    queue.close().await;
    assert!(refused(publish(&queue, Lane::Fresh).await).contains("closed"));
    // What was on its way was told what became of it.
    if published.await.unwrap().is_ok() {
        vhost.leaves("calrelay.jobs", 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_kept_for_the_retention_time() {
    let vhost = shared_rabbit().await.vhost().await;
    let queue = RabbitQueue::start(&vhost.url(), Part::Operator, Duration::from_secs(2)).unwrap();
    until_up(&queue).await;
    let published = Instant::now();
    publish(&queue, Lane::Dead).await.unwrap();
    while queue.depth().await.unwrap().dead == 1 {
        assert!(published.elapsed() < super::SOON, "it is still there");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(published.elapsed() >= Duration::from_secs(2));
}
