//! An id is never freed.

use crate::harness::{event, world};

#[tokio::test]
async fn a_second_insert_of_an_id_is_a_duplicate() {
    let world = world().await;
    assert_eq!(world.insert(event("first0")).await.status, 200);
    let again = world.insert(event("first0")).await;
    again.refused(409, "duplicate", "The requested identifier already exists.");
    let events = world.look("events?user=ada@example.com").await;
    assert_eq!(events["events"].as_array().unwrap().len(), 1);
    assert_eq!(events["events"][0]["insertCount"], 1);
}

#[tokio::test]
async fn a_deleted_event_leaves_a_tombstone_that_holds_its_id() {
    let world = world().await;
    world.insert(event("first0")).await.ok();
    let deleted = world.delete("first0").await;
    assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
    world.delete("first0").await.refused(410, "deleted", "Resource has been deleted");
    let seen = world.get("first0").await.ok();
    assert_eq!(seen["status"], "cancelled");
    let again = world.insert(event("first0")).await;
    again.refused(409, "duplicate", "The requested identifier already exists.");
    world.update("first0", event("first0")).await.refused(403, "forbidden", "Forbidden");
    let listed = world.list("").await.ok();
    assert_eq!(listed["items"].as_array().unwrap().len(), 0);
    let listed = world.list("showDeleted=true").await.ok();
    assert_eq!(listed["items"][0]["status"], "cancelled");
}

#[tokio::test]
async fn what_never_existed_is_not_found() {
    let world = world().await;
    world.get("nothing").await.refused(404, "notFound", "Not Found");
    world.delete("nothing").await.refused(404, "notFound", "Not Found");
}
