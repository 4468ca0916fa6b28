//! The two contracts that a caller may post an event by.

/// The routes that accept jobs. An idempotency key belongs to one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contract {
    /// `POST /api/v1/events`.
    Events,
    /// `POST /api/create-calendar-event`.
    Older,
}

impl Contract {
    /// Every contract, for metrics.
    pub(crate) const ALL: [Self; 2] = [Self::Events, Self::Older];

    /// The route as job ids are derived from it: never to be changed.
    pub(crate) fn route(self) -> &'static str {
        match self {
            Self::Events => "POST /api/v1/events",
            Self::Older => "POST /api/create-calendar-event",
        }
    }
}
