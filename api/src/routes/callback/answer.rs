//! What Google answers, on its way through the browser and for a code, and what that means.

use common::port::TokenError;
use tracing::{error, warn};
use url::form_urlencoded;

use crate::attempts::answered_state;
use crate::pages::trouble::Obstacle;

/// What Google says through the browser.
pub(super) struct Answer {
    pub(super) state: String,
    /// The code, or Google's reason not to give one.
    pub(super) code: Result<String, Option<String>>,
}

impl Answer {
    pub(super) fn read(query: &str) -> Self {
        let get = |wanted: &str| {
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            pairs.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
        };
        let code = match (get("error"), get("code")) {
            (None, Some(code)) => Ok(code),
            (refusal, _) => Err(refusal),
        };
        Self { state: answered_state(query), code }
    }
}

/// What Google's refusal on its consent page means.
pub(super) fn refused(reason: &Option<String>) -> Obstacle {
    let Some(reason) = reason else {
        return Obstacle::Incomplete;
    };
    match reason.as_str() {
        "access_denied" => Obstacle::Declined,
        "admin_policy_enforced" | "policy_enforced" => Obstacle::AdminForbids,
        "org_internal" => Obstacle::OutsideOrganisation,
        "invalid_client" | "deleted_client" | "unauthorized_client" | "disabled_client" => {
            error!("Google does not accept our OAuth client");
            Obstacle::ClientNotInitialised(reason.clone())
        }
        "redirect_uri_mismatch" => Obstacle::RedirectMismatch,
        "server_error" | "temporarily_unavailable" => Obstacle::GoogleAway,
        _ => {
            warn!("Google refused a consent");
            Obstacle::GoogleRefused(reason.clone())
        }
    }
}

/// What it means that the code was not traded.
pub(super) fn no_token(error: &TokenError) -> Obstacle {
    match error {
        TokenError::InvalidGrant { .. } => Obstacle::CodeRefused,
        TokenError::LoginRequired { .. } => Obstacle::LoginRequired,
        TokenError::NoSuchUser { .. } => Obstacle::NoSuchUser,
        TokenError::Denied { .. } => Obstacle::AdminForbids,
        TokenError::InvalidClient { error: code, .. } => {
            error!(%error, "Google does not accept our OAuth client: {error}");
            Obstacle::ClientNotInitialised(code.clone())
        }
        TokenError::Refused { error: code, .. } if code == "redirect_uri_mismatch" => {
            error!(%error, "Google does not know our redirect URI: {error}");
            Obstacle::RedirectMismatch
        }
        TokenError::Refused { error: code, .. } => {
            error!(%error, "Google refused to trade a code: {error}");
            Obstacle::GoogleRefused(code.clone())
        }
        TokenError::Throttled { .. } | TokenError::Unavailable { .. } | TokenError::Transport(_) => {
            warn!(%error, "Google could not be asked for a token: {error}");
            Obstacle::GoogleAway
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_google_says_on_its_page_is_told_apart() {
        for (reason, trouble) in [
            ("access_denied", Obstacle::Declined),
            ("admin_policy_enforced", Obstacle::AdminForbids),
            ("org_internal", Obstacle::OutsideOrganisation),
            ("deleted_client", Obstacle::ClientNotInitialised("deleted_client".to_owned())),
            ("redirect_uri_mismatch", Obstacle::RedirectMismatch),
            ("temporarily_unavailable", Obstacle::GoogleAway),
            ("something_new", Obstacle::GoogleRefused("something_new".to_owned())),
        ] {
            assert_eq!(refused(&Some(reason.to_owned())), trouble, "{reason}");
        }
        assert_eq!(refused(&None), Obstacle::Incomplete);
    }

    #[test]
    fn a_code_that_was_not_traded_says_why() {
        let refused = |code: &str| TokenError::Refused { error: code.to_owned(), description: String::new() };
        assert_eq!(no_token(&refused("redirect_uri_mismatch")), Obstacle::RedirectMismatch);
        assert_eq!(no_token(&refused("invalid_scope")), Obstacle::GoogleRefused("invalid_scope".to_owned()));
        let client =
            TokenError::InvalidClient { error: "deleted_client".to_owned(), description: String::new() };
        assert_eq!(no_token(&client), Obstacle::ClientNotInitialised("deleted_client".to_owned()));
    }

    #[test]
    fn an_answer_is_a_code_or_a_refusal_or_neither() {
        let read = |query| Answer::read(query).code;
        assert_eq!(read("state=x&code=c"), Ok("c".to_owned()));
        assert_eq!(read("error=access_denied&code=c"), Err(Some("access_denied".to_owned())));
        assert_eq!(read("state=x"), Err(None));
    }
}
