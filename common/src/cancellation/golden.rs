//! The marks that builds so far have written.

use super::*;

const MARKS: &str = include_str!("golden/marks.jsonl");

#[test]
fn marks_are_written_as_they_were_and_say_the_same_still() {
    let (at, until) = ("2027-01-01T10:20:30.123456789Z", "2027-01-08T10:20:30.123456789Z");
    let (at, until) = (at.parse().unwrap(), until.parse().unwrap());
    let v1 = || "00112233445566778899aabbccddeeff".to_owned();
    let prints = [Fingerprint::stored(v1(), Some("cafe".repeat(8))), Fingerprint::stored(v1(), None)];
    let written: Vec<_> =
        prints.each_ref().map(|fingerprint| Mark { at, until, fingerprint }.document()).into();
    let golden: Vec<serde_json::Value> =
        MARKS.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(written, golden);
    for (doc, fingerprint) in golden.into_iter().zip(prints) {
        assert_eq!(serde_json::from_value::<Fingerprint>(doc).unwrap(), fingerprint);
    }
}
