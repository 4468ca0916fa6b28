//! How logs look, and what is in them.

use super::problems::{Problems, Reader};
use super::variables::{LOG_FORMAT, RUST_LOG};

/// What a process is told about its logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// How a line looks.
    pub format: LogFormat,
    /// `RUST_LOG`, which can be understood.
    pub filter: Option<String>,
}

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl LogConfig {
    /// Reads the variables, for a command that reads no others.
    ///
    /// # Errors
    /// All problems at once.
    pub fn from_env(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Problems> {
        let mut env = Reader::new(lookup);
        let config = Self::read(&mut env);
        env.finish(config)
    }

    pub(super) fn read<L: Fn(&str) -> Option<String>>(env: &mut Reader<L>) -> Self {
        Self { format: env.value(&LOG_FORMAT), filter: env.optional(&RUST_LOG) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &'static str, value: &'static str) -> Result<LogConfig, Vec<&'static str>> {
        LogConfig::from_env(|asked| (asked == name).then(|| value.to_owned()))
            .map_err(|problems| problems.0.iter().map(|problem| problem.variable).collect())
    }

    #[test]
    fn log_levels_that_cannot_be_understood_are_refused_by_name() {
        for good in ["", "info", "off", "worker=debug", "info,google::http=trace", "warn,[trace]=debug"] {
            assert!(read("RUST_LOG", good).is_ok(), "{good}");
        }
        for bad in ["nonsense[", "info,worker=loud", "worker=debug=info", "[{]"] {
            assert_eq!(read("RUST_LOG", bad), Err(vec!["RUST_LOG"]), "{bad}");
        }
        assert_eq!(read("LOG_FORMAT", "xml"), Err(vec!["LOG_FORMAT"]));
    }
}
