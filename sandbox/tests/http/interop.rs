//! Google's own clients take the sandbox for Google.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

/// Runs a script of this repository against a sandbox; it must go through all its steps.
async fn run(mut client: Command, script: &str, steps: usize) {
    // Google's libraries look at the clock of this machine.
    let config = sandbox::Config { workers: 1, ..sandbox::Config::default() };
    let sandbox = sandbox::start(config).await.unwrap();
    let run = client
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(script))
        .env("SANDBOX_URL", &sandbox.url)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    let complained = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{said}\n{complained}");
    assert_eq!(said.lines().filter(|line| line.starts_with("ok ")).count(), steps, "{said}");
}

fn python() -> Command {
    Command::new(std::env::var("CALRELAY_PYTHON").expect(
        "CALRELAY_PYTHON must name a Python that has google-api-python-client: run ./test.sh, which makes one",
    ))
}

fn node() -> Command {
    let modules = std::env::var("CALRELAY_NODE_MODULES").expect(
        "CALRELAY_NODE_MODULES must name a node_modules that has googleapis: run ./test.sh, which makes one",
    );
    let mut node = Command::new("node");
    node.env("NODE_PATH", modules);
    node
}

#[tokio::test]
async fn googles_python_client_works_against_the_sandbox() {
    run(python(), "../tests/interop/google_client.py", 9).await;
}

#[tokio::test]
async fn googles_python_client_sees_each_refusal_as_googles() {
    run(python(), "../tests/interop/refusals.py", 27).await;
}

#[tokio::test]
async fn googles_node_client_works_against_the_sandbox_and_sees_each_refusal_as_googles() {
    run(node(), "../tests/interop/google_client.cjs", 34).await;
}

#[tokio::test]
async fn googles_python_library_signs_for_the_service_account() {
    run(python(), "tests/service_account.py", 2).await;
}
