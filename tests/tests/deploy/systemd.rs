//! The units, held to the program and to systemd itself.

use std::process::Command;

use tempfile::TempDir;
use tests::program;

use crate::manual::{understands, variables};
use crate::repository::{read, root, run};

const DROP_IN: &str = "deploy/systemd/calrelay-.service.d/10-hardened.conf";
/// File and instance.
const UNITS: [(&str, &str); 3] = [
    ("calrelay-setup.service", "calrelay-setup.service"),
    ("calrelay-api.service", "calrelay-api.service"),
    ("calrelay-worker@.service", "calrelay-worker@9465.service"),
];

/// The values of a key in a unit and in what is added to it.
fn values<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
    text.lines()
        .filter_map(|line| line.split_once('='))
        .filter(|(name, _)| *name == key)
        .map(|(_, it)| it)
        .collect()
}

/// A folder in which the units are installed, with the program where it was built.
fn installed() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    run(Command::new("cp").arg("-r").arg(root().join("deploy/systemd/.")).arg(dir.path()));
    for (file, _) in UNITS {
        let path = dir.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("/usr/local/bin/calrelay", program().to_str().unwrap())).unwrap();
    }
    dir
}

#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    let dir = installed();
    let mut command = Command::new("systemd-analyze");
    command.args(["verify", "--man=no"]).args(UNITS.map(|(_, name)| name));
    // What is at its end, after a colon, is what systemd knows anyway.
    let output = command.env("SYSTEMD_UNIT_PATH", format!("{}:", dir.path().display())).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("calrelay"), "{said}");
}

/// 10 is a service that may do everything. What is left here: the network, which is what it is for.
#[test]
fn the_units_are_exposed_to_little() {
    let (dir, units) = (tempfile::tempdir().unwrap(), installed());
    let target = dir.path().join("etc/systemd/system");
    std::fs::create_dir_all(&target).unwrap();
    run(Command::new("cp").arg("-r").arg(units.path().join(".")).arg(&target));
    for (_, name) in UNITS {
        let said = run(Command::new("systemd-analyze")
            .args(["security", "--offline=true", "--no-pager", "--threshold=15"])
            .arg(format!("--root={}", dir.path().display()))
            .arg(name));
        assert!(said.contains("Overall exposure level"), "{said}");
    }
}

#[test]
fn commands_variables_and_secrets_of_the_units_are_those_of_the_program() {
    let (known, common) = (variables(), read(DROP_IN));
    for (file, _) in UNITS {
        let text = format!("{}\n{common}", read(&format!("deploy/systemd/{file}")));
        let command =
            values(&text, "ExecStart")[0].strip_prefix("/usr/local/bin/calrelay ").expect("our program");
        assert!(understands(&[command.to_owned()]), "{command}");
        let credentials: Vec<&str> = values(&text, "LoadCredential")
            .iter()
            .map(|credential| credential.split_once(':').expect("a name and a file").0)
            .collect();
        let mut used = Vec::new();
        for (name, value) in values(&text, "Environment")
            .iter()
            .flat_map(|line| line.split(' '))
            .filter_map(|pair| pair.split_once('='))
        {
            assert!(known.contains_key(name), "{file}: {name} is no variable of calrelay's");
            if let Some(credential) = value.strip_prefix("%d/") {
                assert!(credentials.contains(&credential), "{file}: {credential} is not loaded");
                used.push(credential);
            } else {
                assert!(
                    !name.ends_with("_FILE") && name != "ENCRYPTION_KEY",
                    "{file}: {name} is no secret any more"
                );
            }
        }
        used.sort_unstable();
        let mut loaded = credentials.clone();
        loaded.sort_unstable();
        assert_eq!(loaded, used, "{file}: whatever is loaded is used, and nothing else");
        for name in
            ["AMQP_URL_FILE", "REDIS_URL_FILE", "VAULT_URL_FILE", "ENCRYPTION_KEY_FILE", "GOOGLE_CREDENTIALS"]
        {
            assert!(text.contains(&format!("{name}=%d/")), "{file}: {name} is missing");
        }
    }
}

#[test]
fn systemd_waits_longer_than_a_process_drains() {
    for (file, _) in &UNITS[1..] {
        let text = read(&format!("deploy/systemd/{file}"));
        let drain: u32 = values(&text, "Environment")
            .iter()
            .find_map(|line| line.strip_prefix("DRAIN_SECONDS="))
            .unwrap()
            .parse()
            .unwrap();
        let stop: u32 = values(&text, "TimeoutStopSec")[0].parse().unwrap();
        assert!(stop >= drain + 20, "{file}: {stop} s");
        assert_eq!(values(&text, "Restart"), ["always"], "{file}");
    }
}
