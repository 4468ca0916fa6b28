//! What the operators' commands are told: as little as each of them needs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use common::quotas::Quotas;
use secrecy::SecretString;

use super::GoogleSource;
use super::problems::{Problems, Reader};
use super::servers::Servers;
use super::variables::{
    ADMIN_PORT, AMQP_URL, BIND, DATA_DIR, ENCRYPTION_KEY, JOB_RETENTION_DAYS, REDIS_URL, VAULT_URL,
};
use super::{quotas, shared_encryption_keys};

const MISSING: &str = "what is missing was told as a problem";

/// Where an installation is: in a folder, unless servers are named.
#[derive(Debug, Clone)]
pub enum Place<S> {
    /// Of `calrelay run`.
    Folder(PathBuf),
    /// Of `calrelay api` and `calrelay worker`.
    Servers(S),
}

/// For `calrelay jobs`.
#[derive(Debug)]
pub struct JobsConfig {
    /// Where the jobs are.
    pub place: Place<Servers>,
    /// The master keys, when they are not in the folder.
    pub encryption_keys: Option<SecretString>,
    /// Google's limits: replayed jobs go at their account's pace.
    pub quotas: Quotas,
    /// How long finished jobs are remembered.
    pub retention: Duration,
}

/// For `calrelay accounts`.
#[derive(Debug)]
pub struct AccountsConfig {
    /// Where the accounts are.
    pub place: Place<Servers>,
    /// The master keys, when they are not in the folder.
    pub encryption_keys: Option<SecretString>,
    /// Which Google is to be told, if any.
    pub google: Option<GoogleSource>,
    /// Where `run` keeps everything.
    pub data_dir: PathBuf,
    /// Google's limits: jobs that are cancelled give their places back.
    pub quotas: Quotas,
    /// How long finished jobs are remembered.
    pub retention: Duration,
}

/// A vault's server, and the Redis that it must not be.
#[derive(Debug, Clone)]
pub struct VaultConfig {
    /// The vault.
    pub vault: SecretString,
    /// The Redis that may be lost.
    pub redis: Option<SecretString>,
}

/// For `calrelay probe`: where the operators' port of a process beside this one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdminPort(pub SocketAddr);

/// For `calrelay vault backup` and `restore`: a vault, and the keys to it.
#[derive(Debug)]
pub struct SealedVaultConfig {
    /// Where the vault is.
    pub place: Place<VaultConfig>,
    /// The master keys, when they are not in the folder.
    pub encryption_keys: Option<SecretString>,
}

