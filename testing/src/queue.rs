//! The suite of the port `JobQueue`.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::task::JoinSet;

use super::{Bench, sample, soon};
use common::job::JobId;
use common::message::{Message, Unreadable};
use common::port::{Delivery, Depth, JobQueue, Lane};

/// A bench whose queue can be written past the port, as another build would.
#[async_trait]
pub trait QueueBench: Bench<dyn JobQueue> {
    /// Puts these bytes in the fresh lane.
    async fn publish_bytes(&mut self, body: Vec<u8>);

    /// Waits until so many messages are where [`receive`](JobQueue::receive) takes them from: on
    /// their way from a server they may overtake each other.
    async fn arrived(&mut self, _messages: u64) {}
}

/// Long enough for a message to come that should not.
const QUIET: Duration = Duration::from_millis(400);

async fn next(queue: &Arc<dyn JobQueue>) -> Delivery {
    soon("a delivery", queue.receive()).await.unwrap()
}

fn id(delivery: &Delivery) -> JobId {
    delivery.message.as_ref().unwrap().job.clone()
}

async fn nothing_comes(queue: &Arc<dyn JobQueue>) {
    if let Ok(delivery) = tokio::time::timeout(QUIET, queue.receive()).await {
        panic!("unexpected: {delivery:?}");
    }
}

