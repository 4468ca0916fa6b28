//! How the calls of a test go.

use common::port::{CalendarError, TokenError};

use super::Call;
use crate::Gate;

/// What a rule says of a call: nothing means that it goes well.
pub type Rule = dyn Fn(&Call) -> Option<Behaviour> + Send;

/// How a call to the calendar goes.
#[derive(Clone)]
pub enum Behaviour {
    /// Google says no, or nothing ever reached it.
    Refuse(CalendarError),
    /// It takes effect, but no answer comes.
    LoseAnswer,
    /// No answer comes, and an insert takes effect when it is told to
    /// ([`FakeCalendar::land`](super::FakeCalendar::land)).
    Late,
    /// It never ends and has no effect.
    Hang,
    /// It takes effect, and never ends.
    HangAfterEffect,
    /// The code that makes the call is broken.
    Panic,
    /// It goes well once the gate is open.
    Hold(Gate),
    /// As the other says, once the gate is open.
    HoldThen(Gate, Box<Behaviour>),
}

impl Behaviour {
    /// Whether it comes to [`Behaviour::Late`].
    pub(super) fn is_late(&self) -> bool {
        match self {
            Self::Late => true,
            Self::HoldThen(_, then) => then.is_late(),
            Self::Refuse(_)
            | Self::LoseAnswer
            | Self::Hang
            | Self::HangAfterEffect
            | Self::Panic
            | Self::Hold(_) => false,
        }
    }
}

/// How a request to the token endpoint goes.
pub enum Answering {
    /// Google says no, or nothing ever reached it.
    Refuse(TokenError),
    /// As the other says, or well, once the gate is open.
    Hold(Gate, Option<TokenError>),
}
