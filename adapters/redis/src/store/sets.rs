//! The sets that records are found by, and what a change of a record does to them.
//!
//! A record stands in each of its sets under the same entry, which says all that is needed to find it in
//! the others: `<when it was submitted, 16 digits><id>:<owner>:<account>`. In the sets that are listed all
//! scores are zero, so that Redis keeps them in the order of their entries: of submission, then of ids.

use std::time::Duration;

use jiff::Timestamp;

use common::due::Due;
use common::job::{Job, JobId, JobState, StateName};
use common::owner::Owner;
use common::time;

/// When a record was due that still is, by microseconds.
pub(super) const DUE: &str = "calrelay:due";
/// When a record ended, by microseconds.
pub(super) const ENDED: &str = "calrelay:ended";

/// A day in milliseconds.
const DAY: i64 = 86_400_000;
/// Length of the time in an entry.
const TIME: usize = 16;
/// Length of the id in an entry.
const ID: usize = 26;

/// Which of the shared sets a record is listed in. One set for all that is on its way: a job that runs
/// through without trouble moves once, at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shelf {
    Open,
    Blocked,
    Succeeded,
    Failed,
    Cancelled,
}

impl Shelf {
    pub(super) const ALL: [Self; 5] =
        [Self::Open, Self::Blocked, Self::Succeeded, Self::Failed, Self::Cancelled];

    pub(super) fn of(state: StateName) -> Self {
        match state {
            StateName::Queued | StateName::Running | StateName::Waiting => Self::Open,
            StateName::Blocked => Self::Blocked,
            StateName::Succeeded => Self::Succeeded,
            StateName::Failed => Self::Failed,
            StateName::Cancelled => Self::Cancelled,
        }
    }

    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Open => "calrelay:jobs:open",
            Self::Blocked => "calrelay:jobs:blocked",
            Self::Succeeded => "calrelay:jobs:succeeded",
            Self::Failed => "calrelay:jobs:failed",
            Self::Cancelled => "calrelay:jobs:cancelled",
        }
    }
}

/// All records of an owner.
pub(super) fn of_owner(owner: &Owner) -> String {
    format!("calrelay:owner:{owner}")
}

/// The sets of compact records, by the day after their last record's end, in milliseconds. Each holds an owner's
/// records that ended on one day, so that it goes with them.
pub(super) const COMPACT: &str = "calrelay:compact";

/// The name among [`COMPACT`] of the set that a compact record is in, in place of all its others, and when that
/// set's day ends.
pub(super) fn of_compact(job: &Job) -> (String, i64) {
    let ended = job.finished_at.unwrap_or(job.updated_at).as_millisecond();
    let day = ended.div_euclid(DAY);
    (format!("{day}:{}", job.owner), (day + 1).saturating_mul(DAY))
}

/// The owner's records that have not ended, by the end of their life in milliseconds; and those of the
/// account among them.
pub(super) fn backlogs(job: &Job) -> [String; 2] {
    let (owner, account) = (&job.owner, &job.account);
    [format!("calrelay:backlog:{owner}"), format!("calrelay:backlog:{owner}:{account}")]
}

/// The score of a record in its backlogs.
pub(super) fn overdue_at(job: &Job, retention: Duration) -> i64 {
    time::after(job.not_after, retention).as_millisecond()
}

pub(super) fn entry(job: &Job) -> String {
    format!("{}{}:{}:{}", instant(job.submitted_at), job.id, job.owner, job.account)
}

/// An instant in an entry: 16 digits whose order is that of time.
pub(super) fn instant(instant: Timestamp) -> String {
    let end = if instant < Timestamp::UNIX_EPOCH { i64::MIN } else { i64::MAX };
    let nanos = i64::try_from(instant.as_nanosecond()).unwrap_or(end);
    // The sign bit is turned over, so that what was before 1970 comes first.
    format!("{:016x}", nanos.cast_unsigned() ^ (1 << 63))
}

/// An entry's parts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    pub(super) id: JobId,
    pub(super) owner: &'a str,
    pub(super) account: &'a str,
}

impl<'a> Entry<'a> {
    /// `None` for what nobody here has written.
    pub(super) fn parse(entry: &'a str) -> Option<Self> {
        let id = JobId::parse(entry.get(TIME..TIME + ID)?).ok()?;
        let (owner, account) = entry.get(TIME + ID..)?.strip_prefix(':')?.split_once(':')?;
        Some(Self { id, owner, account })
    }
}