/// The depth, once it is like this: what is on its way is counted nowhere.
async fn depth(queue: &Arc<dyn JobQueue>, what: &str, like_this: impl Fn(&Depth) -> bool) {
    let seen = async {
        while !like_this(&queue.depth().await.unwrap()) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    soon(what, seen).await;
}

async fn publish(queue: &Arc<dyn JobQueue>, lane: Lane) -> JobId {
    let message = sample::message();
    queue.publish(&message, lane, Duration::ZERO).await.unwrap();
    message.job
}

/// A message arrives as it was published, once, and is gone when it is done.
pub async fn what_is_published_arrives_once(bench: &mut impl QueueBench) {
    let queue = bench.open().await;
    let message = Message { hop: 7, ..sample::message() };
    queue.publish(&message, Lane::Fresh, Duration::ZERO).await.unwrap();
    let delivery = next(&queue).await;
    assert_eq!(delivery.message.as_ref(), Ok(&message));
    assert!(!delivery.redelivered);
    nothing_comes(&queue).await;
    queue.done(delivery.tag).await.unwrap();
    drop(queue);
    nothing_comes(&bench.restart().await).await;
}

/// `Ok` from publish means durable, for all of 2,000 at a time.
pub async fn ok_means_durable(bench: &mut impl QueueBench) {
    let queue = bench.open().await;
    let mut publishing = JoinSet::new();
    for number in 0..2_000 {
        let queue = queue.clone();
        let lane = if number % 2 == 0 { Lane::Fresh } else { Lane::Due };
        publishing.spawn(async move { publish(&queue, lane).await });
    }
    let mut published: HashSet<JobId> = publishing.join_all().await.into_iter().collect();
    assert_eq!(published.len(), 2_000);
    drop(queue);
    let queue = bench.restart().await;
    while !published.is_empty() {
        let delivery = next(&queue).await;
        assert!(published.remove(&id(&delivery)), "each comes once");
        queue.done(delivery.tag).await.unwrap();
    }
    nothing_comes(&queue).await;
}

/// What was received and not done comes again when its worker is gone, and says so.
pub async fn what_was_not_done_comes_again(bench: &mut impl QueueBench) {
    let queue = bench.open().await;
    let (done, lost) = (publish(&queue, Lane::Fresh).await, publish(&queue, Lane::Fresh).await);
    let first = next(&queue).await;
    let second = next(&queue).await;
    assert_eq!((id(&first), id(&second)), (done, lost.clone()));
    queue.done(first.tag).await.unwrap();
    drop(queue);
    let queue = bench.restart().await;
    let again = next(&queue).await;
    assert_eq!(id(&again), lost);
    assert!(again.redelivered);
    queue.done(again.tag).await.unwrap();
    nothing_comes(&queue).await;
}

/// A delayed message comes not before its time, and then it comes.
pub async fn a_delay_is_kept(bench: &mut impl QueueBench) {
    let queue = bench.open().await;
    let delay = Duration::from_millis(1_500);
    for lane in [Lane::Fresh, Lane::Due] {
        let message = sample::message();
        let published = Instant::now();
        queue.publish(&message, lane, delay).await.unwrap();
        let delivery = next(&queue).await;
        assert!(published.elapsed() >= delay, "{lane:?} after {:?}", published.elapsed());
        assert_eq!(id(&delivery), message.job);
        queue.done(delivery.tag).await.unwrap();
    }
}

/// What is delayed does not hold up what is not.
pub async fn what_is_delayed_holds_nothing_up(bench: &mut impl QueueBench) {
    let queue = bench.open().await;
    for _ in 0..200 {
        let hour = Duration::from_secs(3_600);
        queue.publish(&sample::message(), Lane::Fresh, hour).await.unwrap();
    }
    let now = publish(&queue, Lane::Fresh).await;
    assert_eq!(id(&next(&queue).await), now);
    nothing_comes(&queue).await;
    depth(&queue, "a depth of 200 delayed", |depth| depth.delayed == 200).await;
}

/// The due lane is taken before the fresh one.
pub async fn due_comes_before_fresh(bench: &mut impl QueueBench) {
    let queue = bench.open().await;
    let fresh = publish(&queue, Lane::Fresh).await;
    let due = publish(&queue, Lane::Due).await;
    bench.arrived(2).await;
    assert_eq!(id(&next(&queue).await), due);
    assert_eq!(id(&next(&queue).await), fresh);
}

/// Due ones that never end do not keep a fresh one waiting.
pub async fn a_fresh_one_comes_among_many_due_ones(bench: &mut impl QueueBench) {
    let queue = bench.open().await;
    for _ in 0..40 {
        publish(&queue, Lane::Due).await;
    }
    let fresh = [publish(&queue, Lane::Fresh).await, publish(&queue, Lane::Fresh).await];
    bench.arrived(42).await;
    let mut taken = Vec::new();
    for _ in 0..8 {
        let delivery = next(&queue).await;
        taken.push(id(&delivery));
        queue.done(delivery.tag).await.unwrap();
    }
    assert!(fresh.iter().all(|job| taken.contains(job)), "two fresh ones among eight");
    assert!(!fresh.contains(&taken[0]), "those that come back are first");
}

/// A lane keeps its order.
pub async fn a_lane_keeps_its_order(bench: &mut impl QueueBench) {
    let queue = bench.open().await;
    let mut published = Vec::new();
    for _ in 0..100 {
        published.push(publish(&queue, Lane::Fresh).await);
    }
    for job in published {
        let delivery = next(&queue).await;
        assert_eq!(id(&delivery), job);
        // A worker may be given no more than it can hold.
        queue.done(delivery.tag).await.unwrap();
    }
}

/// What is put back comes again, to the same worker too.
pub async fn what_is_put_back_comes_again(bench: &mut impl QueueBench) {
    let queue = bench.open().await;
    let job = publish(&queue, Lane::Fresh).await;
    for _ in 0..3 {
        let delivery = next(&queue).await;
        assert_eq!(id(&delivery), job);
        queue.put_back(delivery.tag).await.unwrap();
    }
    let delivery = next(&queue).await;
    queue.done(delivery.tag).await.unwrap();
    nothing_comes(&queue).await;
}

/// A receive that waits is woken by a publish.
pub async fn a_waiting_receiver_is_woken(bench: &mut impl QueueBench) {
    let queue = bench.open().await;
    nothing_comes(&queue).await;
    for lane in [Lane::Fresh, Lane::Due] {
        let waiting = tokio::spawn({
            let queue = queue.clone();
            async move { next(&queue).await }
        });
        let job = publish(&queue, lane).await;
        assert_eq!(id(&waiting.await.unwrap()), job);
    }
}

/// A message this build cannot read is delivered as such, and kept when it is buried.
pub async fn what_cannot_be_read_is_kept(bench: &mut impl QueueBench) {
    let queue = bench.open().await;
    bench.publish_bytes(br#"{"v":4711,"job":{"of":"the future"}}"#.to_vec()).await;
    bench.publish_bytes(b"\xff\x00 no message".to_vec()).await;
    let newer = next(&queue).await;
    assert_eq!(newer.message, Err(Unreadable::Version(4_711)));
    let garbled = next(&queue).await;
    assert_eq!(garbled.message, Err(Unreadable::Garbled));
    queue.bury(newer.tag).await.unwrap();
    queue.bury(garbled.tag).await.unwrap();
    depth(&queue, "two dead letters", |depth| depth.dead == 2).await;
    drop(queue);
    let queue = bench.restart().await;
    nothing_comes(&queue).await;
    depth(&queue, "two dead letters", |depth| depth.dead == 2).await;
}

/// An operator goes through the dead letters one by one: what is done is gone, what is put back stays.
pub async fn dead_letters_are_looked_at_one_by_one(bench: &mut impl QueueBench) {
    let queue = bench.open().await;
    let dead = [publish(&queue, Lane::Dead).await, publish(&queue, Lane::Dead).await];
    let first = queue.take_dead().await.unwrap().unwrap();
    let second = queue.take_dead().await.unwrap().unwrap();
    assert_eq!([id(&first), id(&second)], dead);
    assert!(queue.take_dead().await.unwrap().is_none(), "each is given once");
    queue.done(first.tag).await.unwrap();
    queue.put_back(second.tag).await.unwrap();
    drop(queue);
    let queue = bench.restart().await;
    depth(&queue, "one dead letter", |depth| depth.dead == 1).await;
    let left = queue.take_dead().await.unwrap().unwrap();
    assert_eq!(id(&left), dead[1]);
    queue.put_back(left.tag).await.unwrap();
}

/// Nobody receives from the dead lane.
pub async fn dead_letters_are_never_received(bench: &mut impl QueueBench) {
    let queue = bench.open().await;
    publish(&queue, Lane::Dead).await;
    nothing_comes(&queue).await;
    depth(&queue, "one dead letter", |depth| depth.dead == 1).await;
}

/// The depth is the number of messages, wherever they are.
pub async fn the_depth_counts_everything(bench: &mut impl QueueBench) {
    let queue = bench.open().await;
    for _ in 0..3 {
        publish(&queue, Lane::Fresh).await;
    }
    publish(&queue, Lane::Due).await;
    publish(&queue, Lane::Dead).await;
    queue.publish(&sample::message(), Lane::Due, Duration::from_secs(3_600)).await.unwrap();
    // An adapter may take ahead of being asked.
    let work = |depth: &Depth| depth.fresh + depth.due + depth.taken;
    depth(&queue, "four to do, one delayed, one dead", |depth| {
        work(depth) == 4 && (depth.delayed, depth.dead) == (1, 1)
    })
    .await;
    let delivery = next(&queue).await;
    depth(&queue, "one taken of four", |depth| depth.taken >= 1 && work(depth) == 4).await;
    queue.done(delivery.tag).await.unwrap();
    depth(&queue, "three to do", |depth| work(depth) == 3).await;
}

/// A receive that is given up loses nothing, whenever that happens.
pub async fn a_receive_that_is_given_up_loses_nothing(bench: &mut impl QueueBench) {
    let queue = bench.open().await;
    let mut published = HashSet::new();
    for turn in 0..600_u64 {
        if turn % 2 == 0 {
            published.insert(publish(&queue, Lane::Fresh).await);
        }
        // From giving up before anything happened to giving up just when it is about to return.
        let patience = Duration::from_micros(turn % 40 * 25);
        if let Ok(delivery) = tokio::time::timeout(patience, queue.receive()).await {
            let delivery = delivery.unwrap();
            assert!(published.remove(&id(&delivery)), "each comes once");
            queue.done(delivery.tag).await.unwrap();
        }
    }
    while !published.is_empty() {
        let delivery = next(&queue).await;
        assert!(published.remove(&id(&delivery)), "each comes once");
        queue.done(delivery.tag).await.unwrap();
    }
    nothing_comes(&queue).await;
}

/// Receivers that wait side by side get each message once.
pub async fn side_by_side_each_message_comes_once(bench: &mut impl QueueBench) {
    let queue = bench.open().await;
    let mut receiving = JoinSet::new();
    for _ in 0..8 {
        let queue = queue.clone();
        receiving.spawn(async move {
            let mut received = Vec::new();
            while let Ok(delivery) = tokio::time::timeout(QUIET * 2, queue.receive()).await {
                let delivery = delivery.unwrap();
                received.push(id(&delivery));
                queue.done(delivery.tag).await.unwrap();
            }
            received
        });
    }
    let mut published = HashSet::new();
    for _ in 0..500 {
        published.insert(publish(&queue, Lane::Fresh).await);
    }
    let received: Vec<JobId> = receiving.join_all().await.into_iter().flatten().collect();
    assert_eq!(received.len(), 500);
    assert_eq!(received.into_iter().collect::<HashSet<_>>(), published);
}
