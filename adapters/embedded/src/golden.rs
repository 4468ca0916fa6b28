//! The file that builds so far have written: its tables, and a row of each kind.

use std::collections::HashSet;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::json;
use testing::ManualClock;

use super::*;
use common::golden;
use common::job::{Job, JobId};
use common::message::{Message, Work};
use common::port::{JobQueue as _, JobStore as _, Lane, Shelf, Vault as _};

/// SQL that makes the file.
const FILE_SQL: &str = include_str!("golden/file.sql");
/// Everything that has rows. The columns of `queue` are a BLOB at its end.
const TABLES: [(&str, &str); 5] = [
    ("jobs", "id, owner, account, state, submitted_at, updated_at, finished_at, due, body"),
    ("backlog", "owner, account, unfinished"),
    ("docs", "shelf, name, version, value"),
    ("doc_versions", "last"),
    ("queue", "id, job, lane, available_at, taken, redelivered"),
];

async fn open(dir: &Path, role: Role) -> Embedded {
    Embedded::open(dir, role, ManualClock::new(), None).await.unwrap()
}

/// A record of each state.
fn jobs() -> Vec<Job> {
    let mut states = HashSet::new();
    let each = golden::jobs().into_iter().filter(|job| states.insert(job.state_name()));
    let named = |(number, job): (_, Job)| {
        job.with(|fields| fields.id = JobId::parse(&format!("{number:026}")).unwrap())
    };
    each.enumerate().map(named).collect()
}

/// A message for each lane, and one for later.
fn messages() -> [(Message, Lane, Duration); 4] {
    let (jobs, now) = (jobs(), Duration::ZERO);
    let message = |hop| Message { hop, ..Message::next_for(&jobs[0], Work::Create).unwrap() };
    [
        (message(1), Lane::Fresh, now),
        (message(2), Lane::Due, now),
        (message(3), Lane::Dead, now),
        (message(4), Lane::Due, Duration::from_secs(60)),
    ]
}

fn dump(file: &Path) -> String {
    let db = Connection::open(file).unwrap();
    let texts = |sql: &str| -> Vec<String> {
        let mut select = db.prepare(sql).unwrap();
        let rows = select.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    };
    let mut lines =
        vec!["PRAGMA auto_vacuum = INCREMENTAL;".to_owned(), "PRAGMA journal_mode = WAL;".to_owned()];
    for (pragma, is) in [("auto_vacuum", 2), ("user_version", 1)] {
        assert_eq!(db.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)), Ok(is), "{pragma}");
    }
    let named = "FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'";
    lines.extend(texts(&format!("SELECT sql || ';' {named} AND type <> 'trigger' ORDER BY rowid")));
    for (table, columns) in TABLES {
        let quoted: Vec<String> = columns.split(", ").map(|column| format!("quote({column})")).collect();
        let quoted = quoted.join(" || ', ' || ");
        let (columns, quoted) = match table {
            "queue" => (
                format!("{columns}, body"),
                format!("{quoted} || ', CAST(' || quote(CAST(body AS TEXT)) || ' AS BLOB)'"),
            ),
            _ => (columns.to_owned(), quoted),
        };
        let insert = format!("INSERT INTO {table} ({columns}) VALUES (");
        lines.extend(texts(&format!("SELECT '{insert}' || {quoted} || ');' FROM {table} ORDER BY 1")));
    }
    lines.extend(texts(&format!("SELECT sql || ';' {named} AND type = 'trigger' ORDER BY rowid")));
    lines.push("PRAGMA user_version = 1;".to_owned());
    lines.join("\n") + "\n"
}

#[tokio::test]
async fn the_file_is_written_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let folder = open(dir.path(), Role::Worker).await;
    for job in jobs() {
        folder.store().restore(&job).await.unwrap();
    }
    for (message, lane, delay) in messages() {
        folder.queue().publish(&message, lane, delay).await.unwrap();
    }
    for shelf in Shelf::ALL {
        folder.vault().put(shelf, "name", &json!({"is": "it's"}), None).await.unwrap();
    }
    folder.close().await;
    let written = dump(&dir.path().join(FILE));
    assert_eq!(written, FILE_SQL);
}

#[tokio::test]
async fn a_file_of_an_earlier_build_is_read_as_it_was_meant() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(FILE);
    Connection::open(&file).unwrap().execute_batch(FILE_SQL).unwrap();
    let folder = open(dir.path(), Role::Operator).await;
    for job in jobs() {
        assert_eq!(folder.store().get(&job.id).await.unwrap(), Some(job));
    }
    for shelf in Shelf::ALL {
        assert_eq!(folder.vault().get(shelf, "name").await.unwrap().unwrap().value, json!({"is": "it's"}));
    }
    let depth = folder.queue().depth().await.unwrap();
    assert_eq!((depth.fresh, depth.due, depth.delayed, depth.dead), (1, 1, 1, 1));
    let [(fresh, ..), (due, ..), (dead, ..), _] = messages();
    for expected in [due, fresh] {
        assert_eq!(folder.queue().receive().await.unwrap().message, Ok(expected));
    }
    assert_eq!(folder.queue().take_dead().await.unwrap().unwrap().message, Ok(dead));
    folder.close().await;
}
