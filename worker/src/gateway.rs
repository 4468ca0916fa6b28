//! The one way to Google: breaker, token, quota, request, and one fresh token when the first is refused.

use std::sync::Arc;

use common::account::Account;
use common::event::{CalendarId, SendUpdates};
use common::job::JobId;
use common::port::{AccessToken, Calendar, CalendarError, NewEvent, Reach, StoredEvent, ThrottleKey};
use common::quotas::{Quotas, Use};
use tokio_util::sync::CancellationToken;

use crate::breaker::{Breaker, Outcome, Permit};
use crate::hold::Hold;
use crate::quota::Turnstile;
use crate::refused::Refused;
use crate::trouble::Trouble;
use crate::{Ports, metrics, token};

/// Speaks to Google on behalf of attempts.
pub(crate) struct Gateway {
    ports: Ports,
    quotas: Quotas,
    pub(crate) turnstile: Turnstile,
    calendar: Breaker,
    tokens: Breaker,
    refused: Refused,
}

/// A request that an attempt may make.
#[derive(Clone, Copy)]
pub(crate) enum Request<'a> {
    Insert { event: NewEvent<'a>, guests: u32 },
    Get { calendar: &'a CalendarId, id: &'a JobId },
    Delete { calendar: &'a CalendarId, id: &'a JobId, send_updates: SendUpdates },
}

/// What Google answered.
pub(crate) enum Reply {
    Event(StoredEvent),
    Deleted,
}

impl Gateway {
    pub(crate) fn new(ports: Ports, quotas: Quotas, stopping: CancellationToken) -> Self {
        let turnstile = Turnstile::new(Arc::clone(&ports.throttle), Arc::clone(&ports.clock), stopping);
        let breaker = || Breaker::new(Arc::clone(&ports.clock));
        Self { calendar: breaker(), tokens: breaker(), refused: Refused::default(), ports, quotas, turnstile }
    }

    /// Makes one request. Just before a write goes out, `hold` records that it begins.
    ///
    /// # Errors
    /// Every kind of trouble, undecided.
    pub(crate) async fn ask(
        &self,
        account: &Account,
        request: Request<'_>,
        hold: Option<&Hold>,
    ) -> Result<Reply, Trouble> {
        match self.try_once(account, request, hold).await {
            Err((Trouble::Calendar { error: CalendarError::TokenRefused, .. }, Some(refused))) => {
                self.ports.tokens.forget(&account.id, &refused).await;
                match self.try_once(account, request, hold).await {
                    Err((Trouble::Calendar { error: CalendarError::TokenRefused, .. }, Some(refused))) => {
                        self.ports.tokens.forget(&account.id, &refused).await;
                        Err(Trouble::TokenRefusedTwice(refused.generation))
                    }
                    other => other.map_err(|(trouble, _)| trouble),
                }
            }
            other => other.map_err(|(trouble, _)| trouble),
        }
    }

    async fn try_once(
        &self,
        account: &Account,
        request: Request<'_>,
        hold: Option<&Hold>,
    ) -> Result<Reply, (Trouble, Option<AccessToken>)> {
        let before = |trouble| (trouble, None);
        let permit = self.calendar.admit().map_err(|retry_in| before(Trouble::CircuitOpen { retry_in }))?;
        let token =
            token::access_token(&self.ports, &self.tokens, &self.refused, account).await.map_err(before)?;
        let hash;
        let what = match request {
            Request::Get { .. } => Use::Read,
            Request::Insert { event, guests } => {
                hash = self.calendar_key(account, event.calendar);
                Use::Write { calendar: &hash, guests }
            }
            Request::Delete { calendar, .. } => {
                hash = self.calendar_key(account, calendar);
                Use::Write { calendar: &hash, guests: 0 }
            }
        };
        self.turnstile.pass(&self.quotas.of(account, what)).await.map_err(before)?;
        if let Some(hold) = hold {
            hold.begin_write().await.map_err(before)?;
        }
        let circuit = permit.circuit();
        let answer = self.send(account, request, &token, permit).await;
        if let (Some(hold), Err(error)) = (hold, &answer)
            && error.reach() == Reach::NoEffect
            // An id that is taken may be taken by an earlier write of ours.
            && *error != CalendarError::Duplicate
        {
            hold.refused();
        }
        let generation = token.generation;
        answer.map_err(|error| (Trouble::Calendar { error, circuit, generation }, Some(token)))
    }

    async fn send(
        &self,
        account: &Account,
        request: Request<'_>,
        token: &AccessToken,
        permit: Permit<'_>,
    ) -> Result<Reply, CalendarError> {
        let calendar: &dyn Calendar = self.ports.calendar.as_ref();
        let timer = metrics::google_request(request.method());
        let answer = match request {
            Request::Insert { event, .. } => calendar.insert(&token.secret, &event).await.map(Reply::Event),
            Request::Get { calendar: at, id } => calendar.get(&token.secret, at, id).await.map(Reply::Event),
            Request::Delete { calendar: at, id, send_updates } => {
                calendar.delete(&token.secret, at, id, send_updates).await.map(|()| Reply::Deleted)
            }
        };
        timer.ended(answer.as_ref().err());
        permit.report(&account.id, outcome(answer.as_ref().err()));
        if answer.is_ok() {
            self.turnstile.answered(&ThrottleKey::Project);
            self.turnstile.answered(&ThrottleKey::User(account.user_key.clone()));
        }
        answer
    }

    /// Equal ids of different users are different calendars. A user's address names the same calendar as `primary`
    /// (<https://developers.google.com/workspace/calendar/api/guides/create-events>).
    fn calendar_key(&self, account: &Account, calendar: &CalendarId) -> String {
        let accounts = &self.ports.accounts;
        let primary = CalendarId::primary();
        let is_own = calendar.as_str().contains('@')
            && account
                .user(accounts.ring())
                .is_ok_and(|user| user.email.eq_ignore_ascii_case(calendar.as_str()));
        let calendar = if is_own { &primary } else { calendar };
        let text = format!("{} {}", account.user_key, calendar.as_str());
        accounts.hash_key().name("calendar", &text)
    }

    /// Whether Google Calendar is down as far as we know.
    pub(crate) fn is_down(&self) -> bool {
        self.calendar.is_open()
    }

    /// While it is down: how long until it is worth asking again.
    pub(crate) fn left_alone_for(&self) -> Option<std::time::Duration> {
        self.calendar.left_alone_for()
    }

    /// Whether the circuits of the Calendar API and of the token endpoint are open.
    pub(crate) fn open_circuits(&self) -> (bool, bool) {
        (self.calendar.is_open(), self.tokens.is_open())
    }
}

impl Request<'_> {
    fn method(&self) -> metrics::Method {
        match self {
            Self::Insert { .. } => metrics::Method::Insert,
            Self::Get { .. } => metrics::Method::Get,
            Self::Delete { .. } => metrics::Method::Delete,
        }
    }
}

fn outcome(error: Option<&CalendarError>) -> Outcome {
    match error {
        Some(CalendarError::Unavailable { .. } | CalendarError::NotSent(_) | CalendarError::NoAnswer(_)) => {
            Outcome::Down
        }
        None
        | Some(
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
            | CalendarError::ConferenceRefused { .. }
            | CalendarError::Refused { .. }
            | CalendarError::Unintelligible(_),
        ) => Outcome::Up,
    }
}
