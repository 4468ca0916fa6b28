//! The marks that builds so far have written.

use super::*;
use common::golden;

const MARKS: &str = include_str!("golden/marks.jsonl");

#[test]
fn marks_are_written_and_read_as_they_were() {
    let until = "2027-01-01T10:20:30.123456789Z".parse().unwrap();
    let mark = |holder: Option<&str>, spent, succeeded| Mark {
        until,
        holder: holder.map(str::to_owned),
        spent,
        succeeded,
    };
    let marks = [
        mark(Some("a browser"), true, Some(true)),
        mark(Some("a browser"), true, Some(false)),
        mark(Some("a browser"), false, None),
        mark(None, true, None),
    ];
    golden::json_holds(MARKS, &marks);
}
