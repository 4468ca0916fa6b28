//! What is known of the sender of a request before its handler runs.

use actix_web::{HttpMessage as _, HttpRequest};

use crate::caller::Bearer;
use crate::rate::RateStatus;
use crate::session::Session;

/// What is known of the sender of a request.
#[derive(Clone)]
pub(crate) struct Arrival {
    /// What the header `Authorization` has shown.
    pub(crate) bearer: Bearer,
    /// The session of the browser, if it has one.
    pub(crate) session: Option<Session>,
    /// Whether that is an administrator's.
    pub(crate) signed_in: SignedIn,
}

/// Whether a browser is an administrator's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignedIn {
    Yes,
    No,
    /// The vault cannot be read.
    Unknown,
}

/// In which window a request counts.
pub(crate) enum Window {
    /// In this one, already.
    Counted(RateStatus),
    /// In none: the vault cannot be read, so that a good key could not be told from a wrong one.
    Exempt,
    /// That depends on what else the request shows.
    Open,
}

impl Arrival {
    /// What was settled for this request.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        request.extensions().get::<Self>().cloned().expect("it is settled for every request")
    }
}
