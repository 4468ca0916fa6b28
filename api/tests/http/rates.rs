//! Callers without a good key are counted by their address, before anything is looked up for them.

use accounts::keys::Scope;
use api::Settings;
use serde_json::json;

use crate::client::{Reply, Request, get, post, request};
use crate::connecting::Browser;
use crate::links::{Person, link};
use crate::rig::{EVENTS, Plan, Rig, event};

const SETUP: &str = "/google-calendar-setup";
const STATUS: &str = "/api/calendar-status";
const HTML: &str = "text/html,application/xhtml+xml,*/*;q=0.8";

fn limited(rate_limit: &str) -> Plan {
    let usual = Plan::default();
    let settings = Settings {
        rate_limit: rate_limit.parse().unwrap(),
        trusted_proxies: "127.0.0.0/8".parse().unwrap(),
        ..usual.settings
    };
    Plan { settings, ..usual }
}

fn from(address: &str, request: Request) -> Request {
    request.header("X-Forwarded-For", address)
}

#[track_caller]
fn counted(reply: &Reply, left: u32) {
    assert_eq!(reply.header("ratelimit-policy"), Some("\"address\";q=5;w=900"), "{}", reply.text());
    let standing = reply.header("ratelimit").unwrap();
    assert!(standing.starts_with(&format!("\"address\";r={left};t=")), "{standing}");
}

