//! An extra never decides over the event: what Google refuses of one is left out, and the event is written.
//!
//! Guests are no extra: an event is never written without those it is for.

use common::port::CalendarError;

use crate::attempt_error::AttemptError;

/// What an insert carries that the event can do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extra {
    /// Nothing.
    None,
    /// A conference: one that Google is asked to make, or one that the caller brings.
    Conference,
}

/// What the attempt does at once about an insert that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// Nothing: [`decide`](super::decide) says what becomes of the job.
    None,
    /// It inserts the event without the conference, which Google refused in these words.
    LeaveOutConference(String),
}

/// Decides about an insert that carried `extra`.
pub(crate) fn remedy(trouble: &AttemptError, extra: Extra) -> Remedy {
    match (trouble, extra) {
        (AttemptError::Calendar { error, .. }, Extra::Conference) => calendar(error),
        (
            AttemptError::Calendar { .. }
            | AttemptError::TokenRefusedTwice(_)
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
            | AttemptError::Stopping,
            Extra::None | Extra::Conference,
        ) => Remedy::None,
    }
}

fn calendar(error: &CalendarError) -> Remedy {
    match error {
        CalendarError::ConferenceRefused { message, .. } => Remedy::LeaveOutConference(message.clone()),
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
        | CalendarError::Unintelligible(_) => Remedy::None,
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
        assert_eq!(remedy(&conference, Extra::Conference), Remedy::LeaveOutConference(message.clone()));
        // There is nothing to leave out, or nothing more.
        assert_eq!(remedy(&conference, Extra::None), Remedy::None);
        for other in [
            CalendarError::Refused { status, reason, message },
            CalendarError::UsageLimits,
            CalendarError::NotFound,
            CalendarError::Duplicate,
            CalendarError::Unavailable { status: 503, retry_after: None },
            CalendarError::NoAnswer(String::new()),
        ] {
            assert_eq!(remedy(&met(other.clone()), Extra::Conference), Remedy::None, "{other:?}");
        }
        assert_eq!(remedy(&AttemptError::Deadline, Extra::Conference), Remedy::None);
    }
}
