//! One key, one event.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::{Calrelay, Launch};

fn body(title: &str) -> Value {
    json!({
        "summary": title,
        "start": {"dateTime": "2027-03-01T09:00:00", "timeZone": "Europe/Berlin"},
        "end": {"dateTime": "2027-03-01T10:00:00", "timeZone": "Europe/Berlin"},
    })
}

async fn post(calrelay: &Calrelay, title: &str) -> (u16, Option<String>, String) {
    let reply = calrelay
        .post("/api/create-calendar-event", &body(title))
        .header("Idempotency-Key", "\"order-17\"")
        .timeout(Duration::from_secs(30))
        .send()
        .await
        .expect("an answer");
    let replayed =
        reply.headers().get("Idempotency-Replayed").map(|value| value.to_str().expect("text").to_owned());
    (reply.status().as_u16(), replayed, reply.text().await.expect("text"))
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_equal_posts_with_one_key_make_one_event_and_fifty_equal_answers() {
    let calrelay = Launch::new().start().await;
    let answers = join_all((0..50).map(|_| post(&calrelay, "Once"))).await;
    let bodies: HashSet<&str> = answers.iter().map(|(_, _, body)| body.as_str()).collect();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert!(answers.iter().all(|(status, _, _)| *status == 200), "{answers:?}");
    let first = answers.iter().filter(|(_, replayed, _)| replayed.is_none()).count();
    assert_eq!(first, 1, "one answer is the first, the others say that they are repeats");
    let events = calrelay.sandbox().events().await;
    assert_eq!(events.len(), 1);
    assert!(events.values().all(|stored| stored.inserts == 1));

    let (status, _, other) = post(&calrelay, "Another").await;
    assert_eq!(status, 422, "{other}");
    assert!(other.contains("idempotency-key-reused"), "{other}");

    let calrelay = calrelay.kill().start().await;
    let (status, replayed, again) = post(&calrelay, "Once").await;
    assert_eq!((status, replayed.as_deref()), (200, Some("true")), "{again}");
    assert_eq!(again, answers[0].2);
    let (status, _, _) = post(&calrelay, "Another").await;
    assert_eq!(status, 422);
    assert_eq!(calrelay.sandbox().events().await.len(), 1);
}
