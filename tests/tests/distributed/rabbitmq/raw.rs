//! The broker without calrelay in between.

use std::time::Duration;

use common::port::Lane;
use futures_util::StreamExt as _;
use lapin::message::BasicGetMessage;
use lapin::options::{
    BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
    ExchangeDeleteOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use tests::eventually;

use super::SOON;

/// A client that does as it is told.
pub struct Raw {
    connection: Connection,
    channel: Channel,
}

impl Raw {
    pub async fn connect(url: &str) -> Self {
        let connection = Connection::connect(url, ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        Self { connection, channel }
    }

    pub async fn delete_queue(&self, name: &str) {
        self.channel.queue_delete(name.into(), QueueDeleteOptions::default()).await.unwrap();
    }

    pub async fn delete_exchange(&self, name: &str) {
        self.channel.exchange_delete(name.into(), ExchangeDeleteOptions::default()).await.unwrap();
    }

    pub async fn unbind(&self, queue: &str, exchange: &str, key: &str) {
        let (queue, exchange, key) = (queue.into(), exchange.into(), key.into());
        self.channel.queue_unbind(queue, exchange, key, FieldTable::default()).await.unwrap();
    }

    pub async fn declare_classic(&self, name: &str) {
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        self.channel.queue_declare(name.into(), durable, FieldTable::default()).await.unwrap();
    }

    /// Publishes these headers and this body to the lane's work queue.
    pub async fn publish(&self, lane: Lane, headers: FieldTable, body: &[u8]) {
        let properties = BasicProperties::default().with_delivery_mode(2).with_headers(headers);
        let (exchange, key) = ("calrelay.jobs".into(), lane.as_str().into());
        let publishing =
            self.channel.basic_publish(exchange, key, BasicPublishOptions::default(), body, properties);
        assert!(publishing.await.unwrap().await.unwrap().is_ack());
    }

    /// Is given all of these many messages of `queue` and does nothing with them, again and again, as workers do that die
    /// before they begin.
    pub async fn die_holding(&self, queue: &str, messages: u16, times: usize) {
        for _ in 0..times {
            let channel = self.connection.create_channel().await.unwrap();
            channel.basic_qos(messages, BasicQosOptions::default()).await.unwrap();
            let options = BasicConsumeOptions::default();
            let consuming = channel.basic_consume(queue.into(), "".into(), options, FieldTable::default());
            let mut consumer = consuming.await.unwrap();
            for _ in 0..messages {
                tokio::time::timeout(SOON, consumer.next()).await.unwrap().unwrap().unwrap();
            }
            channel.close(200, "it dies".into()).await.unwrap();
        }
    }

    /// Takes a message from `queue` and keeps it from everybody; waits for one.
    pub async fn get(&self, queue: &str) -> BasicGetMessage {
        eventually(queue, SOON, || async {
            let got = self.channel.basic_get(queue.into(), BasicGetOptions { no_ack: true }).await;
            got.unwrap()
        })
        .await
    }
}

/// A table of headers.
pub fn headers<const N: usize>(entries: [(&str, AMQPValue); N]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in entries {
        table.insert(name.into(), value);
    }
    table
}

/// The header `calrelay-due-at` of a message that is due after `delay`.
pub fn due_after(delay: Duration) -> (&'static str, AMQPValue) {
    let due = jiff::Timestamp::now() + delay;
    ("calrelay-due-at", AMQPValue::LongLongInt(due.as_millisecond()))
}
