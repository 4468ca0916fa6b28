//! The pages a person sees.

use reqwest::Method;
use serde_json::json;

use crate::harness::{Answer, World, event, world};

async fn page(world: &World, path: &str) -> Answer {
    let answer = world.send(world.request(Method::GET, path).header("Accept", "text/html")).await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").starts_with("text/html"));
    assert!(answer.text.contains("<strong>SANDBOX</strong>"));
    assert!(!answer.text.contains("<script"));
    assert!(!answer.text.contains(" style="));
    answer
}

#[tokio::test]
async fn an_event_at_two_in_kolkata_is_seen_at_two() {
    let world = world().await;
    world.insert(event("first0")).await.ok();
    let week = page(&world, "/?date=2026-12-30").await;
    assert!(week.text.contains("28 December 2026 – 3 January 2027"));
    assert!(week.text.contains("14:00–15:00"));
    assert!(week.text.contains("Kolkata<br>UTC+05:30"));
    // 14:00 is six hours, or 72 rows of five minutes, below 08:00; an hour is twelve rows.
    assert!(week.text.contains("chip r73 s12 l0 w1 k0"), "{}", week.text);
    let berlin = page(&world, "/?date=2026-12-30&tz=Europe/Berlin").await;
    assert!(berlin.text.contains("chip r19 s12"), "09:30 in Berlin");
    assert!(berlin.text.contains("14:00–15:00 Kolkata"));
}

#[tokio::test]
async fn an_empty_week_is_friendly_and_points_to_the_next_event() {
    let world = world().await;
    world.insert(event("first0")).await.ok();
    let week = page(&world, "/").await;
    assert!(week.text.contains("16 – 22 November 2026"));
    assert!(week.text.contains("Nothing planned this week."));
    assert!(week.text.contains("/?user=ada%40example.com&amp;date=2026-12-30"));
    assert!(week.text.contains("curl"));
    let other = page(&world, "/?user=grace@example.com&date=2026-12-30").await;
    assert!(other.text.contains("Nothing planned this week."));
}

#[tokio::test]
async fn what_people_wrote_is_text_and_never_markup() {
    let world = world().await;
    let mut body = event("first0");
    body["summary"] = json!("<script>alert(1)</script> שלום 🎉");
    body["description"] = json!("<b>bold</b>");
    world.insert(body).await.ok();
    let week = page(&world, "/?date=2026-12-30").await;
    assert!(week.text.contains("&lt;script&gt;alert(1)&lt;/script&gt; שלום 🎉"));
    assert!(week.text.contains("&lt;b&gt;bold&lt;/b&gt;"));
}

#[tokio::test]
async fn overlapping_whole_day_and_deleted_events_have_their_places() {
    let world = world().await;
    let mut other = event("other0");
    other["start"]["dateTime"] = json!("2026-12-30T14:30:00");
    other["end"]["dateTime"] = json!("2026-12-30T15:30:00");
    world.insert(event("first0")).await.ok();
    world.insert(other).await.ok();
    let days = json!({"id": "fair00", "summary": "Fair", "start": {"date": "2026-12-29"}, "end": {"date": "2027-01-01"}});
    world.insert(days).await.ok();
    let week = page(&world, "/?date=2026-12-30").await;
    assert!(week.text.contains("l0 w2") && week.text.contains("l1 w2"));
    assert!(week.text.contains("chip whole c2 n3 k0"));
    world.delete("fair00").await;
    let week = page(&world, "/?date=2026-12-30").await;
    assert!(!week.text.contains("Fair"));
}

#[tokio::test]
async fn a_crowded_week_shows_its_first_thousand_events_and_says_how_many_there_are() {
    let world = world().await;
    let lots =
        json!({"projectPerMinute": 1_000_000, "userPerMinute": 1_000_000, "calendarPerSecond": 1_000_000});
    world.control("quota", lots).await;
    for number in 0..1_001 {
        world.insert(event(&format!("load{number}"))).await.ok();
    }
    let week = page(&world, "/?date=2026-12-30").await;
    assert!(week.text.contains("Only the first 1000 of this week's 1001 events are shown."));
    assert_eq!(led_to(week.text.split("</section>").next().unwrap()).len(), 1_000);
}

