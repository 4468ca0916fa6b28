//! A write whose answer never came may still take effect: when to look for it again, and when it cannot any more.

use std::time::Duration;

use jiff::Timestamp;

use crate::time::{after, minutes};

/// Looks for a write that was not found, counted from when it began. After the last one it is believed not to be there.
/// Google documents no longest time for a request. Twelve minutes is our choice, far above its usual deadlines.
const LOOKS: [Duration; 2] = [minutes(2), minutes(12)];

/// When to look again for a write that began then and was not found at `now`; `None` once it cannot take effect any
/// more, or where none was begun.
#[must_use]
pub fn next_look(began: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    let began = began?;
    LOOKS.into_iter().map(|look| after(began, look)).find(|look| *look > now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_is_looked_for_after_two_and_after_twelve_minutes_and_then_believed_not_to_be() {
        let began: Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
        let look = |seconds| next_look(Some(began), after(began, Duration::from_secs(seconds)));
        let at = |count| Some(after(began, minutes(count)));
        for (seconds, expected) in
            [(0, at(2)), (119, at(2)), (120, at(12)), (719, at(12)), (720, None), (86_400, None)]
        {
            assert_eq!(look(seconds), expected, "{seconds} s");
        }
        assert_eq!(next_look(None, began), None, "nothing was begun");
    }
}