#[track_caller]
fn too_many(reply: &Reply) {
    assert_eq!(reply.status, 429, "{}", reply.text());
    counted(reply, 0);
    let wait: u64 = reply.header("retry-after").expect("it says when to come back").parse().unwrap();
    assert!((1..=900).contains(&wait), "{wait}");
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_keys_costs_no_more_look_ups_than_the_limit_allows() {
    let rig = Rig::with(limited("5/15m")).await;
    let reader = rig.key_for("local", &[Scope::Read], None).await;
    let before = rig.vault.gets();
    for number in 0..5u32 {
        let reply = rig.send(&post(EVENTS, &event()).key(&format!("crk_wrong_{number}"))).await;
        reply.problem(401, "unauthenticated");
        counted(&reply, 4 - number);
    }
    for number in 5..20 {
        let wrong = format!("crk_wrong_{number}");
        for request in [
            post(EVENTS, &event()).key(&wrong),
            post("/api/create-calendar-event", &event()).key(&wrong),
            get("/api/v1/jobs/x").key(&wrong),
            get("/api/v1/accounts").key(&wrong),
            get(STATUS).key(&wrong),
            get("/api/openapi.json").key(&wrong),
        ] {
            let reply = rig.send(&request).await;
            too_many(&reply);
            reply.problem(429, "rate-limited");
        }
    }
    let listed = rig.vault.lists();
    assert!(rig.vault.gets() - before <= 5 && listed <= 1);
    // A good key passes even then, were it never seen here before.
    for key in [&reader, &rig.key] {
        let reply = rig.send(&get(STATUS).key(key)).await;
        assert_eq!((reply.status, reply.header("ratelimit-policy")), (200, Some("\"key\";q=6000;w=60")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_caller_without_a_key_asks_for_counts() {
    let rig = Rig::with(limited("5/15m")).await;
    let requests = [
        get(STATUS),
        get("/api/openapi.json"),
        get(SETUP),
        get("/google-calendar-link/x"),
        get("/oauth2callback?state=x&code=y"),
        get("/google-calendar-revoke"),
        get("/google-calendar-connect"),
        get("/nowhere"),
        get("/"),
        get(EVENTS),
        post(EVENTS, &event()),
        request("POST", SETUP).form(&[("csrf", "x"), ("key", "crk_x")]),
        get("/api/v1/jobs/x").header("Authorization", "Basic abc"),
        request("HEAD", STATUS),
        request("OPTIONS", EVENTS),
    ];
    for (number, request) in requests.iter().enumerate() {
        let address = format!("198.51.100.{number}");
        for left in (0..5).rev() {
            let reply = rig.send(&from(&address, request.clone())).await;
            assert_ne!(reply.status, 429, "{number}");
            counted(&reply, left);
        }
        too_many(&rig.send(&from(&address, request.clone())).await);
        // Any other request of the same address is one too many as well.
        too_many(&rig.send(&from(&address, get(STATUS))).await);
    }
    let style = rig.send(&from("198.51.100.0", get("/assets/style.css"))).await;
    assert_eq!(style.status, 200, "the page that says so has its style");
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_requests_of_a_browser_are_a_page_that_says_when_to_come_back() {
    let rig = Rig::with(limited("5/15m")).await;
    for _ in 0..5 {
        rig.send(&get(STATUS)).await;
    }
    for path in
        [SETUP, "/google-calendar-revoke", "/google-calendar-link/x", "/oauth2callback?state=x", "/nowhere"]
    {
        let page = rig.send(&get(path).header("Accept", HTML)).await;
        too_many(&page);
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"), "{path}");
        assert!(page.text().contains("Too many requests"), "{path}: {}", page.text());
        assert!(page.header("content-security-policy").is_some(), "{path}");
        let visitors = path.starts_with("/google-calendar-link/") || path.starts_with("/oauth2callback");
        assert_eq!(!page.text().contains(SETUP), visitors, "{path}: {}", page.text());
    }
    let reply = rig.send(&post("/api/create-calendar-event", &event())).await;
    too_many(&reply);
    assert_eq!(reply.problem(429, "rate-limited")["success"], json!(false));
    rig.send(&get(STATUS).header("Accept", HTML)).await.problem(429, "rate-limited");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_key_is_counted_by_itself_alone_from_the_first_request_on() {
    let rig = Rig::with(limited("5/15m")).await;
    let key = rig.key_for("local", &[Scope::Read], None).await;
    // So many at once that the key is not known yet when they come.
    let sent: Vec<_> = (0..100)
        .map(|_| {
            let (request, address) = (get("/api/v1/jobs/x").key(&key), rig.address);
            tokio::spawn(async move { request.send(address).await })
        })
        .collect();
    for reply in sent {
        let reply = reply.await.unwrap();
        reply.problem(404, "job-not-found");
        assert!(reply.header("ratelimit-policy").unwrap().starts_with("\"key\";"));
    }
    for path in [STATUS, "/api/openapi.json", "/nowhere"] {
        let reply = rig.send(&get(path).key(&key)).await;
        assert!(reply.header("ratelimit-policy").unwrap().starts_with("\"key\";"), "{path}");
    }
    counted(&rig.send(&get(STATUS)).await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_vault_is_away_nobody_uses_up_their_address() {
    let rig = Rig::with(limited("5/15m")).await;
    let key = rig.key_for("local", &[Scope::Read], None).await;
    rig.vault.go_away();
    for _ in 0..10 {
        rig.send(&get("/api/v1/jobs/x").key(&key)).await.problem(503, "storage-unavailable");
    }
    rig.vault.recover();
    // That it has failed is remembered for a moment.
    for _ in 0..500 {
        let reply = rig.send(&get("/api/v1/jobs/x").key(&key)).await;
        if reply.status != 503 {
            reply.problem(404, "job-not-found");
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the vault is back, and the key is not read");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_signed_in_is_counted_by_their_key_and_until_they_sign_out() {
    let rig = Rig::with(limited("5/15m")).await;
    let browser = Browser::signed_in(&rig).await;
    for _ in 0..10 {
        rig.send(&get(STATUS)).await;
    }
    for path in [SETUP, "/google-calendar-revoke", "/nowhere", "/google-calendar-setup?account=team-1"] {
        for _ in 0..6 {
            let page = browser.get(&rig, path).await;
            assert_ne!(page.status, 429, "{path}: {}", page.text());
            assert_eq!(page.header("ratelimit-policy"), Some("\"key\";q=6000;w=60"), "{path}");
        }
    }
    let kept = browser.cookies();
    assert_eq!(browser.sign_out(&rig).await.status, 303);
    too_many(&rig.send(&kept.dress(get(SETUP))).await);
    let read = rig.vault.gets();
    for _ in 0..5 {
        too_many(&rig.send(&kept.dress(get(SETUP))).await);
    }
    assert_eq!(rig.vault.gets(), read, "an ended session is not looked up again and again");
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_in_an_office_connects_with_a_link_of_their_own() {
    let rig = Rig::with(Plan { connected: false, ..limited("5/15m") }).await;
    for _ in 0..10 {
        rig.send(&get(STATUS)).await;
    }
    for number in 0..12 {
        let account = format!("person-{number}");
        let path = link(&rig, &account, json!({})).await;
        let page = Person::default().connect(&rig, &path, &format!("c{number}")).await;
        assert_eq!(page.status, 200, "{number}: {}", page.text());
        assert_eq!(page.header("ratelimit-policy"), Some("\"link\";q=5;w=900"));
    }
    // Who has one link has one link's requests.
    let path = link(&rig, "another", json!({})).await;
    for _ in 0..5 {
        assert_eq!(rig.send(&get(&path)).await.status, 200);
    }
    let read = rig.vault.gets();
    let page = rig.send(&get(&path).header("Accept", HTML)).await;
    assert_eq!((page.status, page.header("ratelimit-policy")), (429, Some("\"link\";q=5;w=900")));
    assert!(page.header("retry-after").is_some());
    assert_eq!(rig.vault.gets(), read);
    too_many(&rig.send(&get(&path[..path.len() - 1])).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn made_up_answers_of_google_are_counted_and_cost_no_read_of_the_vault() {
    let rig = Rig::with(limited("5/15m")).await;
    let read = rig.vault.gets();
    let answer = |state: &str| get(&format!("/oauth2callback?code=x&state={state}")).header("Accept", HTML);
    for number in 0..5u32 {
        let reply = rig.send(&answer(&format!("{number:064x}"))).await;
        assert_ne!(reply.status, 429, "{}", reply.text());
        counted(&reply, 4 - number);
    }
    for number in 5..20 {
        too_many(&rig.send(&answer(&format!("{number:064x}"))).await);
    }
    assert_eq!(rig.vault.gets(), read);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_keys_push_out_no_good_one_when_the_vault_goes_away() {
    let rig = Rig::with(limited("1000000/15m")).await;
    assert_eq!(rig.send(&get("/api/v1/accounts").key(&rig.key)).await.status, 200);
    for number in 0..10_500 {
        let wrong = format!("crk_wrong_{number}");
        assert!(rig.keys.find(&wrong.into()).await.unwrap().is_none());
    }
    rig.vault.go_away();
    let reply = rig.send(&get("/api/v1/jobs/00000000000000000000000000").key(&rig.key)).await;
    assert_ne!(reply.status, 503, "{}", reply.text());
}
