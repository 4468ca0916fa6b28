//! Lists: filters, orders, pages, instances, syncing.

use serde_json::{Value, json};

use crate::harness::{World, event, world};

fn ids(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().unwrap();
    items.iter().map(|item| item["id"].as_str().unwrap()).collect()
}

async fn put(world: &World, id: &str, start: &str, extra: Value) {
    let start: jiff::Timestamp = start.parse().unwrap();
    let end = start + jiff::SignedDuration::from_hours(1);
    let mut body = json!({"id": id, "start": {"dateTime": start, "timeZone": "UTC"}, "end": {"dateTime": end, "timeZone": "UTC"}});
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    world.insert(body).await.ok();
    world.hands.advance_ms(1_000);
}

async fn filled() -> World {
    let world = world().await;
    put(&world, "ccccc", "2026-12-03T10:00:00Z", json!({"summary": "Third, with Émile"})).await;
    put(
        &world,
        "aaaaa",
        "2026-12-01T10:00:00Z",
        json!({"extendedProperties": {"private": {"job": "7", "kind": "x"}}}),
    )
    .await;
    put(&world, "bbbbb", "2026-12-02T10:00:00Z", json!({"attendees": [{"email": "g@example.com"}]})).await;
    world
}

#[tokio::test]
async fn filters_narrow_a_list() {
    let world = filled().await;
    for (query, expected) in [
        ("", vec!["ccccc", "aaaaa", "bbbbb"]),
        ("privateExtendedProperty=job%3D7", vec!["aaaaa"]),
        ("privateExtendedProperty=job%3D7&privateExtendedProperty=kind%3Dy", vec![]),
        ("iCalUID=bbbbb%40google.com", vec!["bbbbb"]),
        ("q=%C3%A9mile%20third", vec!["ccccc"]),
        ("q=g%40example.com", vec!["bbbbb"]),
        ("q=ADA%40example.com", vec!["ccccc", "aaaaa", "bbbbb"]),
        ("timeMin=2026-12-01T11:00:00Z", vec!["ccccc", "bbbbb"]),
        ("timeMin=2026-12-01T10:59:59Z&timeMax=2026-12-02T10:00:00Z", vec!["aaaaa"]),
        ("orderBy=updated", vec!["ccccc", "aaaaa", "bbbbb"]),
        ("singleEvents=true&orderBy=startTime", vec!["aaaaa", "bbbbb", "ccccc"]),
        ("eventTypes=focusTime", vec![]),
        ("updatedMin=2026-11-20T12:00:01Z", vec!["aaaaa", "bbbbb"]),
    ] {
        assert_eq!(ids(&world.list(query).await.ok()), expected, "{query}");
    }
    for (query, reason) in [
        ("orderBy=startTime", "badRequest"),
        ("timeMin=2026-12-01T11:00:00", "badRequest"),
        ("maxResults=0", "invalid"),
        ("pageToken=nonsense", "invalid"),
        ("timeMin=2026-12-02T00:00:00Z&timeMax=2026-12-01T00:00:00Z", "timeRangeEmpty"),
        ("privateExtendedProperty=job", "invalid"),
    ] {
        assert_eq!(world.list(query).await.reason(), reason, "{query}");
    }
}

#[tokio::test]
async fn pages_follow_one_another_in_every_order() {
    let world = filled().await;
    for order in ["", "&orderBy=updated", "&singleEvents=true&orderBy=startTime"] {
        let whole = world.list(order.trim_start_matches('&')).await.ok();
        let mut seen = Vec::new();
        let mut token = String::new();
        loop {
            let page = world.list(&format!("maxResults=1{order}&pageToken={token}")).await.ok();
            assert_eq!(ids(&page).len(), 1);
            seen.extend(ids(&page).into_iter().map(str::to_owned));
            match page["nextPageToken"].as_str() {
                Some(next) => token = next.to_owned(),
                None => break,
            }
            assert!(page.get("nextSyncToken").is_none());
        }
        assert_eq!(seen, ids(&whole), "{order}");
    }
}

#[tokio::test]
async fn the_envelope_tells_the_zone_and_the_role() {
    let world = world().await;
    world.control("users/ada@example.com", json!({"timeZone": "Asia/Kolkata"})).await;
    let list = world.list("").await.ok();
    assert_eq!(list["kind"], "calendar#events");
    assert_eq!(list["timeZone"], "Asia/Kolkata");
    assert_eq!(list["accessRole"], "owner");
    assert!(list["defaultReminders"].is_array());
}

#[tokio::test]
async fn instances_of_a_recurring_event_keep_their_hour() {
    let world = world().await;
    let body = json!({
        "id": "dailo0",
        "summary": "Standup",
        "start": {"dateTime": "2026-10-23T09:00:00", "timeZone": "Europe/Berlin"},
        "end": {"dateTime": "2026-10-23T09:15:00", "timeZone": "Europe/Berlin"},
        "recurrence": ["RRULE:FREQ=DAILY;COUNT=5", "EXDATE;TZID=Europe/Berlin:20261024T090000"],
    });
    world.insert(body).await.ok();
    assert_eq!(ids(&world.list("").await.ok()), ["dailo0"]);
    let expanded = world.list("singleEvents=true&timeZone=Europe/Berlin").await.ok();
    let names = [
        "dailo0_20261023T070000Z",
        "dailo0_20261025T080000Z",
        "dailo0_20261026T080000Z",
        "dailo0_20261027T080000Z",
    ];
    assert_eq!(ids(&expanded), names);
    assert_eq!(expanded["items"][1]["start"]["dateTime"], "2026-10-25T09:00:00+01:00");
    assert_eq!(expanded["items"][1]["recurringEventId"], "dailo0");
    let one = world.get(names[2]).await.ok();
    assert_eq!(one["id"], names[2]);
    assert!(one.get("recurrence").is_none());
    assert_eq!(world.get("dailo0_20261024T070000Z").await.status, 404);
    let day = "singleEvents=true&timeMin=2026-10-26T00:00:00Z&timeMax=2026-10-27T00:00:00Z";
    assert_eq!(ids(&world.list(day).await.ok()), ["dailo0_20261026T080000Z"]);
    assert_eq!(ids(&world.list("timeMin=2027-01-01T00:00:00Z").await.ok()), Vec::<&str>::new());
}

#[tokio::test]
async fn a_sync_brings_what_changed_since_deletions_included() {
    let world = filled().await;
    let token = world.list("").await.ok()["nextSyncToken"].as_str().unwrap().to_owned();
    let quiet = world.list(&format!("syncToken={token}")).await.ok();
    assert!(ids(&quiet).is_empty());
    world.delete("aaaaa").await;
    world.insert(event("first0")).await.ok();
    let news = world.list(&format!("syncToken={token}")).await.ok();
    let mut changed = ids(&news);
    changed.sort_unstable();
    assert_eq!(changed, ["aaaaa", "first0"]);
    assert_eq!(world.list("syncToken=old").await.reason(), "fullSyncRequired");
    let narrowed = world.list(&format!("syncToken={token}&q=lunch")).await;
    assert_eq!((narrowed.status, narrowed.reason()), (400, "invalid"));
}
