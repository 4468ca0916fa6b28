//! The command line of `calrelay accounts`.

use clap::{Args, Subcommand};
use common::account::AccountId;

/// What to do with accounts.
#[derive(Debug, Subcommand)]
pub enum AccountsCommand {
    /// Lists accounts: how they stand, and whose they are.
    List,
    /// Shows one account, as JSON.
    Show {
        /// The account.
        #[arg(value_parser = AccountId::parse)]
        account: AccountId,
    },
    /// Gives permissions back to Google and forgets them. The accounts stay bound to their users, and
    /// their jobs wait.
    Revoke {
        /// The accounts.
        #[arg(value_parser = AccountId::parse, required_unless_present = "all", conflicts_with = "all")]
        accounts: Vec<AccountId>,
        /// Every account: for emergencies.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        google: WithoutGoogle,
    },
    /// Frees an account for another Google user: cancels its unfinished jobs, gives the permission back
    /// and forgets the user. The next connection binds it. What its jobs have brought can be read no more.
    Rebind {
        /// The account.
        #[arg(value_parser = AccountId::parse)]
        account: AccountId,
        #[command(flatten)]
        google: WithoutGoogle,
    },
    /// Removes an account for good: as `rebind`, and removes what its jobs were to write. Copies that
    /// remain anywhere, in queues or backups of the records, can be read no more.
    Erase {
        /// The account.
        #[arg(value_parser = AccountId::parse)]
        account: AccountId,
        #[command(flatten)]
        google: WithoutGoogle,
    },
}

/// Whether Google hears of it.
#[derive(Debug, Clone, Copy, Args)]
pub struct WithoutGoogle {
    /// Forgets the permission here without telling Google, should Google or its client be out of reach
    /// for good: the user can still remove it in their Google account.
    #[arg(long)]
    pub without_google: bool,
}

impl AccountsCommand {
    /// Whether Google has to be told of something.
    #[must_use]
    pub fn tells_google(&self) -> bool {
        match self {
            Self::List | Self::Show { .. } => false,
            Self::Revoke { google, .. } | Self::Rebind { google, .. } | Self::Erase { google, .. } => {
                !google.without_google
            }
        }
    }
}
