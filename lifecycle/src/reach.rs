//! Whether the records of jobs can be reached, as far as this process has noticed.

use std::sync::{Arc, Mutex, PoisonError};

use common::port::{Clock, StoreError};
use jiff::Timestamp;

/// What has changed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reached<'a> {
    /// The records are away.
    Away(&'a StoreError),
    /// They can be reached again.
    Again,
}

/// Notices when the records of jobs are away, and has it told once when that changes.
pub struct Reach {
    clock: Arc<dyn Clock>,
    away: Mutex<Away>,
    tell: fn(Reached<'_>),
}

/// When the records could not be reached.
#[derive(Debug, Clone, Copy, Default)]
pub struct Away {
    /// The last time.
    pub last: Option<Timestamp>,
    /// The last try was that time.
    pub now: bool,
}

impl Reach {
    /// Nothing is noticed yet; `tell` says what has changed, in the words of the role.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, tell: fn(Reached<'_>)) -> Self {
        Self { clock, away: Mutex::default(), tell }
    }

    /// Takes note of whether the records answered.
    ///
    /// # Errors
    /// As they did.
    pub fn noted<T>(&self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        let mut away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        match &outcome {
            Ok(_) if away.now => (self.tell)(Reached::Again),
            Ok(_) => {}
            Err(error) => {
                if !away.now {
                    (self.tell)(Reached::Away(error));
                }
                away.last = Some(self.clock.now());
            }
        }
        away.now = outcome.is_err();
        outcome
    }

    /// When they could not be reached.
    #[must_use]
    pub fn away(&self) -> Away {
        *self.away.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::time::Duration;

    use common::manual_clock::ManualClock;

    use super::*;

    thread_local!(static TOLD: RefCell<Vec<String>> = RefCell::default());

    fn tell(reached: Reached<'_>) {
        TOLD.with_borrow_mut(|told| told.push(format!("{reached:?}")));
    }

    #[test]
    fn each_change_is_told_once_and_the_last_failure_is_remembered() {
        let clock = ManualClock::new();
        let reach = Reach::new(clock.clone(), tell);
        let away = || StoreError("away".to_owned());
        assert_eq!((reach.noted(Ok(1)), reach.away().now, reach.away().last), (Ok(1), false, None));
        for _ in 0..2 {
            clock.turn(Duration::from_secs(1));
            assert_eq!((reach.noted::<()>(Err(away())), reach.away().now), (Err(away()), true));
        }
        let last = Some(clock.now());
        clock.turn(Duration::from_secs(1));
        for _ in 0..2 {
            assert_eq!((reach.noted(Ok(2)), reach.away().now, reach.away().last), (Ok(2), false, last));
        }
        TOLD.with_borrow(|told| {
            assert_eq!(*told, [format!("{:?}", Reached::Away(&away())), "Again".to_owned()])
        });
    }
}
