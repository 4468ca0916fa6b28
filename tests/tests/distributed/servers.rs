//! The private servers: they come back where they were, with what they promise to keep.

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use tests::{Durability, PostgresServer, RabbitServer, RedisServer, shared_rabbit};

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_comes_back_with_what_it_promised_to_keep() {
    for (durability, kept) in [(Durability::Nothing, ""), (Durability::Always, "1")] {
        let redis = RedisServer::start(durability).await;
        redis.command(&["SET", "here", "1"]);
        redis.kill();
        redis.start_again().await;
        assert_eq!(redis.command(&["GET", "here"]), kept, "{durability:?}");
        redis.wipe();
        assert_eq!(redis.command(&["DBSIZE"]), "0");
        redis.stop();
        redis.start_again().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_comes_back_with_what_it_has_committed() {
    let postgres = PostgresServer::start().await;
    let database = postgres.database();
    let _ = postgres.sql(&database, "CREATE TABLE kept (number int); INSERT INTO kept VALUES (1)");
    postgres.kill();
    postgres.start_again().await;
    assert_eq!(postgres.sql(&database, "SELECT number FROM kept"), "1");
    postgres.stop();
    postgres.start_again().await;
    assert_eq!(postgres.sql(&database, "SELECT number FROM kept"), "1");
}

/// Declares a queue and puts a message into it.
async fn leave_one_message(url: &str, queue: &str) {
    let connection = Connection::connect(url, ConnectionProperties::default()).await.expect("a connection");
    let channel = connection.create_channel().await.expect("a channel");
    channel.confirm_select(ConfirmSelectOptions::default()).await.expect("confirms");
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(queue.into(), durable, arguments).await.expect("a queue");
    channel
        .basic_publish(
            "".into(),
            queue.into(),
            BasicPublishOptions::default(),
            b"x",
            BasicProperties::default().with_delivery_mode(2),
        )
        .await
        .expect("published")
        .await
        .expect("confirmed");
    connection.close(200, "done".into()).await.expect("closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_left_behind_fails_the_test_that_left_it() {
    let rabbit = shared_rabbit().await;
    let vhost = rabbit.vhost().await;
    assert!(vhost.messages().await.is_empty());
    leave_one_message(&vhost.url(), "left").await;
    let dropped = std::thread::spawn(move || drop(vhost)).join();
    let said = *dropped.expect_err("it fails").downcast::<String>().expect("a sentence");
    assert!(said.contains("{\"left\": 1}"), "{said}");

    let vhost = rabbit.vhost().await;
    leave_one_message(&vhost.url(), "declared").await;
    vhost.leaves("declared", 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rabbit_comes_back_where_it_was() {
    let rabbit = RabbitServer::start().await;
    let vhost = rabbit.vhost().await;
    leave_one_message(&vhost.url(), "kept").await;
    vhost.leaves("kept", 1);
    rabbit.kill();
    rabbit.start_again().await;
    rabbit.stop();
    rabbit.start_again().await;
    rabbit.alarm(true).await;
    rabbit.alarm(false).await;
    vhost.limit("kept", Some(10)).await;
    vhost.limit("kept", None).await;
    let url = vhost.add_user("reader", "^$", "^$", ".*").await;
    assert!(url.contains("reader"));
    vhost.close_connections().await;
}
