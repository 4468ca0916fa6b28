//! Connect links, as the people who are sent them walk through them.

use std::net::SocketAddr;

use accounts::keys::Scope;
use api::{OAuthClient, Settings};
use common::account::{AccountId, AccountState};
use common::port::{Shelf, TokenError, Vault as _};
use serde_json::{Value, json};

use crate::client::{Reply, Request, get, post, request};
use crate::jar::Jar;
use crate::rig::{Plan, Rig};

pub const CRM: &str = "https://crm.example";

pub fn plan() -> Plan {
    let usual = Plan::default();
    let settings = Settings { allowed_origins: vec![CRM.to_owned()], ..usual.settings };
    Plan { settings, connected: false, ..usual }
}

fn links(account: &str) -> String {
    format!("/api/v1/accounts/{account}/connect-links")
}

/// The path of a new link for `account`.
pub async fn link(rig: &Rig, account: &str, wanted: Value) -> String {
    let reply = rig.ask(post(&links(account), &wanted)).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    let url = reply.json()["url"].as_str().unwrap().to_owned();
    let (_, path) = url.split_once(&format!("localhost:{}", rig.address.port())).expect("it leads here");
    path.to_owned()
}

/// Somebody's browser, with the cookies that it was given.
#[derive(Default)]
pub struct Person {
    jar: Jar,
}

impl Person {
    pub fn with_cookies(&self, request: Request) -> Request {
        self.jar.dress(request)
    }

    pub async fn send(&mut self, at: SocketAddr, request: Request) -> Reply {
        let reply = self.with_cookies(request).send(at).await;
        self.jar.keep(&reply);
        reply
    }

    pub fn jar(&mut self) -> &mut Jar {
        &mut self.jar
    }

    pub async fn open(&mut self, rig: &Rig, path: &str) -> Reply {
        self.send(rig.address, get(path)).await
    }

    /// Presses the button on the link's page; answers where that leads.
    pub async fn press(&mut self, at: SocketAddr, path: &str) -> Reply {
        let page = self.send(at, get(path)).await;
        let token = page.text().split_once("name=\"csrf\" value=\"").map(|(_, rest)| &rest[..64]);
        let token = token.unwrap_or_else(|| panic!("{path} has no form: {}", page.text())).to_owned();
        self.send(at, request("POST", path).form(&[("csrf", &token)])).await
    }

    /// The same, which must lead to Google; answers the state.
    pub async fn begin(&mut self, rig: &Rig, path: &str) -> String {
        let reply = self.press(rig.address, path).await;
        assert_eq!(reply.status, 303, "{}", reply.text());
        let google = reply.header("location").unwrap();
        assert!(google.starts_with("https://accounts.example/auth?state="), "{google}");
        google.split("state=").nth(1).unwrap().split('&').next().unwrap().to_owned()
    }

    /// Goes to Google and comes back with this code.
    pub async fn connect(&mut self, rig: &Rig, path: &str, code: &str) -> Reply {
        let state = self.begin(rig, path).await;
        self.open(rig, &callback(&state, &format!("code={code}"))).await
    }
}

pub fn callback(state: &str, rest: &str) -> String {
    format!("/oauth2callback?state={state}&{rest}")
}

