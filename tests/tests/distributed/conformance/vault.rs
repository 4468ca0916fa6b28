//! The suite of the port `Vault`, on PostgreSQL and on Redis.

use std::sync::Arc;

use async_trait::async_trait;
use common::port::Vault;
use testing::{Bench, vault};
use tests::{Durability, RedisServer, open_vault, shared_postgres};

/// A database of its own.
struct Postgres {
    url: String,
}

impl Postgres {
    async fn new() -> Self {
        Self { url: shared_postgres().await.database() }
    }
}

#[async_trait]
impl Bench<dyn Vault> for Postgres {
    async fn open(&mut self) -> Arc<dyn Vault> {
        open_vault(&self.url, None).await.unwrap()
    }

    async fn restart(&mut self) -> Arc<dyn Vault> {
        self.open().await
    }
}

/// A server of its own, which dies with the process.
struct Redis {
    server: RedisServer,
}

impl Redis {
    async fn new() -> Self {
        Self { server: RedisServer::start(Durability::Always).await }
    }
}

#[async_trait]
impl Bench<dyn Vault> for Redis {
    async fn open(&mut self) -> Arc<dyn Vault> {
        open_vault(&self.server.url(), None).await.unwrap()
    }

    async fn restart(&mut self) -> Arc<dyn Vault> {
        self.server.kill();
        self.server.start_again().await;
        self.open().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_kept() {
    vault::a_document_is_kept(&mut Postgres::new().await).await;
    vault::a_document_is_kept(&mut Redis::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_saw_the_last_one_replaces_it() {
    vault::only_who_saw_the_last_one_replaces_it(&mut Postgres::new().await).await;
    vault::only_who_saw_the_last_one_replaces_it(&mut Redis::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_never_used_again() {
    vault::a_version_is_never_used_again(&mut Postgres::new().await).await;
    vault::a_version_is_never_used_again(&mut Redis::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_change_is_lost_among_writers() {
    vault::no_change_is_lost_among_writers(&mut Postgres::new().await).await;
    vault::no_change_is_lost_among_writers(&mut Redis::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_is_the_first() {
    vault::one_of_many_is_the_first(&mut Postgres::new().await).await;
    vault::one_of_many_is_the_first(&mut Redis::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shelf_lists_what_is_on_it() {
    vault::a_shelf_lists_what_is_on_it(&mut Postgres::new().await).await;
    vault::a_shelf_lists_what_is_on_it(&mut Redis::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_come_by_version_and_page() {
    vault::changes_come_by_version_and_page(&mut Postgres::new().await).await;
    vault::changes_come_by_version_and_page(&mut Redis::new().await).await;
}
