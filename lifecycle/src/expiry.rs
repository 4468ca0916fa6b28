//! What is kept of jobs no longer: the records of those that ended long ago, and the marks of those that were cancelled.

use std::time::Duration;

use common::port::Shelf;
use common::random;
use common::time::{after, hours};
use jiff::Timestamp;

use crate::ports::Ports;

/// Between two clean-ups.
const FORGET: Duration = Duration::from_secs(60);
/// Between two looks at the cancellation marks. Each reads all of them, of two weeks and more.
const UNMARK: Duration = hours(24);

/// Forgets the records of jobs that ended longer ago than `retention`; never ends. That it cannot is said once.
pub async fn forget_ended(ports: &Ports, retention: Duration) {
    let mut works = true;
    loop {
        let before = ports.clock.now().checked_sub(retention).unwrap_or(Timestamp::MIN);
        let forgotten = ports.store.forget_finished(before).await;
        match &forgotten {
            Ok(0) => {}
            Ok(count) => tracing::info!("Forgot {count} jobs that ended before {before}"),
            Err(error) if works => tracing::warn!("Old records could not be removed: {error}"),
            Err(_) => {}
        }
        works = forgotten.is_ok();
        ports.clock.sleep(FORGET).await;
    }
}

/// Removes cancellation marks, which outlive their job's last message, and not much longer; never ends. The first look
/// is at any time of the day: workers that start together would read them all at once.
pub async fn unmark(ports: &Ports, retention: Duration) {
    let at_any_time = UNMARK.mul_f64(random::fraction());
    ports.clock.sleep(at_any_time).await;
    loop {
        let now = ports.clock.now();
        match ports.vault.list(Shelf::Cancellations).await {
            Ok(marks) => {
                for (job, mark) in marks {
                    if outlived(&mark.value, retention, now)
                        && let Err(error) = ports.vault.remove(Shelf::Cancellations, &job).await
                    {
                        tracing::warn!("An old cancellation mark could not be removed: {error}");
                    }
                }
            }
            Err(error) => tracing::warn!("Cancellation marks could not be looked at: {error}"),
        }
        ports.clock.sleep(UNMARK).await;
    }
}

/// Whether the job of this mark has expired for longer than anything of it is kept.
fn outlived(mark: &serde_json::Value, retention: Duration, now: Timestamp) -> bool {
    let until = mark["until"].as_str().and_then(|text| text.parse::<Timestamp>().ok());
    until.is_some_and(|until| after(until, retention) < now)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_mark_is_kept_as_long_as_anything_of_its_job() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let mark = json!({ "at": "2027-01-01T00:00:00Z", "until": "2027-01-08T00:00:00Z" });
        let week = common::time::days(7);
        assert!(!outlived(&mark, week, at("2027-01-15T00:00:00Z")));
        assert!(outlived(&mark, week, at("2027-01-15T00:00:01Z")));
        assert!(!outlived(&json!({}), week, at("2099-01-01T00:00:00Z")), "an unreadable mark is left alone");
    }
}
