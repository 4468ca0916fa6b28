//! The paths that this ingress serves, and how what they name is linked to.

use common::job::JobId;

/// `POST`: accepts a job.
pub(crate) const EVENTS: &str = "/api/v1/events";
/// `POST`: the same for clients of the older contract.
pub(crate) const OLDER: &str = "/api/create-calendar-event";
/// What a job's path begins with.
pub(crate) const JOBS: &str = "/api/v1/jobs";
/// `GET`, `DELETE`: a job.
pub(crate) const JOB: &str = "/api/v1/jobs/{id}";
/// `GET`: whether the calendar is connected.
pub(crate) const STATUS: &str = "/api/calendar-status";
/// `GET`: the setup page; `POST`: signs in and out.
pub(crate) const SETUP: &str = "/google-calendar-setup";
/// `POST`: begins a connection.
pub(crate) const CONNECT: &str = "/google-calendar-connect";
/// `GET`: Google's answer.
pub(crate) const CALLBACK: &str = "/oauth2callback";
/// `GET`: the page of a connect link; `POST`: goes on to Google.
pub(crate) const LINK: &str = "/google-calendar-link/{token}";
/// `GET`: lists accounts.
pub(crate) const ACCOUNTS: &str = "/api/v1/accounts";
/// `GET`, `DELETE`: an account.
pub(crate) const ACCOUNT: &str = "/api/v1/accounts/{account}";
/// `POST`: makes a connect link.
pub(crate) const LINKS: &str = "/api/v1/accounts/{account}/connect-links";
/// `GET` asks, `POST` disconnects.
pub(crate) const REVOKE: &str = "/google-calendar-revoke";
/// `GET`: the contract.
pub(crate) const OPENAPI: &str = "/api/openapi.json";
/// `GET`: how pages look.
pub(crate) const STYLE: &str = "/assets/style.css";

/// Where a job's record is.
pub(crate) fn job_path(id: &JobId) -> String {
    format!("{JOBS}/{id}")
}

/// Where an administrator connects and disconnects this account.
pub(crate) fn setup_path(account: &str) -> String {
    if account == "default" { SETUP.to_owned() } else { format!("{SETUP}?account={account}") }
}
