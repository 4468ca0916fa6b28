//! The fake Google as the suites of `Calendar` and `TokenEndpoint` want it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use common::job::JobId;
use common::port::{Calendar, CalendarError, TokenEndpoint, TokenError};
use serde_json::{Map, Value};
use testing::ManualClock;
use testing::calendar::{CalendarBench, CalendarTrouble};
use testing::google::{Answering, Behaviour, FakeCalendar, FakeTokenEndpoint, Method, refresh_token};
use testing::token_endpoint::{EndpointBench, EndpointTrouble, PATIENCE};

/// A fake Google.
pub struct Fake {
    clock: Arc<ManualClock>,
    endpoint: Arc<FakeTokenEndpoint>,
    calendar: Arc<FakeCalendar>,
    codes: AtomicUsize,
}

impl Fake {
    pub fn new() -> Self {
        let clock = ManualClock::new();
        let endpoint = Arc::new(FakeTokenEndpoint::new(clock.clone()));
        let calendar = Arc::new(FakeCalendar::new(clock.clone(), endpoint.clone()));
        Self { clock, endpoint, calendar, codes: AtomicUsize::new(0) }
    }

    fn passes(&self, error: TokenError) {
        self.endpoint.next(Answering::Refuse(error));
    }
}

#[async_trait]
impl EndpointBench for Fake {
    fn endpoint(&self) -> Arc<dyn TokenEndpoint> {
        self.endpoint.clone()
    }

    fn clock(&self) -> &ManualClock {
        &self.clock
    }

    async fn consent(&self, url: &str, email: &str) -> String {
        assert!(url.contains("state=state"), "{url}");
        self.endpoint.answer_as(email.strip_suffix("@example.com").unwrap());
        format!("code {}", self.codes.fetch_add(1, Ordering::SeqCst))
    }

    async fn befalls(&self, trouble: EndpointTrouble) {
        let description = String::new();
        let lasting = match trouble {
            EndpointTrouble::GrantEnded => return self.endpoint.end_grant(&refresh_token("ada", 1)),
            EndpointTrouble::LoginWanted => TokenError::LoginRequired { description },
            EndpointTrouble::Blocked => TokenError::Denied { description },
            EndpointTrouble::UserDeleted => TokenError::NoSuchUser { description },
            EndpointTrouble::ClientDeleted => {
                TokenError::InvalidClient { error: "deleted_client".to_owned(), description }
            }
            EndpointTrouble::Throttled => {
                return self.passes(TokenError::Throttled { retry_after: Some(PATIENCE) });
            }
            EndpointTrouble::Failing => return self.passes(TokenError::Unavailable { status: 503 }),
            EndpointTrouble::NoAnswer => return self.passes(TokenError::Transport("as told".to_owned())),
        };
        self.endpoint.fail(Some(lasting));
    }
}

#[async_trait]
impl CalendarBench for Fake {
    fn calendar(&self) -> Arc<dyn Calendar> {
        self.calendar.clone()
    }

    async fn in_trouble(&self, trouble: CalendarTrouble) -> Arc<dyn Calendar> {
        let behaviour = match trouble {
            CalendarTrouble::LostAfter => Behaviour::LoseAnswer,
            CalendarTrouble::UserTooFast
            | CalendarTrouble::ProjectTooFast
            | CalendarTrouble::DailyLimit
            | CalendarTrouble::ApiDisabled
            | CalendarTrouble::ScopeMissing
            | CalendarTrouble::NotACalendarUser
            | CalendarTrouble::Forbidden
            | CalendarTrouble::Failing
            | CalendarTrouble::NotSent
            | CalendarTrouble::LostBefore => Behaviour::Refuse(trouble.error()),
        };
        let only = AtomicUsize::new(0);
        self.calendar.rule(move |_| (only.fetch_add(1, Ordering::SeqCst) == 0).then(|| behaviour.clone()));
        self.calendar.clone()
    }

    async fn refuses_conferences(&self) {
        self.calendar.refuse_conferences();
    }

    async fn limits_guests(&self) {
        self.calendar.rule(|call| {
            let limited = call.method == Method::Insert && call.guests > 0;
            limited.then_some(Behaviour::Refuse(CalendarError::UsageLimits))
        });
    }

    async fn written(&self, id: &JobId) -> Map<String, Value> {
        self.calendar.event(id).unwrap().resource
    }
}
