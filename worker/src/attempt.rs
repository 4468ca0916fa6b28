//! One delivery, from the queue to its end: lease the job, do what the plan says, record what came of it.
//!
//! The order is always: call Google, publish what must come back and what is to be told, record, and only then let the
//! delivery go. A crash between any two of these is safe: the delivery comes again, finds how far
//! the record came, and where a write may have happened it asks Google before it writes.

mod conference;
mod create;
mod held;
mod judge;
mod key_reused;
mod lease;
mod opened;
mod publishing;
mod put_off;
mod record;
mod settle;
mod success;
mod telling;
mod turn;
mod under_way;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use common::job::{BlockReason, Effect, FailureKind, JobState, WaitReason, WorkerId};
use common::message::{Message, Work};
use common::port::{Delivery, DeliveryTag};
use common::time::{after, until};
use common::trace::log_span;
use futures_util::FutureExt as _;
use jiff::Timestamp;
use notices::{Notices, Sources};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::attempt_error::AttemptError;
use crate::calls::Calls;
use crate::complaint::Complaint;
use crate::gateway::Gateway;
use crate::guests::{ASKED, GuestProbes};
use crate::metrics;
use crate::plan::{Plan, plan};
use crate::ports::Ports;
use crate::records::Records;
use crate::sealing::MissingKeys;
use crate::settings::Settings;
use crate::suspects::Suspects;
use held::{Held, LONG_AGO};
use lease::Arrival;
use opened::Writing;
use success::Success;
use under_way::UnderWay;

use create::{Wish, event_result};
pub(crate) use publishing::Abandoned;

/// The calls of an attempt take no longer, which leaves time to record before its lease ends.
const CALLS: Duration = Duration::from_secs(50);

/// The attempt that published a message is waited for so long: it only has to record that it did.
const PREDECESSOR: Duration = Duration::from_secs(5);

/// Runs deliveries.
pub(crate) struct Attempts {
    ports: Ports,
    /// What notices are made from.
    sources: Sources,
    settings: Settings,
    pub(crate) gateway: Gateway,
    records: Arc<Records>,
    worker: WorkerId,
    /// What this worker is at.
    under_way: UnderWay,
    /// What it could not open.
    missing_keys: MissingKeys,
    /// Jobs that may have killed a worker.
    suspects: Suspects,
    /// Jobs that find out whether guests may be invited again.
    guest_probes: Arc<GuestProbes>,
    /// The marks cannot be read: it is not known whether jobs were cancelled.
    perhaps_cancelled: Complaint,
    /// Jobs cannot even be looked at.
    out_of_sight: Complaint,
    /// Cancelled when running attempts must end at once.
    abandon: CancellationToken,
}

/// What to tell the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Dealt with: forget it.
    Done,
    /// Unworked: deliver it again.
    PutBack,
}

/// How an attempt concluded.
#[derive(Debug)]
enum Conclusion {
    /// The event is in the calendar.
    Succeeded(Success),
    /// The event is in the calendar, and had been there when the job was taken back.
    Stands(Success),
    /// The job cannot be done.
    Failed { kind: FailureKind, effect: Effect },
    /// The job was taken back and has left no event.
    Cancelled,
    /// Not yet.
    Wait { why: WaitReason, until: Timestamp },
    /// Not until something changes.
    Block { why: BlockReason, until: Option<Timestamp> },
}

impl Attempts {
    pub(crate) fn new(
        ports: Ports,
        settings: Settings,
        stopping: CancellationToken,
        abandon: CancellationToken,
    ) -> Self {
        let gateway = Gateway::new(ports.clone(), settings.quotas, stopping);
        let (store, vault, clock) = (&ports.store, &ports.vault, &ports.clock);
        let records = Arc::new(Records::new(Arc::clone(store), Arc::clone(vault), Arc::clone(clock)));
        let suspects = Suspects::of(settings.concurrency, Arc::clone(clock));
        let (under_way, missing_keys, guest_probes) = Default::default();
        let (perhaps_cancelled, out_of_sight) = Default::default();
        let worker = WorkerId::random();
        let sources = ports.sources();
        Self {
            ports,
            sources,
            settings,
            gateway,
            records,
            worker,
            under_way,
            missing_keys,
            suspects,
            guest_probes,
            perhaps_cancelled,
            out_of_sight,
            abandon,
        }
    }

