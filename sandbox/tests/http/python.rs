//! Google's own Python client takes the sandbox for Google.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

async fn run(script: &str, steps: usize) {
    let python = std::env::var("CALRELAY_PYTHON").expect(
        "CALRELAY_PYTHON must name a Python that has google-api-python-client: run ./test.sh, which makes one",
    );
    // Its library looks at the clock of this machine.
    let config = sandbox::Config { workers: 1, ..sandbox::Config::default() };
    let sandbox = sandbox::start(config).await.unwrap();
    let run = Command::new(python)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(script))
        .env("SANDBOX_URL", &sandbox.url)
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    let complained = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{said}\n{complained}");
    assert_eq!(said.lines().filter(|line| line.starts_with("ok ")).count(), steps, "{said}");
}

#[tokio::test]
async fn googles_python_client_works_against_the_sandbox() {
    run("../tests/interop/google_client.py", 9).await;
}

#[tokio::test]
async fn googles_python_library_signs_for_the_service_account() {
    run("tests/service_account.py", 2).await;
}
