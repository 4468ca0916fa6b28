//! Several connections that one browser has begun: each answer counts for its own, whatever else comes.

use common::account::AccountId;
use common::port::{ConsentRequest, TokenEndpoint as _};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use testing::google::EVENTS_SCOPE;
use tokio::io::AsyncWriteExt as _;

use crate::client::{Reply, get, request};
use crate::connecting::Browser;
use crate::links::{CRM, Person, callback, connected_as, link, plan};
use crate::rig::{Plan, Rig};

const SETUP: &str = "/google-calendar-setup";

fn unconnected() -> Plan {
    Plan { connected: false, ..Plan::default() }
}

async fn generation(rig: &Rig, account: &str) -> u64 {
    let account = rig.accounts.get_now(&AccountId::parse(account).unwrap()).await.unwrap();
    account.map_or(0, |account| account.generation.0)
}

fn says_connected(reply: &Reply) -> bool {
    reply.status == 200 && reply.text().contains("Your calendar is connected")
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_begun_in_several_tabs_are_answered_each_for_its_own_in_any_order() {
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let rig = Rig::with(unconnected()).await;
        let browser = Browser::signed_in(&rig).await;
        let accounts = ["default", "team-1", "team-2"];
        let mut states = Vec::new();
        for account in accounts {
            states.push(browser.begin_for(&rig, account).await);
        }
        for (number, name) in order.into_iter().zip(["ada", "bob", "eve"]) {
            rig.google.answer_as(name);
            let reply = browser.get(&rig, &callback(&states[number], &format!("code={name}"))).await;
            assert_eq!(reply.status, 303, "{order:?} {number}: {}", reply.text());
            let email = format!("{name}@example.com");
            assert_eq!(connected_as(&rig, accounts[number]).await, Some(email), "{order:?} {number}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn links_and_the_setup_page_are_begun_beside_each_other_and_answered_in_any_process() {
    let rig = Rig::with(plan()).await;
    let neighbour = rig.neighbour();
    let mut person = Person::default();
    let (one, two) = (link(&rig, "one", json!({"returnUrl": CRM})).await, link(&rig, "two", json!({})).await);
    let first = person.begin(&rig, &one).await;
    let second = person.begin(&rig, &two).await;
    let again = person.begin(&rig, &one).await;
    let reply = person.send(neighbour, get(&callback(&second, "code=c2"))).await;
    assert!(says_connected(&reply), "{}", reply.text());
    let reply = person.send(neighbour, get(&callback(&again, "code=c3"))).await;
    let back = "https://crm.example/?account=one&status=connected";
    assert_eq!((reply.status, reply.header("location")), (303, Some(back)), "{}", reply.text());
    // The link of the first has connected somebody by now, through another answer.
    let reply = person.open(&rig, &callback(&first, "code=c1")).await;
    assert_eq!(reply.status, 410, "{}", reply.text());
    assert_eq!((generation(&rig, "one").await, generation(&rig, "two").await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stray_answer_undoes_nothing_that_was_begun() {
    let rig = Rig::with(plan()).await;
    let (mut person, mut other) = (Person::default(), Person::default());
    let (one, two) = (link(&rig, "one", json!({})).await, link(&rig, "two", json!({})).await);
    let state = person.begin(&rig, &one).await;
    let others = other.begin(&rig, &two).await;
    for query in [
        "state=deadbeef&code=x",
        "code=x",
        "state=&code=x",
        "",
        "error=access_denied",
        "state=deadbeef&error=access_denied",
        &format!("state={}&code=x", "0".repeat(64)),
        &format!("state={others}&code=x"),
        &format!("state={others}&error=access_denied"),
        &format!("state={}&code=x", &state[..16]),
        &format!("state={}&code=x", state.to_uppercase()),
    ] {
        let page = person.open(&rig, &format!("/oauth2callback?{query}")).await;
        assert_eq!(page.status, 400, "{query}: {}", page.text());
        assert!(page.text().contains("or was forged"), "{query}: {}", page.text());
        assert!(page.text().contains("Nothing was changed"), "{query}: {}", page.text());
    }
    assert_eq!(rig.google.exchanges(), 0);
    let reply = person.open(&rig, &callback(&state, "code=c1")).await;
    assert!(says_connected(&reply), "{}", reply.text());
    let reply = other.open(&rig, &callback(&others, "code=c2")).await;
    assert!(says_connected(&reply), "and so does the other browser: {}", reply.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn consent_that_is_declined_or_fails_in_one_tab_leaves_the_others_as_they_are() {
    let rig = Rig::with(unconnected()).await;
    let browser = Browser::signed_in(&rig).await;
    let declined = browser.begin(&rig).await;
    let kept = browser.begin(&rig).await;
    let unticked = browser.begin_for(&rig, "team-1").await;
    let page = browser.get(&rig, &callback(&declined, "error=access_denied")).await;
    assert_eq!(page.status, 403, "{}", page.text());
    rig.google.grant(&["openid"]);
    let page = browser.get(&rig, &callback(&unticked, "code=c1")).await;
    assert_eq!(page.status, 403, "{}", page.text());
    rig.google.grant(&[EVENTS_SCOPE]);
    assert_eq!(browser.get(&rig, &callback(&kept, "code=c2")).await.status, 303);
    assert_eq!((generation(&rig, "default").await, generation(&rig, "team-1").await), (1, 0));
    for state in [declined, unticked] {
        let page = browser.get(&rig, &callback(&state, "code=c3")).await;
        assert_eq!(page.status, 400, "{}", page.text());
        assert!(page.text().contains("already used"), "{}", page.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_has_connected_says_so_again_in_its_own_browser_and_connects_nothing_twice() {
    let rig = Rig::with(plan()).await;
    let neighbour = rig.neighbour();
    let mut person = Person::default();
    let (one, two) = (link(&rig, "one", json!({"returnUrl": CRM})).await, link(&rig, "two", json!({})).await);
    let (first, second) = (person.begin(&rig, &one).await, person.begin(&rig, &two).await);
    let before = person.with_cookies(get(&callback(&second, "code=c2")));
    for _ in 0..3 {
        for at in [rig.address, neighbour] {
            let reply = person.send(at, get(&callback(&first, "code=c1"))).await;
            let back = "https://crm.example/?account=one&status=connected";
            assert_eq!((reply.status, reply.header("location")), (303, Some(back)), "{}", reply.text());
            let reply = person.send(at, get(&callback(&second, "code=c2"))).await;
            assert!(says_connected(&reply), "{}", reply.text());
            assert!(reply.text().contains("ada@example.com"), "{}", reply.text());
            // A request that was made ready before has the cookies of before.
            assert!(says_connected(&before.send(at).await));
        }
    }
    // Google's page was gone back to: there is another code, and it is not traded.
    assert!(says_connected(&person.open(&rig, &callback(&second, "code=c9")).await));
    assert_eq!(rig.google.exchanges(), 2);
    assert_eq!(rig.connected.lock().unwrap().len(), 2);
    assert_eq!((generation(&rig, "one").await, generation(&rig, "two").await), (1, 1));
    let page = Person::default().open(&rig, &callback(&second, "code=c2")).await;
    assert_eq!(page.status, 400, "another browser is told nothing: {}", page.text());
    assert!(!page.text().contains("ada@example.com"), "{}", page.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_this_browser_has_used_says_connected_and_to_any_other_that_it_was_used() {
    let rig = Rig::with(plan()).await;
    let path = link(&rig, "one", json!({"returnUrl": CRM})).await;
    let mut person = Person::default();
    let page = person.open(&rig, &path).await;
    let token =
        page.text().split_once("name=\"csrf\" value=\"").map(|(_, rest)| rest[..64].to_owned()).unwrap();
    let press = || request("POST", &path).form(&[("csrf", &token)]);
    // A double click: the browser goes to where the second leads.
    let twice = (person.send(rig.address, press()).await, person.send(rig.address, press()).await);
    let google = twice.1.header("location").unwrap();
    let state = google.split("state=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    assert_eq!(person.open(&rig, &callback(&state, "code=c1")).await.status, 303);
    for at in [rig.address, rig.neighbour()] {
        for request in [get(&path), press()] {
            let page = person.send(at, request).await;
            assert!(says_connected(&page), "{}", page.text());
            assert!(
                page.text().contains("https://crm.example/?account=one&amp;status=connected"),
                "{}",
                page.text()
            );
        }
        let page = Person::default().send(at, get(&path)).await;
        assert_eq!(page.status, 410, "{}", page.text());
        assert!(!page.text().contains("status=connected"), "{}", page.text());
    }
    assert_eq!((rig.google.exchanges(), generation(&rig, "one").await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_disconnected_since_is_not_called_connected() {
    let rig = Rig::with(plan()).await;
    let path = link(&rig, "one", json!({})).await;
    let mut person = Person::default();
    let state = person.begin(&rig, &path).await;
    assert!(says_connected(&person.open(&rig, &callback(&state, "code=c1")).await));
    rig.accounts.revoke(&AccountId::parse("one").unwrap(), &*rig.google).await.unwrap();
    let page = person.open(&rig, &callback(&state, "code=c1")).await;
    assert_eq!(page.status, 400, "{}", page.text());
    let page = person.open(&rig, &path).await;
    assert_eq!(page.status, 410, "{}", page.text());
    assert_eq!(rig.google.exchanges(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_arrives_twice_at_once_is_carried_out_once_and_both_say_connected() {
    let rig = Rig::with(plan()).await;
    let neighbour = rig.neighbour();
    let path = link(&rig, "one", json!({})).await;
    let mut person = Person::default();
    let state = person.begin(&rig, &path).await;
    let answer = person.with_cookies(get(&callback(&state, "code=c1")));
    let gate = rig.google.hold_codes();
    let sent = [rig.address, neighbour, rig.address].map(|at| {
        let answer = answer.clone();
        tokio::spawn(async move { answer.send(at).await })
    });
    // One of them has used the answer up and asks Google; the others find that out.
    while !rig.vault_has_mark(&state).await {
        tokio::task::yield_now().await;
    }
    gate.open();
    for reply in sent {
        let reply = reply.await.unwrap();
        assert!(says_connected(&reply), "{} {}", reply.status, reply.text());
    }
    assert_eq!((rig.google.exchanges(), generation(&rig, "one").await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_hangs_up_and_asks_again_is_connected() {
    let rig = Rig::with(plan()).await;
    let path = link(&rig, "one", json!({})).await;
    let mut person = Person::default();
    let state = person.begin(&rig, &path).await;
    let answer = person.with_cookies(get(&callback(&state, "code=c1")));
    let gate = rig.google.hold_codes();
    let mut first = answer.open(rig.address).await;
    while !rig.vault_has_mark(&state).await {
        tokio::task::yield_now().await;
    }
    first.shutdown().await.unwrap();
    drop(first);
    let second = tokio::spawn({
        let at = rig.address;
        async move { answer.send(at).await }
    });
    gate.open();
    let second = second.await.unwrap();
    assert!(says_connected(&second), "{} {}", second.status, second.text());
    assert_eq!((rig.google.exchanges(), generation(&rig, "one").await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn looking_at_an_answer_with_head_carries_nothing_out() {
    let rig = Rig::with(plan()).await;
    let path = link(&rig, "one", json!({})).await;
    let mut person = Person::default();
    assert_eq!(person.send(rig.address, request("HEAD", &path)).await.status, 200);
    let state = person.begin(&rig, &path).await;
    for query in [callback(&state, "code=c1"), callback(&state, "error=access_denied")] {
        let reply = person.send(rig.address, request("HEAD", &query)).await;
        assert_eq!((reply.status, reply.body.len(), rig.google.exchanges()), (200, 0, 0));
    }
    assert!(says_connected(&person.open(&rig, &callback(&state, "code=c1")).await));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_keeps_the_newest_connections_it_has_begun_in_less_than_four_kilobytes() {
    let rig = Rig::with(unconnected()).await;
    let browser = Browser::signed_in(&rig).await;
    let mut states = Vec::new();
    for number in 0..30 {
        states.push(browser.begin_for(&rig, &format!("account-of-a-team-{number}")).await);
        let cookies = browser.cookies();
        assert!(cookies.names("calrelay_consent").len() <= 8, "{:?}", cookies.names(""));
        assert!(cookies.header().len() < 4096, "{}", cookies.header().len());
    }
    let page = browser.get(&rig, &callback(&states[0], "code=c0")).await;
    assert!(page.status == 400 && page.text().contains("another attempt"), "{}", page.text());
    for (number, state) in states.iter().enumerate().skip(25) {
        let reply = browser.get(&rig, &callback(state, &format!("code=c{number}"))).await;
        assert_eq!(reply.status, 303, "{number}: {}", reply.text());
    }
    // Those that are answered make room first.
    for number in 0..30 {
        let state = browser.begin_for(&rig, &format!("more-{number}")).await;
        assert!(browser.cookies().names("calrelay_consent").len() <= 8);
        assert_eq!(browser.get(&rig, &callback(&state, &format!("code=d{number}"))).await.status, 303);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_links_as_long_as_they_may_be_are_begun_beside_each_other() {
    let rig = Rig::with(plan()).await;
    let mut person = Person::default();
    let mut states = Vec::new();
    for number in 0..6 {
        let url = format!("{CRM}/{}", "x".repeat(1000 - CRM.len() - 1));
        let email = format!("{}@example.com", "a".repeat(60));
        let account = format!("{number}{}", "a".repeat(63));
        let path = link(&rig, &account, json!({"returnUrl": url, "email": email})).await;
        states.push(person.begin(&rig, &path).await);
        assert!(person.jar().header().len() < 7_000, "a proxy takes 8 KiB of cookies");
    }
    rig.google.answer_as(&"a".repeat(60));
    for (number, state) in states.iter().enumerate().skip(4) {
        let reply = person.open(&rig, &callback(state, &format!("code=c{number}"))).await;
        assert_eq!(reply.status, 303, "{}", reply.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_a_former_version_began_is_finished() {
    let rig = Rig::with(unconnected()).await;
    let browser = Browser::signed_in(&rig).await;
    let (verifier, state) = ("e".repeat(64), "f".repeat(64));
    let code_challenge = BASE64URL_NOPAD.encode(&Sha256::digest(verifier.as_bytes()));
    rig.google.consent_url(&ConsentRequest { state: state.clone(), code_challenge, login_hint: None });
    // As the version before wrote it, in its one cookie.
    let until = common::time::after(rig.clock.now(), common::time::minutes(10));
    let consent: Value =
        json!({"account": "team-1", "link": null, "verifier": verifier, "state": state, "until": until});
    let sealed = String::from(rig.accounts.ring().seal("consent", &consent));
    browser.keep("calrelay_consent", &sealed);
    // Beginning another one and stray answers leave it as it is.
    let other = browser.begin_for(&rig, "team-2").await;
    assert_eq!(browser.get(&rig, "/oauth2callback?state=deadbeef&code=x").await.status, 400);
    for _ in 0..2 {
        let reply = browser.get(&rig, &callback(&state, "code=c1")).await;
        let there = "/google-calendar-setup?account=team-1";
        assert_eq!((reply.status, reply.header("location")), (303, Some(there)), "{}", reply.text());
    }
    assert_eq!(browser.cookies().get("calrelay_consent"), None, "it is written anew");
    assert_eq!(browser.get(&rig, &callback(&other, "code=c2")).await.status, 303);
    assert_eq!((generation(&rig, "team-1").await, rig.google.exchanges()), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn cookies_of_connections_are_for_this_server_alone() {
    for (public_url, secure) in [("http://localhost:3001", false), ("https://cal.example.com", true)] {
        let usual = unconnected();
        let settings = api::Settings { public_url: Some(public_url.parse().unwrap()), ..usual.settings };
        let rig = Rig::with(Plan { settings, ..usual }).await;
        let browser = Browser::signed_in(&rig).await;
        let begun = browser.post_for(&rig, "/google-calendar-connect", "default").await;
        let google = begun.header("location").unwrap();
        let state = google.split("state=").nth(1).unwrap().split('&').next().unwrap();
        let finished = browser.get(&rig, &callback(state, "code=c1")).await;
        assert_eq!((finished.status, finished.header("location")), (303, Some(SETUP)));
        for reply in [begun, finished] {
            let cookies: Vec<_> = reply.headers.iter().filter(|(name, _)| name == "set-cookie").collect();
            assert!(!cookies.is_empty());
            for (_, cookie) in cookies {
                assert!(
                    cookie.contains("; HttpOnly; SameSite=Lax") && cookie.contains("; Path=/;"),
                    "{cookie}"
                );
                assert_eq!(cookie.ends_with("; Secure"), secure, "{cookie}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_in_another_tab_takes_no_link_away() {
    let rig = Rig::with(plan()).await;
    let path = link(&rig, "one", json!({})).await;
    let mut person = Person::default();
    let state = person.begin(&rig, &path).await;
    let page = person.open(&rig, SETUP).await;
    let token =
        page.text().split_once("name=\"csrf\" value=\"").map(|(_, rest)| rest[..64].to_owned()).unwrap();
    let form = request("POST", SETUP).form(&[("csrf", &token), ("key", &rig.key)]);
    assert_eq!(person.send(rig.address, form).await.status, 303);
    assert_eq!(person.open(&rig, &path).await.status, 200, "the link is still this browser's");
    assert!(says_connected(&person.open(&rig, &callback(&state, "code=c1")).await));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_links_that_are_the_first_pages_a_browser_opens_at_once_both_connect() {
    let rig = Rig::with(plan()).await;
    let paths = [link(&rig, "one", json!({})).await, link(&rig, "two", json!({})).await];
    let mut person = Person::default();
    let form = |page: &Reply| {
        let (_, rest) = page.text().split_once("name=\"csrf\" value=\"").expect("a form");
        rest[..64].to_owned()
    };
    let mut tokens = Vec::new();
    for path in &paths {
        // Neither has a cookie yet; the browser keeps that of the second.
        let page = rig.send(&get(path)).await;
        tokens.push(form(&page));
        person.jar().keep(&page);
    }
    for (number, (path, token)) in paths.iter().zip(tokens).enumerate() {
        let press = |token: &str| request("POST", path).form(&[("csrf", token)]);
        let mut reply = person.send(rig.address, press(&token)).await;
        if number == 0 {
            assert_eq!(reply.status, 403, "{}", reply.text());
            assert!(reply.text().contains("Press the button once more"), "{}", reply.text());
            assert!(rig.marks().await == 0, "nothing was begun");
            reply = person.send(rig.address, press(&form(&reply))).await;
        }
        assert_eq!(reply.status, 303, "{}", reply.text());
        let google = reply.header("location").unwrap();
        let state = google.split("state=").nth(1).unwrap().split('&').next().unwrap();
        let reply = person.open(&rig, &callback(state, &format!("code=c{number}"))).await;
        assert!(says_connected(&reply), "{}", reply.text());
    }
    assert_eq!((generation(&rig, "one").await, generation(&rig, "two").await), (1, 1));
}
