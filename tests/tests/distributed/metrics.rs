//! What Prometheus gets from each role.

use std::time::Duration;

use tests::{MetricsPage, Plan, event, eventually, succeeded};

const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn each_role_tells_what_is_written_down_and_nothing_else() {
    let mut calrelay = Plan::new(1, 1).start().await;
    let caller = calrelay.caller();
    let roles = ["api", "worker"];
    for (role, member) in roles.into_iter().zip(calrelay.members()) {
        let page = MetricsPage::of(member.process()).await;
        page.lint();
        page.shape().is_golden(role);
    }

    let id = caller.submit(&event("counted"), "counted", LIMIT).await.id;
    succeeded(&caller, &id, LIMIT).await;
    let worker = MetricsPage::of(calrelay.workers()[0].process()).await;
    assert_eq!(worker.value("jobs_finished_total{outcome=\"succeeded\"}"), 1.0);
    eventually("what is used of the quotas", LIMIT, || async {
        let page = MetricsPage::of(calrelay.workers()[0].process()).await;
        (page.value("quota_used_ratio{window=\"day\"}") > 0.0).then_some(())
    })
    .await;

    calrelay.vhost().limit("calrelay.jobs", Some(1)).await;
    calrelay.worker(0).terminate().await;
    let mut refused = 0;
    for number in 0..10 {
        refused += usize::from(caller.post(&event(&number.to_string()), None).await.unwrap().status == 503);
    }
    let api = calrelay.apis()[0].process();
    let page = MetricsPage::of(api).await;
    assert!(refused > 0, "a queue of one takes ten");
    assert_eq!(page.value("jobs_rejected_total{reason=\"queue-full\"}"), refused as f64);
    calrelay.apis()[0].broker().cut().await;
    eventually("a refusal", LIMIT, || async {
        caller.post(&event("never"), Some("never")).await.ok()?;
        let page = MetricsPage::of(api).await;
        (page.value("jobs_rejected_total{reason=\"queue-unavailable\"}") > 0.0).then_some(())
    })
    .await;
    let page = MetricsPage::of(api).await;
    page.lint();
    page.shape().is_golden("api");
    calrelay.vhost().leaves_anything();
}
