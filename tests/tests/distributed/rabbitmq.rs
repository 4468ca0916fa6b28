//! What the queue on RabbitMQ promises beyond its port's suite: nothing is said to be stored that is
//! not, and whatever happens to the broker or the way to it, work goes on by itself.

mod consuming;
mod delays;
mod publishing;
mod raw;
mod tls;
mod topology;
mod troubles;

use std::sync::Arc;
use std::time::Duration;

use adapter_rabbitmq::{Link, Part, RabbitQueue};
use common::job::JobId;
use common::message::Message;
use common::port::{Delivery, JobQueue as _, Lane, QueueError};
use common::sample;
use common::time;
use tests::eventually;

/// What happens by itself has happened after this, on any machine.
const SOON: Duration = Duration::from_secs(40);

/// Long enough for a message to come that should not.
const QUIET: Duration = Duration::from_millis(700);

fn start(url: &str, part: Part) -> Arc<RabbitQueue> {
    RabbitQueue::start(url, part, time::days(7)).unwrap()
}

/// An ingress that can publish.
async fn ingress(url: &str) -> Arc<RabbitQueue> {
    let queue = start(url, Part::Ingress);
    until_up(&queue).await;
    queue
}

/// A worker that takes jobs.
async fn worker(url: &str, prefetch: u16) -> Arc<RabbitQueue> {
    let queue = start(url, Part::Worker { prefetch });
    until_consuming(&queue).await;
    queue
}

async fn until_up(queue: &RabbitQueue) {
    until_link(queue, "a link that is up", |link| *link == Link::Up).await;
}

async fn until_link(queue: &RabbitQueue, what: &str, like_this: impl Fn(&Link) -> bool) -> Link {
    let mut link = queue.link();
    let Ok(link) = tokio::time::timeout(SOON, link.wait_for(|link| like_this(link))).await else {
        panic!("waited in vain for {what}: {:?}", *queue.link().borrow());
    };
    link.unwrap().clone()
}

async fn until_consuming(queue: &RabbitQueue) {
    eventually("a worker that takes jobs", SOON, || async { queue.is_consuming().then_some(()) }).await;
}

/// Publishes a message of a job of its own.
async fn publish(queue: &RabbitQueue, lane: Lane) -> Result<JobId, QueueError> {
    publish_later(queue, lane, Duration::ZERO).await
}

async fn publish_later(queue: &RabbitQueue, lane: Lane, delay: Duration) -> Result<JobId, QueueError> {
    let message = sample::message();
    queue.publish(&message, lane, delay).await.map(|()| message.job)
}

async fn receive(queue: &RabbitQueue) -> Delivery {
    let Ok(delivery) = tokio::time::timeout(SOON, queue.receive()).await else {
        panic!("nothing comes; the link: {:?}", *queue.link().borrow());
    };
    delivery.unwrap()
}

async fn nothing_comes(queue: &RabbitQueue) {
    if let Ok(delivery) = tokio::time::timeout(QUIET, queue.receive()).await {
        panic!("unexpected: {delivery:?}");
    }
}

fn message(delivery: &Delivery) -> &Message {
    delivery.message.as_ref().unwrap()
}

fn job(delivery: &Delivery) -> JobId {
    message(delivery).job.clone()
}

/// The sentence of a message that was not stored.
fn refused(result: Result<JobId, QueueError>) -> String {
    match result {
        Err(QueueError::Unreachable(why)) => why,
        other => panic!("not refused: {other:?}"),
    }
}
