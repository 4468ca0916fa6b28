//! What a person sees who was sent a connect link.

use actix_web::http::StatusCode;
use maud::html;
use url::Url;

use super::{Page, Reader, csrf_field};
use crate::link::Link;

/// What the page says.
pub(crate) struct Invitation<'a> {
    pub(crate) link: &'a Link,
    /// Where its form goes.
    pub(crate) path: &'a str,
    /// The user that the account is bound to, if it is.
    pub(crate) bound_to: Option<&'a str>,
    pub(crate) csrf: &'a str,
    pub(crate) asking: Asking,
}

/// Whether the person has pressed the button before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asking {
    First,
    /// On a page that does not count any more.
    Again,
}

/// Asks a person to connect their calendar.
pub(crate) fn invite(invitation: &Invitation<'_>) -> Page {
    let Invitation { link, path, bound_to, csrf, asking } = *invitation;
    let whose = bound_to.or(link.email.as_deref());
    let content = html! {
        h1 { "Connect your Google Calendar" }
        @if asking == Asking::Again {
            p.error role="alert" {
                "The page was open for too long, or was opened in two tabs at once. Press the button once more. "
                "If that does not help, allow cookies for this site."
            }
        }
        section.card {
            p {
                @match link.return_url.as_ref().and_then(url::Url::host_str) {
                    Some(host) => { strong { (host) } " sent you here to connect your calendar." }
                    None => { "You were sent a link to connect your calendar." }
                }
                " Events that are made for you will then stand in it."
            }
            @if let Some(whose) = whose {
                p { "Choose the Google account " strong { (whose) } ": no other one is taken." }
            }
            p {
                "Google will ask you for permission. Tick the box that lets this app see and edit events; "
                "you can take the permission back at any time."
            }
            div.actions {
                form method="post" action=(path) {
                    (csrf_field(csrf))
                    button type="submit" { "Continue to Google" }
                }
            }
        }
        p.hint { "The link works once, and for fifteen minutes. It is for the account " code { (link.account) } "." }
    };
    let status = match asking {
        Asking::First => StatusCode::OK,
        Asking::Again => StatusCode::FORBIDDEN,
    };
    Page {
        status,
        title: "Connect your Google Calendar",
        content,
        reader: Reader::Visitor,
        headers: Vec::new(),
    }
}

/// Says that it worked. There is a way back where the person came from somewhere.
pub(crate) fn done(email: Option<&str>, back: Option<&Url>) -> Page {
    let content = html! {
        h1 { "Connected" }
        section.card {
            p.state.on { "Your calendar is connected" }
            p {
                "Events are created as " strong { (email.unwrap_or("the Google user who gave permission")) } "."
                @if back.is_none() { " You can close this page." }
            }
            @if let Some(back) = back {
                div.actions { a.button href=(back.as_str()) { "Back to " (back.host_str().unwrap_or("where you came from")) } }
            }
            p.hint {
                "To take the permission back, remove this app at "
                a href=(super::notice::PERMISSIONS) { "your Google account" } "."
            }
        }
    };
    Page { status: StatusCode::OK, title: "Connected", content, reader: Reader::Visitor, headers: Vec::new() }
}
