//! How refresh tokens die: pushed out by newer ones, unused, in "Testing", for a time, by session control, by policy.

use serde_json::{Value, json};

use crate::harness::{ADA, GRACE, World, world};
use crate::oauth::{grant, refresh, refused, status};

const DEAD: &str = "Token has been expired or revoked.";

async fn grant_of(world: &World, asked: Value) -> String {
    world.control("tokens", asked).await["refresh_token"].as_str().unwrap().to_owned()
}

async fn after_days(world: &World, days: u64) {
    world.control("clock", json!({"advanceSeconds": 86_400 * days})).await;
}

async fn works(world: &World, token: &str) -> bool {
    let answer = refresh(world, token).await;
    if answer.status != 200 {
        refused(&answer, 400, "invalid_grant", DEAD);
    }
    answer.status == 200
}

#[tokio::test]
async fn the_hundred_and_first_refresh_token_of_a_user_and_client_ends_the_oldest_alone() {
    let world = world().await;
    world.control("users/ada@example.com", json!({"revoked": true})).await;
    let graces = grant_of(&world, json!({"user": GRACE})).await;
    world.control("clients/other.apps.googleusercontent.com", json!({})).await;
    let elsewhere = grant_of(&world, json!({"client": "other.apps.googleusercontent.com"})).await;
    // All in one instant: the order of issue decides, not the clock.
    let (access, first) = grant(&world).await;
    let mut all = vec![first];
    for _ in 1..100 {
        all.push(grant(&world).await.1);
    }
    assert!(works(&world, &all[0]).await, "a hundred are live together");
    let newest = grant(&world).await.1;
    assert!(!works(&world, &all[0]).await, "the oldest is dropped, though it was just used");
    assert_eq!(status(&world, &access).await, 200, "silently: what it gave lives on");
    assert!(works(&world, &all[1]).await);
    assert!(works(&world, &newest).await);
    assert!(works(&world, &graces).await, "each user has a hundred");
    let other = world.look("users").await["users"][0]["refreshTokens"].clone();
    assert_eq!(other, 101, "and each client: {elsewhere} is there too");
}

#[tokio::test]
async fn tokens_that_are_dead_do_not_count_among_the_hundred() {
    let world = world().await;
    world.control("users/ada@example.com", json!({"revoked": true})).await;
    let kept = grant(&world).await.1;
    let dead = grant(&world).await.1;
    after_days(&world, 100).await;
    assert!(works(&world, &kept).await);
    after_days(&world, 100).await;
    assert!(!works(&world, &dead).await, "unused for six months");
    for _ in 0..99 {
        grant(&world).await;
    }
    assert!(works(&world, &kept).await, "a hundred are live with it");
    grant(&world).await;
    assert!(!works(&world, &kept).await);
}

#[tokio::test]
async fn a_refresh_token_unused_for_six_months_dies() {
    let world = world().await;
    let (_, token) = grant(&world).await;
    after_days(&world, 181).await;
    assert!(works(&world, &token).await);
    after_days(&world, 182).await;
    assert!(!works(&world, &token).await);
}

#[tokio::test]
async fn an_app_in_testing_keeps_a_grant_for_seven_days_however_often_it_is_used() {
    let world = world().await;
    let client = world.look("credentials").await["web"]["client_id"].as_str().unwrap().to_owned();
    let before = grant_of(&world, json!({})).await;
    world.control(&format!("clients/{client}"), json!({"publishing": "testing"})).await;
    let during = grant_of(&world, json!({})).await;
    let signs_in = grant_of(&world, json!({"scopes": ["openid", "email"]})).await;
    after_days(&world, 6).await;
    let answer = refresh(&world, &during).await.ok();
    assert!(answer.get("refresh_token_expires_in").is_none(), "nothing announces it");
    after_days(&world, 1).await;
    assert!(!works(&world, &during).await);
    assert!(works(&world, &signs_in).await, "unless it only signs in");
    assert!(works(&world, &before).await);
    world.control(&format!("clients/{client}"), json!({"publishing": "production"})).await;
    let published = grant_of(&world, json!({})).await;
    after_days(&world, 30).await;
    assert!(works(&world, &published).await);
}

#[tokio::test]
async fn a_session_that_ended_wants_a_new_login() {
    let world = world().await;
    let (access, token) = grant(&world).await;
    world.control("users/ada@example.com", json!({"sessionEnded": true})).await;
    let rapt = refresh(&world, &token).await;
    refused(&rapt, 400, "invalid_grant", "reauth related error (invalid_rapt)");
    assert_eq!(rapt.json["error_subtype"], "invalid_rapt");
    assert_eq!(status(&world, &access).await, 200, "until it expires by itself");
    let again = grant(&world).await.1;
    assert!(works(&world, &again).await, "consenting is logging in");
    refused(&refresh(&world, &token).await, 400, "invalid_grant", "reauth related error (invalid_rapt)");
}

#[tokio::test]
async fn an_administrator_may_restrict_the_app_and_allow_it_again() {
    let world = world().await;
    let token = grant(&world).await.1;
    world.control("users/ada@example.com", json!({"adminBlocked": true})).await;
    refused(
        &refresh(&world, &token).await,
        400,
        "admin_policy_enforced",
        "Access to your account data is restricted by policies within your organization.",
    );
    let graces = grant_of(&world, json!({"user": GRACE})).await;
    assert!(works(&world, &graces).await);
    world.control("users/ada@example.com", json!({"adminBlocked": false})).await;
    assert!(works(&world, &token).await);
}

#[tokio::test]
async fn access_tokens_can_be_ended_while_the_grant_lives() {
    let world = world().await;
    let (access, token) = grant(&world).await;
    world.control(&format!("users/{ADA}"), json!({"expired": true})).await;
    assert_eq!(status(&world, &access).await, 401);
    let fresh = refresh(&world, &token).await.ok();
    assert_eq!(status(&world, fresh["access_token"].as_str().unwrap()).await, 200);
}
