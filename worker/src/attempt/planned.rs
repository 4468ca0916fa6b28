//! A job that is opened, and what the plan says of it.

use common::job::{BlockReason, Effect, WaitReason};
use common::time::after;

use super::bounds::Bounds;
use super::judge::Called;
use super::leased::Leased;
use super::opened::{Opened, Writing};
use super::{Attempts, Conclusion};
use crate::attempt_error::AttemptError;
use crate::guests::ASKED;
use crate::hold::Hold;
use crate::plan::{Plan, plan};
use crate::request::Request;

/// An attempt that knows what it is to do.
pub(super) struct Planned<'a> {
    leased: Leased<'a>,
    writing: Option<Writing>,
    bounds: Bounds<'a>,
    plan: Result<Plan, AttemptError>,
}

/// What an attempt makes its calls of Google with.
pub(super) struct Call<'a> {
    pub(super) attempts: &'a Attempts,
    pub(super) leased: &'a Leased<'a>,
    pub(super) writing: &'a Writing,
}

impl Call<'_> {
    /// Makes a request; one that creates the job's event with the `hold` on the job.
    pub(super) async fn ask<R: Request>(
        &self,
        request: &R,
        hold: Option<&Hold>,
    ) -> Result<R::Answer, AttemptError> {
        self.attempts.gateway.ask(&self.writing.account, request, hold, &self.leased.calls).await
    }
}

impl<'a> Opened<'a> {
    /// Plans, once: what the job's deadline does to that later is seen to when a failure is judged.
    pub(super) fn plan(self, attempts: &Attempts) -> Planned<'a> {
        let Self { leased, writing, bounds } = self;
        let (writing, plan) = match writing {
            Ok(writing) => {
                let account = writing.as_ref().map(|writing| writing.account.as_ref());
                let guests = writing.as_ref().map_or(0, |writing| writing.payload.event.guests());
                let (most, now) = (attempts.settings.max_attempts, attempts.ports.clock.now());
                let plan = plan(&leased.job, account, guests, most, now);
                (writing, Ok(plan))
            }
            Err(trouble) => (None, Err(trouble)),
        };
        Planned { leased, writing, bounds, plan }
    }
}

impl<'a> Planned<'a> {
    /// Does what is planned, within the attempt's bounds.
    pub(super) async fn call(self, attempts: &Attempts) -> Called<'a> {
        let Self { leased, writing, mut bounds, plan } = self;
        let outcome = match plan {
            Ok(plan) => {
                let work = carried_out(attempts, &leased, writing.as_ref(), plan);
                bounds.hold(&leased.calls, work).await
            }
            Err(trouble) => Err(trouble),
        };
        Called { leased, writing, outcome }
    }
}

async fn carried_out(
    attempts: &Attempts,
    leased: &Leased<'_>,
    writing: Option<&Writing>,
    plan: Plan,
) -> Result<Conclusion, AttemptError> {
    let call = writing.map(|writing| Call { attempts, leased, writing });
    match (plan, call) {
        (Plan::Create, Some(call)) => create(&call).await,
        (Plan::Create, None) => Ok(Conclusion::Block { why: BlockReason::Reauthorization, until: None }),
        (Plan::Settle(ending), _) if leased.effect() == Effect::None => Ok(ending.conclusion(Effect::None)),
        (Plan::Settle(ending), Some(call)) => call.settle(ending).await,
        (Plan::Settle(ending), None) => Ok(ending.conclusion(Effect::Unknown)),
        (Plan::Wait { why, until }, _) => Ok(Conclusion::Wait { why, until }),
        (Plan::Block { why, until }, _) => Ok(Conclusion::Block { why, until }),
    }
}

/// Creates the event, unless the job's turn has not come or its guests may not be invited yet.
async fn create(call: &Call<'_>) -> Result<Conclusion, AttemptError> {
    let Call { attempts, leased, writing } = call;
    if let Some(until) = leased.awaited_turn(attempts, &writing.account).await {
        return Ok(Conclusion::Wait { why: WaitReason::Quota, until });
    }
    if !may_invite(attempts, leased, writing) {
        let until = Some(after(attempts.ports.clock.now(), ASKED));
        return Ok(Conclusion::Block { why: BlockReason::CalendarLimits, until });
    }
    call.create().await
}

/// Whether the job may be the one that finds out whether a limit on its account's guests is over, if there was one.
fn may_invite(attempts: &Attempts, leased: &Leased<'_>, writing: &Writing) -> bool {
    if writing.account.guest_limit.is_none() || writing.payload.event.guests() == 0 {
        return true;
    }
    let probe = attempts.guest_probes.begin(&writing.account.id);
    probe.is_some_and(|probe| leased.probe.set(probe).is_ok())
}
