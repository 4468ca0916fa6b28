//! Webhooks from many processes: nothing that there is to tell is lost with a worker.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use serde_json::json;
use tests::{Caller, Plan, eventually};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Takes webhooks, once it is up.
#[derive(Clone, Default)]
struct Receiver {
    up: Arc<AtomicBool>,
    ids: Arc<Mutex<Vec<String>>>,
}

impl Receiver {
    fn start(&self) -> String {
        let state = web::Data::new(self.clone());
        let server = HttpServer::new(move || {
            App::new().app_data(state.clone()).default_service(web::to(
                |state: web::Data<Self>, request: HttpRequest| async move { state.take(&request) },
            ))
        });
        let server = server.workers(1).disable_signals().bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}/hook", server.addrs()[0]);
        tokio::spawn(server.run());
        url
    }

    fn take(&self, request: &HttpRequest) -> HttpResponse {
        if !self.up.load(Ordering::SeqCst) {
            return HttpResponse::ServiceUnavailable().finish();
        }
        let id = request.headers().get("webhook-id").unwrap().to_str().unwrap();
        assert!(request.headers().get("webhook-signature").unwrap().to_str().unwrap().starts_with("v1,"));
        self.ids.lock().unwrap().push(id.to_owned());
        HttpResponse::NoContent().finish()
    }

    fn ids(&self) -> Vec<String> {
        self.ids.lock().unwrap().clone()
    }

    async fn heard_all(&self, wanted: &HashSet<String>) {
        eventually("every notice", Duration::from_secs(120), || async {
            let heard: HashSet<String> = self.ids().iter().map(|id| without_time(id)).collect();
            wanted.is_subset(&heard).then_some(())
        })
        .await;
    }
}

/// A `webhook-id` about a job without which time it is.
fn without_time(id: &str) -> String {
    match id.split('.').collect::<Vec<_>>()[..] {
        [job, _submitted, _occurrence, news, ..] => format!("{job}.{news}"),
        _ => id.to_owned(),
    }
}

async fn jobs(caller: &Caller, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..count {
        let event = json!({
            "summary": format!("Job {number}"), "conference": false,
            "start": {"dateTime": "2027-03-01T09:00:00Z"}, "end": {"dateTime": "2027-03-01T10:00:00Z"},
        });
        ids.push(caller.submit(&event, &format!("job-{number}"), Duration::from_secs(10)).await.id);
    }
    ids
}

async fn all_are(caller: &Caller, ids: &[String], state: &str) {
    for id in ids {
        eventually(&format!("a job that is {state}"), Duration::from_secs(90), || async {
            (caller.job(id).await.ok()?.body["state"] == state).then_some(())
        })
        .await;
    }
}

fn plan(url: &str) -> Plan {
    let plan = Plan::new(1, 2).unlimited().with("WEBHOOK_URL", url).with("WEBHOOK_SECRET", SECRET);
    plan.with("WEBHOOK_NETWORKS", "127.0.0.0/8")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_success_is_told_though_the_receiver_was_down_and_a_worker_was_killed() {
    let receiver = Receiver::default();
    let mut all = plan(&receiver.start()).start().await;
    let caller = all.caller();
    let ids = jobs(&caller, 60).await;
    all_are(&caller, &ids, "succeeded").await;
    assert_eq!(receiver.ids(), Vec::<String>::new());
    all.worker(0).kill();
    receiver.up.store(true, Ordering::SeqCst);
    receiver.heard_all(&ids.iter().map(|id| format!("{id}.succeeded")).collect()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_told_of_once_by_all_workers_together() {
    let receiver = Receiver::default();
    receiver.up.store(true, Ordering::SeqCst);
    let all = plan(&receiver.start()).start().await;
    all.sandbox().view().control("/_sandbox/users/ada@example.com", &json!({"revoked": true})).await;
    let caller = all.caller();
    let ids = jobs(&caller, 100).await;
    all_are(&caller, &ids, "blocked").await;
    let account = "default.1.needs_reauthorization".to_owned();
    let blocked = ids.iter().map(|id| format!("{id}.blocked"));
    receiver.heard_all(&blocked.chain([account.clone()]).collect()).await;
    // Each job waits for its user in a message of its own.
    all.vhost().leaves_anything();
    assert_eq!(receiver.ids().iter().filter(|id| **id == account).count(), 1);
}
