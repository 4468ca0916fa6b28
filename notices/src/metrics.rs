//! What is counted of notices. Names and labels are a public interface.

use metrics::{counter, describe_counter};

const NOTICES: &str = "calrelay_notices_total";

/// How a notice travels.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Webhook,
    Email,
}

/// What became of a notice.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outcome {
    /// Taken.
    Sent,
    /// Not taken now: it is tried again.
    Retried,
    /// Not taken for so long that it is of no more use.
    GivenUp,
    /// Not wanted any more, or overtaken.
    Dropped,
    /// The receiver wants no more.
    Disabled,
}

/// Describes every series of notices and starts it at 0.
pub fn describe() {
    describe_counter!(NOTICES, "Notices by how they travel and what became of them");
    for kind in Kind::ALL {
        for outcome in Outcome::ALL {
            counter!(NOTICES, "kind" => kind.as_label(), "result" => outcome.as_label()).increment(0);
        }
    }
}

pub(crate) fn notice(kind: Kind, outcome: Outcome) {
    counter!(NOTICES, "kind" => kind.as_label(), "result" => outcome.as_label()).increment(1);
}

impl Kind {
    const ALL: [Self; 2] = [Self::Webhook, Self::Email];

    fn as_label(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Email => "email",
        }
    }
}

impl Outcome {
    const ALL: [Self; 5] = [Self::Sent, Self::Retried, Self::GivenUp, Self::Dropped, Self::Disabled];

    fn as_label(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Retried => "retried",
            Self::GivenUp => "given_up",
            Self::Dropped => "dropped",
            Self::Disabled => "disabled",
        }
    }
}
