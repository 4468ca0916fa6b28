//! What a folder promises beyond its ports: one worker, operators beside it, and a clean end.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use adapter_embedded::{Embedded, Role};
use common::job::{Effect, JobState, StateName};
use common::message::Message;
use common::port::{
    Clock, Depth, JobQueue as _, JobStore as _, Lane, ListFilter, Page, QueueError, SystemClock,
};
use common::sample;
use common::time;
use jiff::Timestamp;
use testing::{ManualClock, ScaledClock};
use tokio::time::timeout;

use crate::bench::{Folder, open};

const BRIEF: Duration = Duration::from_millis(300);
const SOON: Duration = Duration::from_secs(10);

async fn publish(folder: &Embedded, lane: Lane, delay: Duration) -> Message {
    let message = sample::message();
    folder.queue().publish(&message, lane, delay).await.unwrap();
    message
}

async fn received(folder: &Embedded) -> (Message, bool) {
    let delivery = timeout(SOON, folder.queue().receive()).await.unwrap().unwrap();
    (delivery.message.unwrap(), delivery.redelivered)
}

#[tokio::test]
async fn a_second_worker_is_refused_and_told_who_the_first_is() {
    let mut folder = Folder::new();
    folder.worker().await;
    let Err(refused) = open(folder.path(), Role::Worker).await else {
        panic!("there are two workers");
    };
    assert!(refused.to_string().contains(&std::process::id().to_string()), "{refused}");
    folder.close().await;
    folder.worker().await;
}

#[tokio::test]
async fn an_operator_works_beside_the_worker_and_leaves_its_deliveries_alone() {
    let mut folder = Folder::new();
    let path = folder.path().to_owned();
    let worker = folder.worker().await;
    let held = publish(worker, Lane::Fresh, Duration::ZERO).await;
    assert_eq!(received(worker).await.0, held);
    let running =
        sample::job("o", "a").with(|fields| fields.state = JobState::Running(sample::lease(sample::at(60))));
    worker.store().restore(&running).await.unwrap();

    let operator = open(&path, Role::Operator).await.unwrap();
    assert_eq!(operator.queue().depth().await.unwrap().taken, 1);
    assert_eq!(operator.store().get(&running.id).await, Ok(Some(running)));
    let published = Instant::now();
    let replayed = publish(&operator, Lane::Due, Duration::ZERO).await;
    assert_eq!(received(worker).await.0, replayed);
    assert!(published.elapsed() < Duration::from_secs(5), "noticed after {:?}", published.elapsed());
    operator.close().await;
    assert!(timeout(BRIEF, worker.queue().receive()).await.is_err(), "what is held came again");
}

#[tokio::test]
async fn an_operator_may_be_the_first_to_open_a_folder() {
    let mut folder = Folder::new();
    let path = folder.path().join("deep").join("data");
    let operator = open(&path, Role::Operator).await.unwrap();
    let message = publish(&operator, Lane::Due, Duration::ZERO).await;
    let worker = open(&path, Role::Worker).await.unwrap();
    assert_eq!(received(&worker).await, (message, false));
    worker.close().await;
    operator.close().await;
    folder.worker().await;
}

#[tokio::test]
async fn running_jobs_of_a_dead_worker_are_queued_with_an_unknown_effect() {
    let mut folder = Folder::new();
    let store = folder.worker().await.store();
    for _ in 0..1_100 {
        let state = JobState::Running(sample::lease(time::after(Timestamp::now(), time::hours(9))));
        store.restore(&sample::job("o", "a").with(|fields| fields.state = state)).await.unwrap();
    }
    let waiting = sample::job("o", "a").with(|fields| fields.state = JobState::Queued);
    store.restore(&waiting).await.unwrap();
    drop(store);
    let store = folder.worker().await.store();
    let page = Page { after: None, limit: 2_000 };
    let jobs = store.list(&ListFilter::default(), page.clone()).await.unwrap();
    assert_eq!(jobs.len(), 1_101);
    for job in jobs {
        assert_eq!(job.state, JobState::Queued);
        let recovered = job.id != waiting.id;
        assert_eq!(job.tally.crashes, u32::from(recovered));
        assert_eq!(job.effect, if recovered { Effect::Unknown } else { Effect::None });
    }
    let running = ListFilter { state: Some(StateName::Running), ..ListFilter::default() };
    assert_eq!(store.list(&running, page).await, Ok(Vec::new()));
}

