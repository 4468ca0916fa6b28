//! The servers that many processes share.

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::parsers::must;
use super::problems::Reader;
use super::variables::{AMQP_URL, REDIS_URL, VAULT_URL, Variable};

/// Where they are. The URLs may hold passwords.
#[derive(Debug, Clone)]
pub struct Servers {
    /// RabbitMQ: the queue.
    pub amqp: SecretString,
    /// Redis: what can be rebuilt.
    pub redis: SecretString,
    /// PostgreSQL or a second Redis: what cannot.
    pub vault: SecretString,
}

/// The variables.
const URLS: [Variable<SecretString>; 3] = [AMQP_URL, REDIS_URL, VAULT_URL];

impl Servers {
    /// For roles that cannot do without.
    pub(super) fn require<L: Fn(&str) -> Option<String>>(env: &mut Reader<L>) -> Option<Self> {
        let (amqp, redis, vault) = (env.secret(&AMQP_URL), env.secret(&REDIS_URL), env.secret(&VAULT_URL));
        for url in &URLS {
            if !env.has_secret(url) {
                env.add(url, "must be set: many processes work together through it");
            }
        }
        // The law is that they are two servers, which is looked at when they answer; this is the
        // mistake that can be seen without.
        if let (Some(redis), Some(vault)) = (&redis, &vault)
            && redis.expose_secret() == vault.expose_secret()
        {
            env.add(
                &VAULT_URL,
                "must be another server than REDIS_URL's: what is in Redis may be lost, the vault may not",
            );
        }
        Some(Self { amqp: amqp?, redis: redis?, vault: vault? })
    }

    /// For `run`, which uses none: better to say so than to leave somebody waiting for the other
    /// processes.
    pub(super) fn refuse<L: Fn(&str) -> Option<String>>(env: &mut Reader<L>) -> Option<Self> {
        for url in &URLS {
            if env.has_secret(url) {
                env.add(
                    url,
                    "`run` is one process with everything in DATA_DIR; unset it, or start `calrelay api` and `calrelay worker`",
                );
            }
        }
        None
    }

    /// Whether any is named.
    pub(super) fn named<L: Fn(&str) -> Option<String>>(env: &Reader<L>) -> bool {
        URLS.iter().any(|url| env.has_secret(url))
    }
}

pub(super) fn amqp(text: &str) -> Result<SecretString, String> {
    url(text, "amqp://user:password@host:port/vhost, or amqps://", &["amqp", "amqps"])
}

pub(super) fn redis(text: &str) -> Result<SecretString, String> {
    const SCHEMES: [&str; 4] = ["redis", "rediss", "redis+sentinel", "rediss+sentinel"];
    url(text, "redis://host:port, rediss://, or redis+sentinel://host:port,…/master", &SCHEMES)
}

pub(super) fn vault(text: &str) -> Result<SecretString, String> {
    const SCHEMES: [&str; 4] = ["redis", "rediss", "postgres", "postgresql"];
    url(text, "postgres://user:password@host:port/database, or redis:// of a second Redis", &SCHEMES)
}

