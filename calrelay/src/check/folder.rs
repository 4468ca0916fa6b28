//! Files and folders: whose they are, and whether there is room.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

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
            return vec![check.holds(format!("there is none yet: the first start makes {shown}"))];
        }
        Err(error) => return vec![check.fails(format!("{shown} cannot be used: {error}"))],
        Ok(_) if !dir.is_dir() => {
            return vec![check.fails(format!("{shown} is no folder: set DATA_DIR to one"))];
        }
        Ok(mode) if mode & 0o077 != 0 => {
            check.warns(format!("others can look into {shown}: run `chmod 700 {shown}`"))
        }
        Ok(_) => check.holds(format!("{shown} is this user's alone")),
    };
    vec![found, disk(dir)]
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
