//! Why a vault cannot be opened.

/// Why there is no vault; each sentence says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultOpenError {
    /// The URL itself.
    #[error("VAULT_URL cannot be used: {0}")]
    InvalidUrl(String),
    /// It did not answer: it may later.
    #[error("the vault cannot be reached: {0}")]
    Unreachable(String),
    /// It answered, and refused.
    #[error("the vault refuses: {0}")]
    Refused(String),
    /// It would confirm what it can still lose.
    #[error("the vault would lose what it has confirmed: {0}")]
    NotDurable(String),
    /// It is where everything may be lost at any time.
    #[error(
        "VAULT_URL names the server that REDIS_URL names (another database of it is the same server): the \
         vault must survive that server being emptied; give it a Redis of its own, or PostgreSQL"
    )]
    SameServer,
}

impl VaultOpenError {
    /// Whether trying again after a while may help, with nobody changing anything.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::InvalidUrl(_) | Self::Refused(_) | Self::NotDurable(_) | Self::SameServer => false,
        }
    }
}
