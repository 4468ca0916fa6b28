//! The writer: one thread, and one commit for everything that was ordered meanwhile.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::{Connection, ErrorCode};
use tokio::sync::mpsc::UnboundedReceiver;

use super::DatabaseError;

/// At most this many units share a commit: bounds how long the first of them waits.
const GROUP: usize = 256;

pub(super) enum Order {
    Do(Box<dyn Work>),
    Stop,
}

/// Something to write, and whom to tell.
pub(super) trait Work: Send {
    /// Writes, inside an open transaction.
    fn run(&mut self, connection: &Connection) -> Result<(), DatabaseError>;
    /// Tells what came of it.
    fn settle(self: Box<Self>, fate: Result<(), DatabaseError>);
}

/// The only kind of [`Work`]: a closure, what it made, and a closure to give that to.
pub(super) struct Unit<W, T, S> {
    work: Option<W>,
    made: Option<T>,
    settle: S,
}

impl<W, T, S> Unit<W, T, S>
where
    W: FnOnce(&Connection) -> Result<T, DatabaseError> + Send + 'static,
    T: Send + 'static,
    S: FnOnce(Result<T, DatabaseError>) + Send + 'static,
{
    #[expect(clippy::new_ret_no_self, reason = "units differ in type and wait in one line")]
    pub(super) fn new(work: W, settle: S) -> Box<dyn Work> {
        Box::new(Self { work: Some(work), made: None, settle })
    }
}

impl<W, T, S> Work for Unit<W, T, S>
where
    W: FnOnce(&Connection) -> Result<T, DatabaseError> + Send,
    T: Send,
    S: FnOnce(Result<T, DatabaseError>) + Send,
{
    fn run(&mut self, connection: &Connection) -> Result<(), DatabaseError> {
        let work = self.work.take().expect("a unit runs once");
        self.made = Some(work(connection)?);
        Ok(())
    }

    fn settle(self: Box<Self>, fate: Result<(), DatabaseError>) {
        let made = self.made;
        // What was made is dropped when it was not kept.
        (self.settle)(fate.and_then(|()| made.ok_or_else(DatabaseError::closed)));
    }
}

/// Writes until told to stop. Nothing that fails ends it: not the disk, not a unit that panics. Says in `failed` that
/// a commit did.
pub(super) fn run(connection: &Connection, mut orders: UnboundedReceiver<Order>, failed: &AtomicBool) {
    let mut received = Vec::with_capacity(GROUP);
    loop {
        if orders.blocking_recv_many(&mut received, GROUP) == 0 {
            return;
        }
        let mut stop = false;
        let mut group = Vec::with_capacity(received.len());
        for order in received.drain(..) {
            match order {
                Order::Do(unit) => group.push(unit),
                Order::Stop => stop = true,
            }
        }
        if !group.is_empty() && !commit(connection, group) {
            failed.store(true, Ordering::Relaxed);
        }
        if stop {
            return;
        }
    }
}

/// Runs each unit in a savepoint of its own, commits once, then tells all. Answers whether it was committed.
fn commit(connection: &Connection, mut group: Vec<Box<dyn Work>>) -> bool {
    let mut fates = Vec::with_capacity(group.len());
    let whole = begin(connection).and_then(|()| {
        for unit in &mut group {
            let fate = run_one(connection, unit.as_mut());
            // Some failures (a full disk, lack of memory) make SQLite undo the whole transaction.
            if connection.is_autocommit() {
                return Err(fate.err().unwrap_or_else(DatabaseError::closed));
            }
            fates.push(fate);
        }
        end(connection)
    });
    fates.resize(group.len(), Ok(()));
    for (unit, fate) in group.into_iter().zip(fates) {
        let fate = fate.and_then(|()| whole.clone());
        // A panic in here is a bug of the teller alone; the others still have to be told.
        let _ = catch_unwind(AssertUnwindSafe(|| unit.settle(fate)));
    }
    whole.is_ok()
}

fn begin(connection: &Connection) -> Result<(), DatabaseError> {
    say(connection, "BEGIN IMMEDIATE").map_err(DatabaseError::from)
}

fn end(connection: &Connection) -> Result<(), DatabaseError> {
    let Err(error) = say(connection, "COMMIT") else {
        return Ok(());
    };
    undo(connection);
    // Full or busy: it was not written. Anything else may have reached the disk.
    Err(match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy | ErrorCode::ConstraintViolation) => error.into(),
        Some(_) | None => DatabaseError::Uncertain(error.to_string()),
    })
}

