//! The setup page: sign in, connect, see who is connected, disconnect.

use actix_web::http::StatusCode;
use common::account::{AccountId, AccountState, ReauthorizationCause};
use common::refused_client::RefusedClient;
use common::time;
use jiff::Timestamp;
use maud::{Markup, html};

use super::help::troubleshooting;
use super::trouble::printable;
use super::{Page, Reader, csrf_field, redirects};
use crate::paths::{CONNECT, OPENAPI, REVOKE, SETUP, setup_path};
use crate::settings::OAuthClient;

/// What the page says of an account.
pub(crate) struct Standing {
    pub(crate) account: AccountId,
    pub(crate) state: AccountState,
    /// `None` when it cannot be read.
    pub(crate) email: Option<String>,
    pub(crate) connected_at: Timestamp,
    /// Until when Google takes no events with guests from this user, while it does not.
    pub(crate) guests_limited_until: Option<Timestamp>,
}

/// What an administrator sees.
pub(crate) struct View<'a> {
    /// The account that the page is about.
    pub(crate) account: &'a AccountId,
    /// How it stands; `None` when it was never connected.
    pub(crate) standing: Option<&'a Standing>,
    /// The other accounts.
    pub(crate) others: &'a [Standing],
    /// Whether there are still more.
    pub(crate) more: bool,
    pub(crate) client: Option<&'a OAuthClient>,
    /// What Google lately refuses the client with.
    pub(crate) refused: Option<&'a RefusedClient>,
    pub(crate) csrf: &'a str,
    pub(crate) may_sign_out: bool,
}

