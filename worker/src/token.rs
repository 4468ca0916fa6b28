//! Access tokens: from the cache, or by one refresh per account at a time.

use std::time::Duration;

use accounts::AccountError;
use common::account::{Account, AccountState, Generation, ReauthorizationCause};
use common::port::{AccessToken, Grant, TokenError};

use crate::attempt_error::AttemptError;
use crate::breaker::{Breaker, Outcome, Permit};
use crate::ports::Ports;
use crate::refused::Refused;
use crate::{grant, metrics};

/// Another job of the account that refreshes its token is waited for so long.
const TURN: Duration = Duration::from_secs(5);

/// A token for this connection of the account, fresh enough for a call.
///
/// # Errors
/// Why there is none.
pub(crate) async fn access_token(
    ports: &Ports,
    breaker: &Breaker,
    refused: &Refused,
    account: &Account,
) -> Result<AccessToken, AttemptError> {
    if let Some(token) = ports.tokens.get(&account.id, account.generation, ports.clock.now()).await {
        metrics::token_cache(metrics::Cache::Hit);
        return Ok(token);
    }
    metrics::token_cache(metrics::Cache::Miss);
    // Before the turn, which an endpoint that hangs would have every process wait for in vain.
    let permit = breaker.admit(&account.id).map_err(|retry_in| AttemptError::CircuitOpen { retry_in })?;
    let _turn = tokio::select! {
        turn = ports.tokens.refresh_turn(&account.id) => turn,
        // A turn that was given up ends when it is dropped.
        () = ports.clock.sleep(TURN) => return Err(AttemptError::TokenAwaited),
    };
    // The process that held the turn before may have refreshed it.
    if let Some(token) = ports.tokens.get(&account.id, account.generation, ports.clock.now()).await {
        return Ok(token);
    }
    // And the account may have been connected anew since this attempt read it, or lost its grant.
    let current = ports.accounts.get_now(&account.id).await.map_err(AttemptError::Vault)?;
    let current = current.as_deref().ok_or(AttemptError::Disconnected(account.generation))?;
    if current.user_key != account.user_key {
        // What is to be written was sealed for another user: it does not go into this one's calendar.
        return Err(AttemptError::FormerAccount);
    }
    if account.state == AccountState::Connected && current.state != AccountState::Connected {
        return Err(AttemptError::Disconnected(current.generation));
    }
    if current.generation != account.generation
        && let Some(token) = ports.tokens.get(&current.id, current.generation, ports.clock.now()).await
    {
        return Ok(token);
    }
    refresh(ports, permit, refused, current).await
}

async fn refresh(
    ports: &Ports,
    mut permit: Permit<'_>,
    refused: &Refused,
    account: &Account,
) -> Result<AccessToken, AttemptError> {
    if let Some(error) = refused.lately(account, ports.clock.now()) {
        return Err(AttemptError::Token(error, account.generation));
    }
    let refresh_token = account
        .refresh_token(ports.accounts.ring())
        .map_err(AttemptError::Sealed)?
        .ok_or(AttemptError::Disconnected(account.generation))?;
    let now = ports.clock.now();
    permit.asks();
    let answer = ports.endpoint.refresh(&account.client, &refresh_token, now).await;
    permit.report(outcome(&answer));
    metrics::token_refresh(&answer);
    if asked(&answer) {
        refused.heard(ports.vault.as_ref(), account, answer.as_ref().map(|_| ()), ports.clock.now()).await;
    }
    match answer {
        Ok(grant) => keep(ports, account, grant).await,
        Err(error) => {
            if let Some(cause) = grant::lost(&error) {
                // While others wait for this turn, so that none of them tries the dead grant again.
                grant::give_up(ports, &account.id, account.generation, cause, &error.to_string()).await;
            }
            Err(AttemptError::Token(error, account.generation))
        }
    }
}

async fn keep(ports: &Ports, account: &Account, grant: Grant) -> Result<AccessToken, AttemptError> {
    if let Some(new) = &grant.refresh_token {
        store_new(ports, account, account.generation, new).await?;
    }
    let token = AccessToken {
        secret: grant.access_token,
        expires_at: grant.expires_at,
        generation: account.generation,
    };
    ports.tokens.put(&account.id, &token, ports.clock.now()).await;
    Ok(token)
}

async fn store_new(
    ports: &Ports,
    account: &Account,
    generation: Generation,
    token: &common::port::RefreshToken,
) -> Result<(), AttemptError> {
    match ports.accounts.replace_refresh_token(&account.id, generation, token).await {
        Ok(()) => Ok(()),
        Err(AccountError::Vault(error)) => Err(AttemptError::Vault(error)),
        Err(AccountError::Sealed(error)) => Err(AttemptError::Sealed(error)),
        Err(AccountError::NeverConnected | AccountError::OtherUser { .. }) => {
            Err(AttemptError::Disconnected(generation))
        }
    }
}

/// Whether the answer is Google's, and not our own guard's.
fn asked(answer: &Result<Grant, TokenError>) -> bool {
    match answer {
        Err(error) => grant::lost(error) != Some(ReauthorizationCause::ClientChanged),
        Ok(_) => true,
    }
}

fn outcome(answer: &Result<Grant, TokenError>) -> Outcome {
    match answer {
        Err(TokenError::Unavailable { .. } | TokenError::Transport(_)) => Outcome::Down,
        Ok(_)
        | Err(
            TokenError::InvalidGrant { .. }
            | TokenError::LoginRequired { .. }
            | TokenError::NoSuchUser { .. }
            | TokenError::InvalidClient { .. }
            | TokenError::Denied { .. }
            | TokenError::Throttled { .. }
            | TokenError::Refused { .. },
        ) => Outcome::Up,
    }
}
