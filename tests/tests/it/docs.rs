//! What the documents say is so: links lead somewhere, names exist, commands are understood, examples run.

use common::job::{BlockReason, Conference, FailureKind, StateName, WaitReason};
use common::warning::WarningCode;
use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tests::Launch;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What people read: the documents, and the pages beside what they are about.
fn documents() -> Vec<(PathBuf, String)> {
    let folder = std::fs::read_dir(root().join("docs")).expect("a folder");
    let names = folder.map(|entry| Path::new("docs").join(entry.expect("an entry").file_name()));
    let mut names: Vec<PathBuf> =
        names.filter(|name| name.extension().is_some_and(|is| is == "md")).collect();
    names.extend(["README.md", "k8s/README.md"].map(PathBuf::from));
    names.sort();
    assert!(names.len() >= 10, "{names:?}");
    names.into_iter().map(|name| (name.clone(), read(name))).collect()
}

/// A document's lines outside of fenced blocks, and those inside, each block with its language.
fn parts(text: &str) -> (Vec<&str>, Vec<(&str, Vec<&str>)>) {
    let (mut prose, mut blocks, mut open) = (Vec::new(), Vec::<(&str, Vec<&str>)>::new(), false);
    for line in text.lines() {
        match (line.trim_start().strip_prefix("```"), open) {
            (Some(language), false) => {
                blocks.push((language, Vec::new()));
                open = true;
            }
            (Some(_), true) => open = false,
            (None, true) => blocks.last_mut().expect("a block is open").1.push(line),
            (None, false) => prose.push(line),
        }
    }
    assert!(!open, "a block is left open");
    (prose, blocks)
}

/// What stands between single backticks.
fn spans(text: &str) -> Vec<String> {
    let (prose, _) = parts(text);
    // A span may go on in the next line.
    let spans = prose.join("\n");
    spans.split('`').skip(1).step_by(2).map(|span| span.replace('\n', " ")).collect()
}

/// The anchors of a document's headings, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let (prose, _) = parts(text);
    let headings = prose.iter().filter(|line| line.starts_with('#'));
    let anchor = |heading: &&str| {
        let kept = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn every_link_between_documents_leads_to_a_file_and_to_a_heading() {
    let mut followed = 0;
    for (name, text) in documents() {
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.starts_with("http")) {
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = match path {
                "" => name.clone(),
                path => name.parent().expect("a folder").join(path),
            };
            assert!(root().join(&file).exists(), "{} links to {target}, which is not there", name.display());
            if !anchor.is_empty() {
                let there = anchors(&read(&file)).contains(anchor);
                assert!(there, "{} links to {target}, which has no such heading", name.display());
            }
            followed += 1;
        }
    }
    assert!(followed > 60, "only {followed} links");
}

/// Every text of the project, as git lists it.
fn texts() -> Vec<(String, String)> {
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output().expect("git");
    assert!(listed.status.success(), "{listed:?}");
    let names = String::from_utf8(listed.stdout).expect("names");
    let names = names.split('\0').filter(|name| !name.is_empty());
    // A picture is no text, and what was deleted is not there yet.
    names
        .filter_map(|name| Some((name.to_owned(), std::fs::read_to_string(root().join(name)).ok()?)))
        .collect()
}

/// A document that `text` cites by its name alone or by a section of it: `DESIGN §5`, `STYLE.md`, `docs/HOUSE.md`.
fn cited(text: &str) -> BTreeSet<&str> {
    let is_name = |word: &&str| {
        let mut letters = word.chars();
        word.len() > 3 && letters.all(|c| c.is_ascii_uppercase() || c == '-' || c == '_')
    };
    let words: Vec<&str> = text.split(|c: char| !c.is_ascii_alphanumeric() && !"-_.§".contains(c)).collect();
    let before_a_section = words.windows(2).filter(|pair| pair[1].starts_with('§')).map(|pair| pair[0]);
    let files = words.iter().filter_map(|word| word.trim_end_matches('.').strip_suffix(".md"));
    before_a_section.chain(files).filter(is_name).collect()
}

