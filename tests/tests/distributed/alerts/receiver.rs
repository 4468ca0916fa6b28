//! Whoever takes the webhooks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use actix_web::http::StatusCode;
use actix_web::{App, HttpResponse, HttpServer, web};
use tests::Plan;

/// Answers every webhook alike.
pub struct Receiver {
    status: Arc<AtomicU16>,
    url: String,
}

impl Receiver {
    /// One that takes them.
    pub fn start() -> Self {
        let status = Arc::new(AtomicU16::new(204));
        let answer = web::Data::new(Arc::clone(&status));
        let server = HttpServer::new(move || {
            App::new().app_data(answer.clone()).default_service(web::to(
                |status: web::Data<Arc<AtomicU16>>| async move {
                    HttpResponse::new(StatusCode::from_u16(status.load(Ordering::SeqCst)).unwrap())
                },
            ))
        });
        let server = server.workers(1).disable_signals().bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}/hook", server.addrs()[0]);
        tokio::spawn(server.run());
        Self { status, url }
    }

    /// From now on it answers so.
    pub fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// An installation that tells it.
    pub fn told_by(&self, plan: Plan) -> Plan {
        plan.with("WEBHOOK_URL", &self.url)
            .with("WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
            .with("WEBHOOK_NETWORKS", "127.0.0.0/8")
    }
}
