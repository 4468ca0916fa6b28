//! An extra never decides over the event: what Google refuses of one is left out, and the event is written.
//!
//! Guests are no extra: an event is never written without those it is for.

use common::port::CalendarError;

use crate::attempt_error::AttemptError;

/// Google's words, where what it has refused of an insert is the conference alone: the attempt inserts the event without
/// it at once, if it had one. Of any other trouble [`decide`](super::decide) says what becomes of the job.
pub(crate) fn refused_conference(trouble: &AttemptError) -> Option<&str> {
    match trouble {
        AttemptError::Calendar { error, .. } => calendar(error),
        AttemptError::TokenRefusedTwice(_)
        | AttemptError::Disconnected(_)
        | AttemptError::Token(..)
        | AttemptError::Quota { .. }
        | AttemptError::CircuitOpen { .. }
        | AttemptError::Sealed(_)
        | AttemptError::FormerAccount
        | AttemptError::Vault(_)
        | AttemptError::Store(_)
        | AttemptError::Lost(_)
        | AttemptError::TokenAwaited
        | AttemptError::Deadline
        | AttemptError::Late
        | AttemptError::Panicked
        | AttemptError::Stopping => None,
    }
}

fn calendar(error: &CalendarError) -> Option<&str> {
    match error {
        CalendarError::ConferenceRefused { message, .. } => Some(message),
        CalendarError::Throttled { .. }
        | CalendarError::DailyLimit
        | CalendarError::UsageLimits
        | CalendarError::TokenRefused
        | CalendarError::ScopeMissing
        | CalendarError::NotACalendarUser
        | CalendarError::ApiDisabled
        | CalendarError::NotFound
        | CalendarError::Duplicate
        | CalendarError::Conflict
        | CalendarError::Deleted
        | CalendarError::Refused { .. }
        | CalendarError::Unavailable { .. }
        | CalendarError::NoAnswer(_)
        | CalendarError::NotSent(_)
        | CalendarError::Unintelligible(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use common::account::Generation;

    use super::*;
    use crate::attempt_error::Circuit;

    fn met(error: CalendarError) -> AttemptError {
        AttemptError::Calendar { error, circuit: Circuit::Closed, generation: Generation(1) }
    }

    fn refused() -> (u16, String, String) {
        (400, "invalid".to_owned(), "Invalid conference type value.".to_owned())
    }

    #[test]
    fn a_conference_that_google_refuses_is_left_out_and_nothing_else_is() {
        let (status, reason, message) = refused();
        let conference = met(CalendarError::ConferenceRefused {
            status,
            reason: reason.clone(),
            message: message.clone(),
        });
        assert_eq!(refused_conference(&conference), Some(message.as_str()));
        for other in [
            CalendarError::Refused { status, reason, message },
            CalendarError::UsageLimits,
            CalendarError::NotFound,
            CalendarError::Duplicate,
            CalendarError::Unavailable { status: 503, retry_after: None },
            CalendarError::NoAnswer(String::new()),
        ] {
            assert_eq!(refused_conference(&met(other.clone())), None, "{other:?}");
        }
        assert_eq!(refused_conference(&AttemptError::Deadline), None);
    }
}
