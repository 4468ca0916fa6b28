//! `GoogleOauth`: the port `TokenEndpoint` over Google's OAuth endpoints.

use std::time::Duration;

use async_trait::async_trait;
use common::port::{ClientRef, ConsentRequest, GoogleUser, Grant, RefreshToken, TokenEndpoint, TokenError};
use http::{HeaderValue, Method, StatusCode, header};
use jiff::Timestamp;
use oauth2::basic::{BasicClient, BasicErrorResponse, BasicTokenResponse};
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet,
    PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope, TokenResponse as _, TokenUrl,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use url::{Url, form_urlencoded};

use crate::credentials::Credentials;
use crate::error::{self, token};
use crate::http::{Answer, Http, NoToken};

/// What is asked for: to write events, and to know whose calendar it is.
const SCOPES: [&str; 3] = ["https://www.googleapis.com/auth/calendar.events", "openid", "email"];
/// Google always says how long a token is good; this is for an answer that does not.
const UNSAID_EXPIRY: Duration = Duration::from_secs(300);
/// Google's tokens are good for an hour; no answer makes one last longer than this.
const LONGEST_EXPIRY: Duration = Duration::from_secs(24 * 3600);

type Client = BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

/// Google's OAuth endpoints, spoken to as one client.
#[derive(Debug, Clone)]
pub struct GoogleOauth {
    http: Http,
    client: Client,
    client_ref: ClientRef,
    revoke_uri: Url,
    userinfo_uri: Url,
}

impl GoogleOauth {
    pub(crate) fn new(http: Http, credentials: Credentials, redirect_uri: String) -> Self {
        let client_ref = ClientRef {
            token_uri: credentials.token_uri.to_string(),
            client_id: credentials.client_id.clone(),
        };
        let secret = credentials.client_secret.expose_secret().to_owned();
        let client = BasicClient::new(ClientId::new(credentials.client_id))
            .set_client_secret(ClientSecret::new(secret))
            .set_auth_type(AuthType::RequestBody)
            .set_auth_uri(AuthUrl::from_url(credentials.auth_uri))
            .set_token_uri(TokenUrl::from_url(credentials.token_uri))
            .set_redirect_uri(RedirectUrl::new(redirect_uri).expect("it was checked to be a URL"));
        Self {
            http,
            client,
            client_ref,
            revoke_uri: credentials.revoke_uri,
            userinfo_uri: credentials.userinfo_uri,
        }
    }

    /// A token goes to no other Google, and under no other name, than it came from.
    fn is_mine(&self, connection: &ClientRef) -> Result<(), TokenError> {
        self.is_of_this_google(connection)?;
        if connection.client_id == self.client_ref.client_id {
            return Ok(());
        }
        Err(client_changed("another OAuth client of this Google"))
    }

    fn is_of_this_google(&self, connection: &ClientRef) -> Result<(), TokenError> {
        if connection.token_uri == self.client_ref.token_uri {
            return Ok(());
        }
        Err(client_changed("another token endpoint"))
    }

    async fn send(&self, name: &'static str, request: reqwest::Request) -> Result<Answer, TokenError> {
        let answer = self.http.send(name, request).await.map_err(|broken| token::broken(&broken))?;
        if answer.status == StatusCode::OK { Ok(answer) } else { Err(refused(&answer)) }
    }
}

#[async_trait]
impl TokenEndpoint for GoogleOauth {
    fn consent_url(&self, request: &ConsentRequest) -> String {
        let mut url = self
            .client
            .authorize_url(|| CsrfToken::new(request.state.clone()))
            .add_scopes(SCOPES.map(|scope| Scope::new(scope.to_owned())))
            .add_extra_param("code_challenge", &request.code_challenge)
            .add_extra_param("code_challenge_method", "S256")
            // Google gives a refresh token for `offline`, and again for a user it knows only after
            // `consent`.
            .add_extra_param("access_type", "offline")
            .add_extra_param("prompt", "consent")
            .add_extra_param("include_granted_scopes", "true");
        if let Some(hint) = &request.login_hint {
            url = url.add_extra_param("login_hint", hint);
        }
        url.url().0.into()
    }

    async fn exchange(&self, code: &str, verifier: &str, now: Timestamp) -> Result<Grant, TokenError> {
        let response = self
            .client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .set_pkce_verifier(PkceCodeVerifier::new(verifier.to_owned()))
            .request_async(&self.http)
            .await;
        response.map(|response| grant(&response, now)).map_err(|error| no_token(&error))
    }

