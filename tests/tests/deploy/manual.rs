//! What the program says of itself: its variables and its commands.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use tests::program;

use crate::repository::run;

/// Every variable that `calrelay --help` lists, with its default or an empty text.
pub fn variables() -> BTreeMap<String, String> {
    let help = run(Command::new(program()).arg("--help"));
    let (_, table) = help.split_once("Environment variables:\n").expect("the table");
    table
        .lines()
        .filter_map(|line| line.trim().split_once("  "))
        .map(|(name, rest)| {
            let default =
                rest.strip_suffix(']').and_then(|rest| rest.rsplit_once(" [")).map_or("", |(_, it)| it);
            (name.to_owned(), default.to_owned())
        })
        .collect()
}

/// Whether the program understands these arguments. It does nothing.
pub fn understands(arguments: &[String]) -> bool {
    let mut command = Command::new(program());
    command.args(arguments).arg("--help").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().unwrap().success()
}

#[test]
fn the_manual_is_read_as_it_is() {
    let variables = variables();
    assert_eq!(variables["PORT"], "3001");
    assert_eq!(variables["AMQP_URL_FILE"], "");
    assert!(variables.len() > 40, "{variables:?}");
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    assert!(understands(&words("probe --ready")));
    for wrong in ["prob", "api --port=1", "sandbox --bind=nowhere"] {
        assert!(!understands(&words(wrong)), "{wrong}");
    }
}
