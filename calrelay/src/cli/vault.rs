//! The command line of `calrelay vault`.

use std::path::PathBuf;

use clap::Subcommand;

/// What to do with the vault.
#[derive(Debug, Subcommand)]
pub enum VaultCommand {
    /// Seals the vault, the records and the dead letters with the newest key of ENCRYPTION_KEY, and says from
    /// when the older ones may go. First give every process the new key: in front of the old one,
    /// separated by a comma. May be run beside them, and again at any time.
    Rotate,
    /// Writes all of the vault to a file, sealed with the newest key of ENCRYPTION_KEY: accounts, tokens, API
    /// keys, cancellations. May be run beside running processes. Keep the key too, and elsewhere.
    Backup {
        /// The file; it must not be there yet.
        file: PathBuf,
    },
    /// Fills an empty vault, of whatever kind, from a backup: nobody has to connect again. Stop `run`, `api` and
    /// `worker` before, and start them after.
    Restore {
        /// What `vault backup` wrote.
        file: PathBuf,
        /// Removes what the vault holds; otherwise it has to be empty.
        #[arg(long)]
        replace: bool,
    },
}
