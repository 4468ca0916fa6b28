//! The suite of the port `JobStore`, on Redis.

use std::sync::Arc;

use adapter_redis as redis;
use async_trait::async_trait;
use common::port::{JobStore, SystemClock};
use common::time;
use testing::{Bench, store};
use tests::{Durability, RedisServer};

/// A server of its own, and one process after another that uses it.
struct Redis {
    server: RedisServer,
}

impl Redis {
    async fn new() -> Self {
        Self { server: RedisServer::start(Durability::Nothing).await }
    }
}

#[async_trait]
impl Bench<dyn JobStore> for Redis {
    async fn open(&mut self) -> Arc<dyn JobStore> {
        let redis = redis::Redis::start(&self.server.url(), Arc::new(SystemClock)).unwrap();
        redis.store(time::days(7))
    }

    /// What was confirmed is in the server, not in the process.
    async fn restart(&mut self) -> Arc<dyn JobStore> {
        self.open().await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_job_is_accepted_once() {
    store::the_same_job_is_accepted_once(&mut Redis::new().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_backlog_refuses() {
    store::a_full_backlog_refuses(&mut Redis::new().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ended_job_makes_room() {
    store::an_ended_job_makes_room(&mut Redis::new().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_known_job_and_a_full_backlog_take_no_place() {
    store::a_known_job_and_a_full_backlog_take_no_place(&mut Redis::new().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_job_comes_with_the_age_of_the_records() {
    store::a_new_job_comes_with_the_age_of_the_records(&mut Redis::new().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn places_spread_the_jobs_of_an_account() {
    store::places_spread_the_jobs_of_an_account(&mut Redis::new().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_takes_no_turn_yet_makes_nobody_wait() {
    store::a_job_that_takes_no_turn_yet_makes_nobody_wait(&mut Redis::new().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bulk_jobs_make_no_normal_one_wait() {
    store::bulk_jobs_make_no_normal_one_wait(&mut Redis::new().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_an_accepting_job_is_withdrawn() {
    store::only_an_accepting_job_is_withdrawn(&mut Redis::new().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_pages_without_gaps() {
    store::a_list_pages_without_gaps(&mut Redis::new().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_filtered() {
    store::a_list_is_filtered(&mut Redis::new().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_learns_of_every_kind_of_change() {
    store::a_watcher_learns_of_every_kind_of_change(&mut Redis::new().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_overdue_is_found_in_order() {
    store::what_is_overdue_is_found_in_order(&mut Redis::new().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_longest_due_is_found() {
    store::the_longest_due_is_found(&mut Redis::new().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ended_long_ago_is_forgotten() {
    store::what_ended_long_ago_is_forgotten(&mut Redis::new().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_step_goes_by_the_rules() {
    store::every_step_goes_by_the_rules(&mut Redis::new().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_fifty_starts_wins() {
    store::one_of_fifty_starts_wins(&mut Redis::new().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_known_of_an_unknown_job() {
    store::nothing_is_known_of_an_unknown_job(&mut Redis::new().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_record_replaces_nothing() {
    store::a_restored_record_replaces_nothing(&mut Redis::new().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_survives_a_restart() {
    store::a_record_survives_a_restart(&mut Redis::new().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_blocked_jobs_of_some_accounts_are_found() {
    store::the_blocked_jobs_of_some_accounts_are_found(&mut Redis::new().await).await;
}
