//! Golden files: what is persisted, as the builds before this one have written it. A line of a golden file is never
//! changed: data that looks like it is out there. New lines are added.
#![expect(clippy::unwrap_used, reason = "what is golden is for tests")]

use std::fmt::Debug;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::account::AccountId;
use crate::event::Priority;
use crate::fingerprint::Fingerprint;
use crate::job::{
    BlockReason, Effect, Failure, FailureKind, Fields, Job, JobId, JobState, Lease, Place, Tally, Turn,
    WaitReason,
};
use crate::owner::Owner;
use crate::seal::{Key, Sealed};
use crate::trace::TraceContext;
use crate::warning::{Warning, WarningCode};

/// Fails unless each value is written as its line of `golden`, byte for byte, and each line is read as its value.
///
/// # Panics
/// That is how it fails.
pub fn holds<T: Debug + PartialEq>(
    golden: &str,
    values: &[T],
    write: impl Fn(&T) -> String,
    read: impl Fn(&str) -> T,
) {
    let written: Vec<String> = values.iter().map(write).collect();
    let lines: Vec<&str> = golden.lines().collect();
    assert_eq!(written, lines, "what is written has changed");
    for (value, line) in values.iter().zip(lines) {
        assert_eq!(&read(line), value, "what was written is read as something else: {line}");
    }
}

/// The same for what is written as JSON.
///
/// # Panics
/// That is how it fails.
pub fn json_holds<T: Debug + PartialEq + Serialize + DeserializeOwned>(golden: &str, values: &[T]) {
    holds(
        golden,
        values,
        |value| serde_json::to_string(value).unwrap(),
        |line| serde_json::from_str(line).unwrap(),
    );
}

/// Fails unless each line of `golden` is a sealed value that `key` opens for `context` to its value.
///
/// # Panics
/// That is how it fails.
pub fn opens<T>(golden: &str, key: &Key, context: &str, values: &[T])
where
    T: Debug + PartialEq + Serialize + DeserializeOwned,
{
    let opened: Vec<T> = golden.lines().map(|line| key.open(context, &sealed(line)).unwrap()).collect();
    assert_eq!(opened, values, "what was sealed is opened as something else");
}

/// A sealed value as it was stored.
///
/// # Panics
/// When it is none.
#[must_use]
pub fn sealed<T>(text: &str) -> Sealed<T> {
    Sealed::try_from(text.to_owned()).unwrap()
}

/// The key that everything in golden files is sealed with: 32 bytes of 7. Nothing else is.
///
/// # Panics
/// Never.
#[must_use]
pub fn key() -> Key {
    Key::parse("BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=").unwrap()
}

/// The job that every sealed value in these files is of.
pub const ID: &str = "0mkbjdms6pa5a1hqhtr8nka50p";

fn at(day: u8) -> Timestamp {
    format!("2027-01-0{day}T10:20:30.123456789Z").parse().unwrap()
}

/// A record with nothing in it that may be missing.
///
/// # Panics
/// Never.
#[must_use]
pub fn bare_job() -> Job {
    Job::from(Fields {
        id: JobId::parse(ID).unwrap(),
        owner: Owner::local(),
        account: AccountId::default_account(),
        state: JobState::Queued,
        tally: Tally::default(),
        effect: Effect::None,
        write_began_at: None,
        lost_at: None,
        hop: 0,
        reopened: 0,
        submitted_at: at(1),
        updated_at: at(1),
        finished_at: None,
        not_before: None,
        not_after: at(8),
        cancel_requested: false,
        fingerprint: Fingerprint::stored("00112233445566778899aabbccddeeff".to_owned(), None),
        payload: None,
        conference_refused: None,
        turn: None,
        trace: None,
        warnings: Vec::new(),
    })
}

/// A record with everything in it that there can be.
///
/// # Panics
/// Never.
#[must_use]
pub fn full_job() -> Job {
    let warning = |code| Warning { field: "attendees[0].displayName".to_owned(), code };
    let v1 = "00112233445566778899aabbccddeeff".to_owned();
    bare_job().with(|fields| {
        fields.owner = Owner::parse("crm").unwrap();
        fields.account = AccountId::parse("team-7").unwrap();
        fields.tally = Tally { attempts: 1, deferrals: 2, crashes: 3 };
        fields.effect = Effect::Unknown;
        fields.write_began_at = Some(at(4));
        fields.lost_at = Some(at(5));
        fields.hop = 300;
        fields.reopened = 17;
        fields.updated_at = at(6);
        fields.finished_at = Some(at(7));
        fields.not_before = Some(at(2));
        fields.cancel_requested = true;
        fields.fingerprint = Fingerprint::stored(v1, Some("ffeeddccbbaa99887766554433221100".to_owned()));
        fields.payload = Some(sealed("cGF5bG9hZA=="));
        fields.conference_refused = Some(sealed("d29yZHM="));
        fields.turn = Some(Turn {
            priority: Priority::Bulk,
            cost: 2,
            place: Place::InLine { micros: 204_082 },
            yields: 1,
        });
        fields.trace =
            Some(TraceContext::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").unwrap());
        fields.warnings = WarningCode::ALL.map(warning).to_vec();
    })
}

fn states() -> Vec<JobState> {
    let lease = Lease { worker: serde_json::from_str("\"00112233aabbccdd\"").unwrap(), until: at(3) };
    let mut states = vec![JobState::Accepting { since: at(1) }, JobState::Queued, JobState::Running(lease)];
    states.extend(WaitReason::ALL.map(|why| JobState::Waiting { why, until: at(2) }));
    for until in [None, Some(at(2))] {
        states.extend(BlockReason::ALL.map(|why| JobState::Blocked { why, until }));
    }
    states.push(JobState::Succeeded { result: sealed("cmVzdWx0") });
    let detail = Some(sealed("ZGV0YWls"));
    states.extend(FailureKind::ALL.map(|kind| {
        let google_reason = Some("badRequest".to_owned());
        let detail = detail.clone();
        JobState::Failed(Failure {
            kind,
            google_status: Some(400),
            google_reason,
            effect: Effect::None,
            detail,
        })
    }));
    states.extend(Effect::ALL.map(|effect| {
        let kind = FailureKind::Poison;
        JobState::Failed(Failure { kind, google_status: None, google_reason: None, effect, detail: None })
    }));
    states.push(JobState::Cancelled);
    states
}

/// A record of every state and reason, and of all else that has variants.
///
/// # Panics
/// Never.
#[must_use]
pub fn jobs() -> Vec<Job> {
    let turn = |place| Some(Turn { priority: Priority::Normal, cost: 1, place, yields: 0 });
    let mut every = vec![full_job(), bare_job()];
    every.extend(states().into_iter().map(|state| bare_job().with(|fields| fields.state = state)));
    every.extend(Effect::ALL.map(|effect| bare_job().with(|fields| fields.effect = effect)));
    every.extend(
        [Place::Outside, Place::Past].map(|place| bare_job().with(|fields| fields.turn = turn(place))),
    );
    every
}
