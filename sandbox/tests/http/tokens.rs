//! Tokens: refreshing, expiring, revoking, and every refusal of the token endpoint.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{ADA, event, world};
use crate::oauth::{grant, refresh, refused, status, token};

#[tokio::test]
async fn a_refresh_gives_a_new_access_token_and_keeps_the_old_refresh_token() {
    let world = world().await;
    let (access, refresh_token) = grant(&world).await;
    let fresh = refresh(&world, &refresh_token).await.ok();
    assert!(fresh.get("refresh_token").is_none());
    assert_ne!(fresh["access_token"], access.as_str());
    assert_eq!((fresh["expires_in"].as_u64(), fresh["token_type"].as_str()), (Some(3_599), Some("Bearer")));
    assert!(fresh["scope"].as_str().unwrap().contains("https://www.googleapis.com/auth/calendar.events"));
    assert_eq!(status(&world, fresh["access_token"].as_str().unwrap()).await, 200);
    assert_eq!(refresh(&world, &refresh_token).await.status, 200);
    assert_eq!(world.look("stats").await["refreshes"], 2);
}

#[tokio::test]
async fn an_access_token_ends_when_it_says() {
    let world = world().await;
    let short = world.control("tokens", json!({"expiresIn": 10})).await;
    let short = short["access_token"].as_str().unwrap();
    world.hands.advance_ms(9_999);
    assert_eq!(status(&world, short).await, 200);
    world.hands.advance_ms(1);
    assert_eq!(status(&world, short).await, 401);
}

#[tokio::test]
async fn revoking_either_token_ends_the_whole_grant() {
    let world = world().await;
    for revoke_access in [true, false] {
        let (access, refresh_token) = grant(&world).await;
        let (other_access, _) = grant(&world).await;
        let victim = if revoke_access { &access } else { &refresh_token };
        let revoke = |token: String| world.request(Method::POST, "/revoke").form(&[("token", token)]);
        assert_eq!(world.send(revoke(victim.clone())).await.status, 200);
        assert_eq!(status(&world, &access).await, 401);
        assert_eq!(status(&world, &other_access).await, 401);
        refused(
            &refresh(&world, &refresh_token).await,
            400,
            "invalid_grant",
            "Token has been expired or revoked.",
        );
        refused(&world.send(revoke(victim.clone())).await, 400, "invalid_token", "Token expired or revoked");
    }
    let (access, _) = grant(&world).await;
    let by_query = world.request(Method::POST, &format!("/revoke?token={access}"));
    assert_eq!(world.send(by_query).await.status, 200);
}

#[tokio::test]
async fn what_happens_to_a_user_happens_to_the_tokens() {
    let world = world().await;
    let (access, refresh_token) = grant(&world).await;
    world.control("users/ada@example.com", json!({"scopes": ["openid", "email"]})).await;
    assert_eq!(status(&world, &access).await, 403);
    let narrowed = refresh(&world, &refresh_token).await.ok();
    assert_eq!(narrowed["scope"], "https://www.googleapis.com/auth/userinfo.email openid");
    world.control("users/ada@example.com", json!({"deleted": true})).await;
    refused(&refresh(&world, &refresh_token).await, 400, "invalid_grant", "The account has been deleted");
    assert_eq!(status(&world, &access).await, 401);
    world.control("users/ada@example.com", json!({"deleted": false, "revoked": true})).await;
    refused(
        &refresh(&world, &refresh_token).await,
        400,
        "invalid_grant",
        "Token has been expired or revoked.",
    );
    let (access, _) = grant(&world).await;
    assert_eq!(status(&world, &access).await, 200, "a new consent is a new grant");
}

#[tokio::test]
async fn the_client_must_prove_itself() {
    let world = world().await;
    let (_, refresh_token) = grant(&world).await;
    let body = |id: &str, secret: &str| {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", &refresh_token),
            ("client_id", id),
            ("client_secret", secret),
        ];
        world.request(Method::POST, "/token").form(&form)
    };
    let credentials = &world.look("credentials").await["web"];
    let id = credentials["client_id"].as_str().unwrap();
    let secret = credentials["client_secret"].as_str().unwrap();
    refused(
        &world.send(body("nobody", secret)).await,
        401,
        "invalid_client",
        "The OAuth client was not found.",
    );
    refused(
        &world.send(body(id, "wrong")).await,
        401,
        "invalid_client",
        "The provided client secret is invalid.",
    );
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token.as_str())];
    let basic = world.request(Method::POST, "/token").basic_auth(id, Some(secret)).form(&form);
    assert_eq!(world.send(basic).await.status, 200);
    refused(&token(&world, &[]).await, 400, "invalid_request", "Required parameter is missing: grant_type");
    refused(
        &token(&world, &[("grant_type", "password")]).await,
        400,
        "unsupported_grant_type",
        "Invalid grant_type: password",
    );
    refused(&refresh(&world, "1//garbled").await, 400, "invalid_grant", "Token has been expired or revoked.");
}

