//! The alerts that operators get, from a real Prometheus that scrapes a real installation.
//!
//! The rules are those of `deploy/prometheus/alerts.yml`, with time a sixtieth ([`scaled`]). First there is traffic and
//! nothing fires; then one fault after another is made for real, and each must raise its alerts, no other, and end them
//! when it ends. At last every query of the dashboard must have an answer.
//!
//! `CalrelayNoticesGivenUp` fires here for a receiver that wants no more; three days of refusals are in
//! `deploy/prometheus/tests/` alone.

mod console;
mod dashboard;
mod load;
mod observed;
mod receiver;
mod scaled;

use std::time::Duration;

use common::seal::{Key, Keyring};
use jiff::Timestamp;
use serde_json::json;
use tests::{
    Plan, RabbitServer, SandboxView, VaultServer, connect, connect_with, event, event_of, eventually,
};

use self::dashboard::Dashboard;
use self::load::Load;
use self::observed::Observed;
use self::receiver::Receiver;

const LIMIT: Duration = Duration::from_secs(60);
/// Jobs that have been due for more seconds are late, by the rules as they are scaled here.
const LATE: f64 = 15.0;
/// Accounts besides `default`: enough of them for a circuit to open by votes.
const ACCOUNTS: usize = 6;

fn account(number: usize) -> String {
    format!("crm-{number}")
}

fn user(number: usize) -> String {
    format!("user-{number}@example.com")
}