impl JobsConfig {
    /// Reads it.
    ///
    /// # Errors
    /// All problems at once.
    pub fn from_env(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Problems> {
        let mut env = Reader::new(lookup);
        let place = place(&mut env, Servers::require);
        let encryption_keys = match &place {
            Some(Place::Folder(_)) => env.secret(&ENCRYPTION_KEY),
            Some(Place::Servers(_)) | None => shared_encryption_keys(&mut env),
        };
        let (quotas, retention) = (quotas(&mut env), env.value(&JOB_RETENTION_DAYS));
        let place = env.finish(place)?.expect(MISSING);
        Ok(Self { place, encryption_keys, quotas, retention })
    }
}

impl AccountsConfig {
    /// Reads it; which Google there is only where it `tells_google`.
    ///
    /// # Errors
    /// All problems at once.
    pub fn from_env(tells_google: bool, lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Problems> {
        let mut env = Reader::new(lookup);
        let place = place(&mut env, Servers::require);
        let in_folder = matches!(place, Some(Place::Folder(_)));
        let encryption_keys =
            if in_folder { env.secret(&ENCRYPTION_KEY) } else { shared_encryption_keys(&mut env) };
        let google = match (tells_google, in_folder) {
            (false, _) => None,
            (true, true) => Some(GoogleSource::or_own_sandbox(&mut env)),
            (true, false) => Some(GoogleSource::one(&mut env)),
        };
        let (data_dir, quotas, retention) =
            (env.value(&DATA_DIR), quotas(&mut env), env.value(&JOB_RETENTION_DAYS));
        let place = env.finish(place)?.expect(MISSING);
        Ok(Self { place, encryption_keys, google, data_dir, quotas, retention })
    }
}

impl VaultConfig {
    /// Reads where the vault is.
    ///
    /// # Errors
    /// All problems at once.
    pub fn place(lookup: impl Fn(&str) -> Option<String>) -> Result<Place<Self>, Problems> {
        let mut env = Reader::new(lookup);
        let place = vault_place(&mut env);
        Ok(env.finish(place)?.expect(MISSING))
    }
}

impl AdminPort {
    /// Reads it.
    ///
    /// # Errors
    /// All problems at once.
    pub fn from_env(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Problems> {
        let mut env = Reader::new(lookup);
        let address = SocketAddr::new(env.value(&BIND), env.value(&ADMIN_PORT));
        let here = match address.ip() {
            ip if !ip.is_unspecified() => ip,
            IpAddr::V4(_) => IpAddr::from(Ipv4Addr::LOCALHOST),
            IpAddr::V6(_) => IpAddr::from(Ipv6Addr::LOCALHOST),
        };
        env.finish(Self(SocketAddr::new(here, address.port())))
    }
}

impl SealedVaultConfig {
    /// Reads where the vault is, and its keys.
    ///
    /// # Errors
    /// All problems at once.
    pub fn from_env(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Problems> {
        let mut env = Reader::new(lookup);
        let place = vault_place(&mut env);
        let encryption_keys = match &place {
            Some(Place::Folder(_)) => env.secret(&ENCRYPTION_KEY),
            Some(Place::Servers(_)) | None => shared_encryption_keys(&mut env),
        };
        let place = env.finish(place)?.expect(MISSING);
        Ok(Self { place, encryption_keys })
    }
}

fn vault_place<L: Fn(&str) -> Option<String>>(env: &mut Reader<L>) -> Option<Place<VaultConfig>> {
    place(env, |env| {
        let redis = env.secret(&REDIS_URL);
        let vault = env.secret(&VAULT_URL);
        if !env.has_secret(&VAULT_URL) {
            env.add(&VAULT_URL, "must be set where AMQP_URL or REDIS_URL is: keys are kept in the vault");
        }
        Some(VaultConfig { vault: vault?, redis })
    })
}

/// Reads where the queue is.
///
/// # Errors
/// All problems at once.
pub fn queue_place(lookup: impl Fn(&str) -> Option<String>) -> Result<Place<SecretString>, Problems> {
    let mut env = Reader::new(lookup);
    let place = place(&mut env, |env| {
        if !env.has_secret(&AMQP_URL) {
            env.add(&AMQP_URL, "must be set where REDIS_URL or VAULT_URL is: it is the queue");
        }
        env.secret(&AMQP_URL)
    });
    Ok(env.finish(place)?.expect(MISSING))
}

/// `None` when there were problems.
fn place<L: Fn(&str) -> Option<String>, S>(
    env: &mut Reader<L>,
    servers: impl FnOnce(&mut Reader<L>) -> Option<S>,
) -> Option<Place<S>> {
    if Servers::named(env) {
        servers(env).map(Place::Servers)
    } else {
        Some(Place::Folder(env.value(&DATA_DIR)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(name: &'static str, value: &'static str) -> impl Fn(&str) -> Option<String> {
        move |asked| (asked == name).then(|| value.to_owned())
    }

    #[test]
    fn a_process_that_listens_everywhere_is_asked_on_this_machine() {
        let bound = |to: &'static str| AdminPort::from_env(only("BIND", to)).expect("fine").0.to_string();
        assert_eq!(bound(""), "127.0.0.1:9464");
        assert_eq!(bound("0.0.0.0"), "127.0.0.1:9464");
        assert_eq!(bound("::"), "[::1]:9464");
        assert_eq!(bound("192.0.2.7"), "192.0.2.7:9464");
        assert_eq!(AdminPort::from_env(only("ADMIN_PORT", "9465")).expect("fine").0.port(), 9465);
    }

    #[test]
    fn with_no_server_named_it_is_the_folder() {
        let nothing = |_: &str| None;
        assert!(matches!(JobsConfig::from_env(nothing).expect("fine").place, Place::Folder(_)));
        assert!(matches!(VaultConfig::place(nothing).expect("fine"), Place::Folder(_)));
        assert!(matches!(queue_place(nothing).expect("fine"), Place::Folder(_)));
    }

    #[test]
    fn which_google_there_is_matters_only_where_it_is_told_something() {
        let servers = |name: &str| match name {
            "AMQP_URL" => Some("amqp://h".to_owned()),
            "REDIS_URL" => Some("redis://h".to_owned()),
            "VAULT_URL" => Some("postgres://h/db".to_owned()),
            "ENCRYPTION_KEY" => Some("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned()),
            _ => None,
        };
        assert_eq!(AccountsConfig::from_env(false, servers).expect("fine").google, None);
        let problems = AccountsConfig::from_env(true, servers).expect_err("Google is not named");
        assert_eq!(problems.0.iter().map(|one| one.variable).collect::<Vec<_>>(), ["GOOGLE_CREDENTIALS"]);
        let nothing = |_: &str| None;
        let folder = AccountsConfig::from_env(true, nothing).expect("fine");
        assert_eq!(folder.google, Some(GoogleSource::OwnSandbox { port: 8090 }));
    }

    #[test]
    fn one_server_named_is_an_installation_on_servers_and_never_the_folder() {
        let amqp = only("AMQP_URL", "amqp://h");
        let names = |problems: Problems| problems.0.iter().map(|one| one.variable).collect::<Vec<_>>();
        let missing = names(JobsConfig::from_env(&amqp).expect_err("more is needed"));
        assert_eq!(missing, ["REDIS_URL", "VAULT_URL", "ENCRYPTION_KEY"]);
        assert_eq!(names(VaultConfig::place(&amqp).expect_err("the vault is needed")), ["VAULT_URL"]);
        assert!(matches!(queue_place(&amqp).expect("enough for the queue"), Place::Servers(_)));
        let vault = only("VAULT_URL", "postgres://h/db");
        assert!(matches!(VaultConfig::place(&vault).expect("enough for keys"), Place::Servers(_)));
        assert_eq!(names(queue_place(&vault).expect_err("the queue is needed")), ["AMQP_URL"]);
    }
}
