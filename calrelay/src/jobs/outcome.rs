//! What became of a run over many jobs.

use anyhow::anyhow;
use common::job::JobId;
use worker::{ReplayError, Replayed};

/// So many lines are shown; the rest is counted.
const SHOWN: usize = 50;

/// What has been done so far.
#[derive(Debug, Default)]
pub struct Outcomes {
    /// Jobs that run again.
    pub again: usize,
    /// Jobs that were left as they are, and why.
    pub left: Vec<String>,
}

impl Outcomes {
    /// The sum of it; `done` is the verb.
    #[must_use]
    pub fn told(&self, done: &str) -> String {
        let mut lines: Vec<String> = self.left.iter().take(SHOWN).cloned().collect();
        if self.left.len() > SHOWN {
            lines.push(format!("… and {} more", self.left.len() - SHOWN));
        }
        lines.push(format!("{} {done}, {} left as they are", self.again, self.left.len()));
        lines.join("\n")
    }

    /// Why it went no further than this.
    #[must_use]
    pub fn cut_short(&self, at: &JobId, error: &ReplayError) -> anyhow::Error {
        anyhow!(
            "stopped at the job {at}: {error}; {} jobs run again by now, the same command does the rest",
            self.again
        )
    }
}

/// What was decided about one job, in words.
#[must_use]
pub fn replayed(outcome: Replayed) -> String {
    match outcome {
        Replayed::Again { not_after } => format!("runs again, until {not_after:.0} at most"),
        Replayed::UnderWay => "is under way already".to_owned(),
        Replayed::Ended(state) => format!("has {}, which is left as it is", ended(state.as_str())),
    }
}

fn ended(state: &str) -> String {
    if state == "cancelled" { "been cancelled".to_owned() } else { state.to_owned() }
}