#[tokio::test]
async fn a_clean_end_returns_what_nobody_received_as_never_delivered() {
    let mut folder = Folder::new();
    let worker = folder.worker().await;
    let first = publish(worker, Lane::Fresh, Duration::ZERO).await;
    let second = publish(worker, Lane::Fresh, Duration::ZERO).await;
    assert_eq!(received(worker).await.0, first);
    folder.close().await;
    let worker = folder.worker().await;
    assert_eq!(received(worker).await, (first, true));
    assert_eq!(received(worker).await, (second, false));
}

#[tokio::test]
async fn after_the_end_everything_is_an_error_and_nothing_hangs() {
    let mut folder = Folder::new();
    let worker = folder.worker().await;
    let (queue, store) = (worker.queue(), worker.store());
    folder.close().await;
    let message = sample::message();
    let ends = async {
        assert!(queue.publish(&message, Lane::Fresh, Duration::ZERO).await.is_err());
        assert!(queue.receive().await.is_err());
        assert!(queue.depth().await.is_err());
        assert!(store.get(&message.job).await.is_err());
    };
    timeout(SOON, ends).await.unwrap();
}

#[tokio::test]
async fn what_was_due_earlier_comes_earlier_within_its_lane() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new();
    let worker = Embedded::open(folder.path(), Role::Worker, clock.clone(), None).await.unwrap();
    // More than are taken at once, the last published first due.
    let mut expected = Vec::new();
    for delay in (1..=200).rev() {
        expected.push(publish(&worker, Lane::Due, Duration::from_secs(delay)).await);
    }
    assert!(timeout(BRIEF, worker.queue().receive()).await.is_err());
    clock.set(sample::at(200));
    while let Some(message) = expected.pop() {
        assert_eq!(received(&worker).await.0, message);
    }
}

#[tokio::test]
async fn one_accounts_later_jobs_do_not_stand_before_anothers_earlier_one() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new();
    let worker = Embedded::open(folder.path(), Role::Worker, clock.clone(), None).await.unwrap();
    for place in 2..500 {
        publish(&worker, Lane::Fresh, Duration::from_secs(place)).await;
    }
    let single = publish(&worker, Lane::Fresh, Duration::from_secs(1)).await;
    clock.set(sample::at(600));
    assert_eq!(received(&worker).await.0, single);
}