fn run_one(connection: &Connection, unit: &mut dyn Work) -> Result<(), DatabaseError> {
    say(connection, "SAVEPOINT unit")?;
    let outcome = catch_unwind(AssertUnwindSafe(|| unit.run(connection)))
        .unwrap_or_else(|_| Err(DatabaseError::NotDone("the work panicked".to_owned())));
    if outcome.is_err() && !connection.is_autocommit() && say(connection, "ROLLBACK TO unit").is_err() {
        undo(connection);
    }
    if !connection.is_autocommit()
        && let Err(error) = say(connection, "RELEASE unit")
    {
        undo(connection);
        return Err(error.into());
    }
    outcome
}

/// Ends the transaction, if there is still one.
fn undo(connection: &Connection) {
    if !connection.is_autocommit()
        && let Err(error) = say(connection, "ROLLBACK")
    {
        tracing::error!(%error, "The database cannot undo a transaction: {error}");
    }
}

fn say(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    type Told = mpsc::Receiver<Result<(), DatabaseError>>;

    fn unit(sql: &'static str) -> (Box<dyn Work>, Told) {
        let (tell, told) = mpsc::channel();
        let work = move |connection: &Connection| Ok(connection.execute_batch(sql)?);
        (Unit::new(work, move |outcome| tell.send(outcome).unwrap()), told)
    }

    fn group(statements: &[&'static str]) -> (Vec<Box<dyn Work>>, Vec<Told>) {
        statements.iter().map(|sql| unit(sql)).unzip()
    }

    fn rows(connection: &Connection) -> i64 {
        connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap()
    }

    fn table() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (x UNIQUE)").unwrap();
        connection
    }

    #[test]
    fn one_failure_does_not_undo_the_others() {
        let connection = table();
        let (units, told) = group(&[
            "INSERT INTO t VALUES (1)",
            "INSERT INTO t VALUES (2); INSERT INTO t VALUES (1)",
            "INSERT INTO t VALUES (3)",
        ]);
        commit(&connection, units);
        let kept: Vec<_> = told.iter().map(|told| told.recv().unwrap().is_ok()).collect();
        assert_eq!(kept, [true, false, true]);
        assert_eq!(rows(&connection), 2);
    }

    #[test]
    fn a_panic_undoes_its_own_unit_only() {
        let connection = table();
        let (before, told_before) = unit("INSERT INTO t VALUES (1)");
        let (tell, told) = mpsc::channel();
        let panics = Unit::new(
            |connection: &Connection| -> Result<(), DatabaseError> {
                connection.execute_batch("INSERT INTO t VALUES (2)")?;
                panic!("on purpose")
            },
            move |outcome| tell.send(outcome).unwrap(),
        );
        let (after, told_after) = unit("INSERT INTO t VALUES (3)");
        commit(&connection, vec![before, panics, after]);
        assert!(told_before.recv().unwrap().is_ok());
        assert!(told.recv().unwrap().is_err());
        assert!(told_after.recv().unwrap().is_ok());
        assert_eq!(rows(&connection), 2);
    }

    #[test]
    fn a_commit_that_fails_fails_everyone() {
        let connection = table();
        connection
            .execute_batch(
                "PRAGMA foreign_keys = ON;
                 CREATE TABLE child (x REFERENCES t (x) DEFERRABLE INITIALLY DEFERRED)",
            )
            .unwrap();
        let (units, told) = group(&["INSERT INTO t VALUES (1)", "INSERT INTO child VALUES (7)"]);
        commit(&connection, units);
        for told in told {
            told.recv().unwrap().unwrap_err();
        }
        assert_eq!(rows(&connection), 0);
        let (units, told) = group(&["INSERT INTO t VALUES (1)"]);
        commit(&connection, units);
        told[0].recv().unwrap().unwrap();
    }

    #[test]
    fn a_transaction_that_sqlite_gives_up_fails_everyone() {
        let connection = table();
        let (units, told) = group(&["INSERT INTO t VALUES (1)", "ROLLBACK", "INSERT INTO t VALUES (3)"]);
        commit(&connection, units);
        for told in told {
            told.recv().unwrap().unwrap_err();
        }
        assert_eq!(rows(&connection), 0);
    }

    #[test]
    fn a_full_disk_is_an_error_and_passes() {
        let connection = table();
        connection.execute_batch("PRAGMA max_page_count = 8").unwrap();
        let blob = "INSERT INTO t VALUES (randomblob(100000))";
        let (units, told) = group(&["INSERT INTO t VALUES (1)", blob]);
        assert!(!commit(&connection, units));
        let failure = told[1].recv().unwrap().unwrap_err();
        assert_eq!(failure, DatabaseError::NotDone("database or disk is full".to_owned()));
        connection.execute_batch("PRAGMA max_page_count = 100").unwrap();
        let (units, told) = group(&[blob]);
        assert!(commit(&connection, units));
        told[0].recv().unwrap().unwrap();
    }
}