/// A set and the record's new score in it; `None` for being taken out.
pub(super) type Place = (String, Option<i64>);

/// What is to be changed when `before` becomes `after`; `None` is no record.
pub(super) fn changed(
    before: Option<&Job>,
    after: Option<&Job>,
    due: Due,
    retention: Duration,
) -> Vec<Place> {
    let old = before.map(|job| places(job, retention)).unwrap_or_default();
    let mut new = after.map(|job| places(job, retention)).unwrap_or_default();
    let mut changed: Vec<Place> = Vec::new();
    for (set, score) in old {
        match new.iter().position(|(name, _)| *name == set) {
            Some(at) if new[at].1 == score => {
                new.swap_remove(at);
            }
            Some(_) => {}
            None => changed.push((set, None)),
        }
    }
    changed.extend(new);
    match due {
        Due::Kept => {}
        Due::At(due) => changed.push((DUE.to_owned(), Some(due.as_microsecond()))),
        Due::Never => changed.push((DUE.to_owned(), None)),
    }
    changed
}

/// Where a record stands, but for when it is due.
fn places(job: &Job, retention: Duration) -> Vec<Place> {
    let mut places =
        vec![(Shelf::of(job.state_name()).key().to_owned(), Some(0)), (of_owner(&job.owner), Some(0))];
    match &job.state {
        JobState::Accepting { .. }
        | JobState::Queued
        | JobState::Running(_)
        | JobState::Waiting { .. }
        | JobState::Blocked { .. } => {
            let overdue_at = overdue_at(job, retention);
            places.extend(backlogs(job).map(|backlog| (backlog, Some(overdue_at))));
        }
        JobState::Succeeded { .. } | JobState::Failed(_) | JobState::Cancelled => {
            let ended = job.finished_at.unwrap_or(job.updated_at);
            places.push((ENDED.to_owned(), Some(ended.as_microsecond())));
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::job::{Effect, Step, Tally};
    use common::sample;

    const WEEK: Duration = time::days(7);

    fn names(changed: &[Place]) -> Vec<(&str, bool)> {
        let mut names: Vec<_> = changed.iter().map(|(set, score)| (set.as_str(), score.is_some())).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn entries_are_in_order_of_time() {
        let texts = [
            "-009999-06-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00Z",
            "2026-12-30T12:00:00.000000001Z",
        ];
        let instants = texts.map(|text| instant(text.parse().unwrap()));
        assert!(instants.is_sorted(), "{instants:?}");
        assert!(instants.iter().all(|text| text.len() == TIME));
    }

    #[test]
    fn an_entry_says_whose_it_is() {
        let job = sample::job("an-owner", "an_account");
        let entry = entry(&job);
        let parts = Entry { id: job.id.clone(), owner: "an-owner", account: "an_account" };
        assert_eq!(Entry::parse(&entry), Some(parts));
        assert_eq!(Entry::parse("something else"), None);
    }

    #[test]
    fn a_job_without_trouble_moves_once() {
        let job = sample::job("o", "a");
        let lease = sample::lease(sample::at(60));
        let start =
            Step::Start { lease: lease.clone(), hop: 1, tally: Tally::default(), effect: Effect::None };
        let steps = [Step::Enqueued, start, Step::BeginWrite(lease)];
        let mut last = job;
        for step in steps {
            let next = last.take(&step, sample::at(1)).unwrap();
            assert_eq!(changed(Some(&last), Some(&next), Due::Kept, WEEK), [], "{step:?}");
            last = next;
        }
        let end = last.take(&Step::Succeed(sample::sealed()), sample::at(1)).unwrap();
        let changed = changed(Some(&last), Some(&end), Due::Never, WEEK);
        let expected = [
            ("calrelay:backlog:o", false),
            ("calrelay:backlog:o:a", false),
            ("calrelay:due", false),
            ("calrelay:ended", true),
            ("calrelay:jobs:open", false),
            ("calrelay:jobs:succeeded", true),
        ];
        assert_eq!(names(&changed), expected);
    }

    #[test]
    fn a_new_deadline_moves_the_end_of_an_open_records_life() {
        let job = sample::job("o", "a").with(|fields| fields.state = JobState::Queued);
        let later = job.with(|fields| fields.not_after = sample::at(3_600));
        let changed = changed(Some(&job), Some(&later), Due::Kept, WEEK);
        assert_eq!(names(&changed), [("calrelay:backlog:o", true), ("calrelay:backlog:o:a", true)]);
    }
}
