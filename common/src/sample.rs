//! Jobs and messages to try adapters with. What is sealed in them cannot be opened.
#![expect(clippy::unwrap_used, reason = "samples are for tests")]

pub mod states;

use data_encoding::BASE64;
use jiff::Timestamp;

use crate::account::AccountId;
use crate::event::Priority;
use crate::fingerprint::{Fingerprint, HashKey};
use crate::job::{Asked, Effect, Failure, FailureKind, Job, JobId, Lease, WorkerId};
use crate::message::{Message, Work};
use crate::owner::Owner;
use crate::port::Line;
use crate::seal::{Key, Sealed};
use crate::time;

/// The moment at which samples are made: a whole second.
#[must_use]
pub fn noon() -> Timestamp {
    "2026-12-30T12:00:00Z".parse().unwrap()
}

/// So many seconds after [`noon`].
#[must_use]
pub fn at(seconds: u64) -> Timestamp {
    time::after(noon(), std::time::Duration::from_secs(seconds))
}

/// An owner of this name.
#[must_use]
pub fn owner(name: &str) -> Owner {
    Owner::parse(name).unwrap()
}

/// An account of this name.
#[must_use]
pub fn account(name: &str) -> AccountId {
    AccountId::parse(name).unwrap()
}

/// Something sealed.
#[must_use]
pub fn sealed<T>() -> Sealed<T> {
    Sealed::try_from(BASE64.encode(&[7; 300])).ok().unwrap()
}

/// Something that `key` opens for `context`; what it is nobody asks.
#[must_use]
pub fn sealed_with<T>(key: &Key, context: &str) -> Sealed<T> {
    Sealed::try_from(String::from(key.seal(context, &"anything".to_owned()))).ok().unwrap()
}

fn fingerprint() -> Fingerprint {
    HashKey::new(Key::parse(&BASE64.encode(&[1; 32])).unwrap()).fingerprint(b"a request")
}

/// A job that has just been asked for, at [`noon`].
#[must_use]
pub fn job(owner_name: &str, account_name: &str) -> Job {
    let asked = Asked {
        id: JobId::random(),
        owner: owner(owner_name),
        account: account(account_name),
        payload: sealed(),
        turn: None,
        not_before: None,
        not_after: time::after(noon(), time::days(7)),
        fingerprint: fingerprint(),
        trace: None,
        warnings: Vec::new(),
    };
    Job::accepting(asked, noon())
}

/// A message of a job of its own.
#[must_use]
pub fn message() -> Message {
    Message::next_for(&job("local", "default"), Work::Create).unwrap()
}

/// A hold that ends then.
#[must_use]
pub fn lease(until: Timestamp) -> Lease {
    Lease { worker: WorkerId::random(), until }
}

/// A failure for good.
#[must_use]
pub fn failure() -> Failure {
    Failure {
        kind: FailureKind::Refused,
        google_status: Some(400),
        google_reason: Some("badRequest".to_owned()),
        effect: Effect::None,
        detail: None,
    }
}

/// The line of an account: ten a second.
#[must_use]
pub fn line(user: &str) -> Line {
    let charge = std::time::Duration::from_millis(102);
    Line { user: user.to_owned(), priority: Priority::Normal, charge }
}