#[test]
fn no_file_cites_a_document_that_is_not_in_the_project() {
    assert_eq!(cited("see DESIGN §5, RFC 9110 §8.4, `STYLE.md`."), BTreeSet::from(["DESIGN", "STYLE"]));
    let texts = texts();
    assert!(texts.len() > 800, "only {} files", texts.len());
    let there: BTreeSet<&str> =
        texts.iter().filter_map(|(name, _)| name.rsplit('/').next()?.strip_suffix(".md")).collect();
    let mut found = 0;
    for (name, text) in texts.iter().filter(|(name, _)| name != "tests/tests/it/docs.rs") {
        for document in cited(text) {
            assert!(there.contains(document), "{name} cites {document}, which is not in the project");
            found += 1;
        }
    }
    assert!(found > 30, "only {found} documents are cited");
}

#[test]
fn every_alert_has_its_runbook_and_every_runbook_its_alert() {
    let rules = read("deploy/prometheus/alerts.yml");
    let alerts: BTreeSet<&str> =
        rules.lines().filter_map(|line| line.trim_start().strip_prefix("- alert: ")).collect();
    let operations = read("docs/OPERATIONS.md");
    let runbooks: BTreeSet<&str> = operations
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .filter(|line| line.starts_with("Calrelay"))
        .collect();
    assert!(alerts.len() >= 10, "{alerts:?}");
    assert_eq!(alerts, runbooks);
    let anchors = anchors(&operations);
    for line in rules.lines().filter_map(|line| line.trim_start().strip_prefix("runbook_url: ")) {
        let anchor = line.trim_matches('\'').split_once("OPERATIONS.md#").map(|(_, anchor)| anchor);
        assert!(anchor.is_some_and(|anchor| anchors.contains(anchor)), "{line}");
    }
}

#[test]
fn every_metric_that_a_document_names_is_exported() {
    let golden = read("tests/golden/api.metrics") + &read("tests/golden/worker.metrics");
    let mut named = 0;
    for (name, text) in documents() {
        for found in text.split("calrelay_").skip(1) {
            let end = found.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(found.len());
            let metric = format!("calrelay_{}", &found[..end]);
            if metric == "calrelay_" {
                continue;
            }
            let there = [":", "{"].iter().any(|after| golden.contains(&format!("{metric}{after}")));
            assert!(there, "{} names {metric}", name.display());
            // `{window="minute"}`; not `{window}`.
            if let Some(labels) = found[end..].strip_prefix('{').and_then(|rest| rest.split('}').next())
                && labels.contains('=')
            {
                let series = golden.lines().filter(|line| line.starts_with(&format!("{metric}{{")));
                assert!(
                    series.into_iter().any(|line| line.contains(labels)),
                    "{}: {metric}{{{labels}}}",
                    name.display()
                );
            }
            named += 1;
        }
    }
    assert!(named >= 8, "only {named}");
}

#[test]
fn every_variable_that_a_document_names_is_read() {
    let help = Launch::new().run(&["--help"]);
    let table = help.split_once("Environment variables:").expect("a table").1;
    let known: BTreeSet<&str> = table.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(known.contains("ENCRYPTION_KEY"), "{known:?}");
    // Of the examples themselves, and of docker compose.
    let others = ["CALRELAY_URL", "CALRELAY_KEY", "HTTPS_PORT", "HTTP_PORT", "SSL_CERT_FILE", "SSL_CERT_DIR"];
    let mut named = 0;
    for (name, text) in documents() {
        for span in spans(&text) {
            let words = span.split(|c: char| !c.is_ascii_uppercase() && !c.is_ascii_digit() && c != '_');
            for word in
                words.filter(|word| word.contains('_') && word.starts_with(|c: char| c.is_ascii_uppercase()))
            {
                let there = known.contains(word) || others.contains(&word);
                assert!(there, "{} names the variable {word}: `{span}`", name.display());
                named += 1;
            }
        }
    }
    assert!(named > 60, "only {named}");
}

