//! What the program says: the one place that writes to standard output and standard error.
//!
//! Either may be a pipe whose reader is gone or does not read, or a file on a full disk. A command whose answer
//! cannot be written fails; a log line that cannot be written is dropped and counted, and changes nothing else.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;

/// A pipe with room takes so many bytes without waiting for its reader (PIPE_BUF of POSIX is less, Linux has this).
const AT_ONCE: usize = 4096;

/// A reader that is alive reads within this.
const PATIENCE: Duration = Duration::from_millis(100);

/// Where nothing that is written can be read.
const NOWHERE: &str = "/dev/null";

/// The answer to a command, or a role's announcement, could not be written.
#[derive(Debug)]
pub struct Unsaid(io::Error);

impl Unsaid {
    /// Whether the reader had enough, as `head` has: then there is nobody to complain to.
    #[must_use]
    pub fn is_reader_gone(&self) -> bool {
        self.0.kind() == io::ErrorKind::BrokenPipe
    }
}

impl fmt::Display for Unsaid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "standard output cannot be written: {}", self.0)
    }
}

impl std::error::Error for Unsaid {}

/// Writes the answer to a command. A slow reader, such as `less`, is waited for.
///
/// # Errors
/// When it cannot be written: the command has failed then.
pub fn answer(text: &str) -> Result<(), Unsaid> {
    standard_output().and_then(|mut out| out.write_all(line(text).as_bytes())).map_err(Unsaid)
}

/// Writes what a role says once, when it starts. A reader that does not read is not waited for.
///
/// # Errors
/// When it cannot be written; the role goes on all the same.
pub fn announce(text: &str) -> Result<(), Unsaid> {
    standard_output()
        .and_then(|mut out| write_soon(&mut out, line(text).as_bytes(), PATIENCE))
        .map_err(Unsaid)
}

/// Writes to standard error what is not a log line; dropped when that cannot be written.
pub fn tell(text: &str) {
    let _ = write_soon(&mut io::stderr().lock(), line(text).as_bytes(), PATIENCE);
}

/// Refuses to show a secret where nobody can see it: [`answer`] and [`announce`] succeed there.
///
/// # Errors
/// When standard output is closed or leads to `/dev/null`. The system opens `/dev/null` in place of an output
/// that was closed when the program started.
pub fn seen() -> Result<(), Unsaid> {
    let nowhere = standard_output().and_then(|out| out.metadata()).is_ok_and(|out| {
        let null = std::fs::metadata(NOWHERE);
        out.file_type().is_char_device() && null.is_ok_and(|null| null.rdev() == out.rdev())
    });
    if nowhere {
        return Err(Unsaid(io::Error::other(format!("it is closed, or leads to {NOWHERE}"))));
    }
    Ok(())
}

/// An error and its causes in a sentence. Many an error tells its cause in its own words already.
#[must_use]
pub fn sentence(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |told, cause| match told.contains(&cause) {
        true => told,
        false if told.is_empty() => cause,
        false => format!("{told}: {cause}"),
    })
}

/// Standard output without a buffer: what could not be written is not written later.
fn standard_output() -> io::Result<File> {
    Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?))
}

fn line(text: &str) -> String {
    format!("{}\n", text.strip_suffix('\n').unwrap_or(text))
}

/// Writes as far as that needs no longer than `patience` for each part.
fn write_soon(out: &mut (impl Write + AsFd), bytes: &[u8], patience: Duration) -> io::Result<()> {
    for part in bytes.chunks(AT_ONCE) {
        if !is_writable(out, patience) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        out.write_all(part)?;
    }
    Ok(())
}

/// Whether a write returns at once, well or badly. What cannot be polled is believed to.
fn is_writable(out: &impl AsFd, patience: Duration) -> bool {
    let timeout = Timespec::try_from(patience).unwrap_or_default();
    let mut fds = [PollFd::new(out, PollFlags::OUT)];
    // A signal says nothing about the output, and the one to stop may well come now.
    let polled = retry_on_intr(|| poll(&mut fds, Some(&timeout)));
    polled.is_err() || !fds[0].revents().is_empty()
}

/// Standard error as log lines are written to it. Writing never fails.
#[derive(Debug, Clone, Default)]
pub struct Log {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// Half a line was written: the next one begins on a line of its own.
    torn: bool,
    /// The reader does not read: it is not waited for again until it does.
    stalled: bool,
}

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.write(&mut io::stderr().lock(), line) {
            metrics::counter!(crate::recorder::LOST_LINES).increment(1);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl State {
    /// Writes a line; answers whether all of it was.
    fn write(&mut self, out: &mut (impl Write + AsFd), line: &[u8]) -> bool {
        let patience = if self.stalled { Duration::ZERO } else { PATIENCE };
        let written = match self.torn {
            true => write_soon(out, b"\n", patience).and_then(|()| write_soon(out, line, patience)),
            false => write_soon(out, line, patience),
        };
        self.stalled = written.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::TimedOut);
        // How much of it was written is not known.
        self.torn = written.is_err();
        written.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn a_line_that_cannot_be_written_is_dropped_and_the_next_one_is_whole() {
        let mut state = State::default();
        let mut full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        assert!(!state.write(&mut full, b"lost\n"));
        let (mut reader, mut writer) = io::pipe().unwrap();
        assert!(state.write(&mut writer, b"first\n") && state.write(&mut writer, b"second\n"));
        drop(writer);
        let mut said = String::new();
        reader.read_to_string(&mut said).unwrap();
        assert_eq!(said, "\nfirst\nsecond\n", "half of the lost line may stand before");
    }

    #[test]
    fn a_reader_that_is_gone_or_does_not_read_is_not_waited_for() {
        let mut state = State::default();
        let (reader, mut writer) = io::pipe().unwrap();
        let mut lines = 0;
        while state.write(&mut writer, &[b'x'; 3000]) {
            lines += 1;
        }
        assert!(lines > 0 && state.stalled, "after {lines} lines");
        // Longer than the pipe, to a reader that reads again.
        let reading = std::thread::spawn(move || {
            let mut all = Vec::new();
            (&reader).take(1 << 20).read_to_end(&mut all).map(|_| all.len())
        });
        while !state.write(&mut writer, b"back\n") {
            std::thread::yield_now();
        }
        assert!(!state.stalled);
        drop(writer);
        assert!(reading.join().unwrap().unwrap() > lines * 3000);

        let (reader, mut writer) = io::pipe().unwrap();
        drop(reader);
        assert!(!state.write(&mut writer, b"nobody\n") && !state.stalled);
    }

    #[test]
    fn a_cause_is_told_once() {
        let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
        let told = anyhow::Error::new(denied()).context(format!("the file x: {}", denied()));
        assert_eq!(sentence(&told), "the file x: permission denied");
        let untold = anyhow::Error::new(denied()).context("the file x").context("it cannot start");
        assert_eq!(sentence(&untold), "it cannot start: the file x: permission denied");
        assert_eq!(sentence(&anyhow::anyhow!("alone")), "alone");
    }

    #[test]
    fn only_a_broken_pipe_is_a_reader_that_had_enough() {
        assert!(Unsaid(io::ErrorKind::BrokenPipe.into()).is_reader_gone());
        assert!(!Unsaid(io::ErrorKind::StorageFull.into()).is_reader_gone());
        assert!(!Unsaid(io::ErrorKind::TimedOut.into()).is_reader_gone());
    }
}
