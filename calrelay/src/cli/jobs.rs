//! The command line of `calrelay jobs`.

use clap::{Args, Subcommand, ValueEnum};
use common::account::AccountId;
use common::job::{JobId, StateName};
use common::owner::Owner;
use common::port::ListFilter;
use jiff::{Span, Timestamp, Zoned};

/// What to do with jobs.
#[derive(Debug, Subcommand)]
pub enum JobsCommand {
    /// Lists jobs in the order in which they were accepted.
    List {
        /// In this state.
        #[arg(long, value_enum)]
        state: Option<State>,
        #[command(flatten)]
        which: Which,
        /// At most this many.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Shows one job as the API does, as JSON.
    Show {
        /// The job's id.
        #[arg(value_parser = JobId::parse)]
        id: JobId,
    },
    /// Reopens failed or cancelled jobs: each goes back into its account's line, with a new deadline. A job that is named
    /// and long overdue goes on as it is.
    Replay {
        /// The jobs' ids; without any, `--state` says which.
        #[arg(value_parser = JobId::parse, required_unless_present = "state", conflicts_with_all = ["state", "account", "owner", "since"])]
        ids: Vec<JobId>,
        /// All that have ended like this, or those of them that the other options choose.
        #[arg(long, value_enum)]
        state: Option<Reopenable>,
        #[command(flatten)]
        which: Which,
        /// Shows what would be replayed, and leaves it.
        #[arg(long)]
        dry_run: bool,
    },
    /// Brings jobs back from the dead letters, those too whose records are lost.
    Restore {
        /// The jobs' ids; every dead letter without any.
        #[arg(value_parser = JobId::parse)]
        ids: Vec<JobId>,
        /// Shows the dead letters, and leaves them.
        #[arg(long)]
        dry_run: bool,
    },
}

/// Which jobs.
#[derive(Debug, Args)]
pub struct Which {
    /// Of this account.
    #[arg(long, value_parser = AccountId::parse)]
    account: Option<AccountId>,
    /// Of this owner.
    #[arg(long, value_parser = Owner::parse)]
    owner: Option<Owner>,
    /// Accepted since: an instant such as 2027-01-31T12:00:00Z, or a while ago such as 2h or 7d.
    #[arg(long, value_name = "WHEN", value_parser = since)]
    since: Option<Timestamp>,
}

impl Which {
    /// The filter it is, of jobs in `state`.
    #[must_use]
    pub fn filter(self, state: Option<StateName>) -> ListFilter {
        let Self { account, owner, since } = self;
        ListFilter { owner, account, state, since, until: None }
    }
}

/// An instant, or a span that reaches back from now.
fn since(text: &str) -> Result<Timestamp, String> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    let back = text.parse::<Span>().ok().and_then(|span| Zoned::now().checked_sub(span.abs()).ok());
    let back = back.map(|then| then.timestamp());
    back.ok_or_else(|| "write an instant such as 2027-01-31T12:00:00Z, or a span such as 2h or 7d".to_owned())
}

/// A state on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum State {
    Queued,
    Running,
    Waiting,
    Blocked,
    Succeeded,
    Failed,
    Cancelled,
}

impl From<State> for StateName {
    fn from(state: State) -> Self {
        match state {
            State::Queued => Self::Queued,
            State::Running => Self::Running,
            State::Waiting => Self::Waiting,
            State::Blocked => Self::Blocked,
            State::Succeeded => Self::Succeeded,
            State::Failed => Self::Failed,
            State::Cancelled => Self::Cancelled,
        }
    }
}

/// A state from which jobs are reopened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Reopenable {
    Failed,
    Cancelled,
}

impl From<Reopenable> for StateName {
    fn from(state: Reopenable) -> Self {
        match state {
            Reopenable::Failed => Self::Failed,
            Reopenable::Cancelled => Self::Cancelled,
        }
    }
}

#[cfg(test)]
mod tests {
    use common::port::{Clock as _, SystemClock};

    use super::*;

    #[test]
    fn since_takes_instants_and_spans() {
        assert_eq!(since("2027-01-31T12:00:00Z").unwrap().to_string(), "2027-01-31T12:00:00Z");
        for (text, seconds) in [("2h", 7200), ("90m", 5400), ("PT1H", 3600)] {
            let ago = SystemClock.now().duration_since(since(text).unwrap());
            assert!((ago.as_secs() - seconds).abs() < 60, "{text} is {ago}");
        }
        for bad in ["", "yesterday", "7"] {
            assert!(since(bad).is_err(), "{bad}");
        }
    }
}
