//! OAuth clients: deleted, given a new secret, replaced by another, of the desktop kind.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, World, world};
use crate::oauth::{grant, refresh, refused};

const NEW: &str = "200000000002-new.apps.googleusercontent.com";

async fn configured(world: &World) -> String {
    world.look("credentials").await["web"]["client_id"].as_str().unwrap().to_owned()
}

/// A refresh with the credentials of any file.
async fn refresh_as(world: &World, file: &Value, token: &str) -> Answer {
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", token),
        ("client_id", file["client_id"].as_str().unwrap()),
        ("client_secret", file["client_secret"].as_str().unwrap()),
    ];
    world.send(world.request(Method::POST, "/token").form(&form)).await
}

async fn consent_page(world: &World, client: &str, redirect: &str) -> Answer {
    let query =
        [("client_id", client), ("redirect_uri", redirect), ("response_type", "code"), ("scope", "openid")];
    world.send(world.request(Method::GET, "/o/oauth2/v2/auth").query(&query)).await
}

#[tokio::test]
async fn a_deleted_client_is_told_so_everywhere_until_it_is_restored() {
    let world = world().await;
    let client = configured(&world).await;
    let (_, token) = grant(&world).await;
    world.control(&format!("clients/{client}"), json!({"deleted": true})).await;
    refused(&refresh(&world, &token).await, 401, "deleted_client", "The OAuth client was deleted.");
    let page = consent_page(&world, &client, "http://localhost:3001/oauth2callback").await;
    assert_eq!(page.status, 401);
    assert!(page.text.contains("Error 401: deleted_client"), "{}", page.text);
    assert_eq!(page.header("location"), "", "the client hears nothing");
    world.control(&format!("clients/{client}"), json!({"deleted": false})).await;
    assert_eq!(refresh(&world, &token).await.status, 200);
}

#[tokio::test]
async fn a_new_secret_ends_the_old_one_and_keeps_the_grants() {
    let world = world().await;
    let client = configured(&world).await;
    let before = world.look("credentials").await["web"].clone();
    let (_, token) = grant(&world).await;
    world.control(&format!("clients/{client}"), json!({"secret": "GOCSPX-another"})).await;
    refused(
        &refresh_as(&world, &before, &token).await,
        401,
        "invalid_client",
        "The provided client secret is invalid.",
    );
    assert_eq!(refresh(&world, &token).await.status, 200);
}

#[tokio::test]
async fn a_grant_to_one_client_is_nothing_to_another() {
    let world = world().await;
    let (_, token) = grant(&world).await;
    let file = world.control(&format!("clients/{NEW}"), json!({})).await["web"].clone();
    assert_eq!(world.look(&format!("credentials?client={NEW}")).await["web"], file);
    refused(&refresh_as(&world, &file, &token).await, 401, "unauthorized_client", "Unauthorized");
    let own = world.control("tokens", json!({"client": NEW})).await;
    let own = own["refresh_token"].as_str().unwrap();
    assert_eq!(refresh_as(&world, &file, own).await.status, 200);
    // Ending one grant leaves the other.
    let revoke = world.request(Method::POST, "/revoke").form(&[("token", own)]);
    world.send(revoke).await.ok();
    assert_eq!(refresh_as(&world, &file, own).await.status, 400);
    assert_eq!(refresh(&world, &token).await.status, 200);
    // What happens to the person happens to all.
    let own = world.control("tokens", json!({"client": NEW})).await;
    world.control("users/ada@example.com", json!({"revoked": true})).await;
    assert_eq!(refresh(&world, &token).await.status, 400);
    assert_eq!(refresh_as(&world, &file, own["refresh_token"].as_str().unwrap()).await.status, 400);
}

#[tokio::test]
async fn a_code_is_for_the_client_that_asked() {
    let world = world().await;
    let client = configured(&world).await;
    let file = world.control(&format!("clients/{NEW}"), json!({})).await["web"].clone();
    let back = "http://localhost:3001/oauth2callback";
    let form = [
        ("client_id", client.as_str()),
        ("redirect_uri", back),
        ("response_type", "code"),
        ("scope", "openid"),
        ("user", "ada@example.com"),
        ("decision", "all"),
    ];
    let sent = world.send(world.request(Method::POST, "/o/oauth2/v2/auth").form(&form)).await;
    let to: url::Url = sent.header("location").parse().unwrap();
    let code = to.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    let exchange = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", back),
        ("client_id", NEW),
        ("client_secret", file["client_secret"].as_str().unwrap()),
    ];
    let answer = world.send(world.request(Method::POST, "/token").form(&exchange)).await;
    refused(&answer, 401, "unauthorized_client", "Unauthorized");
}

#[tokio::test]
async fn a_desktop_client_comes_back_to_any_loopback_port() {
    let world = world().await;
    let file = world.control(&format!("clients/{NEW}"), json!({"kind": "installed"})).await;
    assert_eq!(file["installed"]["redirect_uris"], json!(["http://localhost"]));
    assert!(file.get("web").is_none());
    assert_eq!(consent_page(&world, NEW, "http://127.0.0.1:50123/").await.status, 200);
    let elsewhere = consent_page(&world, NEW, "http://elsewhere.example/").await;
    assert!(elsewhere.text.contains("Error 400: redirect_uri_mismatch"));
}

#[tokio::test]
async fn a_reset_restores_clients_and_forgets_new_ones_when_everything_goes() {
    let world = world().await;
    let client = configured(&world).await;
    world.control(&format!("clients/{client}"), json!({"deleted": true, "publishing": "testing"})).await;
    world.control(&format!("clients/{NEW}"), json!({})).await;
    world.control("reset", json!({})).await;
    let clients = world.look("clients").await["clients"].clone();
    assert_eq!(clients.as_array().unwrap().len(), 2);
    assert_eq!((&clients[0]["deleted"], &clients[0]["publishing"]), (&json!(false), &json!("production")));
    world.control("reset", json!({"everything": true})).await;
    let clients = world.look("clients").await["clients"].clone();
    assert_eq!(clients.as_array().unwrap().len(), 1);
    assert_eq!(clients[0]["id"], client);
}
