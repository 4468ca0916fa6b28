//! The suite of the port behind `queue`.

use testing::queue;

use crate::bench::Folder;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_published_arrives_once() {
    queue::what_is_published_arrives_once(&mut Folder::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ok_means_durable() {
    queue::ok_means_durable(&mut Folder::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_done_comes_again() {
    queue::what_was_not_done_comes_again(&mut Folder::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delay_is_kept() {
    queue::a_delay_is_kept(&mut Folder::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_delayed_holds_nothing_up() {
    queue::what_is_delayed_holds_nothing_up(&mut Folder::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn due_comes_before_fresh() {
    queue::due_comes_before_fresh(&mut Folder::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fresh_one_comes_among_many_due_ones() {
    queue::a_fresh_one_comes_among_many_due_ones(&mut Folder::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lane_keeps_its_order() {
    queue::a_lane_keeps_its_order(&mut Folder::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_put_back_comes_again() {
    queue::what_is_put_back_comes_again(&mut Folder::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiting_receiver_is_woken() {
    queue::a_waiting_receiver_is_woken(&mut Folder::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_is_kept() {
    queue::what_cannot_be_read_is_kept(&mut Folder::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_are_never_received() {
    queue::dead_letters_are_never_received(&mut Folder::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_depth_counts_everything() {
    queue::the_depth_counts_everything(&mut Folder::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receive_that_is_given_up_loses_nothing() {
    queue::a_receive_that_is_given_up_loses_nothing(&mut Folder::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn side_by_side_each_message_comes_once() {
    queue::side_by_side_each_message_comes_once(&mut Folder::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_are_looked_at_one_by_one() {
    queue::dead_letters_are_looked_at_one_by_one(&mut Folder::new()).await;
}
