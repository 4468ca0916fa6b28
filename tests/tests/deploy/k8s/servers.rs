//! Redis, the vault and the RabbitMQ of dev, as the manifests start them, on Debian's packages. Ports and paths alone
//! are others.

use std::path::Path;
use std::process::Command;

use tests::{ForeignServer, RabbitServer, free_port};

use super::overlay::{Overlay, copy, list, text};

/// A Redis of production, with the users of a Secret. Its port and its password.
pub struct Redis {
    _server: ForeignServer,
    pub port: u16,
    password: String,
}

impl Redis {
    /// Starts the workload `name` with `users`, the file that a Secret brings.
    pub async fn start(kind: &str, name: &str, users: &Path) -> Self {
        let pod = &Overlay::production().one(kind, name)["spec"]["template"]["spec"];
        let container = &pod["containers"][0];
        let (folder, port) = (tempfile::tempdir().expect("a temporary folder"), free_port());
        let data = folder.path().to_str().expect("a path in UTF-8");
        let words = list(&container["command"]).iter().chain(list(&container["args"])).map(text);
        let mut command: Vec<String> = words
            .map(|word| match word {
                "/data" => data.to_owned(),
                "/run/redis/users.acl" => users.display().to_string(),
                word => word.to_owned(),
            })
            .collect();
        command.extend(["--port", &port.to_string(), "--bind", "127.0.0.1"].map(str::to_owned));
        let rules = std::fs::read_to_string(users).expect("a text");
        let password = rules.split_whitespace().find_map(|rule| rule.strip_prefix('>')).expect("a password");
        let server = ForeignServer::start(&command, &[], folder, port).await;
        Self { _server: server, port, password: password.to_owned() }
    }

    /// What it answers to whoever has the password.
    pub fn ask(&self, command: &[&str]) -> String {
        self.cli(&[&["--no-auth-warning", "-a", &self.password], command].concat())
    }

    fn cli(&self, words: &[&str]) -> String {
        let output = Command::new("redis-cli")
            .args(["-p", &self.port.to_string()])
            .args(words)
            .output()
            .expect("it runs");
        String::from_utf8_lossy(&output.stdout).trim().replace('\n', " ")
    }
}

#[tokio::test]
async fn redis_and_the_vault_start_as_written_and_let_nobody_in_without_the_password() {
    let copy = copy();
    let secrets = copy.path().join("k8s/overlays/dev/secrets");
    for (kind, name, appending) in [("Deployment", "redis", "no"), ("StatefulSet", "vault", "yes")] {
        let redis = Redis::start(kind, name, &secrets.join(name).join("users.acl")).await;
        assert!(redis.cli(&["GET", "anything"]).contains("NOAUTH"), "{name}");
        assert_eq!(redis.ask(&["SET", "a", "b"]), "OK", "{name}");
        assert_eq!(
            redis.ask(&["CONFIG", "GET", "maxmemory-policy"]),
            "maxmemory-policy noeviction",
            "{name}"
        );
        // Whether a vault keeps what it confirms is looked at, not believed; but nobody may change it from here.
        assert_eq!(redis.ask(&["CONFIG", "GET", "appendonly"]), format!("appendonly {appending}"), "{name}");
        assert!(redis.ask(&["CONFIG", "SET", "appendonly", "no"]).contains("NOPERM"), "{name}");
        assert!(redis.ask(&["SHUTDOWN"]).contains("NOPERM"), "{name}");
    }
}

#[tokio::test]
async fn the_rabbitmq_of_dev_knows_every_role_and_its_rights() {
    let copy = copy();
    let dev = copy.path().join("k8s/overlays/dev");
    let secrets = dev.join("secrets");
    let config = std::fs::read_to_string(dev.join("20-calrelay.conf")).expect("a text");
    let mounted = "/run/rabbitmq/definitions.json";
    assert!(config.contains(mounted));
    let pod = &Overlay::dev().one("StatefulSet", "rabbitmq")["spec"]["template"]["spec"]["containers"][0];
    let mounts: Vec<&str> =
        list(&pod["volumeMounts"]).iter().map(|mount| text(&mount["mountPath"])).collect();
    assert!(mounts.contains(&"/run/rabbitmq") && mounts.contains(&"/etc/rabbitmq/conf.d/20-calrelay.conf"));

    let definitions = secrets.join("rabbitmq/definitions.json");
    let rabbit =
        RabbitServer::start_with(&config.replace(mounted, definitions.to_str().expect("UTF-8"))).await;
    for role in ["setup", "api", "worker"] {
        let url = std::fs::read_to_string(secrets.join(format!("rabbitmq-{role}/amqp-url"))).expect("a text");
        let login = url.strip_prefix("amqp://").and_then(|rest| rest.strip_suffix("@rabbitmq:5672/calrelay"));
        let (user, password) = login.and_then(|login| login.split_once(':')).expect("a login");
        assert_eq!(user, role);
        rabbit.ctl(&["authenticate_user", user, password]).await;
    }
    let rights = rabbit.ctl(&["list_permissions", "-p", "calrelay", "--quiet", "--no-table-headers"]).await;
    let configuring: Vec<&str> =
        rights.lines().filter(|line| line.split('\t').nth(1) != Some("^$")).collect();
    assert_eq!(configuring.len(), 1, "{rights}");
    assert!(configuring[0].starts_with("setup"), "{rights}");
}
