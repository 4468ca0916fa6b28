//! One call from arrival to reply: identity, quota, faults, effect, log, and a cut wire where one was asked for.
//!
//! Quota and faults are decided on arrival. Injected latency passes half before and half after the effect. A call that
//! was let in is carried out even if its client leaves, as Google does. A fault may cut the client off on arrival and
//! have the call take effect later.
#![expect(clippy::disallowed_methods, reason = "injected latency is real time, and faults strike at random")]

use std::borrow::Cow;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::Data;
use jiff::Timestamp;

use crate::api_error::ApiError;
use crate::catalogue::Layout;
use crate::faults::{DropWhen, FaultSpec, Injection, Target};
use crate::method::{Method, Service};
use crate::oauth::authorization::PageError;
use crate::oauth::consent;
use crate::oauth::error::OAuthError;
use crate::reply::Reply;
use crate::sandbox::{Inner, Sandbox};
use crate::stats::Logged;
use crate::user::User;
use crate::wire::Wire;

/// Who asks for what.
pub(crate) struct Call {
    pub(crate) method: Method,
    /// The person whose token, code or grant it is, if that is known.
    pub(crate) person: Option<User>,
    pub(crate) calendar: Option<String>,
    pub(crate) event: Option<String>,
    /// Whose minute a Calendar call uses up; the person's when nobody is named.
    pub(crate) charged: Option<String>,
    /// Why it is refused before anything else is looked at.
    pub(crate) refusal: Option<Reply>,
}

impl Call {
    /// A call that is about no calendar and refused for nothing yet.
    pub(crate) fn of(method: Method, person: Option<User>) -> Self {
        Self { method, person, calendar: None, event: None, charged: None, refusal: None }
    }
}

struct Admitted {
    call: Call,
    start: Timestamp,
    injection: Injection,
}

/// Carries a call out. `identify` reads who it is; `effect` does it, under the lock.
pub(crate) async fn perform<I, E>(
    sandbox: Data<Sandbox>,
    wire: Option<Wire>,
    identify: I,
    effect: E,
) -> HttpResponse
where
    I: FnOnce(&Inner, Timestamp) -> Call,
    E: FnOnce(&mut Inner, &Call, Timestamp) -> Reply + 'static,
{
    let admitted = admit(&sandbox, identify);
    if let Some(after) = admitted.injection.commits_after() {
        actix_web::rt::spawn(async move {
            tokio::time::sleep(after).await;
            let reply = act(&sandbox, &admitted, effect);
            finish(&sandbox, None, &admitted, reply);
        });
        return cut(wire.as_ref());
    }
    let half = Duration::from_millis(admitted.injection.latency_ms) / 2;
    if half.is_zero() {
        return finish(&sandbox, wire.as_ref(), &admitted, act(&sandbox, &admitted, effect));
    }
    // A task of its own, because actix may drop a handler whose client has gone.
    let done = actix_web::rt::spawn(async move {
        tokio::time::sleep(half).await;
        let reply = act(&sandbox, &admitted, effect);
        tokio::time::sleep(half).await;
        finish(&sandbox, wire.as_ref(), &admitted, reply)
    });
    done.await.unwrap_or_else(|_| HttpResponse::InternalServerError().finish())
}

fn admit<I>(sandbox: &Sandbox, identify: I) -> Admitted
where
    I: FnOnce(&Inner, Timestamp) -> Call,
{
    let mut inner = sandbox.lock();
    let start = inner.now(&sandbox.clock);
    let mut call = identify(&inner, start);
    let email = call.person.as_ref().map(|person| person.email.as_str());
    let mut injection = Injection::default();
    if let (Service::Calendar, Some(email), None) = (call.method.service(), email, &call.refusal) {
        inner.stats.arrived(email, call.method.cost(), start);
        let calendar = call.calendar.as_deref().unwrap_or(email);
        let charged = call.charged.as_deref().unwrap_or(email);
        if let Err(over) = inner.quotas.take(call.method, charged, calendar, start) {
            call.refusal = Some(over.into_reply());
            return Admitted { call, start, injection };
        }
    }
    let target = Target {
        method: call.method,
        user: email,
        sub: call.person.as_ref().map(|person| person.sub.as_str()),
        calendar: call.calendar.as_deref(),
    };
    injection = inner.faults.strike(target, start, rand::random::<f64>);
    Admitted { call, start, injection }
}

