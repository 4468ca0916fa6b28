//! Calendars of others: nobody sees one without a role, a reader does not write, a writer does.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{ADA, Answer, GRACE, World, event, world};

const ADAS: &str = "/calendar/v3/calendars/ada@example.com/events";

async fn as_grace(world: &World, method: Method, path: &str, body: Value) -> Answer {
    let token = world.token_of(GRACE).await;
    world.send(world.request(method, &format!("{ADAS}{path}")).bearer_auth(token).json(&body)).await
}

#[tokio::test]
async fn a_role_opens_anothers_calendar_as_far_as_it_goes() {
    let world = world().await;
    let mut private = event("secret");
    private["visibility"] = json!("private");
    private["location"] = json!("Vault");
    world.insert(private).await.ok();
    as_grace(&world, Method::GET, "", json!({})).await.refused(404, "notFound", "Not Found");

    world.control(&format!("users/{GRACE}"), json!({"roles": {ADA: "reader"}})).await;
    let list = as_grace(&world, Method::GET, "", json!({})).await.ok();
    assert_eq!(list["accessRole"], "reader");
    let seen = &list["items"][0];
    assert_eq!((&seen["id"], &seen["visibility"]), (&json!("secret"), &json!("private")));
    assert!(seen.get("summary").is_none() && seen.get("location").is_none(), "{seen}");
    let got = as_grace(&world, Method::GET, "/secret", json!({})).await.ok();
    assert_eq!(&got, seen);
    for (method, path) in [(Method::POST, ""), (Method::PATCH, "/secret"), (Method::DELETE, "/secret")] {
        as_grace(&world, method, path, event("first0")).await.refused(
            403,
            "requiredAccessLevel",
            "You need to have writer access to this calendar.",
        );
    }

    world.control(&format!("users/{GRACE}"), json!({"roles": {ADA: "writer"}})).await;
    let made = as_grace(&world, Method::POST, "", event("first0")).await.ok();
    assert_eq!((&made["creator"]["email"], &made["organizer"]["email"]), (&json!(GRACE), &json!(ADA)));
    assert_eq!(as_grace(&world, Method::GET, "/secret", json!({})).await.ok()["location"], "Vault");
    world.control(&format!("users/{GRACE}"), json!({"roles": {ADA: null}})).await;
    assert_eq!(as_grace(&world, Method::GET, "", json!({})).await.status, 404);
    let own = world.get("first0").await.ok();
    assert_eq!(own["creator"]["email"], GRACE, "it is in Ada's calendar for good");
}