#[tokio::test]
async fn every_refusal_of_the_token_endpoint_can_be_injected() {
    let world = world().await;
    let (_, refresh_token) = grant(&world).await;
    for (status, error, description) in [
        (400, "invalid_grant", "Token has been expired or revoked."),
        (400, "invalid_grant", "Bad Request"),
        (400, "invalid_grant", "Malformed auth code."),
        (400, "invalid_grant", "The account has been deleted"),
        (400, "invalid_grant", "Invalid email or User ID"),
        (400, "invalid_grant", "Not a valid email"),
        (400, "invalid_grant", "Invalid JWT: Token must be a short-lived token"),
        (400, "redirect_uri_mismatch", "Bad Request"),
        (401, "invalid_client", "The OAuth client was not found."),
        (401, "invalid_client", "The provided client secret is invalid."),
        (401, "deleted_client", "The OAuth client was deleted."),
        (
            401,
            "unauthorized_client",
            "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.",
        ),
        (403, "access_denied", "Requested client not authorized"),
        (403, "access_denied", "Account restricted"),
        (400, "invalid_scope", "Bad Request"),
        (400, "unsupported_grant_type", "Invalid grant_type"),
        (400, "invalid_request", "Bad Request"),
        (500, "internal_failure", "Backend Error"),
    ] {
        let fault = json!({"method": "token.refresh", "reason": error, "message": description, "count": 1});
        world.control("faults", fault).await;
        refused(&refresh(&world, &refresh_token).await, status, error, description);
    }
    world.control("faults", json!({"method": "token.*", "reason": "invalid_rapt", "count": 1})).await;
    let rapt = refresh(&world, &refresh_token).await;
    refused(&rapt, 400, "invalid_grant", "reauth related error (invalid_rapt)");
    assert_eq!(rapt.json["error_subtype"], "invalid_rapt");
    world
        .control("faults", json!({"method": "token.refresh", "status": 503, "retryAfter": 3, "count": 1}))
        .await;
    let busy = refresh(&world, &refresh_token).await;
    assert_eq!((busy.status, busy.header("retry-after")), (503, "3"));
    assert_eq!(refresh(&world, &refresh_token).await.status, 200, "a refused refresh kills nothing");
}

#[tokio::test]
async fn userinfo_has_two_vocabularies_and_tokeninfo_two_as_well() {
    let world = world().await;
    let ask =
        async |path: &str| world.send(world.request(Method::GET, path).bearer_auth(&world.token)).await.ok();
    let openid = ask("/v1/userinfo").await;
    let older = ask("/oauth2/v2/userinfo").await;
    assert_eq!((openid["email"].as_str(), &openid["email_verified"]), (Some(ADA), &json!(true)));
    assert_eq!((older["email"].as_str(), &older["verified_email"]), (Some(ADA), &json!(true)));
    assert_eq!(openid["sub"], older["id"]);
    let info = ask("/tokeninfo").await;
    assert_eq!(info["sub"], openid["sub"]);
    let info = ask("/oauth2/v2/tokeninfo").await;
    assert_eq!((&info["user_id"], &info["expires_in"]), (&openid["sub"], &json!(3_599)));
    let bad = world.send(world.request(Method::GET, "/tokeninfo?access_token=x")).await;
    assert_eq!((bad.status, bad.json["error"].as_str()), (400, Some("invalid_token")));
    let bare = world.control("tokens", json!({"scopes": ["calendar.events"]})).await;
    let bare = world.request(Method::GET, "/v1/userinfo").bearer_auth(bare["access_token"].as_str().unwrap());
    assert_eq!(world.send(bare).await.status, 403);
}

