//! What `calrelay check` found.

use std::process::Output;

/// Its lines, and all that it said.
pub struct Checked {
    /// Verdict, name and sentence.
    pub lines: Vec<(String, String, String)>,
    /// Whether it ended with 0.
    pub passed: bool,
    /// Everything that was printed, errors too.
    pub said: String,
}

impl Checked {
    pub(crate) fn of(output: &Output) -> Self {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = |line: &str| {
            let (verdict, rest) = line.split_once(' ').expect("a verdict");
            assert!(matches!(verdict, "ok" | "warn" | "fail"), "{line}");
            let (name, says) = rest.trim_start().split_once(' ').expect("a name");
            (verdict.to_owned(), name.to_owned(), says.trim_start().to_owned())
        };
        let lines: Vec<_> = text.lines().map(line).collect();
        let (passed, failed) = (output.status.success(), lines.iter().any(|(verdict, ..)| verdict == "fail"));
        assert_ne!(passed, failed, "{text}");
        Self { lines, passed, said: text + &String::from_utf8_lossy(&output.stderr) }
    }

    /// The names with this verdict, in order.
    #[must_use]
    pub fn with(&self, verdict: &str) -> Vec<&str> {
        let named = self.lines.iter().filter(|(found, ..)| found == verdict);
        named.map(|(_, name, _)| name.as_str()).collect()
    }

    /// That these alone failed, and that the first of them says `what`.
    ///
    /// # Panics
    /// When it is otherwise.
    pub fn fails(&self, names: &[&str], what: &str) {
        assert_eq!(self.with("fail"), names, "{}", self.said);
        let says =
            self.lines.iter().find(|(verdict, ..)| verdict == "fail").map(|(_, _, says)| says.as_str());
        assert!(says.is_some_and(|says| says.contains(what)), "{what:?} is missing:\n{}", self.said);
    }
}
