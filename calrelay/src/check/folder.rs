//! Files and folders: whose they are, and whether there is room.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::Access;
#[cfg(target_os = "linux")]
use rustix::fs::{Mode, OFlags};
#[cfg(target_os = "linux")]
use rustix::io::Errno;

use super::finding::{Check, Finding};
use crate::config::{Config, GoogleSource, secret_files};

/// With less, SQLite soon has nowhere to write.
const LOW: u64 = 1 << 30;
const GONE: u64 = 64 << 20;

/// Whether anybody else on this machine can read what is secret.
pub(super) fn files(config: &Config) -> Vec<Finding> {
    let mut paths = secret_files(|name| std::env::var(name).ok());
    if let GoogleSource::Credentials { file, .. } = &config.google {
        paths.push(("GOOGLE_CREDENTIALS", file.clone()));
    }
    let open: Vec<&str> = paths
        .iter()
        .filter(|(_, path)| mode(path).is_ok_and(|mode| mode & 0o007 != 0))
        .map(|(name, _)| *name)
        .collect();
    if open.is_empty() {
        return vec![Check::Files.holds("no file with a secret is open to everybody on this machine")];
    }
    let says =
        format!("everybody on this machine can read what {} names: run `chmod o-rwx` on it", open.join(", "));
    vec![Check::Files.warns(says)]
}

/// The data folder itself, before anything in it is opened.
pub(super) fn folder(dir: &Path) -> Vec<Finding> {
    let check = Check::DataFolder;
    let shown = dir.display();
    let found = match mode(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return vec![match writable(nearest(dir)) {
                Ok(()) => check.holds(format!("there is none yet: the first start makes {shown}")),
                Err(error) => check.fails(format!("{shown} cannot be made: {error}; {}", advice())),
            }];
        }
        Err(error) => return vec![check.fails(format!("{shown} cannot be used: {error}"))],
        Ok(_) if !dir.is_dir() => {
            return vec![check.fails(format!("{shown} is no folder: set DATA_DIR to one"))];
        }
        Ok(_) if let Err((path, error)) = usable(dir) => {
            check.fails(format!("{} cannot be written: {error}; {}", path.display(), advice()))
        }
        Ok(mode) if mode & 0o077 != 0 => {
            check.warns(format!("others can look into {shown}: run `chmod 700 {shown}`"))
        }
        Ok(_) => check.holds(format!("{shown} is this user's alone")),
    };
    vec![found, disk(dir)]
}

fn advice() -> &'static str {
    "run calrelay as the user that may write there, or set DATA_DIR to another folder"
}

/// What `run` opens for writing, where it is there.
const WRITTEN: [&str; 5] =
    ["worker.lock", "calrelay.db", "calrelay.db-wal", "calrelay.db-shm", "sandbox.jsonl"];

/// Whether `run` could work in `dir`: nothing is made and nothing is changed.
fn usable(dir: &Path) -> Result<(), (PathBuf, io::Error)> {
    writable(dir).map_err(|error| (dir.to_owned(), error))?;
    for path in WRITTEN.map(|name| dir.join(name)) {
        match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err((path, error)),
        }
    }
    Ok(())
}

/// The folder that is there, in which others would be made.
fn nearest(dir: &Path) -> &Path {
    let there = dir.ancestors().map(|path| if path.as_os_str().is_empty() { Path::new(".") } else { path });
    there.into_iter().find(|path| path.exists()).unwrap_or(Path::new("."))
}

/// Whether files can be made in `dir`. A file without a name is made where the system has such files: it tells of
/// read-only disks and of quotas too, and nobody sees it.
fn writable(dir: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        match rustix::fs::open(dir, flags, Mode::RUSR | Mode::WUSR) {
            Ok(_) => return Ok(()),
            Err(Errno::OPNOTSUPP | Errno::INVAL | Errno::ISDIR | Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(rustix::fs::access(dir, Access::WRITE_OK | Access::EXEC_OK)?)
}

fn mode(path: &Path) -> io::Result<u32> {
    Ok(std::fs::metadata(path)?.permissions().mode())
}

fn disk(dir: &Path) -> Finding {
    match rustix::fs::statvfs(dir) {
        Ok(found) => room(found.f_bavail.saturating_mul(found.f_frsize)),
        Err(error) => Check::Disk.warns(format!("it does not tell how much room there is: {error}")),
    }
}

fn room(bytes: u64) -> Finding {
    let told = format!("{} MiB are free where the data is", bytes >> 20);
    match bytes {
        GONE.. if bytes >= LOW => Check::Disk.holds(told),
        GONE.. => Check::Disk.warns(format!("{told}: make room before jobs are refused")),
        _ => Check::Disk.fails(format!("{told}: make room, or nothing can be accepted")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn a_full_disk_is_told_before_it_is_full() {
        for (bytes, verdict) in [
            (0, Verdict::Fail),
            (GONE - 1, Verdict::Fail),
            (GONE, Verdict::Warn),
            (LOW - 1, Verdict::Warn),
            (LOW, Verdict::Ok),
            (u64::MAX, Verdict::Ok),
        ] {
            assert_eq!(room(bytes).verdict, verdict, "{bytes}");
        }
    }
}
