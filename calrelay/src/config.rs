//! Configuration: environment variables, read once, every problem reported at once and by name.

mod google;
mod logs;
mod notices;
mod operator;
mod parsers;
mod problems;
mod servers;
mod variables;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use api::{Access, RateLimit, TrustedProxies};
use common::quotas::Quotas;
use secrecy::SecretString;
use url::Url;

pub use google::GoogleSource;
pub use logs::{LogConfig, LogFormat};
pub use notices::NoticesConfig;
pub use operator::{
    AccountsConfig, AdminPort, JobsConfig, Place, SealedVaultConfig, VaultConfig, queue_place,
};
pub use problems::{Problem, Problems};
pub use servers::Servers;
pub use variables::{secret_files, table};

use problems::Reader;
use variables::{
    ADMIN_PORT, ALLOWED_ORIGINS, BIND, DATA_DIR, DEV_NO_AUTH, DRAIN_SECONDS, ENCRYPTION_KEY,
    GOOGLE_REDIRECT_URI, JOB_RETENTION_DAYS, MAX_ATTEMPTS, PORT, PUBLIC_URL, QUOTA_ACCOUNT_PER_MINUTE,
    QUOTA_CALENDAR_PER_SECOND, QUOTA_INVITES_PER_DAY, QUOTA_PROJECT_PER_DAY, QUOTA_PROJECT_PER_MINUTE,
    RATE_LIMIT, TRUSTED_PROXIES, WORKER_CONCURRENCY,
};

/// Which long-running command reads the configuration; each needs other variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Everything in one process and one folder.
    Run,
    /// The ingress alone, on servers.
    Api,
    /// A worker alone, on servers.
    Worker,
    /// Prepares the servers.
    Setup,
}

/// What a long-running command is told.
#[derive(Debug)]
pub struct Config {
    /// The public port; 0 takes a free one.
    pub port: u16,
    /// The address to listen on.
    pub bind: IpAddr,
    /// The operators' port; 0 takes a free one.
    pub admin_port: u16,
    /// Where browsers reach us, when not `http://localhost:<port>`.
    pub public_url: Option<Url>,
    /// Where [`Role::Run`] keeps everything.
    pub data_dir: PathBuf,
    /// The servers of every other role.
    pub servers: Option<Servers>,
    /// Which Google.
    pub google: GoogleSource,
    /// Where Google sends browsers back to, when not `<public url>/oauth2callback`.
    pub redirect_uri: Option<String>,
    /// The master keys, newest first, when they are not in the data folder.
    pub encryption_keys: Option<SecretString>,
    /// Whether callers need keys.
    pub access: Access,
    /// Requests of one address without a key.
    pub rate_limit: RateLimit,
    /// Whose `X-Forwarded-For` counts.
    pub trusted_proxies: TrustedProxies,
    /// Origins whose pages may call, and that connect links may lead back to.
    pub allowed_origins: Vec<String>,
    /// Google's limits.
    pub quotas: Quotas,
    /// Jobs at a time.
    pub concurrency: usize,
    /// How long running jobs may take at the end.
    pub drain: Duration,
    /// Failed attempts after which a job fails.
    pub max_attempts: u32,
    /// How long finished jobs are remembered.
    pub retention: Duration,
    /// Who is told what became of jobs and accounts, by those who work.
    pub notices: Option<NoticesConfig>,
    /// How logs look, and what is in them.
    pub log: LogConfig,
}

