//! Messages that were published and wait for their confirms.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::{BoxFuture, poll_fn};
use futures_util::stream::FuturesUnordered;
use lapin::options::BasicPublishOptions;
use lapin::{Channel, Confirmation, Error};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::super::outgoing::Outgoing;
use super::super::trouble;
use super::Reply;
use super::verdict::{Answer, Landed, Verdicts};
use common::port::QueueError;

/// Messages in flight at once, at most. More makes nothing faster.
const WINDOW: usize = 1_024;

/// A message without its confirm for so long says that the broker, or the queue behind it, has lost
/// its way. Callers have given up by then, and what is in flight takes up room for others.
const LOST: Duration = Duration::from_secs(20);

/// Every message for one queue refused for so long: it is full, or this channel is shut out of it.
///
/// A channel whose first message to a quorum queue comes while the queue's leader is dead asks that
/// node for ever, and answers for it with a refusal, however many messages come and whoever leads by
/// then (RabbitMQ 3.10.8, `rabbit_fifo_client:enqueue/3`). A new channel asks the new leader.
const SHUT_OUT: Duration = Duration::from_secs(1);

/// Published, not yet confirmed.
pub(super) struct Flight {
    channel: Channel,
    number: u64,
    waiting: FuturesUnordered<BoxFuture<'static, Arrival>>,
    /// When those in flight were published.
    launched: BTreeMap<u64, Instant>,
    /// Since when the broker takes messages.
    open_since: Instant,
    /// Since when nothing but refusals came, by routing key: each queue refuses for itself.
    refused: HashMap<&'static str, Instant>,
    /// A message came back for want of a queue.
    came_back: bool,
    verdicts: Verdicts<Reply>,
    trouble: Option<Error>,
}

struct Arrival {
    number: u64,
    routing_key: &'static str,
    reply: Reply,
    confirmation: Result<Confirmation, Error>,
}

