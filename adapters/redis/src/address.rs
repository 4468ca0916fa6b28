//! Where Redis is: at an address, or wherever the Sentinels say.

use deadpool_redis::redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use deadpool_redis::redis::{Client, ConnectionInfo, IntoConnectionInfo as _, RedisResult, TlsMode};

/// The URL cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "it has to look like redis://host:6379, rediss://host:6379 or redis+sentinel://host:26379,host:26379/master: {0}"
)]
pub struct InvalidUrl(&'static str);

/// A URL that was understood.
pub(super) enum Address {
    /// One server, always the same.
    Server(Box<Client>),
    /// These know which server is the master now.
    Sentinels { client: Box<SentinelClient>, database: i64 },
}

const SENTINEL_PORT: u16 = 26379;

impl Address {
    pub(super) fn parse(url: &str) -> Result<Self, InvalidUrl> {
        let (scheme, rest) = url.split_once("://").ok_or(InvalidUrl("the scheme is missing"))?;
        match scheme {
            "redis" | "rediss" => Client::open(url)
                .map(Box::new)
                .map(Self::Server)
                .map_err(|_| InvalidUrl("it cannot be parsed")),
            "redis+sentinel" => sentinels("redis", rest),
            "rediss+sentinel" => sentinels("rediss", rest),
            _ => Err(InvalidUrl("the scheme is another one")),
        }
    }

    /// The number of the database.
    pub(super) fn database(&self) -> i64 {
        match self {
            Self::Server(client) => client.get_connection_info().redis_settings().db(),
            Self::Sentinels { database, .. } => *database,
        }
    }

    /// Who is the master now.
    pub(super) async fn master(&mut self) -> RedisResult<Client> {
        match self {
            Self::Server(client) => Ok(client.as_ref().clone()),
            Self::Sentinels { client, .. } => client.async_get_client().await,
        }
    }
}

/// `rest` is `[user:password@]host[:port][,…]/master[/database]`. A list of hosts is not part of what URLs
/// are, so each of them is made into one.
fn sentinels(scheme: &str, rest: &str) -> Result<Address, InvalidUrl> {
    let (authority, path) = rest.split_once('/').ok_or(InvalidUrl("the master's name is missing"))?;
    let (login, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (master, database) = path.split_once('/').unwrap_or((path, "0"));
    if master.is_empty() {
        return Err(InvalidUrl("the master's name is missing"));
    }
    let database: i64 = database.parse().map_err(|_| InvalidUrl("the database is not a number"))?;
    let mut found = Vec::new();
    for host in hosts.split(',') {
        found.push(server(scheme, login, host)?);
    }
    let Some(first) = found.first().cloned() else {
        return Err(InvalidUrl("there is no Sentinel"));
    };
    let addresses: Vec<_> = found.into_iter().map(|info| info.addr().clone()).collect();
    let built = || -> RedisResult<SentinelClient> {
        let mut builder = SentinelClientBuilder::new(addresses, master, SentinelServerType::Master)?
            .set_client_to_redis_db(database);
        let login = first.redis_settings();
        // The Sentinels are asked under the same name as the servers: most installations give both one
        // password, or none.
        if let Some(username) = login.username() {
            builder =
                builder.set_client_to_redis_username(username).set_client_to_sentinel_username(username);
        }
        if let Some(password) = login.password() {
            builder =
                builder.set_client_to_redis_password(password).set_client_to_sentinel_password(password);
        }
        if scheme == "rediss" {
            builder = builder
                .set_client_to_redis_tls_mode(TlsMode::Secure)
                .set_client_to_sentinel_tls_mode(TlsMode::Secure);
        }
        builder.build()
    };
    let client = built().map_err(|_| InvalidUrl("it cannot be parsed"))?;
    Ok(Address::Sentinels { client: Box::new(client), database })
}

fn server(scheme: &str, login: &str, host: &str) -> Result<ConnectionInfo, InvalidUrl> {
    if host.is_empty() {
        return Err(InvalidUrl("a Sentinel's address is empty"));
    }
    // A colon within brackets is an IPv6 address's, not a port's.
    let named = host.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
    let port = if named { String::new() } else { format!(":{SENTINEL_PORT}") };
    let at = if login.is_empty() { "" } else { "@" };
    let url = format!("{scheme}://{login}{at}{host}{port}");
    url.as_str().into_connection_info().map_err(|_| InvalidUrl("a Sentinel's address cannot be parsed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_tls_and_sentinel_urls_are_understood() {
        for (url, database) in [
            ("redis://localhost", 0),
            ("redis://:secret@localhost:7000/5", 5),
            ("rediss://user:secret@redis.example:6380/1", 1),
            ("redis+sentinel://localhost/main", 0),
            ("redis+sentinel://a:1,b,[::1]:3/main/2", 2),
            ("rediss+sentinel://user:p%40ss@a,b/main", 0),
        ] {
            assert_eq!(Address::parse(url).map(|address| address.database()), Ok(database), "{url}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_without_repeating_a_secret() {
        for url in [
            "",
            "localhost:6379",
            "http://:secret@localhost",
            "redis://:secret@localhost:notaport",
            "redis+sentinel://:secret@a,b",
            "redis+sentinel://:secret@a,b/",
            "redis+sentinel://:secret@a,/main",
            "redis+sentinel://:secret@a/main/secret",
        ] {
            let error = Address::parse(url).err().unwrap_or_else(|| panic!("{url:?} was understood"));
            assert!(!error.to_string().contains("secret"), "{url:?}: {error}");
        }
    }
}