impl Config {
    /// Reads the configuration through `lookup`, so that tests need no environment.
    ///
    /// # Errors
    /// All problems at once, by variable and expectation, never by value.
    pub fn from_env(role: Role, lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Problems> {
        let mut env = Reader::new(lookup);
        let config = Self {
            port: env.value(&PORT),
            bind: env.value(&BIND),
            admin_port: env.value(&ADMIN_PORT),
            public_url: env.optional(&PUBLIC_URL),
            data_dir: env.value(&DATA_DIR),
            servers: match role {
                Role::Run => Servers::refuse(&mut env),
                Role::Api | Role::Worker | Role::Setup => Servers::require(&mut env),
            },
            google: match role {
                Role::Run => GoogleSource::or_own_sandbox(&mut env),
                Role::Api | Role::Worker | Role::Setup => GoogleSource::one(&mut env),
            },
            redirect_uri: env.optional(&GOOGLE_REDIRECT_URI),
            encryption_keys: match role {
                Role::Run => env.secret(&ENCRYPTION_KEY),
                Role::Api | Role::Worker | Role::Setup => shared_encryption_keys(&mut env),
            },
            access: env.value(&DEV_NO_AUTH),
            rate_limit: env.value(&RATE_LIMIT),
            trusted_proxies: env.value(&TRUSTED_PROXIES),
            allowed_origins: env.optional(&ALLOWED_ORIGINS).unwrap_or_default(),
            quotas: quotas(&mut env),
            concurrency: env.value(&WORKER_CONCURRENCY),
            drain: env.value(&DRAIN_SECONDS),
            max_attempts: env.value(&MAX_ATTEMPTS),
            retention: env.value(&JOB_RETENTION_DAYS),
            notices: match role {
                Role::Run | Role::Worker => Some(NoticesConfig::read(&mut env)),
                Role::Api | Role::Setup => None,
            },
            log: LogConfig::read(&mut env),
        };
        if config.access == Access::Open && !config.bind.is_loopback() {
            env.add(&DEV_NO_AUTH, "only allowed while BIND is a loopback address such as 127.0.0.1");
        }
        if role == Role::Api && config.public_url.is_none() && !config.bind.is_loopback() {
            env.add(
                &PUBLIC_URL,
                "must be set while BIND is not a loopback address: links to jobs and to the setup page begin with it",
            );
        }
        env.finish(config)
    }

    /// What the processes that are started with these variables are told: `run`, or, where servers are named,
    /// `api` and `worker`.
    ///
    /// # Errors
    /// All problems of all of them at once.
    pub fn for_check(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Problems> {
        if !Servers::named(&Reader::new(&lookup)) {
            return Self::from_env(Role::Run, lookup);
        }
        match (Self::from_env(Role::Api, &lookup), Self::from_env(Role::Worker, &lookup)) {
            (Ok(_), worker) => worker,
            (Err(problems), Ok(_)) => Err(problems),
            (Err(mut problems), Err(more)) => {
                problems.0.extend(more.0);
                let mut told = Vec::new();
                problems.0.retain(|problem| {
                    let new = !told.contains(problem);
                    told.push(problem.clone());
                    new
                });
                Err(problems)
            }
        }
    }

    /// What is open to other machines without their having an address for it, as `run` may be in a container.
    #[must_use]
    pub fn exposed(&self) -> Option<&'static str> {
        (self.public_url.is_none() && !self.bind.is_loopback()).then_some(
            "PUBLIC_URL is not set, and BIND lets other machines in: keys travel unencrypted, the operators' port \
             shows metrics to everybody who reaches it, and links lead to http://localhost, which is another machine \
             for each of them; set PUBLIC_URL to the https address in front, or BIND to 127.0.0.1",
        )
    }

    /// The servers of a role that has some.
    ///
    /// # Errors
    /// Never for such a role: it was told of what is missing.
    pub fn servers(&self) -> anyhow::Result<&Servers> {
        self.servers.as_ref().context("AMQP_URL, REDIS_URL and VAULT_URL must be set")
    }
}

fn quotas<L: Fn(&str) -> Option<String>>(env: &mut Reader<L>) -> Quotas {
    Quotas {
        project_per_minute: env.value(&QUOTA_PROJECT_PER_MINUTE),
        project_per_day: env.value(&QUOTA_PROJECT_PER_DAY),
        account_per_minute: env.value(&QUOTA_ACCOUNT_PER_MINUTE),
        calendar_per_second: env.value(&QUOTA_CALENDAR_PER_SECOND),
        invites_per_day: env.value(&QUOTA_INVITES_PER_DAY),
    }
}

/// On servers nobody can make a key by themselves: all processes have to have the same.
fn shared_encryption_keys<L: Fn(&str) -> Option<String>>(env: &mut Reader<L>) -> Option<SecretString> {
    if !env.has_secret(&ENCRYPTION_KEY) {
        env.add(
            &ENCRYPTION_KEY,
            "it or ENCRYPTION_KEY_FILE must be set, the same for every process; `openssl rand -base64 32` makes one",
        );
    }
    env.secret(&ENCRYPTION_KEY)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashMap};

    use super::variables::{RUST_LOG, VARIABLES};
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Config, Problems> {
        let map: HashMap<String, String> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Config::from_env(Role::Run, |name| map.get(name).cloned())
    }

    #[test]
    fn nothing_set_is_a_loopback_server_with_keys() {
        let config = read(&[]).expect("the defaults are good");
        assert_eq!((config.port, config.admin_port), (3001, 9464));
        assert!(config.bind.is_loopback());
        assert_eq!(config.access, Access::Keys);
    }

    /// The readers take their defaults from the table, and the libraries have some for themselves: none differ.
    #[test]
    fn every_shown_default_is_what_the_config_has_when_nothing_is_set() {
        // Mail settings exist only where mail is sent.
        let mail = [("SMTP_HOST", "h"), ("SMTP_FROM", "a@example.com"), ("NOTIFY_TO", "b@example.com")];
        let config = |pairs: &[(&str, &str)]| {
            read(&[&mail, pairs].concat()).map(|config| (format!("{config:?}"), config)).expect("fine")
        };
        let (unset, defaults) = config(&[]);
        for row in VARIABLES.iter().filter(|row| !row.default.is_empty()) {
            // Unset it is `info` without the lines of two libraries.
            if row.name != RUST_LOG.row.name {
                assert_eq!(config(&[(row.name, row.default)]).0, unset, "{}", row.name);
            }
        }
        assert_eq!((defaults.quotas, defaults.rate_limit), (Quotas::default(), RateLimit::default()));
    }

