//! Reading variables while collecting what is wrong with them.

use std::fmt;
use std::str::FromStr;

use secrecy::SecretString;

use super::variables::file_of;

/// What is wrong with one variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Its name.
    pub variable: &'static str,
    /// What was expected, in words.
    pub expected: String,
}

/// Everything that is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the configuration has {} problem(s):", self.0.len())?;
        for problem in &self.0 {
            writeln!(f, "  {}: {}", problem.variable, problem.expected)?;
        }
        write!(f, "`calrelay --help` lists every variable")
    }
}

impl std::error::Error for Problems {}

/// Reads variables.
pub struct Reader<L> {
    lookup: L,
    problems: Problems,
}

impl<L: Fn(&str) -> Option<String>> Reader<L> {
    /// A reader through `lookup`.
    pub fn new(lookup: L) -> Self {
        Self { lookup, problems: Problems::default() }
    }

    /// The variable's text; an empty one counts as unset.
    pub fn text(&self, name: &'static str) -> Option<String> {
        (self.lookup)(name).filter(|text| !text.is_empty())
    }

    /// Adds a problem.
    pub fn add(&mut self, variable: &'static str, expected: impl Into<String>) {
        self.problems.0.push(Problem { variable, expected: expected.into() });
    }

    /// A variable of any parseable type, or its default.
    pub fn parse<T: FromStr>(&mut self, name: &'static str, expected: &str, default: T) -> T {
        match self.text(name).map(|text| text.parse()) {
            None => default,
            Some(Ok(value)) => value,
            Some(Err(_)) => {
                self.add(name, format!("must be {expected}"));
                default
            }
        }
    }

    /// A whole number above zero, or its default.
    pub fn positive(&mut self, name: &'static str, default: u32) -> u32 {
        let value = self.parse(name, "a whole number above 0", default);
        if value == 0 {
            self.add(name, "must be a whole number above 0");
            return default;
        }
        value
    }

    /// A variable that may be absent.
    pub fn optional<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(name)?;
        let value = parse(&text);
        if value.is_none() {
            self.add(name, format!("must be {expected}"));
        }
        value
    }

    /// One of a few words.
    pub fn one_of<T: Copy>(&mut self, name: &'static str, words: &[(&str, T)], default: T) -> T {
        let Some(text) = self.text(name) else {
            return default;
        };
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return *value;
        }
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        self.add(name, format!("must be one of: {}", words.join(", ")));
        default
    }

    /// A secret: in the variable, or in the file that its twin `…_FILE` names, not both. The line end
    /// that editors and `openssl` leave at the end of a file is not part of it.
    pub fn secret(&mut self, name: &'static str) -> Option<SecretString> {
        let file = file_of(name);
        match (self.text(name), self.text(file)) {
            (None, None) => None,
            (Some(text), None) => Some(SecretString::from(text)),
            (None, Some(path)) => {
                let text = std::fs::read_to_string(path).unwrap_or_default();
                let text = text.trim_end_matches(['\r', '\n']);
                if text.is_empty() {
                    self.add(file, "must name a readable file that is not empty");
                    return None;
                }
                Some(SecretString::from(text))
            }
            (Some(_), Some(_)) => {
                self.add(name, format!("set it or {file}, not both"));
                None
            }
        }
    }

    /// Whether a secret is given, well or badly: in the variable or in its twin.
    pub fn has_secret(&self, name: &'static str) -> bool {
        self.text(name).is_some() || self.text(file_of(name)).is_some()
    }

    /// `value`, unless there were problems.
    ///
    /// # Errors
    /// All of them.
    pub fn finish<T>(self, value: T) -> Result<T, Problems> {
        if self.problems.0.is_empty() { Ok(value) } else { Err(self.problems) }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::super::variables::VARIABLES;
    use super::*;

    /// Every variable that may be in a file instead.
    fn secrets() -> impl Iterator<Item = &'static str> {
        let names = || VARIABLES.iter().map(|variable| variable.name);
        names().filter(move |name| names().any(|file| file == format!("{name}_FILE")))
    }

    #[test]
    fn whatever_may_hold_a_password_may_be_in_a_file() {
        let found: Vec<&str> = secrets().collect();
        assert_eq!(
            found,
            ["AMQP_URL", "REDIS_URL", "VAULT_URL", "ENCRYPTION_KEY", "WEBHOOK_SECRET", "SMTP_PASS"]
        );
    }

    #[test]
    fn a_secret_in_a_file_is_the_file_without_its_line_end() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("secret");
        for (written, read) in [("a b", "a b"), ("a b\n", "a b"), (" a b\r\n", " a b")] {
            std::fs::write(&path, written).expect("it can be written");
            for name in secrets() {
                let file = path.to_str().expect("UTF-8").to_owned();
                let mut env = Reader::new(move |asked| (asked == file_of(name)).then(|| file.clone()));
                assert!(env.has_secret(name));
                assert_eq!(env.secret(name).expect("it is there").expose_secret(), read, "{name}");
                env.finish(()).expect("nothing is wrong");
            }
        }
    }

    #[test]
    fn a_secret_is_given_once_and_is_something() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let (empty, full) = (dir.path().join("empty"), dir.path().join("full"));
        std::fs::write(&empty, "\n").expect("it can be written");
        std::fs::write(&full, "hunter2").expect("it can be written");
        let wrong = |file: &std::path::Path, beside: Option<&'static str>| {
            let file = file.to_str().expect("UTF-8").to_owned();
            let mut env = Reader::new(move |asked| match asked {
                "SMTP_PASS" => beside.map(str::to_owned),
                _ => Some(file.clone()),
            });
            assert!(env.secret("SMTP_PASS").is_none());
            env.finish(()).expect_err("it is wrong").0.remove(0).variable
        };
        assert_eq!(wrong(&empty, None), "SMTP_PASS_FILE");
        assert_eq!(wrong(dir.path(), None), "SMTP_PASS_FILE");
        assert_eq!(wrong(&full, Some("hunter3")), "SMTP_PASS");
    }
}
