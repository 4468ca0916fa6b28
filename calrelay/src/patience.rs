//! Waiting, at start, for what a process cannot start without.

use std::fmt::Display;
use std::time::{Duration, Instant};

use anyhow::bail;
use common::backoff::Schedule;
use common::port::pause;
use common::random;

/// How long to go on asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Once: somebody sits at a terminal.
    None,
    /// Containers start in any order; what is not there after a minute will not come by itself.
    AMinute,
}

const SCHEDULE: Schedule = Schedule { first: Duration::from_millis(500), longest: Duration::from_secs(4) };

/// The same sentence is logged no more often than this.
const REPEAT: Duration = Duration::from_secs(15);

/// What to make of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outlook {
    /// It may work in a moment.
    Hopeful,
    /// Somebody has to change something first.
    Hopeless,
}

impl Patience {
    fn span(self) -> Duration {
        match self {
            Self::None => Duration::ZERO,
            Self::AMinute => Duration::from_secs(60),
        }
    }

    /// Asks until it works, and says what it waits for.
    ///
    /// # Errors
    /// The last failure.
    pub async fn ask<T, E: Display>(
        self,
        mut ask: impl AsyncFnMut() -> Result<T, E>,
        outlook: impl Fn(&E) -> Outlook,
    ) -> anyhow::Result<T> {
        let began = Instant::now();
        let mut failures = 0;
        let mut said: Option<(String, Instant)> = None;
        loop {
            let error = match ask().await {
                Ok(found) => return Ok(found),
                Err(error) => error,
            };
            let left = self.span().saturating_sub(began.elapsed());
            if outlook(&error) == Outlook::Hopeless || left.is_zero() {
                bail!("{error:#}");
            }
            failures += 1;
            let why = format!("{error:#}");
            if said.as_ref().is_none_or(|(last, at)| *last != why || at.elapsed() > REPEAT) {
                tracing::warn!("Cannot start yet, trying for another {} s: {why}", left.as_secs());
                said = Some((why, Instant::now()));
            }
            pause(SCHEDULE.jittered(failures, random::fraction())).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn what_may_come_is_waited_for_and_what_cannot_come_is_not() {
        let asked = Cell::new(0);
        let second = async || {
            asked.set(asked.get() + 1);
            if asked.get() < 2 { Err("not there") } else { Ok(asked.get()) }
        };
        assert_eq!(Patience::AMinute.ask(second, |_| Outlook::Hopeful).await.unwrap(), 2);
        let never = async || Err::<(), _>("wrong password");
        let error = Patience::AMinute.ask(never, |_| Outlook::Hopeless).await.unwrap_err();
        assert_eq!(error.to_string(), "wrong password");
        let impatient = Patience::None.ask(async || Err::<(), _>("not there"), |_| Outlook::Hopeful).await;
        assert_eq!(impatient.unwrap_err().to_string(), "not there");
    }
}
