//! The note that builds so far have written.

use super::*;
use crate::golden;

const NOTE: &str = include_str!("golden/note.json");

#[test]
fn a_note_is_written_and_read_as_it_was() {
    let at = "2027-01-01T10:20:30.123456789Z".parse().unwrap();
    golden::json_holds(NOTE, &[RefusedClient { error: "invalid_client".to_owned(), at }]);
    assert_eq!(NAME, "oauth-client");
}
