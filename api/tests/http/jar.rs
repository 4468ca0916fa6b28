//! The cookies of a browser.

use std::collections::BTreeMap;

use crate::client::{Reply, Request};

/// A browser's cookies: it keeps what replies set, and drops what they let expire.
#[derive(Debug, Default, Clone)]
pub struct Jar(BTreeMap<String, String>);

impl Jar {
    /// Does as `Set-Cookie` says.
    pub fn keep(&mut self, reply: &Reply) {
        for (_, cookie) in reply.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (pair, attributes) = cookie.split_once(';').expect("every cookie has attributes");
            let (name, value) = pair.split_once('=').expect("a cookie has a name");
            assert!(pair.len() + 1 < 4096, "a browser drops a cookie of {} bytes", pair.len());
            if attributes.split(';').any(|attribute| attribute.trim() == "Max-Age=0") {
                self.0.remove(name);
            } else {
                self.set(name, value);
            }
        }
    }

    /// Keeps a cookie.
    pub fn set(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The names that begin so.
    pub fn names(&self, beginning: &str) -> Vec<&str> {
        self.0.keys().map(String::as_str).filter(|name| name.starts_with(beginning)).collect()
    }

    /// The value of the header `Cookie`.
    pub fn header(&self) -> String {
        let pairs = self.0.iter().map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }

    /// The request with these cookies.
    pub fn dress(&self, request: Request) -> Request {
        if self.0.is_empty() { request } else { request.header("Cookie", &self.header()) }
    }
}
