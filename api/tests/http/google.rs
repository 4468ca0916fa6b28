//! Google's OAuth endpoints as a stateful fake.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use common::port::{ClientRef, ConsentRequest, GoogleUser, Grant, RefreshToken, TokenEndpoint, TokenError};
use common::time;
use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

pub const EVENTS_SCOPE: &str = "https://www.googleapis.com/auth/calendar.events";

/// Its state: who answers the consent page, and how.
pub struct FakeGoogle(Mutex<State>);

struct State {
    user: GoogleUser,
    scopes: Vec<String>,
    refresh_token: bool,
    failure: Option<TokenError>,
    panics: bool,
    challenges: Vec<String>,
    /// While it is there and empty, codes are not traded yet.
    turnstile: Option<Arc<Semaphore>>,
    spent: Vec<String>,
    asked: usize,
    revoked: Vec<String>,
    returns_to: String,
}

pub fn user(name: &str) -> GoogleUser {
    GoogleUser { sub: format!("sub-{name}"), email: format!("{name}@example.com") }
}

impl FakeGoogle {
    pub fn new() -> Self {
        Self(Mutex::new(State {
            user: user("ada"),
            scopes: vec!["openid".to_owned(), EVENTS_SCOPE.to_owned()],
            refresh_token: true,
            failure: None,
            panics: false,
            challenges: Vec::new(),
            turnstile: None,
            spent: Vec::new(),
            asked: 0,
            revoked: Vec::new(),
            returns_to: "https://calendar.example/oauth2callback".to_owned(),
        }))
    }

    /// Who consents from now on.
    pub fn answer_as(&self, name: &str) {
        self.0.lock().unwrap().user = user(name);
    }

    /// What is ticked from now on.
    pub fn grant(&self, scopes: &[&str]) {
        self.0.lock().unwrap().scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    }

    /// From now on access is for an hour only.
    pub fn keep_refresh_tokens(&self) {
        self.0.lock().unwrap().refresh_token = false;
    }

    pub fn fail(&self, error: Option<TokenError>) {
        self.0.lock().unwrap().failure = error;
    }

    /// From now on a code is traded only after `release`.
    pub fn hold(&self) {
        self.0.lock().unwrap().turnstile = Some(Arc::new(Semaphore::new(0)));
    }

    /// Lets everything go on that was held.
    pub fn release(&self) {
        if let Some(turnstile) = self.0.lock().unwrap().turnstile.take() {
            turnstile.add_permits(1_000);
        }
    }

    /// How many codes it was asked to trade.
    pub fn asked(&self) -> usize {
        self.0.lock().unwrap().asked
    }

    /// From now on the code of the adapter itself is broken.
    pub fn panic(&self) {
        self.0.lock().unwrap().panics = true;
    }

    /// Where browsers are sent back to from now on.
    pub fn return_to(&self, callback: &str) {
        self.0.lock().unwrap().returns_to = callback.to_owned();
    }

    pub fn revoked(&self) -> Vec<String> {
        self.0.lock().unwrap().revoked.clone()
    }
}

#[async_trait]
impl TokenEndpoint for FakeGoogle {
    fn consent_url(&self, request: &ConsentRequest) -> String {
        let (panics, returns_to) = {
            let mut state = self.0.lock().unwrap();
            // Only a real request: the ingress also asks where it would lead.
            let real = !request.state.is_empty();
            if real {
                state.challenges.push(request.code_challenge.clone());
            }
            (state.panics && real, state.returns_to.clone())
        };
        assert!(!panics, "told to");
        let hint = request.login_hint.as_deref().unwrap_or_default();
        let state = &request.state;
        format!("https://accounts.example/auth?state={state}&login_hint={hint}&redirect_uri={returns_to}")
    }

    async fn exchange(&self, code: &str, verifier: &str, now: Timestamp) -> Result<Grant, TokenError> {
        let turnstile = self.0.lock().unwrap().turnstile.clone();
        if let Some(turnstile) = turnstile {
            turnstile.acquire().await.unwrap().forget();
        }
        let mut state = self.0.lock().unwrap();
        state.asked += 1;
        if let Some(error) = &state.failure {
            return Err(error.clone());
        }
        let challenge = BASE64URL_NOPAD.encode(&Sha256::digest(verifier.as_bytes()));
        let proven = state.challenges.contains(&challenge);
        if !proven || state.spent.contains(&code.to_owned()) {
            return Err(TokenError::InvalidGrant { description: "Malformed auth code.".to_owned() });
        }
        state.spent.push(code.to_owned());
        let refresh = format!("refresh-{}", state.user.sub);
        Ok(Grant {
            access_token: SecretString::from("access".to_owned()),
            expires_at: time::after(now, time::hours(1)),
            refresh_token: state.refresh_token.then(|| RefreshToken(SecretString::from(refresh))),
            scopes: state.scopes.clone(),
        })
    }

    async fn refresh(&self, _: &ClientRef, _: &RefreshToken, _: Timestamp) -> Result<Grant, TokenError> {
        Err(TokenError::Transport("the ingress never refreshes".to_owned()))
    }

    async fn revoke(&self, _: &ClientRef, token: &RefreshToken) -> Result<(), TokenError> {
        let mut state = self.0.lock().unwrap();
        if let Some(error) = &state.failure {
            return Err(error.clone());
        }
        state.revoked.push(token.0.expose_secret().to_owned());
        Ok(())
    }

    async fn user(&self, _: &SecretString) -> Result<GoogleUser, TokenError> {
        Ok(self.0.lock().unwrap().user.clone())
    }

    fn client(&self) -> ClientRef {
        ClientRef { token_uri: "https://accounts.example/token".to_owned(), client_id: "client".to_owned() }
    }

    fn scopes(&self) -> Vec<String> {
        vec!["openid".to_owned(), EVENTS_SCOPE.to_owned()]
    }
}
