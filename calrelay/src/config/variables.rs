//! The variables: each is declared here, once. The readers, `--help` and (by a test) docs/CONFIGURATION.md take
//! from it what they need.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use api::{Access, RateLimit, TrustedProxies};
use common::time::days;
use notices::{Encryption, Mailbox, Mailboxes, Networks, Users};
use secrecy::SecretString;
use url::Url;

use super::logs::LogFormat;
use super::parsers::{
    any, encryption, google_api_url, log_filter, master_keys, must, networks, one_of, origin, origins, port,
    positive, web_url,
};
use super::servers;

/// What is shown of a variable.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Its name.
    pub name: &'static str,
    /// Its default, as text; empty when it has none.
    pub default: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

/// A variable that holds a `T`.
pub struct Variable<T> {
    /// What is shown of it.
    pub row: Row,
    /// What its text means, or what it must be.
    pub parse: fn(&str) -> Result<T, String>,
}

impl<T> Variable<T> {
    /// What it is when it is not set: what its default says.
    ///
    /// # Panics
    /// When its default cannot be understood; a test reads every default.
    pub fn default(&self) -> T {
        (self.parse)(self.row.default).expect("the table has a default that can be understood")
    }

    /// The variable that names a file with this secret.
    ///
    /// # Panics
    /// When the table has none: every secret has one.
    pub fn file(&self) -> Variable<PathBuf> {
        let twin = |row: &&Row| row.name.strip_suffix("_FILE") == Some(self.row.name);
        let row = *VARIABLES.iter().find(twin).expect("the table has a file for every secret");
        Variable { row, parse: any }
    }
}

macro_rules! variables {
    ($($name:ident: $of:ty = $default:literal, $parse:expr, $meaning:literal;)+) => {
        $(
            #[doc = concat!("The variable `", stringify!($name), "`.")]
            pub const $name: Variable<$of> = Variable {
                row: Row { name: stringify!($name), default: $default, meaning: $meaning },
                parse: $parse,
            };
        )+

        /// Every variable that is read.
        pub const VARIABLES: &[Row] = &[$($name.row),+];
    };
}

