//! Access tokens: from the cache, or by one refresh per account at a time.

use common::account::{Account, Generation};
use common::accounts::AccountError;
use common::port::{AccessToken, Grant, TokenError};

use crate::Ports;
use crate::breaker::{Breaker, Outcome};
use crate::metrics;
use crate::trouble::Trouble;

/// A token for this connection of the account, fresh enough for a call.
///
/// # Errors
/// Why there is none.
pub(crate) async fn access_token(
    ports: &Ports,
    breaker: &Breaker,
    account: &Account,
) -> Result<AccessToken, Trouble> {
    if let Some(token) = ports.tokens.get(&account.id, account.generation, ports.clock.now()).await {
        metrics::token_cache(metrics::Cache::Hit);
        return Ok(token);
    }
    metrics::token_cache(metrics::Cache::Miss);
    let _turn = ports.tokens.refresh_turn(&account.id).await;
    // Whoever held the turn before may have refreshed it.
    if let Some(token) = ports.tokens.get(&account.id, account.generation, ports.clock.now()).await {
        return Ok(token);
    }
    // And the account may have been connected anew since this attempt read it.
    let current = ports.accounts.get_now(&account.id).await.map_err(Trouble::Vault)?;
    let account = current.as_deref().ok_or(Trouble::Disconnected)?;
    refresh(ports, breaker, account).await
}

async fn refresh(ports: &Ports, breaker: &Breaker, account: &Account) -> Result<AccessToken, Trouble> {
    let refresh_token = account
        .refresh_token(ports.accounts.ring())
        .map_err(Trouble::Sealed)?
        .ok_or(Trouble::Disconnected)?;
    let permit = breaker.admit().map_err(|retry_in| Trouble::CircuitOpen { retry_in })?;
    let now = ports.clock.now();
    let answer = ports.endpoint.refresh(&account.client, &refresh_token, now).await;
    permit.report(&account.id, outcome(&answer));
    metrics::token_refresh(&answer);
    let grant = answer.map_err(Trouble::Token)?;
    keep(ports, account, grant).await
}

async fn keep(ports: &Ports, account: &Account, grant: Grant) -> Result<AccessToken, Trouble> {
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
) -> Result<(), Trouble> {
    match ports.accounts.replace_refresh_token(&account.id, generation, token).await {
        Ok(()) => Ok(()),
        Err(AccountError::Vault(error)) => Err(Trouble::Vault(error)),
        Err(AccountError::Sealed(error)) => Err(Trouble::Sealed(error)),
        Err(AccountError::NeverConnected | AccountError::OtherUser { .. }) => Err(Trouble::Disconnected),
    }
}

fn outcome(answer: &Result<Grant, TokenError>) -> Outcome {
    match answer {
        Err(TokenError::Unavailable { .. } | TokenError::Transport(_)) => Outcome::Down,
        Ok(_)
        | Err(
            TokenError::InvalidGrant { .. }
            | TokenError::InvalidClient { .. }
            | TokenError::Denied { .. }
            | TokenError::Throttled { .. }
            | TokenError::Refused { .. },
        ) => Outcome::Up,
    }
}
