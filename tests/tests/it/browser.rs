//! The pages in a real browser, as a newcomer meets them.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tests::Launch;
use tokio::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_connects_and_sees_the_first_event_in_a_browser() {
    let python = std::env::var("CALRELAY_PYTHON")
        .expect("CALRELAY_PYTHON must name a Python that has selenium: run ./test.sh, which makes one");
    for program in ["chromium", "chromedriver"] {
        assert!(is_installed(program), "{program} is not installed: run ./test.sh, which installs it");
    }
    let calrelay = Launch::new().start().await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser/setup.py");
    let run = Command::new(python)
        .arg(script)
        .env("CALRELAY_URL", calrelay.url(""))
        .env("SANDBOX_URL", calrelay.sandbox().url(""))
        .env("CALRELAY_KEY", calrelay.key())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let run = tokio::time::timeout(Duration::from_secs(300), run).await.expect("it ends in time");
    let run = run.expect("Python starts");
    let said = String::from_utf8_lossy(&run.stdout);
    let complained = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{said}\n{complained}");
    assert_eq!(said.lines().last(), Some("ok, the whole visit"), "{said}");
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
