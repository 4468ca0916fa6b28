//! The image, as far as that can be told without building it.

use std::process::Command;

use crate::manual::{understands, variables};
use crate::repository::{read, root, run};

/// The Dockerfile's instructions, in order: continued lines joined, comments dropped.
fn instructions() -> Vec<(String, String)> {
    let text = read("Dockerfile");
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    let joined = lines.join("\n").replace("\\\n", "");
    let split = |line: &str| {
        line.trim().split_once(' ').map(|(name, rest)| (name.to_owned(), rest.trim().to_owned()))
    };
    joined.lines().filter_map(split).collect()
}

/// The instructions of one kind, from the last `FROM` on or from the start.
fn of<'a>(all: &'a [(String, String)], kind: &str) -> Vec<&'a str> {
    all.iter().filter(|(name, _)| name == kind).map(|(_, rest)| rest.as_str()).collect()
}

fn last_stage(all: &[(String, String)]) -> &[(String, String)] {
    let from = all.iter().rposition(|(name, _)| name == "FROM").expect("a base");
    &all[from..]
}

/// A `["…", …]`.
fn words(json: &str) -> Vec<String> {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{json}: {error}"))
}

#[test]
fn every_base_is_pinned_and_the_compiler_is_new_enough() {
    let all = instructions();
    let mut stages: Vec<&str> = Vec::new();
    for from in of(&all, "FROM") {
        let (image, stage) = from.split_once(" AS ").unwrap_or((from, ""));
        if !stages.contains(&image) {
            let (_, tag) = image.split_once(':').expect("a tag");
            assert!(tag.starts_with(|c: char| c.is_ascii_digit()) && tag.contains('.'), "{image} moves");
        }
        stages.push(stage);
    }
    let version =
        |text: &str| -> Vec<u32> { text.split('.').take(2).map(|part| part.parse().unwrap()).collect() };
    let manifest = read("Cargo.toml");
    let wanted =
        manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap().trim_matches('"');
    let (_, rust) = of(&all, "FROM")[0].split_once(':').unwrap();
    assert!(version(rust.split('-').next().unwrap()) >= version(wanted), "{rust} is older than {wanted}");
}

#[test]
fn it_runs_as_a_number_that_is_not_root_and_writes_to_its_volume_alone() {
    let all = instructions();
    let last = last_stage(&all);
    let user = of(last, "USER").pop().expect("a user");
    let (uid, gid) = user.split_once(':').expect("user and group");
    assert!(uid.parse::<u32>().unwrap() > 0 && gid.parse::<u32>().unwrap() > 0, "{user}");
    let env = of(last, "ENV").join(" ");
    let volume = of(last, "VOLUME").pop().expect("a volume");
    assert!(env.contains(&format!("DATA_DIR={volume}")), "{env}");
    assert!(
        of(last, "RUN")
            .iter()
            .any(|run| run.contains(&format!("-o {uid} -g {gid}")) && run.ends_with(volume))
    );
    for pair in env.split(' ') {
        let (name, _) = pair.split_once('=').unwrap();
        assert!(variables().contains_key(name), "{name} is no variable of calrelay's");
    }
}

#[test]
fn its_commands_and_ports_are_those_of_the_program() {
    let all = instructions();
    let last = last_stage(&all);
    assert_eq!(words(of(last, "ENTRYPOINT").pop().unwrap()), ["calrelay"]);
    let (_, check) = of(last, "HEALTHCHECK").pop().unwrap().split_once("CMD ").unwrap();
    let check = words(check);
    assert_eq!(check[0], "calrelay");
    assert!(understands(&check[1..]), "{check:?}");
    let variables = variables();
    assert_eq!(of(last, "EXPOSE"), [format!("{} {}", variables["PORT"], variables["ADMIN_PORT"])]);
    let version = run(Command::new(tests::program()).arg("--version"));
    let version = version.trim().trim_start_matches("calrelay ");
    assert!(of(last, "LABEL")[0].contains(&format!("image.version=\"{version}\"")), "it is {version}");
}

