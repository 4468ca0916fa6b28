//! The private servers: they come back where they were, with what they promise to keep.

use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use tests::{
    Cluster, Durability, PostgresServer, Proxy, RabbitServer, RedisServer, eventually, shared_rabbit,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

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

/// Asks the Redis behind `proxy`, for a second at most.
async fn pings(connection: &mut TcpStream) -> bool {
    let mut reply = [0; 7];
    let answered = async {
        connection.write_all(b"PING\r\n").await?;
        connection.read_exact(&mut reply).await
    };
    let in_time = tokio::time::timeout(Duration::from_secs(1), answered).await;
    in_time.is_ok_and(|answered| answered.is_ok()) && reply == *b"+PONG\r\n"
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_can_be_frozen_cut_and_healed() {
    let redis = RedisServer::start(Durability::Nothing).await;
    let proxy = Proxy::to(redis.port()).await;
    assert_eq!(proxy.in_place_of(redis.port(), &redis.url()), format!("redis://127.0.0.1:{}", proxy.port()));
    let connect = || TcpStream::connect(("127.0.0.1", proxy.port()));
    let mut connection = connect().await.expect("a connection");
    assert!(pings(&mut connection).await);

    proxy.freeze();
    assert!(!pings(&mut connection).await);
    proxy.heal().await;
    let mut late = [0; 7];
    connection.read_exact(&mut late).await.expect("what was held back");
    assert!(pings(&mut connection).await);

    proxy.cut().await;
    assert!(!pings(&mut connection).await);
    assert!(connect().await.is_err());
    proxy.heal().await;
    assert!(!pings(&mut connection).await);
    assert!(pings(&mut connect().await.expect("a connection")).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_elects_another_leader_when_one_is_killed() {
    let cluster = Cluster::start().await;
    let vhost = cluster.vhost().await;
    let first = &cluster.nodes()[0];
    let url = cluster.balancer().in_place_of(first.port(), &vhost.url());
    leave_one_message(&url, "kept").await;
    vhost.leaves("kept", 1);
    let leader = cluster.leader(&vhost, "kept").await.expect("a leader");
    leader.kill();
    let next = eventually("another leader", Duration::from_secs(30), || cluster.leader(&vhost, "kept")).await;
    assert_ne!(next.name(), leader.name());
    leader.start_again().await;
    eventually("the message", Duration::from_secs(30), || async {
        (vhost.messages().await.get("kept") == Some(&1)).then_some(())
    })
    .await;
}
