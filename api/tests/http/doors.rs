//! Who is let in: keys, scopes, rates, host names and origins.

use accounts::keys::Scope;
use api::{Access, BindError, Ingress, Ports, Settings};
use common::port::{Shelf, Vault as _};
use serde_json::json;

use crate::client::{get, post, request};
use crate::rig::{EVENTS, Plan, Rig, event};

fn open(rate_limit: &str) -> Plan {
    let usual = Plan::default();
    let settings = Settings {
        access: Access::Open,
        rate_limit: rate_limit.parse().unwrap(),
        trusted_proxies: "127.0.0.0/8".parse().unwrap(),
        ..usual.settings
    };
    Plan { settings, ..usual }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_good_key_nothing_is_accepted() {
    let rig = Rig::start().await;
    let none = rig.send(&post(EVENTS, &event())).await;
    none.problem(401, "unauthenticated");
    assert_eq!(none.header("www-authenticate"), Some("Bearer realm=\"calrelay\""));
    let wrong = rig.send(&post(EVENTS, &event()).key("crk_wrong")).await;
    wrong.problem(401, "unauthenticated");
    assert!(wrong.header("www-authenticate").unwrap().contains("invalid_token"));
    let basic = post(EVENTS, &event()).header("Authorization", "Basic abc");
    rig.send(&basic).await.problem(401, "unauthenticated");
    assert_eq!(rig.queued().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_may_do_what_its_scopes_and_accounts_say() {
    let rig = Rig::start().await;
    rig.connect("team-1", "bob").await;
    let reader = rig.key_for("local", &[Scope::Read], None).await;
    let submitter = rig.key_for("local", &[Scope::Submit], Some("team-*")).await;
    rig.send(&post(EVENTS, &event()).key(&reader)).await.problem(403, "insufficient-scope");
    rig.send(&get("/api/v1/jobs/x").key(&submitter)).await.problem(403, "insufficient-scope");
    let problem = rig.send(&post(EVENTS, &event()).key(&submitter)).await.problem(403, "account-not-allowed");
    assert_eq!(problem["errors"][0]["field"], "account");
    let mut body = event();
    body["account"] = json!("team-1");
    assert_eq!(rig.send(&post(EVENTS, &body).key(&submitter)).await.status, 202);
    assert_eq!(rig.queued().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_has_its_own_rate_and_is_told_where_it_stands() {
    let rig = Rig::start().await;
    let slow = rig.key_for("slow", &[Scope::Read], None).await;
    for (hash, doc) in rig.vault.list(Shelf::ApiKeys).await.unwrap() {
        if doc.value["owner"] == "slow" {
            let mut value = doc.value;
            value["requestsPerMinute"] = json!(2);
            rig.vault.put(Shelf::ApiKeys, &hash, &value, Some(doc.version)).await.unwrap();
        }
    }
    let path = format!("/api/v1/jobs/{}", "0".repeat(26));
    for left in [1, 0] {
        let reply = rig.send(&get(&path).key(&slow)).await;
        reply.problem(404, "job-not-found");
        assert_eq!(reply.header("ratelimit-policy"), Some("\"key\";q=2;w=60"));
        assert!(reply.header("ratelimit").unwrap().starts_with(&format!("\"key\";r={left};t=")));
    }
    let refused = rig.send(&get(&path).key(&slow)).await;
    refused.problem(429, "rate-limited");
    let retry: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&retry), "{retry}");
    rig.ask(get(&path)).await.problem(404, "job-not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_keys_everybody_is_let_in_at_the_rate_of_their_address() {
    let rig = Rig::with(open("2/15m")).await;
    let from = |address: &str| post(EVENTS, &event()).header("X-Forwarded-For", address);
    for _ in 0..2 {
        let reply = rig.send(&from("203.0.113.9")).await;
        assert_eq!(reply.status, 202, "{}", reply.text());
        assert_eq!(reply.header("ratelimit-policy"), Some("\"address\";q=2;w=900"));
    }
    rig.send(&from("203.0.113.9")).await.problem(429, "rate-limited");
    // What is in front of the proxy's own entry is anybody's lease.
    rig.send(&from("198.51.100.1, 203.0.113.9")).await.problem(429, "rate-limited");
    assert_eq!(rig.send(&from("203.0.113.10")).await.status, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_keys_only_loopback_is_bound() {
    let rig = Rig::with(open("100/15m")).await;
    let jobs = lifecycle::Ports {
        store: rig.store.clone(),
        queue: rig.queue.clone(),
        vault: rig.vault.clone(),
        accounts: rig.accounts.clone(),
        throttle: rig.embedded.throttle(),
        clock: rig.clock.clone(),
    };
    let ports = Ports { jobs, keys: rig.keys.clone(), allowances: None, google: rig.google.clone() };
    let ingress = Ingress::new(ports, open("100/15m").settings, std::sync::Arc::new(|_| ()));
    let bound = ingress.bind(&["127.0.0.1:0".parse().unwrap(), "0.0.0.0:0".parse().unwrap()]);
    assert!(matches!(bound.err(), Some(BindError::OpenBeyondLoopback(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_was_pointed_at_loopback_and_a_foreign_page_are_refused() {
    let rig = Rig::with(open("100/15m")).await;
    let rebound = post(EVENTS, &event()).host(&format!("evil.example:{}", rig.address.port()));
    rig.send(&rebound).await.problem(421, "misdirected");
    let foreign = post(EVENTS, &event()).header("Origin", "https://evil.example");
    rig.send(&foreign).await.problem(403, "foreign-origin");
    let own = format!("http://localhost:{}", rig.address.port());
    assert_eq!(rig.send(&post(EVENTS, &event()).header("Origin", &own)).await.status, 202);
    assert_eq!(rig.queued().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_is_exact_for_everybody_and_longer_for_an_administrator() {
    let rig = Rig::start().await;
    let path = "/api/calendar-status";
    let plain = json!({"enabled": true, "authenticated": true, "setupUrl": "/google-calendar-setup"});
    assert_eq!(rig.send(&get(path)).await.json(), plain);
    let reader = rig.key_for("local", &[Scope::Read], None).await;
    assert_eq!(rig.send(&get(path).key(&reader)).await.json(), plain);
    let account = rig.ask(get(path)).await.json()["account"].clone();
    assert_eq!((&account["email"], &account["state"]), (&json!("ada@example.com"), &json!("connected")));
    rig.send(&get(path).key("crk_wrong")).await.problem(401, "unauthenticated");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_request_is_answered_without_a_body() {
    let rig = Rig::start().await;
    let reply = rig.send(&request("HEAD", "/api/calendar-status")).await;
    assert_eq!((reply.status, reply.body.len()), (200, 0));
}
