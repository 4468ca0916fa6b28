//! A receiver of webhooks that keeps what it is given, and answers as it is told.

use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use serde_json::Value;
use tests::Launch;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Listens on this machine.
#[derive(Clone)]
pub struct Receiver {
    status: Arc<AtomicU16>,
    taken: Arc<Mutex<Vec<(String, Value)>>>,
    url: String,
}

/// The same as its server sees it.
#[derive(Clone)]
struct Desk {
    status: Arc<AtomicU16>,
    taken: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Receiver {
    pub fn start() -> Self {
        let desk = Desk { status: Arc::new(AtomicU16::new(204)), taken: Arc::default() };
        let (status, taken) = (Arc::clone(&desk.status), Arc::clone(&desk.taken));
        let server = HttpServer::new(move || {
            let take = |desk: web::Data<Desk>, request: HttpRequest, body: web::Json<Value>| async move {
                desk.take(&request, body.into_inner())
            };
            App::new().app_data(web::Data::new(desk.clone())).default_service(web::to(take))
        });
        let server = server.workers(1).disable_signals().bind(("127.0.0.1", 0)).expect("a free port");
        let url = format!("http://{}/hook", server.addrs()[0]);
        tokio::spawn(server.run());
        Self { status, taken, url }
    }

    /// A server that tells it.
    pub fn told_by(&self, launch: Launch) -> Launch {
        let launch = launch.with("WEBHOOK_URL", &self.url).with("WEBHOOK_SECRET", SECRET);
        launch.with("WEBHOOK_NETWORKS", "127.0.0.0/8")
    }

    /// From now on it answers so.
    pub fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// Every webhook that has come, by its id.
    pub fn taken(&self) -> Vec<(String, Value)> {
        self.taken.lock().expect("no panics").clone()
    }

    /// Those of a kind.
    pub fn of_kind(&self, kind: &str) -> Vec<Value> {
        self.taken().into_iter().map(|(_, body)| body).filter(|body| body["type"] == kind).collect()
    }
}

/// Whether a `webhook-id` is of this news about a job.
pub fn tells(id: &str, job: &str, news: &str) -> bool {
    let mut parts = id.split('.');
    parts.next() == Some(job) && parts.nth(2) == Some(news)
}

impl Desk {
    fn take(&self, request: &HttpRequest, body: Value) -> HttpResponse {
        let id = request.headers().get("webhook-id").expect("an id").to_str().expect("text").to_owned();
        self.taken.lock().expect("no panics").push((id, body));
        let status = self.status.load(Ordering::SeqCst).try_into().expect("a status");
        HttpResponse::build(status).finish()
    }
}
