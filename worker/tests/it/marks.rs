//! Cancellation marks go when they mean nothing any more; that all of them are read is seldom.

use common::port::{Shelf, Vault as _};
use common::time::{days, hours, minutes, until};
use serde_json::json;

use crate::bench::Bench;
use crate::wait::eventually;

#[tokio::test]
async fn old_marks_go_and_all_marks_are_read_once_a_day() {
    let mut bench = Bench::new().await;
    let began = bench.now();
    for (job, until) in [("old", began - days(8)), ("young", began + days(1))] {
        let mark = json!({ "at": began, "until": until });
        bench.vault.put(Shelf::Cancellations, job, &mark, None).await.unwrap();
    }
    bench.start();
    let vault = bench.vault.clone();
    bench.pass_until("the third reading", minutes(30), || vault.lists_of(Shelf::Cancellations) == 3).await;
    let passed = until(began, bench.now());
    assert!((hours(48)..hours(80)).contains(&passed), "{passed:?}");
    let left = eventually("the old mark to go", async || {
        let left = vault.list(Shelf::Cancellations).await.unwrap();
        (left.len() == 1).then_some(left)
    })
    .await;
    assert_eq!(left[0].0, "young");
}
