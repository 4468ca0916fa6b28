//! The pages for people: one frame, strict about what a browser may do with it.

pub(crate) mod help;
pub(crate) mod link;
pub(crate) mod notice;
pub(crate) mod setup;
pub(crate) mod trouble;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, X_FRAME_OPTIONS,
};
use actix_web::{HttpRequest, HttpResponse};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::api::Api;
use crate::paths::{SETUP, STYLE};
use crate::settings::{GoogleKind, OAuthClient};

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// A calendar sheet; inline, since a page may load nothing but its style.
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect x='1' y='2' width='14' height='13' rx='3' fill='%23276ef1'/%3E%3Crect x='3' y='6' width='10' height='7' rx='1' fill='white'/%3E%3C/svg%3E";

/// A page.
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) title: &'static str,
    pub(crate) content: Markup,
    pub(crate) reader: Reader,
    /// What a program is told of it: `Retry-After`, `Allow`.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

/// Whom a page is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// A person who runs this installation.
    Operator,
    /// A person who was sent a link, and has no business with the setup page.
    Visitor,
}

impl Page {
    /// The page in its frame, with the headers that every page has.
    pub(crate) fn respond(self, api: &Api) -> HttpResponse {
        let body = frame(&self, &api.settings.google);
        let mut response = HttpResponse::build(self.status);
        for header in self.headers {
            response.insert_header(header);
        }
        response
            .content_type("text/html; charset=utf-8")
            .insert_header((CONTENT_SECURITY_POLICY, policy(api)))
            .insert_header((X_FRAME_OPTIONS, "DENY"))
            // Not `no-referrer`: browsers would then send our own forms with `Origin: null`.
            .insert_header((REFERRER_POLICY, "same-origin"))
            .insert_header((PERMISSIONS_POLICY, "camera=(), geolocation=(), microphone=()"))
            .body(body.into_string())
    }
}

/// Whether a browser has asked for something that a person is to read. Under `/api/` are programs.
pub(crate) fn wanted(request: &HttpRequest) -> bool {
    let accept = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok());
    !request.path().starts_with("/api/") && accept.is_some_and(|accept| accept.contains("text/html"))
}

/// Nothing but our style and our forms, one of which ends at Google's consent page.
fn policy(api: &Api) -> HeaderValue {
    let consent = api.consent_origin();
    let text = format!(
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self' {consent}; \
         frame-ancestors 'none'; base-uri 'none'"
    );
    HeaderValue::from_str(&text).expect("an origin is plain text")
}

fn frame(page: &Page, google: &GoogleKind) -> Markup {
    let Page { title, content, reader, .. } = page;
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · calrelay" }
                link rel="icon" href=(PreEscaped(ICON));
                link rel="stylesheet" href=(STYLE);
            }
            body {
                @if let GoogleKind::Sandbox { page } = google {
                    aside.ribbon aria-label="Sandbox" {
                        strong { "SANDBOX" }
                        " This is an offline Google: nobody is mailed and no real calendar is touched."
                        @if let Some(page) = page {
                            " "
                            a href=(page.as_str()) { "See its calendar" }
                        }
                    }
                }
                header {
                    @match reader {
                        Reader::Operator => {
                            a.brand href=(SETUP) { "calrelay" }
                            span { "a durable queue in front of Google Calendar" }
                        }
                        Reader::Visitor => { span.brand { "calrelay" } span { "connects calendars" } }
                    }
                }
                main { (content) }
            }
        }
    }
}

/// The hidden field that every form carries.
pub(crate) fn csrf_field(csrf: &str) -> Markup {
    html! { input type="hidden" name="csrf" value=(csrf); }
}

/// The two addresses that have to be the same.
pub(crate) fn redirects(client: &OAuthClient) -> Markup {
    html! {
        dl {
            dt { "This server asks to come back to" }
            dd { code { (client.redirect_uri) } }
            dt { "The credentials file lists" }
            @for registered in &client.registered { dd { code { (registered) } } }
            @if client.registered.is_empty() { dd { "nothing" } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sandbox_says_that_it_is_one() {
        for reader in [Reader::Operator, Reader::Visitor] {
            let page = Page {
                status: StatusCode::OK,
                title: "t",
                content: html! { p { "x" } },
                reader,
                headers: Vec::new(),
            };
            let sandbox = frame(&page, &GoogleKind::Sandbox { page: None }).into_string();
            assert!(sandbox.contains("SANDBOX"));
            assert!(!frame(&page, &GoogleKind::Live).into_string().contains("SANDBOX"));
        }
    }

    #[test]
    fn the_ribbon_is_the_sandboxs_own() {
        let ribbon = |style: &'static str| {
            let (_, rest) = style.split_once("/* The ribbon is the same").expect("it has the ribbon");
            rest.split_once("/* The end of the ribbon. */").expect("which has an end").0
        };
        let ours = ribbon(include_str!("../assets/style.css"));
        assert_eq!(ours, ribbon(include_str!("../../sandbox/src/page/style.css")));
        let page = Page {
            status: StatusCode::OK,
            title: "t",
            content: html! {},
            reader: Reader::Visitor,
            headers: Vec::new(),
        };
        let shown = frame(&page, &GoogleKind::Sandbox { page: None }).into_string();
        let sandbox = include_str!("../../sandbox/src/page/layout.rs");
        for said in
            ["This is an offline Google: nobody is mailed and no real calendar is touched.", "SANDBOX"]
        {
            assert!(shown.contains(said) && sandbox.contains(said), "{said}: {shown}");
        }
    }

    #[test]
    fn visitors_are_not_led_to_the_setup_page() {
        let page = |reader| Page {
            status: StatusCode::OK,
            title: "t",
            content: html! {},
            reader,
            headers: Vec::new(),
        };
        let shown = |reader| frame(&page(reader), &GoogleKind::Live).into_string();
        assert!(shown(Reader::Operator).contains(SETUP));
        assert!(!shown(Reader::Visitor).contains(SETUP));
    }
}
