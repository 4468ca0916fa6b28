//! The installation of docker-compose.yml, without Docker: the same processes with the same commands, variables and
//! secrets, on Debian's servers with the same command lines and definitions. Hosts, ports and paths alone are others.

use std::path::Path;
use std::time::Duration;

use futures_util::future::join_all;
use lapin::options::{BasicGetOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{Calrelay, ForeignServer, Launch, RabbitServer, SandboxView, eventually, free_port, program};

use crate::compose::Compose;
use crate::repository::{read, with_secrets};

struct Installed {
    apis: Vec<Calrelay>,
    workers: Vec<Calrelay>,
    setup: Launch,
    sandbox: SandboxView,
    rabbit: RabbitServer,
    /// Keeps the secrets.
    dir: TempDir,
    _servers: Vec<ForeignServer>,
}

/// A host and port of the compose file, and a port here.
struct Moved(&'static str, u16);

async fn install(compose: &Compose) -> Installed {
    let dir = with_secrets();
    let secrets = dir.path().join("secrets");
    let ports = [
        Moved("redis:6379", free_port()),
        Moved("vault:6379", free_port()),
        Moved("sandbox:8090", free_port()),
    ];

    // Without an ending, as it is mounted.
    let definitions = dir.path().join("rabbitmq-definitions");
    std::fs::copy(secrets.join("rabbitmq-definitions.json"), &definitions).unwrap();
    let config = read("deploy/rabbitmq/rabbitmq.conf");
    let mounted = "/run/secrets/rabbitmq-definitions";
    assert!(config.contains(mounted) && compose.secrets("rabbitmq").contains_key(mounted));
    let rabbit = RabbitServer::start_with(&config.replace(mounted, definitions.to_str().unwrap())).await;
    for user in ["setup", "api", "worker"] {
        move_in(&secrets.join(format!("amqp-{user}-url")), "rabbitmq:5672", rabbit.port());
    }

    let mut servers = Vec::new();
    for (name, Moved(host, port)) in ["redis", "vault"].iter().zip(&ports) {
        move_in(&secrets.join(format!("{name}-url")), host, *port);
        let folder = tempfile::tempdir().unwrap();
        let mut command = in_place(compose.command(name), &compose.secrets(name), dir.path());
        let here =
            ["--port", &port.to_string(), "--bind", "127.0.0.1", "--dir", folder.path().to_str().unwrap()];
        command.extend(here.map(str::to_owned));
        servers.push(ForeignServer::start(&command, &[], folder, *port).await);
    }

    let Moved(_, sandbox) = ports[2];
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("sandbox.jsonl");
    let mut command = vec![program().to_str().unwrap().to_owned()];
    command.extend(compose.command("sandbox").into_iter().map(|word| {
        word.replace("8090", &sandbox.to_string()).replace("/data/sandbox.jsonl", state.to_str().unwrap())
    }));
    servers.push(ForeignServer::start(&command, &[], folder, sandbox).await);

    let launch = |service: &'static str| {
        let all = compose.environment(service).into_iter();
        // Each has ports of its own here.
        all.filter(|(name, _)| !["PORT", "ADMIN_PORT"].contains(&name.as_str())).fold(
            Launch::new().another(service),
            |launch, (name, value)| {
                let value = value.replace("sandbox:8090", &format!("127.0.0.1:{sandbox}"));
                let value = in_place(vec![value], &compose.secrets(service), dir.path()).remove(0);
                launch.with(&name, value)
            },
        )
    };
    let setup = launch("setup");
    setup.prepare();
    let start = |service: &'static str| {
        join_all((0..compose.replicas(service)).map(|_| {
            let launch = launch(service);
            async move { launch.start().await }
        }))
    };
    let (apis, workers) = tokio::join!(start("api"), start("worker"));
    let sandbox = SandboxView::new(format!("http://127.0.0.1:{sandbox}"));
    Installed { apis, workers, setup, sandbox, rabbit, dir, _servers: servers }
}

/// Where secrets are mounted, their files.
fn in_place(
    words: Vec<String>,
    secrets: &std::collections::BTreeMap<String, String>,
    dir: &Path,
) -> Vec<String> {
    let found = |word: String| {
        secrets.get(&word).map(|file| dir.join(file).to_str().unwrap().to_owned()).unwrap_or(word)
    };
    words.into_iter().map(found).collect()
}

