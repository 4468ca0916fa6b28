//! Why a calendar was not connected: a page for each reason that says what happened and what to do.

use actix_web::http::StatusCode;
use maud::{Markup, html};
use url::Url;

use super::notice::{PERMISSIONS, prose};
use super::{Page, Reader, redirects};
use crate::link::{Ending, Link};
use crate::paths::{self, setup_path};
use crate::settings::OAuthClient;

/// Why a connection did not come about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// An answer came to a browser that has begun nothing.
    NotBegun,
    /// Google's answer took too long.
    Expired,
    /// The answer belongs to another attempt, or was forged.
    Mismatch,
    /// The answer was here before.
    Used,
    /// The user said no.
    Declined,
    /// The answer has neither a code nor an error.
    Incomplete,
    /// The user did not tick the calendar's box.
    ScopeMissing,
    /// Google gave no refresh token.
    NothingLasting,
    /// The account is bound to another user.
    OtherUser { bound_to: String, came: String },
    /// The link is for another user.
    UnexpectedUser { expected: String, came: String },
    /// Google no longer takes the code.
    CodeRefused,
    /// The user's organisation wants a new login.
    LoginRequired,
    /// Google knows no such user.
    NoSuchUser,
    /// An administrator of the user's does not allow the app.
    AdminForbids,
    /// The app is for users of one organisation.
    OutsideOrganisation,
    /// Google does not take our client; carries Google's code.
    ClientNotInitialised(String),
    /// Google does not know where we want the browser back.
    RedirectMismatch,
    /// Any other refusal; carries Google's code.
    GoogleRefused(String),
    /// Google did not answer.
    GoogleAway,
    /// The vault did not answer.
    StorageAway,
    /// We have not made this link.
    LinkUnreadable,
    /// The link is too old.
    LinkExpired,
    /// The link has connected a user already.
    LinkUsed,
    /// Another browser has begun with the link.
    LinkElsewhere,
}

/// How the visitor began, which is how to begin again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Begun {
    /// As an administrator, for the account of this name.
    OnSetupPage(String),
    /// With a link; the path is where it leads while it still does.
    WithLink { again: Option<String>, back: Option<Url> },
    /// That cannot be told any more.
    Somehow,
}

impl Begun {
    /// With this link, which leads to `path` and may be tried again there.
    pub(crate) fn with(link: &Link, path: String) -> Self {
        Self::WithLink { again: Some(path), back: link.way_back(Ending::NotConnected) }
    }

    /// With this link, which leads nowhere any more.
    pub(crate) fn with_spent(link: &Link) -> Self {
        Self::WithLink { again: None, back: link.way_back(Ending::NotConnected) }
    }

    fn again(&self) -> &'static str {
        match self {
            Self::OnSetupPage(_) => "begin again from the setup page",
            Self::WithLink { again: Some(_), .. } => "begin again with your link",
            Self::WithLink { again: None, .. } => "ask for a new link",
            Self::Somehow => "begin again from the setup page, or with the link that you were sent",
        }
    }

    /// Whom the visitor can turn to with what they cannot mend.
    fn operator(&self) -> &'static str {
        match self {
            Self::OnSetupPage(_) | Self::Somehow => "An operator",
            Self::WithLink { .. } => "Tell whoever sent you the link: an operator",
        }
    }

    fn reader(&self) -> Reader {
        match self {
            Self::OnSetupPage(_) | Self::Somehow => Reader::Operator,
            Self::WithLink { .. } => Reader::Visitor,
        }
    }

    fn actions(&self) -> Markup {
        html! {
            div.actions {
                @match self {
                    Self::OnSetupPage(account) => {
                        a.button href=(setup_path(account)) { "Back to the setup page" }
                    }
                    Self::Somehow => { a.button href=(paths::SETUP) { "Back to the setup page" } }
                    Self::WithLink { again, back } => {
                        @if let Some(path) = again { a.button href=(path) { "Try again" } }
                        @if let Some(url) = back {
                            a.button.quiet href=(url.as_str()) { "Back to " (url.host_str().unwrap_or("where you came from")) }
                        }
                    }
                }
            }
        }
    }
}

