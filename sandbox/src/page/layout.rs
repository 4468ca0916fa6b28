//! The frame around every page: it says SANDBOX, loads nothing from elsewhere, and runs no script.

use maud::{DOCTYPE, Markup, html};

use crate::reply::Reply;

/// Nothing but our own style sheet; `form-action` is left open, because consent leads to another origin.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Wide,
    Narrow,
}

impl Kind {
    fn class(self) -> &'static str {
        match self {
            Self::Wide => "wide",
            Self::Narrow => "narrow",
        }
    }
}

/// For a person who has followed a wrong address.
pub(crate) fn nothing_here() -> Reply {
    let body = html! {
        div .consent {
            h1 { "There is nothing here" }
            p { a href="/" { "To the calendar" } }
        }
    };
    reply(404, Kind::Narrow, "Nothing here", body)
}

pub(crate) fn reply(status: u16, kind: Kind, title: &str, body: Markup) -> Reply {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · SANDBOX" }
                link rel="stylesheet" href="/_sandbox/style.css";
                link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='16' height='16' rx='4' fill='%23e8710a'/%3E%3Ctext x='8' y='12' font-size='11' text-anchor='middle' fill='white'%3ES%3C/text%3E%3C/svg%3E";
            }
            body class=(kind.class()) {
                aside .ribbon aria-label="Sandbox" {
                    strong { "SANDBOX" }
                    " This is an offline Google: nobody is mailed and no real calendar is touched."
                }
                @match kind {
                    // It has a part besides what is the main one.
                    Kind::Wide => (body),
                    Kind::Narrow => main { (body) },
                }
            }
        }
    };
    Reply::html(status, page.into_string())
        .header("Content-Security-Policy", POLICY)
        .header("X-Content-Type-Options", "nosniff")
        .header("Referrer-Policy", "no-referrer")
}
