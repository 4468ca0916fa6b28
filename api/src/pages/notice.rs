//! Pages that say what happened and what to do.

use actix_web::ResponseError as _;
use actix_web::http::StatusCode;
use maud::{Markup, html};

use super::{Page, Reader};
use crate::paths::SETUP;
use crate::problem::Problem;

/// Where Google lists what a user has allowed.
pub(crate) const PERMISSIONS: &str = "https://myaccount.google.com/permissions";

/// A page with a headline, what happened, and what to do.
pub(crate) fn notice(status: StatusCode, title: &'static str, what: &str, then: &str) -> Page {
    about(status, title, what, then, SETUP)
}

/// The same, which leads back to the setup page at this path.
pub(crate) fn about(status: StatusCode, title: &'static str, what: &str, then: &str, back: &str) -> Page {
    let content = html! {
        h1 { (title) }
        p { (prose(what)) }
        p { (prose(then)) }
        p { a.button href=(back) { "Back to the setup page" } }
    };
    Page { status, title, content, reader: Reader::Operator, headers: Vec::new() }
}

/// Text in which `this` is code.
pub(crate) fn prose(text: &str) -> Markup {
    html! {
        @for (number, part) in text.split('`').enumerate() {
            @if number % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

/// A problem as a page for a person who has no business with the setup page.
pub(crate) fn visitors_problem(problem: &Problem) -> Page {
    let content = html! {
        h1 { (problem.kind().title()) }
        p { (problem.detail()) }
    };
    Page {
        status: problem.status_code(),
        title: "Problem",
        content,
        reader: Reader::Visitor,
        headers: problem.headers().to_vec(),
    }
}

/// A problem as a page.
pub(crate) fn problem(problem: &Problem) -> Page {
    let content = html! {
        h1 { (problem.kind().title()) }
        p { (problem.detail()) }
        p { a.button href=(SETUP) { "Back to the setup page" } }
    };
    Page {
        status: problem.status_code(),
        title: "Problem",
        content,
        reader: Reader::Operator,
        headers: problem.headers().to_vec(),
    }
}
