//! What a caller may send is one limit, however many ingresses there are.

use reqwest::StatusCode;
use tests::Plan;

const STATUS: &str = "/api/calendar-status";

#[tokio::test(flavor = "multi_thread")]
async fn three_ingresses_together_let_through_what_one_would_and_alone_each_its_share() {
    let calrelay = Plan::new(3, 0).with("RATE_LIMIT", "60/15m").start().await;
    let mut passed = 0;
    let ask = async |number: usize| {
        let process = calrelay.apis()[number % 3].process();
        let reply = process.http().get(process.url(STATUS)).send().await.unwrap();
        reply.status() != StatusCode::TOO_MANY_REQUESTS
    };
    for number in 0..200 {
        passed += usize::from(ask(number).await);
    }
    assert!((50..=60).contains(&passed), "{passed} of 60");
    let counted = calrelay.redis().command(&["KEYS", "calrelay:rate:*"]);
    assert!(counted.contains("address:") && !counted.contains("127.0.0.1"), "{counted}");
    calrelay.redis().stop();
    for number in 0..30 {
        assert!(!ask(number).await, "the window goes on without Redis");
    }
}
