//! Google, as the configured client: without anybody's token.

use common::event::CalendarId;
use common::job::JobId;
use common::port::{
    Calendar as _, CalendarError, Clock as _, RefreshToken, SystemClock, TokenEndpoint as _, TokenError,
};
use secrecy::SecretString;

use super::Stakes;
use super::finding::{Check, Finding};
use crate::config::{Config, GoogleSource};
use crate::google_link::{self, GoogleLink};
use crate::{ingress, output};

/// No token that Google has made: what it says to it tells whom it takes us for.
const NO_TOKEN: &str = "calrelay-check";

pub(super) async fn look(config: &Config, stakes: Stakes) -> Vec<Finding> {
    if let GoogleSource::OwnSandbox { .. } = config.google {
        return vec![Check::Google.warns(
            "a SANDBOX inside `calrelay run`: nothing reaches anybody's calendar; GOOGLE_CREDENTIALS names the real \
             Google",
        )];
    }
    let opened = async {
        let public_url = ingress::public_url(config)?;
        let redirect_uri = ingress::redirect_uri(config, &public_url);
        google_link::for_check(&config.google, &redirect_uri, &config.data_dir).await
    };
    let link = match opened.await {
        Ok(link) => link,
        Err(error) => return vec![Check::Google.fails(output::sentence(&error))],
    };
    let google = match stakes {
        Stakes::Sandbox => {
            Check::Google.warns(format!("{}: nothing reaches anybody's calendar", link.told()))
        }
        Stakes::Live => Check::Google.holds(link.told()),
    };
    let (client, api) = tokio::join!(client(&link), api(&link));
    vec![google, redirect(&link, stakes), client, api]
}

fn redirect(link: &GoogleLink, stakes: Stakes) -> Finding {
    let (check, uri) = (Check::GoogleRedirect, &link.client.redirect_uri);
    match (link.client.takes_redirect, stakes) {
        (true, _) => check.holds(format!("{uri} is listed in the credentials file")),
        (false, Stakes::Sandbox) => check.warns(format!(
            "{uri} is unknown to the sandbox: start it with `calrelay sandbox --redirect-uri {uri}` to connect in \
             browsers"
        )),
        (false, Stakes::Live) => check.fails(format!(
            "{uri} is not listed in the credentials file: add it to the OAuth client in Google's console, letter by \
             letter, and download the file again"
        )),
    }
}

async fn client(link: &GoogleLink) -> Finding {
    let token = RefreshToken(SecretString::from(NO_TOKEN));
    match link.oauth.refresh(&link.oauth.client(), &token, SystemClock.now()).await {
        Err(error) => client_by(&error),
        Ok(_) => Check::GoogleClient.fails("the token endpoint takes any token: it is not Google's"),
    }
}

/// A client that is known is told that the token is none (facts of RFC 6749 §5.2, which Google keeps to).
fn client_by(error: &TokenError) -> Finding {
    let check = Check::GoogleClient;
    match error {
        TokenError::InvalidGrant { .. } | TokenError::LoginRequired { .. } | TokenError::NoSuchUser { .. } => {
            check.holds("Google knows the OAuth client and its secret")
        }
        TokenError::InvalidClient { .. } => check.fails(format!(
            "Google refuses the OAuth client ({error}): make a new client, or a new secret, and put its file in place"
        )),
        TokenError::Throttled { .. } => check.warns("not seen: the token endpoint asks for patience; try again later"),
        TokenError::Unavailable { .. } => check.fails(format!("{error}; try again later")),
        TokenError::Transport(_) => {
            check.fails(format!("{error}: let this machine reach https://oauth2.googleapis.com"))
        }
        TokenError::Denied { .. } | TokenError::Refused { .. } => {
            check.warns(format!("Google's answer to a made-up token is new to us: {error}"))
        }
    }
}

async fn api(link: &GoogleLink) -> Finding {
    let (token, calendar, id) = (SecretString::from(NO_TOKEN), CalendarId::primary(), JobId::random());
    match link.calendar.get(&token, &calendar, &id).await {
        Err(error) => api_by(&error),
        Ok(_) => Check::GoogleApi.fails("the Calendar API takes any token: GOOGLE_API_URL leads elsewhere"),
    }
}

/// An API that works refuses a made-up token; whether it is enabled shows only with a real one.
fn api_by(error: &CalendarError) -> Finding {
    let check = Check::GoogleApi;
    match error {
        CalendarError::TokenRefused => check.holds("the Calendar API answers"),
        CalendarError::ApiDisabled => check.fails(
            "the Calendar API is disabled in the Google project: enable it in the console's API library",
        ),
        CalendarError::Throttled { .. } | CalendarError::DailyLimit => {
            check.warns(format!("it answers that it is {error}"))
        }
        CalendarError::NotSent(_) | CalendarError::NoAnswer(_) => {
            check.fails(format!("{error}: let this machine reach https://www.googleapis.com"))
        }
        CalendarError::Unavailable { .. } | CalendarError::Unintelligible(_) => {
            check.fails(format!("{error}; try again later, or correct GOOGLE_API_URL"))
        }
        CalendarError::UsageLimits
        | CalendarError::ScopeMissing
        | CalendarError::NotACalendarUser
        | CalendarError::NotFound
        | CalendarError::Duplicate
        | CalendarError::Conflict
        | CalendarError::Deleted
        | CalendarError::ConferenceRefused { .. }
        | CalendarError::Refused { .. } => {
            check.fails(format!("what answers is not the Calendar API ({error}): correct GOOGLE_API_URL"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn only_a_client_that_google_knows_is_told_that_the_token_is_none() {
        let text = String::new;
        for (error, verdict) in [
            (TokenError::InvalidGrant { description: text() }, Verdict::Ok),
            (TokenError::InvalidClient { error: text(), description: text() }, Verdict::Fail),
            (TokenError::Throttled { retry_after: None }, Verdict::Warn),
            (TokenError::Unavailable { status: 503 }, Verdict::Fail),
            (TokenError::Transport(text()), Verdict::Fail),
        ] {
            assert_eq!(client_by(&error).verdict, verdict, "{error:?}");
        }
    }

    #[test]
    fn only_an_api_that_refuses_the_token_is_the_calendar_s() {
        for (error, verdict) in [
            (CalendarError::TokenRefused, Verdict::Ok),
            (CalendarError::ApiDisabled, Verdict::Fail),
            (CalendarError::NotFound, Verdict::Fail),
            (CalendarError::NotSent(String::new()), Verdict::Fail),
            (CalendarError::DailyLimit, Verdict::Warn),
        ] {
            assert_eq!(api_by(&error).verdict, verdict, "{error:?}");
        }
    }
}
