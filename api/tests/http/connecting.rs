//! The setup pages, as a browser walks through them.

use std::sync::Mutex;

use accounts::keys::Scope;
use api::{GoogleKind, Settings};
use common::account::{AccountId, AccountState};
use common::port::TokenError;
use testing::google::EVENTS_SCOPE;

use crate::client::{Reply, Request, get, request};
use crate::jar::Jar;
use crate::rig::{Plan, Rig};

const SETUP: &str = "/google-calendar-setup";
const CONNECT: &str = "/google-calendar-connect";
const REVOKE: &str = "/google-calendar-revoke";

/// A browser with its cookies and the token of the last form it has seen.
pub struct Browser {
    jar: Mutex<Jar>,
    csrf: String,
}

impl Browser {
    /// Opens the setup page for the first time.
    pub async fn new(rig: &Rig) -> Self {
        let reply = rig.send(&get(SETUP)).await;
        assert_eq!(reply.status, 200);
        assert!(reply.cookie("calrelay_session").is_some(), "a new browser gets its session");
        let browser = Self { jar: Mutex::default(), csrf: csrf(&reply).expect("the page has a form") };
        browser.jar.lock().unwrap().keep(&reply);
        browser
    }

    /// Signs in as the administrator.
    pub async fn signed_in(rig: &Rig) -> Self {
        let mut browser = Self::new(rig).await;
        let reply = browser.sign_in(rig, &rig.key).await;
        assert_eq!((reply.status, reply.header("location")), (303, Some(SETUP)), "{}", reply.text());
        browser.reload(rig).await;
        browser
    }

    /// Opens the setup page, whose form counts from now on.
    pub async fn reload(&mut self, rig: &Rig) -> Reply {
        let page = self.get(rig, SETUP).await;
        self.csrf = csrf(&page).unwrap();
        page
    }

    pub async fn sign_in(&self, rig: &Rig, key: &str) -> Reply {
        self.send(rig, request("POST", SETUP).form(&[("csrf", &self.csrf), ("key", key)])).await
    }

    /// Presses "Sign out".
    pub async fn sign_out(&self, rig: &Rig) -> Reply {
        self.send(rig, request("POST", SETUP).form(&[("csrf", &self.csrf), ("sign-out", "yes")])).await
    }

    /// What its forms carry.
    pub fn csrf(&self) -> &str {
        &self.csrf
    }

    /// Its cookies as they are now.
    pub fn cookies(&self) -> Jar {
        self.jar.lock().unwrap().clone()
    }

    /// Has a cookie from before.
    pub fn keep(&self, name: &str, value: &str) {
        self.jar.lock().unwrap().set(name, value);
    }

    pub async fn send(&self, rig: &Rig, request: Request) -> Reply {
        let reply = rig.send(&self.cookies().dress(request)).await;
        self.jar.lock().unwrap().keep(&reply);
        reply
    }

    pub async fn get(&self, rig: &Rig, path: &str) -> Reply {
        self.send(rig, get(path)).await
    }

    /// Sends a form of ours.
    pub async fn post(&self, rig: &Rig, path: &str) -> Reply {
        self.send(rig, request("POST", path).form(&[("csrf", &self.csrf)])).await
    }

    /// Sends a form of ours about this account.
    pub async fn post_for(&self, rig: &Rig, path: &str, account: &str) -> Reply {
        self.send(rig, request("POST", path).form(&[("csrf", &self.csrf), ("account", account)])).await
    }

    /// Presses Connect; answers the state that Google is asked with.
    pub async fn begin(&self, rig: &Rig) -> String {
        self.begin_for(rig, "default").await
    }

    pub async fn begin_for(&self, rig: &Rig, account: &str) -> String {
        let reply = self.post_for(rig, CONNECT, account).await;
        assert_eq!(reply.status, 303, "{}", reply.text());
        let google = reply.header("location").unwrap();
        assert!(google.starts_with("https://accounts.example/auth?state="), "{google}");
        google.split("state=").nth(1).unwrap().split('&').next().unwrap().to_owned()
    }

