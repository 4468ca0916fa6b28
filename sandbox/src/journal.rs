//! The state file: one JSON line a change, written before the change is answered.
//!
//! A killed process loses nothing that was answered, because the kernel has the line; nothing is synced to disk, for
//! only processes die here, not machines. A last line cut short was never answered and is dropped. The file is
//! rewritten in its shortest form at start and stop, through a temporary file, so that it is whole at any moment.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::change::Change;
use crate::start_error::StartError;

#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    line: Vec<u8>,
    /// Held for the journal's life: two processes must not write one state file.
    _lock: File,
}

impl Journal {
    /// Locks the state file and hands every change in it, oldest first, to `replay`.
    pub(crate) fn open(path: &Path, mut replay: impl FnMut(Change)) -> Result<Self, StartError> {
        let at = |source| StartError::StateFile { path: path.to_owned(), source };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(at)?;
        }
        let lock =
            private().write(true).create(true).truncate(true).open(beside(path, "lock")).map_err(at)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StartError::StateInUse(path.to_owned())),
            Err(TryLockError::Error(source)) => return Err(at(source)),
        }
        let file = private().read(true).append(true).create(true).open(path).map_err(at)?;
        read(&file, &mut replay).map_err(|broken| match broken {
            Broken::Io(source) => at(source),
            Broken::Line { number, source } => {
                StartError::StateLine { path: path.to_owned(), number, source }
            }
        })?;
        Ok(Self { path: path.to_owned(), file, line: Vec::new(), _lock: lock })
    }

    /// When this returns, the changes survive the process.
    pub(crate) fn append(&mut self, changes: &[Change]) -> io::Result<()> {
        self.line.clear();
        for change in changes {
            serde_json::to_writer(&mut self.line, change)?;
            self.line.push(b'\n');
        }
        self.file.write_all(&self.line)
    }

    /// Replaces the file by these changes alone.
    pub(crate) fn compact(&mut self, changes: impl Iterator<Item = Change>) -> io::Result<()> {
        let fresh = beside(&self.path, "new");
        let mut writer = BufWriter::new(private().write(true).create(true).truncate(true).open(&fresh)?);
        for change in changes {
            serde_json::to_writer(&mut writer, &change)?;
            writer.write_all(b"\n")?;
        }
        writer.flush()?;
        std::fs::rename(&fresh, &self.path)?;
        self.file = OpenOptions::new().append(true).open(&self.path)?;
        Ok(())
    }
}

/// Its people are made up, but what is tried out on them need not be.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(suffix);
    path.with_file_name(name)
}

enum Broken {
    Io(io::Error),
    Line { number: usize, source: serde_json::Error },
}

fn read(file: &File, replay: &mut impl FnMut(Change)) -> Result<(), Broken> {
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        reader.read_until(b'\n', &mut line).map_err(Broken::Io)?;
        if line.last() != Some(&b'\n') {
            break;
        }
        let change = serde_json::from_slice(&line).map_err(|source| Broken::Line { number, source })?;
        replay(change);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::user::User;

    fn users(path: &Path) -> Vec<String> {
        let mut seen = Vec::new();
        Journal::open(path, |change| {
            if let Change::User(user) = change {
                seen.push(user.email);
            }
        })
        .unwrap();
        seen
    }

    #[test]
    fn what_was_appended_is_read_back_and_a_torn_last_line_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/state.jsonl");
        let mut journal = Journal::open(&path, |_| unreachable!()).unwrap();
        let change = |email| Change::User(User::new(email));
        journal.append(&[change("a@example.com"), change("b@example.com")]).unwrap();
        drop(journal);
        let mut torn = OpenOptions::new().append(true).open(&path).unwrap();
        torn.write_all(br#"{"user":{"ema"#).unwrap();
        assert_eq!(users(&path), ["a@example.com", "b@example.com"]);
    }

    #[test]
    fn compaction_replaces_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.jsonl");
        let mut journal = Journal::open(&path, |_| unreachable!()).unwrap();
        journal.append(&[Change::User(User::new("a@example.com"))]).unwrap();
        journal.compact([Change::User(User::new("b@example.com"))].into_iter()).unwrap();
        journal.append(&[Change::User(User::new("c@example.com"))]).unwrap();
        drop(journal);
        assert_eq!(users(&path), ["b@example.com", "c@example.com"]);
    }

    #[test]
    fn a_second_process_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.jsonl");
        let first = Journal::open(&path, |_| {}).unwrap();
        assert!(matches!(Journal::open(&path, |_| {}), Err(StartError::StateInUse(_))));
        drop(first);
        assert!(Journal::open(&path, |_| {}).is_ok());
    }

    #[test]
    fn a_broken_line_in_the_middle_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.jsonl");
        std::fs::write(&path, "{\"clock\":{\"offset_ms\":0}}\nnonsense\n").unwrap();
        let error = Journal::open(&path, |_| {}).unwrap_err();
        assert!(matches!(error, StartError::StateLine { number: 2, .. }), "{error}");
    }
}
