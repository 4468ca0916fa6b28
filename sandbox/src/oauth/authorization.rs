//! An authorization request: what the client asks a person for, or why Google shows it an error page instead.

use url::Url;

use super::scope;
use crate::grant::{Challenge, Scopes};
use crate::query::Query;
use crate::world::World;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Authorization {
    /// The id of the client that asks.
    pub(crate) client: String,
    pub(crate) redirect_uri: Url,
    /// As it was sent, for the exchange compares it exactly.
    pub(crate) redirect_text: String,
    pub(crate) scopes: Scopes,
    pub(crate) state: Option<String>,
    pub(crate) access: Access,
    pub(crate) prompt: Vec<Prompt>,
    pub(crate) login_hint: Option<String>,
    pub(crate) domain: Option<String>,
    pub(crate) earlier: Earlier,
    pub(crate) challenge: Option<Challenge>,
    pub(crate) nonce: Option<String>,
}

/// `access_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Online,
    Offline,
}

/// `include_granted_scopes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Earlier {
    Included,
    LeftOut,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prompt {
    None,
    Consent,
    SelectAccount,
}

/// An error that Google shows to the person and never sends to the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PageError {
    pub(crate) status: u16,
    pub(crate) error: String,
    pub(crate) sentence: String,
}

/// Google's status and words.
const PAGES: &[(u16, &str, &str)] = &[
    (400, "invalid_request", "The request is missing something or malformed."),
    (
        400,
        "redirect_uri_mismatch",
        "The redirect URI in the request does not match the ones registered for the OAuth client.",
    ),
    (400, "invalid_scope", "Some requested scopes were invalid."),
    (400, "unsupported_response_type", "Only the response type “code” is supported here."),
    (
        400,
        "admin_policy_enforced",
        "Access to your account data is restricted by policies within your organization.",
    ),
    (401, "invalid_client", "The OAuth client was not found."),
    (401, "deleted_client", "The OAuth client was deleted."),
    (403, "org_internal", "This client is restricted to users within its organization."),
    (403, "disallowed_useragent", "This browser or app may not be secure: use a full browser."),
    (403, "access_denied", "The developer hasn’t given you access to this app."),
];

impl PageError {
    pub(crate) fn of(error: &str, sentence: Option<String>) -> Self {
        let row = PAGES.iter().find(|(_, name, _)| *name == error);
        Self {
            status: row.map_or(400, |(status, ..)| *status),
            error: error.to_owned(),
            sentence: sentence.unwrap_or_else(|| row.map_or(error, |(_, _, words)| words).to_owned()),
        }
    }

    pub(crate) fn injected(status: Option<u16>, error: &str, sentence: Option<&str>) -> Self {
        let page = Self::of(error, sentence.map(str::to_owned));
        Self { status: status.unwrap_or(page.status), ..page }
    }

    fn missing(parameter: &str) -> Self {
        Self::of("invalid_request", Some(format!("Missing required parameter: {parameter}")))
    }

    fn bad(parameter: &str) -> Self {
        Self::of("invalid_request", Some(format!("Invalid parameter value for {parameter}")))
    }
}

impl Authorization {
    /// Checks a request in Google's order: the client, its redirect URI (exactly), then the rest.
    pub(crate) fn read(query: &Query, world: &World, user_agent: &str) -> Result<Self, PageError> {
        if user_agent.contains("; wv)") {
            return Err(PageError::of("disallowed_useragent", None));
        }
        let needed = |name: &'static str| query.get(name).ok_or_else(|| PageError::missing(name));
        let client = world.client(needed("client_id")?);
        let client = client.ok_or_else(|| PageError::of("invalid_client", None))?;
        if client.deleted {
            return Err(PageError::of("deleted_client", None));
        }
        let redirect_text = needed("redirect_uri")?.to_owned();
        if !client.allows_redirect(&redirect_text, &world.redirect_uris) {
            return Err(PageError::of("redirect_uri_mismatch", None));
        }
        let redirect_uri = Url::parse(&redirect_text).map_err(|_| PageError::bad("redirect_uri"))?;
        if needed("response_type")? != "code" {
            return Err(PageError::of("unsupported_response_type", None));
        }
        let scopes = scope::parse(needed("scope")?).map_err(|unknown| {
            PageError::of(
                "invalid_scope",
                Some(format!("Some requested scopes were invalid. {{invalid=[{unknown}]}}")),
            )
        })?;
        if scopes.is_empty() {
            return Err(PageError::missing("scope"));
        }
        let owned = |name| query.get(name).map(str::to_owned);
        Ok(Self {
            client: client.id.clone(),
            redirect_uri,
            redirect_text,
            scopes,
            state: owned("state"),
            access: access(query)?,
            prompt: prompt(query)?,
            login_hint: owned("login_hint"),
            domain: owned("hd").filter(|domain| domain != "*"),
            earlier: match query.is_true("include_granted_scopes") {
                true => Earlier::Included,
                false => Earlier::LeftOut,
            },
            challenge: challenge(query)?,
            nonce: owned("nonce"),
        })
    }

    /// Back to the client with these parameters, and its state.
    pub(crate) fn back(&self, parameters: &[(&str, &str)]) -> String {
        let mut url = self.redirect_uri.clone();
        let mut pairs = url.query_pairs_mut();
        if let Some(state) = &self.state {
            pairs.append_pair("state", state);
        }
        pairs.extend_pairs(parameters);
        drop(pairs);
        url.into()
    }

