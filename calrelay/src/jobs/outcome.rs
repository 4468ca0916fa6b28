//! What became of a run over many jobs.

use anyhow::anyhow;
use common::job::JobId;
use lifecycle::{ReplayError, Replayed};

/// So many lines are shown; the rest is counted.
pub const SHOWN: usize = 50;

/// What has been done so far.
#[derive(Debug, Default)]
pub struct Outcomes {
    /// Jobs that run again.
    again: usize,
    /// How many were left as they are.
    left: usize,
    /// Why, of the first of them.
    reasons: Vec<String>,
}

impl Outcomes {
    /// Adds what became of a job.
    pub fn add(&mut self, job: &JobId, outcome: Replayed) {
        match outcome {
            Replayed::Again { .. } => self.again += 1,
            Replayed::UnderWay => self.leave(format!("{job} is under way already")),
            Replayed::Ended(state) => self.leave(format!("{job} stays {}", state.as_str())),
            Replayed::OtherRequest => {
                self.leave(format!("a dead letter of {job} stays: another request under its key has the job"))
            }
        }
    }

    /// Adds something that was left as it is.
    pub fn leave(&mut self, why: String) {
        self.left += 1;
        if self.reasons.len() < SHOWN {
            self.reasons.push(why);
        }
    }

    /// The sum of it; `done` is the verb.
    #[must_use]
    pub fn told(&self, done: &str) -> String {
        let mut lines = self.reasons.clone();
        if self.left > self.reasons.len() {
            lines.push(format!("… and {} more", self.left - self.reasons.len()));
        }
        lines.push(format!("{} {done}, {} left as they are", self.again, self.left));
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
