//! The records that builds so far have written to Redis, in both forms.

use data_encoding::HEXLOWER;

use super::record::{self, Record};
use common::fingerprint::Fingerprint;
use common::golden::{self, bare_job, full_job};
use common::job::{Effect, Job, JobState, Tally};

const RECORDS: &str = include_str!("golden/records.txt");
const COMPACT: &str = include_str!("golden/compact.txt");
/// What is drawn at random for each record.
const DRAWN: &str = "0123456789abcdef";

#[test]
fn records_are_written_and_read_as_they_were() {
    let some = [full_job(), bare_job()];
    golden::holds(
        RECORDS,
        &some,
        |job| {
            let text = String::from_utf8(record::text(job)).unwrap();
            assert!(text[..DRAWN.len()].bytes().all(|digit| digit.is_ascii_hexdigit()));
            format!("{DRAWN}{}", &text[DRAWN.len()..])
        },
        |line| {
            let read = Record::parse(&some[0].id, line.as_bytes()).unwrap();
            assert_eq!((read.version.as_str(), read.compact), (DRAWN, false));
            read.job
        },
    );
}

/// As it is kept in few bytes: of its hashes the newest, and nothing of its trace.
fn succeeded(fingerprint: Fingerprint, rest: Job) -> Job {
    let result = golden::sealed("cmVzdWx0");
    let state = JobState::Succeeded { result };
    rest.with(|fields| {
        fields.state = state;
        fields.effect = Effect::Done;
        fields.cancel_requested = false;
        fields.fingerprint = fingerprint;
        fields.trace = None;
    })
}

#[test]
fn compact_records_are_written_and_read_as_they_were() {
    let hash = || "00112233445566778899aabbccddeeff".to_owned();
    let newest = Fingerprint::stored(String::new(), Some(hash()));
    let former = Fingerprint::stored(hash(), None);
    let plain = || {
        bare_job().with(|fields| {
            fields.tally = Tally::default();
            fields.finished_at = Some(full_job().updated_at);
        })
    };
    let jobs =
        [succeeded(newest.clone(), plain()), succeeded(former, plain()), succeeded(newest, full_job())];
    golden::holds(
        COMPACT,
        &jobs,
        |job| {
            let mut text = record::compact(job).unwrap();
            // The mark, and nine characters that are drawn at random.
            text[1..10].copy_from_slice(&DRAWN.as_bytes()[..9]);
            HEXLOWER.encode(&text)
        },
        |line| {
            let read = Record::parse(&jobs[0].id, &HEXLOWER.decode(line.as_bytes()).unwrap()).unwrap();
            assert!(read.compact);
            read.job
        },
    );
}
