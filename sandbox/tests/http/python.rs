//! Google's own Python client takes the sandbox for Google.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use crate::harness::world;

#[tokio::test]
async fn googles_python_client_works_against_the_sandbox() {
    let python = std::env::var("CALRELAY_PYTHON").expect(
        "CALRELAY_PYTHON must name a Python that has google-api-python-client: run ./test.sh, which makes one",
    );
    let world = world().await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/interop/google_client.py");
    let run = Command::new(python)
        .arg(script)
        .env("SANDBOX_URL", &world.running.url)
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    let complained = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{said}\n{complained}");
    assert_eq!(said.lines().filter(|line| line.starts_with("ok ")).count(), 9, "{said}");
}
