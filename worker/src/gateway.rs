//! The one way to Google: breaker, token, quota, request, and one fresh token when the first is refused.

use std::sync::Arc;
use std::time::Duration;

use common::account::Account;
use common::event::CalendarId;
use common::port::{AccessToken, CalendarError, Limit, Reach, ThrottleKey};
use common::quotas::{Quotas, Use};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::attempt_error::AttemptError;
use crate::breaker::{Breaker, OFTEN, Outcome, PROBES, Permit};
use crate::calls::Calls;
use crate::hold::Hold;
use crate::ports::Ports;
use crate::quota::QuotaGate;
use crate::refused::Refused;
use crate::request::Request;
use crate::{metrics, token};

/// Speaks to Google on behalf of attempts.
pub(crate) struct Gateway {
    ports: Ports,
    quotas: Quotas,
    pub(crate) quota_gate: QuotaGate,
    calendar: Breaker,
    tokens: Breaker,
    refused: Refused,
}

impl Gateway {
    pub(crate) fn new(ports: Ports, quotas: Quotas, stopping: CancellationToken) -> Self {
        let quota_gate = QuotaGate::new(Arc::clone(&ports.throttle), Arc::clone(&ports.clock), stopping);
        let breaker = |probes| Breaker::new(Arc::clone(&ports.clock), probes);
        Self {
            calendar: breaker(PROBES),
            tokens: breaker(OFTEN),
            refused: Refused::default(),
            ports,
            quotas,
            quota_gate,
        }
    }

    /// Makes one request, one of the attempt's `calls`. Just before a write goes out, `hold` records that it begins.
    ///
    /// # Errors
    /// Every kind of trouble, undecided.
    pub(crate) async fn ask<R: Request>(
        &self,
        account: &Account,
        request: &R,
        hold: Option<&Hold>,
        calls: &Calls,
    ) -> Result<R::Answer, AttemptError> {
        match self.try_once(account, request, hold, calls).await {
            Err((AttemptError::Calendar { error: CalendarError::TokenRefused, .. }, Some(refused))) => {
                self.ports.tokens.forget(&account.id, &refused).await;
                match self.try_once(account, request, hold, calls).await {
                    Err((
                        AttemptError::Calendar { error: CalendarError::TokenRefused, .. },
                        Some(refused),
                    )) => {
                        self.ports.tokens.forget(&account.id, &refused).await;
                        Err(AttemptError::TokenRefusedTwice(refused.generation))
                    }
                    other => other.map_err(|(trouble, _)| trouble),
                }
            }
            other => other.map_err(|(trouble, _)| trouble),
        }
    }

    async fn try_once<R: Request>(
        &self,
        account: &Account,
        request: &R,
        hold: Option<&Hold>,
        calls: &Calls,
    ) -> Result<R::Answer, (AttemptError, Option<AccessToken>)> {
        let before = |trouble| (trouble, None);
        let permit = self
            .calendar
            .admit(&account.id)
            .map_err(|retry_in| before(AttemptError::CircuitOpen { retry_in }))?;
        let token =
            token::access_token(&self.ports, &self.tokens, &self.refused, account).await.map_err(before)?;
        // An event's guests are invited once, however often it is tried.
        let written = request.writes().map(|(calendar, guests)| {
            (self.calendar_key(account, calendar), calls.uncounted(guests, self.ports.clock.now()))
        });
        let what = match &written {
            Some((calendar, guests)) => Use::Write { calendar, guests: *guests },
            None => Use::Read,
        };
        let limits = self.quotas.of(account, what);
        self.quota_gate.pass(&limits, calls).await.map_err(before)?;
        let counts_guests = matches!(what, Use::Write { guests: 1.., .. });
        if counts_guests {
            calls.invited(Some(self.ports.clock.now()));
        }
        if let Some(hold) = hold {
            if let Err(trouble) = hold.begin_write().await {
                self.quota_gate.give_back(&limits).await;
                if counts_guests {
                    calls.invited(None);
                }
                return Err(before(trouble));
            }
            calls.writes();
        }
        let circuit = permit.circuit();
        calls.asks(true);
        let answer = self.send(account, request, &token, permit).await;
        calls.asks(false);
        if let (Some(hold), Err(error)) = (hold, &answer)
            && error.reach() == Reach::NoEffect
            // An id that is taken may be taken by an earlier write of ours.
            && *error != CalendarError::Duplicate
        {
            hold.refused();
        }
        let generation = token.generation;
        answer.map_err(|error| (AttemptError::Calendar { error, circuit, generation }, Some(token)))
    }

    async fn send<R: Request>(
        &self,
        account: &Account,
        request: &R,
        token: &AccessToken,
        mut permit: Permit<'_>,
    ) -> Result<R::Answer, CalendarError> {
        let timer = metrics::google_request(R::METHOD);
        permit.asks();
        let answer = request.send(self.ports.calendar.as_ref(), &token.secret).await;
        timer.ended(answer.as_ref().err());
        permit.report(outcome(answer.as_ref().err()));
        if answer.is_ok() {
            self.quota_gate.answered(&ThrottleKey::Project);
            self.quota_gate.answered(&ThrottleKey::User(account.user_key.clone()));
        }
        answer
    }

    /// The limits that every call of an account counts against.
    fn lines(&self, account: &Account) -> Vec<Limit> {
        self.quotas.of(account, Use::Read)
    }

    /// Books a turn for a job that is not begun yet and would wait for its `calls` in hand for too long.
    pub(crate) async fn book(
        &self,
        account: &Account,
        calls: u32,
        not_after: Timestamp,
    ) -> Option<(Timestamp, Duration)> {
        self.quota_gate.book(&self.lines(account), calls, not_after).await
    }

    /// Whether turns of the account are booked that are further away than a moment, as far as this worker has heard.
    pub(crate) fn has_long_line(&self, account: &Account) -> bool {
        self.quota_gate.is_long(&self.lines(account))
    }

    /// The attempt does not make a call that it expected to.
    pub(crate) async fn leave_out_call(&self, account: &Account, calls: &Calls) {
        if calls.drop_further() {
            self.quota_gate.unbook(&self.lines(account)).await;
        }
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
    pub(crate) fn left_alone_for(&self) -> Option<Duration> {
        self.calendar.left_alone_for()
    }

    /// Whether the circuits of the Calendar API and of the token endpoint are open.
    pub(crate) fn open_circuits(&self) -> (bool, bool) {
        (self.calendar.is_open(), self.tokens.is_open())
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
