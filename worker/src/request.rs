//! The requests that an attempt makes of Google Calendar, each with the kind of its answer.

use common::event::{CalendarId, SendUpdates};
use common::job::JobId;
use common::port::{Calendar, CalendarError, NewEvent, StoredEvent};
use secrecy::SecretString;

use crate::metrics::Method;

/// One request.
pub(crate) trait Request: Sync {
    /// What Google answers.
    type Answer: Send;
    /// As metrics name it.
    const METHOD: Method;

    /// The calendar that it writes to, and how many guests it invites; `None` for a read.
    fn writes(&self) -> Option<(&CalendarId, u32)>;

    /// Makes it.
    fn send(
        &self,
        calendar: &dyn Calendar,
        token: &SecretString,
    ) -> impl Future<Output = Result<Self::Answer, CalendarError>> + Send;
}

/// Creates an event.
pub(crate) struct Insert<'a> {
    pub(crate) event: NewEvent<'a>,
    /// Guests that it invites.
    pub(crate) guests: u32,
}

/// Looks for a job's event.
pub(crate) struct Get<'a> {
    pub(crate) calendar: &'a CalendarId,
    pub(crate) id: &'a JobId,
}

/// Deletes a job's event.
pub(crate) struct Delete<'a> {
    pub(crate) calendar: &'a CalendarId,
    pub(crate) id: &'a JobId,
    pub(crate) send_updates: SendUpdates,
}

impl Request for Insert<'_> {
    type Answer = StoredEvent;
    const METHOD: Method = Method::Insert;

    fn writes(&self) -> Option<(&CalendarId, u32)> {
        Some((self.event.calendar, self.guests))
    }

    async fn send(
        &self,
        calendar: &dyn Calendar,
        token: &SecretString,
    ) -> Result<StoredEvent, CalendarError> {
        calendar.insert(token, &self.event).await
    }
}

impl Request for Get<'_> {
    type Answer = StoredEvent;
    const METHOD: Method = Method::Get;

    fn writes(&self) -> Option<(&CalendarId, u32)> {
        None
    }

    async fn send(
        &self,
        calendar: &dyn Calendar,
        token: &SecretString,
    ) -> Result<StoredEvent, CalendarError> {
        calendar.get(token, self.calendar, self.id).await
    }
}

impl Request for Delete<'_> {
    type Answer = ();
    const METHOD: Method = Method::Delete;

    fn writes(&self) -> Option<(&CalendarId, u32)> {
        Some((self.calendar, 0))
    }

    async fn send(&self, calendar: &dyn Calendar, token: &SecretString) -> Result<(), CalendarError> {
        calendar.delete(token, self.calendar, self.id, self.send_updates).await
    }
}
