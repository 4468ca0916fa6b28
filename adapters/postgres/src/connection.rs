//! Connections to PostgreSQL.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::error::{Error, SqlState};
use tokio_postgres::{Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;
use tracing::warn;

use common::port::VaultOpenError;

/// The vault is asked seldom: processes keep what they read in memory. Seventy processes, and a quarter more during
/// a roll-out, have to fit into PostgreSQL's `max_connections`, which is 100 unless somebody changes it
/// (its manual, "Connections and Authentication").
const CONNECTIONS: usize = 1;
/// Making a connection, TLS and authentication included, may take so long.
const CONNECT: Duration = Duration::from_secs(3);

/// Connections to the server of `url`; none is made yet.
///
/// # Errors
/// [`VaultOpenError::InvalidUrl`].
pub(super) fn pool(url: &str) -> Result<Pool, VaultOpenError> {
    let config = config(url)?;
    // Probing before each use costs a round trip, and a connection that died unnoticed costs an error.
    let how = ManagerConfig { recycling_method: RecyclingMethod::Verified };
    let manager = if config.get_ssl_mode() == SslMode::Disable {
        Manager::from_config(config, NoTls, how)
    } else {
        Manager::from_config(config, MakeRustlsConnect::new(tls()?), how)
    };
    Pool::builder(manager)
        .max_size(CONNECTIONS)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(CONNECT))
        .create_timeout(Some(CONNECT))
        .recycle_timeout(Some(Duration::from_secs(1)))
        .build()
        .map_err(|error| VaultOpenError::InvalidUrl(error.to_string()))
}

fn config(url: &str) -> Result<Config, VaultOpenError> {
    let (mode, url) = ssl_mode(url)?;
    let mut config: Config = url.parse().map_err(|error: Error| VaultOpenError::InvalidUrl(why(&error)))?;
    config.ssl_mode(mode).connect_timeout(CONNECT);
    if config.get_application_name().is_none() {
        config.application_name("calrelay");
    }
    if config.get_target_session_attrs() == TargetSessionAttrs::Any {
        // Of several hosts the one that takes writes, whichever that is after a failover.
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    if mode == SslMode::Disable && !config.get_hosts().iter().all(is_this_machine) {
        warn!("VAULT_URL asks for no encryption: add sslmode=require unless the network is trusted");
    }
    Ok(config)
}

/// How `url` wants to be encrypted, and `url` as tokio-postgres understands it.
///
/// There is no encryption without checking whom one speaks to, so `require` is as strict as
/// `verify-full`; and no `prefer`, which encrypts unless somebody in between says no.
fn ssl_mode(url: &str) -> Result<(SslMode, String), VaultOpenError> {
    let Some((address, query)) = url.split_once('?') else {
        return Ok((SslMode::Disable, url.to_owned()));
    };
    let mut mode = SslMode::Disable;
    let mut rest = Vec::new();
    for parameter in query.split('&') {
        match parameter.strip_prefix("sslmode=") {
            None => rest.push(parameter),
            Some("disable") => mode = SslMode::Disable,
            Some("require" | "verify-ca" | "verify-full") => mode = SslMode::Require,
            Some(_) => {
                let what = "sslmode is disable (the default), or require or verify-full, which both check \
                            the server's certificate";
                return Err(VaultOpenError::InvalidUrl(what.to_owned()));
            }
        }
    }
    Ok((mode, format!("{address}?{}", rest.join("&"))))
}

fn is_this_machine(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|it| it.is_loopback())
        }
        Host::Unix(_) => true,
    }
}

/// Trusts whom the platform trusts; on Linux `SSL_CERT_FILE` adds an authority of one's own.
fn tls() -> Result<ClientConfig, VaultOpenError> {
    let invalid = |error: rustls::Error| VaultOpenError::InvalidUrl(format!("TLS cannot be used: {error}"));
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(invalid)?
        .with_platform_verifier()
        .map_err(invalid)?
        .with_no_client_auth();
    Ok(config)
}

/// What went wrong, in one line, without anything of a document.
pub(super) fn why(error: &Error) -> String {
    // A server's detail may quote a row; its message does not.
    if let Some(said) = error.as_db_error() {
        return said.message().to_owned();
    }
    let mut line = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(deeper) = cause {
        line = format!("{line}: {deeper}");
        cause = deeper.source();
    }
    line
}

/// Whether the server answered that it will not: asking again does not help.
pub(super) fn is_refusal(error: &Error) -> bool {
    let Some(code) = error.code() else {
        return false;
    };
    // Authorisation, unknown database, unknown or forbidden object.
    *code == SqlState::INVALID_CATALOG_NAME || code.code().starts_with("28") || code.code().starts_with("42")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encryption_is_never_unchecked_and_never_optional() {
        for (query, mode, rest) in [
            ("", SslMode::Disable, ""),
            ("?sslmode=disable", SslMode::Disable, "?"),
            ("?sslmode=require", SslMode::Require, "?"),
            ("?a=b&sslmode=verify-full&c=d", SslMode::Require, "?a=b&c=d"),
            ("?sslmode=verify-ca", SslMode::Require, "?"),
        ] {
            let url = format!("postgres://u:p@h/d{query}");
            assert_eq!(ssl_mode(&url), Ok((mode, format!("postgres://u:p@h/d{rest}"))), "{query}");
        }
        for optional in ["prefer", "allow", "", "Require"] {
            assert!(ssl_mode(&format!("postgres://h/d?sslmode={optional}")).is_err(), "{optional}");
        }
    }

    #[test]
    fn a_url_that_is_wrong_is_told_of_without_its_password() {
        for url in ["postgres://u:hush@h/d?nonsense=1", "postgres://u:hush@h:port/d", "postgres://u:hush@["] {
            let error = config(url).unwrap_err().to_string();
            assert!(error.starts_with("VAULT_URL cannot be used: "), "{error}");
            assert!(!error.contains("hush"), "{error}");
        }
    }
}
