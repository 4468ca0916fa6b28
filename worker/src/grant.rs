//! Grants that Google no longer takes: the account waits for its user, who is told once.

use common::account::{AccountId, Generation, ReauthorizationCause};
use common::port::TokenError;

use crate::ports::Ports;

/// Why the user has to connect again, if that is what an answer of the token endpoint means.
pub(crate) fn lost(error: &TokenError) -> Option<ReauthorizationCause> {
    match error {
        TokenError::InvalidGrant { .. } => Some(ReauthorizationCause::GrantEnded),
        TokenError::LoginRequired { .. } => Some(ReauthorizationCause::LoginRequired),
        TokenError::Denied { .. } => Some(ReauthorizationCause::AdminForbids),
        TokenError::NoSuchUser { .. } => Some(ReauthorizationCause::NoSuchUser),
        // Said by our own guard: the account was connected with another client than ours.
        TokenError::InvalidClient { error, .. } if error == "client_changed" => {
            Some(ReauthorizationCause::ClientChanged)
        }
        TokenError::InvalidClient { .. }
        | TokenError::Throttled { .. }
        | TokenError::Unavailable { .. }
        | TokenError::Transport(_)
        | TokenError::Refused { .. } => None,
    }
}

/// Google refused connection `generation` of the account. Says so once, and does nothing when the
/// account has been connected again since.
pub(crate) async fn give_up(
    ports: &Ports,
    id: &AccountId,
    generation: Generation,
    cause: ReauthorizationCause,
    summary: &str,
) {
    match ports.accounts.needs_reauthorization(id, generation, cause).await {
        Ok(true) => tracing::error!(
            account.id = %id,
            "Account {id} has to be connected again ({summary}); its jobs wait until then"
        ),
        Ok(false) => {}
        Err(error) => tracing::warn!("An account's state could not be kept: {error}"),
    }
}