#[tokio::test]
async fn a_delayed_message_comes_on_time_not_at_the_next_look() {
    let mut folder = Folder::new();
    let worker = folder.worker().await;
    let mut least = Duration::MAX;
    for delay in [50, 80, 120, 170, 230].map(Duration::from_millis) {
        let published = Instant::now();
        publish(worker, Lane::Fresh, delay).await;
        received(worker).await;
        least = least.min(published.elapsed().saturating_sub(delay));
    }
    // A busy machine may be late, but hardly five times in a row.
    assert!(least < Duration::from_millis(500), "always late by {least:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiting_receiver_is_woken_by_the_publish_not_by_the_next_look() {
    let mut folder = Folder::new();
    let worker = folder.worker().await;
    let queue = worker.queue();
    let waiting = tokio::spawn(async move {
        for _ in 0..10 {
            let delivery = queue.receive().await.unwrap();
            queue.done(delivery.tag).await.unwrap();
        }
    });
    let published = Instant::now();
    for _ in 0..10 {
        publish(worker, Lane::Fresh, Duration::ZERO).await;
        let taken = async {
            while worker.queue().depth().await.unwrap() != Depth::default() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(SOON, taken).await.unwrap();
    }
    waiting.await.unwrap();
    assert!(published.elapsed() < Duration::from_secs(5), "ten took {:?}", published.elapsed());
}

#[tokio::test]
async fn the_lock_is_held_until_the_last_adapter_is_gone() {
    let mut folder = Folder::new();
    let path = folder.path().to_owned();
    let queue = folder.worker().await.queue();
    folder.lose();
    assert!(open(&path, Role::Worker).await.is_err(), "the queue can still be received from");
    drop(queue);
    folder.worker().await;
}

#[tokio::test]
async fn a_full_fresh_lane_refuses_and_other_lanes_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let small = async || {
        let clock = Arc::new(SystemClock);
        Embedded::open(folder.path(), Role::Worker, clock, Some(3)).await.unwrap()
    };
    let worker = small().await;
    for _ in 0..3 {
        publish(&worker, Lane::Fresh, Duration::ZERO).await;
    }
    let refused = async |worker: &Embedded| {
        let message = sample::message();
        worker.queue().publish(&message, Lane::Fresh, Duration::ZERO).await
    };
    assert_eq!(refused(&worker).await, Err(QueueError::Full));
    publish(&worker, Lane::Due, Duration::ZERO).await;
    assert_eq!(worker.queue().depth().await.unwrap().fresh, 3, "what was refused is not there");
    drop(worker);
    let worker = small().await;
    assert_eq!(refused(&worker).await, Err(QueueError::Full), "after a restart too");
    for _ in 0..4 {
        let delivery = worker.queue().receive().await.unwrap();
        worker.queue().done(delivery.tag).await.unwrap();
    }
    for _ in 0..3 {
        publish(&worker, Lane::Fresh, Duration::ZERO).await;
    }
    assert_eq!(refused(&worker).await, Err(QueueError::Full));
}

#[tokio::test]
async fn old_dead_letters_are_forgotten() {
    let mut folder = Folder::new();
    let worker = folder.worker().await;
    for _ in 0..3 {
        publish(worker, Lane::Dead, Duration::ZERO).await;
    }
    publish(worker, Lane::Fresh, Duration::ZERO).await;
    let now = Timestamp::now();
    let queue = worker.queue();
    assert_eq!(queue.forget_dead(now.checked_sub(Duration::from_secs(60)).unwrap()).await, Ok(0));
    assert_eq!(queue.forget_dead(time::after(now, Duration::from_secs(60))).await, Ok(3));
    let depth = queue.depth().await.unwrap();
    assert_eq!((depth.dead, depth.fresh), (0, 1));
}

#[tokio::test]
async fn delays_pass_at_the_pace_of_the_clock() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ScaledClock::new(1_000));
    let worker = Embedded::open(folder.path(), Role::Worker, clock.clone(), None).await.unwrap();
    let published = clock.now();
    let message = publish(&worker, Lane::Due, time::minutes(5)).await;
    assert_eq!(received(&worker).await.0, message);
    assert!(time::until(published, clock.now()) >= time::minutes(5));
}

#[cfg(unix)]
#[tokio::test]
async fn the_folder_and_all_that_is_in_it_are_for_this_user_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("data");
    let worker = open(&path, Role::Worker).await.unwrap();
    publish(&worker, Lane::Fresh, Duration::ZERO).await;
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    let files: Vec<_> = std::fs::read_dir(&path).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), 4, "the database, its log, the log's index and the lock: {files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn delays_are_kept_when_the_clock_is_set_back() {
    let folder = tempfile::tempdir().unwrap();
    let noon = sample::noon();
    let clock = ManualClock::at(noon);
    let worker = Embedded::open(folder.path(), Role::Worker, clock.clone(), None).await.unwrap();
    let minute = time::minutes(1);
    let before = publish(&worker, Lane::Due, minute).await;
    let taken = publish(&worker, Lane::Fresh, Duration::ZERO).await;
    let delivery = timeout(SOON, worker.queue().receive()).await.unwrap().unwrap();
    assert_eq!(delivery.message.as_ref(), Ok(&taken));

    let morning = noon - jiff::SignedDuration::from_hours(4);
    clock.set(morning);
    // What is published now is taken now.
    let now = publish(&worker, Lane::Fresh, Duration::ZERO).await;
    assert_eq!(received(&worker).await.0, now);
    let after = publish(&worker, Lane::Due, minute).await;
    worker.queue().put_back(delivery.tag).await.unwrap();
    assert_eq!(received(&worker).await.0, taken);
    assert_eq!(worker.queue().depth().await.unwrap().delayed, 2);
    // Nothing comes before its minute is over, and both come then.
    clock.set(time::after(morning, minute - Duration::from_secs(1)));
    assert!(timeout(BRIEF, worker.queue().receive()).await.is_err());
    clock.set(time::after(morning, minute));
    assert_eq!([received(&worker).await.0, received(&worker).await.0], [before, after]);
}