/// Google takes no access token any more that it has given out: everybody needs a fresh one.
async fn expire_all_tokens(google: &SandboxView) {
    let users = (0..ACCOUNTS).map(user).chain(["ada@example.com".to_owned()]);
    for user in users {
        google.control(&format!("/_sandbox/users/{user}"), &json!({"expired": true})).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_raises_its_alert_and_a_healthy_run_raises_none() {
    let (rabbit, rabbit_metrics) = RabbitServer::start_measured().await;
    let receiver = Receiver::start();
    let plan = Plan::new(2, 2).unlimited().with("WORKER_CONCURRENCY", 4);
    let mut calrelay = receiver.told_by(plan).start_in(rabbit.vhost().await).await;
    // Jobs of this test wait for hours: for a user, for a key, for an operator.
    calrelay.vhost().leaves_anything();
    let google = calrelay.sandbox().view();
    google.no_quotas().await;
    for number in 0..ACCOUNTS {
        connect(&calrelay, &account(number), &user(number), &[]).await;
    }
    let dashboard = Dashboard::read();
    let observed = Observed::start(&calrelay, rabbit_metrics, &dashboard).await;
    let load = Load::start(&calrelay, (0..ACCOUNTS).map(account).chain(["default".to_owned()]).collect());
    let caller = calrelay.caller();

    // Traffic, and nothing else: a quarter of an hour of it.
    observed.healthy_for(Duration::from_secs(15)).await;

    // A user who takes back the consent, an event that Google refuses, limits, a receiver of webhooks that wants no
    // more, and an account whose key no worker was given.
    let phase = observed.phase("users, events, limits, webhooks, keys").await;
    receiver.answer(410);
    google.control(&format!("/_sandbox/users/{}", user(0)), &json!({"revoked": true})).await;
    google.fault(json!({"method": "events.insert", "status": 400, "reason": "invalid", "count": 1})).await;
    google
        .fault(
            json!({"method": "events.insert", "status": 429, "reason": "rateLimitExceeded", "retryAfter": 1,
            "probability": 0.5}),
        )
        .await;
    let new = Key::random().to_base64().to_string();
    let both = format!("{new},{}", calrelay.encryption_key());
    let ring = Keyring::new(Key::parse(&new).unwrap(), vec![Key::parse(calrelay.encryption_key()).unwrap()]);
    connect_with(&calrelay, ring, "sealed", "sealed@example.com", &[]).await;
    let newer = calrelay.apis()[0].launch().another("api").with("ENCRYPTION_KEY", &both).start().await;
    eventually("a job that workers cannot read", LIMIT, || async {
        newer.submit(&event_of("sealed", "primary", "Unreadable"), "unreadable").await.ok()
    })
    .await;
    drop(newer);
    phase.fires("CalrelayDeadLetters", &[]).await;
    phase.fires("CalrelayNoticesGivenUp", &[("kind", "webhook"), ("result", "disabled")]).await;
    phase.fires("CalrelayGoogleThrottles", &[]).await;
    phase.fires("CalrelaySealingKeyMissing", &[]).await;
    phase.fires("CalrelayAccountsNeedReauthorization", &[]).await;
    google.no_faults().await;
    google.control(&format!("/_sandbox/users/{}", user(0)), &json!({"revoked": false})).await;
    connect(&calrelay, &account(0), &user(0), &[]).await;
    phase.ends("CalrelayAccountsNeedReauthorization", &[]).await;
    phase.ends("CalrelayGoogleThrottles", &[]).await;
    phase.over(&[]).await;

    // One worker dies, and then the other. They come back with the key that was missing.
    let phase = observed.phase("workers die").await;
    calrelay.worker(0).kill();
    phase.fires("CalrelayDown", &[("severity", "ticket"), ("job", "calrelay-worker")]).await;
    calrelay.worker(1).kill();
    phase.fires("CalrelayDown", &[("severity", "page"), ("job", "calrelay-worker")]).await;
    for number in 0..2 {
        calrelay.worker(number).set("ENCRYPTION_KEY", &both);
        calrelay.worker(number).start().await;
    }
    phase.ends("CalrelayDown", &[]).await;
    phase.ends("CalrelaySealingKeyMissing", &[]).await;
    // What they had in hand is taken again once their claims are over: until then it is late.
    let back = Timestamp::now();
    eventually("what the dead had in hand to be taken", 2 * LIMIT, || async {
        let oldest = calrelay.redis().command(&["ZRANGE", "calrelay:due", "0", "0", "WITHSCORES"]);
        let due = oldest.lines().nth(1).map(|score| score.parse::<f64>().expect("microseconds since 1970"));
        due.is_none_or(|due| due > back.as_microsecond() as f64).then_some(())
    })
    .await;
    eventually("every ingress to know that", LIMIT, || async {
        for ingress in calrelay.apis() {
            if ingress.process().metric("calrelay_oldest_age_seconds").await > LATE {
                return None;
            }
        }
        Some(())
    })
    .await;
    phase.ends("CalrelayJobsLate", &[]).await;
    phase.over(&["CalrelayJobsLate"]).await;

    // Google is down.
    let phase = observed.phase("Google is down").await;
    google.fault(json!({"method": "events.*", "status": 503, "reason": "backendError"})).await;
    phase.fires("CalrelayCircuitOpen", &[("endpoint", "calendar")]).await;
    google.no_faults().await;
    phase.ends("CalrelayCircuitOpen", &[]).await;
    phase.over(&[]).await;

    // Its token endpoint is down, and then it does not know the OAuth client.
    let phase = observed.phase("no tokens").await;
    google.fault(json!({"method": "token.refresh", "status": 503})).await;
    expire_all_tokens(&google).await;
    phase.fires("CalrelayTokenRefreshFails", &[("cause", "endpoint")]).await;
    phase.fires("CalrelayCircuitOpen", &[("endpoint", "token")]).await;
    google.no_faults().await;
    phase.ends("CalrelayCircuitOpen", &[]).await;
    phase.ends("CalrelayTokenRefreshFails", &[]).await;
    google.fault(json!({"method": "token.refresh", "status": 401, "reason": "invalid_client"})).await;
    expire_all_tokens(&google).await;
    phase.fires("CalrelayTokenRefreshFails", &[("cause", "client")]).await;
    google.no_faults().await;
    phase.ends("CalrelayTokenRefreshFails", &[]).await;
    phase.over(&["CalrelayErrorBudgetBurn"]).await;

    // The broker takes nothing, and then it is away.
    let phase = observed.phase("the broker").await;
    rabbit.alarm(true).await;
    phase.fires("CalrelayBrokerBlocked", &[]).await;
    phase.fires("CalrelayErrorBudgetBurn", &[("slo", "acceptance"), ("burn", "fast")]).await;
    rabbit.alarm(false).await;
    phase.ends("CalrelayBrokerBlocked", &[]).await;
    rabbit.stop();
    phase.fires("CalrelayBrokerDown", &[]).await;
    phase.fires("CalrelayDown", &[("severity", "ticket"), ("job", "calrelay-rabbitmq")]).await;
    rabbit.start_again().await;
    phase.ends("CalrelayDown", &[]).await;
    phase.ends("CalrelayBrokerDown", &[]).await;
    phase.ends("CalrelayErrorBudgetBurn", &[("slo", "acceptance"), ("burn", "fast")]).await;
    phase.fires("CalrelayErrorBudgetBurn", &[("slo", "acceptance"), ("burn", "slow")]).await;
    phase.over(&["CalrelayErrorBudgetBurn", "CalrelayJobsLate"]).await;

    // Nothing reaches the workers any more, though their connections stay: jobs pile up and become late. Those that may
    // not wait fail for want of time once the workers hear of them.
    let phase = observed.phase("deaf workers").await;
    for worker in calrelay.workers() {
        worker.broker().freeze();
    }
    let soon = jiff::Timestamp::now() + Duration::from_secs(2);
    for number in 0..40 {
        let mut hasty = event(&format!("hasty-{number}"));
        hasty["notAfter"] = json!(soon.to_string());
        hasty["account"] = json!(account(number % ACCOUNTS));
        caller.submit(&hasty, &format!("hasty-{number}"), LIMIT).await;
    }
    phase.fires("CalrelayConsumerDeaf", &[]).await;
    phase.fires("CalrelayJobsLate", &[]).await;
    for worker in calrelay.workers() {
        worker.broker().heal().await;
    }
    phase.fires("CalrelayErrorBudgetBurn", &[("slo", "delivery"), ("burn", "fast")]).await;
    phase.ends("CalrelayConsumerDeaf", &[]).await;
    phase.ends("CalrelayJobsLate", &[]).await;
    phase.fires("CalrelayErrorBudgetBurn", &[("slo", "delivery"), ("burn", "slow")]).await;
    // From their side the broker was away, and what fails leaves a dead letter.
    phase.over(&["CalrelayBrokerDown", "CalrelayDeadLetters"]).await;

    // Redis fills up: with so much that what jobs add meanwhile changes nothing.
    let phase = observed.phase("Redis fills up").await;
    let redis = calrelay.redis();
    redis.command(&["SETRANGE", "filler", "300000000", "x"]);
    let fill_to = |percent: u64| {
        let told = redis.command(&["INFO", "memory"]);
        let used =
            told.lines().find_map(|line| line.strip_prefix("used_memory:")?.trim().parse::<u64>().ok());
        let allowed = used.expect("Redis tells its memory") * 100 / percent;
        redis.command(&["CONFIG", "SET", "maxmemory", &allowed.to_string()]);
    };
    fill_to(85);
    phase.fires("CalrelayStoreMemory", &[("severity", "ticket")]).await;
    fill_to(95);
    phase.fires("CalrelayStoreMemory", &[("severity", "page")]).await;
    redis.command(&["CONFIG", "SET", "maxmemory", "768mb"]);
    redis.command(&["DEL", "filler"]);
    phase.ends("CalrelayStoreMemory", &[]).await;
    phase.over(&[]).await;

    // The vault, and then Redis.
    let phase = observed.phase("the vault and the store").await;
    let VaultServer::Redis(vault) = calrelay.vault() else { panic!("it is a Redis") };
    vault.kill();
    phase.fires("CalrelayVaultDown", &[]).await;
    vault.start_again().await;
    calrelay.redis().kill();
    phase.fires("CalrelayStoreDown", &[]).await;
    calrelay.redis().start_again().await;
    phase.ends("CalrelayVaultDown", &[]).await;
    phase.ends("CalrelayStoreDown", &[]).await;
    // Jobs that were done meanwhile have no record of it for two minutes, in real time: here those are hours.
    phase.over(&["CalrelayJobsLate"]).await;

    observed.nothing_fires_but("CalrelayJobsLate").await;
    load.end().await;
    dashboard.every_query_has_an_answer(observed.prometheus(), observed.span()).await;
    if let Ok(path) = std::env::var("CALRELAY_SCREENSHOT") {
        observed.draw(&path).await;
    }
}
