//! The files that are delivered.

use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

/// The repository's folder.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A file's text.
pub fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A folder with `deploy/`, and with what `deploy/secrets.sh` makes beside it.
pub fn with_secrets() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    run(Command::new("cp").arg("-r").arg(root().join("deploy")).arg(dir.path()));
    run(Command::new(dir.path().join("deploy/secrets.sh")).current_dir("/"));
    dir
}

/// Runs a command that has to succeed; answers what it printed.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let (said, text) = (String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{command:?}: {text}{said}");
    text.into_owned()
}
