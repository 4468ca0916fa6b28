//! One delivery, from the queue to its end: lease the job, do what the plan says, record what came of it.
//!
//! The order is always: call Google, publish what must come back and what is to be told, record, and only then let the
//! delivery go. A crash between any two of these is safe: the delivery comes again, finds how far
//! the record came, and where a write may have happened it asks Google before it writes.

mod aside;
mod bounds;
mod conference;
mod create;
mod judge;
mod key_reused;
mod lease;
mod leased;
mod opened;
mod planned;
mod publishing;
mod put_off;
mod record;
mod seat;
mod settle;
mod success;
mod telling;
mod turn;
mod under_way;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use common::job::{BlockReason, Effect, Failure, FailureKind, WaitReason, WorkerId};
use common::message::{End, Message, Work};
use common::port::{Delivery, DeliveryTag};
use common::trace::log_span;
use futures_util::FutureExt as _;
use jiff::Timestamp;
use notices::Sources;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::complaint::Complaint;
use crate::gateway::Gateway;
use crate::guests::GuestProbes;
use crate::ports::Ports;
use crate::records::Records;
use crate::sealing::MissingKeys;
use crate::settings::Settings;
use crate::suspects::Suspects;
pub(crate) use aside::{defer, return_unbegun};
use conference::look_at_conference;
use lease::Arrival;
use leased::Leased;
use publishing::bury;
use put_off::put_off;
use record::{Return, record_carried_failure};
use seat::seated;
use success::{Success, record_carried_success};
use telling::send_notice;
use under_way::UnderWay;

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
    Failed(Failure),
    /// The job was taken back and has left no event.
    Cancelled,
    /// Not yet.
    Wait { why: WaitReason, until: Timestamp },
    /// Not until something changes.
    Block { why: BlockReason, until: Option<Timestamp> },
    /// A failure was judged: it comes back.
    Return(Return),
    /// The job is no longer this attempt's.
    LetGo,
    /// The job is handed back as it was.
    HandBack,
}

impl Conclusion {
    /// A failure of which Google has said nothing.
    fn failed(kind: FailureKind, effect: Effect) -> Self {
        Self::Failed(Failure { kind, google_status: None, google_reason: None, effect, detail: None })
    }
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
                bury(self, tag).await;
                return;
            }
            // Calls that panic are caught where they are made. Should anything else do so, the delivery
            // comes again, meets its own lease, and counts as a crash once that is past.
            Ok(message) => {
                let work = AssertUnwindSafe(work_on(self, message, arrival)).catch_unwind();
                work.instrument(log_span(message.trace)).await.unwrap_or(Verdict::PutBack)
            }
        };
        answer(self, tag, verdict).await;
    }
}

/// Tells the queue what becomes of a delivery.
async fn answer(attempts: &Attempts, tag: DeliveryTag, verdict: Verdict) {
    let told = match verdict {
        Verdict::Done => attempts.ports.queue.done(tag).await,
        Verdict::PutBack => attempts.ports.queue.put_back(tag).await,
    };
    if let Err(error) = told {
        tracing::warn!("The queue was not told of a delivery's end, it may come again: {error}");
    }
}

async fn work_on(attempts: &Attempts, message: &Message, arrival: Arrival) -> Verdict {
    match &message.work {
        Work::Create | Work::Record(_) => {
            let entry = attempts.under_way.enter(&message.job, message.hop);
            let arrival = entry.arrival(arrival);
            if let Some(verdict) = put_off(attempts, message, arrival).await {
                return verdict;
            }
            tokio::select! {
                () = entry.after_the_others() => {}
                () = attempts.ports.clock.sleep(PREDECESSOR) => {}
            }
            deal_with(attempts, message, arrival).await
        }
        Work::Conference { looks, .. } => look_at_conference(attempts, message, *looks).await,
        Work::Notice { notice, .. } => send_notice(attempts, message, *notice).await,
    }
}

/// A message that carries the job's end only has to be recorded.
async fn deal_with(attempts: &Attempts, message: &Message, arrival: Arrival) -> Verdict {
    match message.work.end() {
        Some(End::Succeeded(result) | End::Both(result, _)) => {
            record_carried_success(attempts, message, result, arrival).await
        }
        Some(End::Failed(failure)) => record_carried_failure(attempts, message, failure).await,
        None => take(attempts, message, arrival).await,
    }
}

/// Takes hold of the job and runs the attempt: one that may have killed workers in a small group, or alone.
async fn take(attempts: &Attempts, message: &Message, arrival: Arrival) -> Verdict {
    match seated(attempts, message, arrival).await {
        Ok((leased, seat)) => {
            let verdict = attempt(attempts, leased).await;
            drop(seat);
            verdict
        }
        Err(verdict) => verdict,
    }
}

/// One attempt. Each step hands the next what it needs: the account is read once, and so is what it opens.
async fn attempt<'a>(attempts: &'a Attempts, leased: Leased<'a>) -> Verdict {
    leased.count_wait();
    let opened = leased.open(attempts).await;
    let planned = opened.plan(attempts);
    let called = planned.call(attempts).await;
    let settled = called.settle(attempts).await;
    settled.record(attempts).await
}
