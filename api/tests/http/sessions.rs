//! Signing out: what it ends, and where.

use common::time;
use serde_json::json;

use crate::client::{Reply, get, request};
use crate::connecting::Browser;
use crate::jar::Jar;
use crate::rig::{Plan, Rig};

const SETUP: &str = "/google-calendar-setup";
const CONNECT: &str = "/google-calendar-connect";

fn signed_in(page: &Reply) -> bool {
    assert_eq!(page.status, 200, "{}", page.text());
    page.text().contains(CONNECT)
}

async fn with(rig: &Rig, jar: &Jar) -> [Reply; 2] {
    let request = || jar.dress(get(SETUP));
    [rig.send(&request()).await, request().send(rig.neighbour()).await]
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_the_session_in_every_process_and_no_other_session_of_the_key() {
    let rig = Rig::start().await;
    let (one, other) = (Browser::signed_in(&rig).await, Browser::signed_in(&rig).await);
    let (kept, others) = (one.cookies(), other.cookies());
    let csrf = one.csrf().to_owned();
    for page in with(&rig, &kept).await {
        assert!(signed_in(&page));
    }
    assert_eq!(one.sign_out(&rig).await.status, 303);
    for page in with(&rig, &kept).await {
        assert!(!signed_in(&page), "a cookie that was kept is worth nothing");
    }
    for path in [CONNECT, "/google-calendar-revoke"] {
        let form = request("POST", path).form(&[("csrf", &csrf)]);
        assert_eq!(kept.dress(form).send(rig.neighbour()).await.status, 403, "{path}");
    }
    for page in with(&rig, &others).await {
        assert!(signed_in(&page), "another browser stays signed in");
    }
    assert!(!signed_in(&one.get(&rig, SETUP).await));
    let again = Browser::signed_in(&rig).await;
    assert!(signed_in(&again.get(&rig, SETUP).await), "the key itself goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_a_former_version_began_goes_on_and_is_ended_too() {
    let rig = Rig::start().await;
    let csrf = "c".repeat(64);
    let until = time::after(rig.clock.now(), time::hours(8));
    let session = json!({"key": rig.key, "csrf": csrf, "until": until});
    let mut jar = Jar::default();
    jar.set("calrelay_session", &String::from(rig.accounts.ring().seal("session", &session)));
    for page in with(&rig, &jar).await {
        assert!(signed_in(&page));
    }
    let form = request("POST", SETUP).form(&[("csrf", csrf.as_str()), ("sign-out", "yes")]);
    assert_eq!(rig.send(&jar.dress(form)).await.status, 303);
    for page in with(&rig, &jar).await {
        assert!(!signed_in(&page));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_anew_ends_the_session_before() {
    let rig = Rig::start().await;
    let browser = Browser::signed_in(&rig).await;
    let before = browser.cookies();
    assert_eq!(browser.sign_in(&rig, &rig.key).await.status, 303);
    for page in with(&rig, &before).await {
        assert!(!signed_in(&page));
    }
    assert!(signed_in(&browser.get(&rig, SETUP).await));
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_while_the_vault_is_away_says_what_is_left_to_do() {
    let rig = Rig::start().await;
    let browser = Browser::signed_in(&rig).await;
    rig.vault.go_away();
    let page = browser.sign_out(&rig).await;
    assert_eq!(page.status, 503, "{}", page.text());
    assert!(page.text().contains("calrelay keys revoke"), "{}", page.text());
    rig.vault.recover();
    assert!(!signed_in(&browser.get(&rig, SETUP).await), "this browser has forgotten it");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_marks_of_ended_sessions_do_not_stay() {
    let rig = Rig::with(Plan { speed: 100_000, ..Plan::default() }).await;
    let browser = Browser::signed_in(&rig).await;
    assert_eq!(browser.sign_out(&rig).await.status, 303);
    let jar = browser.cookies();
    drop(browser);
    let until = time::after(rig.clock.now(), time::hours(9));
    while rig.clock.now() < until {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    // The next mark sweeps.
    let another = Browser::signed_in(&rig).await;
    assert_eq!(another.sign_out(&rig).await.status, 303);
    assert_eq!(rig.marks().await, 1);
    assert!(!signed_in(&rig.send(&jar.dress(get(SETUP))).await));
}
