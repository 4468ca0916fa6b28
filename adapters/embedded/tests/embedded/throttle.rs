//! The suite of the port behind `throttle`.

use std::sync::Arc;

use common::memory::MemoryThrottle;
use common::port::SystemClock;
use testing::throttle;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hammering_gets_what_is_allowed_and_no_more() {
    throttle::hammering_gets_what_is_allowed_and_no_more(Arc::new(MemoryThrottle::new(Arc::new(
        SystemClock,
    ))))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_or_nothing() {
    throttle::all_or_nothing(Arc::new(MemoryThrottle::new(Arc::new(SystemClock)))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_says_when_to_come_back() {
    throttle::a_refusal_says_when_to_come_back(Arc::new(MemoryThrottle::new(Arc::new(SystemClock)))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_apart() {
    throttle::keys_are_apart(Arc::new(MemoryThrottle::new(Arc::new(SystemClock)))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_is_used_up() {
    throttle::a_day_is_used_up(Arc::new(MemoryThrottle::new(Arc::new(SystemClock)))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_cost_passes_when_the_key_is_idle() {
    throttle::a_large_cost_passes_when_the_key_is_idle(Arc::new(MemoryThrottle::new(Arc::new(SystemClock))))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_back_holds_its_key() {
    throttle::a_push_back_holds_its_key(Arc::new(MemoryThrottle::new(Arc::new(SystemClock)))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn places_follow_at_the_rate() {
    throttle::places_follow_at_the_rate(Arc::new(MemoryThrottle::new(Arc::new(SystemClock)))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bulk_jobs_stand_behind_all_and_before_nobody() {
    throttle::bulk_jobs_stand_behind_all_and_before_nobody(Arc::new(MemoryThrottle::new(Arc::new(
        SystemClock,
    ))))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_is_only_looked_at_stays_as_it_is() {
    throttle::a_line_that_is_only_looked_at_stays_as_it_is(Arc::new(MemoryThrottle::new(Arc::new(
        SystemClock,
    ))))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_given_back_is_what_was_taken() {
    throttle::what_is_given_back_is_what_was_taken(Arc::new(MemoryThrottle::new(Arc::new(SystemClock))))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_share_in_use_is_that_of_the_busiest_key() {
    throttle::the_share_in_use_is_that_of_the_busiest_key(Arc::new(MemoryThrottle::new(Arc::new(
        SystemClock,
    ))))
    .await;
}

#[tokio::test]
async fn a_crowd_asks_twice_each_and_no_second_sees_more() {
    throttle::a_crowd_asks_twice_each_and_no_second_sees_more(Arc::new(MemoryThrottle::new(Arc::new(
        SystemClock,
    ))))
    .await;
}

#[tokio::test]
async fn a_booked_turn_takes_nothing_and_binds_who_comes_later() {
    throttle::a_booked_turn_takes_nothing_and_binds_who_comes_later(Arc::new(MemoryThrottle::new(Arc::new(
        SystemClock,
    ))))
    .await;
}

#[tokio::test]
async fn a_busy_key_does_not_hold_up_the_project() {
    throttle::a_busy_key_does_not_hold_up_the_project(Arc::new(MemoryThrottle::new(Arc::new(SystemClock))))
        .await;
}

#[tokio::test]
async fn what_is_given_back_to_a_day_can_be_taken_again() {
    throttle::what_is_given_back_to_a_day_can_be_taken_again(Arc::new(MemoryThrottle::new(Arc::new(
        SystemClock,
    ))))
    .await;
}
