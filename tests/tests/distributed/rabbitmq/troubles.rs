//! What is said to be stored is stored, and what is said not to be is not, whatever happens meanwhile.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use adapter_rabbitmq::{Link, Part, RabbitQueue};
use common::job::JobId;
use common::port::{JobQueue as _, Lane, QueueError};
use common::sample;
use tests::{Proxy, RabbitServer, Vhost, eventually, shared_rabbit};
use tokio::task::JoinSet;

use super::{SOON, ingress, job, publish, receive, start, until_consuming, until_link, until_up, worker};

/// Messages by what was said of them.
#[derive(Default)]
struct Told {
    stored: HashSet<JobId>,
    refused: HashSet<JobId>,
    uncertain: HashSet<JobId>,
}

/// Publishes from many tasks at once until told to stop.
struct Callers {
    stop: Arc<AtomicBool>,
    tasks: JoinSet<Told>,
}

impl Callers {
    fn start(queue: &Arc<RabbitQueue>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for _ in 0..32 {
            tasks.spawn(publishing(queue.clone(), stop.clone()));
        }
        Self { stop, tasks }
    }

    async fn stop(self) -> Told {
        self.stop.store(true, Ordering::Relaxed);
        self.tasks.join_all().await.into_iter().fold(Told::default(), Told::and)
    }
}

