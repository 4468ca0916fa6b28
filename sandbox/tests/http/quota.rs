//! Sliding-window quotas, and the statistics that prove pacing.

use reqwest::Method;
use serde_json::json;

use crate::harness::{GRACE, event, world};

#[tokio::test]
async fn a_users_minute_slides() {
    let world = world().await;
    world.control("quota", json!({"userPerMinute": 3})).await;
    for _ in 0..3 {
        assert_eq!(world.list("").await.status, 200);
        world.hands.advance_ms(10_000);
    }
    world.list("").await.refused(403, "userRateLimitExceeded", "User Rate Limit Exceeded");
    world.hands.advance_ms(30_000);
    assert_eq!(
        world.list("").await.status,
        200,
        "the first is a minute old, and the refused one counts nothing"
    );
    assert_eq!(world.list("").await.status, 403);
    let grace = world.token_of(GRACE).await;
    let other = world.request(Method::GET, "/calendar/v3/calendars/primary/events").bearer_auth(grace);
    assert_eq!(world.send(other).await.status, 200);
    let stats = world.look("stats").await;
    assert_eq!(stats["requests"]["events.list"], json!({"ok": 5, "userRateLimitExceeded": 2}));
    assert_eq!(stats["maxPerMinute"]["ada@example.com"], 5);
    assert_eq!(stats["maxPerMinute"][GRACE], 1);
}

#[tokio::test]
async fn the_projects_limit_is_in_googles_words() {
    let world = world().await;
    world.control("quota", json!({"projectPerMinute": 1})).await;
    assert_eq!(world.list("").await.status, 200);
    let refused = world.list("").await;
    assert_eq!((refused.status, refused.reason()), (403, "rateLimitExceeded"));
    assert!(refused.message().starts_with("Quota exceeded for quota metric 'Queries' and limit 'Queries per minute' of service 'calendar-json.googleapis.com'"));
}

#[tokio::test]
async fn a_patch_costs_three() {
    let world = world().await;
    world.insert(event("first0")).await.ok();
    world.control("quota", json!({"userPerMinute": 6})).await;
    world.patch("first0", json!({"summary": "One"})).await.ok();
    world.patch("first0", json!({"summary": "Two"})).await.refused(
        403,
        "userRateLimitExceeded",
        "User Rate Limit Exceeded",
    );
    assert_eq!(world.get("first0").await.status, 200);
    assert_eq!(world.get("first0").await.status, 200);
    assert_eq!(world.get("first0").await.status, 403);
}

#[tokio::test]
async fn a_calendar_takes_ten_writes_a_second() {
    let world = world().await;
    for n in 0..10 {
        assert_eq!(world.insert(event(&format!("event{n}"))).await.status, 200);
    }
    world.insert(event("onemore")).await.refused(403, "rateLimitExceeded", "Rate Limit Exceeded");
    assert_eq!(world.get("event0").await.status, 200, "reads are not counted");
    world.hands.advance_ms(1_000);
    assert_eq!(world.insert(event("onemore")).await.status, 200);
}
