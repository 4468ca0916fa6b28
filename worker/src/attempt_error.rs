//! Everything that can keep an attempt from its end, before anybody has decided what it means.

use std::time::Duration;

use common::account::Generation;
use common::job::Refusal;
use common::port::{CalendarError, StoreError, TokenError, VaultError};
use common::seal::OpenError;

/// What went wrong, with its kind kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AttemptError {
    /// Google Calendar said no, or nothing.
    Calendar { error: CalendarError, circuit: Circuit, generation: Generation },
    /// Google took neither the token nor its fresh successor.
    TokenRefusedTwice(Generation),
    /// The token endpoint said no, or nothing.
    Token(TokenError, Generation),
    /// Another job of the account has been asking the token endpoint for a while.
    TokenAwaited,
    /// The account has no refresh token any more.
    Disconnected(Generation),
    /// No room under Google's quotas for now. A booked turn comes when the wait is over.
    Quota { retry_in: Duration, booked: bool },
    /// Google is being left alone for now.
    CircuitOpen { retry_in: Duration },
    /// Something sealed cannot be opened.
    Sealed(OpenError),
    /// The job was sealed for a user who had the account's name before.
    FormerAccount,
    /// The vault cannot be used.
    Vault(VaultError),
    /// The store cannot be used.
    Store(StoreError),
    /// The record changed under the attempt: it must not write.
    Lost(Refusal),
    /// The attempt's own hard deadline passed while Google Calendar had a request of it.
    Deadline,
    /// It passed while the attempt waited for something of ours: Google Calendar was not asked, or had answered.
    Late,
    /// The attempt panicked.
    Panicked,
    /// This worker is stopping.
    Stopping,
}

/// Whether the breaker let everything through when a call was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Circuit {
    /// It did.
    Closed,
    /// The call was the one that is let through to see whether Google is back.
    Probing,
}

impl AttemptError {
    /// Which of the account's connections it was about.
    pub(crate) fn generation(&self) -> Option<Generation> {
        match self {
            Self::Calendar { generation, .. }
            | Self::TokenRefusedTwice(generation)
            | Self::Token(_, generation)
            | Self::Disconnected(generation) => Some(*generation),
            Self::Quota { .. }
            | Self::CircuitOpen { .. }
            | Self::Sealed(_)
            | Self::FormerAccount
            | Self::Vault(_)
            | Self::Store(_)
            | Self::Lost(_)
            | Self::TokenAwaited
            | Self::Deadline
            | Self::Late
            | Self::Panicked
            | Self::Stopping => None,
        }
    }

    /// What to say of it in a log: never an address, never a URL.
    pub(crate) fn summary(&self) -> String {
        match self {
            Self::Calendar { error, .. } => error.to_string(),
            Self::TokenRefusedTwice(_) => "a fresh access token was refused too".to_owned(),
            Self::Token(error, _) => error.to_string(),
            Self::Disconnected(_) => "the account has no refresh token".to_owned(),
            Self::Quota { .. } => "no room under the quotas".to_owned(),
            Self::CircuitOpen { .. } => "the endpoint is left alone for now".to_owned(),
            Self::Sealed(error) => error.to_string(),
            Self::FormerAccount => "the account was erased, or given to another user, since".to_owned(),
            Self::Vault(error) => error.to_string(),
            Self::Store(error) => error.to_string(),
            Self::Lost(_) => "the job changed under the attempt".to_owned(),
            Self::TokenAwaited => "the account's token is still being refreshed".to_owned(),
            Self::Deadline => "Google did not answer in time".to_owned(),
            Self::Late => "the attempt took too long before it asked Google".to_owned(),
            Self::Panicked => "the attempt panicked".to_owned(),
            Self::Stopping => "this worker is stopping".to_owned(),
        }
    }
}