    #[test]
    fn every_problem_is_reported_at_once_by_name_and_never_by_value() {
        let problems = read(&[
            ("PORT", "http"),
            ("BIND", "everywhere"),
            ("ENCRYPTION_KEY", "hunter2"),
            ("ENCRYPTION_KEY_FILE", "/nowhere/at/all"),
            ("QUOTA_ACCOUNT_PER_MINUTE", "0"),
            ("LOG_FORMAT", "xml"),
            ("RATE_LIMIT", "lots"),
            ("SANDBOX_URL", "not a url"),
            ("GOOGLE_CREDENTIALS", "/nowhere/google.json"),
        ])
        .expect_err("everything is wrong");
        let names: Vec<&str> = problems.0.iter().map(|problem| problem.variable).collect();
        for name in [
            "PORT",
            "BIND",
            "ENCRYPTION_KEY",
            "QUOTA_ACCOUNT_PER_MINUTE",
            "LOG_FORMAT",
            "RATE_LIMIT",
            "SANDBOX_URL",
            "GOOGLE_CREDENTIALS",
        ] {
            assert!(names.contains(&name), "{name} is missing from {names:?}");
        }
        let shown = problems.to_string();
        for value in ["http\n", "everywhere", "hunter2", "xml", "lots", "not a url"] {
            assert!(!shown.contains(value), "{shown} shows {value}");
        }
    }

    #[test]
    fn keyless_access_is_for_loopback_only() {
        assert!(read(&[("DEV_NO_AUTH", "1")]).is_ok());
        let problems = read(&[("DEV_NO_AUTH", "1"), ("BIND", "0.0.0.0")]).expect_err("open to the world");
        assert_eq!(problems.0[0].variable, "DEV_NO_AUTH");
    }

    #[test]
    fn the_public_url_has_no_path_since_every_page_is_at_the_root() {
        for good in ["https://cal.example.com", "https://cal.example.com/", "http://localhost:3001"] {
            assert!(read(&[("PUBLIC_URL", good)]).is_ok(), "{good}");
        }
        for bad in [
            "https://example.com/cal",
            "https://example.com/cal/",
            "https://example.com/?a=b",
            "cal.example.com",
        ] {
            let problems = read(&[("PUBLIC_URL", bad)]).expect_err(bad);
            assert_eq!(problems.0[0].variable, "PUBLIC_URL", "{bad}");
        }
    }

    #[test]
    fn origins_are_read_as_browsers_write_them() {
        let config = read(&[(
            "ALLOWED_ORIGINS",
            "https://CRM.example.com, http://localhost:5173/,https://x.example:443",
        )])
        .expect("they are good");
        assert_eq!(
            config.allowed_origins,
            ["https://crm.example.com", "http://localhost:5173", "https://x.example"]
        );
        assert!(read(&[]).expect("none is needed").allowed_origins.is_empty());
        for bad in [
            "*",
            "crm.example.com",
            "https://crm.example.com/app",
            "https://a@b.example",
            "https://a.example,,",
        ] {
            let problems = read(&[("ALLOWED_ORIGINS", bad)]).expect_err(bad);
            assert_eq!(problems.0[0].variable, "ALLOWED_ORIGINS", "{bad}");
        }
    }

    #[test]
    fn an_empty_variable_counts_as_unset() {
        assert_eq!(read(&[("PORT", "")]).expect("unset").port, 3001);
    }

    #[test]
    fn a_check_reads_what_every_process_reads_and_tells_each_problem_once() {
        let check = |pairs: &[(&str, &str)]| {
            let find =
                |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, is)| (*is).to_owned());
            match Config::for_check(find) {
                Ok(_) => Vec::new(),
                Err(problems) => problems.0.iter().map(|problem| problem.variable).collect(),
            }
        };
        assert_eq!(check(&[]), Vec::<&str>::new(), "`run` needs nothing");
        let servers = [("REDIS_URL", "redis://h"), ("BIND", "0.0.0.0"), ("NOTIFY_USERS", "1")];
        assert_eq!(
            check(&servers),
            ["AMQP_URL", "VAULT_URL", "GOOGLE_CREDENTIALS", "ENCRYPTION_KEY", "PUBLIC_URL", "SMTP_HOST"],
            "the ingress needs its address, the worker its mail server"
        );
    }

    #[test]
    fn the_table_has_every_variable_that_is_read_and_no_other() {
        let asked = std::cell::RefCell::new(BTreeSet::new());
        for role in [Role::Run, Role::Api, Role::Worker, Role::Setup] {
            let _ = Config::from_env(role, |name| {
                asked.borrow_mut().insert(name.to_owned());
                None
            });
        }
        assert_eq!(asked.into_inner(), VARIABLES.iter().map(|row| row.name.to_owned()).collect());
    }
}
