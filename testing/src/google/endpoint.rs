//! A token endpoint that remembers its grants, and fails on demand.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use common::port::{
    ClientRef, Clock, ConsentRequest, GoogleUser, Grant, RefreshToken, TokenEndpoint, TokenError,
};
use common::time::{after, hours};
use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use super::{Answering, EVENTS_SCOPE, client, refresh_token, user};
use crate::Gate;

/// How long an access token is good for.
const LIFE: Duration = hours(1);
/// How long the real client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Google's OAuth endpoints. A refresh token is known by its form ([`refresh_token`]): a test may hand one out without a
/// consent page.
pub struct FakeTokenEndpoint {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The user who answers the consent page.
    user: String,
    /// What that user ticks there.
    scopes: Vec<String>,
    keeps_refresh_tokens: bool,
    returns_to: String,
    consent_panics: bool,
    challenges: Vec<String>,
    codes_wait_for: Option<Gate>,
    spent_codes: Vec<String>,
    exchanges: usize,
    refreshes: u32,
    planned: VecDeque<Answering>,
    failure: Option<TokenError>,
    hangs: bool,
    /// The user of each access token, and until when it is good.
    access: HashMap<String, (String, Timestamp)>,
    access_tokens_made: u64,
    /// The number of each user's last consent.
    consents: HashMap<String, u64>,
    /// Up to which consent each user's grants have ended.
    ended: HashMap<String, u64>,
    revoked: Vec<String>,
}

impl FakeTokenEndpoint {
    /// An endpoint at whose consent page the user `ada` ticks everything.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let state = State {
            user: "ada".to_owned(),
            scopes: scopes(),
            returns_to: "https://calendar.example/oauth2callback".to_owned(),
            ..State::default()
        };
        Self { clock, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics holding it")
    }

    /// From now on this user answers the consent page.
    pub fn answer_as(&self, name: &str) {
        self.state().user = name.to_owned();
    }

    /// From now on the user ticks these scopes alone.
    pub fn grant(&self, scopes: &[&str]) {
        self.state().scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    }

    /// From now on access is for an hour only.
    pub fn keep_refresh_tokens(&self) {
        self.state().keeps_refresh_tokens = true;
    }

    /// Where browsers are sent back to from now on.
    pub fn return_to(&self, callback: &str) {
        self.state().returns_to = callback.to_owned();
    }

    /// From now on the code that makes consent pages' addresses is broken.
    pub fn panic(&self) {
        self.state().consent_panics = true;
    }

    /// From now on a code is traded only when the gate is open.
    pub fn hold_codes(&self) -> Gate {
        self.state().codes_wait_for.insert(Gate::new()).clone()
    }

    /// How the next request for, or about, a token goes that nothing is planned for yet.
    pub fn next(&self, answering: Answering) {
        self.state().planned.push_back(answering);
    }

    /// How every request for, or about, a token goes from now on; nothing means well.
    pub fn fail(&self, error: Option<TokenError>) {
        self.state().failure = error;
    }

    /// Whether the endpoint takes requests for access tokens and answers none.
    pub fn hang(&self, hangs: bool) {
        self.state().hangs = hangs;
    }

    /// From now on the access tokens that are out are not taken any more.
    pub fn refuse_access_tokens(&self) {
        self.state().access.clear();
    }

    /// The user ends the grant behind a refresh token.
    pub fn end_grant(&self, token: &RefreshToken) {
        self.state().end_grant(token.0.expose_secret());
    }

    /// How many codes the endpoint was asked to trade.
    pub fn exchanges(&self) -> usize {
        self.state().exchanges
    }

    /// How many access tokens were asked for by refresh tokens.
    pub fn refreshes(&self) -> u32 {
        self.state().refreshes
    }

    /// The tokens that were given back, in order.
    pub fn revoked(&self) -> Vec<String> {
        self.state().revoked.clone()
    }

    /// The user of an access token, if it is taken at that time.
    pub(super) fn user_of(&self, access_token: &str, at: Timestamp) -> Option<String> {
        let state = self.state();
        let (user, _) = state.access.get(access_token).filter(|(_, until)| at < *until)?;
        Some(user.clone())
    }

    /// Goes as was planned, or well.
    async fn go(&self, planned: Option<Answering>) -> Result<(), TokenError> {
        match planned {
            None => Ok(()),
            Some(Answering::Refuse(error)) => Err(error),
            Some(Answering::Hold(gate, then)) => {
                gate.pass().await;
                then.map_or(Ok(()), Err)
            }
        }
    }
}

impl State {
    /// What a request that has just come meets.
    fn planned(&mut self) -> Option<Answering> {
        self.planned.pop_front().or_else(|| self.failure.clone().map(Answering::Refuse))
    }

    fn last_consent(&self, user: &str) -> u64 {
        let known = [self.consents.get(user), self.ended.get(user)];
        known.into_iter().flatten().copied().max().unwrap_or_default()
    }