async fn publishing(queue: Arc<RabbitQueue>, stop: Arc<AtomicBool>) -> Told {
    let mut told = Told::default();
    let mut number = 0_u32;
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        let lane = if number.is_multiple_of(3) { Lane::Due } else { Lane::Fresh };
        match told.publish(&queue, lane).await {
            Ok(()) | Err(QueueError::Unconfirmed) => {}
            Err(QueueError::Unreachable(_) | QueueError::Full) => {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
    told
}

impl Told {
    /// Publishes a message and notes what was said of it.
    async fn publish(&mut self, queue: &RabbitQueue, lane: Lane) -> Result<(), QueueError> {
        let message = sample::message();
        let said = queue.publish(&message, lane, Duration::ZERO).await;
        match &said {
            Ok(()) => self.stored.insert(message.job),
            Err(QueueError::Unconfirmed) => self.uncertain.insert(message.job),
            Err(QueueError::Unreachable(_) | QueueError::Full) => self.refused.insert(message.job),
        };
        said
    }

    fn and(mut self, other: Self) -> Self {
        self.stored.extend(other.stored);
        self.refused.extend(other.refused);
        self.uncertain.extend(other.uncertain);
        self
    }
}

/// Takes everything that is there, and compares it with what was said.
async fn hold_to_their_word(told: &Told, vhost: &Vhost) {
    let worker = worker(&vhost.url(), 500).await;
    let mut found = HashSet::new();
    take_all(&worker, Duration::from_secs(2), &mut found).await;
    eprintln!(
        "{} said to be stored, {} uncertain, {} refused; {} found",
        told.stored.len(),
        told.uncertain.len(),
        told.refused.len(),
        found.len()
    );
    assert!(told.stored.len() > 100, "there was something to lose");
    assert_eq!(told.stored.difference(&found).count(), 0, "said to be stored, and lost");
    assert_eq!(told.refused.intersection(&found).count(), 0, "said not to be stored, and there");
    assert!(found.iter().all(|id| told.stored.contains(id) || told.uncertain.contains(id)));
}

async fn more_is_stored(queue: &RabbitQueue) {
    for _ in 0..20 {
        eventually("a message that is taken", SOON, || async { publish(queue, Lane::Dead).await.ok() }).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_confirmed_is_lost_when_the_connection_is_cut_again_and_again() {
    let rabbit = shared_rabbit().await;
    let vhost = rabbit.vhost().await;
    vhost.leaves_anything();
    let proxy = Proxy::to(rabbit.port()).await;
    let queue = ingress(&proxy.in_place_of(rabbit.port(), &vhost.url())).await;
    let callers = Callers::start(&queue);
    for _ in 0..10 {
        more_is_stored(&queue).await;
        proxy.cut().await;
        until_link(&queue, "a lost connection", |link| matches!(link, Link::Down { .. })).await;
        proxy.heal().await;
        until_up(&queue).await;
    }
    more_is_stored(&queue).await;
    hold_to_their_word(&callers.stop().await, &vhost).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_confirmed_is_lost_when_the_broker_dies_and_comes_back() {
    let rabbit = RabbitServer::start().await;
    let vhost = rabbit.vhost().await;
    vhost.leaves_anything();
    let queue = ingress(&vhost.url()).await;
    let callers = Callers::start(&queue);
    for killed in [true, false, true] {
        more_is_stored(&queue).await;
        if killed {
            rabbit.kill();
        } else {
            rabbit.stop();
        }
        until_link(&queue, "a lost connection", |link| matches!(link, Link::Down { .. })).await;
        rabbit.start_again().await;
        more_is_stored(&queue).await;
    }
    hold_to_their_word(&callers.stop().await, &vhost).await;
}

/// Stops the process behind a queue, as when most of its replicas are lost, or starts it again. The broker itself runs.
async fn replicas(vhost: &Vhost, queue: &str, what: &str) {
    let did = vhost
        .server()
        .eval(&format!(
            "{{ok, Queue}} = rabbit_amqqueue:lookup({{resource, <<\"{}\">>, queue, <<\"{queue}\">>}}), \
             {{Name, _}} = amqqueue:get_pid(Queue), ra:{what}_server(quorum_queues, {{Name, node()}}).",
            vhost.name()
        ))
        .await;
    assert_eq!(did, "ok");
}

/// Publishes until something like this is said.
async fn until(
    told: &mut Told,
    queue: &RabbitQueue,
    lane: Lane,
    like_this: impl Fn(&Result<(), QueueError>) -> bool,
) {
    let all = async {
        while !like_this(&told.publish(queue, lane).await) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(SOON, all).await.expect("it is said");
}

/// A refusal (`basic.nack`) may be about an error within the broker. A quorum queue refuses only what it has not begun
/// to store (RabbitMQ 3.10.8, `rabbit_fifo_client:enqueue/3`): nothing that is said not to be stored may be there.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_refused_is_stored_by_queues_that_have_lost_their_replicas() {
    let vhost = shared_rabbit().await.vhost().await;
    vhost.leaves_anything();
    let queue = ingress(&vhost.url()).await;
    let (callers, mut told) = (Callers::start(&queue), Told::default());
    let lanes = [(Lane::Fresh, "calrelay.jobs"), (Lane::Due, "calrelay.due")];
    for _ in 0..2 {
        more_is_stored(&queue).await;
        for (_, name) in lanes {
            replicas(&vhost, name, "stop").await;
        }
        for (lane, name) in lanes {
            until(&mut told, &queue, lane, |said| *said == Err(QueueError::Full)).await;
            replicas(&vhost, name, "restart").await;
        }
        for (lane, _) in lanes {
            until(&mut told, &queue, lane, Result::is_ok).await;
        }
    }
    let told = callers.stop().await.and(told);
    assert!(!told.refused.is_empty() && !told.uncertain.is_empty());
    hold_to_their_word(&told, &vhost).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_confirmed_is_lost_when_the_queue_is_full_now_and_then() {
    let vhost = shared_rabbit().await.vhost().await;
    let (queue, worker) = (ingress(&vhost.url()).await, worker(&vhost.url(), 500).await);
    vhost.limit("calrelay.jobs", Some(100)).await;
    let callers = Callers::start(&queue);
    let mut found = HashSet::new();
    for _ in 0..5 {
        eventually("a full queue", SOON, || async {
            matches!(publish(&queue, Lane::Fresh).await, Err(QueueError::Full)).then_some(())
        })
        .await;
        // Room is made by taking messages, as ever; the callers are quick to use it up again.
        let stored = AtomicBool::new(false);
        let publishing = async {
            while publish(&queue, Lane::Fresh).await.is_err() {}
            stored.store(true, Ordering::Relaxed);
        };
        let taking = async {
            while !stored.load(Ordering::Relaxed) {
                take_one(&worker, Duration::from_millis(1), &mut found).await;
            }
        };
        tokio::time::timeout(SOON, async { tokio::join!(publishing, taking) }).await.unwrap();
    }
    let told = callers.stop().await;
    take_all(&worker, Duration::from_secs(2), &mut found).await;
    eprintln!("{} said to be stored, {} refused", told.stored.len(), told.refused.len());
    assert!(told.uncertain.is_empty());
    assert_eq!(told.stored.difference(&found).count(), 0, "said to be stored, and lost");
    assert_eq!(told.refused.intersection(&found).count(), 0, "said not to be stored, and there");
}

/// Takes and settles what comes until nothing has come for so long.
async fn take_all(worker: &RabbitQueue, quiet: Duration, found: &mut HashSet<JobId>) {
    while take_one(worker, quiet, found).await {}
}

/// Takes and settles a message; whether one came in time.
async fn take_one(worker: &RabbitQueue, patience: Duration, found: &mut HashSet<JobId>) -> bool {
    let Ok(delivery) = tokio::time::timeout(patience, worker.receive()).await else { return false };
    let delivery = delivery.unwrap();
    found.insert(job(&delivery));
    worker.done(delivery.tag).await.unwrap();
    true
}

/// Deliveries are settled while the worker's connections are cut: each message is dealt with in the end.
#[tokio::test(flavor = "multi_thread")]
async fn every_message_is_dealt_with_while_the_worker_s_connection_is_cut_again_and_again() {
    let rabbit = shared_rabbit().await;
    let vhost = rabbit.vhost().await;
    let proxy = Proxy::to(rabbit.port()).await;
    let queue = ingress(&vhost.url()).await;
    let worker = worker(&proxy.in_place_of(rabbit.port(), &vhost.url()), 32).await;
    let mut left = HashSet::new();
    let mut publishing = JoinSet::new();
    for number in 0..2_000 {
        let queue = queue.clone();
        let lane = if number % 2 == 0 { Lane::Fresh } else { Lane::Due };
        // Some come back through tiers, and are sent on by a worker whose connection is cut.
        let delay = Duration::from_millis(if number % 5 == 0 { 2_300 } else { 0 });
        publishing.spawn(async move { super::publish_later(&queue, lane, delay).await.unwrap() });
    }
    left.extend(publishing.join_all().await);
    let cutting = tokio::spawn(async move {
        for _ in 0..6 {
            tokio::time::sleep(Duration::from_millis(700)).await;
            proxy.cut().await;
            proxy.heal().await;
        }
        proxy
    });
    while !left.is_empty() {
        let delivery = receive(&worker).await;
        // Now and then one is put back, as a worker does that is told to stop.
        if delivery.tag.0.is_multiple_of(10) {
            let _ = worker.put_back(delivery.tag).await;
        } else if worker.done(delivery.tag).await.is_ok() {
            left.remove(&job(&delivery));
        }
    }
    let _proxy = cutting.await.unwrap();
    // What was acknowledged on a connection that was cut just then comes once more.
    until_consuming(&worker).await;
    take_all(&worker, Duration::from_secs(2), &mut HashSet::new()).await;
    worker.close().await;
}

/// As when a cable is pulled: nothing ends the connection but our own patience.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_broker_is_given_up_and_found_again() {
    let rabbit = shared_rabbit().await;
    let vhost = rabbit.vhost().await;
    vhost.leaves_anything();
    let proxy = Proxy::to(rabbit.port()).await;
    let url = format!("{}?heartbeat=2", proxy.in_place_of(rabbit.port(), &vhost.url()));
    let queue = start(&url, Part::Worker { prefetch: 8 });
    until_consuming(&queue).await;
    let first = publish(&queue, Lane::Fresh).await.unwrap();
    let held = receive(&queue).await;
    assert_eq!(job(&held), first);
    proxy.freeze();
    assert_eq!(publish(&queue, Lane::Fresh).await.unwrap_err(), QueueError::Unconfirmed);
    until_link(&queue, "a lost connection", |link| matches!(link, Link::Down { .. })).await;
    let why = super::refused(publish(&queue, Lane::Fresh).await);
    assert!(why.contains("lost") || why.contains("did not answer") || why.contains("silent"), "{why}");
    // A try to connect hangs too, and is given up.
    until_link(
        &queue,
        "a try that was given up",
        |link| matches!(link, Link::Down { why } if why.contains("did not answer")),
    )
    .await;
    assert!(queue.done(held.tag).await.is_err());
    proxy.heal().await;
    until_consuming(&queue).await;
    let after =
        eventually("a message that is taken", SOON, || async { publish(&queue, Lane::Fresh).await.ok() });
    let after = after.await;
    let mut seen = HashSet::new();
    while !seen.contains(&first) || !seen.contains(&after) {
        let delivery = receive(&queue).await;
        seen.insert(job(&delivery));
        queue.done(delivery.tag).await.unwrap();
    }
}

/// As when a queue has lost most of its replicas: the broker is there, and confirms nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_confirms_nothing_is_left() {
    let rabbit = shared_rabbit().await;
    let vhost = rabbit.vhost().await;
    vhost.leaves_anything();
    let proxy = Proxy::to(rabbit.port()).await;
    let queue = ingress(&format!("{}?heartbeat=600", proxy.in_place_of(rabbit.port(), &vhost.url()))).await;
    proxy.freeze();
    assert_eq!(publish(&queue, Lane::Fresh).await.unwrap_err(), QueueError::Unconfirmed);
    let down =
        until_link(&queue, "a connection that is left", |link| matches!(link, Link::Down { .. })).await;
    assert!(matches!(&down, Link::Down { why } if why.contains("confirm")), "{down:?}");
    proxy.heal().await;
    until_up(&queue).await;
    publish(&queue, Lane::Fresh).await.unwrap();
}

/// lapin keeps a thread and a socket for each connection until that ends: none may stay behind with
/// one that was given up.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_were_given_up_leave_nothing_behind() {
    let rabbit = shared_rabbit().await;
    let vhost = rabbit.vhost().await;
    let proxy = Proxy::to(rabbit.port()).await;
    let url = proxy.in_place_of(rabbit.port(), &vhost.url());
    let until =
        |count: usize| {
            let port = proxy.port();
            eventually("so many sockets", SOON, move || async move {
                (open_sockets_to(port) == count).then_some(())
            })
        };
    proxy.freeze();
    let silent: Vec<_> = (0..5).map(|_| start(&url, Part::Ingress)).collect();
    until(5).await;
    drop(silent);
    until(0).await;
    proxy.heal().await;
    let queue = ingress(&url).await;
    until(1).await;
    proxy.freeze();
    drop(queue);
    until(0).await;
}

/// Sockets of this process, connected to this port and not shut down.
fn open_sockets_to(port: u16) -> usize {
    const ESTABLISHED: &str = "01";
    let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
    let peer = format!("0100007F:{port:04X}");
    let is_one = |line: &&str| {
        let mut columns = line.split_whitespace().skip(2);
        columns.next() == Some(peer.as_str()) && columns.next() == Some(ESTABLISHED)
    };
    table.lines().filter(is_one).count()
}
