//! The pages in a real browser, as newcomers and the people whom they send links meet them.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use common::seal::{Key, Keyring, Sealed};
use serde_json::{Value, json};
use tests::{Calrelay, Launch, free_port};
use tokio::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_connects_and_sees_the_first_event_in_a_browser() {
    let calrelay = Launch::new().start().await;
    visit(&calrelay, "setup.py", &[], "ok, the whole visit").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_in_two_browsers_connect_their_own_calendars_with_links() {
    let crm = format!("http://127.0.0.1:{}", free_port());
    let calrelay = Launch::new().with("ALLOWED_ORIGINS", &crm).start().await;
    let stranger = Launch::new().with_sandbox(&calrelay.sandbox()).start().await;
    let env = [
        ("CRM_URL", crm),
        ("EXPIRED_LINK", expired_link(&calrelay)),
        ("STRANGER_URL", stranger.url("")),
        ("STRANGER_KEY", stranger.key()),
    ];
    visit(&calrelay, "links.py", &env, "ok, both people").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_person_connects_in_several_tabs_and_goes_back_reloads_and_clicks_twice() {
    let calrelay = Launch::new().start().await;
    visit(&calrelay, "tabs.py", &[], "ok, all tabs").await;
}

/// A link as this server would have made it sixteen minutes ago: nobody waits that long here.
fn expired_link(calrelay: &Calrelay) -> String {
    let key = std::fs::read_to_string(calrelay.launch().dir().join("data/key")).expect("a key");
    let ring = Keyring::new(Key::parse(key.trim()).expect("a key"), Vec::new());
    let until = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(1);
    let link =
        json!({"nonce": "0".repeat(64), "account": "late", "email": null, "returnUrl": null, "until": until});
    let sealed: Sealed<Value> = ring.seal("connect-link", &link);
    let token = String::from(sealed).trim_end_matches('=').replace('+', "-").replace('/', "_");
    calrelay.url(&format!("/google-calendar-link/{token}"))
}

/// Runs a script of `tests/browser` against this calrelay, which must end with this line.
async fn visit(calrelay: &Calrelay, script: &str, env: &[(&str, String)], last: &str) {
    let python = std::env::var("CALRELAY_PYTHON")
        .expect("CALRELAY_PYTHON must name a Python that has selenium: run ./test.sh, which makes one");
    for program in ["chromium", "chromedriver"] {
        assert!(is_installed(program), "{program} is not installed: run ./test.sh, which installs it");
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser").join(script);
    let run = Command::new(python)
        .arg(script)
        .env("CALRELAY_URL", calrelay.url(""))
        .env("SANDBOX_URL", calrelay.sandbox().url(""))
        .env("CALRELAY_KEY", calrelay.key())
        // The scripts' own folder stays as it is.
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .envs(env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let run = tokio::time::timeout(Duration::from_secs(300), run).await.expect("it ends in time");
    let run = run.expect("Python starts");
    let said = String::from_utf8_lossy(&run.stdout);
    let complained = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{said}\n{complained}");
    assert_eq!(said.lines().last(), Some(last), "{said}");
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