/// What came of it, and whether the client hears.
enum Outcome {
    Answered(Reply),
    Dropped(DropWhen),
}

fn act<E>(sandbox: &Sandbox, admitted: &Admitted, effect: E) -> Outcome
where
    E: FnOnce(&mut Inner, &Call, Timestamp) -> Reply,
{
    let Admitted { call, injection, .. } = admitted;
    let drop_when = match &injection.outcome {
        Some(fault) => match (fault.drop, fault.commit_after_ms) {
            (Some(when), _) => Some(when),
            // Nobody listens any more.
            (None, Some(_)) => Some(DropWhen::After),
            (None, None) => return Outcome::Answered(refusal(call.method, fault)),
        },
        None => None,
    };
    if drop_when == Some(DropWhen::Before) {
        return Outcome::Dropped(DropWhen::Before);
    }
    let reply = match &call.refusal {
        Some(reply) => reply.clone(),
        None => {
            let mut inner = sandbox.lock();
            let now = inner.now(&sandbox.clock);
            effect(&mut inner, call, now)
        }
    };
    drop_when.map_or(Outcome::Answered(reply), Outcome::Dropped)
}

fn refusal(method: Method, fault: &FaultSpec) -> Reply {
    let reason = fault.reason.as_deref();
    let retry_after = fault.retry_after.as_ref().map(ToString::to_string);
    match method.service() {
        Service::OAuth => {
            let mut error = OAuthError::injected(fault.status, reason, fault.message.as_deref());
            error.layout = fault.layout.unwrap_or(error.layout);
            error.retry_after = retry_after;
            error.into_reply()
        }
        Service::Consent => match reason {
            Some(reason) => {
                let page = PageError::injected(fault.status, reason, fault.message.as_deref());
                consent::refused(&page)
            }
            None => ApiError::of_status(fault.status.unwrap_or(500))
                .laid_out(Layout::Html)
                .retry_after(retry_after)
                .into_reply(),
        },
        Service::Calendar => ApiError::injected(method, fault).into_reply(),
        Service::UserInfo => {
            let front = Some(fault.layout.unwrap_or(Layout::Frontend));
            ApiError::injected(method, &FaultSpec { layout: front, ..fault.clone() }).into_reply()
        }
    }
}

fn finish(sandbox: &Sandbox, wire: Option<&Wire>, admitted: &Admitted, outcome: Outcome) -> HttpResponse {
    let call = &admitted.call;
    let (status, result): (Option<u16>, Cow<'static, str>) = match &outcome {
        Outcome::Answered(reply) => (Some(reply.status), reply.label.clone()),
        Outcome::Dropped(DropWhen::Before) => (None, "droppedBefore".into()),
        Outcome::Dropped(DropWhen::After) => (None, "droppedAfter".into()),
    };
    let mut inner = sandbox.lock();
    let end = inner.now(&sandbox.clock);
    inner.stats.ended(Logged {
        seq: 0,
        method: call.method,
        user: call.person.as_ref().map(|person| person.email.clone()),
        calendar: call.calendar.clone(),
        event_id: call.event.clone(),
        start: admitted.start,
        end,
        status,
        result,
    });
    drop(inner);
    match outcome {
        Outcome::Answered(reply) => reply.into_response(),
        Outcome::Dropped(_) => cut(wire),
    }
}

/// Cuts the client off.
fn cut(wire: Option<&Wire>) -> HttpResponse {
    if let Some(wire) = wire {
        wire.cut();
    }
    HttpResponse::ServiceUnavailable().force_close().finish()
}
