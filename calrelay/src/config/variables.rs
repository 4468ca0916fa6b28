//! The table of variables: `--help` prints it, and a test holds docs/CONFIGURATION.md to it.

use std::path::PathBuf;

/// One variable.
#[derive(Debug, Clone, Copy)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// Its default, as text; empty when it has none.
    pub default: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

const fn variable(name: &'static str, default: &'static str, meaning: &'static str) -> Variable {
    Variable { name, default, meaning }
}

/// Every variable that is read.
pub const VARIABLES: &[Variable] = &[
    variable("PORT", "3001", "the public port"),
    variable("BIND", "127.0.0.1", "the address to listen on"),
    variable("ADMIN_PORT", "9464", "the operators' port: metrics and health"),
    variable("PUBLIC_URL", "", "where browsers reach us; http://localhost:PORT if unset"),
    variable("DATA_DIR", "./data", "where `run` keeps everything"),
    variable("AMQP_URL", "", "RabbitMQ, amqp:// or amqps://: where many processes keep their queue"),
    variable("AMQP_URL_FILE", "", "a file that holds it: it has a password in it, as the next two may"),
    variable(
        "REDIS_URL",
        "",
        "Redis, redis:// or rediss:// or redis+sentinel://host:port,…/master: where they keep what can be rebuilt",
    ),
    variable("REDIS_URL_FILE", "", "a file that holds it"),
    variable(
        "VAULT_URL",
        "",
        "postgres:// or a second Redis with appendfsync always: where they keep accounts and keys",
    ),
    variable("VAULT_URL_FILE", "", "a file that holds it"),
    variable(
        "GOOGLE_CREDENTIALS",
        "",
        "the OAuth client's JSON file; `run` looks for ./google-credentials.json, and is a sandbox without",
    ),
    variable(
        "GOOGLE_REDIRECT_URI",
        "",
        "where Google sends browsers back to; PUBLIC_URL/oauth2callback if unset",
    ),
    variable("GOOGLE_API_URL", "", "the Calendar API's root, if not Google's own"),
    variable("SANDBOX_URL", "", "a sandbox that runs elsewhere, in place of Google"),
    variable("SANDBOX_PORT", "8090", "the port of our own sandbox"),
    variable(
        "ENCRYPTION_KEY",
        "",
        "the master keys, base64, newest first, separated by commas; `run` keeps one in data/key if unset",
    ),
    variable("ENCRYPTION_KEY_FILE", "", "a file that holds them"),
    variable(
        "WORKER_CONCURRENCY",
        "256",
        "jobs at a time. From 8 on one account never has them all: alone it has 15 of 16, and its even share while others wait",
    ),
    variable("DRAIN_SECONDS", "25", "how long running jobs may still take when told to stop"),
    variable(
        "QUOTA_PROJECT_PER_MINUTE",
        "10000",
        "Google's limit on requests a minute, all accounts together",
    ),
    variable("QUOTA_PROJECT_PER_DAY", "1000000", "and a day"),
    variable("QUOTA_ACCOUNT_PER_MINUTE", "600", "Google's limit on requests a minute for one user"),
    variable("QUOTA_CALENDAR_PER_SECOND", "10", "writes a second to one calendar"),
    variable("QUOTA_INVITES_PER_DAY", "9000", "guests one user invites a day"),
    variable(
        "RATE_LIMIT",
        "100/15m",
        "requests without a good key: for each address, or for each connect link that is opened; more are answered with 429",
    ),
    variable("TRUSTED_PROXIES", "", "addresses or networks whose X-Forwarded-For counts"),
    variable(
        "ALLOWED_ORIGINS",
        "",
        "origins, separated by commas, such as https://crm.example.com: connect links may lead back to them, and while BIND is a loopback address requests that name one as their Origin are not refused; there is no CORS",
    ),
    variable("JOB_RETENTION_DAYS", "7", "how long finished jobs are remembered"),
    variable("MAX_ATTEMPTS", "12", "failed attempts after which a job fails"),
    variable("DEV_NO_AUTH", "0", "1 lets everybody on this machine in without a key"),
    variable("WEBHOOK_URL", "", "where notices about jobs and accounts are posted (Standard Webhooks)"),
    variable(
        "WEBHOOK_SECRET",
        "",
        "what they are signed with: whsec_ and 24 to 64 bytes in base64; several, separated by commas, while replacing one",
    ),
    variable("WEBHOOK_SECRET_FILE", "", "a file that holds it"),
    variable(
        "WEBHOOK_NETWORKS",
        "",
        "private addresses or networks that WEBHOOK_URL may lead to; others are refused",
    ),
    variable("SMTP_HOST", "", "the mail server that notices about accounts are sent through"),
    variable("SMTP_PORT", "587", "its port; with 465 it is spoken to in TLS from the first byte"),
    variable(
        "SMTP_TLS",
        "",
        "starttls, tls or none (the server is on this machine); starttls if unset, tls on port 465",
    ),
    variable("SMTP_USER", "", "how to log in to it, where that is needed"),
    variable("SMTP_PASS", "", "the password"),
    variable("SMTP_PASS_FILE", "", "a file that holds it"),
    variable("SMTP_FROM", "", "whom e-mail comes from; SMTP_USER if that is an address"),
    variable("NOTIFY_TO", "", "e-mail addresses of whoever is to hear of accounts, separated by commas"),
    variable("NOTIFY_USERS", "0", "1 writes to the account's own user as well"),
    variable("LOG_FORMAT", "text", "text or json"),
    variable("RUST_LOG", "info", "which log lines, such as info or worker=debug"),
];

/// The variable that names a file with the secret `name`.
///
/// # Panics
/// When the table has none: every secret has one.
#[must_use]
pub fn file_of(name: &str) -> &'static str {
    let twin = |variable: &&Variable| variable.name.strip_suffix("_FILE") == Some(name);
    VARIABLES.iter().find(twin).expect("the table has a file for every secret").name
}

/// The files that variables name and that hold secrets, by variable.
pub fn secret_files(lookup: impl Fn(&str) -> Option<String>) -> Vec<(&'static str, PathBuf)> {
    let named = VARIABLES.iter().filter(|variable| variable.name.ends_with("_FILE"));
    named.filter_map(|variable| Some((variable.name, PathBuf::from(lookup(variable.name)?)))).collect()
}

/// The table as text, for `--help`.
#[must_use]
pub fn table() -> String {
    let width = VARIABLES.iter().map(|variable| variable.name.len()).max().unwrap_or(0);
    let mut text = String::from("Environment variables:\n");
    for Variable { name, default, meaning } in VARIABLES {
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
        for Variable { name, default, meaning } in VARIABLES {
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
