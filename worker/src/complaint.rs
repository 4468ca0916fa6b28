//! What stands in the way of every job alike is said once a minute, however many jobs meet it.

use std::sync::Mutex;
use std::time::Duration;

use common::time::{minutes, until};
use jiff::Timestamp;

/// It is said again after so long.
const AGAIN: Duration = minutes(1);

/// Something to complain of, and when that was last done.
#[derive(Debug, Default)]
pub(crate) struct Complaint(Mutex<Option<Timestamp>>);

impl Complaint {
    /// Whether it is to be logged now; the caller that is answered so logs it.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        let mut last = self.0.lock().expect("nothing panics holding it");
        // A clock that was turned back does not silence it.
        let is_due = last.is_none_or(|last| last > now || until(last, now) >= AGAIN);
        if is_due {
            *last = Some(now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use common::time::after;

    use super::*;

    #[test]
    fn it_is_said_once_a_minute() {
        let (complaint, start) = (Complaint::default(), "2027-01-01T00:00:00Z".parse().expect("an instant"));
        let said = |seconds| complaint.is_due(after(start, Duration::from_secs(seconds)));
        let times: Vec<u64> = (0..180).filter(|second| said(*second)).collect();
        assert_eq!(times, [0, 60, 120]);
        assert!(said(0), "the clock was turned back");
        assert!(!said(1));
    }
}
