//! The records that builds so far have written, and the results sealed in them.

use super::*;
use crate::golden::{self, ID};
use crate::seal::Keyring;

const RECORDS: &str = include_str!("golden/records.jsonl");
const RESULTS: &str = include_str!("golden/results.txt");
const COMPACT_RESULTS: &str = include_str!("golden/results_compact.txt");

#[test]
fn records_are_written_and_read_as_they_were() {
    golden::json_holds(RECORDS, &golden::jobs());
}

fn results() -> Vec<EventResult> {
    let conferences = [
        Conference::NotAsked,
        Conference::Pending,
        Conference::Ready("https://meet.google.com/abc-defg-hij".to_owned()),
        Conference::Failed,
        Conference::Unavailable("Invalid conference type value.".to_owned()),
    ];
    let result = |conference| EventResult {
        event_id: ID.to_owned(),
        // Of this event in the calendar a@b.
        event_link: "https://www.google.com/calendar/event?eid=MG1rYmpkbXM2cGE1YTFocWh0cjhua2E1MHAgYUBi"
            .to_owned(),
        conference,
        calendar_id: "primary".to_owned(),
    };
    conferences.map(result).to_vec()
}

#[test]
fn results_sealed_by_earlier_builds_open() {
    golden::opens(RESULTS, &golden::key(), ID, &results());
}

#[test]
fn results_sealed_compactly_by_earlier_builds_open() {
    golden::opens(COMPACT_RESULTS, &golden::key(), ID, &results());
}

#[test]
fn results_are_sealed_in_the_words_of_earlier_builds() {
    let opened =
        |sealed: &str| -> serde_json::Value { golden::key().open(ID, &golden::sealed(sealed)).unwrap() };
    let keys = Keyring::new(golden::key(), Vec::new());
    for ((result, full), compact) in results().into_iter().zip(RESULTS.lines()).zip(COMPACT_RESULTS.lines()) {
        assert_eq!(serde_json::to_value(&result).unwrap(), opened(full));
        let sealed = String::from(result.seal_compact(&keys, ID));
        assert_eq!(opened(&sealed), opened(compact));
    }
}
