//! Everything that speaks to Google: Calendar, the OAuth endpoints, and what their answers mean.
//!
//! [`connect`] makes the adapters of the ports [`Calendar`](common::port::Calendar) and
//! [`TokenEndpoint`](common::port::TokenEndpoint) from a credentials file. The same code speaks to
//! the sandbox: its credentials file names other addresses, and that is all the difference.
//! Nothing here retries, and no address with a calendar id in it gets into an error or a log line.

mod calendar;
mod connect;
mod credentials;
mod error;
mod http;
mod oauth;

pub use calendar::GoogleCalendar;
pub use connect::{ConnectError, connect, connect_with};
pub use credentials::{ClientKind, Credentials, CredentialsError, given_api_url};
pub use http::Timeouts;
pub use oauth::GoogleOauth;