pub async fn connected_as(rig: &Rig, account: &str) -> Option<String> {
    let account = rig.accounts.get_now(&AccountId::parse(account).unwrap()).await.unwrap()?;
    let user = account.user(rig.accounts.ring()).unwrap();
    (account.state == AccountState::Connected).then_some(user.email)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_connects_its_account_and_leads_back_to_where_the_person_came_from() {
    let rig = Rig::with(plan()).await;
    let wanted = json!({"returnUrl": "https://crm.example/me?tab=2", "email": "ADA@example.com"});
    let path = link(&rig, "team-7", wanted).await;
    let mut ada = Person::default();
    let page = ada.open(&rig, &path).await;
    assert_eq!(page.status, 200, "{}", page.text());
    for says in ["crm.example", "ADA@example.com", "Continue to Google", "SANDBOX"] {
        assert!(page.text().contains(says), "{says}: {}", page.text());
    }
    assert!(!page.text().contains("google-calendar-setup"), "{}", page.text());
    let reply = ada.connect(&rig, &path, "c1").await;
    let back = "https://crm.example/me?tab=2&account=team-7&status=connected";
    assert_eq!((reply.status, reply.header("location")), (303, Some(back)), "{}", reply.text());
    assert_eq!(connected_as(&rig, "team-7").await.as_deref(), Some("ada@example.com"));
    assert_eq!(connected_as(&rig, "default").await, None);
    assert_eq!(*rig.connected.lock().unwrap(), [AccountId::parse("team-7").unwrap()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_leads_nowhere_ends_on_a_page_that_says_it_worked() {
    let rig = Rig::with(plan()).await;
    // Without a wish there is nothing to send.
    let reply = rig.ask(request("POST", &links("default"))).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    assert_eq!(reply.json()["account"], "default");
    let path = reply.json()["url"].as_str().unwrap().split_once("/google").unwrap().1.to_owned();
    let page = Person::default().connect(&rig, &format!("/google{path}"), "c1").await;
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(page.text().contains("Your calendar is connected"), "{}", page.text());
    assert!(page.text().contains("ada@example.com"), "{}", page.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_works_once_in_whatever_process_it_is_tried_again() {
    let rig = Rig::with(plan()).await;
    let neighbour = rig.neighbour();
    let path = link(&rig, "team-7", json!({"returnUrl": CRM})).await;
    let mut ada = Person::default();
    assert_eq!(ada.connect(&rig, &path, "c1").await.status, 303);
    for at in [rig.address, neighbour] {
        let page = Person::default().send(at, get(&path)).await;
        assert_eq!(page.status, 410, "{}", page.text());
        assert!(page.text().contains("already used"), "{}", page.text());
        assert!(page.text().contains("https://crm.example/?account=team-7&amp;status=not-connected"));
        // The browser that has used it is told that it is connected.
        let page = ada.send(at, get(&path)).await;
        assert_eq!(page.status, 200, "{}", page.text());
        assert!(page.text().contains("Your calendar is connected"), "{}", page.text());
    }
    // Nor does the form that an old page still has.
    let mut eve = Person::default();
    eve.open(&rig, "/google-calendar-setup").await;
    let other = link(&rig, "team-8", json!({})).await;
    let page = eve.open(&rig, &other).await;
    let (_, rest) = page.text().split_once("name=\"csrf\" value=\"").unwrap();
    let form = request("POST", &path).form(&[("csrf", &rest[..64])]);
    assert_eq!(eve.send(neighbour, form).await.status, 410);
    let account = rig.accounts.get_now(&AccountId::parse("team-7").unwrap()).await.unwrap().unwrap();
    assert_eq!(account.generation.0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_after_the_link_was_used_connects_nothing() {
    let rig = Rig::with(plan()).await;
    let path = link(&rig, "team-7", json!({})).await;
    let mut ada = Person::default();
    let state = ada.begin(&rig, &path).await;
    let late = ada.with_cookies(get(&callback(&state, "code=c2")));
    assert_eq!(ada.connect(&rig, &path, "c1").await.status, 200);
    rig.google.answer_as("eve");
    let page = late.send(rig.address).await;
    assert_eq!(page.status, 410, "{}", page.text());
    assert!(page.text().contains("This link was already used"), "{}", page.text());
    assert_eq!(late.send(rig.neighbour()).await.status, 400, "and the answer is used by now, too");
    let account = rig.accounts.get_now(&AccountId::parse("team-7").unwrap()).await.unwrap().unwrap();
    assert_eq!(account.generation.0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_a_link_is_as_strict_with_browsers_as_the_others() {
    let rig = Rig::with(plan()).await;
    let path = link(&rig, "team-7", json!({"returnUrl": CRM})).await;
    for path in [path.as_str(), "/google-calendar-link/x"] {
        let page = Person::default().open(&rig, path).await;
        let policy = page.header("content-security-policy").unwrap();
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert!(policy.contains("form-action 'self' https://accounts.example;"), "{policy}");
        // The link itself must not travel to where the page leads.
        assert_eq!(page.header("referrer-policy"), Some("same-origin"));
        assert_eq!(page.header("cache-control"), Some("no-store"));
        assert!(!page.text().contains("<script") && !page.text().contains("style="), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn opening_a_link_uses_nothing_up_and_beginning_makes_it_that_browsers() {
    let rig = Rig::with(plan()).await;
    let path = link(&rig, "team-7", json!({})).await;
    for _ in 0..3 {
        assert_eq!(Person::default().open(&rig, &path).await.status, 200, "a mail scanner opens links too");
    }
    let (mut ada, mut eve) = (Person::default(), Person::default());
    let eves_page = eve.open(&rig, &path).await;
    assert_eq!(eves_page.status, 200);
    let state = ada.begin(&rig, &path).await;
    let page = eve.open(&rig, &path).await;
    assert_eq!(page.status, 409, "{}", page.text());
    assert!(page.text().contains("another browser"), "{}", page.text());
    // The page was open before.
    let (_, rest) = eves_page.text().split_once("name=\"csrf\" value=\"").unwrap();
    let form = request("POST", &path).form(&[("csrf", &rest[..64])]);
    assert_eq!(eve.send(rig.neighbour(), form).await.status, 409);
    // Nor is the answer to Ada's question Eve's.
    let stolen = eve.open(&rig, &callback(&state, "code=c")).await;
    assert_eq!(stolen.status, 400, "{}", stolen.text());
    let state = ada.begin(&rig, &path).await;
    assert_eq!(ada.open(&rig, &callback(&state, "code=c")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_declines_or_chooses_wrongly_may_try_again_with_the_same_link() {
    let rig = Rig::with(plan()).await;
    let wanted = json!({"email": "ada@example.com", "returnUrl": CRM});
    let path = link(&rig, "team-7", wanted).await;
    let mut ada = Person::default();
    let again = |page: &Reply| {
        let (_, rest) = page.text().split_once("href=\"/google-calendar-link/").expect("a way to try again");
        format!("/google-calendar-link/{}", rest.split('"').next().unwrap())
    };
    let state = ada.begin(&rig, &path).await;
    let page = ada.open(&rig, &callback(&state, "error=access_denied")).await;
    assert_eq!(page.status, 403, "{}", page.text());
    for says in ["Consent was declined", "begin again with your link", "status=not-connected"] {
        assert!(page.text().contains(says), "{says}: {}", page.text());
    }
    let path = again(&page);
    rig.google.answer_as("eve");
    let page = ada.connect(&rig, &path, "c1").await;
    assert_eq!(page.status, 409, "{}", page.text());
    for says in ["made for ada@example.com", "came from eve@example.com", "choose ada@example.com"] {
        assert!(page.text().contains(says), "{says}: {}", page.text());
    }
    assert_eq!(connected_as(&rig, "team-7").await, None);
    let path = again(&page);
    rig.google.answer_as("ada");
    assert_eq!(ada.connect(&rig, &path, "c2").await.status, 303);
    assert_eq!(connected_as(&rig, "team-7").await.as_deref(), Some("ada@example.com"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_for_an_account_of_another_user_is_refused_with_both_addresses() {
    let rig = Rig::with(plan()).await;
    rig.connect("team-7", "ada").await;
    let path = link(&rig, "team-7", json!({})).await;
    let mut eve = Person::default();
    rig.google.answer_as("eve");
    let page = eve.open(&rig, &path).await;
    assert!(page.text().contains("ada@example.com"), "it says who is meant: {}", page.text());
    let page = eve.connect(&rig, &path, "c1").await;
    assert_eq!(page.status, 409, "{}", page.text());
    for says in ["belongs to ada@example.com", "came from eve@example.com"] {
        assert!(page.text().contains(says), "{says}: {}", page.text());
    }
    assert_eq!(connected_as(&rig, "team-7").await.as_deref(), Some("ada@example.com"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_user_may_connect_two_accounts() {
    let rig = Rig::with(plan()).await;
    let mut ada = Person::default();
    for (account, code) in [("one", "c1"), ("two", "c2")] {
        let path = link(&rig, account, json!({})).await;
        assert_eq!(ada.connect(&rig, &path, code).await.status, 200);
        assert_eq!(connected_as(&rig, account).await.as_deref(), Some("ada@example.com"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_refused_once_it_has_expired() {
    let rig = Rig::with(Plan { speed: 1_500, ..plan() }).await;
    let reply = rig.ask(post(&links("team-7"), &json!({"returnUrl": CRM}))).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    let path = reply.json()["url"].as_str().unwrap().split_once("/google").unwrap().1.to_owned();
    let expires: jiff::Timestamp = reply.json()["expiresAt"].as_str().unwrap().parse().unwrap();
    while rig.clock.now() < expires {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let page = Person::default().open(&rig, &format!("/google{path}")).await;
    assert_eq!(page.status, 410, "{}", page.text());
    for says in ["has expired", "status=not-connected"] {
        assert!(page.text().contains(says), "{says}: {}", page.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_not_ours_or_was_changed_is_refused() {
    let rig = Rig::with(plan()).await;
    let (one, two) = (link(&rig, "one", json!({})).await, link(&rig, "two", json!({})).await);
    let (mixed, _) = one.split_at(one.len() / 2);
    let mixed = format!("{mixed}{}", &two[mixed.len()..]);
    for path in ["/google-calendar-link/x", "/google-calendar-link/%00", &mixed, &one[..one.len() - 1]] {
        let page = Person::default().open(&rig, path).await;
        assert_eq!(page.status, 404, "{path}: {}", page.text());
        assert!(page.text().contains("This link does not work"), "{path}: {}", page.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_of_another_site_begins_nothing() {
    let rig = Rig::with(plan()).await;
    let path = link(&rig, "team-7", json!({})).await;
    let mut ada = Person::default();
    let page = ada.open(&rig, &path).await;
    let (_, rest) = page.text().split_once("name=\"csrf\" value=\"").unwrap();
    let token = &rest[..64];
    let form = |csrf: &str| request("POST", &path).form(&[("csrf", csrf)]);
    for forged in [
        form(""),
        form(&"0".repeat(64)),
        form(token).header("Origin", "https://evil.example"),
        form(token).header("Sec-Fetch-Site", "cross-site"),
    ] {
        assert_eq!(ada.with_cookies(forged).send(rig.address).await.status, 403);
    }
    assert_eq!(form(token).send(rig.address).await.status, 403, "without the cookie");
    assert!(rig.vault.list(Shelf::Nonces).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn googles_answer_counts_once_in_whatever_process_it_arrives() {
    let rig = Rig::with(plan()).await;
    let path = link(&rig, "team-7", json!({})).await;
    let mut ada = Person::default();
    let state = ada.begin(&rig, &path).await;
    let before = ada.with_cookies(get(&callback(&state, "code=c1")));
    assert_eq!(before.send(rig.address).await.status, 200);
    let replayed = before.send(rig.neighbour()).await;
    assert_eq!(replayed.status, 200, "its own browser is told once more: {}", replayed.text());
    let replayed = get(&callback(&state, "code=c1")).send(rig.neighbour()).await;
    assert_eq!(replayed.status, 400, "and nobody else");
    assert!(replayed.text().contains("already used"), "{}", replayed.text());
    for query in ["code=c", "state=&code=c", "state=forged&code=c"] {
        let mut ada = Person::default();
        let path = link(&rig, "team-7", json!({})).await;
        ada.begin(&rig, &path).await;
        let page = ada.open(&rig, &format!("/oauth2callback?{query}")).await;
        assert_eq!(page.status, 400, "{query}");
        assert!(page.text().contains("or was forged"), "{query}: {}", page.text());
    }
    let account = rig.accounts.get_now(&AccountId::parse("team-7").unwrap()).await.unwrap().unwrap();
    assert_eq!(account.generation.0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_made_by_administrators_for_their_accounts_and_for_places_they_have_named() {
    let rig = Rig::with(plan()).await;
    let body = json!({});
    let submitter = rig.key_for("local", &[Scope::Submit, Scope::Read], None).await;
    rig.send(&post(&links("a"), &body).key(&submitter)).await.problem(403, "insufficient-scope");
    let limited = rig.key_for("local", &[Scope::Admin], Some("team-*")).await;
    rig.send(&post(&links("a"), &body).key(&limited)).await.problem(403, "account-not-allowed");
    assert_eq!(rig.send(&post(&links("team-1"), &body).key(&limited)).await.status, 201);
    rig.send(&post(&links("a"), &body)).await.problem(401, "unauthenticated");
    rig.ask(post(&links("a%20b"), &body)).await.problem(404, "account-not-found");
    for (body, field, code) in [
        (json!({"returnUrl": "https://evil.example/"}), "returnUrl", "not-allowed"),
        (json!({"returnUrl": "https://crm.example.evil.example/"}), "returnUrl", "not-allowed"),
        (json!({"returnUrl": "http://crm.example/"}), "returnUrl", "not-allowed"),
        (json!({"returnUrl": "https://crm.example@evil.example/"}), "returnUrl", "invalid-url"),
        (json!({"returnUrl": "javascript:alert(1)"}), "returnUrl", "invalid-url"),
        (json!({"returnUrl": "/settings"}), "returnUrl", "invalid-url"),
        (json!({"returnUrl": format!("https://crm.example/{}", "x".repeat(1000))}), "returnUrl", "too-long"),
        (json!({"returnUrl": 7}), "returnUrl", "wrong-type"),
        (json!({"email": "ada"}), "email", "invalid-email"),
        (json!({"Email": "ada@example.com"}), "Email", "unknown-field"),
    ] {
        let problem = rig.ask(post(&links("a"), &body)).await.problem(422, "invalid-fields");
        assert_eq!(
            (&problem["errors"][0]["field"], &problem["errors"][0]["code"]),
            (&json!(field), &json!(code))
        );
    }
    assert_eq!(rig.ask(post(&links("a"), &json!({"returnUrl": null, "email": null}))).await.status, 201);
    rig.ask(request("POST", &links("a")).header("Content-Type", "application/json").body("[]"))
        .await
        .problem(400, "malformed-body");
    rig.ask(get(&links("a"))).await.problem(405, "method-not-allowed");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_vault_is_away_a_link_is_neither_used_up_nor_believed() {
    let rig = Rig::with(plan()).await;
    let path = link(&rig, "team-7", json!({})).await;
    let mut ada = Person::default();
    let state = ada.begin(&rig, &path).await;
    rig.vault.go_away();
    let page = Person::default().open(&rig, &path).await;
    assert_eq!(page.status, 503, "{}", page.text());
    let page = ada.open(&rig, &callback(&state, "code=c1")).await;
    assert_eq!(page.status, 503, "{}", page.text());
    rig.vault.recover();
    let page = ada.open(&rig, &callback(&state, "code=c1")).await;
    assert_eq!(page.status, 200, "reloading is enough: {}", page.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_an_operator_can_mend_is_not_shown_to_visitors_in_detail() {
    let usual = plan();
    let client = OAuthClient {
        id: "client-7".to_owned(),
        redirect_uri: "https://calendar.example/oauth2callback".to_owned(),
        registered: vec!["https://calendar.example/elsewhere".to_owned()],
        takes_redirect: false,
    };
    let settings = Settings { client: Some(client), ..usual.settings };
    let rig = Rig::with(Plan { settings, ..usual }).await;
    let path = link(&rig, "team-7", json!({})).await;
    let mut ada = Person::default();
    for (error, says) in [
        (
            TokenError::Refused {
                error: "redirect_uri_mismatch".to_owned(),
                description: "secret".to_owned(),
            },
            "redirect_uri_mismatch",
        ),
        (
            TokenError::InvalidClient {
                error: "deleted_client".to_owned(),
                description: "secret".to_owned(),
            },
            "OAuth client not initialized",
        ),
    ] {
        rig.google.fail(Some(error));
        let page = ada.connect(&rig, &path, "c1").await;
        assert_eq!(page.status, 502, "{}", page.text());
        assert!(
            page.text().contains(says) && page.text().contains("Tell whoever sent you the link"),
            "{}",
            page.text()
        );
        for kept in ["elsewhere", "client-7", "secret", "google-calendar-setup"] {
            assert!(!page.text().contains(kept), "{kept}: {}", page.text());
        }
    }
}
