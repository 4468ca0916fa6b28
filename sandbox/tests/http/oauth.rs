//! What tests of tokens have in common: the token endpoint as a client uses it.

use reqwest::Method;
use serde_json::json;

use crate::harness::{Answer, World};

/// A call of the token endpoint by the configured client.
pub async fn token(world: &World, pairs: &[(&str, &str)]) -> Answer {
    let credentials = &world.look("credentials").await["web"];
    let id = credentials["client_id"].as_str().unwrap();
    let secret = credentials["client_secret"].as_str().unwrap();
    let mut form = vec![("client_id", id), ("client_secret", secret)];
    form.extend_from_slice(pairs);
    world.send(world.request(Method::POST, "/token").form(&form)).await
}

pub async fn refresh(world: &World, refresh_token: &str) -> Answer {
    token(world, &[("grant_type", "refresh_token"), ("refresh_token", refresh_token)]).await
}

pub async fn grant(world: &World) -> (String, String) {
    let tokens = world.control("tokens", json!({})).await;
    let text = |key: &str| tokens[key].as_str().unwrap().to_owned();
    (text("access_token"), text("refresh_token"))
}

pub async fn status(world: &World, access: &str) -> u16 {
    let request = world.request(Method::GET, "/calendar/v3/calendars/primary/events");
    world.send(request.bearer_auth(access)).await.status
}

#[track_caller]
pub fn refused(answer: &Answer, status: u16, error: &str, description: &str) {
    let text = |key: &str| answer.json[key].as_str().unwrap_or_default().to_owned();
    let got = (answer.status, text("error"), text("error_description"));
    assert_eq!(got, (status, error.to_owned(), description.to_owned()));
}