fn url(text: &str, expected: &str, schemes: &[&str]) -> Result<SecretString, String> {
    let fits = text.split_once("://").is_some_and(|(scheme, _)| {
        // These may name several hosts, which no URL does; the adapter that connects reads them.
        let hosts = scheme.ends_with("sentinel") || scheme.starts_with("postgres");
        schemes.contains(&scheme) && (hosts || Url::parse(text).is_ok())
    });
    must(fits.then(|| text.into()), expected)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use secrecy::ExposeSecret as _;

    use super::super::{Config, Problems, Role};

    const GOOD: [(&str, &str); 5] = [
        ("AMQP_URL", "amqp://guest:guest@127.0.0.1:5672/%2f"),
        ("REDIS_URL", "redis://127.0.0.1:6379"),
        ("VAULT_URL", "postgres://calrelay@127.0.0.1/calrelay"),
        ("ENCRYPTION_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ("SANDBOX_URL", "http://127.0.0.1:8090"),
    ];

    fn read(role: Role, changes: &[(&str, &str)]) -> Result<Config, Problems> {
        let map: HashMap<&str, &str> = GOOD.iter().chain(changes).copied().collect();
        Config::from_env(role, |name| map.get(name).map(|value| (*value).to_owned()))
    }

    fn names(problems: &Problems) -> Vec<&str> {
        problems.0.iter().map(|problem| problem.variable).collect()
    }

    #[test]
    fn the_roles_of_many_processes_need_their_servers_a_key_and_one_google() {
        for role in [Role::Api, Role::Worker, Role::Setup] {
            assert!(read(role, &[]).is_ok(), "{role:?}");
            let problems = Config::from_env(role, |_| None).expect_err("nothing is set");
            assert_eq!(
                names(&problems),
                ["AMQP_URL", "REDIS_URL", "VAULT_URL", "GOOGLE_CREDENTIALS", "ENCRYPTION_KEY"],
                "{role:?}"
            );
        }
    }

    #[test]
    fn a_missing_or_second_google_is_an_error_and_never_a_sandbox() {
        let missing = read(Role::Worker, &[("SANDBOX_URL", ""), ("GOOGLE_CREDENTIALS", "/nowhere.json")]);
        assert_eq!(names(&missing.expect_err("the file is missing")), ["GOOGLE_CREDENTIALS"]);
        let folder = read(Role::Worker, &[("SANDBOX_URL", ""), ("GOOGLE_CREDENTIALS", "/")]);
        assert_eq!(names(&folder.expect_err("it is a folder")), ["GOOGLE_CREDENTIALS"]);
        let both = read(Role::Api, &[("GOOGLE_CREDENTIALS", "/dev/null")]);
        assert!(names(&both.expect_err("there are two")).contains(&"SANDBOX_URL"));
        let malformed = read(Role::Api, &[("SANDBOX_URL", "the sandbox")]);
        assert_eq!(names(&malformed.expect_err("it is no URL")), ["SANDBOX_URL"]);
    }

    #[test]
    fn a_vault_in_the_redis_that_may_be_lost_is_refused() {
        let same = read(Role::Api, &[("VAULT_URL", "redis://127.0.0.1:6379")]);
        assert_eq!(names(&same.expect_err("they are one")), ["VAULT_URL"]);
    }

    #[test]
    fn urls_of_other_kinds_are_told_by_name_and_never_by_value() {
        let wrong =
            [("AMQP_URL", "http://hunter2"), ("REDIS_URL", "hunter2"), ("VAULT_URL", "mysql://hunter2")];
        let problems = read(Role::Worker, &wrong).expect_err("they are wrong");
        assert_eq!(names(&problems), ["AMQP_URL", "REDIS_URL", "VAULT_URL"]);
        assert!(!problems.to_string().contains("hunter2"));
        for good in ["rediss://h", "redis+sentinel://a:1,b:2/main", "redis+sentinel://a:1/main/3"] {
            assert!(read(Role::Worker, &[("REDIS_URL", good)]).is_ok(), "{good}");
        }
        assert!(read(Role::Worker, &[("VAULT_URL", "postgres://u@a:5432,b:5432/db")]).is_ok());
    }

    #[test]
    fn urls_with_passwords_may_be_in_files() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let file = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, format!("{text}\n")).expect("it can be written");
            path.to_str().expect("UTF-8").to_owned()
        };
        let (amqp, wrong) = (file("amqp", "amqp://u:p@host/%2f"), file("wrong", "http://hunter2"));
        let config = read(Role::Worker, &[("AMQP_URL", ""), ("AMQP_URL_FILE", &amqp)]).expect("it is there");
        assert_eq!(config.servers().expect("servers").amqp.expose_secret(), "amqp://u:p@host/%2f");
        let problems = read(Role::Worker, &[("VAULT_URL", ""), ("VAULT_URL_FILE", &wrong)]);
        let problems = problems.expect_err("it holds something else");
        assert_eq!(names(&problems), ["VAULT_URL"]);
        assert!(!problems.to_string().contains("hunter2"));
    }

    #[test]
    fn run_says_that_it_uses_no_servers() {
        let problems = read(Role::Run, &[]).expect_err("it would not use them");
        assert_eq!(names(&problems), ["AMQP_URL", "REDIS_URL", "VAULT_URL"]);
        assert!(problems.to_string().contains("calrelay worker"));
    }

    #[test]
    fn an_ingress_for_others_knows_its_own_address() {
        let open = [("BIND", "0.0.0.0")];
        assert_eq!(names(&read(Role::Api, &open).expect_err("where is it?")), ["PUBLIC_URL"]);
        assert!(read(Role::Worker, &open).is_ok(), "a worker is visited by nobody");
    }
}
