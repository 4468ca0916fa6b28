//! Publishing: one connection, one channel, one task that owns it.
//!
//! lapin takes a message's number and queues its frames under different locks, so two tasks that
//! publish on one channel may be given each other's confirms. Here one task publishes everything.

mod flight;
mod verdict;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{FutureExt as _, Stream, StreamExt as _};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Connection, Event};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::address::Address;
use super::deadline::{REPLY, within};
use super::link::Link;
use super::outgoing::Outgoing;
use super::pause::Pauses;
use super::topology::{self, SetUpError};
use super::wire::Wire;
use crate::port::QueueError;
use flight::Flight;

/// A message is confirmed within this, or nobody knows whether it is there. Longer than a quorum
/// queue takes to elect a leader.
const CONFIRM: Duration = Duration::from_secs(10);

/// Messages that wait for the task that publishes.
const WAITING: usize = 1_024;

/// lapin does not tell of every way in which a connection ends.
const LOOK: Duration = Duration::from_millis(500);

/// Who waits to hear what became of a message.
type Reply = oneshot::Sender<Result<(), QueueError>>;

struct Request {
    outgoing: Outgoing,
    reply: Reply,
}

/// The way to the task that publishes, while there is one.
type Door = Arc<Mutex<Option<mpsc::Sender<Request>>>>;

/// What everybody else sees of the publishing task.
#[derive(Clone)]
pub(super) struct Publisher {
    link: watch::Receiver<Link>,
    door: Door,
}

/// The publishing task itself.
pub(super) struct Publishing {
    address: Address,
    link: watch::Sender<Link>,
    door: Door,
    closing: CancellationToken,
    /// Nothing is left to declare: it is done, or not for this process to do.
    declared: bool,
}

/// A connection that messages can be published on.
struct Session {
    connection: Wire,
    channel: Channel,
    requests: mpsc::Receiver<Request>,
}

impl Publisher {
    /// The handle, and the task to run.
    pub(super) fn new(address: Address, closing: CancellationToken) -> (Self, Publishing) {
        let why = "there is no connection to RabbitMQ yet".to_owned();
        let (link, seen) = watch::channel(Link::Down { why });
        let door = Door::default();
        let publisher = Self { link: seen, door: door.clone() };
        (publisher, Publishing { address, link, door, closing, declared: false })
    }

    pub(super) fn link(&self) -> watch::Receiver<Link> {
        self.link.clone()
    }

