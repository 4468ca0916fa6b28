//! Reading variables while collecting what is wrong with them.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};

use super::variables::Variable;

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
    pub fn text<T>(&self, variable: &Variable<T>) -> Option<String> {
        (self.lookup)(variable.row.name).filter(|text| !text.is_empty())
    }

    /// Adds a problem.
    pub fn add<T>(&mut self, variable: &Variable<T>, expected: impl Into<String>) {
        self.problems.0.push(Problem { variable: variable.row.name, expected: expected.into() });
    }

    /// A variable that may be absent.
    pub fn optional<T>(&mut self, variable: &Variable<T>) -> Option<T> {
        let value = (variable.parse)(&self.text(variable)?);
        value.map_err(|expected| self.add(variable, format!("must be {expected}"))).ok()
    }

    /// A variable, or its default.
    pub fn value<T>(&mut self, variable: &Variable<T>) -> T {
        self.optional(variable).unwrap_or_else(|| variable.default())
    }

    /// A secret: in the variable, or in the file that its twin `…_FILE` names, not both. The line end
    /// that editors and `openssl` leave at the end of a file is not part of it.
    pub fn secret<T>(&mut self, variable: &Variable<T>) -> Option<T> {
        let file = variable.file();
        let secret = match (self.text(variable), self.text(&file)) {
            (None, None) => return None,
            (Some(text), None) => SecretString::from(text),
            (None, Some(path)) => {
                let text = std::fs::read_to_string(path).unwrap_or_default();
                let text = text.trim_end_matches(['\r', '\n']);
                if text.is_empty() {
                    self.add(&file, "must name a readable file that is not empty");
                    return None;
                }
                SecretString::from(text)
            }
            (Some(_), Some(_)) => {
                self.add(variable, format!("set it or {}, not both", file.row.name));
                return None;
            }
        };
        let value = (variable.parse)(secret.expose_secret());
        value.map_err(|expected| self.add(variable, format!("it or its file must hold {expected}"))).ok()
    }

    /// Whether a secret is given, well or badly: in the variable or in its twin.
    pub fn has_secret<T>(&self, variable: &Variable<T>) -> bool {
        self.text(variable).is_some() || self.text(&variable.file()).is_some()
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
    use super::super::parsers::any;
    use super::super::variables::{SMTP_PASS, VARIABLES};
    use super::*;

    /// Every variable that may be in a file instead.
    fn secrets() -> impl Iterator<Item = Variable<SecretString>> {
        let has_file = |name| VARIABLES.iter().any(|file| file.name.strip_suffix("_FILE") == Some(name));
        let rows = VARIABLES.iter().filter(move |row| has_file(row.name));
        rows.map(|row| Variable { row: *row, parse: any })
    }

    #[test]
    fn whatever_may_hold_a_password_may_be_in_a_file() {
        let found: Vec<&str> = secrets().map(|variable| variable.row.name).collect();
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
            for variable in secrets() {
                let file = path.to_str().expect("UTF-8").to_owned();
                let name = variable.file().row.name;
                let mut env = Reader::new(move |asked| (asked == name).then(|| file.clone()));
                assert!(env.has_secret(&variable));
                assert_eq!(env.secret(&variable).expect("it is there").expose_secret(), read, "{name}");
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
            assert!(env.secret(&SMTP_PASS).is_none());
            env.finish(()).expect_err("it is wrong").0.remove(0).variable
        };
        assert_eq!(wrong(&empty, None), "SMTP_PASS_FILE");
        assert_eq!(wrong(dir.path(), None), "SMTP_PASS_FILE");
        assert_eq!(wrong(&full, Some("hunter3")), "SMTP_PASS");
    }
}
