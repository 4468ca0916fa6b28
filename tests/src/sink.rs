//! Outputs that cannot be written.

use std::fs::OpenOptions;
use std::io::{PipeReader, Write as _, pipe};
use std::process::Stdio;

/// What standard output or standard error leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sink {
    /// A pipe whose reader is gone.
    Gone,
    /// A full disk.
    Full,
    /// A pipe that is full, whose reader does not read.
    Stalled,
}

/// Kept for as long as the sink is to be what it is.
pub type Kept = Option<PipeReader>;

impl Sink {
    /// Every sink.
    pub const ALL: [Self; 3] = [Self::Gone, Self::Full, Self::Stalled];

    /// Opens it.
    ///
    /// # Panics
    /// When the system has no pipes.
    #[must_use]
    pub fn open(self) -> (Stdio, Kept) {
        match self {
            Self::Gone => (Stdio::from(pipe().expect("a pipe").1), None),
            Self::Full => {
                let full = OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
                (Stdio::from(full), None)
            }
            Self::Stalled => {
                let (reader, mut writer) = pipe().expect("a pipe");
                // As much as a pipe holds: the next byte waits for the reader.
                writer.write_all(&[b'x'; 65_536]).expect("room");
                (Stdio::from(writer), Some(reader))
            }
        }
    }
}
