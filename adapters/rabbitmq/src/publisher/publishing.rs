//! The task that publishes.

use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _};
use lapin::options::ConfirmSelectOptions;
use lapin::{Channel, Connection, Event};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::super::address::Address;
use super::super::deadline::{REPLY, within};
use super::super::link::Link;
use super::super::pause::Pauses;
use super::super::topology::{self, SetUpError};
use super::super::wire::Wire;
use super::flight::Flight;
use super::{Request, Requests, lost};

/// lapin does not tell of every way in which a connection ends.
const LOOK: Duration = Duration::from_millis(500);

/// Queues that seem to be missing are declared again, but not more often than this.
const AGAIN: Duration = Duration::from_secs(10);

/// A broker with an alarm still reads the first message of a connection, and may confirm it.
const PROBES: u32 = 2;

/// Owns the channel that messages are published on.
pub(crate) struct Publishing {
    address: Address,
    link: watch::Sender<Link>,
    requests: Requests,
    closing: CancellationToken,
    /// When the queues were declared last.
    declared: Option<Instant>,
    may_declare: bool,
}

impl Publishing {
    pub(super) fn new(
        address: Address,
        link: watch::Sender<Link>,
        requests: Requests,
        closing: CancellationToken,
    ) -> Self {
        Self { address, link, requests, closing, declared: None, may_declare: true }
    }

    /// Connects, publishes, and connects again, until it is told to close.
    pub(crate) async fn run(mut self) {
        let closing = self.closing.clone();
        let mut pauses = Pauses::default();
        loop {
            let began = Instant::now();
            let opened = tokio::select! {
                opened = self.open() => opened,
                () = closing.cancelled() => break,
            };
            let ended = match opened {
                Ok((connection, channel)) => self.serve(&connection, channel).await,
                Err(why) => Err(why),
            };
            let Err(why) = ended else { break };
            self.tell(Link::Down { why });
            tokio::select! {
                () = pauses.after(began) => {}
                () = closing.cancelled() => break,
            }
        }
        self.tell(Link::Down { why: "the queue is closed".to_owned() });
    }

    fn tell(&self, link: Link) {
        if self.link.send_replace(link.clone()) == link || self.closing.is_cancelled() {
            return;
        }
        match link {
            Link::Up => info!("RabbitMQ takes messages"),
            Link::Blocked { why } => warn!("RabbitMQ has raised an alarm and takes no messages: {why}"),
            Link::Down { why } => warn!("Cannot publish to RabbitMQ: {why}"),
        }
    }

    async fn open(&mut self) -> Result<(Wire, Channel), String> {
        let connection = self.address.connect("publishing").await?;
        if self.declared.is_none() {
            self.declare(&connection).await?;
        }
        if let Err(why) = topology::check(&connection).await {
            // A broker that was emptied.
            self.declared = None;
            return Err(why);
        }
        let channel = confirming(&connection).await?;
        Ok((connection, channel))
    }

    async fn declare(&mut self, connection: &Connection) -> Result<(), String> {
        if !self.may_declare {
            return Ok(());
        }
        match topology::declare(connection).await {
            Ok(()) => {}
            Err(SetUpError::Unreachable(why)) => return Err(why),
            Err(SetUpError::Forbidden { .. }) => {
                self.may_declare = false;
                info!("The queues are declared by `calrelay setup` alone");
            }
            Err(
                refused @ (SetUpError::Different { .. }
                | SetUpError::Refused { .. }
                | SetUpError::InvalidUrl(_)),
            ) => error!("{refused}"),
        }
        self.declared = Some(Instant::now());
        Ok(())
    }

    /// Publishes until the connection is lost, which is the error, or closed.
    async fn serve(&mut self, connection: &Connection, channel: Channel) -> Result<(), String> {
        let closing = self.closing.clone();
        let mut requests = self.requests.open();
        let mut flight = Flight::new(channel);
        let ended = tokio::select! {
            why = self.publish_all(connection, &mut requests, &mut flight) => Err(why),
            () = closing.cancelled() => Ok(()),
        };
        if let Err(why) = &ended {
            // First the word, so that nobody sends to a channel that is not there.
            self.tell(Link::Down { why: why.clone() });
        }
        self.requests.close();
        requests.close();
        while let Ok(request) = requests.try_recv() {
            let _ = request.reply.send(Err(lost()));
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
        &mut self,
        connection: &Connection,
        requests: &mut mpsc::Receiver<Request>,
        flight: &mut Flight,
    ) -> String {
        let mut events = Box::pin(connection.events_listener());
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut probe, mut probes) = (flight.probe(), PROBES);
        let mut batch = Vec::new();
        loop {
            let room = flight.room();
            // Every branch may be dropped half-way: none has taken anything by then.
            tokio::select! {
                _ = requests.recv_many(&mut batch, room), if room > 0 => self.launch(&mut batch, flight),
                () = flight.land(), if !flight.is_empty() => {}
                answer = &mut probe, if probes > 0 => {
                    if !matches!(answer, Ok(Ok(()))) {
                        return flight.why();
                    }
                    probes -= 1;
                    if probes > 0 {
                        probe = flight.probe();
                    } else if !self.is_blocked() {
                        self.tell(Link::Up);
                    }
                }
                event = events.next() => self.heed(event, flight),
                _ = look.tick() => {}
            }
            if !connection.status().connected() || !flight.is_open() {
                return flight.why();
            }
            if flight.is_lost() && !self.is_blocked() {
                return "RabbitMQ does not confirm what it is sent".to_owned();
            }
            // A broker that dies loses what was declared just before.
            let again = self.declared.is_none_or(|declared| declared.elapsed() > AGAIN);
            if flight.came_back()
                && again
                && let Err(why) = self.declare(connection).await
            {
                return why;
            }
            if flight.is_shut_out() && flight.is_empty() && !self.is_blocked() {
                match confirming(connection).await {
                    Ok(channel) => drop(within(flight.change_to(channel).close(200, "refused".into())).await),
                    Err(why) => return why,
                }
            }
        }
    }

    fn is_blocked(&self) -> bool {
        matches!(&*self.link.borrow(), Link::Blocked { .. })
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

    fn heed(&self, event: Option<Event>, flight: &mut Flight) {
        match event {
            Some(Event::ConnectionBlocked(why)) => self.tell(Link::Blocked { why }),
            Some(Event::ConnectionUnblocked) => {
                flight.opened();
                self.tell(Link::Up);
            }
            Some(Event::Error(error)) => flight.failed(error),
            Some(_) | None => {}
        }
    }
}

/// A channel whose messages are confirmed.
async fn confirming(connection: &Connection) -> Result<Channel, String> {
    let channel = within(connection.create_channel()).await?;
    within(channel.confirm_select(ConfirmSelectOptions::default())).await?;
    Ok(channel)
}
