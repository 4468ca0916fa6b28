//! The consent page and Google's error page.

use maud::{Markup, html};

use super::authorization::{Authorization, PageError};
use super::scope;
use crate::grant::Scopes;
use crate::page::layout;
use crate::query::Query;
use crate::reply::Reply;
use crate::user::User;

/// What the page carries through to the decision.
const CARRIED: &[&str] = &[
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "access_type",
    "prompt",
    "login_hint",
    "hd",
    "include_granted_scopes",
    "code_challenge",
    "code_challenge_method",
    "nonce",
];

/// Time-based access: seconds, and what the page says.
const LASTING: &[(&str, &str)] =
    &[("", "until I end it"), ("3600", "for 1 hour"), ("604800", "for 7 days"), ("2592000", "for 30 days")];

pub(super) fn page(
    asked: &Authorization,
    query: &Query,
    people: &[User],
    chosen: &str,
    granted: &Scopes,
) -> Reply {
    let by_hand = asked.ticked_one_by_one();
    let implied: Vec<&String> = asked.scopes.iter().filter(|scope| !by_hand.contains(scope)).collect();
    let host = asked.redirect_uri.host_str().unwrap_or("the app");
    let body = html! {
        form .consent method="post" action="/o/oauth2/v2/auth" {
            @for name in CARRIED {
                @if let Some(value) = query.get(name) {
                    input type="hidden" name=(name) value=(value);
                }
            }
            h1 { "calrelay wants access to a Google Account" }
            p .quiet { "This is the sandbox: nothing here leaves this machine. Afterwards you return to " b { (host) } "." }
            fieldset {
                legend { "Choose an account" }
                @for user in people {
                    label .choice {
                        input type="radio" name="user" value=(user.email) checked[user.email == chosen];
                        span .face aria-hidden="true" { (initial(user)) }
                        span { b { (user.name) } br; span .quiet { (user.email) } }
                    }
                }
                label .other { "or use another address " input type="email" name="other" placeholder="someone@example.com"; }
            }
            (implied_list(&implied))
            @if !by_hand.is_empty() {
                fieldset {
                    legend { "Select what calrelay can access" }
                    @for scope in &by_hand {
                        label .choice {
                            input type="checkbox" name="grant" value=(scope) checked[granted.contains(*scope)];
                            span { (scope::sentence(scope)) br; code .quiet { (scope) } }
                        }
                    }
                }
            }
            label .other {
                "Allow access "
                select name="lasting" {
                    @for (seconds, words) in LASTING { option value=(seconds) { (words) } }
                }
            }
            div .buttons {
                // The first is the one that the Enter key presses.
                button .primary type="submit" name="decision" value="allow" { "Continue" }
                @if !by_hand.is_empty() {
                    button type="submit" name="decision" value="all" { "Select all and continue" }
                }
                button type="submit" name="decision" value="deny" { "Cancel" }
            }
        }
    };
    layout::reply(200, layout::Kind::Narrow, "Sign in", body)
}

fn implied_list(scopes: &[&String]) -> Markup {
    html! {
        @if !scopes.is_empty() {
            p { "Comes with the account:" }
            ul { @for scope in scopes { li { (scope::sentence(scope)) } } }
        }
    }
}

fn initial(user: &User) -> String {
    user.name.chars().take(1).collect()
}

/// Google's own page: the client hears nothing of it.
pub(crate) fn refused(error: &PageError) -> Reply {
    let body = html! {
        div .consent {
            h1 { "Access blocked: this app’s request is invalid" }
            p { (error.sentence) }
            p { "If you are the developer of this app, look at the error’s details below." }
            p { b { "Error " (error.status) ": " (error.error) } }
        }
    };
    let reply = layout::reply(error.status, layout::Kind::Narrow, "Error", body);
    reply.labelled(error.error.clone())
}