/// `calrelay …` in a line of a shell, without what is around it; placeholders stand for something.
fn command(line: &str) -> Option<Vec<String>> {
    let line = line.split(" #").next().unwrap_or(line);
    let line = match line.split_once("-- calrelay ") {
        Some((_, rest)) => rest,
        None => {
            let words = line.split_whitespace();
            let variables: usize =
                words.take_while(|word| word.contains('=') && !word.starts_with('-')).count();
            let rest = line.split_whitespace().skip(variables).collect::<Vec<_>>();
            if rest.first() != Some(&"calrelay") || rest.len() == 1 {
                return None;
            }
            line.split_once("calrelay ").expect("it begins so").1
        }
    };
    let end = line.find(['|', '&', ';', '>', '<', '`']).unwrap_or(line.len());
    let words = line[..end].split_whitespace().filter(|word| *word != "…" && *word != "\\");
    let word = |word: &str| match word.trim_end_matches('…').trim_matches('"') {
        "JOB" => "aibbntn4vfhtgq7l1i5cj1i6a0".to_owned(),
        other => other.to_owned(),
    };
    let words: Vec<String> = words.map(word).collect();
    (!words.is_empty()).then_some(words)
}

#[test]
fn every_command_in_the_documents_is_understood() {
    let mut tried = BTreeSet::new();
    for (name, text) in documents() {
        let (_, blocks) = parts(&text);
        let fenced = blocks.iter().filter(|(language, _)| matches!(*language, "sh" | "text"));
        let lines = fenced.flat_map(|(_, lines)| lines.iter().map(|line| ((*line).to_owned(), true)));
        let mentioned = spans(&text).into_iter().map(|span| (span, false));
        for (line, whole) in lines.chain(mentioned).collect::<Vec<_>>() {
            let Some(words) = command(&line) else { continue };
            let mut args: Vec<&str> = words.iter().map(String::as_str).collect();
            let starts = matches!(args[0], "run" | "api" | "worker" | "sandbox" | "probe");
            // These would start something; and prose may name a command without what it needs.
            if starts || !whole {
                args.push("--help");
            }
            if !tried.insert(words.clone()) && !whole {
                continue;
            }
            // An empty folder, and no variables: whatever is understood finds nothing to do.
            let output = Launch::new().output(&args);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_ne!(
                output.status.code(),
                Some(2),
                "{}: calrelay {}\n{said}",
                name.display(),
                words.join(" ")
            );
        }
    }
    let all = tried.iter().map(|words| words.join(" ")).collect::<Vec<_>>();
    assert!(all.len() > 25, "{all:#?}");
    for one in ["check", "vault rotate", "accounts revoke --all", "jobs restore --dry-run", "setup", "queue"]
    {
        assert!(all.iter().any(|command| command == one), "{one} was not found in {all:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_that_a_document_names_is_served() {
    let calrelay = Launch::new().start().await;
    let mut tried = BTreeSet::new();
    for (name, text) in documents() {
        for span in spans(&text) {
            let words = span
                .split_whitespace()
                .filter(|word| ["/api/", "/google-", "/oauth2"].iter().any(|begin| word.starts_with(begin)));
            for word in words {
                let path = word.split(['?', '"']).next().expect("a path").replace(['{', '}'], "");
                if path.contains('…') || !tried.insert(path.clone()) {
                    continue;
                }
                let reply = calrelay.get(&path).send().await.expect("an answer");
                let status = reply.status();
                let said = reply.text().await.expect("text");
                // The contract itself names every problem.
                let unknown = status == 404
                    && (said.contains("urn:calrelay:problem:not-found")
                        || said.contains("No route has this path"));
                assert!(!unknown, "{} names {word}: {said}", name.display());
            }
        }
    }
    assert!(tried.len() > 8, "{tried:?}");
    for path in ["/metrics", "/livez", "/readyz"] {
        let reply = calrelay.http().get(calrelay.admin(path)).send().await.expect("an answer");
        assert!(reply.status().is_success(), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_block_of_the_frontend_guide_runs_as_it_stands() {
    let calrelay = Launch::new().start().await;
    let text = read("docs/INTEGRATING.md");
    let (_, blocks) = parts(&text);
    let shell = blocks.iter().filter(|(language, _)| *language == "sh").flat_map(|(_, lines)| lines);
    // Where and with which key is this test's own business.
    let lines = shell.filter(|line| !line.starts_with("export CALRELAY_URL="));
    let script: String = lines.map(|line| format!("{line}\n")).collect();
    assert!(script.matches("call ").count() >= 10, "{script}");
    let folder = tempfile::tempdir().expect("a folder");
    let output = run_in(
        folder.path(),
        "bash",
        &["-euo", "pipefail", "-s"],
        &[("CALRELAY_URL", calrelay.url("")), ("CALRELAY_KEY", calrelay.key())],
        &script,
    );
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("\"state\":\"cancelled\"") && said.contains("event: job"), "{said}");

    let titles: BTreeSet<String> = calrelay
        .sandbox()
        .events()
        .await
        .values()
        .map(|stored| {
            assert_eq!(stored.inserts, 1);
            stored.event["summary"].as_str().expect("a title").to_owned()
        })
        .collect();
    assert_eq!(titles, ["Kick-off", "Production Test Event"].map(str::to_owned).into());
}

#[test]
fn the_guides_webhook_verification_takes_what_is_signed_and_nothing_else() {
    let text = read("docs/INTEGRATING.md");
    let (_, blocks) = parts(&text);
    let (_, lines) = blocks.iter().find(|(language, _)| *language == "python").expect("an example");
    // The example of the Standard Webhooks specification.
    let calls = r#"
secret, body, then = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}', 1614265330
headers = {"webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": str(then),
           "webhook-signature": "v1,AAAA v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}
assert verified(secret, headers, body, then + 10)
assert not verified(secret, headers, body + b" ", then)
assert not verified(secret, headers, body, then + 600)
assert not verified(secret, headers, body)
assert not verified("whsec_" + "A" * 32, headers, body, then)
"#;
    let folder = tempfile::tempdir().expect("a folder");
    let output = run_in(folder.path(), "python3", &["-"], &[], &(lines.join("\n") + calls));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Runs a script that comes by standard input.
fn run_in(folder: &Path, program: &str, args: &[&str], env: &[(&str, String)], script: &str) -> Output {
    let mut child = Command::new(program)
        .args(args)
        .envs(env.iter().map(|(name, value)| (name, value)))
        .env("NO_PROXY", "localhost,127.0.0.1")
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}; ./test.sh installs it"));
    child.stdin.take().expect("piped").write_all(script.as_bytes()).expect("it reads");
    child.wait_with_output().expect("it ends")
}

#[test]
fn the_frontend_guide_has_every_word_that_an_answer_may_hold() {
    let guide = read(root().join("docs/INTEGRATING.md"));
    let words = StateName::ALL
        .map(StateName::as_str)
        .into_iter()
        .chain(WaitReason::ALL.map(WaitReason::as_str))
        // Nothing pauses a job yet.
        .chain(
            BlockReason::ALL.into_iter().filter(|why| *why != BlockReason::Paused).map(BlockReason::as_str),
        )
        .chain(Conference::STATUSES)
        .chain(FailureKind::ALL.map(FailureKind::as_str))
        .chain(WarningCode::ALL.map(WarningCode::as_str));
    let missing: Vec<_> = words.filter(|word| !guide.contains(&format!("`{word}`"))).collect();
    assert_eq!(missing, Vec::<&str>::new());
    assert!(!guide.contains(&format!("`{}`", BlockReason::Paused.as_str())), "no job is ever paused");
}
