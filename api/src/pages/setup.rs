//! The setup page: sign in, connect, see who is connected, disconnect.

use actix_web::http::StatusCode;
use common::account::{AccountState, ReauthorizationCause};
use jiff::Timestamp;
use maud::{Markup, html};

use super::{Page, csrf_field};
use crate::routes::{CONNECT, OPENAPI, REVOKE, SETUP};

/// What the page says of the account.
pub(crate) struct Standing {
    pub(crate) state: AccountState,
    /// `None` when it cannot be read.
    pub(crate) email: Option<String>,
    pub(crate) connected_at: Timestamp,
}

/// Asks for the key of an administrator.
pub(crate) fn sign_in(csrf: &str, refused: bool) -> Page {
    let content = html! {
        h1 { "Sign in" }
        p { "Only an administrator may connect and disconnect calendars." }
        @if refused {
            p.error #refused role="alert" { "That is not the key of an administrator." }
        }
        form method="post" action=(SETUP) {
            (csrf_field(csrf))
            label for="key" { "API key with the scope admin" }
            input #key name="key" type="password" autocomplete="current-password" required
                aria-describedby={ @if refused { "refused " } "key-hint" } aria-invalid=[refused.then_some("true")] autofocus
                spellcheck="false";
            p.hint #key-hint {
                "It was printed at the first start; " code { "calrelay keys create --scope admin" } " makes another."
            }
            button type="submit" { "Sign in" }
        }
    };
    let status = if refused { StatusCode::FORBIDDEN } else { StatusCode::OK };
    Page { status, title: "Sign in", content }
}

/// Says how the account stands, and what can be done about it.
pub(crate) fn show(standing: Option<&Standing>, csrf: &str, may_sign_out: bool) -> Page {
    let content = html! {
        h1 { "Google Calendar" }
        @match standing {
            None => { (not_connected(csrf)) }
            Some(standing) => { (known(standing, csrf)) }
        }
        nav {
            a href=(OPENAPI) { "The API (OpenAPI)" }
            @if may_sign_out {
                form method="post" action=(SETUP) {
                    (csrf_field(csrf))
                    button.quiet type="submit" name="sign-out" value="yes" { "Sign out" }
                }
            }
        }
    };
    Page { status: StatusCode::OK, title: "Google Calendar", content }
}

fn not_connected(csrf: &str) -> Markup {
    html! {
        section.card {
            p.state.off { "Not connected" }
            p {
                "Connect the Google account whose calendar events go into. Google asks for consent; "
                "tick the box that lets this app see and edit events."
            }
            (connect(csrf, "Connect Google Calendar", false))
        }
    }
}

fn known(standing: &Standing, csrf: &str) -> Markup {
    let email = standing.email.as_deref().unwrap_or("a Google user whose address cannot be read");
    match standing.state {
        AccountState::Connected => html! {
            section.card {
                p.state.on { "Connected" }
                p { "Events are created as " strong { (email) } "." }
                p.hint { "Connected since " (day(standing.connected_at)) "." }
                div.actions {
                    (connect(csrf, "Connect again", true))
                    (disconnect_link())
                }
            }
        },
        AccountState::NeedsReauthorization { since, cause } => html! {
            section.card {
                p.state.broken { "Needs to be connected again" }
                p { strong { (email) } ": " (explain(cause)) }
                p { "Jobs have been waiting since " (day(since)) ". They go on by themselves once it is connected." }
                div.actions {
                    (connect(csrf, "Connect again", false))
                    (disconnect_link())
                }
            }
        },
        AccountState::Disconnected { since } => html! {
            section.card {
                p.state.off { "Disconnected" }
                p { "It was connected as " strong { (email) } " until " (day(since)) "." }
                p { "New events are refused until it is connected again, which only the same Google user can do." }
                (connect(csrf, "Connect Google Calendar", false))
            }
        },
    }
}

fn connect(csrf: &str, label: &str, quiet: bool) -> Markup {
    html! {
        form method="post" action=(CONNECT) {
            (csrf_field(csrf))
            button.quiet[quiet] type="submit" { (label) }
        }
    }
}

fn disconnect_link() -> Markup {
    html! { a.button.quiet.danger href=(REVOKE) { "Disconnect …" } }
}

fn explain(cause: ReauthorizationCause) -> &'static str {
    match cause {
        ReauthorizationCause::GrantEnded => "Google says that the permission has ended or was withdrawn.",
        ReauthorizationCause::TokenRefused => "Google no longer takes what it has given us.",
        ReauthorizationCause::ScopeMissing => {
            "the permission does not include the calendar. Tick its box this time."
        }
        ReauthorizationCause::NotACalendarUser => "this Google user has no Google Calendar.",
        ReauthorizationCause::ClientChanged => "it was connected with another OAuth client.",
    }
}

fn day(at: Timestamp) -> Markup {
    html! { time datetime=(at) { (at.strftime("%-d %B %Y, %H:%M UTC")) } }
}

/// Asks whether to disconnect.
pub(crate) fn ask_revoke(standing: Option<&Standing>, csrf: &str) -> Page {
    let content = html! {
        @if let Some(Standing { email, state: AccountState::Connected | AccountState::NeedsReauthorization { .. }, .. }) = standing {
            h1 { "Disconnect Google Calendar?" }
            section.card {
                p {
                    "The permission of "
                    strong { (email.as_deref().unwrap_or("the connected Google user")) }
                    " is given back to Google and forgotten here."
                }
                p { "New events are refused. Jobs that were accepted wait until it is connected again." }
                div.actions {
                    form method="post" action=(REVOKE) {
                        (csrf_field(csrf))
                        button.danger type="submit" { "Disconnect" }
                    }
                    a.button.quiet href=(SETUP) { "Keep it connected" }
                }
            }
        } @else {
            h1 { "Nothing is connected" }
            p { "So there is nothing to disconnect." }
            p { a.button href=(SETUP) { "Back to the setup page" } }
        }
    };
    Page { status: StatusCode::OK, title: "Disconnect", content }
}