#[tokio::test]
async fn a_wrong_address_is_a_page_for_people_and_an_error_for_programs() {
    let world = world().await;
    let browser = world.send(world.request(Method::GET, "/nowhere").header("Accept", "text/html,*/*")).await;
    assert_eq!(browser.status, 404);
    assert!(
        browser.text.contains("<strong>SANDBOX</strong>") && browser.text.contains("There is nothing here")
    );
    world.send(world.request(Method::GET, "/nowhere")).await.refused(404, "notFound", "Not Found");
}

#[tokio::test]
async fn guests_and_meet_are_shown() {
    let world = world().await;
    let mut body = event("first0");
    body["attendees"] = json!([{"email": "test@example.com"}]);
    body["conferenceData"] =
        json!({"createRequest": {"requestId": "r", "conferenceSolutionKey": {"type": "hangoutsMeet"}}});
    world.send(world.call(Method::POST, "?conferenceDataVersion=1&sendUpdates=all").json(&body)).await.ok();
    assert!(page(&world, "/?date=2026-12-30").await.text.contains("being created"));
    world.hands.advance_ms(1_000);
    let week = page(&world, "/?date=2026-12-30").await;
    assert!(week.text.contains("https://meet.google.com/"));
    assert!(week.text.contains("1 guest"));
    let outbox = page(&world, "/_sandbox/outbox").await;
    assert!(outbox.text.contains("test@example.com"));
    let sheet = world.send(world.request(Method::GET, "/_sandbox/style.css")).await;
    assert_eq!((sheet.status, sheet.header("content-type")), (200, "text/css; charset=utf-8"));
    assert!(sheet.text.contains(".r288{grid-row-start:288}"));
}

/// The ids of the cards that the buttons of `html` lead to.
fn led_to(html: &str) -> std::collections::BTreeSet<&str> {
    html.split("popovertarget=\"e").skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[tokio::test]
async fn nine_events_at_once_are_all_there() {
    let world = world().await;
    for number in 0..9 {
        let mut body = event(&format!("same{number}"));
        body["summary"] = json!(format!("Meeting {number}"));
        world.insert(body).await.ok();
    }
    let week = page(&world, "/?date=2026-12-30").await;
    assert!(week.text.contains("+2 more"), "seven have lanes of their own");
    assert_eq!(week.text.matches("class=\"chip ").count(), 8);
    let grid = week.text.split("</section>").next().unwrap();
    assert_eq!(led_to(grid).len(), 9, "every event can be opened from the grid");
    for number in 0..9 {
        assert!(grid.contains(&format!("Meeting {number}")));
    }
    world.delete("same8").await;
    let week = page(&world, "/?date=2026-12-30").await;
    assert!(!week.text.contains(" more</b>"));
    assert_eq!(week.text.matches("class=\"chip ").count(), 8);
}

#[tokio::test]
async fn an_event_of_every_second_leaves_room_for_the_others() {
    let world = world().await;
    let mut body = event("second");
    body["description"] = json!("d".repeat(8_000));
    body["recurrence"] = json!(["RRULE:FREQ=SECONDLY"]);
    world.insert(body).await.ok();
    let mut lunch = event("lunch0");
    lunch["summary"] = json!("Lunch of the next day");
    for side in ["start", "end"] {
        lunch[side]["dateTime"] = json!(lunch[side]["dateTime"].as_str().unwrap().replace("30T", "31T"));
    }
    world.insert(lunch).await.ok();
    let week = page(&world, "/?date=2026-12-30").await;
    assert!(
        week.text.contains("only the first 100 times in this week are shown: 4900 are left out."),
        "{}",
        week.text
    );
    assert!(week.text.contains("Lunch of the next day"));
    assert!(week.text.len() < 1_000_000, "{} bytes", week.text.len());
    assert_eq!(week.text.matches("As the API shows it").count(), 2, "once an event");
    assert!(week.text.contains("101 events this week"));
}

#[tokio::test]
async fn a_week_of_long_events_is_no_long_page() {
    let world = world().await;
    world.control("quota", json!({"calendarPerSecond": 1000})).await;
    for number in 0..200 {
        let mut body = event(&format!("long{number}"));
        body["description"] = json!("d".repeat(8_000));
        world.insert(body).await.ok();
    }
    let week = page(&world, "/?date=2026-12-30").await;
    assert!(week.text.len() < 4_000_000, "{} bytes", week.text.len());
    assert!(week.text.contains("This page is full"));
    assert_eq!(led_to(week.text.split("</section>").next().unwrap()).len(), 200);
}
