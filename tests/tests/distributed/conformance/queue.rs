//! The suite of the port `JobQueue`, on RabbitMQ.

use std::sync::Arc;
use std::time::Duration;

use adapter_rabbitmq::{Part, RabbitQueue};
use async_trait::async_trait;
use common::port::{JobQueue, Lane};
use common::time;
use testing::queue::QueueBench;
use testing::{Bench, queue};
use tests::{Vhost, eventually, shared_rabbit};

const SOON: Duration = Duration::from_secs(20);

/// A worker on a vhost of its own.
struct Broker {
    // Dropped first: what it holds goes back.
    queue: Option<Arc<RabbitQueue>>,
    vhost: Vhost,
}

impl Broker {
    /// One that has to be left empty.
    async fn tidy() -> Self {
        Self { queue: None, vhost: shared_rabbit().await.vhost().await }
    }

    /// One whose test leaves messages behind.
    async fn untidy() -> Self {
        let broker = Self::tidy().await;
        broker.vhost.leaves_anything();
        broker
    }

    async fn opened(&mut self) -> Arc<RabbitQueue> {
        if let Some(queue) = &self.queue {
            return queue.clone();
        }
        let worker = Part::Worker { prefetch: 64 };
        let queue = RabbitQueue::start(&self.vhost.url(), worker, time::days(7)).unwrap();
        eventually("a worker that takes jobs", SOON, || async { queue.is_consuming().then_some(()) }).await;
        self.queue.insert(queue).clone()
    }
}

#[async_trait]
impl Bench<dyn JobQueue> for Broker {
    async fn open(&mut self) -> Arc<dyn JobQueue> {
        self.opened().await
    }

    async fn restart(&mut self) -> Arc<dyn JobQueue> {
        self.queue = None;
        self.opened().await
    }
}

#[async_trait]
impl QueueBench for Broker {
    async fn publish_bytes(&mut self, body: Vec<u8>) {
        self.opened().await.publish_bytes(None, body, Lane::Fresh, Duration::ZERO).await.unwrap();
    }

    async fn arrived(&mut self, messages: u64) {
        let queue = self.opened().await;
        eventually("messages in hand", SOON, || async {
            (queue.depth().await.unwrap().taken >= messages).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_arrives_once() {
    queue::what_is_published_arrives_once(&mut Broker::tidy().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ok_means_durable() {
    queue::ok_means_durable(&mut Broker::tidy().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_done_comes_again() {
    queue::what_was_not_done_comes_again(&mut Broker::tidy().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delay_is_kept() {
    queue::a_delay_is_kept(&mut Broker::tidy().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_back_comes_again() {
    queue::what_is_put_back_comes_again(&mut Broker::tidy().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receive_that_is_given_up_loses_nothing() {
    queue::a_receive_that_is_given_up_loses_nothing(&mut Broker::tidy().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn side_by_side_each_message_comes_once() {
    queue::side_by_side_each_message_comes_once(&mut Broker::tidy().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_delayed_holds_nothing_up() {
    queue::what_is_delayed_holds_nothing_up(&mut Broker::untidy().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn due_comes_before_fresh() {
    queue::due_comes_before_fresh(&mut Broker::untidy().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_one_comes_among_many_due_ones() {
    queue::a_fresh_one_comes_among_many_due_ones(&mut Broker::untidy().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_keeps_its_order() {
    queue::a_lane_keeps_its_order(&mut Broker::tidy().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_receiver_is_woken() {
    queue::a_waiting_receiver_is_woken(&mut Broker::untidy().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_kept() {
    queue::what_cannot_be_read_is_kept(&mut Broker::untidy().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_looked_at_one_by_one() {
    queue::dead_letters_are_looked_at_one_by_one(&mut Broker::untidy().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_never_received() {
    queue::dead_letters_are_never_received(&mut Broker::untidy().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_depth_counts_everything() {
    queue::the_depth_counts_everything(&mut Broker::untidy().await).await;
}