#[tokio::test]
async fn credentials_are_a_google_file_that_points_here() {
    let world = world().await;
    let web = world.look("credentials").await["web"].clone();
    let url = &world.running.url;
    for (key, path) in [
        ("auth_uri", "/o/oauth2/v2/auth"),
        ("token_uri", "/token"),
        ("revoke_uri", "/revoke"),
        ("userinfo_uri", "/v1/userinfo"),
        ("api_url", "/calendar/v3/"),
    ] {
        assert_eq!(web[key], format!("{url}{path}"));
    }
    for key in ["client_id", "project_id", "auth_provider_x509_cert_url", "client_secret"] {
        assert!(web[key].is_string(), "{key}");
    }
    let more = world.control("credentials", json!({"redirect_uris": ["http://127.0.0.1:9/back"]})).await;
    assert_eq!(more["redirect_uris"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn tokens_for_an_unknown_user_make_that_user() {
    let world = world().await;
    let tokens = world.control("tokens", json!({"user": "New.Person@Example.com"})).await;
    assert_eq!(tokens["email"], "new.person@example.com");
    let access = tokens["access_token"].as_str().unwrap();
    let path = "/calendar/v3/calendars/new.person%40example.com/events";
    let inserted =
        world.send(world.request(Method::POST, path).bearer_auth(access).json(&event("first0"))).await;
    assert_eq!(inserted.status, 200);
    let users: Value = world.look("users").await;
    assert_eq!(users["users"].as_array().unwrap().len(), 4);
    assert_eq!(users["users"][3]["name"], "New Person");
}

#[tokio::test]
async fn tokeninfo_knows_identity_tokens_and_is_a_method_like_others() {
    let world = world().await;
    let (_, refresh_token) = grant(&world).await;
    let fresh = refresh(&world, &refresh_token).await.ok();
    let id_token = fresh["id_token"].as_str().unwrap();
    let ask = |form: [(&str, &str); 1]| world.request(Method::POST, "/tokeninfo").form(&form);
    let info = world.send(ask([("id_token", id_token)])).await.ok();
    assert_eq!((&info["iss"], &info["email"]), (&json!("https://accounts.google.com"), &json!(ADA)));
    assert_eq!((&info["alg"], &info["email_verified"]), (&json!("RS256"), &json!("true")));
    let keys = world.send(world.request(Method::GET, "/oauth2/v3/certs")).await.ok();
    assert_eq!(keys["keys"][0]["kid"], info["kid"]);
    let tampered = id_token.replacen('.', ".e30", 1);
    assert_eq!(world.send(ask([("id_token", &tampered)])).await.status, 400);
    let access = fresh["access_token"].as_str().unwrap();
    let info = world.send(ask([("access_token", access)])).await.ok();
    assert_eq!((&info["access_type"], &info["expires_in"]), (&json!("offline"), &json!("3599")));
    world.hands.advance_ms(3_600_000);
    assert_eq!(world.send(ask([("id_token", id_token)])).await.status, 400, "an hour is its life");
    assert_eq!(world.send(ask([("access_token", access)])).await.status, 400);
    world.control("faults", json!({"method": "tokeninfo", "status": 503, "count": 1})).await;
    assert_eq!(world.send(ask([("access_token", access)])).await.status, 503);
    let stats = world.look("stats").await;
    assert_eq!(
        stats["requests"]["tokeninfo"],
        json!({"ok": 2, "invalid_token": 3, "temporarily_unavailable": 1})
    );
}

#[tokio::test]
async fn an_organizations_people_carry_its_domain_and_gmails_none() {
    let world = world().await;
    let ask = async |user: &str| {
        let tokens = world.control("tokens", json!({"user": user, "scopes": ["openid", "profile"]})).await;
        let token = tokens["access_token"].as_str().unwrap().to_owned();
        let openid = world.send(world.request(Method::GET, "/v1/userinfo").bearer_auth(&token)).await.ok();
        let older =
            world.send(world.request(Method::GET, "/oauth2/v2/userinfo").bearer_auth(&token)).await.ok();
        assert_eq!(openid["hd"], older["hd"]);
        assert!(older["picture"].is_string());
        openid["hd"].clone()
    };
    assert_eq!(ask(ADA).await, "example.com");
    assert_eq!(ask("someone@gmail.com").await, Value::Null);
}

#[tokio::test]
async fn openid_clients_find_every_endpoint() {
    let world = world().await;
    let document = world.send(world.request(Method::GET, "/.well-known/openid-configuration")).await.ok();
    assert_eq!(document["issuer"], "https://accounts.google.com");
    let methods = json!(["client_secret_post", "client_secret_basic"]);
    assert_eq!(document["token_endpoint_auth_methods_supported"], methods);
    for name in
        ["authorization_endpoint", "token_endpoint", "userinfo_endpoint", "revocation_endpoint", "jwks_uri"]
    {
        let path = document[name].as_str().unwrap().strip_prefix(&world.running.url).unwrap();
        let mut statuses = Vec::new();
        for method in [Method::GET, Method::POST] {
            statuses.push(world.send(world.request(method, path)).await.status);
        }
        assert!(statuses.iter().any(|status| *status != 404), "{name}: {path}");
    }
}
