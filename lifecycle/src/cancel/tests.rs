//! Cancelled by a caller and by an operator, over one folder.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use accounts::Accounts;
use adapter_embedded::{Embedded, Role};
use common::fingerprint::Fingerprint;
use common::manual_clock::ManualClock;
use common::port::Backlog;
use common::sample::{self, states};
use common::seal::{Key, Keyring};
use metrics::{Counter, Gauge, Histogram, KeyName, Metadata, SharedString, Unit};
use serde_json::Value;
use tempfile::TempDir;
use tokio_util::task::TaskTracker;

use super::*;
use crate::cancel_all::{AllCancelled, cancel_all};
use crate::intake::Intake;
use crate::ledger::{Identity, Ledger};

/// Counts the jobs that were cancelled.
#[derive(Default)]
struct Counted(Arc<AtomicU64>);

impl metrics::Recorder for Counted {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &metrics::Key, _: &Metadata<'_>) -> Counter {
        let is_cancelled = key.labels().any(|label| label.value() == "cancelled");
        match key.name() {
            "calrelay_jobs_finished_total" if is_cancelled => Counter::from_arc(Arc::clone(&self.0)),
            _ => Counter::noop(),
        }
    }

    fn register_gauge(&self, _: &metrics::Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &metrics::Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

struct Bench {
    _folder: TempDir,
    ports: Ports,
    ledger: Arc<Ledger>,
    intake: Intake,
}

impl Bench {
    async fn open() -> Self {
        let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
        let embedded = Embedded::open(folder.path(), Role::Worker, clock.clone(), None).await.unwrap();
        let (vault, ring) = (embedded.vault(), Keyring::new(Key::random(), Vec::new()));
        let hash_key = accounts::secrets::open(vault.as_ref(), &ring).await.unwrap();
        let ports = Ports {
            queue: embedded.queue(),
            store: embedded.store(),
            vault: vault.clone(),
            accounts: Arc::new(Accounts::new(vault, ring, hash_key, clock.clone())),
            throttle: embedded.throttle(),
            clock,
        };
        let ledger = Arc::new(Ledger::new(&ports, common::time::days(7)));
        let (backlog, quotas) = (Backlog::default(), Quotas::default());
        let intake = Intake::new(ports.clone(), Arc::clone(&ledger), backlog, quotas, TaskTracker::new());
        Self { _folder: folder, ports, ledger, intake }
    }

    /// A job that is being accepted.
    async fn accept(&self) -> Job {
        let job = states::job(JobState::Accepting { since: self.ports.clock.now() });
        self.ledger.accept(&job, Identity::Random, Backlog::default(), &sample::line("u")).await;
        job
    }

    async fn mark(&self, job: &Job) -> Value {
        self.ports.vault.get(Shelf::Cancellations, job.id.as_str()).await.unwrap().expect("a mark").value
    }
}

#[tokio::test]
async fn a_caller_and_an_operator_leave_the_same_mark() {
    let bench = Bench::open().await;
    let (callers, operators) = (bench.accept().await, bench.accept().await);
    assert!(matches!(bench.intake.cancel(&callers).await, Ok(Cancelled::Now(_))));
    let all = cancel_all(&bench.ports, &Quotas::default(), &operators.account).await.unwrap();
    assert_eq!(all, AllCancelled { cancelled: 1, cancelling: Vec::new() });
    for job in [callers, operators] {
        let mark = bench.mark(&job).await;
        let expected =
            Mark { at: bench.ports.clock.now(), until: job.not_after, fingerprint: &job.fingerprint };
        assert_eq!(mark, expected.document());
        assert_eq!(serde_json::from_value::<Fingerprint>(mark).unwrap(), job.fingerprint);
    }
}

#[tokio::test]
async fn the_callers_job_is_counted_once_and_the_operators_not() {
    let counted = Counted::default();
    let _recorder = metrics::set_default_local_recorder(&counted);
    let bench = Bench::open().await;
    let job = bench.accept().await;
    for _ in 0..2 {
        assert!(bench.intake.cancel(&job).await.is_ok());
        assert_eq!(counted.0.load(Ordering::Relaxed), 1);
    }
    let job = bench.accept().await;
    assert_eq!(cancel_all(&bench.ports, &Quotas::default(), &job.account).await.unwrap().cancelled, 1);
    assert!(matches!(bench.intake.cancel(&job).await, Ok(Cancelled::Before(_))));
    assert_eq!(counted.0.load(Ordering::Relaxed), 1);
}
