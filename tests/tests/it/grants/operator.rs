//! An operator's browser on the setup page, as far as cookies and forms go.

use std::collections::HashMap;

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{RequestBuilder, Url, redirect};
use tests::{Calrelay, SandboxView};

const SETUP: &str = "/google-calendar-setup";

/// Signed in.
pub struct Operator<'a> {
    calrelay: &'a Calrelay,
    http: reqwest::Client,
    cookies: HashMap<String, String>,
}

/// What a page came with.
pub struct Page {
    pub status: u16,
    pub location: Option<String>,
    /// What a person reads.
    pub text: String,
}

impl<'a> Operator<'a> {
    pub async fn sign_in(calrelay: &'a Calrelay) -> Self {
        let http = reqwest::Client::builder().no_proxy().redirect(redirect::Policy::none()).build();
        let mut operator = Self { calrelay, http: http.expect("a client"), cookies: HashMap::new() };
        let csrf = csrf(&operator.get(SETUP).await);
        let key = calrelay.key();
        let page = operator.post(SETUP, &[("csrf", &csrf), ("key", &key)]).await;
        assert_eq!(page.status, 303, "{}", page.text);
        operator
    }

    /// The setup page of the account `default`, as a person reads it.
    pub async fn setup_page(&mut self) -> String {
        plain(&self.get(SETUP).await.text)
    }

    /// Connects the account `default` as `user`, who consents at `google`; answers the page that this ends on.
    pub async fn connect(&mut self, google: &SandboxView, user: &str) -> Page {
        let csrf = csrf(&self.get(SETUP).await);
        let asked = self.post("/google-calendar-connect", &[("csrf", &csrf), ("account", "default")]).await;
        let asked = Url::parse(&asked.location.expect("a way to Google")).expect("a URL");
        let mut form: Vec<(String, String)> = asked.query_pairs().into_owned().collect();
        form.extend([("user".to_owned(), user.to_owned()), ("decision".to_owned(), "all".to_owned())]);
        let consent = google.url("/o/oauth2/v2/auth");
        let reply = self.http.post(consent).form(&form).send().await.expect("the sandbox answers");
        let back = reply.headers().get(LOCATION).expect("the way back").to_str().expect("text").to_owned();
        let path = back.strip_prefix(&self.calrelay.url("")).expect("back to us").to_owned();
        let page = self.get(&path).await;
        Page { text: plain(&page.text), ..page }
    }

    async fn get(&mut self, path: &str) -> Page {
        let request = self.http.get(self.calrelay.url(path));
        self.send(request).await
    }

    async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Page {
        let request = self.http.post(self.calrelay.url(path)).form(form);
        self.send(request).await
    }

    async fn send(&mut self, request: RequestBuilder) -> Page {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let reply = request.header(COOKIE, cookies.join("; ")).send().await.expect("an answer");
        for cookie in reply.headers().get_all(SET_COOKIE) {
            let pair = cookie.to_str().expect("text").split(';').next().expect("a pair");
            let (name, value) = pair.split_once('=').expect("a pair");
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        let location = reply.headers().get(LOCATION).map(|there| there.to_str().expect("text").to_owned());
        Page { status: reply.status().as_u16(), location, text: reply.text().await.expect("text") }
    }
}

fn csrf(page: &Page) -> String {
    let form = page.text.split_once("name=\"csrf\" value=\"");
    form.map(|(_, rest)| rest[..64].to_owned()).unwrap_or_else(|| panic!("no form: {}", page.text))
}

/// A page without its tags.
fn plain(html: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for letter in html.chars() {
        match letter {
            '<' => inside = true,
            '>' => inside = false,
            letter if !inside => text.push(letter),
            _ => {}
        }
    }
    text.replace("&#39;", "'").replace("&quot;", "\"").replace("&amp;", "&")
}
