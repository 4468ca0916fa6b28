//! A vault that hangs: it takes connections and answers nothing. Minutes, not seconds: what a process has read counts
//! as fresh for 30 s.

mod rarely {
    use std::time::{Duration, Instant};

    use tests::{Plan, VaultServer, all_succeeded, connect, each_once, event_of};

    const ACCOUNT: &str = "crm";
    const EVERY: Duration = Duration::from_millis(200);
    /// Twice as long as what was read counts as fresh.
    const HANGS: Duration = Duration::from_secs(60);

    #[tokio::test(flavor = "multi_thread")]
    async fn while_the_vault_hangs_requests_are_answered_and_jobs_are_done_as_before() {
        let calrelay = Plan::new(1, 1).start().await;
        connect(&calrelay, ACCOUNT, "ada@example.com", &[]).await;
        let (caller, google) = (calrelay.caller(), calrelay.sandbox().view());
        // A Redis that has run for longer than the jobs are old knows of every cancellation; a young one has the vault
        // asked, and jobs wait for that.
        calrelay.redis().command(&["HSET", "calrelay:epoch", "since", "0"]);
        let mut ids = Vec::new();
        let mut post = async |title: String| {
            let began = Instant::now();
            let answer = caller.post(&event_of(ACCOUNT, "primary", &title), Some(&title)).await.unwrap();
            assert_eq!(answer.status, 202, "{}", answer.body);
            ids.push(answer.body["jobId"].as_str().unwrap().to_owned());
            began.elapsed()
        };
        for number in 0..10 {
            post(format!("before-{number}")).await;
        }
        let VaultServer::Redis(vault) = calrelay.vault() else {
            panic!("it is a Redis");
        };
        vault.freeze();
        let (began, mut took) = (Instant::now(), Vec::new());
        while began.elapsed() < HANGS {
            took.push(post(format!("hanging-{}", took.len())).await);
            tokio::time::sleep(EVERY).await;
        }
        took.sort();
        let at = |share: usize| took[took.len() * share / 100];
        println!(
            "{} requests: p50 {:?}, p95 {:?}, longest {:?}",
            took.len(),
            at(50),
            at(95),
            took[took.len() - 1]
        );
        all_succeeded(&caller, &ids, Duration::from_secs(60)).await;
        each_once(&google, &ids).await;
        vault.thaw();
        assert!(at(95) < Duration::from_secs(1), "p95 {:?}", at(95));
    }
}
