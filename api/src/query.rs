//! Query parameters: those a route knows, each once; any other is refused by name.

use std::time::Duration;

use url::form_urlencoded;

use crate::prefer;
use crate::problem::Problem;

/// The value of each parameter in `known`, in that order.
pub(crate) fn parse<const N: usize>(query: &str, known: [&str; N]) -> Result<[Option<String>; N], Problem> {
    let mut values = [const { None }; N];
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let Some(at) = known.iter().position(|known| *known == name) else {
            let message = format!("There is no query parameter {name:?} here.");
            return Err(Problem::query(&name, "unknown-parameter", message));
        };
        if values[at].replace(value.into_owned()).is_some() {
            let message = format!("The query parameter {name} is there twice.");
            return Err(Problem::query(&name, "repeated", message));
        }
    }
    Ok(values)
}

/// Refuses every parameter.
pub(crate) fn none(query: &str) -> Result<(), Problem> {
    parse(query, []).map(|[]| ())
}

/// Reads `wait`: whole seconds up to 25.
pub(crate) fn wait(query: &str) -> Result<Option<Duration>, Problem> {
    let [wait] = parse(query, ["wait"])?;
    let Some(wait) = wait else {
        return Ok(None);
    };
    let longest = prefer::LONGEST.as_secs();
    match wait.parse::<u64>() {
        Ok(seconds) if seconds <= longest => Ok(Some(Duration::from_secs(seconds))),
        Ok(_) | Err(_) => {
            let message = format!("wait must be a whole number of seconds from 0 to {longest}.");
            Err(Problem::query("wait", "out-of-range", message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_parameters_are_read_and_others_refused() {
        let [a, b] = parse("b=x%20y&a=", ["a", "b"]).unwrap();
        assert_eq!((a.as_deref(), b.as_deref()), (Some(""), Some("x y")));
        assert!(parse("c=1", ["a", "b"]).is_err());
        assert!(parse("a=1&a=1", ["a", "b"]).is_err());
        assert!(none("").is_ok());
        assert!(none("a").is_err());
    }

    #[test]
    fn waits_are_whole_seconds_up_to_the_longest() {
        for (query, expected) in [("", None), ("wait=0", Some(0)), ("wait=25", Some(25))] {
            assert_eq!(wait(query).unwrap(), expected.map(Duration::from_secs), "{query}");
        }
        for query in ["wait=26", "wait=-1", "wait=", "wait=1.5", "wait=x", "wait=1&wait=1", "Wait=1"] {
            assert!(wait(query).is_err(), "{query}");
        }
    }
}
