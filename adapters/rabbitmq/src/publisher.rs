//! Publishing: one connection, one channel, one task that owns it.
//!
//! lapin takes a message's number and queues its frames under different locks, so two tasks that
//! publish on one channel may be given each other's confirms. Here one task publishes everything.

mod flight;
mod publishing;
mod verdict;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::address::Address;
use super::link::Link;
use super::outgoing::Outgoing;
use common::port::QueueError;
pub(super) use publishing::Publishing;

/// A message is confirmed within this, or nobody knows whether it is there. Longer than a quorum
/// queue takes to elect a leader.
const CONFIRM: Duration = Duration::from_secs(10);

/// Messages that wait for the task that publishes.
const WAITING: usize = 1_024;

/// Who waits to hear what became of a message.
type Reply = oneshot::Sender<Result<(), QueueError>>;

struct Request {
    outgoing: Outgoing,
    reply: Reply,
}

/// The way to the task that publishes, while it can.
#[derive(Clone, Default)]
struct Requests(Arc<Mutex<Option<mpsc::Sender<Request>>>>);

impl Requests {
    fn way(&self) -> Option<mpsc::Sender<Request>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn open(&self) -> mpsc::Receiver<Request> {
        let (way, requests) = mpsc::channel(WAITING);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(way);
        requests
    }

    fn close(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// What everybody else sees of the publishing task.
#[derive(Clone)]
pub(super) struct Publisher {
    link: watch::Receiver<Link>,
    requests: Requests,
}

impl Publisher {
    /// The handle, and the task to run.
    pub(super) fn new(address: Address, closing: CancellationToken) -> (Self, Publishing) {
        let why = "there is no connection to RabbitMQ yet".to_owned();
        let (link, seen) = watch::channel(Link::Down { why });
        let requests = Requests::default();
        let publisher = Self { link: seen, requests: requests.clone() };
        (publisher, Publishing::new(address, link, requests, closing))
    }

    pub(super) fn link(&self) -> watch::Receiver<Link> {
        self.link.clone()
    }

    /// `Ok` when the broker has confirmed the message and has not returned it.
    pub(super) async fn publish(&self, outgoing: Outgoing) -> Result<(), QueueError> {
        if let Some(refusal) = self.link.borrow().refusal() {
            return Err(refusal);
        }
        let way = self.requests.way().ok_or_else(lost)?;
        let deadline = Instant::now() + CONFIRM;
        let (reply, answer) = oneshot::channel();
        match timeout_at(deadline, way.send(Request { outgoing, reply })).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(lost()),
            Err(_) => return Err(QueueError::Unreachable("RabbitMQ does not keep up".to_owned())),
        }
        match timeout_at(deadline, answer).await {
            Ok(Ok(answer)) => answer,
            // Nobody knows how far it came.
            Ok(Err(_)) | Err(_) => Err(QueueError::Unconfirmed),
        }
    }
}

/// What is told to those whose message was not sent.
fn lost() -> QueueError {
    QueueError::Unreachable("the connection to RabbitMQ was lost".to_owned())
}
