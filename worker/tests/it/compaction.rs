//! Records of jobs that succeeded more than an hour ago are handed back to the store in few bytes, saying the same.

use std::time::Duration;

use common::account::AccountId;
use common::job::{EventResult, Job, JobState};
use common::time::{hours, minutes};

use crate::bench::Bench;
use crate::order::order;
use crate::wait::eventually;

impl Bench {
    async fn made_compact(&self, records: usize) -> Vec<(Job, Job)> {
        eventually("records made compact", async || {
            let compacted = self.store.compacted();
            (compacted.len() == records).then_some(compacted)
        })
        .await
    }

    /// Lets half a minute pass, more or less, until somebody has looked whether there is anything to do.
    async fn look(&self) {
        let (before, mut seconds) = (self.store.sweeps(), 0..31);
        eventually("a look at the records", async || {
            if self.store.sweeps() > before {
                return Some(());
            }
            seconds.next().inspect(|_| self.turn(Duration::from_secs(1)));
            None
        })
        .await;
    }
}

fn size(job: &Job) -> usize {
    let JobState::Succeeded { result } = &job.state else { panic!("{:?}", job.state) };
    String::from(result.clone()).len()
}

#[tokio::test]
async fn a_record_becomes_compact_an_hour_after_its_job_succeeded_and_says_what_it_said() {
    let mut bench = Bench::new().await;
    bench.store.wants_less();
    bench.start();
    let id = bench.submit(order().conference()).await;
    let failed = bench.submit(order()).await;
    bench.cancel(&failed).await;
    let told: EventResult = bench.succeeded(&id).await;
    bench.turn(hours(1) - minutes(2));
    bench.look().await;
    assert_eq!(bench.store.compacted(), [], "its conference may still change");
    bench.turn(minutes(2));
    bench.look().await;
    let compacted = bench.made_compact(1).await;
    let (seen, compact) = &compacted[0];
    assert_eq!(seen, &bench.job(&id).await);
    assert!(bench.result(compact).await == told);
    assert!(size(compact) < size(seen), "{} of {} characters", size(compact), size(seen));
    assert_eq!(&compact.with(|fields| fields.state = seen.state.clone()), seen, "nothing else may differ");
    bench.turn(hours(1));
    bench.look().await;
    assert_eq!(bench.store.compacted().len(), 1, "what was seen to is left alone");
}

#[tokio::test]
async fn a_record_whose_account_is_gone_keeps_its_result_as_it_is() {
    let mut bench = Bench::new().await;
    bench.start();
    let id = bench.submit(order()).await;
    bench.succeeded(&id).await;
    bench.accounts.remove(&AccountId::default_account()).await.unwrap();
    bench.turn(hours(2));
    bench.store.wants_less();
    bench.look().await;
    let compacted = bench.made_compact(1).await;
    assert_eq!(compacted[0].0, compacted[0].1);
}

#[tokio::test]
async fn while_the_store_is_away_nothing_is_made_compact_and_afterwards_everything_is() {
    let mut bench = Bench::new().await;
    bench.start();
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(bench.submit(order()).await);
    }
    for id in &ids {
        bench.succeeded(id).await;
    }
    bench.store.go_away();
    bench.store.wants_less();
    bench.turn(hours(2));
    bench.look().await;
    assert_eq!(bench.store.compacted(), []);
    bench.store.recover();
    bench.look().await;
    let mut compacted: Vec<_> =
        bench.made_compact(3).await.into_iter().map(|(_, job)| job.id.clone()).collect();
    compacted.sort_by(|one, other| one.as_str().cmp(other.as_str()));
    ids.sort_by(|one, other| one.as_str().cmp(other.as_str()));
    assert_eq!(compacted, ids);
}
