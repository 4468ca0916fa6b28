//! What happens to a job outside an attempt: it is accepted, cancelled, run again, woken.

mod account_jobs;
mod cancel;
mod intake;
mod ledger;
mod letter;
mod line;
mod lost;
mod pages;
mod ports;
mod reach;
mod replay;
mod replay_error;
mod wake;

pub use account_jobs::{AllCancelled, cancel_all, forget};
pub use cancel::{CancelError, Cancelled};
pub use intake::{Ask, Intake, Receipt, Refusal};
pub use ledger::{Absence, Identity, Ledger};
pub use letter::replay_letter;
pub use line::join;
pub use lost::revive;
pub use pages::Pages;
pub use ports::Ports;
pub use reach::{Reach, Reached};
pub use replay::{Replayed, replay};
pub use replay_error::ReplayError;
pub use wake::{Wakeups, wake_account, wake_jobs};