#[test]
fn what_is_copied_is_there_and_nothing_else_reaches_the_builder() {
    let context = context();
    let there = |path: &str| context.path().join(path).exists();
    for path in [
        "Cargo.toml",
        "Cargo.lock",
        "calrelay/src/main.rs",
        "adapters/embedded/migrations",
        "tests/Cargo.toml",
    ] {
        assert!(there(path), "{path} is missing");
    }
    for path in
        ["target", "secrets", "data", ".git", "docker-compose.yml", "tests/src", "google-credentials.json"]
    {
        assert!(!there(path), "{path} is sent to the builder");
    }
    let all = instructions();
    for copy in of(&all, "COPY") {
        // Whatever comes from another stage is what cargo or Debian has put there.
        let from_context = copy.split(' ').rev().skip(1).filter(|_| !copy.starts_with("--from="));
        for path in from_context {
            assert!(there(path), "{path} is missing");
        }
    }
}

#[test]
fn what_is_copied_into_the_image_has_no_tables_of_lines_and_comes_with_its_licences() {
    let all = instructions();
    let copied = of(last_stage(&all), "COPY");
    let binary = copied.iter().find_map(|copy| copy.strip_prefix("--from=build /src/")?.split(' ').next());
    let binary = binary.expect("the program");
    let built = of(&all, "RUN").into_iter().rfind(|run| run.contains("cargo build")).expect("a build");
    assert!(built.ends_with(&format!("&& strip --strip-debug {binary}")), "{built}");
    for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
        assert!(copied.iter().any(|copy| copy.contains(licence)), "{licence} is not in the image");
    }
    let text = read("LICENSE-MIT");
    assert!(text.contains("Permission is hereby granted") && read("LICENSE-APACHE").contains("Version 2.0"));
    assert!(read("Cargo.toml").contains("license = \"MIT OR Apache-2.0\""));
}

/// The layer of the dependencies is the same whatever changes in the code, and Cargo is content with what is left.
#[test]
fn the_dependencies_layer_follows_from_the_manifests_alone() {
    let all = instructions();
    let strip = of(&all, "RUN")[0].to_owned();
    let digest = |change: Option<&str>| {
        let context = context();
        if let Some(path) = change {
            std::fs::write(context.path().join(path), "pub fn changed() {}").unwrap();
        }
        run(Command::new("sh").args(["-euc", &strip]).current_dir(context.path()));
        run(Command::new("cargo").args(manifests()).current_dir(context.path()));
        // Into a folder of its own: the compiler replaces whatever it is told to write to, even a device.
        let out = tempfile::tempdir().unwrap();
        let main = ["--edition=2024", "--emit=metadata", "calrelay/src/main.rs", "--out-dir"];
        run(Command::new("rustc").args(main).arg(out.path()).current_dir(context.path()));
        run(Command::new("sh")
            .args(["-c", "find . -type f | LC_ALL=C sort | xargs sha256sum"])
            .current_dir(context.path()))
    };
    let before = digest(None);
    assert_eq!(before, digest(Some("common/src/lib.rs")));
    assert_eq!(before, digest(Some("worker/src/another.rs")));
    assert!(before.contains("./calrelay/src/main.rs") && before.contains("./tests/src/lib.rs"), "{before}");
}

/// Cargo reads every manifest of the workspace, and holds the lock file to them. What other platforms need was never
/// fetched on a machine that has only built this one.
fn manifests() -> Vec<String> {
    let version = run(Command::new("rustc").arg("-vV"));
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).expect("a host");
    let words = ["metadata", "--locked", "--offline", "--format-version=1", "--filter-platform", host];
    words.map(str::to_owned).into()
}

/// What the builder is sent: all that .dockerignore does not hold back.
fn context() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let text = read(".dockerignore");
    let rules: Vec<&str> = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert_eq!(rules[0], "*", "first nothing is let through, then what is named");
    for name in rules.iter().filter_map(|rule| rule.strip_prefix('!')) {
        let target = dir.path().join(name);
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        if !rules.contains(&format!("{name}/*").as_str()) {
            run(Command::new("cp").arg("-r").arg(root().join(name)).arg(&target));
        }
    }
    dir
}