#[tokio::test]
async fn a_clock_that_was_ahead_for_a_moment_freezes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let noon = sample::noon();
    let clock = ManualClock::at(noon);
    let worker = Embedded::open(folder.path(), Role::Worker, clock.clone(), None).await.unwrap();
    clock.set(time::after(noon, time::days(1)));
    let published = publish(&worker, Lane::Due, time::minutes(1)).await;
    assert!(timeout(BRIEF, worker.queue().receive()).await.is_err());
    clock.set(time::after(noon, Duration::from_secs(1)));
    assert!(timeout(BRIEF, worker.queue().receive()).await.is_err());
    clock.set(time::after(noon, time::minutes(2)));
    assert_eq!(received(&worker).await.0, published);
    // Nor after a restart.
    let later = publish(&worker, Lane::Due, time::minutes(1)).await;
    worker.close().await;
    let worker = Embedded::open(folder.path(), Role::Worker, clock.clone(), None).await.unwrap();
    clock.set(time::after(noon, time::minutes(4)));
    let mut received = [received(&worker).await.0, received(&worker).await.0];
    received.sort_by_key(|message| message.job.to_string());
    let mut wanted = [published, later];
    wanted.sort_by_key(|message| message.job.to_string());
    assert_eq!(received, wanted);
}

#[tokio::test]
async fn a_small_correction_of_the_clock_hides_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new();
    let worker = Embedded::open(folder.path(), Role::Worker, clock.clone(), None).await.unwrap();
    publish(&worker, Lane::Fresh, Duration::ZERO).await;
    clock.set(sample::noon() - jiff::SignedDuration::from_millis(400));
    received(&worker).await;
    let published = publish(&worker, Lane::Fresh, Duration::ZERO).await;
    assert_eq!(received(&worker).await.0, published);
}

/// The database refuses a kind of statement on the queue, as a disk that is full would, until it is healed.
fn refuse_in(folder: &Path, statement: &str) -> rusqlite::Connection {
    let database = rusqlite::Connection::open(folder.join("calrelay.db")).unwrap();
    let trigger = format!(
        "CREATE TRIGGER refuse BEFORE {statement} ON queue BEGIN SELECT RAISE(ABORT, 'disk full'); END"
    );
    database.execute_batch(&trigger).unwrap();
    database
}

fn heal(database: &rusqlite::Connection) {
    database.execute_batch("DROP TRIGGER refuse").unwrap();
}

#[tokio::test]
async fn a_delivery_that_could_not_be_put_back_comes_again_without_a_restart() {
    let mut folder = Folder::new();
    let path = folder.path().to_owned();
    let worker = folder.worker().await;
    let published = publish(worker, Lane::Fresh, Duration::ZERO).await;
    let delivery = timeout(SOON, worker.queue().receive()).await.unwrap().unwrap();
    let queue = worker.queue();
    let database = refuse_in(&path, "UPDATE");
    assert!(queue.put_back(delivery.tag).await.is_err());
    assert!(timeout(BRIEF, queue.receive()).await.is_err());
    heal(&database);
    assert_eq!(received(worker).await, (published, true));
}

#[tokio::test]
async fn the_row_of_a_delivery_that_could_not_be_removed_goes_without_a_restart() {
    let mut folder = Folder::new();
    let path = folder.path().to_owned();
    let worker = folder.worker().await;
    publish(worker, Lane::Due, Duration::ZERO).await;
    let queue = worker.queue();
    let delivery = timeout(SOON, queue.receive()).await.unwrap().unwrap();
    let database = refuse_in(&path, "DELETE");
    assert!(queue.done(delivery.tag).await.is_err());
    assert!(timeout(BRIEF, queue.receive()).await.is_err());
    assert_eq!(queue.depth().await.unwrap().taken, 1);
    heal(&database);
    let next = publish(worker, Lane::Due, Duration::ZERO).await;
    assert_eq!(received(worker).await, (next, false));
    assert_eq!(queue.depth().await.unwrap(), Depth { taken: 1, ..Depth::default() });
}
