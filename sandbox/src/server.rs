//! Starting and stopping: the listener, the routes, the state file's last write.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::http::header::ACCEPT;
use actix_web::middleware::from_fn;
use actix_web::web::{self, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::sandbox::Sandbox;
use crate::start_error::StartError;
use crate::wire::Wire;
use crate::{controls, events, hosts, oauth, page};

/// Google's own limit is of this order; nothing real comes near it.
const LARGEST_BODY: usize = 4 * 1024 * 1024;

/// A sandbox that is listening. Dropping it ends it at once, as a kill would; [`Running::stop`] ends it in order.
pub struct Running {
    /// Its origin, without a trailing slash: `public_url` if that was given, else where it listens.
    pub url: String,
    /// Where it listens.
    pub address: SocketAddr,
    sandbox: Data<Sandbox>,
    handle: ServerHandle,
    server: JoinHandle<std::io::Result<()>>,
}

/// Starts a sandbox. When this returns it is listening, and everything in its state file is there again.
pub async fn start(config: Config) -> Result<Running, StartError> {
    let address = config.listen;
    let listen = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address).map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    let url = match &config.public_url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None if address.ip().is_unspecified() => format!("http://localhost:{}", address.port()),
        None => format!("http://{address}"),
    };
    let workers = config.workers.max(1);
    let sandbox = Data::new(Sandbox::open(Config {
        public_url: config.public_url.as_ref().map(|_| url.clone()),
        ..config
    })?);
    let shared = sandbox.clone();
    let server = HttpServer::new(move || {
        App::new()
            .app_data(shared.clone())
            .app_data(web::PayloadConfig::new(LARGEST_BODY))
            .configure(events::routes)
            .configure(oauth::routes)
            .service(
                // What Google does not have.
                web::scope("")
                    .wrap(from_fn(hosts::guard))
                    .configure(controls::routes)
                    .configure(page::routes)
                    .default_service(web::route().to(nowhere)),
            )
    })
    .on_connect(Wire::remember)
    .workers(workers)
    // Clients keep connections for minutes; closing one under them would look like a fault nobody injected.
    .keep_alive(Duration::from_secs(600))
    .client_request_timeout(Duration::ZERO)
    .shutdown_timeout(1)
    .disable_signals()
    .listen(listener)
    .map_err(listen)?
    .run();
    let handle = server.handle();
    Ok(Running { url, address, sandbox, handle, server: tokio::spawn(server) })
}

async fn nowhere(request: HttpRequest) -> HttpResponse {
    let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok());
    if accept.is_some_and(|accept| accept.contains("text/html")) {
        return page::layout::nothing_here().into_response();
    }
    crate::api_error::ApiError::of("notFound").into_reply().into_response()
}

impl Running {
    /// The state behind it.
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// Stops listening, ends what is under way, and writes the state file in its shortest form.
    pub async fn stop(mut self) -> std::io::Result<()> {
        self.handle.stop(true).await;
        // An error here is a panic of the server, which has ended either way.
        drop((&mut self.server).await);
        self.sandbox.close()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.sandbox.abandon();
        drop(self.handle.stop(false));
    }
}