    /// `Ok` when the broker has confirmed the message and has not returned it.
    pub(super) async fn publish(&self, outgoing: Outgoing) -> Result<(), QueueError> {
        if let Some(refusal) = self.link.borrow().refusal() {
            return Err(refusal);
        }
        let lost = || QueueError::Unreachable("the connection to RabbitMQ was lost".to_owned());
        let door = self.door.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or_else(lost)?;
        let deadline = Instant::now() + CONFIRM;
        let (reply, answer) = oneshot::channel();
        match timeout_at(deadline, door.send(Request { outgoing, reply })).await {
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

impl Publishing {
    /// Connects, publishes, and connects again, until it is told to close.
    pub(super) async fn run(mut self) {
        let closing = self.closing.clone();
        let mut pauses = Pauses::default();
        loop {
            let began = Instant::now();
            let opened = tokio::select! {
                opened = self.open() => opened,
                () = closing.cancelled() => break,
            };
            let ended = match opened {
                Ok(session) => self.serve(session).await,
                Err(why) => Err(why),
            };
            let Err(why) = ended else { break };
            self.down(why);
            tokio::select! {
                () = pauses.after(began) => {}
                () = closing.cancelled() => break,
            }
        }
        self.down("the queue is closed".to_owned());
    }

    fn down(&self, why: String) {
        let down = Link::Down { why };
        let before = self.link.send_replace(down.clone());
        if let Link::Down { why } = &down
            && before != down
            && !self.closing.is_cancelled()
        {
            warn!("Cannot publish to RabbitMQ: {why}");
        }
    }

    async fn open(&mut self) -> Result<Session, String> {
        let connection = self.address.connect("publishing").await?;
        if !self.declared {
            self.declare(&connection).await?;
        }
        topology::check(&connection).await?;
        let channel = confirming(&connection).await?;
        let (door, requests) = mpsc::channel(WAITING);
        *self.door.lock().unwrap_or_else(PoisonError::into_inner) = Some(door);
        Ok(Session { connection, channel, requests })
    }

    async fn declare(&mut self, connection: &Connection) -> Result<(), String> {
        match topology::declare(connection).await {
            Ok(()) => {}
            Err(SetUpError::Unreachable(why)) => return Err(why),
            Err(SetUpError::Forbidden { .. }) => info!("The queues are declared by `calrelay setup` alone"),
            Err(
                refused @ (SetUpError::Different { .. }
                | SetUpError::Refused { .. }
                | SetUpError::InvalidUrl(_)),
            ) => error!("{refused}"),
        }
        self.declared = true;
        Ok(())
    }

    /// Publishes until the connection is lost, which is the error, or closed.
    async fn serve(&self, session: Session) -> Result<(), String> {
        let Session { connection, channel, mut requests } = session;
        let mut events = Box::pin(connection.events_listener());
        let mut flight = Flight::new(channel.clone());
        let ended = tokio::select! {
            why = async {
                match probe(&channel, &mut events).await {
                    Ok(alarm) => self.alarm(alarm),
                    Err(why) => return why,
                }
                self.publish_all(&connection, &mut requests, &mut flight, &mut events).await
            } => Err(why),
            () = self.closing.cancelled() => Ok(()),
        };
        *self.door.lock().unwrap_or_else(PoisonError::into_inner) = None;
        if let Err(why) = &ended {
            // First the word, so that nobody comes to a door that is not there.
            self.down(why.clone());
        }
        requests.close();
        while let Ok(request) = requests.try_recv() {
            let why = "the connection to RabbitMQ was lost".to_owned();
            let _ = request.reply.send(Err(QueueError::Unreachable(why)));
        }
        // A blocked connection is not even closed: nothing is written to it.
        if ended.is_ok() && self.link.borrow().is_up() {
            let _ = timeout(REPLY, flight.land_all()).await;
            let _ = within(connection.close(200, "done".into())).await;
        }
        // What was confirmed in time is told so; the others learn that nobody knows.
        let _ = flight.land().now_or_never();
        ended
    }

    /// Returns why it cannot go on.
    async fn publish_all(
        &self,
        connection: &Connection,
        requests: &mut mpsc::Receiver<Request>,
        flight: &mut Flight,
        events: &mut (impl Stream<Item = Event> + Unpin),
    ) -> String {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::new();
        loop {
            let room = flight.room();
            // Every branch may be dropped half-way: none has taken anything by then.
            tokio::select! {
                _ = requests.recv_many(&mut batch, room), if room > 0 => self.launch(&mut batch, flight),
                () = flight.land(), if !flight.is_empty() => {}
                event = events.next() => match event {
                    Some(Event::ConnectionBlocked(why)) => self.alarm(Some(why)),
                    Some(Event::ConnectionUnblocked) => {
                        flight.opened();
                        self.alarm(None);
                    }
                    Some(Event::Error(error)) => flight.failed(error),
                    Some(_) | None => {}
                },
                _ = look.tick() => {}
            }
            if !connection.status().connected() || !flight.is_connected() {
                return flight.why();
            }
            if flight.is_lost() && self.link.borrow().is_up() {
                return "RabbitMQ does not confirm what it is sent".to_owned();
            }
            if flight.is_shut_out() && flight.is_empty() && self.link.borrow().is_up() {
                match confirming(connection).await {
                    Ok(channel) => drop(within(flight.change_to(channel).close(200, "refused".into())).await),
                    Err(why) => return why,
                }
            }
        }
    }

    fn launch(&self, batch: &mut Vec<Request>, flight: &mut Flight) {
        let refusal = self.link.borrow().refusal();
        for Request { outgoing, reply } in batch.drain(..) {
            match &refusal {
                // Whoever asked has given up.
                _ if reply.is_closed() => {}
                Some(refusal) => drop(reply.send(Err(refusal.clone()))),
                None => flight.launch(outgoing, reply),
            }
        }
    }

    fn alarm(&self, raised: Option<String>) {
        let link = raised.map_or(Link::Up, |why| Link::Blocked { why });
        match &link {
            Link::Up => info!("RabbitMQ takes messages"),
            Link::Blocked { why } => warn!("RabbitMQ has raised an alarm and takes no messages: {why}"),
            Link::Down { .. } => {}
        }
        self.link.send_replace(link);
    }
}

/// A channel whose messages are confirmed.
async fn confirming(connection: &Connection) -> Result<Channel, String> {
    let channel = within(connection.create_channel()).await?;
    within(channel.confirm_select(ConfirmSelectOptions::default())).await?;
    Ok(channel)
}

/// Publishes a message that goes nowhere and is stored nowhere, which needs what publishing needs: the
/// right to write, and a broker that takes messages. It tells of an alarm only to those who try.
/// Answers the alarm's words; the error is why nothing can be published.
async fn probe(
    channel: &Channel,
    events: &mut (impl Stream<Item = Event> + Unpin),
) -> Result<Option<String>, String> {
    let probing = async {
        let (exchange, options) = (topology::DELAY.into(), BasicPublishOptions::default());
        let nowhere = "nowhere".into();
        channel.basic_publish(exchange, nowhere, options, b"", BasicProperties::default()).await?.await
    };
    let alarm = async {
        loop {
            match events.next().await {
                Some(Event::ConnectionBlocked(why)) => return why,
                Some(_) => {}
                None => std::future::pending().await,
            }
        }
    };
    tokio::select! {
        confirmed = within(probing) => confirmed.map(|_| None),
        why = alarm => Ok(Some(why)),
    }
}
