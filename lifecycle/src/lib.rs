//! What happens to a job outside an attempt: it is accepted, cancelled, run again, woken,
//! sealed anew, forgotten.

mod cancel;
mod cancel_all;
mod compaction;
mod expiry;
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
mod sealing;
mod wake;

pub use cancel::{CancelError, Cancelled};
pub use cancel_all::{AllCancelled, cancel_all};
pub use compaction::compact_records;
pub use expiry::{forget_ended, unmark};
pub use intake::{Ask, Intake, Receipt, Refusal};
pub use ledger::{Absence, Identity, Ledger};
pub use letter::replay_letter;
pub use line::join;
pub use lost::revive;
pub use pages::Pages;
pub use ports::Ports;
pub use reach::{Away, Reach, Reached};
pub use replay::{Replayed, replay};
pub use replay_error::ReplayError;
pub use sealing::{forget, reseal};
pub use wake::{Wakeups, wake_account, wake_jobs};