    /// The scopes a person ticks: the sign-in ones come with the account, and a lone scope needs no tick.
    pub(crate) fn ticked_one_by_one(&self) -> Vec<&String> {
        let others = self.scopes.iter().filter(|scope| !scope::is_sign_in(scope));
        if self.scopes.len() == 1 {
            return Vec::new();
        }
        others.collect()
    }
}

fn access(query: &Query) -> Result<Access, PageError> {
    match query.get("access_type") {
        Some("offline") => Ok(Access::Offline),
        Some("online") | None => Ok(Access::Online),
        Some(_) => Err(PageError::bad("access_type")),
    }
}

fn prompt(query: &Query) -> Result<Vec<Prompt>, PageError> {
    let words = query.get("prompt").unwrap_or_default().split_whitespace();
    let prompt: Vec<Prompt> = words
        .map(|word| match word {
            "none" => Ok(Prompt::None),
            "consent" => Ok(Prompt::Consent),
            "select_account" => Ok(Prompt::SelectAccount),
            _ => Err(PageError::bad("prompt")),
        })
        .collect::<Result<_, _>>()?;
    if prompt.contains(&Prompt::None) && prompt.len() > 1 {
        return Err(PageError::bad("prompt"));
    }
    Ok(prompt)
}

fn challenge(query: &Query) -> Result<Option<Challenge>, PageError> {
    let method = query.get("code_challenge_method");
    let Some(challenge) = query.get("code_challenge") else {
        return match method {
            Some(_) => Err(PageError::missing("code_challenge")),
            None => Ok(None),
        };
    };
    if !(43..=128).contains(&challenge.len()) {
        return Err(PageError::bad("code_challenge"));
    }
    match method {
        Some("S256") => Ok(Some(Challenge::S256(challenge.to_owned()))),
        Some("plain") | None => Ok(Some(Challenge::Plain(challenge.to_owned()))),
        Some(_) => Err(PageError::bad("code_challenge_method")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::Change;
    use crate::client::Client;

    const URI: &str = "http://localhost:3001/oauth2callback";

    fn read(changes: &[(&str, &str)]) -> Result<Authorization, PageError> {
        let mut world = World::default();
        world.apply(Change::Client(Client::new("id".to_owned(), "secret".to_owned())));
        world.apply(Change::RedirectUri(URI.to_owned()));
        let mut pairs = vec![
            ("client_id", "id"),
            ("redirect_uri", URI),
            ("response_type", "code"),
            ("scope", "openid calendar.events"),
        ];
        for (name, value) in changes {
            pairs.retain(|(known, _)| known != name);
            if !value.is_empty() {
                pairs.push((name, value));
            }
        }
        let text = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        Authorization::read(&Query::parse(&text), &world, "")
    }

    #[test]
    fn every_bad_request_has_its_page() {
        for (name, value, status, error) in [
            ("client_id", "", 400, "invalid_request"),
            ("client_id", "other", 401, "invalid_client"),
            ("redirect_uri", "", 400, "invalid_request"),
            ("redirect_uri", "http://localhost:3001/oauth2callback/", 400, "redirect_uri_mismatch"),
            ("redirect_uri", "https://localhost:3001/oauth2callback", 400, "redirect_uri_mismatch"),
            ("redirect_uri", "http://LOCALHOST:3001/oauth2callback", 400, "redirect_uri_mismatch"),
            ("response_type", "", 400, "invalid_request"),
            ("response_type", "token", 400, "unsupported_response_type"),
            ("scope", "", 400, "invalid_request"),
            ("scope", "openid nonsense", 400, "invalid_scope"),
            ("access_type", "sometimes", 400, "invalid_request"),
            ("prompt", "none consent", 400, "invalid_request"),
            ("prompt", "please", 400, "invalid_request"),
            ("code_challenge", "short", 400, "invalid_request"),
            ("code_challenge_method", "S256", 400, "invalid_request"),
        ] {
            let page = read(&[(name, value)]).unwrap_err();
            assert_eq!((page.status, page.error.as_str()), (status, error), "{name}={value}");
        }
    }

    #[test]
    fn a_webview_is_turned_away() {
        let page =
            Authorization::read(&Query::default(), &World::default(), "Mozilla/5.0 (Linux; Android 15; wv)");
        assert_eq!(page.unwrap_err().error, "disallowed_useragent");
    }

    #[test]
    fn the_way_back_keeps_the_state_and_what_was_there() {
        let mut request = read(&[("state", "a b")]).unwrap();
        request.redirect_uri.set_query(Some("kept=1"));
        assert_eq!(
            request.back(&[("error", "access_denied")]),
            "http://localhost:3001/oauth2callback?kept=1&state=a+b&error=access_denied"
        );
    }

    #[test]
    fn a_lone_scope_needs_no_tick_and_sign_in_never_does() {
        assert_eq!(read(&[]).unwrap().ticked_one_by_one().len(), 1);
        assert!(read(&[("scope", "calendar.events")]).unwrap().ticked_one_by_one().is_empty());
        assert!(read(&[("scope", "openid email profile")]).unwrap().ticked_one_by_one().is_empty());
        assert_eq!(read(&[("scope", "calendar calendar.events")]).unwrap().ticked_one_by_one().len(), 2);
    }
}
