//! `calrelay check` on a data folder.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::json;
use tests::{LOGIN, Launch, MailServer, SandboxProcess, eventually};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn chmod(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("it is ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_made_by_looking_and_a_first_start_is_welcome() {
    let launch = Launch::new();
    let checked = launch.check();
    assert_eq!(checked.with("warn"), ["google"], "that it is a sandbox: {}", checked.said);
    assert!(checked.passed && !launch.dir().join("data").exists(), "{}", checked.said);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_looked_at_beside_its_process_and_every_trouble_has_its_line() {
    let launch = Launch::new();
    let calrelay = launch.start().await;
    let checked = launch.check();
    assert_eq!(checked.with("warn"), ["google"], "{}", checked.said);
    for name in ["data-folder", "disk", "vault", "encryption-key", "api-keys", "accounts"] {
        assert!(checked.with("ok").contains(&name), "{name} is missing:\n{}", checked.said);
    }
    assert!(!checked.said.contains("crk_") && !checked.said.contains("ada@example.com"), "{}", checked.said);

    let (data, key) = (launch.dir().join("data"), launch.dir().join("data/key"));
    chmod(&key, 0o644);
    launch.check().fails(&["encryption-key"], "chmod 600");
    chmod(&key, 0o600);
    chmod(&data, 0o755);
    assert!(launch.check().with("warn").contains(&"data-folder"));
    chmod(&data, 0o700);
    let wrong = common::seal::Key::random().to_base64();
    launch
        .clone()
        .with("ENCRYPTION_KEY", wrong.as_str())
        .check()
        .fails(&["encryption-key"], "was sealed with the key");
    launch.clone().with("DATA_DIR", key.display()).check().fails(&["data-folder"], "is no folder");
    launch
        .clone()
        .with("PORT", "x")
        .with("LOG_FORMAT", "xml")
        .check()
        .fails(&["configuration", "configuration"], "PORT");

    let secret = launch.dir().join("secret");
    std::fs::write(&secret, SECRET).expect("a file");
    chmod(&secret, 0o604);
    let told = launch.clone().with("WEBHOOK_SECRET_FILE", secret.display()).check();
    assert!(
        told.with("warn").contains(&"files") && told.said.contains("WEBHOOK_SECRET_FILE"),
        "{}",
        told.said
    );

    calrelay.sandbox().control("/_sandbox/users/ada@example.com", &json!({"revoked": true})).await;
    let event = json!({
        "summary": "Too late", "conference": false,
        "start": {"dateTime": "2027-03-01T09:00:00Z"}, "end": {"dateTime": "2027-03-01T10:00:00Z"},
    });
    let id = calrelay.submit(&event, "late").await.expect("accepted");
    eventually("a blocked job", Duration::from_secs(30), || async {
        (calrelay.job(&id).await["state"] == "blocked").then_some(())
    })
    .await;
    let told = launch.check();
    assert!(told.with("warn").contains(&"accounts") && told.said.contains("1 of 1 wait"), "{}", told.said);

    let name = &calrelay.key()[..12];
    let _ = launch.run(&["keys", "revoke", name]);
    launch.check().fails(&["api-keys"], "keys create");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_a_nuisance_beside_a_sandbox_fails_beside_people_s_calendars() {
    let mut sandbox = SandboxProcess::start().await;
    let google = sandbox.view();
    let file = google.control("/_sandbox/clients/live", &json!({"kind": "web"})).await;
    let launch = Launch::new();
    let path = launch.dir().join("live.json");
    std::fs::write(&path, file.to_string()).expect("a file");
    chmod(&path, 0o600);
    let live = launch.clone().with("GOOGLE_CREDENTIALS", path.display());
    let home = "https://cal.example.com";
    let listed = file["web"]["redirect_uris"][0].as_str().expect("a URI");
    let good = live.clone().with("PUBLIC_URL", home).with("GOOGLE_REDIRECT_URI", listed);
    let checked = good.clone().with("TRUSTED_PROXIES", "10.0.0.0/8").check();
    assert_eq!(checked.with("ok").len(), checked.lines.len(), "{}", checked.said);
    assert!(
        !checked.said.contains(file["web"]["client_secret"].as_str().expect("a secret")),
        "{}",
        checked.said
    );

    assert!(good.check().with("warn").contains(&"proxies"));
    good.clone().with("TRUSTED_PROXIES", "0.0.0.0/0").check().fails(&["proxies"], "believes everybody");
    good.clone().with("DEV_NO_AUTH", 1).check().fails(&["access"], "unset it");
    let plain = live.clone().with("PUBLIC_URL", "http://cal.example.com").with("GOOGLE_REDIRECT_URI", listed);
    plain.check().fails(&["public-url"], "TLS");
    let elsewhere = live.with("PUBLIC_URL", home);
    elsewhere.check().fails(&["google-redirect"], "https://cal.example.com/oauth2callback");
    good.clone()
        .with("GOOGLE_API_URL", google.url("/elsewhere"))
        .check()
        .fails(&["google-api"], "GOOGLE_API_URL");

    google.control("/_sandbox/clients/live", &json!({"deleted": true})).await;
    good.check().fails(&["google-client"], "deleted");
    google.control("/_sandbox/clients/live", &json!({"deleted": false, "secret": "another"})).await;
    good.check().fails(&["google-client"], "secret");
    sandbox.go_away();
    good.check().fails(&["google-client", "google-api"], "let this machine reach");
    std::fs::write(&path, "{}").expect("a file");
    good.check().fails(&["google"], "web");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_to_be_told_is_asked_and_told_nothing() {
    let launch = Launch::new();
    let nobody = format!("http://127.0.0.1:{}/hook", tests::free_port());
    let hooked = launch.clone().with("WEBHOOK_SECRET", SECRET);
    let inside = hooked.clone().with("WEBHOOK_URL", &nobody).with("WEBHOOK_NETWORKS", "127.0.0.0/8");
    inside.check().fails(&["webhook"], "no connection");
    let private = hooked.clone().with("WEBHOOK_URL", "https://127.0.0.1/hook");
    private.check().fails(&["webhook"], "WEBHOOK_NETWORKS");
    let sandbox = SandboxProcess::start().await;
    let answering =
        hooked.with("WEBHOOK_URL", sandbox.view().url("/")).with("WEBHOOK_NETWORKS", "127.0.0.0/8");
    assert!(answering.check().with("ok").contains(&"webhook"));

    let mail = MailServer::start("starttls", 0).await;
    let mailing = launch
        .with("SMTP_HOST", "localhost")
        .with("SMTP_PORT", mail.port())
        .with("SMTP_FROM", "calrelay@example.com")
        .with("NOTIFY_TO", "operator@example.com")
        .with("SMTP_USER", LOGIN.0);
    let trusting = mailing.clone().with("SSL_CERT_FILE", mail.certificate().display());
    let checked = trusting.clone().with("SMTP_PASS", LOGIN.1).check();
    assert!(checked.with("ok").contains(&"mail") && !checked.said.contains(LOGIN.1), "{}", checked.said);
    trusting.with("SMTP_PASS", "wrong").check().fails(&["mail"], "535");
    mailing.clone().with("SMTP_PASS", LOGIN.1).check().fails(&["mail"], "not trusted");
    let port = tests::free_port();
    mailing.with("SMTP_PASS", LOGIN.1).with("SMTP_PORT", port).check().fails(&["mail"], "no connection");
    assert_eq!(mail.letters(), Vec::<serde_json::Value>::new());
}

/// Runs the program as somebody who may not write in `dir`, as root may everywhere.
fn as_nobody(launch: &Launch, args: &[&str]) -> (bool, String) {
    let root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
    // The program itself may be where nobody else looks.
    let program = launch.dir().join("calrelay");
    if !program.exists() {
        std::fs::copy(tests::program(), &program).expect("a copy");
        chmod(&program, 0o755);
        chmod(launch.dir(), 0o755);
    }
    let mut command = match root {
        true => {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&program);
            command
        }
        false => Command::new(&program),
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let output = command.args(args).current_dir(launch.dir()).env_clear().env("PATH", path).output();
    let output = output.expect("it runs");
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    (output.status.success(), said.concat())
}

#[test]
fn a_folder_that_the_role_cannot_write_in_fails_and_is_named_once() {
    let launch = Launch::new();
    let data = launch.dir().join("data");
    let lock = data.join("worker.lock");
    let cases: [(&str, &dyn Fn()); 3] = [
        ("none can be made", &|| chmod(launch.dir(), 0o555)),
        ("it cannot be written in", &|| {
            chmod(launch.dir(), 0o755);
            std::fs::create_dir(&data).expect("a folder");
            chmod(&data, 0o500);
        }),
        ("what is in it cannot be written", &|| {
            chmod(&data, 0o777);
            std::fs::write(&lock, "").expect("a file");
            chmod(&lock, 0o444);
        }),
    ];
    let _ = as_nobody(&launch, &["--version"]);
    for (made, make) in cases {
        make();
        let (passed, said) = as_nobody(&launch, &["check"]);
        let line = said.lines().find(|line| line.starts_with("fail  data-folder"));
        assert!(!passed && line.is_some_and(|line| line.contains("data")), "{made}: {said}");
        assert_eq!(line.expect("seen").matches("os error 13").count(), 1, "{said}");
        let (started, said) = as_nobody(&launch, &["run"]);
        assert!(!started && said.contains("data"), "{made}: {said}");
        assert_eq!(said.matches("os error 13").count(), 1, "{made}: {said}");
    }
    chmod(launch.dir(), 0o755);
}

#[tokio::test(flavor = "multi_thread")]
async fn check_refuses_what_run_refuses() {
    // A folder of the sandbox beside a file of the real Google.
    let launch = Launch::new();
    launch.start().await.terminate().await;
    let file = |token_uri: &str| {
        json!({"web": {
            "client_id": "1-x.apps.googleusercontent.com", "client_secret": "not-a-secret",
            "token_uri": token_uri, "redirect_uris": ["http://localhost:3001/oauth2callback"],
        }})
    };
    let path = launch.dir().join("google-credentials.json");
    std::fs::write(&path, file("https://oauth2.googleapis.com/token").to_string()).expect("a file");
    let checked = launch.check();
    assert!(checked.with("fail").contains(&"accounts"), "{}", checked.said);
    assert!(checked.said.contains("belongs to a sandbox"), "{}", checked.said);
    assert!(launch.fails().1.contains("belongs to a sandbox"));

    // Tokens in the clear, to another machine.
    for uri in ["http://evil.example/token", "http://192.0.2.7/token", "http://127.0.0.1.evil.example/token"]
    {
        let launch = Launch::new();
        let path = launch.dir().join("google-credentials.json");
        std::fs::write(&path, file(uri).to_string()).expect("a file");
        let checked = launch.check();
        checked.fails(&["google"], "web.token_uri");
        let (status, said) = launch.fails();
        assert_eq!(status.code(), Some(1));
        assert!(
            said.contains("web.token_uri") && said.contains("https") && !said.contains("192.0.2.7"),
            "{said}"
        );
    }

    for (name, values) in [
        (
            "GOOGLE_API_URL",
            ["x", "http://evil.example/calendar/v3", "https://a:b@www.googleapis.com/", "ftp://h/"],
        ),
        ("RUST_LOG", ["nonsense[", "info,worker=loud", "worker=debug=info", "[{]"]),
    ] {
        for value in values {
            let launch = Launch::new().with(name, value);
            launch.check().fails(&["configuration"], name);
            let (status, said) = launch.fails();
            assert_eq!(status.code(), Some(1), "{said}");
            assert!(said.contains(&format!("{name}:")) && !said.contains(value), "{said}");
            assert!(!launch.dir().join("data").exists(), "nothing was made");
        }
    }
    let output = Launch::new().with("RUST_LOG", "nonsense[").output(&["sandbox"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("RUST_LOG:"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_open_to_other_machines_without_an_address_is_warned_of_by_both() {
    let launch = Launch::new().with("BIND", "0.0.0.0");
    let checked = launch.check();
    assert!(checked.with("warn").contains(&"public-url"), "{}", checked.said);
    assert!(checked.said.contains("other machines") && checked.passed, "{}", checked.said);
    let calrelay = launch.start().await;
    let log = eventually("its warning", Duration::from_secs(20), || async {
        let log = calrelay.log();
        log.contains("lets other machines in").then_some(log)
    });
    assert!(log.await.contains("PUBLIC_URL"));
    let named = Launch::new().with("BIND", "0.0.0.0").with("PUBLIC_URL", "https://cal.example.com");
    assert!(!named.check().with("warn").contains(&"public-url"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_with_nothing_but_a_key_for_callers_is_fine() {
    let launch = Launch::new();
    let _ = launch.run(&["keys", "create"]);
    let checked = launch.check();
    assert!(checked.passed && !checked.said.contains("is missing"), "{}", checked.said);
    launch.start_unheard(tests::Sink::Gone).await;
}
