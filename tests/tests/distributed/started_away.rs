//! Workers that start while Redis is away: Google sees no more than its limit, and about half of it creates events.

mod rarely {
    use std::time::Duration;

    use futures_util::stream::{self, StreamExt as _};
    use jiff::Timestamp;
    use tests::{Installation, Plan, Request, SandboxView, event, eventually, sliding_minutes};

    /// Google's limit for the project, a minute.
    const LIMIT: usize = 120;
    /// More than can be done meanwhile.
    const JOBS: usize = 400;
    const WORKERS: usize = 3;
    /// From the first call on.
    const SPAN: Duration = Duration::from_secs(75);
    const SOON: Duration = Duration::from_secs(60);

    #[derive(Debug, Clone, Copy)]
    enum Away {
        Killed,
        Hanging,
    }

    async fn calls(google: &SandboxView, since: Timestamp) -> Vec<Request> {
        let calendar = |request: &Request| request.method.starts_with("events.") && request.start >= since;
        let mut calls: Vec<Request> = google.requests().await.into_iter().filter(calendar).collect();
        calls.sort_by_key(|request| request.start);
        calls
    }

    /// The most that Google saw in a minute.
    fn most(calls: &[Request]) -> usize {
        sliding_minutes(&calls.iter().map(|call| call.start).collect::<Vec<_>>()).1
    }

    fn share_of_inserts(calls: &[Request]) -> f64 {
        calls.iter().filter(|call| call.method == "events.insert").count() as f64 / calls.len() as f64
    }

    async fn installed() -> Installation {
        let plan = Plan::new(1, WORKERS).unlimited().with("QUOTA_PROJECT_PER_MINUTE", LIMIT);
        let mut calrelay = plan.start().await;
        calrelay.sandbox().view().no_quotas().await;
        for worker in 0..WORKERS {
            calrelay.worker(worker).terminate().await;
        }
        calrelay
    }

    async fn start_while_redis_is(away: Away) {
        let mut calrelay = installed().await;
        let (google, caller, began) = (calrelay.sandbox().view(), calrelay.caller(), Timestamp::now());
        match away {
            Away::Killed => calrelay.redis().kill(),
            Away::Hanging => calrelay.redis().freeze(),
        }
        let ids: Vec<String> = stream::iter(0..JOBS)
            .map(|number| {
                let caller = &caller;
                let title = format!("{away:?}-{number}");
                async move { caller.submit(&event(&title), &title, SOON).await.id }
            })
            .buffer_unordered(8)
            .collect()
            .await;
        for worker in 0..WORKERS {
            calrelay.worker(worker).start().await;
        }
        eventually("a call", SOON, || async { (!calls(&google, began).await.is_empty()).then_some(()) })
            .await;
        tokio::time::sleep(SPAN).await;
        let alone = calls(&google, began).await;
        match away {
            Away::Killed => calrelay.redis().start_again().await,
            Away::Hanging => calrelay.redis().thaw(),
        }
        tokio::time::sleep(SPAN).await;
        let all = calls(&google, began).await;
        eprintln!(
            "{away:?}: {} calls alone, {:.3} of them inserts; {} in all, {:.3} of them inserts; at most {} a minute",
            alone.len(),
            share_of_inserts(&alone),
            all.len(),
            share_of_inserts(&all),
            most(&all)
        );
        assert!(most(&all) <= LIMIT, "{away:?}: {} in a minute", most(&all));
        assert!(share_of_inserts(&alone) >= 0.45, "{away:?}: {:.3}", share_of_inserts(&alone));
        let refused = all.iter().filter(|call| call.method == "events.insert" && call.status != Some(200));
        assert_eq!(refused.count(), 0, "{away:?}: no event is made twice, nor tried to");
        for id in &ids {
            let job = caller.job(id).await.unwrap().body;
            assert!(job["attempts"].as_u64().unwrap_or_default() == 0, "{away:?}: {job}");
        }
        // What is left stays in the queue.
        for worker in 0..WORKERS {
            calrelay.worker(worker).kill();
        }
        calrelay.vhost().leaves_anything();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn workers_that_start_while_redis_is_away_ask_no_more_than_the_limit_and_look_once_for_an_event() {
        start_while_redis_is(Away::Killed).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn and_while_redis_hangs() {
        start_while_redis_is(Away::Hanging).await;
    }
}