/// Asks for the key of an administrator.
pub(crate) fn sign_in(csrf: &str, account: &AccountId, refused: bool) -> Page {
    let content = html! {
        h1 { "Sign in" }
        p { "Only an administrator may connect and disconnect calendars." }
        @if refused {
            p.error #refused role="alert" { "That is not the key of an administrator." }
        }
        form method="post" action=(SETUP) {
            (csrf_field(csrf))
            (account_field(account))
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
    Page { status, title: "Sign in", content, reader: Reader::Operator, headers: Vec::new() }
}

/// Says how the account stands, and what can be done about it.
pub(crate) fn show(view: &View<'_>) -> Page {
    let View { account, standing, client, csrf, .. } = view;
    let content = html! {
        h1 { "Google Calendar" }
        @if *account != &AccountId::default_account() || !view.others.is_empty() {
            p { "Account " code { (account) } }
        }
        @if let Some(client) = client.filter(|client| !client.takes_redirect) { (will_mismatch(client)) }
        @if let Some(refused) = view.refused { (client_refused(refused)) }
        @match standing {
            None => { (not_connected(account, csrf)) }
            Some(standing) => { (known(standing, csrf)) }
        }
        (others(view))
        (troubleshooting(*client))
        nav {
            a href=(OPENAPI) { "The API (OpenAPI)" }
            @if view.may_sign_out {
                form method="post" action=(SETUP) {
                    (csrf_field(csrf))
                    (account_field(account))
                    button.quiet type="submit" name="sign-out" value="yes" { "Sign out" }
                }
            }
        }
    };
    Page {
        status: StatusCode::OK,
        title: "Google Calendar",
        content,
        reader: Reader::Operator,
        headers: Vec::new(),
    }
}

/// Better said here than by Google, whose page leads nowhere.
fn will_mismatch(client: &OAuthClient) -> Markup {
    html! {
        section.card.warning role="note" {
            p.state.broken { "Google will refuse to connect anybody (" code { "redirect_uri_mismatch" } ")" }
            (redirects(client))
            p {
                "Add the first to the OAuth client in Google's console (and start this server with its new JSON file), "
                "or set " code { "GOOGLE_REDIRECT_URI" } " to one that is there."
            }
        }
    }
}

/// No user's connection is at fault, so that connecting again would not help.
fn client_refused(refused: &RefusedClient) -> Markup {
    html! {
        section.card.warning role="note" {
            p.state.broken { "Google refuses the OAuth client of this server (" code { (printable(&refused.error)) } ")" }
            p { "It said so last on " (day(refused.at)) ". Jobs that need a new token wait; nobody has to connect again." }
            p {
                "An operator has to look at the client in Google's console. If it is gone, or its secret was replaced, "
                "download its JSON file again, or make a new client, and start this server with it ("
                code { "GOOGLE_CREDENTIALS" } "). Jobs go on by themselves then."
            }
        }
    }
}

fn not_connected(account: &AccountId, csrf: &str) -> Markup {
    html! {
        section.card {
            p.state.off { "Not connected" }
            p {
                "Connect the Google account whose calendar events go into. Google asks for consent; "
                "tick the box that lets this app see and edit events."
            }
            (testing())
            (connect(account, csrf, "Connect Google Calendar", false))
        }
    }
}

fn testing() -> Markup {
    html! {
        p.hint {
            "While the app's consent screen is in “Testing”, Google ends every connection after seven days: publish "
            "the app before you rely on it."
        }
    }
}

fn known(standing: &Standing, csrf: &str) -> Markup {
    let email = standing.email.as_deref().unwrap_or("a Google user whose address cannot be read");
    let account = &standing.account;
    match standing.state {
        AccountState::Connected => html! {
            section.card {
                p.state.on { "Connected" }
                p { "Events are created as " strong { (email) } "." }
                @if let Some(until) = standing.guests_limited_until { (guests_limited(until)) }
                p.hint { "Connected since " (day(standing.connected_at)) "." }
                div.actions {
                    (connect(account, csrf, "Connect again", true))
                    (disconnect_link(account))
                }
            }
        },
        AccountState::NeedsReauthorization { since, cause } => html! {
            section.card {
                p.state.broken { "Needs to be connected again" }
                p { strong { (email) } ": " (cause.sentence()) }
                @if ended_like_testing(standing.connected_at, since, cause) {
                    p {
                        "It was connected for seven days, after which Google ends every permission of an app whose "
                        "consent screen is in “Testing”. Publish the app, or this will happen again in a week."
                    }
                }
                p { "Jobs have been waiting since " (day(since)) ". They go on by themselves once it is connected." }
                div.actions {
                    (connect(account, csrf, "Connect again", false))
                    (disconnect_link(account))
                }
            }
        },
        AccountState::Disconnected { since } => html! {
            section.card {
                p.state.off { "Disconnected" }
                p { "It was connected as " strong { (email) } " until " (day(since)) "." }
                p { "New events are refused until it is connected again, which only the same Google user can do." }
                (testing())
                (connect(account, csrf, "Connect Google Calendar", false))
            }
        },
    }
}

/// No user can mend it, so what helps is to know that it is known.
fn guests_limited(until: Timestamp) -> Markup {
    html! {
        p {
            "Google does not let this user invite more guests for now (" code { "quotaExceeded" } "). Events with guests "
            "wait, and are tried again on " (day(until)) "; all others go on."
        }
    }
}

/// Whether a permission has ended as Google ends those of apps in Testing. It does not say so: all
/// there is to go by is the time, and that a refusal is noticed up to a day late where little happens.
fn ended_like_testing(connected: Timestamp, ended: Timestamp, cause: ReauthorizationCause) -> bool {
    let lasted = time::until(connected, ended);
    let week = time::days(7) - time::minutes(5)..time::days(8);
    match cause {
        ReauthorizationCause::GrantEnded => week.contains(&lasted),
        ReauthorizationCause::TokenRefused
        | ReauthorizationCause::ScopeMissing
        | ReauthorizationCause::NotACalendarUser
        | ReauthorizationCause::ClientChanged
        | ReauthorizationCause::LoginRequired
        | ReauthorizationCause::AdminForbids
        | ReauthorizationCause::NoSuchUser => false,
    }
}

fn others(view: &View<'_>) -> Markup {
    html! {
        section.others {
            @if !view.others.is_empty() {
                h2 { "Other accounts" }
                ul.accounts {
                    @for other in view.others {
                        li {
                            a href=(setup_path(other.account.as_str())) { (other.account) }
                            span.hint { (other.email.as_deref().unwrap_or("unreadable")) }
                            (in_a_word(other.state))
                        }
                    }
                }
                @if view.more { p.hint { "There are more: " code { "GET /api/v1/accounts" } " lists all." } }
            }
            form.another method="get" action=(SETUP) {
                label for="account" { "Another account" }
                div.row {
                    input #account name="account" type="text" required maxlength="64" pattern="[A-Za-z0-9_\\-]+"
                        placeholder="team-7" autocomplete="off" spellcheck="false";
                    button.quiet type="submit" { "Open" }
                }
            }
        }
    }
}

fn in_a_word(state: AccountState) -> Markup {
    match state {
        AccountState::Connected => html! { span.state.on { "Connected" } },
        AccountState::NeedsReauthorization { .. } => html! { span.state.broken { "Connect again" } },
        AccountState::Disconnected { .. } => html! { span.state.off { "Disconnected" } },
    }
}

fn connect(account: &AccountId, csrf: &str, label: &str, quiet: bool) -> Markup {
    html! {
        form method="post" action=(CONNECT) {
            (csrf_field(csrf))
            (account_field(account))
            button.quiet[quiet] type="submit" { (label) }
        }
    }
}

fn account_field(account: &AccountId) -> Markup {
    html! { input type="hidden" name="account" value=(account); }
}

fn disconnect_link(account: &AccountId) -> Markup {
    let path = setup_path(account.as_str()).replacen(SETUP, REVOKE, 1);
    html! { a.button.quiet.danger href=(path) { "Disconnect …" } }
}

fn day(at: Timestamp) -> Markup {
    html! { time datetime=(at) { (at.strftime("%-d %B %Y, %H:%M UTC")) } }
}

/// Asks whether to disconnect.
pub(crate) fn ask_revoke(account: &AccountId, standing: Option<&Standing>, csrf: &str) -> Page {
    let content = html! {
        @if let Some(Standing { email, state: AccountState::Connected | AccountState::NeedsReauthorization { .. }, .. }) = standing {
            h1 { "Disconnect Google Calendar?" }
            section.card {
                p {
                    "The permission of "
                    strong { (email.as_deref().unwrap_or("the connected Google user")) }
                    " for the account " code { (account) } " is given back to Google and forgotten here."
                }
                p { "New events are refused. Jobs that were accepted wait until it is connected again." }
                div.actions {
                    form method="post" action=(REVOKE) {
                        (csrf_field(csrf))
                        (account_field(account))
                        button.danger type="submit" { "Disconnect" }
                    }
                    a.button.quiet href=(setup_path(account.as_str())) { "Keep it connected" }
                }
            }
        } @else {
            h1 { "Nothing is connected" }
            p { "No calendar is connected to the account " code { (account) } ", so there is nothing to disconnect." }
            p { a.button href=(setup_path(account.as_str())) { "Back to the setup page" } }
        }
    };
    Page {
        status: StatusCode::OK,
        title: "Disconnect",
        content,
        reader: Reader::Operator,
        headers: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_grant_that_ended_after_a_week_is_blamed_on_testing() {
        let start = Timestamp::UNIX_EPOCH;
        let after = |days: u64, minutes: u64| time::after(start, time::days(days) + time::minutes(minutes));
        let ended = ReauthorizationCause::GrantEnded;
        for (at, cause, blamed) in [
            (after(7, 1), ended, true),
            (after(7, 600), ended, true),
            (after(6, 0), ended, false),
            (after(30, 0), ended, false),
            (after(7, 1), ReauthorizationCause::ScopeMissing, false),
        ] {
            assert_eq!(ended_like_testing(start, at, cause), blamed, "{at} {cause:?}");
        }
    }
}