/// Its status, headline, what happened, and what to do.
struct Words(StatusCode, &'static str, String, String);

/// The page for `trouble`. Only an operator is shown the details of the OAuth client.
pub(crate) fn page(trouble: &Obstacle, begun: &Begun, client: Option<&OAuthClient>) -> Page {
    let Words(status, title, what, then) = words(trouble, begun);
    let content = html! {
        h1 { (title) }
        p { (prose(&what)) }
        @if *trouble == Obstacle::RedirectMismatch && begun.reader() == Reader::Operator {
            @if let Some(client) = client { (redirects(client)) }
        }
        p { (prose(&then)) }
        (begun.actions())
    };
    Page { status, title, content, reader: begun.reader(), headers: Vec::new() }
}

fn words(trouble: &Obstacle, begun: &Begun) -> Words {
    let again = begun.again();
    let once_more = format!("{}, in this browser.", capital(again));
    let not_connected =
        |what: &str| Words(StatusCode::BAD_REQUEST, "Not connected", what.to_owned(), once_more.clone());
    match trouble {
        Obstacle::NotBegun => not_connected(
            "This browser has not begun to connect a calendar. If it has, check that cookies are allowed and that \
             the address is the one you began at.",
        ),
        Obstacle::Expired => not_connected("It took longer than ten minutes, so that the answer is not taken any more."),
        Obstacle::Mismatch => {
            not_connected("This answer belongs to another attempt to connect, or was forged. Nothing was changed.")
        }
        Obstacle::Used => not_connected("This answer was already used; reloading the page does not repeat it."),
        Obstacle::Incomplete => not_connected("Google's answer is incomplete."),
        Obstacle::CodeRefused => {
            not_connected("Google no longer takes this answer: it was used before, or it is too old.")
        }
        Obstacle::LoginRequired => not_connected(
            "The organisation of this Google user wants its people to log in to Google again first (`invalid_rapt`).",
        ),
        Obstacle::NoSuchUser => Words(
            StatusCode::FORBIDDEN,
            "Google knows no such user",
            "Google says that this user was deleted, or never was.".to_owned(),
            format!(
                "An administrator of the organisation can restore a deleted user; then {again}, or choose another user."
            ),
        ),
        Obstacle::Declined => Words(
            StatusCode::FORBIDDEN,
            "Consent was declined",
            "Google was told not to give access, so nothing was changed.".to_owned(),
            format!("If that was a mistake, {again} and choose Continue."),
        ),
        Obstacle::ScopeMissing => Words(
            StatusCode::FORBIDDEN,
            "The calendar was not included",
            "Google's page has a box for each permission, and the one for calendar events was not ticked.".to_owned(),
            format!("{} and tick the box that lets this app see and edit events.", capital(again)),
        ),
        Obstacle::NothingLasting => Words(
            StatusCode::BAD_GATEWAY,
            "No lasting permission",
            "Google gave access for an hour only, which is not enough to work in the background.".to_owned(),
            format!("Remove this app at {PERMISSIONS}, then {again}."),
        ),
        Obstacle::OtherUser { bound_to, came } => Words(
            StatusCode::CONFLICT,
            "That is another Google user",
            format!("This account belongs to {bound_to}, but consent came from {came}. Nothing was changed."),
            format!(
                "{} and choose {bound_to}: an account stays with the user it was first connected to.",
                capital(again)
            ),
        ),
        Obstacle::UnexpectedUser { expected, came } => Words(
            StatusCode::CONFLICT,
            "That is another Google user",
            format!("The link was made for {expected}, but consent came from {came}. Nothing was changed."),
            format!("{} and choose {expected}.", capital(again)),
        ),
        Obstacle::AdminForbids => Words(
            StatusCode::FORBIDDEN,
            "An administrator does not allow this",
            "The administrator of this Google account does not let it use this app.".to_owned(),
            format!("Ask them to allow the app, then {again}."),
        ),
        Obstacle::OutsideOrganisation => Words(
            StatusCode::FORBIDDEN,
            "This app is for one organisation",
            "Its consent screen is internal, and this Google user is not in that organisation (`org_internal`).".to_owned(),
            format!("{} with a user of the organisation.", capital(again)),
        ),
        Obstacle::ClientNotInitialised(code) => Words(
            StatusCode::BAD_GATEWAY,
            "OAuth client not initialized",
            format!("Google did not accept the OAuth client of this server; it said `{}`.", printable(code)),
            format!(
                "{} has to download the client's JSON file again from Google's console, or make a new client, and \
                 start this server with it (`GOOGLE_CREDENTIALS`).",
                begun.operator()
            ),
        ),
        Obstacle::RedirectMismatch => Words(
            StatusCode::BAD_GATEWAY,
            "The redirect URI is not registered",
            "Google was asked to send the browser back to an address that it does not know (`redirect_uri_mismatch`)."
                .to_owned(),
            format!(
                "{} has to add that address, letter by letter, to the OAuth client in Google's console, or set \
                 `GOOGLE_REDIRECT_URI` to one that is there.",
                begun.operator()
            ),
        ),
        Obstacle::GoogleRefused(code) => Words(
            StatusCode::BAD_GATEWAY,
            "Google refused",
            format!("Google did not give access; it said `{}`.", printable(code)),
            format!(
                "{} can look it up: the OAuth client and the consent screen are in Google's console. Then {again}.",
                begun.operator()
            ),
        ),
        Obstacle::GoogleAway => Words(
            StatusCode::SERVICE_UNAVAILABLE,
            "Google cannot be reached",
            "Google did not answer just now. Nothing was changed.".to_owned(),
            format!("Wait a little, then {again}."),
        ),
        Obstacle::StorageAway => Words(
            StatusCode::SERVICE_UNAVAILABLE,
            "Storage cannot be reached",
            "The server cannot keep anything just now, so nothing was changed.".to_owned(),
            format!("Wait a little, then {again}."),
        ),
        Obstacle::LinkUnreadable => Words(
            StatusCode::NOT_FOUND,
            "This link does not work",
            "It is not complete, or it was not made by this server.".to_owned(),
            "Open the whole link as it was sent to you, or ask for a new one.".to_owned(),
        ),
        Obstacle::LinkExpired => Words(
            StatusCode::GONE,
            "This link has expired",
            "A link works for fifteen minutes after it was made.".to_owned(),
            "Ask for a new one where you got it.".to_owned(),
        ),
        Obstacle::LinkUsed => Words(
            StatusCode::GONE,
            "This link was already used",
            "A calendar was connected with it, which a link can do once.".to_owned(),
            "If that was you, everything is done. If it was not, tell whoever sent you the link.".to_owned(),
        ),
        Obstacle::LinkElsewhere => Words(
            StatusCode::CONFLICT,
            "This link is open in another browser",
            "Somebody has begun to connect with it, and only that browser can go on.".to_owned(),
            "Go back to that browser, or ask for a new link. If it was not you, tell whoever sent you the link."
                .to_owned(),
        ),
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// A code of Google's, without anything that a page should not repeat.
pub(crate) fn printable(code: &str) -> String {
    code.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')).take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Obstacle> {
        let (ada, eve) = ("ada@example.com".to_owned(), "eve@example.com".to_owned());
        vec![
            Obstacle::NotBegun,
            Obstacle::Expired,
            Obstacle::Mismatch,
            Obstacle::Used,
            Obstacle::Declined,
            Obstacle::Incomplete,
            Obstacle::ScopeMissing,
            Obstacle::NothingLasting,
            Obstacle::OtherUser { bound_to: ada.clone(), came: eve.clone() },
            Obstacle::UnexpectedUser { expected: ada, came: eve },
            Obstacle::CodeRefused,
            Obstacle::LoginRequired,
            Obstacle::NoSuchUser,
            Obstacle::AdminForbids,
            Obstacle::OutsideOrganisation,
            Obstacle::ClientNotInitialised("deleted_client".to_owned()),
            Obstacle::RedirectMismatch,
            Obstacle::GoogleRefused("<script>".to_owned()),
            Obstacle::GoogleAway,
            Obstacle::StorageAway,
            Obstacle::LinkUnreadable,
            Obstacle::LinkExpired,
            Obstacle::LinkUsed,
            Obstacle::LinkElsewhere,
        ]
    }

    fn client() -> OAuthClient {
        OAuthClient {
            id: "client-7".to_owned(),
            redirect_uri: "https://cal.example/oauth2callback".to_owned(),
            registered: vec!["https://cal.example/other".to_owned()],
            takes_redirect: false,
        }
    }

    #[test]
    fn every_trouble_is_an_error_page_that_says_what_to_do_to_whoever_it_meets() {
        let back = Some(Url::parse("https://crm.example/me?account=a&status=not-connected").unwrap());
        let link = Begun::WithLink { again: Some("/google-calendar-link/abc".to_owned()), back };
        for trouble in all() {
            for begun in [Begun::OnSetupPage("default".to_owned()), link.clone(), Begun::Somehow] {
                let page = page(&trouble, &begun, Some(&client()));
                let text = page.content.into_string();
                assert!(page.status.is_client_error() || page.status.is_server_error(), "{trouble:?}");
                assert!(!text.contains("<script"), "{text}");
                let operators = text.contains(paths::SETUP) || text.contains("setup page");
                assert_eq!(operators, !matches!(begun, Begun::WithLink { .. }), "{trouble:?}: {text}");
                if let Begun::WithLink { .. } = begun {
                    assert!(text.contains("/google-calendar-link/abc"), "{trouble:?}: {text}");
                    assert!(text.contains("Back to crm.example"), "{trouble:?}: {text}");
                    assert!(!text.contains("cal.example/other"), "{trouble:?}: {text}");
                }
            }
        }
    }

    #[test]
    fn a_redirect_mismatch_shows_both_addresses() {
        let begun = Begun::OnSetupPage("default".to_owned());
        let text = page(&Obstacle::RedirectMismatch, &begun, Some(&client())).content.into_string();
        for shown in
            ["https://cal.example/oauth2callback", "https://cal.example/other", "redirect_uri_mismatch"]
        {
            assert!(text.contains(shown), "{shown}: {text}");
        }
    }
}
