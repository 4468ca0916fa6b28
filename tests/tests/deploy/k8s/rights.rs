//! The secrets and rights that k8s/ hands out are enough, on real servers, and no more than that.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tests::{Launch, RabbitServer, SandboxProcess, eventually, free_port};

use super::overlay::{Overlay, copy, list, text};
use super::servers::Redis;
use crate::repository::root;

/// A RabbitMQ with its management API, and the port of that.
async fn manageable() -> (RabbitServer, u16) {
    let rabbit = RabbitServer::start().await;
    rabbit.stop();
    let port = free_port();
    std::fs::write(rabbit.dir().join("plugins"), "[rabbitmq_management].\n").expect("its own file");
    let config = rabbit.dir().join("rabbitmq.conf");
    let whole = std::fs::read_to_string(&config).expect("a text");
    std::fs::write(&config, format!("{whole}management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {port}\n"))
        .expect("its own file");
    rabbit.start_again().await;
    (rabbit, port)
}

/// Makes a User with its Permission, as the topology operator does, and answers its Secret's folder.
async fn grant(rabbit: &RabbitServer, user: &Value, secrets: &Path) -> PathBuf {
    let overlay = Overlay::production();
    let secret = secrets.join(text(&user["spec"]["importCredentialsSecret"]["name"]));
    let login = read(&secret.join("username"));
    rabbit.ctl(&["add_user", &login, &read(&secret.join("password"))]).await;
    let tags: Vec<&str> = list(&user["spec"]["tags"]).iter().map(text).collect();
    rabbit.ctl(&[&["set_user_tags", &login], tags.as_slice()].concat()).await;
    let name = &user["metadata"]["name"];
    let permission = overlay.all("Permission").find(|one| one["spec"]["userReference"]["name"] == *name);
    let permission = &permission.expect("it may do something")["spec"];
    let [configure, write, read] =
        ["configure", "write", "read"].map(|right| text(&permission["permissions"][right]));
    rabbit.ctl(&["set_permissions", "-p", text(&permission["vhost"]), &login, configure, write, read]).await;
    secret
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The file that says where a server is, with where it is here.
fn move_to(file: &Path, host: &str, port: u16) {
    let url = read(file);
    assert!(url.contains(&format!("@{host}")), "{} is elsewhere", file.display());
    std::fs::write(file, url.replace(host, &format!("127.0.0.1:{port}"))).expect("it is a copy");
}

#[tokio::test]
async fn the_rights_that_are_given_are_enough_for_a_job_and_for_scaling() {
    let overlay = Overlay::production();
    let copy = copy();
    let secrets = copy.path().join("k8s/overlays/dev/secrets");
    let (rabbit, management) = manageable().await;
    rabbit.ctl(&["add_vhost", text(&overlay.one("Vhost", "calrelay")["spec"]["name"])]).await;
    for user in overlay.all("User") {
        let secret = grant(&rabbit, user, &secrets).await;
        if user["metadata"]["name"] != "monitor" {
            move_to(&secret.join("amqp-url"), "rabbitmq:5672", rabbit.port());
        }
    }
    let redis = Redis::start("Deployment", "redis", &secrets.join("redis/users.acl")).await;
    let vault = Redis::start("StatefulSet", "vault", &secrets.join("vault/users.acl")).await;
    move_to(&secrets.join("calrelay/redis-url"), "redis:6379", redis.port);
    move_to(&secrets.join("calrelay/vault-url"), "vault:6379", vault.port);
    let sandbox = SandboxProcess::start().await;
    let launch = Launch::new().with_sandbox(&sandbox.view());
    let role = |name: &'static str| {
        let folder = |secret: &str, file: &str| secrets.join(secret).join(file).display().to_string();
        launch
            .another(name)
            .with("ENCRYPTION_KEY_FILE", folder("calrelay", "encryption-key"))
            .with("REDIS_URL_FILE", folder("calrelay", "redis-url"))
            .with("VAULT_URL_FILE", folder("calrelay", "vault-url"))
            .with("AMQP_URL_FILE", folder(&format!("rabbitmq-{name}"), "amqp-url"))
    };
    role("setup").prepare();
    let api = role("api").start().await;
    let worker = role("worker").start().await;
    let event = json!({"summary": "Rights", "start": {"dateTime": "2027-03-01T09:00:00Z"}, "end": {"dateTime": "2027-03-01T10:00:00Z"}});
    let id = api.submit(&event, "rights").await.expect("it is accepted");
    eventually("the event", Duration::from_secs(30), || async {
        (api.job(&id).await["state"] == "succeeded").then_some(())
    })
    .await;
    drop(worker);

    // What KEDA asks, as its source puts it together.
    let how = &overlay.one("ScaledObject", "worker")["spec"]["triggers"][0]["metadata"];
    let question = [
        ("page", "1"),
        ("use_regex", text(&how["useRegex"])),
        ("pagination", "false"),
        ("name", text(&how["queueName"])),
        ("page_size", "100"),
    ];
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let [login, password] =
        ["username", "password"].map(|key| read(&secrets.join("rabbitmq-monitor").join(key)));
    let queues = format!("http://127.0.0.1:{management}/api/queues/{}", text(&how["vhostName"]));
    let reply = eventually("the queues' lengths", Duration::from_secs(30), || async {
        let asked = http.get(&queues).query(&question).basic_auth(&login, Some(&password));
        let reply = asked.send().await.ok()?;
        let reply: Value = reply.json().await.ok()?;
        let counted = |queue: &Value| queue["messages"].is_u64() && queue["messages_unacknowledged"].is_u64();
        reply["items"].as_array()?.iter().all(counted).then_some(reply)
    })
    .await;
    let mut names: Vec<&str> =
        reply["items"].as_array().expect("a list").iter().map(|one| text(&one["name"])).collect();
    names.sort_unstable();
    assert_eq!(names, ["calrelay.due", "calrelay.jobs"]);
    let taken = http
        .post(format!("{queues}/calrelay.dead/get"))
        .basic_auth(&login, Some(&password))
        .json(&json!({"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"}))
        .send()
        .await
        .expect("an answer");
    assert!(!taken.status().is_success(), "who counts must not read");
}

