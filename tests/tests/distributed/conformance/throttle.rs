//! The suite of the port `Throttle`, on Redis.

use std::sync::Arc;

use adapter_redis::{Redis, RedisThrottle};
use common::port::SystemClock;
use testing::throttle;
use tests::{Durability, RedisServer};

/// One on a server of its own.
struct OfItsOwn {
    server: RedisServer,
    throttle: Arc<RedisThrottle>,
}

impl OfItsOwn {
    async fn new() -> Self {
        let server = RedisServer::start(Durability::Nothing).await;
        let redis = Redis::start(&server.url(), Arc::new(SystemClock)).unwrap();
        Self { server, throttle: redis.throttle() }
    }
}

impl Drop for OfItsOwn {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // Alone, it would pass the suite as well.
            assert!(!self.throttle.is_alone());
            assert_ne!(self.server.command(&["DBSIZE"]), "0");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hammering_gets_what_is_allowed_and_no_more() {
    let own = OfItsOwn::new().await;
    throttle::hammering_gets_what_is_allowed_and_no_more(own.throttle.clone()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_or_nothing() {
    let own = OfItsOwn::new().await;
    throttle::all_or_nothing(own.throttle.clone()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_says_when_to_come_back() {
    let own = OfItsOwn::new().await;
    throttle::a_refusal_says_when_to_come_back(own.throttle.clone()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_apart() {
    let own = OfItsOwn::new().await;
    throttle::keys_are_apart(own.throttle.clone()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_is_used_up() {
    let own = OfItsOwn::new().await;
    throttle::a_day_is_used_up(own.throttle.clone()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_cost_passes_when_the_key_is_idle() {
    let own = OfItsOwn::new().await;
    throttle::a_large_cost_passes_when_the_key_is_idle(own.throttle.clone()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_back_holds_its_key() {
    let own = OfItsOwn::new().await;
    throttle::a_push_back_holds_its_key(own.throttle.clone()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn places_follow_at_the_rate() {
    let own = OfItsOwn::new().await;
    throttle::places_follow_at_the_rate(own.throttle.clone()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bulk_jobs_stand_behind_all_and_before_nobody() {
    let own = OfItsOwn::new().await;
    throttle::bulk_jobs_stand_behind_all_and_before_nobody(own.throttle.clone()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_only_looked_at_stays_as_it_is() {
    let own = OfItsOwn::new().await;
    throttle::a_line_that_is_only_looked_at_stays_as_it_is(own.throttle.clone()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_back_is_what_was_taken() {
    let own = OfItsOwn::new().await;
    throttle::what_is_given_back_is_what_was_taken(own.throttle.clone()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_share_in_use_is_that_of_the_busiest_key() {
    let own = OfItsOwn::new().await;
    throttle::the_share_in_use_is_that_of_the_busiest_key(own.throttle.clone()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_asks_twice_each_and_no_second_sees_more() {
    let own = OfItsOwn::new().await;
    throttle::a_crowd_asks_twice_each_and_no_second_sees_more(own.throttle.clone()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booked_turn_takes_nothing_and_binds_who_comes_later() {
    let own = OfItsOwn::new().await;
    throttle::a_booked_turn_takes_nothing_and_binds_who_comes_later(own.throttle.clone()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_key_does_not_hold_up_the_project() {
    let own = OfItsOwn::new().await;
    throttle::a_busy_key_does_not_hold_up_the_project(own.throttle.clone()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_back_to_a_day_can_be_taken_again() {
    let own = OfItsOwn::new().await;
    throttle::what_is_given_back_to_a_day_can_be_taken_again(own.throttle.clone()).await;
}
