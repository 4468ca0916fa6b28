//! The suite of the port behind `vault`.

use testing::vault;

use crate::bench::Folder;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_is_kept() {
    vault::a_document_is_kept(&mut Folder::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_who_saw_the_last_one_replaces_it() {
    vault::only_who_saw_the_last_one_replaces_it(&mut Folder::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_is_never_used_again() {
    vault::a_version_is_never_used_again(&mut Folder::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_change_is_lost_among_writers() {
    vault::no_change_is_lost_among_writers(&mut Folder::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_many_is_the_first() {
    vault::one_of_many_is_the_first(&mut Folder::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shelf_lists_what_is_on_it() {
    vault::a_shelf_lists_what_is_on_it(&mut Folder::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_come_by_version_and_page() {
    vault::changes_come_by_version_and_page(&mut Folder::new()).await;
}