#[test]
fn the_users_of_rabbitmq_have_the_rights_that_they_have_with_docker_compose() {
    let overlay = Overlay::production();
    let definitions: Value =
        serde_json::from_str(&read(&root().join("deploy/rabbitmq/definitions.json"))).expect("JSON");
    let mut rights: Vec<Value> = overlay
        .all("Permission")
        .map(|one| &one["spec"])
        .filter(|one| one["userReference"]["name"] != "monitor")
        .map(|one| {
            let may = &one["permissions"];
            json!({"user": one["userReference"]["name"], "vhost": one["vhost"],
                "configure": may["configure"], "write": may["write"], "read": may["read"]})
        })
        .collect();
    let mut wanted = list(&definitions["permissions"]).to_vec();
    for list in [&mut rights, &mut wanted] {
        list.sort_by_key(|one| text(&one["user"]).to_owned());
    }
    assert_eq!(rights, wanted);
    let policies: Vec<Value> = overlay
        .all("Policy")
        .map(|one| &one["spec"])
        .map(|one| {
            json!({"vhost": one["vhost"], "name": one["name"], "pattern": one["pattern"], "apply-to": one["applyTo"],
                "priority": one["priority"], "definition": one["definition"]})
        })
        .collect();
    assert_eq!(policies, list(&definitions["policies"]));
    let monitor = overlay.all("Permission").find(|one| one["spec"]["userReference"]["name"] == "monitor");
    assert_eq!(
        monitor.expect("it is there")["spec"]["permissions"],
        json!({"configure": "^$", "write": "^$", "read": "^$"})
    );
}
