//! An offline Google: OAuth and Calendar under one origin, faithful enough to develop and test against, with faults to
//! inject and a page to look at.
//!
//! [`start`] binds a port and serves Google's paths (`/o/oauth2/v2/auth`, `/token`, `/revoke`, `/tokeninfo`,
//! userinfo, `/calendar/v3/…`), the calendar week on `/`, and controls under `/_sandbox/`. Point any Google client at it
//! with the credentials file that `GET /_sandbox/credentials` answers.
//!
//! What it is not: it signs no identity tokens (they say `alg: none`), it has one OAuth client, and an invitation is
//! mailed to the outbox, never into another user's calendar.

mod api_error;
mod calendar;
mod call;
mod catalogue;
mod change;
mod clock;
mod config;
mod controls;
mod event;
mod events;
mod faults;
mod grant;
mod identifier;
mod journal;
mod method;
mod oauth;
mod outbox;
mod page;
mod partial;
mod query;
mod quota;
mod reply;
mod sandbox;
mod server;
mod start_error;
mod stats;
mod user;
mod wire;
mod world;

pub use config::{Config, Meet, MeetOutcome, Quota, TimeSource};
pub use sandbox::Sandbox;
pub use server::{Running, start};
pub use start_error::StartError;
