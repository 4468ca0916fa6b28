//! The rules as they are delivered, with time a sixtieth: what happens in an hour happens in a minute.
//!
//! Divided are every `for`, every range, every `offset`, and the one threshold that is a length of time (the oldest
//! job's age). All else of an expression stays. Prometheus scrapes four times a second in place of four times a minute.

use std::time::Duration;

const FACTOR: u32 = 60;

/// `deploy/prometheus/alerts.yml`, faster.
pub fn rules() -> String {
    let rules = scaled(include_str!("../../../../deploy/prometheus/alerts.yml"));
    let (late, soon) = ("max(calrelay_oldest_age_seconds) > 900", "max(calrelay_oldest_age_seconds) > 15");
    assert_eq!(rules.matches(late).count(), 1, "the threshold that is a length of time");
    rules.replace(late, soon)
}

/// A span of the delivered configuration, faster.
pub fn span(real: Duration) -> Duration {
    real / FACTOR
}

/// Divides the length of time after each of these.
fn scaled(text: &str) -> String {
    const BEFORE: [&str; 3] = ["[", "for: ", "offset "];
    let (mut done, mut rest) = (String::new(), text);
    let next = |rest: &str| BEFORE.iter().filter_map(|word| Some(rest.find(word)? + word.len())).min();
    while let Some(at) = next(rest) {
        let (before, after) = rest.split_at(at);
        let end = after.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(after.len());
        let (length, after) = after.split_at(end);
        done.push_str(before);
        match duration(length) {
            Some(real) => done.push_str(&format!("{}ms", span(real).as_millis())),
            None => done.push_str(length),
        }
        rest = after;
    }
    done + rest
}

/// `5m`
fn duration(text: &str) -> Option<Duration> {
    let unit = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    Some(Duration::from_secs(number.parse::<u64>().ok()? * seconds))
}

#[test]
fn every_length_of_time_in_a_rule_is_divided_and_nothing_else() {
    let rule = "expr: sum(rate(x{a=\"1h\"}[1h])) > 60 * 0.1 and y > y offset 15m\nfor: 5m # for an hour";
    let fast = "expr: sum(rate(x{a=\"1h\"}[60000ms])) > 60 * 0.1 and y > y offset 15000ms\nfor: 5000ms # for an hour";
    assert_eq!(scaled(rule), fast);
}
