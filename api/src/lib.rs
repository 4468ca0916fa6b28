//! calrelay's HTTP ingress: it accepts jobs, tells how they stand, and connects calendars.
//!
//! The binary makes an [`Ingress`] from the ports and [`Settings`], binds it, and serves it until it
//! is told to stop; [`Admin`] is the port for operators. The contract is `GET /api/openapi.json`.

mod admin;
mod api;
mod arrival;
mod attempts;
mod auth;
mod binding;
mod body;
mod caller;
mod consent;
mod contract;
mod cookies;
mod entrance;
mod follow;
mod front;
#[cfg(test)]
mod golden;
mod hosts;
mod idempotency;
mod ingress;
mod link;
mod metrics;
mod openapi;
mod pages;
mod paths;
mod prefer;
mod problem;
mod proxies;
mod query;
mod rate;
mod record;
mod refusal;
mod routes;
mod session;
mod settings;
mod sign_outs;
mod trace;
mod wait;

pub use admin::{Admin, Dependency, ListeningAdmin, Readiness};
pub use api::{OnConnected, Ports};
pub use auth::Access;
pub use binding::BindError;
pub use ingress::{Ingress, Listening};
pub use proxies::{NotProxies, TrustedProxies};
pub use rate::{NotARateLimit, RateLimit};
pub use record::shown as job_as_shown;
pub use settings::{GoogleKind, OAuthClient, Settings};
