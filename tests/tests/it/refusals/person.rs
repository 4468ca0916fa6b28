//! Whoever looks after an account: reads the setup page, and connects the calendar again.

use std::collections::HashMap;

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{RequestBuilder, Response, Url, redirect};
use tests::Calrelay;

/// A browser of theirs, as far as cookies and forms go. The setup page lets everybody in: the process runs without keys.
pub struct Person<'a> {
    calrelay: &'a Calrelay,
    account: String,
    http: reqwest::Client,
    cookies: HashMap<String, String>,
}

impl<'a> Person<'a> {
    pub fn new(calrelay: &'a Calrelay, account: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().redirect(redirect::Policy::none()).build();
        let http = http.expect("a client");
        Self { calrelay, account: account.to_owned(), http, cookies: HashMap::new() }
    }

    /// The setup page of the account.
    async fn page(&mut self) -> String {
        let url = self.calrelay.url(&format!("/google-calendar-setup?account={}", self.account));
        let reply = self.send(self.http.get(url)).await;
        assert_eq!(reply.status(), 200);
        reply.text().await.expect("a page")
    }

    /// What it says of the account.
    pub async fn card(&mut self) -> String {
        let page = self.page().await;
        let card =
            page.split_once("<section class=\"card\">").and_then(|(_, rest)| rest.split_once("</section>"));
        card.expect("a card").0.to_owned()
    }

    /// Presses "Connect again", consents at Google as `user`, and comes back.
    pub async fn connect_again(&mut self, user: &str) {
        let page = self.page().await;
        let csrf = page.split_once("name=\"csrf\" value=\"").expect("a form").1[..64].to_owned();
        let form = [("csrf", csrf.as_str()), ("account", self.account.as_str())];
        let post = self.http.post(self.calrelay.url("/google-calendar-connect")).form(&form);
        let asked = location(self.send(post).await).await;

        let asked: Url = asked.parse().expect("Google's page");
        let mut consent: Vec<(String, String)> = asked.query_pairs().into_owned().collect();
        consent.extend([("user".to_owned(), user.to_owned()), ("decision".to_owned(), "all".to_owned())]);
        let at_google = self.calrelay.sandbox().url("/o/oauth2/v2/auth");
        let consented = self.http.post(at_google).form(&consent).send().await.expect("an answer");
        let back = location(consented).await;

        let reply = self.send(self.http.get(back)).await;
        assert_eq!(reply.status(), 303, "{}", reply.text().await.expect("a page"));
    }

    async fn send(&mut self, request: RequestBuilder) -> Response {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let reply = request.header(COOKIE, cookies.join("; ")).send().await.expect("an answer");
        for cookie in reply.headers().get_all(SET_COOKIE) {
            let pair = cookie.to_str().expect("text").split(';').next().expect("a first part");
            let (name, value) = pair.split_once('=').expect("a cookie");
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        reply
    }
}

async fn location(reply: Response) -> String {
    let location = reply.headers().get(LOCATION).map(|value| value.to_str().expect("text").to_owned());
    match location {
        Some(location) => location,
        None => panic!("{}: {}", reply.status(), reply.text().await.expect("a page")),
    }
}
