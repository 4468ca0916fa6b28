//! Reading variables while collecting what is wrong with them.

use std::fmt;
use std::str::FromStr;

use secrecy::SecretString;

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

    /// A secret: in the variable, or in the file that the variable `file` names, not both.
    pub fn secret(&mut self, name: &'static str, file: &'static str) -> Option<SecretString> {
        let (file_name, file) = (file, self.text(file));
        match (self.text(name), file) {
            (None, None) => None,
            (Some(text), None) => Some(SecretString::from(text)),
            (None, Some(path)) => {
                let read = std::fs::read_to_string(path).ok();
                if read.is_none() {
                    self.add(file_name, "must name a readable file");
                }
                read.map(SecretString::from)
            }
            (Some(_), Some(_)) => {
                self.add(name, format!("set it or {file_name}, not both"));
                None
            }
        }
    }

    /// `value`, unless there were problems.
    ///
    /// # Errors
    /// All of them.
    pub fn finish<T>(self, value: T) -> Result<T, Problems> {
        if self.problems.0.is_empty() { Ok(value) } else { Err(self.problems) }
    }
}