    /// Presses Connect for this account and comes back from Google with this code.
    pub async fn connect_account(&self, rig: &Rig, account: &str, code: &str) -> Reply {
        let state = self.begin_for(rig, account).await;
        self.get(rig, &format!("/oauth2callback?state={state}&code={code}")).await
    }

    /// Presses Connect and comes back from Google with this code.
    async fn connect(&self, rig: &Rig, code: &str) -> Reply {
        self.connect_account(rig, "default", code).await
    }
}

fn csrf(reply: &Reply) -> Option<String> {
    let (_, rest) = reply.text().split_once("name=\"csrf\" value=\"")?;
    Some(rest.split('"').next().unwrap().to_owned())
}

fn unconnected() -> Plan {
    Plan { connected: false, ..Plan::default() }
}

async fn state(rig: &Rig) -> Option<AccountState> {
    let account = rig.accounts.get_now(&AccountId::default_account()).await.unwrap();
    account.map(|account| account.state)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_calendar_is_connected_shown_and_disconnected() {
    let rig = Rig::with(unconnected()).await;
    let browser = Browser::signed_in(&rig).await;
    assert!(browser.get(&rig, SETUP).await.text().contains("Not connected"));
    let reply = browser.connect(&rig, "c1").await;
    assert_eq!((reply.status, reply.header("location")), (303, Some(SETUP)), "{}", reply.text());
    assert_eq!(state(&rig).await, Some(AccountState::Connected));
    assert_eq!(*rig.connected.lock().unwrap(), [AccountId::default_account()]);
    let page = browser.get(&rig, SETUP).await;
    assert!(page.text().contains("ada@example.com"), "{}", page.text());

    let page = browser.get(&rig, REVOKE).await;
    assert!(page.text().contains("Disconnect Google Calendar?"));
    assert_eq!(state(&rig).await, Some(AccountState::Connected), "asking does nothing");
    let reply = browser.post(&rig, REVOKE).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(rig.google.revoked(), ["refresh ada 1"]);
    assert!(matches!(state(&rig).await, Some(AccountState::Disconnected { .. })));
    assert!(browser.get(&rig, SETUP).await.text().contains("Disconnected"));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_administrator_gets_past_the_sign_in() {
    let rig = Rig::with(unconnected()).await;
    let browser = Browser::new(&rig).await;
    let page = browser.get(&rig, SETUP).await;
    assert!(page.text().contains("Sign in") && !page.text().contains(CONNECT));
    let submitter = rig.key_for("local", &[Scope::Submit], None).await;
    for key in [submitter.as_str(), "crk_wrong", ""] {
        let reply = browser.sign_in(&rig, key).await;
        assert_eq!((reply.status, reply.cookie("calrelay_session")), (403, None), "{key}");
    }
    for path in [CONNECT, REVOKE] {
        assert_eq!(browser.post(&rig, path).await.status, 403, "{path}");
    }
    assert_eq!(browser.get(&rig, REVOKE).await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn revoking_the_key_ends_its_sessions() {
    let rig = Rig::with(Plan { speed: 3000, ..unconnected() }).await;
    let browser = Browser::signed_in(&rig).await;
    assert_eq!(rig.keys.revoke(&rig.key[..12]).await.unwrap(), 1);
    let page = browser.get(&rig, SETUP).await;
    assert!(page.text().contains("Sign in") && !page.text().contains(CONNECT));
    assert_eq!(browser.post(&rig, CONNECT).await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_is_not_ours_does_nothing() {
    let rig = Rig::start().await;
    let browser = Browser::signed_in(&rig).await;
    let with = |csrf: &str| browser.cookies().dress(request("POST", REVOKE).form(&[("csrf", csrf)]));
    for forged in [
        with(""),
        with(&"0".repeat(64)),
        with(&browser.csrf).header("Origin", "https://evil.example"),
        with(&browser.csrf).header("Sec-Fetch-Site", "cross-site"),
    ] {
        assert_eq!(rig.send(&forged).await.status, 403);
    }
    assert_eq!(state(&rig).await, Some(AccountState::Connected));
    assert_eq!(rig.send(&with(&browser.csrf)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_does_not_fit_connects_nothing_and_says_what_to_do() {
    let rig = Rig::with(unconnected()).await;
    let browser = Browser::signed_in(&rig).await;
    let state_of_browser = browser.begin(&rig).await;
    let stranger = Browser::new(&rig).await;
    let with = |state: &str, rest: &str| format!("/oauth2callback?state={state}&{rest}");
    for (browser, path, status, says) in [
        (&stranger, with(&state_of_browser, "code=c"), 400, "has not begun"),
        (&browser, "/oauth2callback".to_owned(), 400, "belongs to another attempt"),
        (&browser, with("forged", "code=c"), 400, "belongs to another attempt"),
        (&browser, with(&state_of_browser, "error=access_denied"), 403, "Consent was declined"),
        (&browser, with(&state_of_browser, "code=c"), 400, "already used"),
    ] {
        let page = browser.get(&rig, &path).await;
        assert_eq!(page.status, status, "{path}: {}", page.text());
        assert!(page.text().contains(says) && page.text().contains(SETUP), "{path}: {}", page.text());
    }
    stranger.keep("calrelay_consent", "AAAA");
    assert_eq!(stranger.get(&rig, &with("x", "code=c")).await.status, 400);
    let odd = browser.begin(&rig).await;
    let page = browser.get(&rig, &with(&odd, "error=%3Cscript%3E")).await;
    assert_eq!(page.status, 502);
    assert!(!page.text().contains("<script"), "{}", page.text());
    assert_eq!(state(&rig).await, None);
    assert!(rig.connected.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_is_not_enough_connects_nothing_and_says_what_to_do() {
    let rig = Rig::with(unconnected()).await;
    let browser = Browser::signed_in(&rig).await;
    rig.google.grant(&["openid", "email"]);
    let page = browser.connect(&rig, "c1").await;
    assert_eq!(page.status, 403);
    assert!(page.text().contains("tick the box"), "{}", page.text());
    rig.google.grant(&["https://www.googleapis.com/auth/calendar"]);
    rig.google.keep_refresh_tokens();
    let page = browser.connect(&rig, "c2").await;
    assert_eq!(page.status, 502);
    assert!(page.text().contains("myaccount.google.com"), "{}", page.text());
    for (error, status) in [
        (TokenError::InvalidGrant { description: "secret words".to_owned() }, 400),
        (TokenError::Denied { description: "secret words".to_owned() }, 403),
        (
            TokenError::InvalidClient {
                error: "invalid_client".to_owned(),
                description: "secret words".to_owned(),
            },
            502,
        ),
        (TokenError::Transport("secret words".to_owned()), 503),
    ] {
        rig.google.fail(Some(error));
        let page = browser.connect(&rig, "c3").await;
        assert_eq!(page.status, status, "{}", page.text());
        assert!(page.text().contains(SETUP) && !page.text().contains("secret words"), "{}", page.text());
    }
    assert_eq!(state(&rig).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_user_is_refused_with_both_addresses() {
    let rig = Rig::start().await;
    let browser = Browser::signed_in(&rig).await;
    rig.google.answer_as("bob");
    let page = browser.connect(&rig, "c1").await;
    assert_eq!(page.status, 409);
    for says in ["ada@example.com", "bob@example.com", "choose ada@example.com"] {
        assert!(page.text().contains(says), "{says}: {}", page.text());
    }
    rig.google.answer_as("ada");
    rig.google.grant(&[EVENTS_SCOPE]);
    assert_eq!(browser.connect(&rig, "c2").await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_another_account_lives_on_is_only_forgotten_here() {
    let rig = Rig::start().await;
    rig.connect("twin", "ada").await;
    let browser = Browser::signed_in(&rig).await;
    let page = browser.post(&rig, REVOKE).await;
    assert!(page.text().contains("another account uses the same Google user"), "{}", page.text());
    assert!(rig.google.revoked().is_empty());
    assert!(matches!(state(&rig).await, Some(AccountState::Disconnected { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_google_could_not_be_told_of_is_kept_to_tell_it_later_and_for_nothing_else() {
    let rig = Rig::start().await;
    let browser = Browser::signed_in(&rig).await;
    rig.google.fail(Some(TokenError::Transport("away".to_owned())));
    let page = browser.post(&rig, REVOKE).await;
    assert!(page.text().contains("Google could not be told"), "{}", page.text());
    assert!(matches!(state(&rig).await, Some(AccountState::Disconnected { .. })));
    rig.google.fail(None);
    let page = browser.post(&rig, REVOKE).await;
    assert!(page.text().contains("given back to Google"), "{}", page.text());
    assert_eq!(rig.google.revoked(), ["refresh ada 1"]);
    let account = rig.accounts.get_now(&AccountId::default_account()).await.unwrap().unwrap();
    assert_eq!(account.refresh_token, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_strict_with_browsers_and_says_sandbox_when_it_is_one() {
    let rig = Rig::start().await;
    let browser = Browser::signed_in(&rig).await;
    for path in [SETUP, REVOKE, "/oauth2callback?state=x&code=y"] {
        let page = browser.get(&rig, path).await;
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert!(policy.contains("form-action 'self' https://accounts.example;"), "{policy}");
        assert_eq!(page.header("x-frame-options"), Some("DENY"));
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(page.header("cache-control"), Some("no-store"));
        assert!(!page.text().contains("<script") && !page.text().contains("style="), "{path}");
        assert!(page.text().contains("SANDBOX"), "{path}");
        assert_eq!(page.header("calrelay-google"), Some("sandbox"));
    }
    let style = browser.get(&rig, "/assets/style.css").await;
    assert_eq!(style.header("content-type"), Some("text/css; charset=utf-8"));
    assert_eq!(browser.get(&rig, "/").await.header("location"), Some(SETUP));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_begins_under_the_name_that_google_sends_it_back_to() {
    let rig = Rig::start().await;
    let port = rig.address.port();
    rig.google.return_to(&format!("http://localhost:{port}/oauth2callback"));
    let numeric = rig.send(&get(SETUP).host(&format!("127.0.0.1:{port}"))).await;
    let setup = format!("http://localhost:{port}{SETUP}");
    assert_eq!((numeric.status, numeric.header("location")), (303, Some(setup.as_str())));
    assert_eq!(rig.send(&get(SETUP)).await.status, 200);
    // Where the two are not the same machine's names, nobody is sent anywhere.
    rig.google.return_to("https://cal.example.com/oauth2callback");
    assert_eq!(rig.send(&get(SETUP)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_address_is_a_page_for_people_and_a_problem_for_programs() {
    let rig = Rig::start().await;
    let page = rig.send(&get("/nowhere").header("Accept", "text/html,*/*;q=0.8")).await;
    assert_eq!(page.status, 404);
    assert!(page.text().contains("SANDBOX") && page.text().contains(SETUP), "{}", page.text());
    let problem = rig.send(&get("/nowhere").header("Accept", "*/*")).await;
    assert_eq!((problem.status, problem.header("content-type")), (404, Some("application/problem+json")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_google_is_not_called_a_sandbox() {
    let usual = Plan::default();
    let settings = Settings { google: GoogleKind::Live, ..usual.settings };
    let rig = Rig::with(Plan { settings, ..usual }).await;
    let page = rig.send(&get(SETUP)).await;
    assert!(!page.text().contains("SANDBOX"));
    assert_eq!(page.header("calrelay-google"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_keys_the_pages_need_no_sign_in() {
    let usual = unconnected();
    let settings = Settings { access: api::Access::Open, ..usual.settings };
    let rig = Rig::with(Plan { settings, ..usual }).await;
    let browser = Browser::new(&rig).await;
    assert_eq!(browser.connect(&rig, "c1").await.status, 303);
    assert_eq!(state(&rig).await, Some(AccountState::Connected));
}