    pub(crate) fn ports(&self) -> &Ports {
        &self.ports
    }

    pub(crate) fn notices(&self) -> &Notices {
        &self.settings.notices
    }

    /// Waits until running attempts must end at once.
    pub(crate) async fn abandoned(&self) {
        self.abandon.cancelled().await;
    }

    pub(crate) fn records(&self) -> &Records {
        &self.records
    }

    /// How many sealing keys are missing.
    pub(crate) fn missing_keys(&self) -> usize {
        self.missing_keys.count(self.ports.clock.now())
    }

    /// Deals with one delivery, whatever happens.
    pub(crate) async fn handle(&self, delivery: Delivery) {
        let tag = delivery.tag;
        let arrival = if delivery.redelivered { Arrival::Again } else { Arrival::First };
        let verdict = match &delivery.message {
            Err(unreadable) => {
                tracing::error!("Kept a message that this build cannot read as a dead letter: {unreadable}");
                self.bury(tag).await;
                return;
            }
            // Calls that panic are caught where they are made. Should anything else do so, the delivery
            // comes again, meets its own lease, and counts as a crash once that is past.
            Ok(message) => {
                let work = AssertUnwindSafe(self.work_on(message, arrival)).catch_unwind();
                work.instrument(log_span(message.trace)).await.unwrap_or(Verdict::PutBack)
            }
        };
        self.answer(tag, verdict).await;
    }

    /// Tells the queue what becomes of a delivery.
    async fn answer(&self, tag: DeliveryTag, verdict: Verdict) {
        let told = match verdict {
            Verdict::Done => self.ports.queue.done(tag).await,
            Verdict::PutBack => self.ports.queue.put_back(tag).await,
        };
        if let Err(error) = told {
            tracing::warn!("The queue was not told of a delivery's end, it may come again: {error}");
        }
    }

    async fn work_on(&self, message: &Message, arrival: Arrival) -> Verdict {
        match message.work {
            Work::Create => {
                let entry = self.under_way.enter(&message.job, message.hop);
                let arrival = entry.arrival(arrival);
                if let Some(verdict) = self.put_off(message, arrival).await {
                    return verdict;
                }
                tokio::select! {
                    () = entry.after_the_others() => {}
                    () = self.ports.clock.sleep(PREDECESSOR) => {}
                }
                self.deal_with(message, arrival).await
            }
            Work::Conference { looks } => self.look_at_conference(message, looks).await,
            Work::Notice(notice) => self.send_notice(message, notice).await,
        }
    }

    /// A message that carries the job's end only has to be recorded.
    async fn deal_with(&self, message: &Message, arrival: Arrival) -> Verdict {
        match (&message.outcome, &message.failure) {
            (Some(result), _) => self.record_carried_success(message, result, arrival).await,
            (None, Some(failure)) => self.record_carried_failure(message, failure).await,
            (None, None) => self.take(message, arrival).await,
        }
    }

    /// Claims the job and runs the attempt: one that may have killed workers in a small group, or alone.
    async fn take(&self, message: &Message, arrival: Arrival) -> Verdict {
        // Looked up before the job is leased: what is leased is charged with the worker's death.
        let (known, seen) = self.deaths(message, arrival).await;
        let mut seat = match self.suspects.enter(known) {
            Ok(seat) => seat,
            Err(pause) => {
                let effect = arrival.effect(message.effect);
                return self.stand_back(&Message { effect, ..message.clone() }, seen, pause).await;
            }
        };
        let held = match self.lease(message, arrival).await {
            Ok(held) => held,
            Err(verdict) => return verdict,
        };
        let crashes = held.job.tally.crashes;
        if crashes > known {
            // Nothing told of its last death before.
            drop(seat);
            seat = match self.suspects.enter(crashes) {
                Ok(seat) => seat,
                Err(pause) => {
                    self.release(&held).await;
                    let known = Message { tally: held.job.tally, effect: held.effect(), ..message.clone() };
                    return self.put_aside(&known, pause).await;
                }
            };
        }
        let verdict = self.run(held).await;
        drop(seat);
        verdict
    }

