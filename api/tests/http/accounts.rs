//! Accounts in the API and on the setup page: more than one.

use accounts::keys::Scope;
use common::account::{AccountId, AccountState, Generation, ReauthorizationCause};
use common::port::{Shelf, Vault as _};
use serde_json::json;

use crate::client::{get, post, request};
use crate::connecting::Browser;
use crate::rig::{Plan, Rig, event};

const ACCOUNTS: &str = "/api/v1/accounts";

async fn rig() -> Rig {
    let rig = Rig::with(Plan { connected: false, ..Plan::default() }).await;
    for (account, user) in [("default", "ada"), ("team-1", "bob"), ("team-2", "cleo")] {
        rig.connect(account, user).await;
    }
    rig
}

fn names(list: &serde_json::Value) -> Vec<&str> {
    list["accounts"].as_array().unwrap().iter().map(|account| account["id"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_listed_to_administrators_as_far_as_their_key_goes() {
    let rig = rig().await;
    let all = rig.ask(get(ACCOUNTS)).await;
    assert_eq!(all.status, 200, "{}", all.text());
    assert_eq!(names(&all.json()), ["default", "team-1", "team-2"]);
    assert_eq!(all.json()["next"], json!(null));
    assert_eq!(all.json()["accounts"][1]["email"], "bob@example.com");
    assert!(!all.text().contains("refresh "), "{}", all.text());
    let limited = rig.key_for("local", &[Scope::Admin], Some("team-*")).await;
    assert_eq!(names(&rig.send(&get(ACCOUNTS).key(&limited)).await.json()), ["team-1", "team-2"]);
    let reader = rig.key_for("local", &[Scope::Read, Scope::Submit], None).await;
    rig.send(&get(ACCOUNTS).key(&reader)).await.problem(403, "insufficient-scope");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_goes_page_by_page_and_by_state() {
    let rig = rig().await;
    let id = AccountId::parse("team-1").unwrap();
    rig.accounts.needs_reauthorization(&id, Generation(1), ReauthorizationCause::GrantEnded).await.unwrap();
    let first = rig.ask(get(&format!("{ACCOUNTS}?limit=2"))).await.json();
    assert_eq!((names(&first), &first["next"]), (vec!["default", "team-1"], &json!("team-1")));
    let rest = rig.ask(get(&format!("{ACCOUNTS}?limit=2&after=team-1"))).await.json();
    assert_eq!((names(&rest), &rest["next"]), (vec!["team-2"], &json!(null)));
    let broken = rig.ask(get(&format!("{ACCOUNTS}?state=needsReauthorization"))).await.json();
    assert_eq!(names(&broken), ["team-1"]);
    for query in ["limit=0", "limit=1001", "limit=x", "state=dead", "color=red"] {
        rig.ask(get(&format!("{ACCOUNTS}?{query}"))).await.problem(400, "invalid-query");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_tells_why_it_needs_to_be_connected_again() {
    let rig = rig().await;
    let path = format!("{ACCOUNTS}/team-1");
    let account = rig.ask(get(&path)).await.json();
    assert_eq!((&account["state"], &account["generation"]), (&json!("connected"), &json!(1)), "{account}");
    assert_eq!(account["setupUrl"], "/google-calendar-setup?account=team-1");
    let id = AccountId::parse("team-1").unwrap();
    rig.accounts.needs_reauthorization(&id, Generation(1), ReauthorizationCause::ScopeMissing).await.unwrap();
    let account = rig.ask(get(&path)).await.json();
    assert_eq!(
        (&account["state"], &account["cause"]),
        (&json!("needsReauthorization"), &json!("scopeMissing")),
        "{account}"
    );
    assert!(account["since"].is_string() && account["detail"].as_str().unwrap().contains("Tick its box"));
    rig.ask(get(&format!("{ACCOUNTS}/nobody"))).await.problem(404, "account-not-found");
    rig.ask(get(&format!("{ACCOUNTS}/no%20body"))).await.problem(404, "account-not-found");
    let limited = rig.key_for("local", &[Scope::Admin], Some("default")).await;
    rig.send(&get(&path).key(&limited)).await.problem(403, "account-not-allowed");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_setup_page_is_about_the_account_that_it_is_opened_for() {
    let rig = rig().await;
    let browser = Browser::signed_in(&rig).await;
    let page = browser.get(&rig, "/google-calendar-setup").await;
    for says in ["ada@example.com", "bob@example.com", "/google-calendar-setup?account=team-1"] {
        assert!(page.text().contains(says), "{says}: {}", page.text());
    }
    let page = browser.get(&rig, "/google-calendar-setup?account=team-1").await;
    assert!(page.text().contains("Events are created as <strong>bob@example.com"), "{}", page.text());
    assert!(page.text().contains("/google-calendar-revoke?account=team-1"), "{}", page.text());
    let page = browser.get(&rig, "/google-calendar-setup?account=new").await;
    assert!(page.text().contains("Not connected"), "{}", page.text());
    for bad in ["a%20b", "../x"] {
        let page = browser.get(&rig, &format!("/google-calendar-setup?account={bad}")).await;
        assert_eq!(page.status, 400, "{}", page.text());
    }
    // A person who signs in for an account comes back to it.
    let stranger = rig.send(&get("/google-calendar-setup?account=team-1")).await;
    assert!(stranger.text().contains("name=\"account\" value=\"team-1\""), "{}", stranger.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_for_an_account_that_is_not_connected_is_told_where_to_connect_it() {
    let rig = rig().await;
    let mut body = event();
    body["account"] = json!("new");
    let problem = rig.ask(post("/api/v1/events", &body)).await.problem(409, "account-not-connected");
    assert_eq!(problem["title"], "Calendar integration not configured");
    assert_eq!(problem["setupUrl"], "/google-calendar-setup?account=new");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_blames_testing_for_a_permission_that_ended_after_a_week() {
    let rig = rig().await;
    let id = AccountId::parse("team-1").unwrap();
    let doc = rig.vault.get(Shelf::Accounts, "team-1").await.unwrap().unwrap();
    let mut value = doc.value;
    let week_ago = rig.clock.now() - jiff::SignedDuration::from_hours(7 * 24 + 1);
    value["connectedAt"] = json!(week_ago);
    rig.vault.put(Shelf::Accounts, "team-1", &value, Some(doc.version)).await.unwrap();
    rig.accounts.needs_reauthorization(&id, Generation(1), ReauthorizationCause::GrantEnded).await.unwrap();
    rig.accounts
        .needs_reauthorization(
            &AccountId::parse("team-2").unwrap(),
            Generation(1),
            ReauthorizationCause::GrantEnded,
        )
        .await
        .unwrap();
    let browser = Browser::signed_in(&rig).await;
    for (account, blamed) in [("team-1", true), ("team-2", false)] {
        let page = browser.get(&rig, &format!("/google-calendar-setup?account={account}")).await;
        assert!(page.text().contains("Needs to be connected again"), "{}", page.text());
        assert_eq!(page.text().contains("It was connected for seven days"), blamed, "{}", page.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_connects_and_disconnects_any_account_on_the_page() {
    let rig = rig().await;
    let browser = Browser::signed_in(&rig).await;
    rig.google.answer_as("dora");
    let reply = browser.connect_account(&rig, "team-4", "c1").await;
    let page = "/google-calendar-setup?account=team-4";
    assert_eq!((reply.status, reply.header("location")), (303, Some(page)), "{}", reply.text());
    let asked = browser.get(&rig, "/google-calendar-revoke?account=team-4").await;
    assert!(asked.text().contains("dora@example.com"), "{}", asked.text());
    let reply = browser.post_for(&rig, "/google-calendar-revoke", "team-4").await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(rig.google.revoked(), ["refresh dora 1"]);
    for (account, connected) in [("team-4", false), ("default", true), ("team-1", true)] {
        let account = rig.accounts.get_now(&AccountId::parse(account).unwrap()).await.unwrap().unwrap();
        assert_eq!(account.state == AccountState::Connected, connected, "{}", account.id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn disconnecting_spares_the_grant_that_another_account_lives_on() {
    let rig = rig().await;
    rig.connect("twin", "bob").await;
    let disconnect = |account: &str| request("DELETE", &format!("{ACCOUNTS}/{account}"));
    let first = rig.ask(disconnect("team-1")).await;
    assert_eq!(first.status, 200, "{}", first.text());
    let first = first.json();
    assert_eq!(
        (&first["atGoogle"], &first["account"]["state"]),
        (&json!("keptForOthers"), &json!("disconnected"))
    );
    assert!(first["detail"].as_str().unwrap().contains("twin"), "{first}");
    assert!(rig.google.revoked().is_empty());
    assert_eq!(rig.ask(get(&format!("{ACCOUNTS}/twin"))).await.json()["state"], "connected");
    let last = rig.ask(disconnect("twin")).await.json();
    assert_eq!(last["atGoogle"], "revoked", "{last}");
    assert_eq!(rig.google.revoked(), ["refresh bob 1"]);
    assert_eq!(rig.ask(disconnect("twin")).await.json()["atGoogle"], "nothing");
    rig.ask(disconnect("nobody")).await.problem(404, "account-not-found");
    let limited = rig.key_for("local", &[Scope::Admin], Some("default")).await;
    rig.send(&disconnect("team-2").key(&limited)).await.problem(403, "account-not-allowed");
    let submitter = rig.key_for("local", &[Scope::Submit], None).await;
    rig.send(&disconnect("team-2").key(&submitter)).await.problem(403, "insufficient-scope");
    assert_eq!(rig.ask(get(&format!("{ACCOUNTS}/team-2"))).await.json()["state"], "connected");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wrong_method_is_told_the_right_ones() {
    let rig = rig().await;
    let reply = rig.ask(request("PUT", ACCOUNTS)).await;
    reply.problem(405, "method-not-allowed");
    assert_eq!(reply.header("allow"), Some("GET, HEAD"));
}
