//! Connect links behind a load balancer: every step of a visit meets another ingress.

use std::collections::HashMap;
use std::time::Duration;

use reqwest::header::{COOKIE, HOST, LOCATION, SET_COOKIE};
use reqwest::{Response, Url, redirect};
use serde_json::{Value, json};
use tests::{Installation, Plan, event_of, succeeded};

/// The one name under which browsers know all of them.
pub const PUBLIC: &str = "http://cal.example";

/// Installs it under that name.
pub async fn install(plan: Plan) -> Installation {
    let calrelay = plan.with("PUBLIC_URL", PUBLIC).start().await;
    let callback = json!({"redirect_uris": [format!("{PUBLIC}/oauth2callback")]});
    calrelay.sandbox().view().control("/_sandbox/credentials", &callback).await;
    calrelay
}

/// The path of a new link for `account`.
pub async fn link(calrelay: &Installation, account: &str) -> String {
    let path = format!("/api/v1/accounts/{account}/connect-links");
    let made = calrelay.apis()[0].process().post(&path, &json!({})).send().await.unwrap();
    assert_eq!(made.status(), 201);
    let made: Value = made.json().await.unwrap();
    made["url"].as_str().unwrap().strip_prefix(PUBLIC).unwrap().to_owned()
}

/// A browser, as far as cookies and forms go.
pub struct Visitor {
    http: reqwest::Client,
    pub cookies: HashMap<String, String>,
}

/// What a page came with.
pub struct Page {
    pub status: u16,
    pub location: String,
    pub text: String,
}

impl Visitor {
    pub fn new() -> Self {
        let http = reqwest::Client::builder().no_proxy().redirect(redirect::Policy::none()).build().unwrap();
        Self { http, cookies: HashMap::new() }
    }

    pub async fn send(
        &mut self,
        calrelay: &Installation,
        api: usize,
        path: &str,
        form: Option<&str>,
    ) -> Page {
        let url = calrelay.apis()[api].process().url(path);
        let request = match form {
            None => self.http.get(url),
            Some(csrf) => self.http.post(url).form(&[("csrf", csrf)]),
        };
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let reply = request.header(HOST, "cal.example").header(COOKIE, cookies.join("; "));
        let reply = reply.send().await.unwrap();
        for cookie in reply.headers().get_all(SET_COOKIE) {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        page(reply).await
    }

    /// Opens the link; answers the token of its form.
    pub async fn open(&mut self, calrelay: &Installation, api: usize, path: &str) -> String {
        let shown = self.send(calrelay, api, path, None).await;
        let csrf = shown.text.split_once("name=\"csrf\" value=\"").map(|(_, rest)| rest[..64].to_owned());
        csrf.unwrap_or_else(|| panic!("{path} has no form: {}", shown.text))
    }

    /// Consents at Google as `user`; answers the path that leads back.
    pub async fn consent(&self, calrelay: &Installation, google: &str, user: &str) -> String {
        let asked = Url::parse(google).unwrap();
        let mut form: Vec<(String, String)> = asked.query_pairs().into_owned().collect();
        form.extend([("user".to_owned(), user.to_owned()), ("decision".to_owned(), "all".to_owned())]);
        let view = calrelay.sandbox().view();
        let reply = self.http.post(view.url("/o/oauth2/v2/auth")).form(&form).send().await.unwrap();
        let back = page(reply).await;
        back.location.strip_prefix(PUBLIC).unwrap_or_else(|| panic!("{}", back.text)).to_owned()
    }
}

async fn page(reply: Response) -> Page {
    let location = reply.headers().get(LOCATION).map(|value| value.to_str().unwrap().to_owned());
    let status = reply.status().as_u16();
    Page { status, location: location.unwrap_or_default(), text: reply.text().await.unwrap() }
}

async fn a_link_is_used_once(plan: Plan) {
    let calrelay = install(plan).await;
    let people = [("ada-1", "ada@example.com"), ("grace-1", "grace@example.com")];
    for (account, user) in people {
        let path = link(&calrelay, account).await;
        let mut visitor = Visitor::new();
        let csrf = visitor.open(&calrelay, 1, &path).await;
        let google = visitor.send(&calrelay, 0, &path, Some(&csrf)).await;
        assert_eq!(google.status, 303, "{}", google.text);
        let back = visitor.consent(&calrelay, &google.location, user).await;
        let cookies = visitor.cookies.clone();
        let done = visitor.send(&calrelay, 1, &back, None).await;
        assert!(done.status == 200 && done.text.contains(user), "{}: {}", done.status, done.text);
        // The same answer from the same browser, as it was before, at the other: it says the same.
        visitor.cookies = cookies;
        let again = visitor.send(&calrelay, 0, &back, None).await;
        assert!(again.status == 200 && again.text.contains(user), "{}: {}", again.status, again.text);
        for api in [0, 1] {
            let used = visitor.send(&calrelay, api, &path, None).await;
            let connected = used.text.contains("Your calendar is connected");
            assert_eq!((used.status, connected), (200, true), "{}", used.text);
            for (path, status) in [(&path, 410), (&back, 400)] {
                let used = Visitor::new().send(&calrelay, api, path, None).await;
                assert_eq!(
                    (used.status, used.text.contains("already used")),
                    (status, true),
                    "{}",
                    used.text
                );
            }
        }
    }
    let caller = calrelay.caller();
    for (account, user) in people {
        let accepted =
            caller.submit(&event_of(account, "primary", user), account, Duration::from_secs(10)).await;
        let job = succeeded(&caller, &accepted.id, Duration::from_secs(30)).await;
        assert_eq!(job["account"], account);
    }
    let events = calrelay.sandbox().view().events().await;
    let mut standing: Vec<(String, String)> = events
        .values()
        .map(|stored| {
            let text = |name: &str| stored.event[name].as_str().unwrap().to_owned();
            (text("user"), text("summary"))
        })
        .collect();
    standing.sort();
    let own = people.map(|(_, user)| (user.to_owned(), user.to_owned()));
    assert_eq!(standing, own, "each event is in its own user's calendar, and nothing else is anywhere");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_used_once_whichever_ingress_it_meets() {
    a_link_is_used_once(Plan::new(2, 1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_used_once_with_the_vault_in_postgres_too() {
    a_link_is_used_once(Plan::new(2, 1).on_postgres()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_browsers_that_begin_with_one_link_at_two_ingresses_one_goes_on() {
    let calrelay = install(Plan::new(2, 0)).await;
    for round in 0..10 {
        let path = link(&calrelay, "contested").await;
        let (mut one, mut other) = (Visitor::new(), Visitor::new());
        let (ones, others) = (one.open(&calrelay, 0, &path).await, other.open(&calrelay, 1, &path).await);
        let pages = tokio::join!(
            one.send(&calrelay, 0, &path, Some(&ones)),
            other.send(&calrelay, 1, &path, Some(&others))
        );
        let mut statuses = [pages.0.status, pages.1.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [303, 409], "round {round}");
    }
}