    /// How many deaths the job is charged with, the one that left it behind included; and what is known of a
    /// delivery's arrival after a look at the record.
    async fn deaths(&self, message: &Message, arrival: Arrival) -> (u32, Arrival) {
        let said = message.tally.crashes;
        // Nobody has had the others before.
        if arrival == Arrival::First && message.effect == Effect::None {
            return (said, arrival);
        }
        let Ok(Some(job)) = self.records.get(&message.job).await else { return (said, arrival) };
        let known = job.tally.crashes.max(said);
        if job.was_left_behind(message.hop, self.ports.clock.now()) {
            return (known.saturating_add(1), Arrival::First);
        }
        let running = matches!(job.state, JobState::Running(_)) || self.records.were_away_lately();
        (known, if running { arrival } else { Arrival::First })
    }

    async fn run(&self, held: Held<'_>) -> Verdict {
        let job = &held.job;
        if job.tally.attempts + job.tally.deferrals == 0 {
            metrics::queue_wait(until(job.could_start_at(), job.updated_at));
        }
        match self.bounded(&held.calls, self.attempt(&held)).await {
            Ok(conclusion) => self.conclude(&held, conclusion).await,
            Err(trouble) => self.judge(&held, &trouble).await,
        }
    }

    /// Makes calls to Google: whatever they do, this ends.
    pub(crate) async fn bounded<T>(
        &self,
        calls: &Calls,
        work: impl Future<Output = Result<T, AttemptError>>,
    ) -> Result<T, AttemptError> {
        let work = AssertUnwindSafe(work).catch_unwind();
        // All three are cancel safe for us: whichever ends first, the hold tells how far a write came.
        tokio::select! {
            ended = work => ended.unwrap_or(Err(AttemptError::Panicked)),
            () = self.ports.clock.sleep(CALLS) => {
                Err(if calls.is_asking() { AttemptError::Deadline } else { AttemptError::Late })
            }
            () = self.abandon.cancelled() => Err(AttemptError::Stopping),
        }
    }

    async fn attempt(&self, held: &Held<'_>) -> Result<Conclusion, AttemptError> {
        let writing = match self.open_lately(&held.job).await? {
            Some(writing) => Some(held.opened.get_or_init(|| writing)),
            None => None,
        };
        let account = writing.map(|writing| writing.account.as_ref());
        let guests = writing.map_or(0, |writing| writing.payload.event.guests());
        match plan(&held.job, account, guests, self.settings.max_attempts, self.ports.clock.now()) {
            Plan::Create => match writing {
                Some(writing) => match self.turn(held, &writing.account).await {
                    Some(until) => Ok(Conclusion::Wait { why: WaitReason::Quota, until }),
                    None if !self.may_invite(held, writing) => {
                        let until = Some(after(self.ports.clock.now(), ASKED));
                        Ok(Conclusion::Block { why: BlockReason::CalendarLimits, until })
                    }
                    None => self.create(held, writing).await,
                },
                None => Ok(Conclusion::Block { why: BlockReason::Reauthorization, until: None }),
            },
            Plan::Settle(ending) => self.settle(held, writing, ending).await,
            Plan::Wait { why, until } => Ok(Conclusion::Wait { why, until }),
            Plan::Block { why, until } => Ok(Conclusion::Block { why, until }),
        }
    }

    /// Whether the job may be the one that finds out whether a limit on its account's guests is over, if there was one.
    fn may_invite(&self, held: &Held<'_>, writing: &Writing) -> bool {
        if writing.account.guest_limit.is_none() || writing.payload.event.guests() == 0 {
            return true;
        }
        // Kept until what came of it is known to the account.
        self.guest_probes.begin(&writing.account.id).is_some_and(|probe| held.probe.set(probe).is_ok())
    }
}