// Name, type, default, parser, meaning.
variables! {
    PORT: u16 = "3001", port, "the public port";
    BIND: IpAddr = "127.0.0.1", |text| must(text.parse().ok(), "an IP address"), "the address to listen on";
    ADMIN_PORT: u16 = "9464", port, "the operators' port: metrics and health";
    PUBLIC_URL: Url = "", |text| must(origin(text), "an http or https URL without a path"),
        "where browsers reach us; http://localhost:PORT if unset";
    DATA_DIR: PathBuf = "./data", any, "where `run` keeps everything";
    AMQP_URL: SecretString = "", servers::amqp,
        "RabbitMQ, amqp:// or amqps://: where many processes keep their queue";
    AMQP_URL_FILE: PathBuf = "", any, "a file that holds it: it has a password in it, as the next two may";
    REDIS_URL: SecretString = "", servers::redis,
        "Redis, redis:// or rediss:// or redis+sentinel://host:port,…/master: where they keep what can be rebuilt";
    REDIS_URL_FILE: PathBuf = "", any, "a file that holds it";
    VAULT_URL: SecretString = "", servers::vault,
        "postgres:// or a second Redis with appendfsync always: where they keep accounts and keys";
    VAULT_URL_FILE: PathBuf = "", any, "a file that holds it";
    GOOGLE_CREDENTIALS: PathBuf = "", any,
        "the OAuth client's JSON file; `run` looks for ./google-credentials.json, and is a sandbox without";
    GOOGLE_REDIRECT_URI: String = "", |text| must(Url::parse(text).ok().map(|_| text.to_owned()), "a URL"),
        "where Google sends browsers back to; PUBLIC_URL/oauth2callback if unset";
    GOOGLE_API_URL: String = "", google_api_url, "the Calendar API's root, if not Google's own";
    SANDBOX_URL: Url = "", |text| must(web_url(text), "an http URL"),
        "a sandbox that runs elsewhere, in place of Google";
    SANDBOX_PORT: u16 = "8090", port, "the port of our own sandbox";
    ENCRYPTION_KEY: SecretString = "", master_keys,
        "the master keys, base64, newest first, separated by commas; `run` keeps one in data/key if unset";
    ENCRYPTION_KEY_FILE: PathBuf = "", any, "a file that holds them";
    WORKER_CONCURRENCY: usize = "256", |text| Ok(positive(text)? as usize),
        "jobs at a time. From 8 on one account never has them all: alone it has 15 of 16, and its even share while others wait";
    DRAIN_SECONDS: Duration = "25", |text| must(text.parse().ok().map(Duration::from_secs), "a number of seconds"),
        "how long running jobs may still take when told to stop";
    QUOTA_PROJECT_PER_MINUTE: u32 = "10000", positive,
        "Google's limit on requests a minute, all accounts together";
    QUOTA_PROJECT_PER_DAY: u32 = "1000000", positive, "and a day";
    QUOTA_ACCOUNT_PER_MINUTE: u32 = "600", positive, "Google's limit on requests a minute for one user";
    QUOTA_CALENDAR_PER_SECOND: u32 = "10", positive, "writes a second to one calendar";
    QUOTA_INVITES_PER_DAY: u32 = "9000", positive, "guests one user invites a day";
    RATE_LIMIT: RateLimit = "100/15m", |text| must(text.parse().ok(), "requests/span, such as 100/15m"),
        "requests without a good key: for each address, or for each connect link that is opened; more are answered with 429";
    TRUSTED_PROXIES: TrustedProxies = "", networks, "addresses or networks whose X-Forwarded-For counts";
    ALLOWED_ORIGINS: Vec<String> = "", origins,
        "origins, separated by commas, such as https://crm.example.com: connect links may lead back to them, and while BIND is a loopback address requests that name one as their Origin are not refused; there is no CORS";
    JOB_RETENTION_DAYS: Duration = "7", |text| Ok(days(positive(text)?.into())),
        "how long finished jobs are remembered";
    MAX_ATTEMPTS: u32 = "12", positive, "failed attempts after which a job fails";
    DEV_NO_AUTH: Access = "0", |text| one_of(text, &[("1", Access::Open), ("0", Access::Keys)]),
        "1 lets everybody on this machine in without a key";
    WEBHOOK_URL: Url = "", |text| must(web_url(text), "an https URL, or http inside WEBHOOK_NETWORKS"),
        "where notices about jobs and accounts are posted (Standard Webhooks)";
    WEBHOOK_SECRET: SecretString = "", any,
        "what they are signed with: whsec_ and 24 to 64 bytes in base64; several, separated by commas, while replacing one";
    WEBHOOK_SECRET_FILE: PathBuf = "", any, "a file that holds it";
    WEBHOOK_NETWORKS: Networks = "", networks,
        "private addresses or networks that WEBHOOK_URL may lead to; others are refused";
    SMTP_HOST: String = "", any, "the mail server that notices about accounts are sent through";
    SMTP_PORT: u16 = "587", port, "its port; with 465 it is spoken to in TLS from the first byte";
    SMTP_TLS: Encryption = "", encryption,
        "starttls, tls or none (the server is on this machine); starttls if unset, tls on port 465";
    SMTP_USER: String = "", any, "how to log in to it, where that is needed";
    SMTP_PASS: SecretString = "", any, "the password";
    SMTP_PASS_FILE: PathBuf = "", any, "a file that holds it";
    SMTP_FROM: Mailbox = "", |text| must(text.parse().ok(), "an e-mail address"),
        "whom e-mail comes from; SMTP_USER if that is an address";
    NOTIFY_TO: Mailboxes = "", |text| must(text.parse().ok(), "e-mail addresses, separated by commas"),
        "e-mail addresses of whoever is to hear of accounts, separated by commas";
    NOTIFY_USERS: Users = "0", |text| one_of(text, &[("1", Users::Told), ("0", Users::Left)]),
        "1 writes to the account's own user as well";
    LOG_FORMAT: LogFormat = "text", |text| one_of(text, &[("text", LogFormat::Text), ("json", LogFormat::Json)]),
        "text or json";
    RUST_LOG: String = "info", log_filter, "which log lines, such as info or worker=debug";
}

/// The files that variables name and that hold secrets, by variable.
pub fn secret_files(lookup: impl Fn(&str) -> Option<String>) -> Vec<(&'static str, PathBuf)> {
    let named = VARIABLES.iter().filter(|row| row.name.ends_with("_FILE"));
    named.filter_map(|row| Some((row.name, PathBuf::from(lookup(row.name)?)))).collect()
}

/// The table as text, for `--help`.
#[must_use]
pub fn table() -> String {
    let width = VARIABLES.iter().map(|row| row.name.len()).max().unwrap_or(0);
    let mut text = String::from("Environment variables:\n");
    for Row { name, default, meaning } in VARIABLES {
        let default = if default.is_empty() { String::new() } else { format!(" [{default}]") };
        text.push_str(&format!("  {name:width$}  {meaning}{default}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = include_str!("../../../docs/CONFIGURATION.md");

    #[test]
    fn the_page_of_variables_says_what_help_says() {
        for Row { name, default, meaning } in VARIABLES {
            let default = if default.is_empty() { String::new() } else { format!("`{default}`") };
            let row = format!("| `{name}` | {default} | {meaning} |");
            assert!(PAGE.contains(&row), "the page's table lacks: {row}");
        }
        let rows = PAGE.lines().filter(|line| is_variable(line)).count();
        assert_eq!(rows, VARIABLES.len(), "the page's table has a row too many");
    }

    /// A row of three columns that begins with a variable's name.
    fn is_variable(line: &str) -> bool {
        let name = line.strip_prefix("| `").unwrap_or_default();
        line.matches('|').count() == 4 && name.starts_with(|c: char| c.is_ascii_uppercase())
    }
}