impl Flight {
    pub(super) fn new(channel: Channel) -> Self {
        Self {
            channel,
            number: 0,
            waiting: FuturesUnordered::new(),
            launched: BTreeMap::new(),
            open_since: Instant::now(),
            refused: HashMap::new(),
            came_back: false,
            verdicts: Verdicts::default(),
            trouble: None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether its channel is open, as far as lapin knows.
    pub(super) fn is_open(&self) -> bool {
        self.channel.status().connected()
    }

    /// How many more may be published now.
    pub(super) fn room(&self) -> usize {
        if self.verdicts.undecided() || self.is_shut_out() {
            0
        } else {
            WINDOW.saturating_sub(self.waiting.len())
        }
    }

    /// Publishes. The frames are queued the first time [`land`](Self::land) polls it: lapin's
    /// `basic_publish` does not wait between taking a number and queueing.
    pub(super) fn launch(&mut self, outgoing: Outgoing, reply: Reply) {
        let mandatory = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        self.publish(outgoing, mandatory, reply);
    }

    /// Publishes a message that goes nowhere and is stored nowhere. It needs what every message needs:
    /// the right to write, and a broker that takes messages, which tells of an alarm only to those who
    /// try. It flies with the others, because their returned messages may ride on its confirm.
    pub(super) fn probe(&mut self) -> oneshot::Receiver<Result<(), QueueError>> {
        let (reply, answer) = oneshot::channel();
        self.publish(Outgoing::nowhere(), BasicPublishOptions::default(), reply);
        answer
    }

    fn publish(&mut self, outgoing: Outgoing, options: BasicPublishOptions, reply: Reply) {
        self.number += 1;
        let (number, channel) = (self.number, self.channel.clone());
        self.launched.insert(number, Instant::now());
        // Names this message, not its job, which may have another one in flight.
        let properties = outgoing.properties.with_correlation_id(number.to_string().into());
        self.waiting.push(Box::pin(async move {
            let (exchange, routing_key) = (outgoing.exchange.into(), outgoing.routing_key);
            let published = channel
                .basic_publish(exchange, routing_key.into(), options, &outgoing.body, properties)
                .await;
            let confirmation = match published {
                Ok(confirm) => confirm.await,
                Err(error) => Err(error),
            };
            Arrival { number, routing_key, reply, confirmation }
        }));
    }

    /// Waits for confirms, and answers whoever can be answered. Cancel safe: what has arrived is
    /// dealt with before it returns.
    pub(super) async fn land(&mut self) {
        let arrived = poll_fn(|context| self.poll_arrived(context)).await;
        let landed = arrived.into_iter().map(|arrival| self.read(arrival)).collect();
        for (reply, answer) in self.verdicts.judge(landed, self.waiting.len()) {
            // Whoever asked may have given up.
            let _ = reply.send(answer);
        }
    }

    /// Waits for all of them.
    pub(super) async fn land_all(&mut self) {
        while !self.waiting.is_empty() {
            self.land().await;
        }
    }

    /// The broker takes messages again: what waits is given time.
    pub(super) fn opened(&mut self) {
        self.open_since = Instant::now();
    }

    /// Whether a confirm is so late that it is not worth waiting for any more.
    pub(super) fn is_lost(&self) -> bool {
        let oldest = self.launched.first_key_value();
        oldest.is_some_and(|(_, launched)| (*launched).max(self.open_since).elapsed() > LOST)
    }

    /// Whether a queue has refused everything for long enough to try another channel.
    /// Nothing is published until there is one.
    pub(super) fn is_shut_out(&self) -> bool {
        self.refused.values().any(|since| since.elapsed() > SHUT_OUT)
    }

    /// Goes on with another channel, and answers the one before. Nothing may be in flight.
    pub(super) fn change_to(&mut self, channel: Channel) -> Channel {
        self.refused.clear();
        std::mem::replace(&mut self.channel, channel)
    }

    /// Whether a message has come back since this was asked last.
    pub(super) fn came_back(&mut self) -> bool {
        std::mem::take(&mut self.came_back)
    }

    /// Takes note of what ended the connection.
    pub(super) fn failed(&mut self, error: Error) {
        // The broker's own words say more than what follows from them.
        if self.trouble.as_ref().is_none_or(|known| trouble::code(known).is_none()) {
            self.trouble = Some(error);
        }
    }

    /// Why it is over, as a sentence.
    pub(super) fn why(&mut self) -> String {
        let why = self.trouble.as_ref().map(trouble::using);
        why.unwrap_or_else(|| "the connection to RabbitMQ was lost".to_owned())
    }

    /// Every confirm that has arrived.
    ///
    /// lapin attaches a returned message to the next confirm it completes, which need not be that
    /// message's own but never comes after it. So all that has been completed by now has to be seen
    /// before anything is judged, and `FuturesUnordered` may pause with something still to hand out:
    /// it then wakes whoever polls.
    fn poll_arrived(&mut self, context: &mut Context<'_>) -> Poll<Vec<Arrival>> {
        let rung = Arc::new(Bell { rung: AtomicBool::new(false), next: context.waker().clone() });
        let waker = Waker::from(rung.clone());
        let mut context = Context::from_waker(&waker);
        let mut arrived = Vec::new();
        loop {
            while let Poll::Ready(Some(arrival)) = self.waiting.poll_next_unpin(&mut context) {
                arrived.push(arrival);
            }
            if !rung.rung.swap(false, Ordering::AcqRel) {
                break;
            }
        }
        if arrived.is_empty() { Poll::Pending } else { Poll::Ready(arrived) }
    }

    fn read(&mut self, arrival: Arrival) -> Landed<Reply> {
        let Arrival { number, routing_key, reply, confirmation } = arrival;
        self.launched.remove(&number);
        match &confirmation {
            Ok(Confirmation::Nack(_)) => {
                self.refused.entry(routing_key).or_insert_with(Instant::now);
            }
            Ok(Confirmation::Ack(_) | Confirmation::NotRequested) | Err(_) => {
                self.refused.remove(routing_key);
            }
        }
        let (answer, returned) = match confirmation {
            Ok(Confirmation::Ack(returned)) => (Answer::Taken, returned),
            Ok(Confirmation::Nack(returned)) => (Answer::Rejected, returned),
            Ok(Confirmation::NotRequested) => (Answer::Unknown, None),
            Err(error) => {
                self.failed(error);
                (Answer::Unknown, None)
            }
        };
        let returned = returned.map(|returned| {
            let named = returned.properties.correlation_id().as_ref();
            named.and_then(|number| number.as_str().parse().ok())
        });
        self.came_back |= returned.is_some();
        Landed { number, reply, answer, returned }
    }
}

/// Passes a wake-up on, and remembers it.
struct Bell {
    rung: AtomicBool,
    next: Waker,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        self.next.wake_by_ref();
    }
}