/// Puts a server of this machine in the place of a host of the compose file.
fn move_in(file: &Path, host: &str, port: u16) {
    let url = std::fs::read_to_string(file).unwrap();
    assert!(url.contains(host), "{} does not lead to {host}", file.display());
    // It is read-only, and this may not be root.
    std::fs::remove_file(file).unwrap();
    std::fs::write(file, url.replace(host, &format!("127.0.0.1:{port}"))).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_docker_compose_starts_accepts_an_event_and_creates_it() {
    let compose = Compose::base();
    let installed = install(&compose).await;
    assert_eq!((installed.apis.len(), installed.workers.len()), (2, 2));
    let key = installed.setup.key().expect("setup has printed it");

    // Each ingress, behind which any worker may be.
    let event = |summary: &str| json!({"summary": summary, "start": {"dateTime": "2027-02-01T10:00:00Z"}, "end": {"dateTime": "2027-02-01T11:00:00Z"}});
    for (number, api) in installed.apis.iter().enumerate() {
        let request = api.http().post(api.url("/api/v1/events")).bearer_auth(&key);
        let reply = request.json(&event(&format!("Number {number}"))).send().await.unwrap();
        assert_eq!(reply.status(), 202);
        let accepted: Value = reply.json().await.unwrap();
        let job = accepted["jobId"].as_str().unwrap();
        eventually("the event", Duration::from_secs(30), || async {
            let job = api.http().get(api.url(&format!("/api/v1/jobs/{job}?wait=5"))).bearer_auth(&key).send();
            let job: Value = job.await.ok()?.json().await.ok()?;
            (job["state"] == "succeeded").then_some(())
        })
        .await;
        let events = installed.sandbox.events().await;
        assert_eq!(events[accepted["eventId"].as_str().unwrap()].inserts, 1);
    }

    // Links lead to nginx.
    let api = &installed.apis[0];
    let link = api.http().post(api.url("/api/v1/accounts/team-7/connect-links")).bearer_auth(&key);
    let link: Value = link.json(&json!({})).send().await.unwrap().json().await.unwrap();
    assert!(link["url"].as_str().unwrap().starts_with("https://localhost/google-calendar-link/"), "{link}");

    // The consent page is where a browser on this machine finds it, and comes back to where nginx is.
    let credentials = installed.sandbox.read("/_sandbox/credentials").await;
    let consent = credentials["web"]["auth_uri"].as_str().unwrap();
    assert!(consent.starts_with("http://127.0.0.1:"), "{consent}");
    let back = "https://localhost/oauth2callback";
    assert!(
        credentials["web"]["redirect_uris"].as_array().unwrap().iter().any(|uri| uri == back),
        "{credentials}"
    );

    // The health checks of the containers say so too.
    for (service, process) in [("api", &installed.apis[0]), ("worker", &installed.workers[0])] {
        let words: Vec<&str> = compose.service(service)["healthcheck"]["test"]
            .as_array()
            .unwrap()
            .iter()
            .skip(2)
            .map(|word| word.as_str().unwrap())
            .collect();
        assert_eq!(process.launch().run(&words), "");
    }
    let nobody = installed.setup.refused(&["probe"]);
    assert!(nobody.contains("does not answer"), "{nobody}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_brokers_users_have_no_more_rights_than_they_need() {
    let installed = install(&Compose::base()).await;
    let url = |user: &str| {
        let file = installed.dir.path().join(format!("secrets/amqp-{user}-url"));
        std::fs::read_to_string(file).unwrap().trim().to_owned()
    };
    let connect = async |url: &str| Connection::connect(url, ConnectionProperties::default()).await;
    assert!(connect(&installed.rabbit.url()).await.is_err(), "the broker's usual user is still there");

    // What is put into the queue is nothing for an ingress to read, and declaring is for `setup` alone.
    let take = async |user: &str| {
        let connection = connect(&url(user)).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        channel.basic_get("calrelay.jobs".into(), BasicGetOptions::default()).await.map(|_| ())
    };
    assert!(take("worker").await.is_ok());
    let refused = take("api").await.unwrap_err().to_string();
    assert!(refused.contains("ACCESS_REFUSED"), "{refused}");
    for user in ["api", "worker"] {
        let channel = connect(&url(user)).await.unwrap().create_channel().await.unwrap();
        let (options, table) = (QueueDeclareOptions::default(), FieldTable::default());
        let refused = channel.queue_declare("calrelay.other".into(), options, table).await.unwrap_err();
        assert!(refused.to_string().contains("ACCESS_REFUSED"), "{user}: {refused}");
    }

    // Full is a thing that callers are told, of the fresh queue alone: never of what jobs come back through.
    let policies = installed.rabbit.ctl(&["list_queues", "-p", "calrelay", "name", "policy"]).await;
    let limited: Vec<&str> = policies.lines().filter(|line| line.contains("calrelay-jobs")).collect();
    assert_eq!(limited, ["calrelay.jobs\tcalrelay-jobs"], "{policies}");
}
