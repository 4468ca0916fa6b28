//! The operators' port: metrics and health. Never on the public port.
//!
//! Its rule about names is the public port's: on a loopback address it answers to loopback names (and
//! the one of `PUBLIC_URL`) and to no page of another origin. On any other address it answers to every
//! name, since a scraper or a kubelet asks for the address of a pod or the name of a service; who may
//! reach it there is the network's business.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Server, ServiceRequest, ServiceResponse};
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, Error, HttpResponse, HttpServer, ResponseError as _, web};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::binding::BindError;
use crate::hosts::Hosts;

/// Whether a role can do its own work now.
pub type Readiness = Arc<dyn Fn() -> bool + Send + Sync>;

/// Something outside that a role works with; its state is told, and never changes readiness:
/// all replicas share it and would leave together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// What it is called: `queue`, `store`, `vault`, `google`.
    pub name: String,
    /// Whether it can be used.
    pub up: bool,
}

/// The operators' port, not yet bound.
#[derive(Clone)]
pub struct Admin {
    /// Renders the metrics in Prometheus' text form.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// The roles of this process: ready when all of them are.
    pub roles: Vec<(String, Readiness)>,
    /// The state of what they depend on.
    pub dependencies: Arc<dyn Fn() -> Vec<Dependency> + Send + Sync>,
    /// Where browsers reach this process (`PUBLIC_URL`), if that was said.
    pub public_url: Option<Url>,
}

/// The operators' port, listening.
pub struct ListeningAdmin {
    server: Server,
    address: SocketAddr,
    stop_server: CancellationToken,
}

impl Admin {
    /// Binds the port.
    ///
    /// # Errors
    /// [`BindError::Unavailable`].
    pub fn bind(self, address: SocketAddr) -> Result<ListeningAdmin, BindError> {
        let unavailable = |cause| BindError::Unavailable { address, cause };
        let listener = std::net::TcpListener::bind(address).map_err(unavailable)?;
        let bound = listener.local_addr().map_err(unavailable)?;
        let stop_server = CancellationToken::new();
        let hosts = web::Data::new(Hosts::new(bound.ip().is_loopback(), self.public_url.clone(), Vec::new()));
        let admin = web::Data::new(self);
        let app = move || {
            App::new()
                .app_data(web::Data::clone(&admin))
                .app_data(web::Data::clone(&hosts))
                .wrap(from_fn(meant_for_us))
                .route("/metrics", web::get().to(metrics))
                .route("/livez", web::get().to(livez))
                .route("/readyz", web::get().to(readyz))
        };
        let server = HttpServer::new(app)
            .workers(1)
            .disable_signals()
            .shutdown_signal(stop_server.clone().cancelled_owned())
            .shutdown_timeout(1)
            .listen(listener)
            .map_err(unavailable)?
            .run();
        Ok(ListeningAdmin { server, address: bound, stop_server })
    }

    /// The status and the body of `/readyz`.
    fn health(&self) -> (bool, Value) {
        let roles: Map<String, Value> =
            self.roles.iter().map(|(name, ready)| (name.clone(), json!(ready()))).collect();
        let ready = roles.values().all(|ready| *ready == json!(true));
        let dependencies: Map<String, Value> = (self.dependencies)()
            .into_iter()
            .map(|dependency| (dependency.name, json!(if dependency.up { "up" } else { "down" })))
            .collect();
        (ready, json!({ "ready": ready, "roles": roles, "dependencies": dependencies }))
    }
}

impl ListeningAdmin {
    /// The address it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop`, which should be the last thing to stop.
    ///
    /// # Errors
    /// When the server breaks.
    pub async fn serve(self, stop: CancellationToken) -> io::Result<()> {
        let server = self.server;
        let stop_server = self.stop_server;
        tokio::pin!(server);
        tokio::select! {
            served = &mut server => served,
            () = stop.cancelled() => {
                stop_server.cancel();
                server.await
            }
        }
    }
}

async fn meant_for_us(
    hosts: web::Data<Hosts>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    match hosts.admit(request.headers()) {
        Ok(()) => next.call(request).await.map(ServiceResponse::map_into_boxed_body),
        Err(problem) => Ok(request.into_response(problem.error_response())),
    }
}

async fn metrics(admin: web::Data<Admin>) -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body((admin.metrics)())
}

async fn livez() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("alive\n")
}

async fn readyz(admin: web::Data<Admin>) -> HttpResponse {
    let (ready, body) = admin.health();
    let mut response = if ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    response.json(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admin(roles: &[(&str, bool)], up: bool) -> Admin {
        let role = |(name, ready): &(&str, bool)| {
            let ready = *ready;
            ((*name).to_owned(), Arc::new(move || ready) as Readiness)
        };
        Admin {
            metrics: Arc::new(String::new),
            roles: roles.iter().map(role).collect(),
            dependencies: Arc::new(move || vec![Dependency { name: "google".to_owned(), up }]),
            public_url: None,
        }
    }

    #[test]
    fn readiness_is_about_our_own_roles_and_never_about_dependencies() {
        assert!(admin(&[("api", true), ("worker", true)], false).health().0);
        assert!(!admin(&[("api", true), ("worker", false)], true).health().0);
        let (_, body) = admin(&[("api", true)], false).health();
        assert_eq!(body, json!({"ready": true, "roles": {"api": true}, "dependencies": {"google": "down"}}));
    }
}