    async fn refresh(
        &self,
        connection: &ClientRef,
        token: &RefreshToken,
        now: Timestamp,
    ) -> Result<Grant, TokenError> {
        self.is_mine(connection)?;
        let token = oauth2::RefreshToken::new(token.0.expose_secret().to_owned());
        let response = self.client.exchange_refresh_token(&token).request_async(&self.http).await;
        response.map(|response| grant(&response, now)).map_err(|error| no_token(&error))
    }

    // Not through `oauth2`: it refuses to revoke over plain HTTP, which is the sandbox's.
    async fn revoke(&self, connection: &ClientRef, token: &RefreshToken) -> Result<(), TokenError> {
        // Under whichever client it was granted: nobody is asked for a client here, and one that was
        // replaced is no reason to leave its grants standing.
        self.is_of_this_google(connection)?;
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("token", token.0.expose_secret())
            .finish();
        let mut request = reqwest::Request::new(Method::POST, self.revoke_uri.clone());
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(header::CONTENT_TYPE, form_type);
        *request.body_mut() = Some(form.into());
        match self.send("revoke", request).await {
            Ok(_) => Ok(()),
            Err(TokenError::Refused { error, .. }) if error == "invalid_token" => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn user(&self, token: &SecretString) -> Result<GoogleUser, TokenError> {
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.expose_secret()))
            .map_err(|_| TokenError::Transport("the access token cannot be sent".to_owned()))?;
        bearer.set_sensitive(true);
        let mut request = reqwest::Request::new(Method::GET, self.userinfo_uri.clone());
        request.headers_mut().insert(header::AUTHORIZATION, bearer);
        let answer = self.send("userinfo", request).await?;
        user(&answer.body).ok_or_else(|| TokenError::Transport("the answer names no user".to_owned()))
    }

    fn client(&self) -> ClientRef {
        self.client_ref.clone()
    }

    fn scopes(&self) -> Vec<String> {
        SCOPES.map(str::to_owned).to_vec()
    }
}

fn client_changed(what: &str) -> TokenError {
    TokenError::InvalidClient {
        error: "client_changed".to_owned(),
        description: format!(
            "the account was connected with {what} than the one configured now, and its token is not sent \
             elsewhere: restore those credentials or connect the account again"
        ),
    }
}

fn refused(answer: &Answer) -> TokenError {
    token::refusal(answer.status, &answer.headers, &answer.body, error::now())
}

fn no_token(error: &RequestTokenError<NoToken, BasicErrorResponse>) -> TokenError {
    match error {
        RequestTokenError::Request(NoToken::Broken(broken)) => token::broken(broken),
        RequestTokenError::Request(NoToken::Refused(answer)) => refused(answer),
        // A 200 that is no token response. What came may hold a token: it is not repeated here.
        RequestTokenError::ServerResponse(_) | RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
            TokenError::Transport("the answer is not a token".to_owned())
        }
    }
}

fn grant(response: &BasicTokenResponse, now: Timestamp) -> Grant {
    let valid_for = response.expires_in().unwrap_or(UNSAID_EXPIRY).min(LONGEST_EXPIRY);
    let refresh_token = response.refresh_token().map(|token| SecretString::from(token.secret().clone()));
    Grant {
        access_token: SecretString::from(response.access_token().secret().clone()),
        expires_at: now.saturating_add(valid_for).expect("a day is a duration that can be added"),
        refresh_token: refresh_token.map(RefreshToken),
        scopes: match response.scopes() {
            Some(scopes) => scopes.iter().map(as_asked).collect(),
            // RFC 6749 §5.1: left out when it is what was asked for.
            None => SCOPES.map(str::to_owned).to_vec(),
        },
    }
}

/// Google answers `email` and `profile` under other names than they were asked by.
fn as_asked(scope: &Scope) -> String {
    match scope.as_str() {
        "https://www.googleapis.com/auth/userinfo.email" => "email".to_owned(),
        "https://www.googleapis.com/auth/userinfo.profile" => "profile".to_owned(),
        other => other.to_owned(),
    }
}

/// The user in an answer of OpenID Connect's userinfo.
fn user(body: &[u8]) -> Option<GoogleUser> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let text = |field: &str| {
        let text = body.get(field).and_then(Value::as_str)?;
        (!text.is_empty()).then(|| text.to_owned())
    };
    let sub = text("sub")?;
    // Somebody without the scope `email` still has a name that a person can look at.
    Some(GoogleUser { email: text("email").unwrap_or_else(|| sub.clone()), sub })
}
