//! Sliding-window quotas, and the statistics that prove pacing.

use reqwest::Method;
use serde_json::json;

use crate::harness::{ADA, GRACE, event, world};

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

#[tokio::test]
async fn a_day_has_so_many_invitations_to_outsiders() {
    let world = world().await;
    world.control("quota", json!({"invitationsPerDay": 3, "calendarPerSecond": 1000})).await;
    let invite = async |id: &str, guests: &[&str]| {
        let mut body = event(id);
        body["attendees"] = guests.iter().map(|email| json!({"email": email})).collect();
        // Whether or not they are mailed.
        world.send(world.call(Method::POST, "?sendUpdates=none").json(&body)).await
    };
    let (one, two) = ("a@elsewhere.example", "b@elsewhere.example");
    invite("first0", &[one, two, ADA, GRACE]).await.ok();
    invite("second", &[one, two]).await.refused(403, "quotaExceeded", "Calendar usage limits exceeded.");
    invite("second", &[one]).await.ok();
    invite("thirdd", &[one]).await.refused(403, "quotaExceeded", "Calendar usage limits exceeded.");
    invite("inside", &[GRACE]).await.ok();
    let again = json!({"attendees": [{"email": one}, {"email": two}]});
    world.patch("first0", again).await.ok();
    world.control("clock", json!({"advanceSeconds": 86_400})).await;
    let mut world = world;
    world.token = world.token_of(ADA).await;
    let mut body = event("thirdd");
    body["attendees"] = json!([{"email": one}]);
    assert_eq!(world.insert(body).await.status, 200, "a day later there is room again");
}

#[tokio::test]
async fn a_burst_on_one_calendar_leaves_the_others_alone() {
    let world = world().await;
    let team = "team@group.calendar.example.com";
    world.control("users/ada@example.com", json!({"calendars": [team]})).await;
    world.control("quota", json!({"calendarPerSecond": 2})).await;
    let on_team = async |id: &str| {
        let path = format!("/calendar/v3/calendars/{team}/events");
        let request = world.request(Method::POST, &path).bearer_auth(&world.token).json(&event(id));
        world.send(request).await
    };
    for n in 0..2 {
        assert_eq!(world.insert(event(&format!("event{n}"))).await.status, 200);
    }
    world.insert(event("onemore")).await.refused(403, "rateLimitExceeded", "Rate Limit Exceeded");
    assert_eq!(on_team("first0").await.status, 200);
    world.hands.advance_ms(999);
    assert_eq!(world.insert(event("onemore")).await.status, 403);
    assert_eq!(on_team("second").await.status, 200);
    assert_eq!(
        on_team("thirdd").await.reason(),
        "rateLimitExceeded",
        "two in any second, wherever it begins"
    );
    world.hands.advance_ms(1);
    assert_eq!(world.insert(event("onemore")).await.status, 200);
    assert_eq!(on_team("thirdd").await.status, 200);
}
