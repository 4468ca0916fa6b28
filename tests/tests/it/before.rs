//! A data folder that an earlier build has filled is taken over, jobs in every state included.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rusqlite::Connection;
use rusqlite::types::Value;
use tests::before::{
    Fixture, RETENTION_DAYS, Scene, WEBHOOK, comes_to_its_end, fill, fixture, lasting, moved, over,
};
use tests::{Launch, SandboxView};

use crate::accounts::connect;
use crate::receiver::Receiver;

const KNOWN: &str = "folder.json";
const DATABASE: &str = "calrelay.db";
/// What a folder is, but for what only its process is told by.
const FILES: [&str; 3] = [DATABASE, "key", "sandbox.jsonl"];

fn launch() -> Launch {
    Launch::new().with("JOB_RETENTION_DAYS", RETENTION_DAYS)
}

/// A job that is begun holds up all others.
fn filling() -> Launch {
    launch()
        .with("WORKER_CONCURRENCY", 1)
        .with("WEBHOOK_URL", WEBHOOK)
        .with("WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        .with("WEBHOOK_NETWORKS", "127.0.0.0/8")
}

/// What would not outlast some days, and what would have to pass first.
fn made_lasting(data: &Path) {
    let db = Connection::open(data.join(DATABASE)).expect("it opens");
    let change = |rows: &str, key: &str, column: &str, change: &dyn Fn(&str) -> String| {
        let mut select =
            db.prepare(&format!("SELECT {key}, CAST({column} AS TEXT) FROM {rows}")).expect("SQL");
        let texts = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
        let texts: Vec<(Value, String)> = texts.map(|row| row.expect("a row")).collect();
        let (table, _) = rows.split_once(' ').expect("rows of a table");
        let kind = if table == "queue" { "BLOB" } else { "TEXT" };
        for (row, text) in texts {
            let update = format!("UPDATE {table} SET {column} = CAST(?1 AS {kind}) WHERE {key} = ?2");
            db.execute(&update, (change(&text), row)).expect("an update");
        }
    };
    // A replay has set a deadline of its own.
    change("queue WHERE true", "id", "body", &|text| lasting(&lasting(text, "at"), "notAfter"));
    change("jobs WHERE finished_at IS NULL", "id", "body", &|text| lasting(text, "notAfter"));
    // A limit on guests lasts for an hour.
    let account = |text: &str| over(&lasting(text, "since"), "until");
    change("docs WHERE shelf = 'accounts'", "name", "value", &account);
    db.execute_batch(
        "UPDATE queue SET available_at = unixepoch() * 1000000000
            WHERE available_at BETWEEN unixepoch() * 1000000000 AND (unixepoch() + 7200) * 1000000000;
         PRAGMA wal_checkpoint(TRUNCATE); VACUUM;",
    )
    .expect("it is packed");
}

#[ignore = "makes the fixture anew, by this build"]
#[tokio::test(flavor = "multi_thread")]
async fn make_the_data_folder() {
    let calrelay = filling().start().await;
    let (operator, google) = (calrelay.launch(), calrelay.sandbox());
    for account in ["busy", "away", "guests", "gone", "erased"] {
        connect(&operator, &google, account, &format!("{account}@example.com")).await;
    }
    let reader = operator.run(&["keys", "create", "--scope", "read", "--accounts", "def*"]);
    let revoked = operator.run(&["keys", "create", "--scope", "admin"]);
    let named: String = revoked.chars().take(12).collect();
    let _ = operator.run(&["keys", "revoke", &named]);
    let keys = [("admin", calrelay.key()), ("reader", reader), ("revoked", revoked)];
    let scene = Scene { caller: operator.caller(), operator: operator.clone(), google };
    let jobs = fill(&scene, async || {}).await;
    let stopped = calrelay.kill();
    let data = stopped.dir().join("data");
    made_lasting(&data);
    Fixture::keep(KNOWN, &jobs, &stopped, &keys, stopped.sandbox_port());
    std::fs::create_dir_all(fixture("data")).expect("a folder");
    for file in FILES {
        let mut bytes = std::fs::read(data.join(file)).expect("a file");
        if file == "sandbox.jsonl" {
            bytes = lasting(&String::from_utf8(bytes).expect("JSON"), "used").into_bytes();
        }
        std::fs::write(fixture("data").join(file), bytes).expect("it is written");
    }
}

/// The folder in a place of its own, with the sandbox on a port that is free here.
fn copied(known: &Fixture, launch: Launch) -> Launch {
    let data = launch.dir().join("data");
    std::fs::create_dir(&data).expect("a folder");
    for file in FILES {
        let bytes = std::fs::read(fixture("data").join(file)).expect("the fixture");
        std::fs::write(data.join(file), moved(&bytes, known.port(), launch.sandbox_port())).expect("a copy");
        std::fs::set_permissions(data.join(file), Permissions::from_mode(0o600)).expect("its mode");
    }
    launch.with_key(known.key("admin"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_folder_of_an_earlier_build_is_taken_over_with_jobs_in_every_state() {
    let (known, receiver) = (Fixture::read(KNOWN), Receiver::start());
    let launch = receiver.told_by(copied(&known, launch()));
    known.stands_as_it_was_left(&launch);
    let calrelay = launch.start().await;
    let google: SandboxView = calrelay.sandbox();
    let again = async || connect(&launch, &google, "away", "away@example.com").await;
    comes_to_its_end(&known, &launch.caller(), &launch, &google, again, || receiver.taken()).await;
}