    fn end_grant(&mut self, token: &str) {
        let Some((user, consent)) = parsed(token) else { return };
        // A grant is all of a user's consents so far, whichever token of it is named.
        let last = self.last_consent(&user).max(consent);
        self.access.retain(|_, (of, _)| *of != user);
        self.ended.insert(user, last);
    }

    fn access_token(&mut self, user: &str, now: Timestamp) -> Grant {
        self.access_tokens_made += 1;
        let access_token = format!("access {user} {}", self.access_tokens_made);
        let expires_at = after(now, LIFE);
        self.access.insert(access_token.clone(), (user.to_owned(), expires_at));
        Grant {
            access_token: SecretString::from(access_token),
            expires_at,
            refresh_token: None,
            scopes: self.scopes.clone(),
        }
    }
}

/// The user and the consent that a refresh token names.
fn parsed(token: &str) -> Option<(String, u64)> {
    let (user, consent) = token.strip_prefix("refresh ")?.rsplit_once(' ')?;
    Some((user.to_owned(), consent.parse().ok()?))
}

fn scopes() -> Vec<String> {
    ["openid", EVENTS_SCOPE].map(str::to_owned).to_vec()
}

fn client_changed() -> TokenError {
    TokenError::InvalidClient { error: "client_changed".to_owned(), description: String::new() }
}

fn dead(description: &str) -> TokenError {
    TokenError::InvalidGrant { description: description.to_owned() }
}

#[async_trait]
impl TokenEndpoint for FakeTokenEndpoint {
    fn consent_url(&self, request: &ConsentRequest) -> String {
        let (panics, returns_to) = {
            let mut state = self.state();
            // Only a real request: the ingress also asks where it would lead.
            let real = !request.state.is_empty();
            if real {
                state.challenges.push(request.code_challenge.clone());
            }
            (state.consent_panics && real, state.returns_to.clone())
        };
        assert!(!panics, "as told");
        let hint = request.login_hint.as_deref().unwrap_or_default();
        let state = &request.state;
        format!("https://accounts.example/auth?state={state}&login_hint={hint}&redirect_uri={returns_to}")
    }

    async fn exchange(&self, code: &str, verifier: &str, now: Timestamp) -> Result<Grant, TokenError> {
        let gate = self.state().codes_wait_for.clone();
        if let Some(gate) = gate {
            gate.pass().await;
        }
        let planned = {
            let mut state = self.state();
            state.exchanges += 1;
            state.planned()
        };
        self.go(planned).await?;
        let mut state = self.state();
        let challenge = BASE64URL_NOPAD.encode(&Sha256::digest(verifier.as_bytes()));
        if !state.challenges.contains(&challenge) || state.spent_codes.iter().any(|spent| spent == code) {
            return Err(dead("Malformed auth code."));
        }
        state.spent_codes.push(code.to_owned());
        let name = state.user.clone();
        let consent = state.last_consent(&name) + 1;
        state.consents.insert(name.clone(), consent);
        let refresh_token = refresh_token(&name, consent);
        let refresh_token = (!state.keeps_refresh_tokens).then_some(refresh_token);
        Ok(Grant { refresh_token, ..state.access_token(&name, now) })
    }

    async fn refresh(
        &self,
        connection: &ClientRef,
        token: &RefreshToken,
        now: Timestamp,
    ) -> Result<Grant, TokenError> {
        if *connection != client() {
            return Err(client_changed());
        }
        let (planned, hangs) = {
            let mut state = self.state();
            state.refreshes += 1;
            (state.planned(), state.hangs)
        };
        if hangs {
            self.clock.sleep(PATIENCE).await;
            return Err(TokenError::Transport("no answer".to_owned()));
        }
        self.go(planned).await?;
        let mut state = self.state();
        let known = parsed(token.0.expose_secret());
        let live = known.filter(|(user, consent)| state.ended.get(user).is_none_or(|ended| ended < consent));
        let (user, _) = live.ok_or_else(|| dead("Token has been expired or revoked."))?;
        Ok(state.access_token(&user, now))
    }

    async fn revoke(&self, connection: &ClientRef, token: &RefreshToken) -> Result<(), TokenError> {
        if connection.token_uri != client().token_uri {
            return Err(client_changed());
        }
        let planned = self.state().planned();
        self.go(planned).await?;
        let token = token.0.expose_secret();
        let mut state = self.state();
        state.end_grant(token);
        state.revoked.push(token.to_owned());
        Ok(())
    }

    async fn user(&self, token: &SecretString) -> Result<GoogleUser, TokenError> {
        let name = self.user_of(token.expose_secret(), self.clock.now());
        name.map(|name| user(&name)).ok_or_else(|| TokenError::Refused {
            error: "authError".to_owned(),
            description: "Invalid Credentials".to_owned(),
        })
    }

    fn client(&self) -> ClientRef {
        client()
    }

    fn scopes(&self) -> Vec<String> {
        scopes()
    }
}
