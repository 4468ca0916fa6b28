//! The port `TokenEndpoint` of the fake.

use std::time::Duration;

use async_trait::async_trait;
use common::port::{ClientRef, ConsentRequest, GoogleUser, Grant, RefreshToken, TokenEndpoint, TokenError};
use common::time::{after, hours};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

use super::{Google, Granting, client};

/// How long an access token is good for.
const LIFE: Duration = hours(1);

/// The refresh token of a user's connection number so-and-so.
pub fn refresh_token(user: &str, generation: u64) -> String {
    format!("refresh {user} {generation}")
}

#[async_trait]
impl TokenEndpoint for Google {
    fn consent_url(&self, _: &ConsentRequest) -> String {
        unreachable!("a worker asks nobody for consent")
    }

    async fn exchange(&self, _: &str, _: &str, _: Timestamp) -> Result<Grant, TokenError> {
        unreachable!("a worker trades no codes")
    }

    async fn refresh(
        &self,
        connection: &ClientRef,
        token: &RefreshToken,
        now: Timestamp,
    ) -> Result<Grant, TokenError> {
        if *connection != client() {
            let error = "client_changed".to_owned();
            return Err(TokenError::InvalidClient { error, description: String::new() });
        }
        let granting = {
            let mut state = self.state();
            state.refreshes += 1;
            state.grants.pop_front()
        };
        if self.state().tokens_hang {
            // As long as the real client waits for an answer.
            self.clock.sleep(std::time::Duration::from_secs(20)).await;
            return Err(TokenError::Transport("no answer".to_owned()));
        }
        match granting {
            None => {}
            Some(Granting::Refuse(error)) => return Err(error),
            Some(Granting::Hold(gate, then)) => {
                gate.pass().await;
                then.map_or(Ok(()), Err)?;
            }
        }
        let token = token.0.expose_secret();
        let mut state = self.state();
        if state.dead_grants.contains(token) {
            let description = "Token has been expired or revoked.".to_owned();
            return Err(TokenError::InvalidGrant { description });
        }
        let user = token.split(' ').nth(1).expect("a refresh token names its user").to_owned();
        let access_token = format!("access {user} {}", state.refreshes);
        let expires_at = after(now, LIFE);
        state.access.insert(access_token.clone(), (user, expires_at));
        Ok(Grant {
            access_token: SecretString::from(access_token),
            expires_at,
            refresh_token: None,
            scopes: Vec::new(),
        })
    }

    async fn revoke(&self, _: &ClientRef, token: &RefreshToken) -> Result<(), TokenError> {
        let mut state = self.state();
        if let Some(Granting::Refuse(error)) = state.grants.pop_front() {
            return Err(error);
        }
        state.dead_grants.insert(token.0.expose_secret().to_owned());
        Ok(())
    }

    async fn user(&self, _: &SecretString) -> Result<GoogleUser, TokenError> {
        unreachable!("a worker asks nobody's name")
    }

    fn client(&self) -> ClientRef {
        client()
    }

    fn scopes(&self) -> Vec<String> {
        Vec::new()
    }
}
