//! What can be in the way of a connection, in the words that people meet it in, and what to do.

use maud::{Markup, html};

use super::redirects;
use crate::settings::OAuthClient;

/// The list at the foot of the setup page.
pub(crate) fn troubleshooting(client: Option<&OAuthClient>) -> Markup {
    html! {
        section.help {
            h2 { "If it does not work" }
            details {
                summary { "“Calendar integration not configured”" }
                p { "No calendar is connected to the account that an event was sent for. Connect one above." }
            }
            details {
                summary { "“OAuth client not initialized”, " code { "invalid_client" } ", " code { "deleted_client" } }
                p {
                    "The credentials file is missing, or Google does not know the client in it any more. Download the "
                    "client's JSON file again from Google's console, or make a client of the type “Web application”, "
                    "and start this server with it (" code { "GOOGLE_CREDENTIALS" } ")."
                }
                @if let Some(client) = client { p.hint { "The client now: " code { (client.id) } } }
            }
            details {
                summary { code { "redirect_uri_mismatch" } }
                p { "Google sends browsers back to registered addresses alone, compared letter by letter." }
                @if let Some(client) = client { (redirects(client)) }
                p {
                    "Add the first to the OAuth client in Google's console, or set " code { "GOOGLE_REDIRECT_URI" }
                    " to one that is there."
                }
            }
            details {
                summary { "The connection ends after seven days" }
                p {
                    "That is how Google treats apps whose consent screen is in “Testing”: every permission ends after "
                    "seven days, and nothing announces it. Publish the app (Google's console, Audience), then connect again."
                }
            }
            details {
                summary { code { "access_denied" } ", “has not completed the Google verification process”" }
                p {
                    "The app is in “Testing” and this Google user is not among its test users. Add them there, or "
                    "publish the app."
                }
            }
            details {
                summary { "“Token has been expired or revoked” (" code { "invalid_grant" } ")" }
                p {
                    "The user took the permission back, it was not used for six months, or Google ended it. Connect "
                    "again: jobs wait until then and go on by themselves."
                }
            }
            details {
                summary { code { "admin_policy_enforced" } ", " code { "org_internal" } }
                p {
                    "The Google Workspace of the user does not allow this app, or the app is for another one. Its "
                    "administrator can allow the client in the Admin console (Security, API controls)."
                }
            }
        }
    }
}
